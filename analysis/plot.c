#include "analysis/plot.h"

#include "analysis/plot_changes.h"
#include "analysis/plot_picture.h"
#include "analysis/plot_theme.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void am_plot_options_init(am_plot_options *o)
{
	*o = (am_plot_options){.theme = "light", .svg = true, .png = true};
}

/* A field with an axis of no values holds nothing to draw, as one that is absent. */
static bool holds_values(const am_run *r, am_field f)
{
	int64_t shape[AM_MAX_AXES];
	int rank = am_run_shape(r, f, shape);
	for (int a = 0; a < rank; a++)
		if (shape[a] < 1)
			return false;
	return rank > 0;
}

static const am_field *missing_field(const am_plot_kind *kind, const am_run *r)
{
	for (int i = 0; i < kind->n_needs; i++)
		if (!holds_values(r, kind->needs[i]))
			return &kind->needs[i];
	return NULL;
}

static am_status check_options(const am_plot_options *o, am_error *err)
{
	if (!am_plot_theme_find(o->theme))
		return am_fail(err, AM_ERR_USAGE, "plot theme: expected light, dark or print, found %s",
		               o->theme ? o->theme : "nothing");
	if (o->png_width && (o->png_width < 320 || o->png_width > 8192))
		return am_fail(err, AM_ERR_USAGE, "plot width: expected 320 to 8192 pixels, found %d",
		               o->png_width);
	return AM_OK;
}

/* Makes `dir` and the folders above it. */
static am_status make_directory(const char *dir, am_error *err)
{
	char *path = am_strdup(dir);
	if (!path)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", dir);
	for (char *p = path; *p; p++) {
		if (*p != '/' || p == path)
			continue;
		*p = 0;
		mkdir(path, 0777); /* what cannot be made shows at the last step */
		*p = '/';
	}
	bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
	int e = made ? ENOTDIR : errno;
	am_free(path);
	if (made && am_file_is_directory(dir))
		return AM_OK;
	return am_fail(err, AM_ERR_IO, "%s: cannot make the directory: %s", dir, strerror(e));
}

static am_status check_field(const am_plot_kind *kind, const am_run *r, am_error *err)
{
	const am_field *f = missing_field(kind, r);
	return f ? am_fail(err, AM_ERR_FORMAT, "%s: no %s, which the picture %s needs; %s", am_run_path(r),
	                   am_fields[*f].path, kind->name, kind->hint)
	         : AM_OK;
}

/* What the kind needs of the job. */
static am_status check_kind(const am_plot_job *job, am_error *err)
{
	const am_plot_kind *kind = job->kind;
	if (!kind->n_runs && !job->evaluation)
		return am_fail(err, AM_ERR_FORMAT, "%s: needs task results, which no run file holds; it is drawn by "
		               "attnmeter eval --tasks FILE --sweep LIST --plot DIR", kind->name);
	for (int i = 0; i < kind->n_runs; i++) {
		am_run *r = i ? job->after : job->run;
		if (!r)
			return am_fail(err, AM_ERR_USAGE, "%s: expected %d run%s, found %d", kind->name, kind->n_runs,
			               kind->n_runs == 1 ? "" : "s: before and after", i);
		am_status s = check_field(kind, r, err);
		if (s)
			return s;
		if (am_run_axis_length(r, AM_AXIS_ROW) < 1)
			return am_fail(err, AM_ERR_FORMAT, "%s: holds no rows to draw", am_run_path(r));
	}
	return kind->check ? kind->check(job, err) : AM_OK;
}

/* Options that are set for a kind that does not heed them. */
static am_status check_takes(const am_plot_job *job, am_error *err)
{
	const am_plot_options *o = job->options;
	const struct {
		bool set;
		unsigned flag;
		const char *what;
	} options[] = {
		{o->n_layers > 0, AM_PLOT_TAKES_LAYERS, "choice of layers"}, {o->n_heads > 0, AM_PLOT_TAKES_HEADS, "choice of heads"},
		{o->k > 0, AM_PLOT_TAKES_K, "k"}, {o->mass > 0, AM_PLOT_TAKES_MASS, "mass"},
		{job->control, AM_PLOT_TAKES_CONTROL, "control"},
	};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (options[i].set && !(job->kind->takes & options[i].flag))
			return am_fail(err, AM_ERR_USAGE, "%s: takes no %s", job->kind->name, options[i].what);
	return AM_OK;
}

/* A request with its defaults in place. */
typedef struct settled {
	am_plot_options options;
	am_compare_options compare;
	am_plot_changes changes;
	am_plot_chosen layers, heads;
	am_text files;
	am_plot_job job;
} settled;

static am_status no_such_id(const am_run *r, am_axis axis, int id, am_error *err)
{
	am_text have = {0};
	const double *v = am_run_axis_values(r, axis);
	for (int64_t i = 0; i < am_run_axis_length(r, axis); i++)
		am_text_printf(&have, "%s%.0f", i ? ", " : "", v[i]);
	am_status s = am_fail(err, AM_ERR_RANGE, "%s: holds no %s %d; it has %s", am_run_path(r), am_axes[axis].name, id,
	                      am_text_str(&have));
	am_text_free(&have);
	return s;
}

/* The ids[n] of an axis in the order of the run; all where n is 0. */
static am_status choose(const am_run *r, am_axis axis, const int *ids, int n, am_plot_chosen *out, am_error *err)
{
	int all = (int)am_run_axis_length(r, axis);
	const double *v = am_run_axis_values(r, axis);
	out->index = am_alloc((size_t)all + 1, sizeof *out->index);
	out->id = am_alloc((size_t)all + 1, sizeof *out->id);
	if (!out->index || !out->id)
		return am_fail(err, AM_ERR_MEMORY, "plot: out of memory");
	for (int j = 0; j < n; j++) {
		int i = 0;
		while (i < all && v[i] != ids[j])
			i++;
		if (i == all)
			return no_such_id(r, axis, ids[j], err);
	}
	for (int i = 0; i < all; i++) {
		bool wanted = n == 0;
		for (int j = 0; j < n; j++)
			wanted = wanted || v[i] == ids[j];
		if (!wanted)
			continue;
		out->index[out->n] = i;
		out->id[out->n++] = v[i];
	}
	return AM_OK;
}

static void unchoose(am_plot_chosen *c)
{
	am_free(c->index);
	am_free(c->id);
}

static am_status settle(settled *s, const am_plot_request *q, am_error *err)
{
	memset(s, 0, sizeof *s);
	am_plot_options_init(&s->options);
	am_compare_options_init(&s->compare);
	s->job = (am_plot_job){.run = q->run[0], .after = q->run[1], .control = q->control, .evaluation = q->evaluation,
	                       .options = q->options ? q->options : &s->options,
	                       .compare = q->compare ? q->compare : &s->compare, .changes = &s->changes,
	                       .dir = q->dir, .files = q->files ? q->files : &s->files};
	am_status status = check_options(s->job.options, err);
	if (status)
		return status;
	const am_plot_options *o = s->job.options;
	s->job.theme = am_plot_theme_find(o->theme);
	s->job.page = &s->job.theme->page;
	s->job.layers = &s->layers;
	s->job.heads = &s->heads;
	if (!q->run[0])
		return AM_OK;
	status = choose(q->run[0], AM_AXIS_LAYER, o->layers, o->n_layers, &s->layers, err);
	return status ? status : choose(q->run[0], AM_AXIS_HEAD, o->heads, o->n_heads, &s->heads, err);
}

static void unsettle(settled *s)
{
	unchoose(&s->layers);
	unchoose(&s->heads);
	am_plot_changes_fini(&s->changes);
	am_text_free(&s->files);
}

am_status am_plot_draw(const char *kind, const am_plot_request *q, am_error *err)
{
	settled s;
	am_status status = settle(&s, q, err);
	if (status) {
		unsettle(&s);
		return status;
	}
	s.job.kind = am_plot_kind_find(kind);
	status = s.job.kind ? check_takes(&s.job, err)
	                    : am_fail(err, AM_ERR_USAGE, "plot: there is no picture named %s", kind);
	if (!status)
		status = check_kind(&s.job, err);
	if (!status)
		status = make_directory(q->dir, err);
	if (!status)
		status = s.job.kind->draw(&s.job, err);
	unsettle(&s);
	return status;
}

/* Notes what is missing, unless that is in the nature of the run: a sweep has one axis. */
static void leave_out(const am_plot_job *job)
{
	const am_field *f = NULL;
	for (int i = 0; i < job->kind->n_runs && !f; i++)
		f = missing_field(job->kind, i ? job->after : job->run);
	if (f && job->options->notes)
		am_text_printf(job->options->notes, "picture %s left out: the run holds no %s\n", job->kind->name,
		               am_fields[*f].path);
}

am_status am_plot_draw_set(am_plot_set set, const am_plot_request *q, am_error *err)
{
	settled s;
	am_status status = settle(&s, q, err);
	if (!status && q->run[0] && am_run_axis_length(q->run[0], AM_AXIS_ROW) < 1)
		status = am_fail(err, AM_ERR_FORMAT, "%s: holds no rows to draw", am_run_path(q->run[0]));
	if (!status)
		status = make_directory(q->dir, err);
	int n;
	const am_plot_kind *kinds = am_plot_kinds(&n);
	bool ready = !status;
	for (int i = 0; i < n && ready; i++) {
		s.job.kind = &kinds[i];
		if (kinds[i].set != set)
			continue;
		am_error why = {0};
		am_status unfit = check_kind(&s.job, &why);
		if (unfit == AM_ERR_USAGE && !status)
			status = am_fail(err, unfit, "%s", why.text);
		else if (unfit)
			leave_out(&s.job);
		if (unfit)
			continue;
		/* One that cannot be drawn leaves its data; the others leave theirs too. */
		am_status one = kinds[i].draw(&s.job, status ? NULL : err);
		status = status ? status : one;
	}
	unsettle(&s);
	return status;
}

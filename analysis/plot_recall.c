/* Recall of shadowed selectors: against k, a line a layer; selectors side by side at equal
 * budget, against query position, and mass recall against set recall. All from the tables
 * of recall.h. */
#include "analysis/plot_picture.h"
#include "analysis/recall.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { POSITION_BINS = 16, TITLE_ROOM = 22 };

/* Units between the header and the axis. */
static int height(const am_plot_job *job)
{
	return job->page->narrow ? 150 : 282;
}

static const am_cell *at(const am_table *t, int row, const char *name)
{
	return &t->cells[(size_t)row * (size_t)t->n_columns + (size_t)am_table_column(t, name)];
}

static am_status table_of(const am_plot_job *job, const char *selector, am_run_reference r, am_aggregate_level level, int bins,
                          am_table *out, am_error *err)
{
	am_recall_options o = {.selector = selector, .reference = (int)r};
	am_aggregate_options_init(&o.aggregate);
	o.aggregate.level = level;
	o.aggregate.position_bins = bins;
	o.aggregate.min_position = job->options->min_position;
	o.aggregate.resamples = 100; /* no interval is drawn */
	return am_recall_table(job->run, &o, out, err);
}

static am_status no_such_k(const am_plot_job *job, am_error *err)
{
	const double *k = am_run_axis_values(job->run, AM_AXIS_K);
	am_text have = {0};
	for (int64_t i = 0; i < am_run_axis_length(job->run, AM_AXIS_K); i++)
		am_text_printf(&have, "%s%.0f", i ? ", " : "", k[i]);
	am_status s = am_fail(err, AM_ERR_RANGE, "%s: holds no k of %d; it has %s", am_run_path(job->run), job->options->k,
	                      am_text_str(&have));
	am_text_free(&have);
	return s;
}

am_status am_plot_check_recall(const am_plot_job *job, am_error *err)
{
	const double *k = am_run_axis_values(job->run, AM_AXIS_K);
	bool found = !job->options->k;
	for (int64_t i = 0; i < am_run_axis_length(job->run, AM_AXIS_K); i++)
		found = found || k[i] == job->options->k;
	if (!found)
		return no_such_k(job, err);
	return am_run_selector_count(job->run) ? AM_OK
	                                       : am_fail(err, AM_ERR_FORMAT, "%s: shadows no selector, which the picture %s needs; %s",
	                                                 am_run_path(job->run), job->kind->name, job->kind->hint);
}

/* The reference a selector is drawn against: the one that shares sets alike, but for exact
 * sets, which would find all of their own. */
static am_run_reference shared_as(const am_run_selector *s)
{
	if (strncmp(s->spec, "exact-", 6) == 0)
		return AM_RUN_HEAD;
	return s->sets == AM_AXIS_HEAD ? AM_RUN_HEAD : s->sets == AM_AXIS_KV_HEAD ? AM_RUN_GROUP : AM_RUN_SUM;
}

static const char *describe(am_run_reference r)
{
	static const char *const names[] = {"each head's own best keys", "the best keys of each key/value head",
	                                    "the best keys by the layer's summed probability",
	                                    "the best keys by the layer's largest probability"};
	return names[r];
}

static void put_k_axes(am_picture *p, const am_run *r)
{
	const double *k = am_run_axis_values(r, AM_AXIS_K);
	double low = k[0], high = k[am_run_axis_length(r, AM_AXIS_K) - 1];
	am_picture_word(p, "axes", "set logscale x %d\nset xrange [%.6g:%.6g]\nset yrange [0:1.02]\nset ytics 0, 0.2, 1",
	                high < 64 * low ? 2 : 4, low / 1.25, high * 1.25);
}

/* ---- a line a layer ------------------------------------------------------------- */

static bool is_chosen(const am_plot_chosen *c, int64_t id)
{
	for (int i = 0; i < c->n; i++)
		if ((int64_t)c->id[i] == id)
			return true;
	return false;
}

static am_status draw_curves(const am_plot_job *job, int selector, am_error *err)
{
	const am_run_selector *s = am_run_selector_at(job->run, selector);
	char id[8], name[32];
	snprintf(id, sizeof id, "s%d", selector);
	snprintf(name, sizeof name, "recall-curves-%s", id);
	am_table t;
	am_status status = table_of(job, id, shared_as(s), AM_LEVEL_LAYER, 0, &t, err);
	if (status)
		return status;
	am_picture p;
	bool begun = false;
	int64_t last = 0;
	am_picture_init(&p, name);
	am_text_puts(&p.data, "layer\tk [keys]\trecall [1]\tchance [1]\n");
	for (int i = 0; i < t.n_rows; i++) {
		int64_t layer = at(&t, i, "layer")->i;
		bool whole = layer == INT64_MIN;
		if (at(&t, i, "k")->i == INT64_MIN || (!whole && !is_chosen(job->layers, layer)))
			continue;
		if (begun && layer != last)
			am_picture_end_row(&p); /* a blank line ends a curve */
		begun = true;
		last = layer;
		if (whole)
			am_text_puts(&p.data, "all");
		else
			am_picture_cell(&p, (double)layer);
		am_picture_cell(&p, (double)at(&t, i, "k")->i);
		am_picture_cell(&p, at(&t, i, "recall")->x);
		am_picture_cell(&p, at(&t, i, "chance")->x);
		am_picture_end_row(&p);
	}
	am_picture_layers(&p, job);
	put_k_axes(&p, job->run);
	am_picture_word(&p, "summary", "Recall of a selector against k, a line a layer");
	am_picture_string(&p, "title", "Recall of %.60s", s->spec);
	am_picture_string(&p, "subtitle", "Share of %s that are kept", describe(shared_as(s)));
	am_picture_size(&p, height(job), "Rows with at most k visible keys are left out.");
	am_picture_string(&p, "x_label", "k (keys kept, log scale)");
	am_picture_string(&p, "y_label", "mean recall");
	am_picture_word(&p, "reference", "-1");
	am_picture_word(&p, "x", "2");
	am_picture_word(&p, "y", "3");
	status = am_picture_draw(&p, job, "lines", err);
	am_picture_fini(&p);
	am_table_fini(&t);
	return status;
}

am_status am_plot_recall_curves(const am_plot_job *job, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0; i < am_run_selector_count(job->run) && !s; i++)
		s = draw_curves(job, i, err);
	return s;
}

/* ---- a line a selector ---------------------------------------------------------- */

/* Adds a quoted title, cut where the key has no room. */
static void add_title(am_text *titles, const char *spec)
{
	size_t n = strlen(spec), shown = n > TITLE_ROOM ? TITLE_ROOM - 2 : n;
	am_text_puts(titles, titles->size ? ", '" : "'");
	for (size_t i = 0; i < shown; i++) {
		char c = spec[i];
		if (c == '\'')
			am_text_puts(titles, "''");
		else
			am_text_append(titles, (unsigned char)c < ' ' || (unsigned char)c > '~' ? "?" : &c, 1);
	}
	am_text_puts(titles, shown < n ? "..'" : "'");
}

typedef struct series {
	am_picture picture;
	am_text titles;
	const char *last; /* selector whose line is being put */
	int n;            /* lines so far */
	size_t longest;   /* letters of a title */
} series;

/* Begins the line of a selector with its first point. */
static void begin_point(series *s, const am_table *t, int row)
{
	const char *spec = at(t, row, "selector")->s;
	if (!s->last || strcmp(s->last, spec) != 0) {
		if (s->last)
			am_picture_end_row(&s->picture);
		add_title(&s->titles, spec);
		s->n++;
		size_t letters = strlen(spec) < TITLE_ROOM ? strlen(spec) : TITLE_ROOM;
		s->longest = letters > s->longest ? letters : s->longest;
	}
	s->last = spec;
	am_text *data = &s->picture.data;
	for (const char *c = spec; *c; c++)
		am_text_append(data, (unsigned char)*c < ' ' ? " " : c, 1);
}

static am_status draw_series(series *s, const am_plot_job *job, const char *backdrop, int x, int y, am_error *err)
{
	am_picture *p = &s->picture;
	am_picture_word(p, "titles", "%s", am_text_str(&s->titles));
	am_picture_word(p, "backdrop", "%s", backdrop);
	am_picture_word(p, "x", "%d", x);
	am_picture_word(p, "y", "%d", y);
	am_picture_key_of(p, job, s->n + (*backdrop != 0), s->longest);
	am_status status = am_picture_draw(p, job, "series", err);
	am_text_free(&s->titles);
	am_picture_fini(p);
	return status;
}

/* Points of all selectors at every k, of the whole run; without `larger` only those whose
 * sets hold at most k keys. */
static void put_budgets(series *s, const am_table *t, bool larger)
{
	am_text_puts(&s->picture.data, "selector\tk [keys]\trecall [1]\tchance [1]\tmass_recall [1]\tretained_mass [1]\n");
	for (int i = 0; i < t->n_rows; i++) {
		/* Exact sets are at 1 by definition; sets of their own size may go beyond. */
		bool exact = !at(t, i, "id")->s && strcmp(at(t, i, "selector")->s, "random") != 0;
		if (at(t, i, "k")->i == INT64_MIN || exact || (!larger && at(t, i, "kept")->x > (double)at(t, i, "k")->i))
			continue;
		begin_point(s, t, i);
		am_picture_cell(&s->picture, (double)at(t, i, "k")->i);
		am_picture_cell(&s->picture, at(t, i, "recall")->x);
		am_picture_cell(&s->picture, at(t, i, "chance")->x);
		am_picture_cell(&s->picture, at(t, i, "mass_recall")->x);
		am_picture_cell(&s->picture, at(t, i, "retained_mass")->x);
		am_picture_end_row(&s->picture);
	}
}

/* A picture of those points: columns x and y of the data. */
typedef struct budget_picture {
	const char *name, *title, *before, *after, *caption, *x_label, *y_label;
	const char *axes;     /* NULL: k against a share */
	const char *backdrop; /* of the plot command, or "" */
	bool larger;
	int x, y;
} budget_picture;

static am_status draw_budgets(const am_plot_job *job, const budget_picture *b, am_error *err)
{
	am_table t;
	am_status status = table_of(job, NULL, AM_RUN_HEAD, AM_LEVEL_OVERALL, 0, &t, err);
	if (status)
		return status;
	series s = {0};
	am_picture *p = &s.picture;
	am_picture_init(p, b->name);
	put_budgets(&s, &t, b->larger);
	if (b->axes)
		am_picture_word(p, "axes", "%s", b->axes);
	else
		put_k_axes(p, job->run);
	am_picture_word(p, "summary", "%s", b->title);
	am_picture_string(p, "title", "%s", b->title);
	am_picture_string(p, "subtitle", "%s%s%s", b->before, describe(AM_RUN_HEAD), b->after);
	am_picture_size(p, height(job), b->caption);
	am_picture_string(p, "x_label", "%s", b->x_label);
	am_picture_string(p, "y_label", "%s", b->y_label);
	status = draw_series(&s, job, b->backdrop, b->x, b->y, err);
	am_table_fini(&t);
	return status;
}

am_status am_plot_recall_selectors(const am_plot_job *job, am_error *err)
{
	return draw_budgets(job, &(budget_picture){
		.name = "recall-selectors", .title = "Recall of selectors at equal budget",
		.before = "Share of ", .after = " that are kept, all layers",
		.caption = "Rows with at most k visible keys are left out. Selectors with a size of their own keep that, whatever k.",
		.x_label = "k (keys kept, log scale)", .y_label = "mean recall", .backdrop = "", .larger = true, .x = 2, .y = 3,
	}, err);
}

am_status am_plot_recall_mass(const am_plot_job *job, am_error *err)
{
	return draw_budgets(job, &(budget_picture){
		.name = "recall-mass", .title = "Mass recall against set recall",
		.before = "A point a k, from small to large along a line; against ", .after = "",
		.caption = "Mass recall: mass kept over that of the best keys, whichever keys hold it. Sets of more than k keys are left out.",
		.x_label = "mean recall of the best keys", .y_label = "mean mass recall",
		.axes = "set xrange [0:1.02]\nset xtics 0, 0.2, 1\nset yrange [0:1.02]\nset ytics 0, 0.2, 1",
		.backdrop = "x linecolor rgb muted linewidth 1.2 dashtype (6, 4) title 'equal',", .x = 3, .y = 5,
	}, err);
}

/* The k asked for, else the one that most rows leave a choice in: the largest up to an eighth
 * of the longest sequence, or the smallest. */
static int64_t middle_k(const am_plot_job *job, const am_table *t)
{
	const am_run *r = job->run;
	const double *k = am_run_axis_values(r, AM_AXIS_K);
	int64_t best = (int64_t)k[0];
	if (job->options->k)
		return job->options->k;
	double longest = 0;
	for (int i = 0; i < t->n_rows; i++)
		longest = fmax(longest, (double)at(t, i, "position_high")->i);
	for (int64_t i = 0; i < am_run_axis_length(r, AM_AXIS_K); i++)
		if (k[i] <= longest / 8 && (int64_t)k[i] > best)
			best = (int64_t)k[i];
	return best;
}

am_status am_plot_recall_position(const am_plot_job *job, am_error *err)
{
	am_table t;
	am_status status = table_of(job, NULL, AM_RUN_HEAD, AM_LEVEL_OVERALL, POSITION_BINS, &t, err);
	if (status)
		return status;
	int64_t k = middle_k(job, &t);
	series s = {0};
	am_picture *p = &s.picture;
	am_picture_init(p, "recall-position");
	am_text_puts(&p->data, "selector\tposition_low [tokens]\tposition_high [tokens]\tmiddle [tokens]\trecall [1]\tchance [1]\n");
	for (int i = 0; i < t.n_rows; i++) {
		bool exact = !at(&t, i, "id")->s && strcmp(at(&t, i, "selector")->s, "random") != 0;
		if (at(&t, i, "k")->i != k || exact)
			continue;
		begin_point(&s, &t, i);
		double low = (double)at(&t, i, "position_low")->i, high = (double)at(&t, i, "position_high")->i;
		am_picture_cell(p, low);
		am_picture_cell(p, high);
		am_picture_cell(p, (low + high - 1) / 2);
		am_picture_cell(p, at(&t, i, "recall")->x);
		am_picture_cell(p, at(&t, i, "chance")->x);
		am_picture_end_row(p);
	}
	am_picture_word(p, "axes", "set xrange [0:*]\nset yrange [0:1.02]\nset ytics 0, 0.2, 1");
	am_picture_word(p, "summary", "Recall against query position");
	am_picture_string(p, "title", "Recall against query position at k = %" PRId64, k);
	am_picture_string(p, "subtitle", "Share of %s that are kept, all layers", describe(AM_RUN_HEAD));
	am_picture_size(p, height(job), "Bins of equal width, at their middles; rows with at most k visible keys are left out.");
	am_picture_string(p, "x_label", "query position (tokens)");
	am_picture_string(p, "y_label", "mean recall");
	status = draw_series(&s, job, "", 4, 5, err);
	am_table_fini(&t);
	return status;
}

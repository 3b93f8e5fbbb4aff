#include "runfile/writer.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "runfile/image.h"
#include "runfile/writer_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)

static void writer_free(am_run_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	am_writer_rows_fini(w);
	am_writer_dist_fini(w);
	am_writer_attr_fini(w);
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		am_stored_fini(&w->axis[a]);
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		am_stored_fini(&w->field[f]);
		for (int64_t i = 0; w->strings[f].s && i < w->strings[f].n; i++)
			am_free(w->strings[f].s[i]);
		am_free(w->strings[f].s);
	}
	am_filter_fini(&w->filter);
	am_space_fini(&w->space);
	am_free(w->layer_id);
	am_free(w->path);
	am_free(w->part);
	am_free(w);
}

static char *with_suffix(const char *path, const char *suffix)
{
	size_t a = strlen(path), b = strlen(suffix);
	char *p = am_alloc(a + b + 1, 1);
	if (p) {
		memcpy(p, path, a);
		memcpy(p + a, suffix, b + 1);
	}
	return p;
}

/* Stores the coordinates of an axis; values as the axis's type. */
static am_status put_axis(am_run_writer *w, am_axis a, int64_t n, const void *values, am_error *err)
{
	am_stored *d = &w->axis[a];
	*d = (am_stored){.type = am_axes[a].type, .rank = 1, .dims = {n}};
	am_stored_choose_chunk(d, CHUNK_BYTES);
	w->length[a] = n;
	return am_stored_write_all(d, &w->filter, &w->space, values, err);
}

/* Coordinates by rule: 0, 1, ...; lower edges of log2 bins; centres of cells. */
static am_status put_rule_axis(am_run_writer *w, am_axis a, int64_t n, am_error *err)
{
	size_t size = am_type_size(am_axes[a].type);
	void *values = am_alloc((size_t)n, size);
	if (!values)
		return am_fail(err, AM_ERR_MEMORY, "axis %s: out of memory", am_axes[a].name);
	for (int64_t i = 0; i < n; i++) {
		if (am_axes[a].type == AM_TYPE_F64)
			((double *)values)[i] = ((double)i + 0.5) / (double)n;
		else if (am_axes[a].type == AM_TYPE_I32)
			((int32_t *)values)[i] = (int32_t)i;
		else
			((int64_t *)values)[i] = a != AM_AXIS_DISTANCE_BIN || i == 0 ? i : (int64_t)1 << (i - 1);
	}
	am_status s = put_axis(w, a, n, values, err);
	am_free(values);
	return s;
}

static am_status put_axes(am_run_writer *w, const am_run_axes *x, am_error *err)
{
	const struct {
		am_axis axis;
		int n;
		const void *values; /* NULL: by rule */
	} given[] = {
		{AM_AXIS_LAYER, x->n_layer, x->layer},
		{AM_AXIS_HEAD, x->n_head, x->head},
		{AM_AXIS_KV_HEAD, x->n_kv_head, x->kv_head},
		{AM_AXIS_K, x->n_k, x->k},
		{AM_AXIS_RATIO, x->n_ratio, x->ratio},
		{AM_AXIS_MASS, x->n_mass, x->mass},
		{AM_AXIS_RANK, x->n_rank, NULL},
		{AM_AXIS_DISTANCE_BIN, x->n_distance_bin, NULL},
		{AM_AXIS_MAP_Q, x->n_map, NULL},
		{AM_AXIS_MAP_K, x->n_map, NULL},
	};
	am_status s = AM_OK;
	for (size_t i = 0; i < sizeof given / sizeof *given && !s; i++) {
		if (given[i].n <= 0)
			continue;
		s = given[i].values ? put_axis(w, given[i].axis, given[i].n, given[i].values, err)
		                    : put_rule_axis(w, given[i].axis, given[i].n, err);
	}
	return s;
}

static am_status put_time(am_run_writer *w, const char *name, am_error *err)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return am_writer_attr(w, name, (am_attr){.kind = AM_ATTR_STR, .s = text}, err);
}

static am_status put_own_attrs(am_run_writer *w, am_error *err)
{
	const struct {
		const char *name, *value;
	} text[] = {
		{"format", AM_RUN_FORMAT},
		{"attnmeter_version", AM_VERSION},
		{"tie_rule", "higher score first, then lower index"},
	};
	am_status s = AM_OK;
	for (size_t i = 0; i < sizeof text / sizeof *text && !s; i++)
		s = am_writer_attr(w, text[i].name, (am_attr){.kind = AM_ATTR_STR, .s = (char *)text[i].value}, err);
	if (!s)
		s = am_writer_attr(w, "format_version",
		                   (am_attr){.kind = AM_ATTR_INT, .i = AM_RUN_FORMAT_VERSION}, err);
	if (!s)
		s = am_writer_attr(w, "complete", (am_attr){.kind = AM_ATTR_INT, .i = 0}, err);
	return s ? s : put_time(w, "created", err);
}

static am_status create_file(am_run_writer *w, const char *path, const char *fresh, bool force, am_error *err)
{
	if (am_file_is_directory(path))
		return am_fail(err, AM_ERR_IO, "%s: expected a file, found a directory", path);
	if (!force && am_file_exists(path))
		return am_fail(err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", path);
	w->fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot create: %s", w->part, strerror(errno));
	return AM_OK;
}

static am_status fill_new(am_run_writer *w, const am_run_axes *axes, const am_run_contents *c, am_error *err)
{
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		w->length[a] = -1;
	am_space_init(&w->space, w->fd, w->part, AM_IMAGE_HEAD);
	w->expected_rows = axes->n_row;
	w->flush_seconds = c->flush_seconds == 0 ? 1 : c->flush_seconds;
	w->last_flush = -INFINITY;
	w->layer_id = am_alloc((size_t)axes->n_layer, sizeof *w->layer_id);
	if (!w->layer_id)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	memcpy(w->layer_id, axes->layer, (size_t)axes->n_layer * sizeof *w->layer_id);
	am_status s = am_filter_init(&w->filter, c->deflate, err);
	if (!s)
		s = put_own_attrs(w, err);
	if (!s)
		s = put_axes(w, axes, err);
	if (!s)
		s = am_writer_rows_open(w, c, err);
	if (!s && c->dist)
		s = am_writer_dist_open(w, c->dist_float16, err);
	return s ? s : am_writer_commit(w, 0, err);
}

am_status am_run_writer_open(const char *path, bool force, const am_run_axes *axes,
                             const am_run_contents *contents, am_run_writer **out, am_error *err)
{
	assert(axes->n_layer > 0 && axes->n_head > 0 && contents->deflate >= 0 && contents->deflate <= 9);
	am_run_writer *w = am_calloc(1, sizeof *w);
	if (!w)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	w->fd = -1;
	w->force = force;
	am_status s = AM_OK;
	char *fresh = NULL;
	if (path) {
		w->path = am_strdup(path);
		w->part = with_suffix(path, ".part");
		/* OUT.part appears with its first whole state, not before. */
		fresh = with_suffix(path, ".part.new");
		if (!w->path || !w->part || !fresh)
			s = am_fail(err, AM_ERR_MEMORY, "out of memory");
		else
			s = create_file(w, path, fresh, force, err);
	}
	bool created = w->fd >= 0;
	if (!s)
		s = fill_new(w, axes, contents, err);
	if (!s && path && rename(fresh, w->part) != 0)
		s = am_fail(err, AM_ERR_IO, "%s: cannot create: %s", w->part, strerror(errno));
	if (s && created)
		unlink(fresh);
	am_free(fresh);
	if (s)
		writer_free(w);
	else
		*out = w;
	return s;
}

static am_status put_strings(am_strings *to, int64_t n, const char *const *s, am_error *err)
{
	char **copy = am_calloc((size_t)n, sizeof *copy);
	bool ok = copy;
	for (int64_t i = 0; i < n && ok; i++)
		ok = (copy[i] = am_strdup(s[i] ? s[i] : ""));
	if (!ok) {
		for (int64_t i = 0; copy && i < n; i++)
			am_free(copy[i]);
		am_free(copy);
		return am_fail(err, AM_ERR_MEMORY, "out of memory for %lld strings", (long long)n);
	}
	*to = (am_strings){copy, n};
	return AM_OK;
}

/* The axis of a field whose length is known only when it is put. */
static bool late(am_axis a)
{
	return a == AM_AXIS_SEQUENCE || a == AM_AXIS_TOKEN || a == AM_AXIS_TOKEN_EDGE;
}

/* Gives a late axis its length, n sequences or tokens, or checks that it has it. */
static am_status agree(am_run_writer *w, am_field f, am_axis a, int64_t n, am_error *err)
{
	am_axis counted = a == AM_AXIS_TOKEN_EDGE ? AM_AXIS_SEQUENCE : a;
	int64_t want = w->length[counted];
	if (n < 0 || (want >= 0 && n != want))
		return am_fail(err, AM_ERR_USAGE, "%s: %lld along %s, which has %lld", am_fields[f].path,
		               (long long)n, am_axes[counted].name, (long long)want);
	am_status s = want < 0 ? put_rule_axis(w, counted, n, err) : AM_OK;
	return s || a == counted || w->length[a] >= 0 ? s : put_rule_axis(w, a, n + 1, err);
}

am_status am_run_writer_put(am_run_writer *w, am_field f, int64_t n, const void *data, am_error *err)
{
	const am_field_spec *spec = &am_fields[f];
	assert(am_field_row_axis(f) < 0);
	if (w->failed)
		return am_fail(err, w->failed, "%s: an earlier write failed", w->part ? w->part : "run");
	if (w->field[f].rank || w->strings[f].s)
		return am_fail(err, AM_ERR_USAGE, "%s: written already", spec->path);
	am_status s = AM_OK;
	am_stored d = {.type = spec->type, .rank = spec->n_axes};
	for (int a = 0; a < spec->n_axes && !s; a++) {
		if (late(spec->axes[a]))
			s = agree(w, f, spec->axes[a], n, err);
		else if (w->length[spec->axes[a]] <= 0)
			s = am_fail(err, AM_ERR_USAGE, "%s: the run has no axis %s", spec->path,
			            am_axes[spec->axes[a]].name);
		d.dims[a] = w->length[spec->axes[a]];
	}
	if (s) {
		w->failed = s == AM_ERR_USAGE ? AM_OK : s;
		return s;
	}
	if (spec->type == AM_TYPE_STRING)
		return put_strings(&w->strings[f], n, data, err);
	am_stored_choose_chunk(&d, CHUNK_BYTES);
	s = am_stored_write_all(&d, &w->filter, &w->space, data, err);
	if (s) {
		am_stored_fini(&d);
		return w->failed = s;
	}
	w->field[f] = d;
	return AM_OK;
}

/* Rows of which every value is in the file. */
static int64_t whole_rows(const am_run_writer *w)
{
	int64_t rows = w->groups * w->chunk_rows;
	if (rows > w->rows)
		rows = w->rows;
	return w->n_dist ? am_writer_dist_rows(w, rows) : rows;
}

am_status am_run_writer_flush(am_run_writer *w, am_error *err)
{
	if (w->failed)
		return am_fail(err, w->failed, "%s: an earlier write failed", w->part ? w->part : "run");
	int64_t rows = whole_rows(w);
	double now = am_now();
	if (rows <= w->flushed_rows || now - w->last_flush < w->flush_seconds)
		return AM_OK;
	am_status s = am_writer_commit(w, rows, err);
	if (s)
		return w->failed = s;
	w->last_flush = am_now();
	return AM_OK;
}

int64_t am_run_writer_flushed_rows(const am_run_writer *w)
{
	return w->flushed_rows;
}

/* Everything appended goes into the file. */
static am_status finish(am_run_writer *w, am_error *err)
{
	/* Where the last index will not fit, the last chunks may. */
	if (w->arena[1].size && w->arena[1].size < (int64_t)w->index_size) {
		am_space_give(&w->space, w->arena[1]);
		w->arena[1] = (am_range){0, 0};
	}
	am_status s = am_writer_rows_finish(w, err);
	if (!s)
		s = am_writer_dist_finish(w, err);
	return s ? s : am_writer_commit(w, whole_rows(w), err);
}

static am_status rename_part(am_run_writer *w, am_error *err)
{
	if (!w->force && am_file_exists(w->path))
		return am_fail(err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", w->path);
	if (rename(w->part, w->path) != 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot rename to %s: %s", w->part, w->path, strerror(errno));
	return AM_OK;
}

am_status am_run_writer_close(am_run_writer *w, am_error *err)
{
	if (w->failed) {
		am_status s = am_fail(err, w->failed, "%s: an earlier write failed", w->part ? w->part : "run");
		am_run_writer_abandon(w);
		return s;
	}
	w->complete = true;
	am_status s = put_time(w, "finished", err);
	if (!s)
		s = am_writer_attr(w, "complete", (am_attr){.kind = AM_ATTR_INT, .i = 1}, err);
	if (!s)
		s = finish(w, err);
	if (!s)
		s = am_space_trim(&w->space, err);
	if (!s && w->path)
		s = rename_part(w, err);
	writer_free(w);
	return s;
}

void am_run_writer_abandon(am_run_writer *w)
{
	if (!w)
		return;
	/* As much as can be kept; what cannot leaves the file as of its last flush. */
	am_status s = w->failed ? am_writer_commit(w, whole_rows(w), NULL) : finish(w, NULL);
	if (!s)
		(void)!am_space_trim(&w->space, NULL);
	writer_free(w);
}

int64_t am_run_writer_bytes(const am_run_writer *w)
{
	/* Compressing uses the writer's scratch memory, nothing a caller can see. */
	am_run_writer *scratch = (am_run_writer *)w;
	int64_t index = w->arena[1].size < (int64_t)w->index_size ? (int64_t)w->index_size : 0;
	return w->space.end + index + am_writer_rows_pending(scratch) + am_writer_dist_pending(scratch);
}

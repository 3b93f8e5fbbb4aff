#include "analysis/rows.h"

#include "base/mem.h"

#include <math.h>

#define BAND_BYTES ((size_t)8 << 20)
#define KEEP_BYTES ((size_t)128 << 20)
#define MOST_ROWS 65536
#define LEAST_ROWS 64 /* a power of two, as the chunks of the file are */

am_status am_rows_open(am_run *run, am_field field, bool keep, am_rows *out, am_error *err)
{
	return am_rows_open_sized(run, field, BAND_BYTES, keep ? KEEP_BYTES : 0, out, err);
}

static am_status describe(am_run *run, am_field field, am_rows *r, am_error *err)
{
	int64_t shape[AM_MAX_AXES];
	int rank = am_run_shape(run, field, shape);
	if (!rank)
		return am_fail(err, AM_ERR_FORMAT, "%s: has no %s, which this table needs", am_run_path(run),
		               am_run_field(run, field)->path);
	int row_at = am_spec_row_axis(am_run_field(run, field));
	*r = (am_rows){.run = run, .field = field, .n_layer = (int)shape[0], .n_head = row_at > 1 ? (int)shape[1] : 1,
	               .heads = row_at > 1, .inner = rank > row_at + 1 ? (int)shape[row_at + 1] : 1,
	               .n_rows = am_run_axis_length(run, AM_AXIS_ROW), .at = -1, .visible_at = -1};
	return AM_OK;
}

/* As many layers as a chunk has, then rows, then, with all rows, more layers. */
static void choose_band(am_rows *r, size_t bytes)
{
	size_t row = (size_t)r->n_head * (size_t)r->inner * sizeof(float); /* of a layer */
	int64_t chunk = am_run_chunk_length(r->run, r->field, 0);
	chunk = chunk < 1 ? 1 : chunk > r->n_layer ? r->n_layer : chunk;
	r->layers = (size_t)chunk * row * LEAST_ROWS <= bytes ? (int)chunk : 1;
	r->block = LEAST_ROWS;
	while (r->block < r->n_rows && r->block < MOST_ROWS && 2 * (size_t)r->block * (size_t)r->layers * row <= bytes)
		r->block *= 2;
	while (r->block >= r->n_rows && r->layers + chunk <= r->n_layer &&
	       (size_t)r->block * (size_t)(r->layers + chunk) * row <= bytes)
		r->layers += (int)chunk;
	r->n_block = (r->n_rows + r->block - 1) / r->block;
}

static size_t band_size(const am_rows *r)
{
	return (size_t)r->layers * (size_t)r->n_head * (size_t)r->block * (size_t)r->inner;
}

static am_status make_room(am_rows *r, size_t keep_bytes, am_error *err)
{
	size_t slots = (size_t)((r->n_layer + r->layers - 1) / r->layers) * (size_t)r->n_block, total;
	bool keep = am_mul_size(slots, band_size(r) * sizeof(float), &total) && total <= keep_bytes;
	r->data = am_alloc(keep ? slots : 1, band_size(r) * sizeof(float));
	r->loaded = keep ? am_calloc(slots, 1) : NULL;
	if (r->data && (r->loaded || !keep))
		return AM_OK;
	am_status s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(r->run));
	am_rows_close(r);
	return s;
}

am_status am_rows_open_sized(am_run *run, am_field field, size_t band_bytes, size_t keep_bytes, am_rows *out,
                             am_error *err)
{
	am_rows r = {0};
	am_status s = describe(run, field, &r, err);
	if (s)
		return s;
	choose_band(&r, band_bytes);
	s = make_room(&r, keep_bytes, err);
	if (!s)
		*out = r;
	return s;
}

am_status am_rows_open_like(am_run *run, const am_rows *like, am_rows *out, am_error *err)
{
	am_rows r = {0};
	am_status s = describe(run, like->field, &r, err);
	if (s)
		return s;
	r.layers = like->layers;
	r.block = like->block;
	r.n_block = like->n_block;
	s = make_room(&r, 0, err);
	if (!s)
		*out = r;
	return s;
}

void am_rows_close(am_rows *rows)
{
	am_free(rows->data);
	am_free(rows->loaded);
	am_free(rows->visible);
	*rows = (am_rows){0};
}

am_status am_rows_want_visible(am_rows *rows, am_error *err)
{
	if (!rows->visible)
		rows->visible = am_alloc((size_t)rows->layers * (size_t)rows->block, sizeof *rows->visible);
	return rows->visible ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(rows->run));
}

/* --- a band ------------------------------------------------------------------ */

static am_status load(am_rows *r, const am_rows_view *v, float *x, am_error *err)
{
	int64_t from[AM_MAX_AXES + 1] = {v->layer, 0, v->first, 0}, size[AM_MAX_AXES + 1] = {v->n_layer, r->n_head, v->n, r->inner};
	if (!r->heads) {
		from[1] = v->first, from[2] = 0;
		size[1] = v->n, size[2] = r->inner;
	}
	return am_run_stream_f32(r->run, r->field, from, size, x, err);
}

static am_status load_visible(am_rows *r, const am_rows_view *v, int64_t slot, am_error *err)
{
	int64_t from[] = {v->layer, v->first}, size[] = {v->n_layer, v->n};
	if (!r->visible || r->visible_at == slot)
		return AM_OK;
	r->visible_at = -1; /* until it is there */
	am_status s = am_run_stream_i32(r->run, AM_FIELD_ROW_VISIBLE, from, size, r->visible, err);
	if (!s)
		r->visible_at = slot;
	return s;
}

typedef struct finish {
	const am_rows *r;
	const am_rows_view *v;
	float *x;
} finish;

/* Counts are -1 where they are not known. */
static void finish_layer(void *ctx, int task, int worker)
{
	(void)worker;
	const finish *f = ctx;
	size_t n = (size_t)f->r->n_head * (size_t)f->v->n * (size_t)f->r->inner;
	float *x = f->x + (size_t)task * n;
	if (am_run_field(f->r->run, f->r->field)->type == AM_TYPE_I32)
		for (size_t i = 0; i < n; i++)
			x[i] = x[i] < 0 ? NAN : x[i];
	if (f->r->edit)
		f->r->edit(f->r->edit_ctx, f->v->layer + task, x, f->r->n_head, f->v->n,
		           f->v->visible ? f->v->visible + task * f->v->n : NULL);
}

static am_status load_band(am_rows *r, const am_rows_view *v, float *x, am_error *err)
{
	am_status s = load(r, v, x, err);
	if (!s && (r->edit || am_run_field(r->run, r->field)->type == AM_TYPE_I32))
		am_rows_run(r, v->n_layer, finish_layer, &(finish){r, v, x});
	return s;
}

void am_rows_run(const am_rows *r, int n_tasks, am_task_fn *fn, void *ctx)
{
	am_threads *t = am_run_threads(r->run);
	if (t)
		am_threads_run(t, n_tasks, fn, ctx);
	else
		for (int i = 0; i < n_tasks; i++)
			fn(ctx, i, 0);
}

am_status am_rows_band(am_rows *rows, int layer, int64_t b, am_rows_view *out, am_error *err)
{
	int64_t slot = layer / rows->layers * rows->n_block + b;
	am_rows_view v = {.layer = layer, .first = b * rows->block};
	v.n_layer = rows->n_layer - layer < rows->layers ? rows->n_layer - layer : rows->layers;
	v.n = rows->n_rows - v.first < rows->block ? rows->n_rows - v.first : rows->block;
	v.visible = rows->visible;
	float *x = rows->data + (rows->loaded ? (size_t)slot * band_size(rows) : 0);
	am_status s = load_visible(rows, &v, slot, err);
	if (s)
		return s;
	if (rows->loaded ? !rows->loaded[slot] : rows->at != slot) {
		rows->at = -1;
		s = load_band(rows, &v, x, err);
		if (s)
			return s;
		if (rows->loaded)
			rows->loaded[slot] = 1;
		rows->at = slot;
	}
	v.x = x;
	*out = v;
	return AM_OK;
}

am_status am_rows_get(am_rows *rows, int layer, int64_t b, const float **data, int64_t *first,
                      int64_t *count, am_error *err)
{
	am_rows_view v;
	am_status s = am_rows_band(rows, layer - layer % rows->layers, b, &v, err);
	if (s)
		return s;
	*data = v.x + (size_t)(layer - v.layer) * (size_t)rows->n_head * (size_t)v.n * (size_t)rows->inner;
	*first = v.first;
	*count = v.n;
	return AM_OK;
}

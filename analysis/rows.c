#include "analysis/rows.h"

#include "base/mem.h"

#include <math.h>

#define BLOCK_BYTES ((size_t)8 << 20)
#define KEEP_BYTES ((size_t)256 << 20)

am_status am_rows_open(am_run *run, am_field field, bool keep, am_rows *out, am_error *err)
{
	return am_rows_open_sized(run, field, BLOCK_BYTES, keep ? KEEP_BYTES : 0, out, err);
}

am_status am_rows_open_sized(am_run *run, am_field field, size_t block_bytes, size_t keep_bytes, am_rows *out,
                             am_error *err)
{
	int64_t shape[AM_MAX_AXES];
	int rank = am_run_shape(run, field, shape);
	if (!rank)
		return am_fail(err, AM_ERR_FORMAT, "%s: has no %s, which this table needs", am_run_path(run),
		               am_run_field(run, field)->path);
	int row_at = am_spec_row_axis(am_run_field(run, field));
	am_rows r = {.run = run, .field = field, .n_layer = (int)shape[0], .n_head = row_at > 1 ? (int)shape[1] : 1,
	             .heads = row_at > 1, .inner = rank > row_at + 1 ? (int)shape[row_at + 1] : 1,
	             .n_rows = am_run_axis_length(run, AM_AXIS_ROW)};
	size_t row = (size_t)r.n_head * r.inner * sizeof(float), total;
	r.block = 64; /* a power of two, as the chunks of the file are */
	while (r.block < r.n_rows && 2 * (size_t)r.block * row <= block_bytes)
		r.block *= 2;
	r.n_block = (r.n_rows + r.block - 1) / r.block;
	size_t slots = (size_t)r.n_layer * (size_t)r.n_block;
	bool keep = am_mul_size(slots, (size_t)r.block * row, &total) && total <= keep_bytes;
	r.data = am_alloc(keep ? slots : 1, (size_t)r.block * row);
	r.loaded = keep ? am_calloc(slots, 1) : NULL;
	if (!r.data || (keep && !r.loaded)) {
		am_rows_close(&r);
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	}
	*out = r;
	return AM_OK;
}

void am_rows_close(am_rows *rows)
{
	am_free(rows->data);
	am_free(rows->loaded);
	*rows = (am_rows){0};
}

/* Counts are -1 where they are not known. */
static void fill_to_nan(am_type type, float *x, size_t n)
{
	if (type != AM_TYPE_I32)
		return;
	for (size_t i = 0; i < n; i++)
		if (x[i] < 0)
			x[i] = NAN;
}

am_status am_rows_get(am_rows *rows, int layer, int64_t b, const float **data, int64_t *first,
                      int64_t *count, am_error *err)
{
	size_t slot = (size_t)layer * (size_t)rows->n_block + (size_t)b;
	size_t size = (size_t)rows->n_head * (size_t)rows->block * (size_t)rows->inner;
	float *x = rows->data + (rows->loaded ? slot * size : 0);
	int64_t start = b * rows->block;
	int64_t n = rows->n_rows - start < rows->block ? rows->n_rows - start : rows->block;
	if (!rows->loaded || !rows->loaded[slot]) {
		int64_t from[AM_MAX_AXES + 1] = {layer, 0, start, 0}, size_of[AM_MAX_AXES + 1] = {1, rows->n_head, n, rows->inner};
		if (!rows->heads) {
			from[1] = start, from[2] = 0;
			size_of[1] = n, size_of[2] = rows->inner;
		}
		am_status s = am_run_read_f32(rows->run, rows->field, from, size_of, x, err);
		if (s)
			return s;
		fill_to_nan(am_run_field(rows->run, rows->field)->type, x,
		            (size_t)rows->n_head * (size_t)n * (size_t)rows->inner);
		if (rows->edit)
			rows->edit(rows->edit_ctx, layer, x, rows->n_head, start, n);
		if (rows->loaded)
			rows->loaded[slot] = 1;
	}
	*data = x;
	*first = start;
	*count = n;
	return AM_OK;
}

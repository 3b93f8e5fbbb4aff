#include "base/mem.h"
#include "runfile/writer_state.h"

#include <string.h>

#define GROUP_LIMIT ((size_t)64 << 20) /* bytes of all open groups */
#define PIECE_LIMIT ((size_t)512 << 10) /* bytes of a chunk with one layer */
#define CHUNK_BYTES ((size_t)256 << 10) /* what chunks aim at */
#define MOST_ROWS 256
#define LEAST_ROWS 16

static bool held(const am_run_writer *w, am_field f, const am_run_contents *c)
{
	if (f == AM_FIELD_OUTPUT_ERROR && !c->output_error)
		return false;
	for (int a = 0; a < am_fields[f].n_axes; a++)
		if (am_fields[f].axes[a] != AM_AXIS_ROW && w->length[am_fields[f].axes[a]] <= 0)
			return false;
	return am_field_row_axis(f) >= 0;
}

/* Bytes of one row of a field, in all layers. */
static size_t row_bytes(const am_run_writer *w, am_field f)
{
	size_t n = am_type_size(am_fields[f].type);
	for (int a = 0; a < am_fields[f].n_axes; a++)
		if (am_fields[f].axes[a] != AM_AXIS_ROW)
			n *= (size_t)w->length[am_fields[f].axes[a]];
	return n;
}

/* Rows a chunk, the same for all fields: many, within what the buffers and the
 * largest chunk may take. */
static int64_t choose_rows(const am_run_writer *w, const am_run_contents *c)
{
	size_t all = 0, largest = 0;
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		if (!held(w, f, c))
			continue;
		size_t n = row_bytes(w, f), layers = (size_t)w->length[AM_AXIS_LAYER];
		all += n;
		if (n / layers > largest)
			largest = n / layers;
	}
	size_t rows = MOST_ROWS;
	while (rows > LEAST_ROWS && (rows * all > GROUP_LIMIT || rows * largest > PIECE_LIMIT))
		rows /= 2;
	if (w->expected_rows > 0 && w->expected_rows < (int64_t)rows)
		return w->expected_rows;
	return (int64_t)rows;
}

static am_status open_row_field(am_run_writer *w, am_row_field *r, am_type type, int n_axes,
                                const am_axis *axes, am_error *err)
{
	am_stored *d = &r->stored;
	d->type = type;
	d->rank = n_axes;
	r->outer = r->inner = 1;
	bool before = true;
	for (int a = 0; a < n_axes; a++) {
		bool is_row = axes[a] == AM_AXIS_ROW;
		d->dims[a] = is_row ? w->chunk_rows : w->length[axes[a]];
		before = before && !is_row;
		if (is_row) {
			r->row_at = a;
			d->unlimited = 1u << a;
		}
		if (before)
			r->outer *= (size_t)d->dims[a];
		else if (!is_row)
			r->inner *= (size_t)d->dims[a];
	}
	memcpy(d->chunk, d->dims, sizeof d->chunk);
	r->pieces = 1;
	if (n_axes > 1) { /* axis 0 is the layer: some layers a chunk */
		size_t layer = am_stored_chunk_elements(d) / (size_t)d->dims[0] * am_stored_element(d);
		int64_t n = (int64_t)(CHUNK_BYTES / layer);
		n = n < 1 ? 1 : n > d->dims[0] ? d->dims[0] : n;
		r->pieces = (int)((d->dims[0] + n - 1) / n);
		d->chunk[0] = (d->dims[0] + r->pieces - 1) / r->pieces;
	}
	size_t elements;
	if (!am_mul_size((size_t)r->pieces, am_stored_chunk_elements(d), &elements) ||
	    !(r->group = am_alloc(elements, am_stored_element(d))))
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory for row buffers",
		               w->part ? w->part : "run");
	am_stored_fill(d, r->group, elements);
	return AM_OK;
}

am_status am_writer_rows_open(am_run_writer *w, const am_run_contents *c, am_error *err)
{
	static const am_axis row_axis[] = {AM_AXIS_ROW};
	w->chunk_rows = choose_rows(w, c);
	am_status s = open_row_field(w, &w->row_axis, am_axes[AM_AXIS_ROW].type, 1, row_axis, err);
	for (int f = 0; f < AM_FIELD_COUNT && !s; f++)
		if (held(w, f, c))
			s = open_row_field(w, &w->row[f], am_fields[f].type, am_fields[f].n_axes,
			                   am_fields[f].axes, err);
	return s;
}

/* Copies rows [from, from + n) of a block into the open group. */
static void copy_rows(am_row_field *r, int64_t chunk_rows, int64_t filled, const void *data,
                      int64_t block_rows, int64_t from, int64_t n)
{
	size_t unit = r->inner * am_stored_element(&r->stored);
	for (size_t o = 0; o < r->outer; o++) {
		unsigned char *to = r->group + (o * (size_t)chunk_rows + (size_t)filled) * unit;
		if (data)
			memcpy(to, (const char *)data + (o * (size_t)block_rows + (size_t)from) * unit,
			       (size_t)n * unit);
		else
			am_stored_fill(&r->stored, to, (size_t)n * r->inner);
	}
}

static am_status write_row_field(am_run_writer *w, am_row_field *r, am_error *err)
{
	size_t bytes = am_stored_chunk_elements(&r->stored) * am_stored_element(&r->stored);
	int64_t at[AM_MAX_AXES] = {0};
	am_status s = AM_OK;
	for (int i = 0; i < r->pieces && !s; i++) {
		at[0] = i * r->stored.chunk[0];
		at[r->row_at] = w->groups * w->chunk_rows;
		s = am_stored_write_chunk(&r->stored, &w->filter, &w->space, at,
		                          r->group + (size_t)i * bytes, err);
	}
	return s;
}

static am_status write_group(am_run_writer *w, am_error *err)
{
	am_status s = write_row_field(w, &w->row_axis, err);
	for (int f = 0; f < AM_FIELD_COUNT && !s; f++)
		if (w->row[f].group)
			s = write_row_field(w, &w->row[f], err);
	if (s)
		return w->failed = s;
	w->groups++;
	w->filled = 0;
	return AM_OK;
}

static void number_rows(am_run_writer *w, int64_t n)
{
	int64_t *row = (int64_t *)(void *)w->row_axis.group + w->filled;
	for (int64_t i = 0; i < n; i++)
		row[i] = w->rows + i;
}

am_status am_run_writer_append(am_run_writer *w, const am_run_block *block, am_error *err)
{
	if (w->failed)
		return am_fail(err, w->failed, "%s: an earlier write failed", w->part ? w->part : "run");
	for (int64_t done = 0; done < block->n_rows;) {
		int64_t n = w->chunk_rows - w->filled;
		if (n > block->n_rows - done)
			n = block->n_rows - done;
		number_rows(w, n);
		for (int f = 0; f < AM_FIELD_COUNT; f++)
			if (w->row[f].group)
				copy_rows(&w->row[f], w->chunk_rows, w->filled, block->field[f],
				          block->n_rows, done, n);
		done += n;
		w->filled += n;
		w->rows += n;
		if (w->filled == w->chunk_rows) {
			am_status s = write_group(w, err);
			if (s)
				return s;
		}
	}
	return AM_OK;
}

/* Rows that were not appended are missing, not those of the group before. */
static void clear_rest(am_run_writer *w)
{
	int64_t n = w->chunk_rows - w->filled;
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (w->row[f].group)
			copy_rows(&w->row[f], w->chunk_rows, w->filled, NULL, n, 0, n);
	am_stored_fill(&w->row_axis.stored, w->row_axis.group + w->filled * 8, (size_t)n);
}

am_status am_writer_rows_finish(am_run_writer *w, am_error *err)
{
	if (!w->filled)
		return AM_OK;
	clear_rest(w);
	return write_group(w, err);
}

int64_t am_writer_rows_pending(am_run_writer *w)
{
	int64_t sum = 0;
	if (!w->filled)
		return 0;
	clear_rest(w);
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		const am_row_field *r = &w->row[f];
		size_t bytes = am_stored_chunk_elements(&r->stored) * am_stored_element(&r->stored);
		for (int i = 0; r->group && i < r->pieces; i++)
			sum += am_stored_filtered_size(&r->stored, &w->filter, r->group + (size_t)i * bytes);
	}
	return sum;
}

static void row_field_fini(am_row_field *r)
{
	am_stored_fini(&r->stored);
	am_free(r->group);
	r->group = NULL;
}

void am_writer_rows_fini(am_run_writer *w)
{
	row_field_fini(&w->row_axis);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		row_field_fini(&w->row[f]);
}

/* Which fields grow with the rows, and how their chunks are cut. */
#include "base/mem.h"
#include "runfile/writer_state.h"

#include <string.h>

#define GROUP_LIMIT ((size_t)64 << 20) /* bytes of all open groups */
#define PIECE_LIMIT ((size_t)512 << 10) /* bytes of a chunk with one layer */
#define CHUNK_BYTES ((size_t)256 << 10) /* what chunks aim at */
#define MOST_ROWS 256
#define LEAST_ROWS 16

static bool held(const am_run_writer *w, int f, const am_run_contents *c)
{
	const am_field_spec *s = &w->spec[f];
	if ((f == AM_FIELD_OUTPUT_ERROR && !c->output_error) || (f == AM_FIELD_DEFICIT && !c->deficit) ||
	    (f == AM_FIELD_ROW_TOKEN && c->no_tokens) || (f == AM_FIELD_ROW_NLL && c->no_nll))
		return false;
	if ((f == AM_FIELD_TOPK_INDEX || f == AM_FIELD_TOPK_PROB) && c->no_topk)
		return false;
	if (f >= AM_FIELD_PAIR_KL && f <= AM_FIELD_PAIR_NLL && !c->pair)
		return false;
	for (int a = 0; a < s->n_axes; a++)
		if (s->axes[a] != AM_AXIS_ROW && w->length[s->axes[a]] <= 0)
			return false;
	return am_spec_row_axis(s) >= 0;
}

/* Bytes of one row of a field, in all layers. */
static size_t row_bytes(const am_run_writer *w, int f)
{
	const am_field_spec *s = &w->spec[f];
	size_t n = am_type_size(s->type);
	for (int a = 0; a < s->n_axes; a++)
		if (s->axes[a] != AM_AXIS_ROW)
			n *= (size_t)w->length[s->axes[a]];
	return n;
}

/* Rows a chunk, the same for all fields: many, within what the buffers and the
 * largest chunk may take. */
static int64_t choose_rows(const am_run_writer *w, const am_run_contents *c)
{
	size_t all = 0, largest = 0;
	for (int f = 0; f < w->n_fields; f++) {
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

static void open_row_field(const am_run_writer *w, am_row_field *r, am_type type, int n_axes, const am_axis *axes)
{
	am_stored *d = &r->stored;
	d->type = type;
	d->rank = n_axes;
	r->layers = r->piece_layers = r->pieces = 1;
	r->outer = r->inner = 1;
	for (int a = 0, before = true; a < n_axes; a++) {
		bool is_row = axes[a] == AM_AXIS_ROW;
		d->dims[a] = is_row ? w->chunk_rows : w->length[axes[a]];
		before = before && !is_row;
		if (is_row) {
			r->row_at = a;
			d->unlimited = 1u << a;
		} else if (a > 0) {
			*(before ? &r->outer : &r->inner) *= (size_t)d->dims[a];
		}
	}
	memcpy(d->chunk, d->dims, sizeof d->chunk);
	d->shuffled = n_axes > 1 && w->filter.level > 0;
	if (n_axes > 1) { /* axis 0 is the layer: some layers a chunk */
		size_t layer = am_stored_chunk_bytes(d) / (size_t)d->dims[0];
		r->layers = (int)d->dims[0];
		int n = (int)(CHUNK_BYTES / layer);
		n = n < 1 ? 1 : n > r->layers ? r->layers : n;
		r->pieces = (r->layers + n - 1) / n;
		r->piece_layers = (r->layers + r->pieces - 1) / r->pieces;
		d->chunk[0] = r->piece_layers;
	}
}

void am_writer_rows_open(am_run_writer *w, const am_run_contents *c)
{
	static const am_axis row_axis[] = {AM_AXIS_ROW};
	w->chunk_rows = choose_rows(w, c);
	open_row_field(w, &w->row_axis, am_axes[AM_AXIS_ROW].type, 1, row_axis);
	for (int f = 0; f < w->n_fields; f++)
		if (held(w, f, c))
			open_row_field(w, &w->row[f], w->spec[f].type, w->spec[f].n_axes, w->spec[f].axes);
}

static void row_field_fini(am_row_field *r)
{
	am_stored_fini(&r->stored);
	for (int i = 0; i < r->slots * r->pieces; i++)
		am_free(r->chunk[i]);
	am_free(r->chunk);
	*r = (am_row_field){0};
}

void am_writer_rows_fini(am_run_writer *w)
{
	row_field_fini(&w->row_axis);
	for (int f = 0; w->row && f < w->n_fields; f++)
		row_field_fini(&w->row[f]);
	am_free(w->row);
}

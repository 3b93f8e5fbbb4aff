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
	d->shuffled = n_axes > 1 && w->filter.level > 0;
	r->pieces = 1;
	if (n_axes > 1) { /* axis 0 is the layer: some layers a chunk */
		size_t layer = am_stored_chunk_elements(d) / (size_t)d->dims[0] * am_stored_element(d);
		int64_t n = (int64_t)(CHUNK_BYTES / layer);
		n = n < 1 ? 1 : n > d->dims[0] ? d->dims[0] : n;
		r->pieces = (int)((d->dims[0] + n - 1) / n);
		d->chunk[0] = (d->dims[0] + r->pieces - 1) / r->pieces;
	}
	r->piece_outer = n_axes > 1 ? r->outer / (size_t)d->dims[0] * (size_t)d->chunk[0] : 1;
	r->chunk = am_calloc((size_t)r->pieces, sizeof *r->chunk);
	bool ok = r->chunk;
	for (int i = 0; i < r->pieces && ok; i++)
		ok = (r->chunk[i] = am_alloc(am_packer_room(am_stored_chunk_elements(d) * am_stored_element(d)), 1));
	return ok ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory for row buffers",
	                            w->part ? w->part : "run");
}

am_status am_writer_rows_open(am_run_writer *w, const am_run_contents *c, am_error *err)
{
	static const am_axis row_axis[] = {AM_AXIS_ROW};
	w->chunk_rows = choose_rows(w, c);
	am_status s = open_row_field(w, &w->row_axis, am_axes[AM_AXIS_ROW].type, 1, row_axis, err);
	for (int f = 0; f < w->n_fields && !s; f++)
		if (held(w, f, c))
			s = open_row_field(w, &w->row[f], w->spec[f].type, w->spec[f].n_axes, w->spec[f].axes, err);
	return s;
}

/* What a block has of a field. */
typedef struct rows_given {
	const void *data; /* [outer][rows][inner], NULL: missing */
	int64_t rows;
	const int32_t *at; /* [rows] which of the block's they are, ascending; NULL: all */
} rows_given;

static rows_given given(const am_run_block *b, int f)
{
	if (f < AM_FIELD_COUNT)
		return (rows_given){b->field[f], b->n_rows, NULL};
	int i = f - AM_FIELD_COUNT;
	if (!b->shadow)
		return (rows_given){0};
	return b->sampled_field && b->sampled_field[i] ? (rows_given){b->shadow[i], b->n_sampled, b->sampled}
	                                               : (rows_given){b->shadow[i], b->n_rows, NULL};
}

/* Rows of `g` that are [from, from + n) of the block, to element `at` of a chunk. */
static void copy_line(const am_row_field *r, unsigned char *chunk, size_t at, const rows_given *g, size_t outer, int64_t from,
                      int64_t n)
{
	size_t unit = r->inner * am_stored_element(&r->stored);
	const unsigned char *line = g->data ? (const unsigned char *)g->data + outer * (size_t)g->rows * unit : NULL;
	if (line && !g->at) {
		am_stored_copy_at(&r->stored, chunk, at, line + (size_t)from * unit, (size_t)n * r->inner);
		return;
	}
	am_stored_fill_at(&r->stored, chunk, at, (size_t)n * r->inner);
	for (int64_t i = 0; line && i < g->rows; i++)
		if (g->at[i] >= from && g->at[i] < from + n)
			am_stored_copy_at(&r->stored, chunk, at + (size_t)(g->at[i] - from) * r->inner, line + (size_t)i * unit, r->inner);
}

/* Copies rows [from, from + n) of a block into the open group. */
static void copy_rows(const am_run_writer *w, am_row_field *r, const rows_given *g, int64_t from, int64_t n)
{
	for (size_t o = 0; o < r->outer; o++) {
		size_t line = o % r->piece_outer * (size_t)w->chunk_rows + (size_t)w->filled;
		copy_line(r, r->chunk[o / r->piece_outer], line * r->inner, g, o, from, n);
	}
}

/* Fills what the last chunk has beyond the leading axis. */
static void pad(const am_run_writer *w, am_row_field *r)
{
	size_t used = (r->outer - (size_t)(r->pieces - 1) * r->piece_outer) * (size_t)w->chunk_rows * r->inner;
	am_stored_fill_at(&r->stored, r->chunk[r->pieces - 1], used, am_stored_chunk_elements(&r->stored) - used);
}

static am_status hand_row_field(am_run_writer *w, am_row_field *r, am_error *err)
{
	int64_t at[AM_MAX_AXES] = {0};
	am_status s = AM_OK;
	pad(w, r);
	for (int i = 0; i < r->pieces && !s; i++) {
		at[0] = i * r->stored.chunk[0];
		at[r->row_at] = w->groups * w->chunk_rows;
		s = am_packer_hand(w->packer, &r->stored, at, &r->chunk[i], err);
	}
	return s;
}

static am_status hand_group(am_run_writer *w, am_error *err)
{
	am_status s = hand_row_field(w, &w->row_axis, err);
	for (int f = 0; f < w->n_fields && !s; f++)
		if (w->row[f].chunk)
			s = hand_row_field(w, &w->row[f], err);
	if (s)
		return w->failed = s;
	w->groups++;
	w->filled = 0;
	return AM_OK;
}

static void number_rows(am_run_writer *w, int64_t n)
{
	int64_t *row = (int64_t *)(void *)w->row_axis.chunk[0] + w->filled;
	for (int64_t i = 0; i < n; i++)
		row[i] = w->rows + i;
}

am_status am_run_writer_append(am_run_writer *w, const am_run_block *block, am_error *err)
{
	am_status s = am_writer_ready(w, err);
	for (int64_t done = 0; done < block->n_rows && !s;) {
		int64_t n = w->chunk_rows - w->filled;
		if (n > block->n_rows - done)
			n = block->n_rows - done;
		number_rows(w, n);
		for (int f = 0; f < w->n_fields; f++)
			if (w->row[f].chunk)
				copy_rows(w, &w->row[f], (rows_given[]){given(block, f)}, done, n);
		done += n;
		w->filled += n;
		w->rows += n;
		if (w->filled == w->chunk_rows)
			s = hand_group(w, err);
	}
	return s;
}

/* Rows that were not appended are missing, not those of the group before. */
static void clear_rest(am_run_writer *w)
{
	int64_t n = w->chunk_rows - w->filled;
	for (int f = 0; f < w->n_fields; f++)
		if (w->row[f].chunk)
			copy_rows(w, &w->row[f], &(rows_given){0}, 0, n);
	am_stored_fill(&w->row_axis.stored, w->row_axis.chunk[0] + w->filled * 8, (size_t)n);
}

am_status am_writer_rows_finish(am_run_writer *w, am_error *err)
{
	if (!w->filled)
		return AM_OK;
	clear_rest(w);
	return hand_group(w, err);
}

/* Groups of which every chunk of the field is in the file. */
static int64_t whole_groups(const am_row_field *r)
{
	return r->stored.n_chunks / r->pieces;
}

int64_t am_writer_rows_whole(const am_run_writer *w)
{
	int64_t groups = whole_groups(&w->row_axis);
	for (int f = 0; f < w->n_fields; f++)
		if (w->row[f].chunk && whole_groups(&w->row[f]) < groups)
			groups = whole_groups(&w->row[f]);
	return groups * w->chunk_rows < w->rows ? groups * w->chunk_rows : w->rows;
}

int64_t am_writer_rows_pending(am_run_writer *w)
{
	int64_t sum = 0;
	if (!w->filled)
		return 0;
	clear_rest(w);
	for (int f = 0; f < w->n_fields; f++) {
		am_row_field *r = &w->row[f];
		if (!r->chunk)
			continue;
		pad(w, r);
		for (int i = 0; i < r->pieces; i++)
			sum += am_stored_filtered_size(&r->stored, &w->filter, r->chunk[i]);
	}
	return sum;
}

static void row_field_fini(am_row_field *r)
{
	am_stored_fini(&r->stored);
	for (int i = 0; r->chunk && i < r->pieces; i++)
		am_free(r->chunk[i]);
	am_free(r->chunk);
	r->chunk = NULL;
}

void am_writer_rows_fini(am_run_writer *w)
{
	row_field_fini(&w->row_axis);
	for (int f = 0; w->row && f < w->n_fields; f++)
		row_field_fini(&w->row[f]);
	am_free(w->row);
}

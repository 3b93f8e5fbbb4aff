/* Rows into the open chunks of their fields, and full chunks to the packer. */
#include "base/mem.h"
#include "runfile/writer_state.h"

#include <assert.h>
#include <string.h>

/* ---- into the open groups ---------------------------------------------------- */

/* The rows of a block that go into one open group. */
typedef struct part {
	int slot;
	int64_t at, from, n; /* rows at .. at + n - 1 of the group are from .. from + n - 1 of the block */
} part;

/* From slot -1 and 0 rows on; false after the last of the block's. */
static bool next_part(const am_run_writer *w, int64_t rows, part *p)
{
	p->slot++;
	p->from += p->n;
	p->at = p->slot ? 0 : w->filled;
	p->n = w->chunk_rows - p->at;
	if (p->n > rows - p->from)
		p->n = rows - p->from;
	return p->n > 0;
}

static unsigned char **no_memory(am_run_writer *w, am_error *err)
{
	w->failed = am_fail(err, AM_ERR_MEMORY, "%s: out of memory for rows", w->part ? w->part : "run");
	return NULL;
}

/* The open chunk of a piece; NULL: out of memory, and w->failed tells. */
static unsigned char **open_chunk(am_run_writer *w, am_row_field *r, int slot, int piece, am_error *err)
{
	if (slot >= r->slots) {
		size_t held = (size_t)r->slots * (size_t)r->pieces, room = ((size_t)slot + 1) * (size_t)r->pieces;
		unsigned char **p = am_grow(r->chunk, held * sizeof *p, room, sizeof *p);
		if (!p)
			return no_memory(w, err);
		memset(p + held, 0, (room - held) * sizeof *p);
		r->chunk = p;
		r->slots = slot + 1;
	}
	unsigned char **chunk = &r->chunk[slot * r->pieces + piece];
	if (!*chunk)
		*chunk = am_packer_take(w->packer, am_stored_chunk_bytes(&r->stored));
	return *chunk ? chunk : no_memory(w, err);
}

/* Elements of a whole chunk's layers; the last of a group may be cut off. */
static size_t used_elements(const am_run_writer *w, const am_row_field *r, int piece)
{
	int layers = r->layers - piece * r->piece_layers;
	layers = layers < r->piece_layers ? layers : r->piece_layers;
	return (size_t)layers * r->outer * (size_t)w->chunk_rows * r->inner;
}

/* Hands over a chunk, which lies in the slot-th open group. */
static am_status hand_chunk(am_run_writer *w, am_row_field *r, int slot, int piece, am_error *err)
{
	unsigned char **chunk = &r->chunk[slot * r->pieces + piece];
	int64_t at[AM_MAX_AXES] = {0};
	size_t used = used_elements(w, r, piece);
	am_stored_fill_at(&r->stored, *chunk, used, am_stored_chunk_elements(&r->stored) - used);
	at[0] = piece * r->stored.chunk[0];
	at[r->row_at] = (w->groups + slot) * w->chunk_rows;
	am_status s = am_packer_hand(w->packer, &r->stored, at, *chunk, err);
	*chunk = NULL;
	return w->failed = s;
}

/* What there is of a field. */
typedef struct rows_given {
	const void *data; /* [layers][outer][rows][inner], NULL: missing */
	int first_layer;  /* of data */
	int64_t rows;
	const int32_t *at; /* [rows] which of the block's they are, ascending; NULL: all */
} rows_given;

/* Line `o` of those of a layer, [rows][inner], to a chunk of which it is line `to`. */
static void copy_line(const am_run_writer *w, const am_row_field *r, unsigned char *chunk, size_t to, const rows_given *g,
                      size_t o, const part *p)
{
	size_t unit = r->inner * am_stored_element(&r->stored), at = (to * (size_t)w->chunk_rows + (size_t)p->at) * r->inner;
	const unsigned char *line = g->data ? (const unsigned char *)g->data + o * (size_t)g->rows * unit : NULL;
	if (line && !g->at) {
		am_stored_copy_at(&r->stored, chunk, at, line + (size_t)p->from * unit, (size_t)p->n * r->inner);
		return;
	}
	am_stored_fill_at(&r->stored, chunk, at, (size_t)p->n * r->inner);
	for (int64_t i = 0; line && i < g->rows; i++)
		if (g->at[i] >= p->from && g->at[i] < p->from + p->n)
			am_stored_copy_at(&r->stored, chunk, at + (size_t)(g->at[i] - p->from) * r->inner, line + (size_t)i * unit,
			                  r->inner);
}

static void copy_layers(const am_run_writer *w, const am_row_field *r, unsigned char *chunk, const rows_given *g, int first,
                        int end, const part *p)
{
	size_t to = (size_t)(first % r->piece_layers) * r->outer, o = (size_t)(first - g->first_layer) * r->outer;
	for (size_t i = 0; i < (size_t)(end - first) * r->outer; i++)
		copy_line(w, r, chunk, to + i, g, o + i, p);
}

/* Layers [first, end) of a block's rows to the open groups. A chunk that is full goes on at once, while it is near. */
static am_status put_layers(am_run_writer *w, am_row_field *r, const rows_given *g, int64_t rows, int first, int end,
                            am_error *err)
{
	am_status s = AM_OK;
	for (int l = first, next; l < end; l = next) {
		int piece = l / r->piece_layers, last = (piece + 1) * r->piece_layers;
		next = last < end ? last : end;
		for (part p = {.slot = -1}; !s && next_part(w, rows, &p);) {
			unsigned char **chunk = open_chunk(w, r, p.slot, piece, err);
			if (!chunk)
				return w->failed;
			copy_layers(w, r, *chunk, g, l, next, &p);
			if ((next == last || next == r->layers) && p.at + p.n == w->chunk_rows)
				s = hand_chunk(w, r, p.slot, piece, err);
		}
	}
	return s;
}

/* Fields of selectors; layers from `end` on come later. */
static am_status put_selectors(am_run_writer *w, const am_run_layer *given, int64_t rows, int layer, int end, am_error *err)
{
	am_status s = AM_OK;
	for (int f = AM_FIELD_COUNT; f < w->n_fields && !s; f++) {
		am_row_field *r = &w->row[f];
		int i = f - AM_FIELD_COUNT;
		rows_given g = {.first_layer = layer};
		if (!r->pieces)
			continue;
		s = put_layers(w, r, &g, rows, w->ahead_layers, layer, err);
		if (given && given->sampled_field && given->sampled_field[i])
			g = (rows_given){given->field[i], layer, given->n_sampled, given->sampled};
		else if (given)
			g = (rows_given){given->field[i], layer, rows, NULL};
		if (!s)
			s = put_layers(w, r, &g, rows, layer, end, err);
	}
	return s;
}

am_status am_run_writer_append_layer(am_run_writer *w, int layer_index, const am_run_layer *layer, am_error *err)
{
	am_status s = am_writer_ready(w, err);
	assert(layer_index >= w->ahead_layers && layer_index < w->length[AM_AXIS_LAYER]);
	assert(!w->ahead || w->ahead == layer->n_rows);
	if (s)
		return s;
	s = put_selectors(w, layer, layer->n_rows, layer_index, layer_index + 1, err);
	w->ahead = layer->n_rows;
	w->ahead_layers = layer_index + 1;
	return s;
}

/* ---- all of a block ----------------------------------------------------------- */

static am_status number_rows(am_run_writer *w, int64_t rows, am_error *err)
{
	am_status s = AM_OK;
	for (part p = {.slot = -1}; !s && next_part(w, rows, &p);) {
		unsigned char **chunk = open_chunk(w, &w->row_axis, p.slot, 0, err);
		if (!chunk)
			return w->failed;
		for (int64_t i = 0; i < p.n; i++)
			((int64_t *)(void *)*chunk)[p.at + i] = w->rows + p.from + i;
		if (p.at + p.n == w->chunk_rows)
			s = hand_chunk(w, &w->row_axis, p.slot, 0, err);
	}
	return s;
}

/* Before that group all is handed over. */
static void make_first(am_row_field *r, int64_t group)
{
	size_t row = (size_t)r->pieces * sizeof *r->chunk;
	if (group > 0 && group < r->slots) {
		memcpy(r->chunk, r->chunk + group * r->pieces, row);
		memset(r->chunk + group * r->pieces, 0, row);
	}
}

static void count_rows(am_run_writer *w, int64_t rows)
{
	int64_t groups = (w->filled + rows) / w->chunk_rows;
	make_first(&w->row_axis, groups);
	for (int f = 0; f < w->n_fields; f++)
		make_first(&w->row[f], groups);
	w->rows += rows;
	w->groups += groups;
	w->filled = w->filled + rows - groups * w->chunk_rows;
	w->ahead = w->ahead_layers = 0;
}

am_status am_run_writer_append(am_run_writer *w, const am_run_block *block, am_error *err)
{
	int64_t rows = block->n_rows;
	am_status s = am_writer_ready(w, err);
	assert(!w->ahead || w->ahead == rows);
	if (!s)
		s = number_rows(w, rows, err);
	for (int f = 0; f < AM_FIELD_COUNT && !s; f++)
		if (w->row[f].pieces)
			s = put_layers(w, &w->row[f], &(rows_given){block->field[f], 0, rows, NULL}, rows, 0, w->row[f].layers, err);
	int layers = (int)w->length[AM_AXIS_LAYER];
	if (!s)
		s = put_selectors(w, NULL, rows, layers, layers, err);
	if (!s)
		count_rows(w, rows);
	return s;
}

/* ---- the end ------------------------------------------------------------------ */

/* Rows that were not appended are missing in the first open group. */
static void clear_rest(am_run_writer *w, am_row_field *r)
{
	part rest = {.at = w->filled, .n = w->chunk_rows - w->filled};
	for (int piece = 0; piece < r->pieces && r->slots; piece++) {
		int first = piece * r->piece_layers, end = first + r->piece_layers;
		if (r->chunk[piece])
			copy_layers(w, r, r->chunk[piece], &(rows_given){0}, first, end < r->layers ? end : r->layers, &rest);
	}
}

/* Hands over what the first open group has. */
static am_status finish_field(am_run_writer *w, am_row_field *r, am_error *err)
{
	am_status s = AM_OK;
	clear_rest(w, r);
	for (int piece = 0; piece < r->pieces && r->slots && !s; piece++)
		if (r->chunk[piece])
			s = hand_chunk(w, r, 0, piece, err);
	return s;
}

am_status am_writer_rows_finish(am_run_writer *w, am_error *err)
{
	if (!w->filled)
		return AM_OK;
	am_status s = finish_field(w, &w->row_axis, err);
	for (int f = 0; f < w->n_fields && !s; f++)
		s = finish_field(w, &w->row[f], err);
	if (!s) {
		w->groups++;
		w->filled = 0;
	}
	return s;
}

/* Groups of which every chunk of the field is in the file. Chunks come there as they were handed over, those of the
 * last layers after the others of their rows. */
static int64_t whole_groups(const am_row_field *r)
{
	int64_t n = 0, last = (int64_t)(r->pieces - 1) * r->piece_layers;
	for (int i = 0; i < r->stored.n_chunks; i++)
		n += r->stored.chunks[i].at[0] == last || r->pieces == 1;
	return n;
}

int64_t am_writer_rows_whole(const am_run_writer *w)
{
	int64_t groups = whole_groups(&w->row_axis);
	for (int f = 0; f < w->n_fields; f++)
		if (w->row[f].pieces && whole_groups(&w->row[f]) < groups)
			groups = whole_groups(&w->row[f]);
	return groups * w->chunk_rows < w->rows ? groups * w->chunk_rows : w->rows;
}

int64_t am_writer_rows_pending(am_run_writer *w)
{
	int64_t sum = 0;
	if (!w->filled)
		return 0;
	for (int f = 0; f < w->n_fields; f++) {
		am_row_field *r = &w->row[f];
		clear_rest(w, r);
		for (int i = 0; i < r->pieces && r->slots; i++)
			if (r->chunk[i])
				sum += am_stored_filtered_size(&r->stored, &w->filter, r->chunk[i]);
	}
	return sum;
}

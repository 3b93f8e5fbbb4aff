/* The indexer on a sequence: blocks of rows are taken in layer by layer, and scored. */
#include "base/mem.h"
#include "select/indexer_stages.h"
#include "select/indexer_state.h"

#include <math.h>
#include <string.h>

enum { TILE = 48 }; /* queries of all heads that are held against a chunk of keys at a time */
#define MOST_SCORES ((size_t)16 << 20) /* held at a time: 64 MiB */

static am_status no_memory(am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "indexer: out of memory");
}

/* Rows of a tile of scores. */
static int tile_rows(const am_index_state *x)
{
	return x->form.heads < TILE ? TILE / x->form.heads : 1;
}

am_status am_index_state_room(am_selector *s, am_error *err)
{
	am_index_state *x = s->state;
	size_t rows = (size_t)s->shape.block, heads = (size_t)x->form.heads, dim = (size_t)x->form.dim, f = sizeof(float);
	x->block = (am_index_output){.q = am_calloc(rows * heads, dim * f), .q_scale = am_calloc(rows, heads * f),
	                             .k = am_calloc(rows, dim * f), .k_scale = am_calloc(rows, f), .w = am_calloc(rows, heads * f)};
	x->cos = am_calloc(rows, ((size_t)x->form.rope_dims / 2 + 1) * f);
	x->sin = am_calloc(rows, ((size_t)x->form.rope_dims / 2 + 1) * f);
	bool paired = am_index_paired(&x->form, s->shape.kernels);
	x->pairs = paired ? am_calloc(rows * heads, (dim + dim % 2) * sizeof *x->pairs) : NULL;
	bool all = x->block.q && x->block.q_scale && x->block.k && x->block.k_scale && x->block.w && x->cos && x->sin;
	return all && (x->pairs || !paired) ? AM_OK : no_memory(err);
}

/* Frequencies may depend on the sequence's length. */
am_status am_index_start(am_selector *s, am_error *err)
{
	am_index_state *x = s->state;
	int dims = x->form.rope_dims, n = dims / 2;
	x->holds = x->table_layer = -1;
	for (int l = 0; x->file && dims > 0 && l < s->shape.layers; l++) {
		float *freq = x->layer[l].inv_freq;
		if (x->file->owner[l] != l)
			continue;
		if (!freq && !(freq = x->layer[l].inv_freq = am_calloc((size_t)n, sizeof *freq)))
			return no_memory(err);
		am_status status = x->file->own_rope
		                           ? am_rope_frequencies(&x->file->rope, dims, x->file->max_positions, s->length, freq,
		                                                 &x->rope_factor, err)
		                           : s->shape.rope(s->shape.rope_ctx, l, dims, s->length, freq, err);
		if (status)
			return am_fail_in(err, status, "%s", x->path);
	}
	return AM_OK;
}

void am_index_rewind(am_selector *s, int position)
{
	(void)position;
	am_index_state *x = s->state;
	x->holds = -1; /* keys stay where they are: what comes again is written over */
}

/* cos and sin of the block's positions; layers mostly turn alike. The angle is formed in
 * float32 as the models' own code does. */
static void fill_table(am_index_state *x, int layer, int start, int rows)
{
	int n = x->form.rope_dims / 2;
	const float *freq = x->layer[layer].inv_freq;
	bool same = x->table_layer >= 0 && x->table_start == start && x->table_rows == rows &&
	            (n == 0 || memcmp(freq, x->layer[x->table_layer].inv_freq, (size_t)n * sizeof *freq) == 0);
	for (int r = 0; !same && r < rows; r++)
		for (int i = 0; i < n; i++) {
			float angle = (float)(start + r) * freq[i];
			x->cos[r * n + i] = (float)cos((double)angle) * x->rope_factor;
			x->sin[r * n + i] = (float)sin((double)angle) * x->rope_factor;
		}
	x->table_layer = layer;
	x->table_start = start;
	x->table_rows = rows;
}

/* Captured tensors have every stage behind them but the rounding. */
static am_status take_captured(am_selector *s, am_index_state *x, const am_select_block *b, am_error *err)
{
	if (!b->index_q || !b->index_k || !b->index_w)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "expected an indexer's FILE ('indexer:FILE') or a capture with index queries, keys and weights of this "
		               "layer, found neither");
	if (x->form.heads == 0) {
		x->form.heads = b->index_heads;
		x->form.dim = b->index_dim;
		am_status status = am_index_form_check(&x->form, err);
		if (!status)
			status = am_index_state_room(s, err);
		if (status)
			return status;
	}
	if (b->index_heads != x->form.heads || b->index_dim != x->form.dim)
		return am_fail(err, AM_ERR_FORMAT, "expected index tensors of %d heads of %d as in the layers before, found %d of %d",
		               x->form.heads, x->form.dim, b->index_heads, b->index_dim);
	int heads = x->form.heads, dim = x->form.dim;
	memcpy(x->block.q, b->index_q, (size_t)b->rows * (size_t)heads * (size_t)dim * sizeof(float));
	memcpy(x->block.k, b->index_k, (size_t)b->rows * (size_t)dim * sizeof(float));
	memcpy(x->block.w, b->index_w, (size_t)b->rows * (size_t)heads * sizeof(float));
	for (int r = 0; r < b->rows; r++) {
		float worst = am_index_largest(0, x->block.q + (size_t)r * (size_t)heads * (size_t)dim, heads * dim);
		worst = am_index_largest(worst, x->block.k + (size_t)r * (size_t)dim, dim);
		worst = am_index_largest(worst, x->block.w + (size_t)r * (size_t)heads, heads);
		if (!(worst < AM_INDEX_LIMIT))
			return am_fail(err, AM_ERR_NUMERIC, "token %d: expected captured index tensors below %g in magnitude, found %g",
			               b->start + r, (double)AM_INDEX_LIMIT, (double)worst);
		for (int j = 0; j < heads; j++)
			x->block.q_scale[r * heads + j] = am_index_round(&x->form, x->block.q + ((size_t)r * (size_t)heads + (size_t)j) * (size_t)dim);
		x->block.k_scale[r] = am_index_round(&x->form, x->block.k + (size_t)r * (size_t)dim);
	}
	return AM_OK;
}

static am_status compute(am_selector *s, am_index_state *x, const am_select_block *b, am_threads *threads, am_error *err)
{
	if (!b->x)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: expected the input of the attention, which the indexer reads, found none (without ':FILE' captured "
		               "index tensors are used)", x->path);
	if (x->file->compressed && !b->compressed)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: expected the compressed query of latent attention (%d values a token), which this indexer reads, "
		               "found none", x->path, x->file->c_inputs);
	if (x->file->compressed && b->compressed_dim != x->file->c_inputs)
		return am_fail(err, AM_ERR_FORMAT, "%s: expected a compressed query of %d values a token, found %d", x->path,
		               x->file->c_inputs, b->compressed_dim);
	fill_table(x, b->layer, b->start, b->rows);
	am_index_input in = {.x = b->x, .c = x->file->compressed ? b->compressed : b->x, .cos = x->cos, .sin = x->sin,
	                     .rows = b->rows, .start = b->start};
	am_status status = am_index_forward(&x->form, &x->file->weights[b->layer], &in, s->shape.kernels, threads, &x->work,
	                                    &x->block, err);
	return status ? am_fail_in(err, status, "%s", x->path) : AM_OK;
}

static am_status keep(am_selector *s, am_index_state *x, const am_select_block *b, am_error *err)
{
	am_index_layer *l = &x->layer[b->layer];
	int capacity = s->shape.capacity;
	if (!l->keys)
		l->keys = am_calloc(am_index_key_floats(&x->form, s->shape.kernels, capacity), sizeof *l->keys);
	if (!l->k_scale)
		l->k_scale = am_calloc((size_t)capacity, sizeof *l->k_scale);
	if (!l->keys || !l->k_scale)
		return no_memory(err);
	am_index_keep_keys(&x->form, s->shape.kernels, x->block.k, b->start, b->rows, l->keys);
	if (x->pairs)
		am_index_pair(&x->form, s->shape.kernels, x->block.q, (size_t)b->rows * (size_t)x->form.heads, x->pairs);
	memcpy(l->k_scale + b->start, x->block.k_scale, (size_t)b->rows * sizeof *l->k_scale);
	return AM_OK;
}

static am_index_query query_of(const am_index_state *x, int row)
{
	size_t at = (size_t)row * (size_t)x->form.heads, dim = (size_t)x->form.dim;
	return (am_index_query){x->block.q + at * dim, x->pairs ? x->pairs + at * (dim + dim % 2) : NULL, x->block.q_scale + at,
	                        x->block.w + at};
}

typedef struct score_step {
	const am_selector *s;
	am_index_state *x;
} score_step;

static void score_tile(void *ctx, int tile, int worker)
{
	(void)worker;
	const score_step *step = ctx;
	am_index_state *x = step->x;
	const am_index_layer *l = &x->layer[x->holds];
	int row = tile * tile_rows(x), rows = x->rows - row < tile_rows(x) ? x->rows - row : tile_rows(x);
	am_index_query query = query_of(x, row);
	am_index_scores(&x->form, step->s->shape.kernels, &query, rows, 0, x->form.groups, l->keys, l->k_scale, x->scores_first,
	                x->start + row + rows - x->scores_first, x->scores + (size_t)row * (size_t)x->form.groups * x->stride, x->stride);
}

/* First key that a row of the block sees in any layer that uses these scores. */
static int first_seen(const am_selector *s, const am_index_state *x)
{
	int first = x->start;
	for (int l = 0; l < s->shape.layers; l++) {
		bool uses = x->file ? x->file->owner[l] == x->holds : l == x->holds;
		int window = s->shape.window ? s->shape.window[l] : 0;
		int seen = window > 0 && window <= x->start ? x->start - window + 1 : 0;
		first = uses && seen < first ? seen : first;
	}
	return first;
}

/* All scores of a block in one go: keys that are at hand serve several rows. Where they would be
 * too many, each row is scored when it is asked for, with the same bytes. */
static void score_block(am_selector *s, am_index_state *x, am_threads *threads)
{
	score_step step = {s, x};
	x->scores_first = first_seen(s, x);
	x->stride = ((size_t)(x->start + x->rows - x->scores_first) + 15) / 16 * 16;
	size_t floats = x->stride * (size_t)x->rows * (size_t)x->form.groups;
	x->scored = false;
	if (x->start + x->rows <= s->first_row)
		return; /* none of them will be asked for */
	if (floats > MOST_SCORES)
		return;
	if (floats > x->scores_room) {
		am_free(x->scores);
		x->scores = am_alloc(floats, sizeof *x->scores);
		x->scores_room = x->scores ? floats : 0;
	}
	if (!x->scores)
		return;
	am_threads_run(threads, (x->rows + tile_rows(x) - 1) / tile_rows(x), score_tile, &step);
	x->scored = true;
}

static am_status prepare_own(am_selector *s, am_index_state *x, const am_select_block *b, am_threads *threads, am_error *err)
{
	x->holds = -1;
	am_status status = x->file ? compute(s, x, b, threads, err) : take_captured(s, x, b, err);
	if (!status)
		status = keep(s, x, b, err);
	if (status)
		return status;
	x->holds = b->layer;
	x->start = b->start;
	x->rows = b->rows;
	score_block(s, x, threads);
	return AM_OK;
}

/* A layer without an indexer before it is its own: preparing it tells what is wrong. */
int am_index_source(const am_selector *s, int layer)
{
	const am_index_state *x = s->state;
	int owner = x->file ? x->file->owner[layer] : layer;
	return owner < 0 ? layer : owner;
}

am_status am_index_prepare(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err)
{
	am_index_state *x = s->state;
	am_status status = AM_OK;
	int owner = x->file ? x->file->owner[b->layer] : b->layer;
	if (owner == b->layer)
		status = prepare_own(s, x, b, threads, err);
	else if (owner < 0)
		status = am_fail(err, AM_ERR_FORMAT, "%s: expected an indexer for this layer or one before it, found none", x->path);
	else if (x->holds != owner || x->start != b->start || x->rows != b->rows)
		status = am_fail(err, AM_ERR_UNSUPPORTED, "%s: expected layer %d, whose indexer this one shares, to run before it",
		                 x->path, owner);
	return status ? am_fail_in(err, status, "indexer: layer %d", b->layer) : AM_OK;
}

const float *am_index_scored(const am_selector *s, const am_select_row *row, int set)
{
	const am_index_state *x = s->state;
	if (!x->scored)
		return NULL;
	return x->scores + ((size_t)row->row * (size_t)x->form.groups + (size_t)set) * x->stride + (row->first_key - x->scores_first);
}

void am_index_score(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	(void)worker;
	am_index_state *x = s->state;
	const am_index_layer *l = &x->layer[x->holds];
	const float *scored = am_index_scored(s, row, set);
	if (scored) {
		memcpy(out, scored, (size_t)row->n * sizeof *out);
		return;
	}
	am_index_query query = query_of(x, row->row);
	am_index_scores(&x->form, s->shape.kernels, &query, 1, set, 1, l->keys, l->k_scale, row->first_key, row->n, out, 0);
}


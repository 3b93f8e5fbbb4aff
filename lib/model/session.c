#include "model/attention.h"

#include "base/mem.h"

#include <string.h>

/* 8 MiB of scores: past the second cache, but to stream over captured rows and reduce
 * them again costs more (docs/performance.md). */
enum { TILE_FLOATS = 1 << 21 };

const char *am_compute_name(am_compute dtype)
{
	return dtype == AM_COMPUTE_BF16 ? "bf16" : "f32";
}

static void *count(am_session *s, bool *ok, size_t n, size_t size, void *(*alloc)(size_t n, size_t size))
{
	size_t bytes = 0;
	void *p = *ok && am_mul_size(n, size, &bytes) ? alloc(n, size) : NULL;
	*ok = *ok && p;
	s->scratch_bytes += bytes;
	return p;
}

static void *take(am_session *s, bool *ok, size_t n, size_t size)
{
	return count(s, ok, n, size, am_alloc);
}

static void *take_zeroed(am_session *s, bool *ok, size_t n, size_t size)
{
	return count(s, ok, n, size, am_calloc);
}

static void *take_large(am_session *s, bool *ok, size_t n, size_t size)
{
	return count(s, ok, n, size, am_alloc_large);
}

/* Most inputs of a linear step. */
static size_t widest(const am_config *c)
{
	int inputs = c->hidden > c->intermediate ? c->hidden : c->intermediate;
	return (size_t)(c->heads * c->head_dim > inputs ? c->heads * c->head_dim : inputs);
}

static bool allocate_workers(am_session *s)
{
	const am_config *c = &s->model->config;
	bool ok = true;
	size_t stride = (size_t)am_attention_stride(s->capacity);
	size_t tile = (size_t)s->tile_rows * (size_t)(c->heads / c->kv_heads);
	size_t scores = am_tile_floats(s, tile), rows = (size_t)s->tile_rows * (size_t)c->heads;
	size_t panel = (size_t)AM_PANEL * widest(c), vocab = (size_t)AM_VOCAB_PANEL * (size_t)c->hidden;
	s->worker = am_calloc((size_t)am_threads_count(s->threads), sizeof *s->worker);
	if (!s->worker)
		return false;
	for (int i = 0; i < am_threads_count(s->threads); i++) {
		struct am_worker_scratch *w = &s->worker[i];
		w->score = take(s, &ok, scores, sizeof(float));
		w->weight = take(s, &ok, scores > stride ? scores : stride, sizeof(float));
		w->part_tile = take(s, &ok, tile * (size_t)c->head_dim, sizeof(float));
		w->stream = take(s, &ok, tile, sizeof *w->stream);
		w->q_tile = take(s, &ok, tile * (size_t)c->head_dim, sizeof(float));
		w->out_tile = take(s, &ok, tile * (size_t)c->head_dim, sizeof(float));
		w->sums = take(s, &ok, tile, sizeof *w->sums);
		w->wants = take(s, &ok, tile, sizeof *w->wants);
		w->tallied = take(s, &ok, tile, sizeof *w->tallied);
		w->lanes = take(s, &ok, AM_ROW_LANES(s->capacity), sizeof *w->lanes);
		w->tally = take_zeroed(s, &ok, AM_TALLY, 1);
		w->panel = take(s, &ok, panel > vocab ? panel : vocab, sizeof(float));
		w->row_sums = take(s, &ok, rows, sizeof *w->row_sums);
		w->kept_z = take(s, &ok, rows, sizeof *w->kept_z);
		w->row_wants = take(s, &ok, rows, sizeof *w->row_wants);
		w->row_least = take(s, &ok, rows, sizeof *w->row_least);
		w->rows = take(s, &ok, (size_t)s->tile_rows, sizeof *w->rows);
		w->score_floats = scores;
		w->weight_floats = scores > stride ? scores : stride;
		w->logits = take(s, &ok, (size_t)s->block * AM_VOCAB_PANEL, sizeof(float));
	}
	return ok;
}

static bool allocate(am_session *s)
{
	const am_config *c = &s->model->config;
	bool ok = true;
	size_t b = (size_t)s->block, d = (size_t)c->head_dim;
	size_t cache = (size_t)s->cache_layers * (size_t)c->kv_heads * (size_t)s->capacity;
	s->keys = take_large(s, &ok, cache, d * sizeof(float));
	s->values = take_large(s, &ok, cache, d * sizeof(float));
	s->cache_bytes = s->scratch_bytes;
	s->scratch_bytes = 0;
	if (s->kernels->pack_rows && s->block > 1)
		s->packed_keys = take_large(s, &ok, (size_t)c->kv_heads * am_packed_floats(s), sizeof(float));
	s->x = take(s, &ok, b * (size_t)c->hidden, sizeof(float));
	s->normed = take(s, &ok, b * (size_t)c->hidden, sizeof(float));
	s->q = take(s, &ok, b * (size_t)c->heads * d, sizeof(float));
	s->att = take(s, &ok, b * (size_t)c->heads * d, sizeof(float));
	s->k = take(s, &ok, b * (size_t)c->kv_heads * d, sizeof(float));
	s->v = take(s, &ok, b * (size_t)c->kv_heads * d, sizeof(float));
	s->gate = take(s, &ok, b * (size_t)c->intermediate, sizeof(float));
	s->up = take(s, &ok, b * (size_t)c->intermediate, sizeof(float));
	if (s->dtype == AM_COMPUTE_BF16)
		s->rounded = take(s, &ok, b * (widest(c) + 1), sizeof(float));
	size_t panels = ((size_t)c->vocab + AM_VOCAB_PANEL - 1) / AM_VOCAB_PANEL;
	s->panel_max = take(s, &ok, panels * b, sizeof *s->panel_max);
	s->panel_sum = take(s, &ok, panels * b, sizeof *s->panel_sum);
	s->target_logit = take(s, &ok, b, sizeof(float));
	size_t tables = (size_t)s->n_ropes * b * (d / 2);
	s->cos = take(s, &ok, tables, sizeof(float));
	s->sin = take(s, &ok, tables, sizeof(float));
	size_t heads = (size_t)c->heads;
	s->decode_score = take(s, &ok, heads * (size_t)s->capacity, sizeof(float));
	s->decode_weight = take(s, &ok, heads * (size_t)s->capacity, sizeof(float));
	s->decode_partial = take(s, &ok, (size_t)am_decode_parts(s->capacity) * heads * d, sizeof(float));
	s->decode_wants = take(s, &ok, heads, sizeof *s->decode_wants);
	s->decode_sums = take(s, &ok, heads, sizeof *s->decode_sums);
	s->retained_row = take(s, &ok, b * heads, sizeof *s->retained_row);
	s->retained = take(s, &ok, (size_t)c->layers, sizeof *s->retained);
	s->tile_plan = take(s, &ok, b, 1);
	if (s->retained)
		memset(s->retained, 0, (size_t)c->layers * sizeof *s->retained);
	return ok && allocate_workers(s);
}

static bool same_rope(const am_rope_config *a, const am_rope_config *b)
{
	return a->type == b->type && a->theta == b->theta && a->factor == b->factor &&
	       a->low_freq_factor == b->low_freq_factor && a->high_freq_factor == b->high_freq_factor &&
	       a->original_positions == b->original_positions && a->beta_fast == b->beta_fast &&
	       a->beta_slow == b->beta_slow && a->attention_factor == b->attention_factor &&
	       a->truncate == b->truncate;
}

/* Layers mostly share one rope configuration; each distinct one gets a table. */
static bool set_ropes(am_session *s)
{
	const am_config *c = &s->model->config;
	s->rope_of_layer = am_calloc((size_t)c->layers, sizeof *s->rope_of_layer);
	s->inv_freq = am_calloc((size_t)c->layers * (size_t)(c->head_dim / 2), sizeof *s->inv_freq);
	s->rope_scale = am_calloc((size_t)c->layers, sizeof *s->rope_scale);
	if (!s->rope_of_layer || !s->inv_freq || !s->rope_scale)
		return false;
	for (int l = 0; l < c->layers; l++) {
		int twin = 0;
		while (twin < l && !same_rope(&c->rope[twin], &c->rope[l]))
			twin++;
		s->rope_of_layer[l] = twin < l ? s->rope_of_layer[twin] : s->n_ropes++;
	}
	return true;
}

am_status am_session_start(am_session *s, int index, int length, int prompt, am_error *err)
{
	const am_config *c = &s->model->config;
	size_t half = (size_t)c->head_dim / 2;
	s->position = 0;
	s->index = index;
	s->length = length;
	s->prompt = prompt;
	for (int l = 0; l < c->layers; l++) {
		size_t r = (size_t)s->rope_of_layer[l];
		am_status status = am_rope_frequencies(&c->rope[l], c->head_dim, c->max_positions, length,
		                                       s->inv_freq + r * half, &s->rope_scale[r], err);
		if (status)
			return status;
	}
	return am_followed_start(s, err);
}

am_status am_session_new(const am_model *m, const am_session_options *o, am_session **out, am_error *err)
{
	if (o->capacity < 1 || o->block < 1)
		return am_fail(err, AM_ERR_USAGE,
		               "session: expected capacity and block from 1, found %d and %d", o->capacity, o->block);
	am_session *s = am_calloc(1, sizeof *s);
	if (!s)
		return am_fail(err, AM_ERR_MEMORY, "session: out of memory");
	s->model = m;
	s->threads = o->threads;
	s->kernels = o->kernels;
	s->dtype = o->dtype;
	s->rules = o->rules;
	s->cache_slot = o->cache_slot;
	s->cache_layers = o->cache_slot ? o->cache_layers : m->config.layers;
	s->capacity = o->capacity;
	s->block = o->block < o->capacity ? o->block : o->capacity;
	s->tile_floats = o->tile_floats ? o->tile_floats : TILE_FLOATS;
	s->tile_rows = am_attention_tile_rows(&m->config, s->block);
	am_status status = AM_OK;
	if (!set_ropes(s) || !allocate(s))
		status = am_fail(err, AM_ERR_MEMORY,
		                 "session: out of memory for %d positions (KV cache %zu MB, scratch %zu MB)",
		                 s->capacity, s->cache_bytes >> 20, s->scratch_bytes >> 20);
	if (!status)
		status = am_session_start(s, 0, s->capacity, s->capacity, err);
	if (status) {
		am_session_free(s);
		return status;
	}
	*out = s;
	return AM_OK;
}

void am_session_free(am_session *s)
{
	if (!s)
		return;
	void *blocks[] = {s->keys, s->values, s->packed_keys, s->rope_of_layer, s->inv_freq, s->rope_scale, s->cos, s->sin, s->x,
	                  s->normed, s->q, s->att, s->k, s->v, s->gate, s->up, s->rounded, s->panel_max, s->panel_sum,
	                  s->target_logit, s->decode_score, s->decode_weight, s->decode_partial, s->decode_wants,
	                  s->decode_sums, s->decode_member, s->followed, s->retained_row, s->retained, s->tile_plan};
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
		am_free(blocks[i]);
	for (int i = 0; s->worker && i < am_threads_count(s->threads); i++) {
		struct am_worker_scratch *w = &s->worker[i];
		void *own[] = {w->score, w->weight, w->q_tile, w->out_tile, w->sums, w->wants, w->tallied, w->lanes, w->tally, w->panel, w->logits,
		               w->select, w->index, w->picked_weight, w->part_tile, w->stream, w->kept,
		               w->row_sums, w->kept_z, w->row_wants, w->row_least, w->rows, w->member};
		for (size_t j = 0; j < sizeof own / sizeof own[0]; j++)
			am_free(own[j]);
	}
	am_free(s->worker);
	am_free(s);
}

am_status am_session_set_temperatures(am_session *s, const float *beta, am_error *err)
{
	if (beta && s->rules) /* after a soft cap a factor of the queries is another thing */
		return am_fail(err, AM_ERR_UNSUPPORTED, "temperatures: expected attention without score rules");
	s->beta = beta;
	return AM_OK;
}

int am_session_position(const am_session *s)
{
	return s->position;
}

void am_session_rewind(am_session *s, int position)
{
	if (position >= s->position)
		return;
	s->position = position < 0 ? 0 : position;
	am_followed_rewind(s);
}

/* Gives a position the key and value of an earlier one, so that later rows have
 * plausible scores: without the first, mostly a sink, and no two of them equal. */
static void repeat_position(am_session *s, size_t head, int p)
{
	size_t d = (size_t)s->model->config.head_dim;
	int known = s->position, round = known > 1 ? (p - 1) / (known - 1) : 0;
	size_t from = (head * (size_t)s->capacity + (size_t)(known > 1 ? 1 + (p - 1) % (known - 1) : 0)) * d;
	size_t to = (head * (size_t)s->capacity + (size_t)p) * d;
	for (size_t i = 0; i < d; i++) {
		s->keys[to + i] = known ? s->keys[from + i] * (1 - 0x1p-12f * (float)round) : 0;
		s->values[to + i] = known ? s->values[from + i] : 0;
	}
}

am_status am_session_skip(am_session *s, int position, am_error *err)
{
	if (position <= s->position)
		return AM_OK;
	const am_config *c = &s->model->config;
	size_t heads = (size_t)s->cache_layers * (size_t)c->kv_heads;
	for (size_t h = 0; h < heads; h++)
		for (int p = s->position; p < position; p++)
			repeat_position(s, h, p);
	return am_followed_skip(s, position, err);
}

void am_session_times(const am_session *s, double *attention, double *total)
{
	*attention = s->attention_seconds;
	*total = s->total_seconds;
}

void am_session_memory(const am_session *s, size_t *cache, size_t *scratch)
{
	*cache = s->cache_bytes;
	*scratch = s->scratch_bytes;
}

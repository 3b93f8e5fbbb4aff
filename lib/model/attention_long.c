/* Tiles whose rows do not fit the cache: keys are streamed over in chunks, and every
 * row keeps a running maximum, sum and output, rescaled when the maximum grows. Only
 * rows that the tap wants are kept whole beside it, and reduced again once complete. */
#include "base/mem.h"
#include "model/attention.h"

#include <math.h>
#include <string.h>

enum { CHUNK_STEP = 64 };

/* Keys a chunk: as many as a tile of `floats` scores holds for m rows. */
static int chunk_keys(size_t floats, size_t m)
{
	size_t keys = floats / m / CHUNK_STEP * CHUNK_STEP;
	return keys < 2 * CHUNK_STEP ? CHUNK_STEP : (int)keys - CHUNK_STEP;
}

size_t am_tile_floats(const am_session *s, size_t m)
{
	size_t whole = m * (size_t)am_attention_stride(s->capacity);
	size_t chunk = m * (size_t)am_attention_stride(chunk_keys(s->tile_floats, m));
	return whole <= s->tile_floats ? whole : chunk > s->tile_floats ? chunk : s->tile_floats;
}

/* Most rows of one tile that the tap wants. */
static int most_wanted(const am_attention_step *a)
{
	const am_config *c = &a->s->model->config;
	int group = c->heads / c->kv_heads, most = 0;
	for (int g = 0; g < c->kv_heads; g++)
		for (int tile = 0; tile < a->tiles; tile++) {
			int wanted = 0;
			for (int r = tile * a->s->tile_rows; r < a->rows && r < (tile + 1) * a->s->tile_rows; r++)
				for (int h = 0; h < group; h++)
					wanted += a->tap->wants(a->tap->ctx, a->layer, g * group + h, a->s->position + r) != 0;
			most = wanted > most ? wanted : most;
		}
	return most;
}

am_status am_attention_long_room(const am_attention_step *a, am_error *err)
{
	am_session *s = a->s;
	const am_config *c = &s->model->config;
	int last = s->position + a->rows - 1, keys = last - am_first_key(c, a->layer, last) + a->rows;
	size_t tile = (size_t)s->tile_rows * (size_t)(c->heads / c->kv_heads);
	if (!a->tap || tile * (size_t)am_attention_stride(keys) <= s->tile_floats)
		return AM_OK;
	size_t stride = (size_t)am_attention_stride(last + 1), floats = (size_t)most_wanted(a) * stride;
	for (int i = 0; i < am_threads_count(s->threads); i++) {
		struct am_worker_scratch *w = &s->worker[i];
		if (floats <= w->kept_floats)
			continue;
		am_free(w->kept);
		w->kept = am_alloc(floats, sizeof *w->kept);
		w->kept_floats = w->kept ? floats : 0;
		if (!w->kept)
			return am_fail(err, AM_ERR_MEMORY, "attention: out of memory for %zu MB of captured rows; capture "
			               "fewer (--rows)", floats >> 18);
	}
	return AM_OK;
}

/* Reduces a row's part of a chunk to weights against its own maximum and moves the
 * row's state on: afterwards out * shrink + part * grow is the output so far. */
static void stream_row(am_session *s, struct am_stream_row *row, float *score, int skip, int n, int keys)
{
	am_row_sums sums;
	row->shrink = 1;
	row->grow = 0;
	if (n <= 0) {
		memset(score, 0, (size_t)keys * sizeof *score);
		return;
	}
	s->kernels->row_softmax(score + skip, n, score + skip, &sums);
	memset(score, 0, (size_t)skip * sizeof *score);
	memset(score + skip + n, 0, (size_t)(keys - skip - n) * sizeof *score);
	if (!(sums.z > 0))
		atomic_store_explicit(&s->bad, true, memory_order_relaxed);
	if (sums.max > row->max) {
		row->shrink = expf(row->max - sums.max);
		row->grow = 1;
		row->max = sums.max;
	} else {
		row->grow = expf(sums.max - row->max);
	}
	row->z = row->z * (double)row->shrink + sums.z * (double)row->grow;
}

/* Scores, weights and output of `keys` keys from `at` (counted from the tile's first). */
static void stream_chunk(const am_attention_step *a, const am_tile *t, int at, int keys)
{
	am_session *s = a->s;
	struct am_worker_scratch *w = t->scratch;
	size_t d = (size_t)t->d, stride = (size_t)am_attention_stride(keys);
	size_t kept_stride = (size_t)am_attention_stride(s->position + a->rows);
	am_score_keys(a, t->g, t->key0 + at, keys, t->m, w->q_tile, w->score, stride);
	for (int i = 0; i < t->m; i++) {
		int position = am_tile_position(s, t, i), from = t->key0 + at;
		int lo = am_first_key(&s->model->config, a->layer, position), skip = lo > from ? lo - from : 0;
		int end = position + 1 - from < keys ? position + 1 - from : keys, n = end - skip;
		float *score = w->score + (size_t)i * stride;
		am_soft_cap(s, a->layer, score + skip, n);
		if (w->stream[i].kept >= 0 && n > 0)
			memcpy(w->kept + (size_t)w->stream[i].kept * kept_stride + (from + skip - lo), score + skip,
			       (size_t)n * sizeof *score);
		stream_row(s, &w->stream[i], score, skip, n, keys);
	}
	am_product_nn(s->kernels, t->m, t->d, keys, w->score, (int)stride, t->v + (size_t)at * d, t->d, w->part_tile,
	              t->d, NULL);
	for (int i = 0; i < t->m; i++)
		for (size_t j = (size_t)i * d; j < (size_t)(i + 1) * d; j++)
			w->out_tile[j] = w->out_tile[j] * w->stream[i].shrink + w->part_tile[j] * w->stream[i].grow;
}

static void hand_over_kept(const am_attention_step *a, const am_tile *t, int i)
{
	am_session *s = a->s;
	struct am_worker_scratch *w = t->scratch;
	int position = am_tile_position(s, t, i), lo = am_first_key(&s->model->config, a->layer, position);
	float *score = w->kept + (size_t)w->stream[i].kept * (size_t)am_attention_stride(s->position + a->rows);
	float *weight = w->wants[i] & AM_TAP_SCORES ? w->weight : score;
	am_row_sums sums;
	s->kernels->row_stats(score, position - lo + 1, weight, NULL, &sums);
	am_tile_row r = {score, weight, &sums, lo, position - lo + 1, w->wants[i]};
	am_hand_over(s, a->tap, a->layer, t->first + i / t->group, am_tile_head(t, i), &r, t->worker);
}

void am_attention_long(const am_attention_step *a, const am_tile *t)
{
	am_session *s = a->s;
	struct am_worker_scratch *w = t->scratch;
	int kept = 0, step = chunk_keys(s->tile_floats, (size_t)t->m);
	for (int i = 0; i < t->m; i++)
		w->stream[i] = (struct am_stream_row){.max = -INFINITY, .kept = w->wants[i] ? kept++ : -1};
	memset(w->out_tile, 0, (size_t)t->m * (size_t)t->d * sizeof *w->out_tile);
	for (int at = 0; at < t->keys; at += step)
		stream_chunk(a, t, at, t->keys - at < step ? t->keys - at : step);
	for (int i = 0; i < t->m; i++)
		am_tile_output(s, t, i, w->out_tile + (size_t)i * (size_t)t->d, w->stream[i].z);
	if (atomic_load_explicit(&s->bad, memory_order_relaxed))
		return; /* nothing non-finite reaches a probe */
	for (int i = 0; i < t->m; i++)
		if (w->stream[i].kept >= 0)
			hand_over_kept(a, t, i);
}

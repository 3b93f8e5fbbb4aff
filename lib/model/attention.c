/* Attention of one block and layer: tiles of query rows of all heads that share a
 * key/value head, over the keys any of them sees. A tile is scored by one matrix
 * product, each row is reduced where it lies, and a second product forms the
 * outputs; then wanted rows are handed to the tap. */
#include "model/session.h"

#include <math.h>
#include <string.h>

enum { TILE_BYTES = 2 << 20, TILE_ROWS = 96, MIN_ROWS = 8 };

/* An odd number of cache lines, so that the rows of a tile fall into all sets of the
 * cache. */
int am_attention_stride(int keys)
{
	return ((keys + 15) / 16 | 1) * 16;
}

/* Query positions a tile, so that queries x heads of the group is about TILE_ROWS
 * and the scores stay within TILE_BYTES (near the cache) where keys permit. */
int am_attention_tile_rows(const am_config *c, int capacity, int block)
{
	int group = c->heads / c->kv_heads;
	int by_bytes = (int)(TILE_BYTES / sizeof(float) / (size_t)capacity);
	int rows = TILE_ROWS;
	if (rows > by_bytes)
		rows = by_bytes;
	if (rows < MIN_ROWS)
		rows = MIN_ROWS;
	rows /= group;
	if (rows < 1)
		rows = 1;
	return rows < block ? rows : block;
}

typedef struct attention_step {
	am_session *s;
	int layer, rows, tiles;
	const am_tap *tap;
} attention_step;

/* One tile: query rows first .. first + count - 1 of the block, KV head g. Tile row
 * r * group + h is query first + r of head g * group + h. */
typedef struct tile {
	int g, group, first, count, d;
	int key0, keys; /* union of the rows' visible keys */
	int stride;     /* floats a row of scores takes */
	const float *k, *v;
	float *score, *weight, *q, *out;
} tile;

int am_first_key(const am_config *c, int layer, int position)
{
	int w = c->window[layer];
	return w > 0 && position >= w ? position - w + 1 : 0;
}

void am_scaled_queries(const am_session *s, int row, int g, float *out)
{
	const am_config *c = &s->model->config;
	float scale = 1.0f / sqrtf((float)c->head_dim);
	size_t n = (size_t)(c->heads / c->kv_heads) * (size_t)c->head_dim;
	const float *q = s->q + (size_t)row * (size_t)c->heads * (size_t)c->head_dim + (size_t)g * n;
	for (size_t i = 0; i < n; i++)
		out[i] = q[i] * scale;
}

/* Reduces one row of the tile in place (or into t->weight) and clears what the
 * row does not see. */
static void reduce_row(am_session *s, const tile *t, int i, int lo, int n, bool full, am_row_sums *sums)
{
	float *score = t->score + (size_t)i * (size_t)t->stride;
	float *weight = t->weight + (size_t)i * (size_t)t->stride;
	int skip = lo - t->key0;
	if (full)
		s->kernels->row_stats(score + skip, n, weight + skip, sums);
	else
		s->kernels->row_softmax(score + skip, n, weight + skip, sums);
	memset(weight, 0, (size_t)skip * sizeof *weight);
	memset(weight + skip + n, 0, (size_t)(t->keys - skip - n) * sizeof *weight);
	/* z is NaN for any NaN or +inf score; a row always sees its own key. */
	if (!(sums->z > 0))
		atomic_store_explicit(&s->bad, true, memory_order_relaxed);
}

static void finish_row(am_session *s, const tile *t, int i, const am_row_sums *sums)
{
	const am_config *c = &s->model->config;
	int r = i / t->group, head = t->g * t->group + i % t->group;
	const float *o = t->out + (size_t)i * (size_t)t->d;
	float *att = s->att + ((size_t)(t->first + r) * (size_t)c->heads + (size_t)head) * (size_t)t->d;
	double inv = 1.0 / sums->z;
	for (int j = 0; j < t->d; j++)
		att[j] = (float)((double)o[j] * inv);
}

static void hand_over(const attention_step *a, const tile *t, int i, const am_row_sums *sums,
                      unsigned wants, int worker)
{
	const am_session *s = a->s;
	const am_config *c = &s->model->config;
	int r = t->first + i / t->group, head = t->g * t->group + i % t->group;
	int position = s->position + r, lo = am_first_key(c, a->layer, position);
	size_t at = (size_t)i * (size_t)t->stride + (size_t)(lo - t->key0);
	am_attn_row row = {
		.layer = a->layer, .head = head, .kv_head = t->g, .row = r,
		.position = position, .first_key = lo, .n = position - lo + 1,
		.score = wants & AM_TAP_SCORES ? t->score + at : NULL,
		.weight = t->weight + at, .sums = sums,
		.value = t->v + (size_t)(lo - t->key0) * (size_t)t->d, .value_stride = t->d,
		.output = s->att + ((size_t)r * (size_t)c->heads + (size_t)head) * (size_t)t->d,
		.head_dim = t->d,
	};
	a->tap->observe(a->tap->ctx, worker, &row);
}

static tile tile_of(const attention_step *a, int task, int worker)
{
	am_session *s = a->s;
	const am_config *c = &s->model->config;
	struct am_worker_scratch *w = &s->worker[worker];
	/* Late rows first: they see most keys, so the longest tiles start first. */
	int part = a->tiles - 1 - task / c->kv_heads;
	tile t = {.g = task % c->kv_heads, .group = c->heads / c->kv_heads, .first = part * s->tile_rows,
	          .d = c->head_dim, .score = w->score, .weight = w->score, .q = w->q_tile, .out = w->out_tile};
	t.count = a->rows - t.first < s->tile_rows ? a->rows - t.first : s->tile_rows;
	int from = s->position + t.first;
	t.key0 = am_first_key(c, a->layer, from);
	t.keys = from + t.count - t.key0;
	t.stride = am_attention_stride(t.keys);
	size_t head = ((size_t)a->layer * (size_t)c->kv_heads + (size_t)t.g) * (size_t)s->capacity;
	t.k = s->keys + (head + (size_t)t.key0) * (size_t)t.d;
	t.v = s->values + (head + (size_t)t.key0) * (size_t)t.d;
	return t;
}

static void attention_task(void *ctx, int task, int worker)
{
	const attention_step *a = ctx;
	am_session *s = a->s;
	const am_config *c = &s->model->config;
	tile t = tile_of(a, task, worker);
	int m = t.count * t.group;
	am_row_sums *sums = s->worker[worker].sums;
	unsigned *wants = s->worker[worker].wants;
	unsigned any = 0;
	for (int i = 0; i < m; i++) {
		int head = t.g * t.group + i % t.group;
		wants[i] = 0;
		if (a->tap)
			wants[i] = a->tap->wants(a->tap->ctx, a->layer, head, s->position + t.first + i / t.group);
		any |= wants[i];
	}
	if (any & AM_TAP_SCORES)
		t.weight = s->worker[worker].weight;
	for (int r = 0; r < t.count; r++)
		am_scaled_queries(s, t.first + r, t.g, t.q + (size_t)r * (size_t)t.group * (size_t)t.d);
	am_product_nt(s->kernels, m, t.keys, t.d, t.q, t.d, t.k, t.d, t.score, t.stride);
	for (int i = 0; i < m; i++) {
		int position = s->position + t.first + i / t.group;
		int lo = am_first_key(c, a->layer, position);
		reduce_row(s, &t, i, lo, position - lo + 1, wants[i] != 0, &sums[i]);
	}
	am_product_nn(s->kernels, m, t.d, t.keys, t.weight, t.stride, t.v, t.d, t.out, t.d);
	for (int i = 0; i < m; i++)
		finish_row(s, &t, i, &sums[i]);
	if (atomic_load_explicit(&s->bad, memory_order_relaxed))
		return; /* nothing non-finite reaches a probe */
	for (int i = 0; i < m; i++)
		if (wants[i])
			hand_over(a, &t, i, &sums[i], wants[i], worker);
}

void am_attention(am_session *s, int layer, int rows, const am_tap *tap)
{
	if (rows == 1) {
		am_decode_attention(s, layer, tap);
		return;
	}
	attention_step a = {s, layer, rows, (rows + s->tile_rows - 1) / s->tile_rows, tap};
	am_threads_run(s->threads, a.tiles * s->model->config.kv_heads, attention_task, &a);
}

/* Attention of one block and layer: tiles of query rows of all heads that share a
 * key/value head, over the keys any of them sees. A tile is scored by one matrix
 * product, each row is reduced where it lies and, if it is wanted, handed to the tap; a
 * second product forms the outputs. Rows whose output is wanted are handed over then. */
#include "model/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of scores in a tile: at 4096 keys 36 are 0.6 MB, which a second-level cache holds together with what the products
 * read beside them. */
enum { TILE_ROWS = 36, TILE_MOST = 48 };

/* An odd number of cache lines, so that the rows of a tile fall into all sets of the
 * cache. */
int am_attention_stride(int keys)
{
	return ((keys + 15) / 16 | 1) * 16;
}

int am_attention_tile_rows(const am_config *c, int block)
{
	int group = c->heads / c->kv_heads, best = 1;
	double most = 0;
	/* First the share of a product's rows that is not for nothing, then their number. */
	for (int rows = 1; rows == 1 || rows * group <= TILE_MOST; rows++) {
		int m = rows * group, taken = (m + AM_PRODUCT_ROWS - 1) / AM_PRODUCT_ROWS * AM_PRODUCT_ROWS;
		double share = (double)m / taken;
		bool nearer = abs(m - TILE_ROWS) < abs(best * group - TILE_ROWS);
		if (share > most || (share == most && nearer)) {
			best = rows;
			most = share;
		}
	}
	return best < block ? best : block;
}

int am_first_key(const am_config *c, int layer, int position)
{
	int w = c->window[layer];
	return w > 0 && position >= w ? position - w + 1 : 0;
}

size_t am_cache_at(const am_session *s, int layer, int g, int key)
{
	const am_config *c = &s->model->config;
	size_t slot = (size_t)(s->cache_slot ? s->cache_slot[layer] : layer);
	return ((slot * (size_t)c->kv_heads + (size_t)g) * (size_t)s->capacity + (size_t)key) * (size_t)c->head_dim;
}

float am_score_scale(const am_session *s, int layer)
{
	return s->rules ? s->rules[layer].scale : 1.0f / sqrtf((float)s->model->config.head_dim);
}

void am_soft_cap(const am_session *s, int layer, float *score, int n)
{
	float cap = s->rules ? s->rules[layer].soft_cap : 0;
	if (cap > 0)
		for (int i = 0; i < n; i++)
			score[i] = cap * tanhf(score[i] / cap);
}

void am_scaled_queries(const am_session *s, int layer, int row, int g, float *out)
{
	const am_config *c = &s->model->config;
	float scale = am_score_scale(s, layer);
	size_t n = (size_t)(c->heads / c->kv_heads) * (size_t)c->head_dim;
	const float *q = s->q + (size_t)row * (size_t)c->heads * (size_t)c->head_dim + (size_t)g * n;
	for (size_t i = 0; i < n; i++)
		out[i] = q[i] * scale;
}

int am_tile_position(const am_session *s, const am_tile *t, int i)
{
	return s->position + t->first + i / t->group;
}

int am_tile_head(const am_tile *t, int i)
{
	return t->g * t->group + i % t->group;
}

void am_tile_output(am_session *s, const am_tile *t, int i, const float *out, double z)
{
	size_t heads = (size_t)s->model->config.heads, row = (size_t)(t->first + i / t->group);
	float *att = s->att + (row * heads + (size_t)am_tile_head(t, i)) * (size_t)t->d;
	for (int j = 0; j < t->d; j++)
		att[j] = (float)((double)out[j] / z);
}

am_attn_row am_row_view(const am_session *s, int layer, int row, int head, int lo, const float *score,
                        const float *weight, const am_row_sums *sums)
{
	const am_config *c = &s->model->config;
	int g = head / (c->heads / c->kv_heads);
	return (am_attn_row){
		.layer = layer, .head = head, .kv_head = g, .row = row,
		.position = s->position + row, .first_key = lo, .n = s->position + row - lo + 1,
		.score = score, .weight = weight, .sums = sums,
		.value = s->values + am_cache_at(s, layer, g, lo), .value_stride = c->head_dim, .head_dim = c->head_dim,
	};
}

void am_hand_over(const am_session *s, const am_tap *tap, int layer, int row, int head, int lo,
                  const float *score, const float *weight, const am_row_sums *sums, int worker)
{
	am_attn_row r = am_row_view(s, layer, row, head, lo, score, weight, sums);
	r.output = s->att + ((size_t)row * (size_t)s->model->config.heads + (size_t)head) * (size_t)r.head_dim;
	tap->observe(tap->ctx, worker, &r);
}

/* A row of a tile as it lies there: scores, weights (or the same place) and sums. */
typedef struct tile_row {
	int index, lo, n; /* in the tile; first visible key; visible keys */
	float *score, *weight;
	am_row_sums *sums;
} tile_row;

static void hand_over_early(const am_attention_step *a, const am_tile *t, const tile_row *r, unsigned wanted)
{
	am_attn_row row = am_row_view(a->s, a->layer, t->first + r->index / t->group, am_tile_head(t, r->index), r->lo,
	                              wanted & AM_TAP_SCORES ? r->score : NULL, r->weight, r->sums);
	row.lanes = t->scratch->lanes;
	row.tally = wanted & AM_TAP_MASSES ? t->scratch->tally : NULL;
	a->tap->observe(a->tap->ctx, t->worker, &row);
}

/* Reduces one row of the tile and clears what it does not see. A wanted row goes to the tap
 * at once unless that asks for its output. */
static void reduce_row(const am_attention_step *a, const am_tile *t, const tile_row *r, unsigned wanted)
{
	am_session *s = a->s;
	int skip = r->lo - t->key0;
	if (wanted & AM_TAP_MASSES && !(wanted & AM_TAP_OUTPUT))
		s->kernels->row_tally(r->score, r->n, r->weight, t->scratch->lanes, r->sums, t->scratch->tally);
	else if (wanted)
		s->kernels->row_stats(r->score, r->n, r->weight, t->scratch->lanes, r->sums);
	else
		s->kernels->row_softmax(r->score, r->n, r->weight, r->sums);
	memset(r->weight - skip, 0, (size_t)skip * sizeof *r->weight);
	memset(r->weight + r->n, 0, (size_t)(t->keys - skip - r->n) * sizeof *r->weight);
	/* z is NaN for any NaN or +inf score; a row always sees its own key. */
	if (!(r->sums->z > 0))
		atomic_store_explicit(&s->bad, true, memory_order_relaxed);
	else if (wanted && !(wanted & AM_TAP_OUTPUT))
		hand_over_early(a, t, r, wanted);
}

/* A tile whose scores fit s->tile_floats; wanted[i] are the flags of its rows, `any`
 * of them all together. */
static void whole_tile(const am_attention_step *a, const am_tile *t, const unsigned *wanted, unsigned any)
{
	am_session *s = a->s;
	float *score = t->scratch->score, *weight = any & AM_TAP_SCORES ? t->scratch->weight : score;
	float *out = t->scratch->out_tile;
	am_row_sums *sums = t->scratch->sums;
	size_t stride = (size_t)am_attention_stride(t->keys);
	am_score_keys(a, t->g, t->key0, t->keys, t->m, t->scratch->q_tile, score, stride);
	for (int i = 0; i < t->m; i++) {
		int position = am_tile_position(s, t, i), lo = am_first_key(&s->model->config, a->layer, position);
		size_t at = (size_t)i * stride + (size_t)(lo - t->key0);
		tile_row r = {i, lo, position - lo + 1, score + at, weight + at, &sums[i]};
		am_soft_cap(s, a->layer, r.score, r.n);
		reduce_row(a, t, &r, wanted[i]);
	}
	am_product_nn(s->kernels, t->m, t->d, t->keys, weight, (int)stride, t->v, t->d, out, t->d);
	for (int i = 0; i < t->m; i++)
		am_tile_output(s, t, i, out + (size_t)i * (size_t)t->d, sums[i].z);
	if (atomic_load_explicit(&s->bad, memory_order_relaxed))
		return; /* nothing non-finite reaches a probe */
	for (int i = 0; i < t->m; i++) {
		int lo = am_first_key(&s->model->config, a->layer, am_tile_position(s, t, i));
		size_t at = (size_t)i * stride + (size_t)(lo - t->key0);
		if (wanted[i] & AM_TAP_OUTPUT)
			am_hand_over(s, a->tap, a->layer, t->first + i / t->group, am_tile_head(t, i), lo,
			             wanted[i] & AM_TAP_SCORES ? score + at : NULL, weight + at, &sums[i], t->worker);
	}
}

static am_tile tile_of(const am_attention_step *a, int task, int worker)
{
	am_session *s = a->s;
	const am_config *c = &s->model->config;
	/* Late rows first: they see most keys, so the longest tiles start first. */
	int part = a->tiles - 1 - task / c->kv_heads;
	am_tile t = {.g = task % c->kv_heads, .group = c->heads / c->kv_heads, .first = part * s->tile_rows,
	             .d = c->head_dim, .scratch = &s->worker[worker], .worker = worker};
	t.count = a->rows - t.first < s->tile_rows ? a->rows - t.first : s->tile_rows;
	t.m = t.count * t.group;
	int from = s->position + t.first;
	t.key0 = am_first_key(c, a->layer, from);
	t.keys = from + t.count - t.key0;
	t.k = s->keys + am_cache_at(s, a->layer, t.g, t.key0);
	t.v = s->values + am_cache_at(s, a->layer, t.g, t.key0);
	return t;
}

void am_attention_task(void *ctx, int task, int worker)
{
	const am_attention_step *a = ctx;
	am_session *s = a->s;
	am_tile t = tile_of(a, task, worker);
	unsigned any = 0, *wanted = t.scratch->wants;
	for (int i = 0; i < t.m; i++) {
		wanted[i] = a->tap ? a->tap->wants(a->tap->ctx, a->layer, am_tile_head(&t, i), am_tile_position(s, &t, i)) : 0;
		any |= wanted[i];
	}
	for (int r = 0; r < t.count; r++)
		am_scaled_queries(s, a->layer, t.first + r, t.g, t.scratch->q_tile + (size_t)r * (size_t)t.group * (size_t)t.d);
	if ((size_t)t.m * (size_t)am_attention_stride(t.keys) <= s->tile_floats)
		whole_tile(a, &t, wanted, any);
	else
		am_attention_long(a, &t);
}

am_status am_attention(am_session *s, const am_select_block *block, const am_tap *tap, am_error *err)
{
	int rows = block->rows;
	am_attention_step a = {s, block->layer, rows, (rows + s->tile_rows - 1) / s->tile_rows, tap, block};
	if (rows == 1) {
		am_decode_attention(&a);
		return AM_OK;
	}
	am_status status = am_attention_long_room(&a, err);
	if (!status)
		am_pack_keys(&a);
	if (!status && am_attention_rows_wanted(&a))
		return am_attention_rows(&a, err);
	if (!status)
		am_threads_run(s->threads, a.tiles * s->model->config.kv_heads, am_attention_task, &a);
	return status;
}

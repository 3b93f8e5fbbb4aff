/* Attention of one block and layer: tiles of query rows of all heads that share a
 * key/value head, over the keys any of them sees. A tile is scored by one matrix
 * product, each row is reduced where it lies and, if it is wanted, handed to the tap; a
 * second product forms the outputs, and beside it what masses need. Rows whose output is wanted are handed over then. */
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

int32_t am_reduce_row(const am_attention_step *a, struct am_worker_scratch *w, const am_tile_row *r, int key0, int keys, bool beside)
{
	am_session *s = a->s;
	const am_kernels *k = s->kernels;
	int skip = r->lo - key0;
	int32_t least = 0;
	am_soft_cap(s, a->layer, r->score, r->n);
	if (!r->wanted)
		k->row_softmax(r->score, r->n, r->weight, r->sums);
	else if (!am_early_masses(r->wanted))
		k->row_stats(r->score, r->n, r->weight, w->lanes, r->sums);
	else if (beside)
		least = k->row_weigh(r->score, r->n, r->weight, w->lanes, r->sums);
	else
		k->row_tally(r->score, r->n, r->weight, w->lanes, r->sums, w->tally);
	memset(r->weight - skip, 0, (size_t)skip * sizeof *r->weight);
	memset(r->weight + r->n, 0, (size_t)(keys - skip - r->n) * sizeof *r->weight);
	/* z is NaN for any NaN or +inf score; a row always sees its own key. */
	if (!(r->sums->z > 0))
		atomic_store_explicit(&s->bad, true, memory_order_relaxed);
	return least;
}

static am_attn_row view_of(const am_session *s, int layer, int row, int head, const am_tile_row *r)
{
	const am_config *c = &s->model->config;
	int g = head / (c->heads / c->kv_heads);
	return (am_attn_row){
		.layer = layer, .head = head, .kv_head = g, .row = row,
		.position = s->position + row, .first_key = r->lo, .n = r->n,
		.score = r->wanted & AM_TAP_SCORES ? r->score : NULL, .weight = r->weight, .sums = r->sums,
		.value = s->values + am_cache_at(s, layer, g, r->lo), .value_stride = c->head_dim, .head_dim = c->head_dim,
	};
}

void am_hand_over(const am_session *s, const am_tap *tap, int layer, int row, int head, const am_tile_row *r, int worker)
{
	am_attn_row view = view_of(s, layer, row, head, r);
	view.output = s->att + ((size_t)row * (size_t)s->model->config.heads + (size_t)head) * (size_t)view.head_dim;
	tap->observe(tap->ctx, worker, &view);
	if (r->wanted & AM_TAP_MASSES)
		tap->observe_masses(tap->ctx, worker, &view);
}

void am_hand_over_early(const am_attention_step *a, int row, int head, const am_tile_row *r, bool beside, int worker)
{
	const struct am_worker_scratch *w = &a->s->worker[worker];
	am_attn_row view = view_of(a->s, a->layer, row, head, r);
	view.lanes = w->lanes;
	a->tap->observe(a->tap->ctx, worker, &view);
	if (am_early_masses(r->wanted) && !beside)
		am_hand_over_masses(a, row, head, r, worker);
}

void am_hand_over_masses(const am_attention_step *a, int row, int head, const am_tile_row *r, int worker)
{
	am_attn_row view = view_of(a->s, a->layer, row, head, r);
	view.tally = a->s->worker[worker].tally;
	a->tap->observe_masses(a->tap->ctx, worker, &view);
}

/* A tile whose scores fit s->tile_floats. */
typedef struct whole_tile {
	const am_attention_step *a;
	const am_tile *t;
	float *score, *weight; /* the same where nobody wants the scores */
	size_t stride;
	int tallied; /* rows that are tallied beside the product */
} whole_tile;

static am_tile_row row_of(const whole_tile *w, int i)
{
	const am_session *s = w->a->s;
	int position = am_tile_position(s, w->t, i), lo = am_first_key(&s->model->config, w->a->layer, position);
	size_t at = (size_t)i * w->stride + (size_t)(lo - w->t->key0);
	return (am_tile_row){w->score + at, w->weight + at, &w->t->scratch->sums[i], lo, position - lo + 1, w->t->scratch->wants[i]};
}

static int query_of(const whole_tile *w, int i)
{
	return w->t->first + i / w->t->group;
}

static void row_tallied(void *ctx, int i)
{
	const whole_tile *w = ctx;
	am_tile_row r = row_of(w, i);
	am_hand_over_masses(w->a, query_of(w, i), am_tile_head(w->t, i), &r, w->t->worker);
}

/* Reduces one row of the tile. A wanted row goes to the tap at once unless that asks for its output; its masses
 * follow beside the product, where the table has one for that. */
static void reduce_row(whole_tile *w, int i)
{
	const am_tile *t = w->t;
	am_tile_row r = row_of(w, i);
	bool beside = w->a->s->kernels->gemm_nn_tally;
	int32_t least = am_reduce_row(w->a, t->scratch, &r, t->key0, t->keys, beside);
	if (!r.wanted || r.wanted & AM_TAP_OUTPUT || !(r.sums->z > 0))
		return;
	am_hand_over_early(w->a, query_of(w, i), am_tile_head(t, i), &r, beside, t->worker);
	if (am_early_masses(r.wanted) && beside)
		t->scratch->tallied[w->tallied++] = (am_tally_row){r.weight, r.n, least, i};
}

/* out_tile = weights times values; meanwhile rows are tallied. */
static void sum_values(whole_tile *w)
{
	const am_tile *t = w->t;
	am_tally_rows rows = {t->scratch->tallied, w->tallied, t->scratch->tally, row_tallied, w};
	am_product_nn(w->a->s->kernels, t->m, t->d, t->keys, w->weight, (int)w->stride, t->v, t->d, t->scratch->out_tile, t->d, &rows);
}

/* any: the flags of all rows together. */
static void run_whole(const am_attention_step *a, const am_tile *t, unsigned any)
{
	am_session *s = a->s;
	struct am_worker_scratch *scratch = t->scratch;
	whole_tile w = {.a = a, .t = t, .score = scratch->score, .weight = any & AM_TAP_SCORES ? scratch->weight : scratch->score,
	                .stride = (size_t)am_attention_stride(t->keys)};
	am_score_keys(a, t->g, t->key0, t->keys, t->m, scratch->q_tile, w.score, w.stride);
	for (int i = 0; i < t->m; i++)
		reduce_row(&w, i);
	sum_values(&w);
	for (int i = 0; i < t->m; i++)
		am_tile_output(s, t, i, scratch->out_tile + (size_t)i * (size_t)t->d, scratch->sums[i].z);
	if (atomic_load_explicit(&s->bad, memory_order_relaxed))
		return; /* nothing non-finite reaches a probe */
	for (int i = 0; i < t->m; i++) {
		am_tile_row r = row_of(&w, i);
		if (r.wanted & AM_TAP_OUTPUT)
			am_hand_over(s, a->tap, a->layer, query_of(&w, i), am_tile_head(t, i), &r, t->worker);
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
		run_whole(a, &t, any);
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

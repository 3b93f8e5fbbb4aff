/* Attention of a single token (decode): every cached key is read once, and every
 * value once, or only the selected ones. Keys are split into parts of fixed size, so
 * that the threads share the reading and results do not depend on their number. */
#include "model/attention.h"

#include <math.h>
#include <string.h>

enum { PART = 2048 };

int am_decode_parts(int capacity)
{
	return (capacity + PART - 1) / PART;
}

typedef struct decode_step {
	am_session *s;
	int layer, lo, n; /* first visible key; visible keys */
	const am_tap *tap;
	unsigned *wants;     /* [heads] */
	am_row_sums *sums;   /* [heads] */
	bool observed;       /* the tap wants some head's row */
	bool topk;           /* the row is sparse, its sets the best scores of each head */
	am_select_row row;
} decode_step;

static float *row_of(const am_session *s, float *rows, int head)
{
	return rows + (size_t)head * (size_t)s->capacity;
}

static const float *cache_of(const am_session *s, const float *cache, int layer, int g, int key)
{
	return cache + am_cache_at(s, layer, g, key);
}

/* Task: the keys of one part for the heads of one KV head. */
static void score_part(void *ctx, int task, int worker)
{
	const decode_step *step = ctx;
	am_session *s = step->s;
	const am_config *c = &s->model->config;
	int g = task % c->kv_heads, at = task / c->kv_heads * PART, group = c->heads / c->kv_heads;
	int n = step->n - at < PART ? step->n - at : PART;
	float *q = s->worker[worker].q_tile;
	am_scaled_queries(s, step->layer, 0, g, q);
	s->kernels->decode_scores(q, group, c->head_dim, cache_of(s, s->keys, step->layer, g, step->lo + at), n,
	                          row_of(s, s->decode_score, g * group) + at, s->capacity);
	for (int h = 0; h < group; h++)
		am_soft_cap(s, step->layer, row_of(s, s->decode_score, g * group + h) + at, n);
}

/* Sums the weighted values of k keys into the worker's out_tile and returns the sum of their
 * weights: those of the row `weight`, or anew from the scores against `max` where that is NULL. */
static double gather(const decode_step *step, int head, int worker, const int32_t *index, int k, const float *weight,
                     float max)
{
	am_session *s = step->s;
	const am_config *c = &s->model->config;
	struct am_worker_scratch *w = &s->worker[worker];
	const float *score = row_of(s, s->decode_score, head);
	const float *values = cache_of(s, s->values, step->layer, head / (c->heads / c->kv_heads), step->lo);
	double z = 0;
	memset(w->out_tile, 0, (size_t)c->head_dim * sizeof *w->out_tile);
	for (int at = 0; at < k; at += AM_PICKED) {
		int n = k - at < AM_PICKED ? k - at : AM_PICKED;
		for (int i = 0; i < n; i++)
			w->picked_weight[i] = weight ? weight[index[at + i]] : expf(score[index[at + i]] - max);
		s->kernels->decode_picked(w->picked_weight, index + at, n, c->head_dim, values, w->out_tile);
		z += s->kernels->sum(w->picked_weight, n);
	}
	return z;
}

/* Output over k selected keys alone, renormalised over them. `weight` is the head's row, in the
 * place of its scores only if the largest is selected: its weight is 1. */
static void sparse_output(const decode_step *step, int head, int worker, const int32_t *index, int k,
                          const float *weight)
{
	am_session *s = step->s;
	size_t d = (size_t)s->model->config.head_dim;
	const float *score = row_of(s, s->decode_score, head);
	double z = gather(step, head, worker, index, k, weight, 0);
	s->retained_row[head] = z / step->sums[head].z;
	if (!(z >= AM_KEPT_LEAST)) {
		float max = -INFINITY;
		for (int i = 0; i < k; i++)
			max = score[index[i]] > max ? score[index[i]] : max;
		z = gather(step, head, worker, index, k, NULL, max);
	}
	for (size_t i = 0; i < d; i++)
		s->att[(size_t)head * d + i] = (float)((double)s->worker[worker].out_tile[i] / z);
}

/* The head of a task: threads go through key/value heads of their own as far as there are enough, so
 * that a head finds values of the last one in its processor's cache. */
static int head_of(const am_session *s, int task)
{
	const am_config *c = &s->model->config;
	int group = c->heads / c->kv_heads, threads = am_threads_count(s->threads);
	int first = task / (threads * group) * threads, rest = task % (threads * group);
	int abreast = c->kv_heads - first < threads ? c->kv_heads - first : threads;
	return (first + rest % abreast) * group + rest / abreast;
}

/* Indices of the best scores of a head, by rising index; returns how many. */
static int best_keys(const decode_step *step, int head, int worker)
{
	am_session *s = step->s;
	int k = am_policy_budget(s, step->n);
	s->kernels->row_topk(row_of(s, s->decode_score, head), step->n, k, false, s->worker[worker].index,
	                     s->worker[worker].select);
	return k;
}

/* Task: one head of a sparse row. */
static void sparse_head(void *ctx, int task, int worker)
{
	const decode_step *step = ctx;
	am_session *s = step->s;
	int head = head_of(s, task), k = 0;
	int32_t *index = s->worker[worker].index;
	if (step->topk) {
		k = best_keys(step, head, worker);
	} else {
		const uint32_t *member = s->decode_member + (size_t)am_policy_set(s, head) * (size_t)s->capacity;
		for (int j = 0; j < step->n; j++)
			if (member[j])
				index[k++] = j;
	}
	if (k == step->n) /* the dense output is there */
		s->retained_row[head] = 1;
	else
		sparse_output(step, head, worker, index, k, row_of(s, s->decode_weight, head));
}

/* Task: one set of a sparse row. */
static void select_set(void *ctx, int set, int worker)
{
	const decode_step *step = ctx;
	am_session *s = step->s;
	am_policy_select_set(s, worker, &step->row, set, s->decode_member + (size_t)set * (size_t)s->capacity);
}

/* Task: one head's row of scores. */
static void reduce_head(void *ctx, int task, int worker)
{
	const decode_step *step = ctx;
	am_session *s = step->s;
	int head = head_of(s, task);
	bool alone = step->topk && !step->observed; /* nobody asks for the scores once the best are known */
	float *score = row_of(s, s->decode_score, head), *weight = alone ? score : row_of(s, s->decode_weight, head);
	am_row_sums *sums = &step->sums[head];
	int k = alone ? best_keys(step, head, worker) : 0;
	if (step->wants[head])
		s->kernels->row_stats(score, step->n, weight, NULL, sums);
	else
		s->kernels->row_softmax(score, step->n, weight, sums);
	if (!(sums->z > 0))
		atomic_store_explicit(&s->bad, true, memory_order_relaxed);
	else if (alone)
		sparse_output(step, head, worker, s->worker[worker].index, k, weight);
}

/* Task: the weighted values of one part for the heads of one KV head. */
static void sum_part(void *ctx, int task, int worker)
{
	(void)worker;
	const decode_step *step = ctx;
	am_session *s = step->s;
	const am_config *c = &s->model->config;
	int g = task % c->kv_heads, part = task / c->kv_heads, at = part * PART, group = c->heads / c->kv_heads;
	int n = step->n - at < PART ? step->n - at : PART;
	size_t d = (size_t)c->head_dim;
	float *out = s->decode_partial + ((size_t)part * (size_t)c->heads + (size_t)(g * group)) * d;
	memset(out, 0, (size_t)group * d * sizeof *out);
	s->kernels->decode_values(row_of(s, s->decode_weight, g * group) + at, s->capacity, group, c->head_dim,
	                          cache_of(s, s->values, step->layer, g, step->lo + at), n, out);
}

static void join_parts(const decode_step *step, int parts)
{
	am_session *s = step->s;
	size_t row = (size_t)s->model->config.heads * (size_t)s->model->config.head_dim;
	for (size_t i = 0; i < row; i++) {
		double sum = 0;
		for (int p = 0; p < parts; p++)
			sum += (double)s->decode_partial[(size_t)p * row + i];
		s->att[i] = (float)(sum / step->sums[i / (size_t)s->model->config.head_dim].z);
	}
}

static void decode_dense(decode_step *step)
{
	int parts = am_decode_parts(step->n);
	am_threads_run(step->s->threads, parts * step->s->model->config.kv_heads, sum_part, step);
	join_parts(step, parts);
}

static void decode_sparse(decode_step *step)
{
	am_session *s = step->s;
	int sets = am_selector_sets(s->policy.selector);
	bool whole = false;
	if (!step->topk)
		am_threads_run(s->threads, sets, select_set, step);
	if (am_policy_may_be_whole(s, step->layer, s->position))
		for (int i = 0; i < sets; i++)
			whole |= am_policy_whole(s->decode_member + (size_t)i * (size_t)s->capacity, step->n);
	if (whole && !step->observed)
		decode_dense(step);
	am_threads_run(s->threads, s->model->config.heads, sparse_head, step);
}

/* The tap sees the dense row, whatever is kept of it afterwards. */
static void hand_over(const decode_step *step)
{
	am_session *s = step->s;
	const am_tap *tap = step->tap;
	for (int h = 0; h < s->model->config.heads; h++) {
		am_tile_row r = {row_of(s, s->decode_score, h), row_of(s, s->decode_weight, h), &step->sums[h], step->lo, step->n, step->wants[h]};
		if (r.wanted)
			am_hand_over(s, tap, step->layer, 0, h, &r, 0);
	}
	if (tap && tap->wants_layer && tap->wants_layer(tap->ctx, step->layer, s->position))
		tap->observe_layer(tap->ctx, 0, &step->row);
}

void am_decode_attention(const am_attention_step *a)
{
	am_session *s = a->s;
	const am_config *c = &s->model->config;
	int lo = am_first_key(c, a->layer, s->position), n = s->position + 1 - lo;
	decode_step step = {
		.s = s, .layer = a->layer, .lo = lo, .n = n, .tap = a->tap, .wants = s->decode_wants, .sums = s->decode_sums,
		.row = {.block = a->block, .position = s->position, .first_key = lo, .n = n, .score = s->decode_score,
		        .weight = s->decode_weight, .sums = s->decode_sums, .stride = s->capacity},
	};
	bool sparse = am_policy_sparse(s, a->layer, s->position);
	step.topk = sparse && am_selector_is_topk(s->policy.selector);
	for (int h = 0; h < c->heads; h++) {
		step.wants[h] = a->tap ? a->tap->wants(a->tap->ctx, a->layer, h, s->position) : 0;
		step.observed |= step.wants[h] != 0;
	}
	am_threads_run(s->threads, am_decode_parts(n) * c->kv_heads, score_part, &step);
	am_threads_run(s->threads, c->heads, reduce_head, &step);
	if (atomic_load_explicit(&s->bad, memory_order_relaxed))
		return; /* nothing non-finite reaches a probe */
	if (!sparse || step.observed)
		decode_dense(&step);
	hand_over(&step);
	if (sparse && !(step.topk && !step.observed))
		decode_sparse(&step);
}

/* Attention of a single token (decode): every cached key is read once, and every
 * value once, or only the selected ones. Keys are split into parts of fixed size, so
 * that the threads share the reading and results do not depend on their number. */
#include "model/attention.h"

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

/* Output over the selected keys alone, renormalised over them. Their values are
 * brought together first, so that one call sums them. */
static void select_output(const decode_step *step, int head, int worker)
{
	am_session *s = step->s;
	const am_config *c = &s->model->config;
	struct am_worker_scratch *w = &s->worker[worker];
	const float *weight = row_of(s, s->decode_weight, head);
	int k = s->decode_topk;
	size_t d = (size_t)c->head_dim;
	const float *values = cache_of(s, s->values, step->layer, head / (c->heads / c->kv_heads), step->lo);
	s->kernels->row_topk(row_of(s, s->decode_score, head), step->n, k, false, w->index, w->select);
	for (int i = 0; i < k; i++) {
		w->picked_weight[i] = weight[w->index[i]];
		memcpy(w->picked_value + (size_t)i * d, values + (size_t)w->index[i] * d, d * sizeof *values);
	}
	memset(w->out_tile, 0, d * sizeof *w->out_tile);
	s->kernels->decode_values(w->picked_weight, k, 1, c->head_dim, w->picked_value, k, w->out_tile);
	double z = s->kernels->sum(w->picked_weight, k);
	for (size_t i = 0; i < d; i++)
		s->att[(size_t)head * d + i] = (float)((double)w->out_tile[i] / z);
}

/* Task: one head's row of scores. */
static void reduce_head(void *ctx, int head, int worker)
{
	const decode_step *step = ctx;
	am_session *s = step->s;
	const float *score = row_of(s, s->decode_score, head);
	float *weight = row_of(s, s->decode_weight, head);
	am_row_sums *sums = &step->sums[head];
	if (step->wants[head])
		s->kernels->row_stats(score, step->n, weight, sums);
	else
		s->kernels->row_softmax(score, step->n, weight, sums);
	if (!(sums->z > 0))
		atomic_store_explicit(&s->bad, true, memory_order_relaxed);
	else if (s->decode_topk && s->decode_topk < step->n)
		select_output(step, head, worker);
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

void am_decode_attention(am_session *s, int layer, const am_tap *tap)
{
	const am_config *c = &s->model->config;
	int lo = am_first_key(c, layer, s->position);
	decode_step step = {s, layer, lo, s->position + 1 - lo, tap, s->decode_wants, s->decode_sums};
	for (int h = 0; h < c->heads; h++)
		step.wants[h] = tap ? tap->wants(tap->ctx, layer, h, s->position) : 0;
	int parts = am_decode_parts(step.n);
	am_threads_run(s->threads, parts * c->kv_heads, score_part, &step);
	am_threads_run(s->threads, c->heads, reduce_head, &step);
	if (atomic_load_explicit(&s->bad, memory_order_relaxed))
		return;
	if (!s->decode_topk || s->decode_topk >= step.n) {
		am_threads_run(s->threads, parts * c->kv_heads, sum_part, &step);
		join_parts(&step, parts);
	}
	for (int h = 0; h < c->heads; h++)
		if (step.wants[h])
			am_hand_over(s, tap, layer, 0, h, lo, step.wants[h] & AM_TAP_SCORES ? row_of(s, s->decode_score, h) : NULL,
			             row_of(s, s->decode_weight, h), &step.sums[h], 0);
}

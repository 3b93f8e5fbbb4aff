#include "base/clock.h"
#include "base/mem.h"
#include "kernels/gemm.h"
#include "model/layers.h"
#include "model/session.h"

#include <math.h>
#include <string.h>

static am_status embed(am_session *s, const int32_t *ids, int n, am_error *err)
{
	const am_config *c = &s->model->config;
	const am_tensor *e = s->model->weights.embed;
	for (int r = 0; r < n; r++)
		if (ids[r] < 0 || ids[r] >= c->vocab)
			return am_fail(err, AM_ERR_RANGE, "token %d: id %d outside the vocabulary of %d",
			               s->position + r, ids[r], c->vocab);
	for (int r = 0; r < n; r++) {
		float *x = s->x + (size_t)r * (size_t)c->hidden;
		const float *row = am_weight_rows(s->kernels, e, ids[r], 1, x);
		if (row != x)
			memcpy(x, row, (size_t)c->hidden * sizeof *x);
	}
	return AM_OK;
}

void am_rms_norm(const float *x, const float *w, int n, double eps, float *y)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	float inv = (float)(1.0 / sqrt(sum / n + eps));
	for (int i = 0; i < n; i++)
		y[i] = w[i] * (x[i] * inv);
}

typedef struct norm_step {
	const am_session *s;
	const float *w;
} norm_step;

static void norm_row(void *ctx, int r, int worker)
{
	(void)worker;
	const norm_step *step = ctx;
	const am_config *c = &step->s->model->config;
	size_t at = (size_t)r * (size_t)c->hidden;
	am_rms_norm(step->s->x + at, step->w, c->hidden, c->rms_eps, step->s->normed + at);
}

static void norm(am_session *s, int rows, const float *w)
{
	norm_step step = {s, w};
	am_threads_run(s->threads, rows, norm_row, &step);
}

static void silu_row(void *ctx, int r, int worker)
{
	(void)worker;
	const am_session *s = ctx;
	size_t n = (size_t)s->model->config.intermediate;
	float *gate = s->gate + (size_t)r * n;
	const float *up = s->up + (size_t)r * n;
	s->kernels->silu_gate(gate, up, n);
}

static bool finite_rows(const float *x, size_t n)
{
	float sum = 0; /* x - x is 0 for finite x and NaN otherwise */
	for (size_t i = 0; i < n; i++)
		sum += x[i] - x[i];
	return sum == 0;
}

static am_status attend(am_session *s, int layer, int n, const am_tap *tap, am_error *err)
{
	am_select_block block = am_select_block_of(s, layer, s->position, n);
	am_status status = am_followed_prepare(s, &block, err);
	if (!status && tap && tap->layer_begin)
		status = tap->layer_begin(tap->ctx, &block, s->threads, err);
	return status ? status : am_attention(s, &block, tap, err);
}

am_status am_session_attend_layer(am_session *s, int layer, int n, const am_tap *tap, am_error *err)
{
	const am_config *c = &s->model->config;
	const am_layer_weights *w = &s->model->weights.layers[layer];
	const am_layer_vectors *v = &s->model->vectors[layer];
	int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
	double begin = am_now();
	norm(s, n, v->input_norm);
	am_linear(s, s->normed, n, c->hidden,
	          (am_product[]){{w->q, v->q_bias, s->q, q, false},
	                         {w->k, v->k_bias, s->k, kv, false},
	                         {w->v, v->v_bias, s->v, kv, false}}, 3);
	am_rotate_store(s, layer, n);
	double start = am_now();
	am_status status = attend(s, layer, n, tap, err);
	double end = am_now();
	s->attention_seconds += end - start;
	s->total_seconds += end - begin;
	if (status)
		return status;
	if (atomic_load(&s->bad))
		return am_report_nonfinite(s, layer, "attention scores are", err);
	am_policy_account(s, layer, n);
	if (tap && tap->layer_done)
		status = tap->layer_done(tap->ctx, layer, err);
	s->total_seconds += am_now() - end;
	return status;
}

am_status am_session_finish_layer(am_session *s, int layer, int n, am_error *err)
{
	const am_config *c = &s->model->config;
	const am_layer_weights *w = &s->model->weights.layers[layer];
	const am_layer_vectors *v = &s->model->vectors[layer];
	int q = c->heads * c->head_dim;
	double begin = am_now();
	am_linear(s, s->att, n, q, (am_product[]){{w->o, v->o_bias, s->x, c->hidden, true}}, 1);
	norm(s, n, v->post_norm);
	am_linear(s, s->normed, n, c->hidden,
	          (am_product[]){{w->gate, v->gate_bias, s->gate, c->intermediate, false},
	                         {w->up, v->up_bias, s->up, c->intermediate, false}}, 2);
	am_threads_run(s->threads, n, silu_row, s);
	am_linear(s, s->gate, n, c->intermediate,
	          (am_product[]){{w->down, v->down_bias, s->x, c->hidden, true}}, 1);
	s->total_seconds += am_now() - begin;
	if (!finite_rows(s->x, (size_t)n * (size_t)c->hidden))
		return am_report_nonfinite(s, layer, "hidden state is", err);
	return AM_OK;
}

static am_status output(am_session *s, const am_forward_io *io, int n, am_error *err)
{
	const am_config *c = &s->model->config;
	if (!io->target && !io->logits)
		return AM_OK;
	norm(s, n, s->model->final_norm);
	if (io->target) {
		am_nll(s, n, io->target, io->nll);
		for (int r = 0; r < n; r++)
			if (io->target[r] >= 0 && !(io->nll[r] - io->nll[r] == 0))
				return am_report_nonfinite(s, -1, "output logits are", err);
	}
	if (io->logits)
		am_linear(s, s->normed + (size_t)(n - 1) * (size_t)c->hidden, 1, c->hidden,
		          (am_product[]){{s->model->weights.lm_head, NULL, io->logits, c->vocab, false}}, 1);
	if (io->logits && !finite_rows(io->logits, (size_t)c->vocab))
		return am_report_nonfinite(s, -1, "output logits are", err);
	return AM_OK;
}

am_status am_session_begin(am_session *s, const int32_t *ids, int n, am_error *err)
{
	if (n < 1 || n > s->block)
		return am_fail(err, AM_ERR_USAGE, "forward: expected 1 to %d tokens a block, found %d", s->block, n);
	if (n > s->capacity - s->position)
		return am_fail(err, AM_ERR_RANGE, "forward: %d tokens after %d exceed the cache of %d", n,
		               s->position, s->capacity);
	double start = am_now();
	atomic_store(&s->bad, false);
	am_status status = AM_OK;
	if (s->total_seconds == 0) /* the buffer of one thread is there since am_gemm_init */
		status = am_gemm_room(am_threads_count(s->threads) - 1, err);
	if (!status && ids)
		status = embed(s, ids, n, err);
	if (!status)
		status = am_followed_begin(s, err);
	if (status)
		return status;
	am_rope_block(s, n);
	s->total_seconds += am_now() - start;
	return AM_OK;
}

float *am_session_hidden(am_session *s)
{
	return s->x;
}

am_status am_session_end(am_session *s, const am_forward_io *io, int n, am_status status, am_error *err)
{
	double start = am_now();
	if (!status && io)
		status = output(s, io, n, err);
	am_followed_end(s, n, !status);
	if (!status)
		s->position += n;
	s->total_seconds += am_now() - start;
	return status;
}

am_status am_session_forward(am_session *s, const am_forward_io *io, int n, am_error *err)
{
	am_status status = am_session_begin(s, io->ids, n, err);
	if (status)
		return status;
	for (int layer = 0; layer < s->model->config.layers && !status; layer++) {
		status = am_session_attend_layer(s, layer, n, io->tap, err);
		if (!status)
			status = am_session_finish_layer(s, layer, n, err);
	}
	return am_session_end(s, io, n, status, err);
}

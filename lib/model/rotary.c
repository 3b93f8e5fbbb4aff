/* Rotary positions (rotate-half layout) and the KV cache. */
#include "model/session.h"

#include <math.h>
#include <string.h>

/* The angle is formed in float32, position times frequency, as transformers does:
 * at long range a more exact product would turn the vectors further than the
 * model was trained with. */
void am_rope_block(am_session *s, int rows)
{
	int half = s->model->config.head_dim / 2;
	for (int rope = 0; rope < s->n_ropes; rope++) {
		const float *freq = s->inv_freq + (size_t)rope * (size_t)half;
		size_t base = (size_t)rope * (size_t)s->block * (size_t)half;
		for (int r = 0; r < rows; r++)
			for (int i = 0; i < half; i++) {
				float angle = (float)(s->position + r) * freq[i];
				size_t at = base + (size_t)r * (size_t)half + (size_t)i;
				s->cos[at] = (float)cos((double)angle) * s->rope_scale[rope];
				s->sin[at] = (float)sin((double)angle) * s->rope_scale[rope];
			}
	}
}

static void rotate(float *x, const float *cos, const float *sin, int half)
{
	for (int i = 0; i < half; i++) {
		float a = x[i], b = x[i + half];
		x[i] = a * cos[i] - b * sin[i];
		x[i + half] = b * cos[i] + a * sin[i];
	}
}

typedef struct rotary_step {
	am_session *s;
	int layer;
} rotary_step;

/* Inverse temperatures go into the queries, so that whoever scores them sees the same. */
static void sharpen(const am_session *s, int layer, int head, float *q)
{
	const am_config *c = &s->model->config;
	float beta = s->beta[(size_t)layer * (size_t)c->heads + (size_t)head];
	for (int i = 0; i < c->head_dim; i++)
		q[i] *= beta;
}

static void rotary_row(void *ctx, int r, int worker)
{
	(void)worker;
	const rotary_step *step = ctx;
	am_session *s = step->s;
	const am_config *c = &s->model->config;
	const am_layer_vectors *v = &s->model->vectors[step->layer];
	size_t d = (size_t)c->head_dim, half = d / 2;
	size_t table = ((size_t)s->rope_of_layer[step->layer] * (size_t)s->block + (size_t)r) * half;
	float *q = s->q + (size_t)r * (size_t)c->heads * d;
	float *k = s->k + (size_t)r * (size_t)c->kv_heads * d;
	for (int h = 0; h < c->heads; h++) {
		if (v->q_norm)
			am_rms_norm(q + (size_t)h * d, v->q_norm, c->head_dim, c->rms_eps, q + (size_t)h * d);
		rotate(q + (size_t)h * d, s->cos + table, s->sin + table, (int)half);
		if (s->beta)
			sharpen(s, step->layer, h, q + (size_t)h * d);
	}
	for (int g = 0; g < c->kv_heads; g++) {
		if (v->k_norm)
			am_rms_norm(k + (size_t)g * d, v->k_norm, c->head_dim, c->rms_eps, k + (size_t)g * d);
		rotate(k + (size_t)g * d, s->cos + table, s->sin + table, (int)half);
		size_t slot = (((size_t)step->layer * (size_t)c->kv_heads + (size_t)g) * (size_t)s->capacity +
		               (size_t)(s->position + r)) * d;
		memcpy(s->keys + slot, k + (size_t)g * d, d * sizeof *k);
		memcpy(s->values + slot, s->v + ((size_t)r * (size_t)c->kv_heads + (size_t)g) * d, d * sizeof *k);
	}
}

void am_rotate_store(am_session *s, int layer, int rows)
{
	rotary_step step = {s, layer};
	am_threads_run(s->threads, rows, rotary_row, &step);
}

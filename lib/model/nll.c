/* Negative log-likelihood without a [rows][vocab] matrix: panels of the vocabulary
 * are scored and reduced one by one, then joined in a fixed order. */
#include "model/session.h"

#include <math.h>

typedef struct nll_step {
	am_session *s;
	am_activations x;
	int rows;
	const int32_t *target;
} nll_step;

static void nll_task(void *ctx, int panel, int worker)
{
	const nll_step *step = ctx;
	am_session *s = step->s;
	const am_config *c = &s->model->config;
	struct am_worker_scratch *w = &s->worker[worker];
	int first = panel * AM_VOCAB_PANEL;
	int n = c->vocab - first < AM_VOCAB_PANEL ? c->vocab - first : AM_VOCAB_PANEL;
	am_product_weights(s, &step->x, 0, step->rows, s->model->weights.lm_head, first, n, false, w->logits, n, worker);
	for (int r = 0; r < step->rows; r++) {
		float *logit = w->logits + (size_t)r * (size_t)n;
		int t = step->target[r] - first;
		if (t >= 0 && t < n)
			s->target_logit[r] = logit[t];
		am_row_sums sums;
		s->kernels->row_softmax(logit, n, logit, &sums);
		s->panel_max[(size_t)panel * (size_t)s->block + (size_t)r] = sums.max;
		s->panel_sum[(size_t)panel * (size_t)s->block + (size_t)r] = sums.z;
	}
}

void am_nll(am_session *s, int rows, const int32_t *target, float *nll)
{
	nll_step step = {s, am_activations_of(s, s->normed, rows, s->model->config.hidden), rows, target};
	int panels = (s->model->config.vocab + AM_VOCAB_PANEL - 1) / AM_VOCAB_PANEL;
	am_threads_run(s->threads, panels, nll_task, &step);
	for (int r = 0; r < rows; r++) {
		nll[r] = NAN;
		if (target[r] < 0)
			continue;
		float max = -INFINITY;
		for (int p = 0; p < panels; p++)
			max = fmaxf(max, s->panel_max[(size_t)p * (size_t)s->block + (size_t)r]);
		double z = 0;
		for (int p = 0; p < panels; p++) {
			size_t at = (size_t)p * (size_t)s->block + (size_t)r;
			z += s->panel_sum[at] * exp((double)s->panel_max[at] - (double)max);
		}
		nll[r] = (float)((double)max + log(z) - (double)s->target_logit[r]);
	}
}

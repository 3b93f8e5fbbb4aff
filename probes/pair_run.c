/* A block through both models of a pair, and the distances of its captured rows. */
#include "base/clock.h"
#include "model/layers.h"
#include "probes/pair_internal.h"

#include <math.h>

am_session *am_pair_session(am_pair *p)
{
	return p->session;
}

am_status am_pair_start(am_pair *p, int sequence, am_error *err)
{
	const am_sequence *q = &p->job->sequences.item[sequence];
	am_status s = am_session_start(p->session, sequence, q->n, q->n - q->answer, err);
	if (!s && p->policy.selector && !p->policy.all)
		am_selector_skip(p->policy.selector, q->n - q->answer);
	return s;
}

typedef struct pair_step {
	am_pair *p;
	int layer, captured; /* layer of the model; its index among the captured ones */
	int tiles;
} pair_step;

static void put(const am_pair *p, am_field f, size_t at, double x)
{
	((float *)p->capture->field[f])[at] = (float)x;
}

static void compare_head(const pair_step *step, struct am_pair_worker *w, int slot, int head_index)
{
	am_pair *p = step->p;
	const am_run_axes *x = &p->capture->axes;
	int head = p->capture->heads[head_index];
	am_rescored a = am_rescore_head(w->a, head), b = am_rescore_head(w->b, head);
	am_pair_values v;
	size_t at = ((size_t)step->captured * (size_t)x->n_head + (size_t)head_index) * (size_t)p->n_row + (size_t)slot;
	am_pair_distances(&a, &b, &w->scratch, &v);
	put(p, AM_FIELD_PAIR_KL, at, v.kl);
	put(p, AM_FIELD_PAIR_KL_REVERSE, at, v.kl_reverse);
	put(p, AM_FIELD_PAIR_JS, at, v.js);
	put(p, AM_FIELD_PAIR_TV, at, v.tv);
	put(p, AM_FIELD_PAIR_LOST, at, v.lost);
	put(p, AM_FIELD_PAIR_GAINED, at, v.gained);
	if (x->n_k)
		am_pair_overlaps(p->capture->kernels, &a, &b, x->k, x->n_k, &w->scratch,
		                 (float *)p->capture->field[AM_FIELD_PAIR_OVERLAP] + at * (size_t)x->n_k);
}

/* Task: some captured rows, all heads; late rows, which see most keys, come first. */
static void pair_task(void *ctx, int task, int worker)
{
	const pair_step *step = ctx;
	am_pair *p = step->p;
	struct am_pair_worker *w = &p->worker[worker];
	int first = (step->tiles - 1 - task) * p->rows;
	int count = p->n_row - first < p->rows ? p->n_row - first : p->rows;
	am_rescore_run(w->a, step->layer, p->row + first, count);
	am_rescore_run(w->b, step->layer, p->row + first, count);
	for (int i = 0; i < count; i++) {
		am_rescore_keep(w->a, i);
		am_rescore_keep(w->b, i);
		for (int h = 0; h < p->capture->axes.n_head; h++)
			compare_head(step, w, first + i, h);
	}
}

static void compare_layer(am_pair *p, int layer)
{
	pair_step step = {p, layer, p->capture->layer_index[layer], (p->n_row + p->rows - 1) / p->rows};
	double start = am_now();
	if (step.captured >= 0)
		am_threads_run(p->job->threads, step.tiles, pair_task, &step);
	p->seconds += am_now() - start;
}

/* Captured rows of the block, in order. */
static void find_rows(am_pair *p, bool captured, int n)
{
	p->n_row = 0;
	for (int r = 0; r < n && captured; r++)
		if (p->capture->slot[r] >= 0)
			p->row[p->n_row++] = r;
}

static am_status run_layer(am_pair *p, int layer, int n, const am_tap *tap, am_error *err)
{
	am_session *a = p->job->session, *b = p->session;
	am_status s = am_session_attend_layer(a, layer, n, tap, err);
	if (!s)
		s = am_session_attend_layer(b, layer, n, NULL, err);
	if (s)
		return s;
	if (p->n_row)
		compare_layer(p, layer);
	s = am_session_finish_layer(a, layer, n, err);
	return s ? s : am_session_finish_layer(b, layer, n, err);
}

static void count(am_pair *p, const am_forward_io *io, int n)
{
	const am_run_axes *x = &p->capture->axes;
	const float *kl = p->capture->field[AM_FIELD_PAIR_KL], *reverse = p->capture->field[AM_FIELD_PAIR_KL_REVERSE];
	size_t all = (size_t)x->n_layer * (size_t)x->n_head * (size_t)p->n_row;
	for (int i = 0; i < p->n_row; i++)
		put(p, AM_FIELD_PAIR_NLL, (size_t)i, (double)p->nll[p->row[i]]);
	for (int i = 0; i < n; i++)
		if (io->target[i] >= 0) {
			p->nll_sum += (double)p->nll[i];
			p->predicted++;
		}
	for (size_t i = 0; i < all; i++) {
		p->infinite += isinf(kl[i]) != 0;
		p->infinite_reverse += isinf(reverse[i]) != 0;
	}
	p->compared += (int64_t)all;
}

am_status am_pair_forward(am_pair *p, const am_forward_io *io, int n, am_error *err)
{
	am_session *a = p->job->session, *b = p->session;
	am_forward_io other = {.ids = io->ids, .target = io->target, .nll = p->nll};
	am_status s = am_session_begin(a, io->ids, n, err);
	if (s)
		return s;
	s = am_session_begin(b, io->ids, n, err);
	if (s)
		return am_session_end(a, NULL, n, s, err);
	find_rows(p, io->tap != NULL, n);
	for (int layer = 0; layer < am_model_config(p->model)->layers && !s; layer++)
		s = run_layer(p, layer, n, io->tap, err);
	s = am_session_end(a, io, n, s, err);
	s = am_session_end(b, &other, n, s, err);
	if (!s)
		count(p, io, n);
	return s;
}

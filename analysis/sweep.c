#include "analysis/sweep.h"

#include "base/mem.h"

#include <math.h>

#define LANES 8
#define MOST_LOGS (1 << 20)

int am_segments_set(const am_aggregate *a, int64_t first, int64_t n, am_segment *out)
{
	int count = 0;
	for (int64_t i = 0, to; i < n; i = to) {
		int32_t sequence = a->row_sequence[first + i], bin = a->row_bin[first + i];
		for (to = i + 1; to < n && to - i < AM_SEGMENT_ROWS && a->row_sequence[first + to] == sequence &&
		                 a->row_bin[first + to] == bin;)
			to++;
		if (sequence >= 0)
			out[count++] = (am_segment){i, (int)(to - i), sequence, bin};
	}
	return count;
}

double am_segment_sum(const float *x, int stride, const double *factor, const unsigned char *ok, int n)
{
	double lane[LANES] = {0}, value[AM_SEGMENT_ROWS];
	for (int i = 0; i < n; i++)
		value[i] = ok[i] ? x[(int64_t)i * stride] : 0;
	for (int i = 0; factor && i < n; i++)
		value[i] *= factor[i];
	int i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int c = 0; c < LANES; c++)
			lane[c] += value[i + c];
	for (; i < n; i++)
		lane[0] += value[i];
	for (int c = 1; c < LANES; c++)
		lane[0] += lane[c];
	return lane[0];
}

am_status am_sweep_init(am_sweep *w, const am_aggregate *a, am_rows *rows, bool normalise, am_error *err)
{
	int64_t longest = a->bin_edge[a->n_bin];
	*w = (am_sweep){.a = a, .rows = rows, .segment = am_alloc((size_t)rows->block, sizeof *w->segment)};
	bool ok = w->segment != NULL;
	if (normalise) {
		w->n_inverse_log = longest < MOST_LOGS ? (int)longest + 1 : MOST_LOGS;
		w->inverse_log = am_alloc((size_t)w->n_inverse_log, sizeof *w->inverse_log);
		w->factor = am_alloc((size_t)rows->layers * (size_t)rows->block, sizeof *w->factor);
		ok = ok && w->inverse_log && w->factor;
		for (int n = 0; n < w->n_inverse_log && ok; n++)
			w->inverse_log[n] = n >= 2 ? 1 / log(n) : 0;
	}
	if (!ok)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	return normalise ? am_rows_want_visible(rows, err) : AM_OK;
}

void am_sweep_fini(am_sweep *w)
{
	am_free(w->segment);
	am_free(w->inverse_log);
	am_free(w->factor);
}

static void set_factors(void *ctx, int layer, int worker)
{
	(void)worker;
	am_sweep *w = ctx;
	const int32_t *visible = w->view.visible + layer * w->view.n;
	double *factor = w->factor + layer * w->view.n;
	for (int64_t i = 0; i < w->view.n; i++) {
		int32_t n = visible[i];
		factor[i] = n < 2 ? 0 : n < w->n_inverse_log ? w->inverse_log[n] : 1 / log(n);
	}
}

static void count_nan(am_sweep *w, int64_t *count, const am_segment *g, const float *x)
{
	for (int i = 0; i < g->n; i++)
		*count += isnan(x[(int64_t)i * w->rows->inner]);
}

/* One head of a layer of the band. */
static void add_head(void *ctx, int task, int worker)
{
	(void)worker;
	am_sweep *w = ctx;
	const am_rows_view *v = &w->view;
	int inner = w->rows->inner, n_head = w->rows->n_head, layer = task / n_head, head = task % n_head;
	const float *x = v->x + (size_t)task * (size_t)v->n * (size_t)inner;
	const double *factor = w->factor ? w->factor + layer * v->n : NULL;
	am_tally *tally = NULL;
	if (w->tally)
		tally = w->tally + ((size_t)(v->layer + layer - w->tally_layer) * (size_t)n_head + (size_t)head) *
		                       (size_t)w->a->n_bin * (size_t)inner;
	for (int i = 0; i < w->n_segment; i++) {
		const am_segment *g = &w->segment[i];
		const float *first = x + g->from * inner;
		for (int k = 0; k < 2; k++)
			if (w->sums[k])
				am_sums_add(w->sums[k], layer, head, g, first, w->sums[k]->normalise ? factor + g->from : NULL);
		for (int j = 0; j < inner && tally; j++)
			am_tally_add(&tally[(size_t)g->bin * (size_t)inner + (size_t)j], first + j, inner, g->n);
		if (w->nan)
			count_nan(w, &w->nan[(v->layer + layer) * n_head + head], g, first);
	}
}

static am_status sweep_band(am_sweep *w, int layer, int64_t b, am_error *err)
{
	am_status s = am_rows_band(w->rows, layer, b, &w->view, err);
	if (s)
		return s;
	w->n_segment = am_segments_set(w->a, w->view.first, w->view.n, w->segment);
	if (w->factor)
		am_rows_run(w->rows, w->view.n_layer, set_factors, w);
	am_rows_run(w->rows, w->view.n_layer * w->rows->n_head, add_head, w);
	return AM_OK;
}

am_status am_sweep_run(am_sweep *w, int from, int n, am_error *err)
{
	for (int l = from; l < from + n; l += w->rows->layers) {
		for (int k = 0; k < 2; k++)
			if (w->sums[k])
				am_sums_zero(w->sums[k]);
		for (int64_t b = 0; b < w->rows->n_block; b++) {
			am_status s = sweep_band(w, l, b, err);
			if (s)
				return s;
		}
		for (int k = 0; k < 2; k++)
			if (w->sums[k])
				am_sums_store(w->sums[k], l, w->view.n_layer);
	}
	return AM_OK;
}

/* Means of a statistic, sequence by sequence, and their intervals. */
#include "analysis/sweep.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/* --- sums --------------------------------------------------------------------- */

static size_t sums_size(const am_sums *t)
{
	return (size_t)t->layers * (size_t)t->a->n_head * (size_t)t->a->n_bin * (size_t)t->a->n_sequence * (size_t)t->inner;
}

static size_t slot(const am_sums *t, int layer, int head, int bin, int sequence)
{
	const am_aggregate *a = t->a;
	return ((((size_t)layer * (size_t)a->n_head + (size_t)head) * (size_t)a->n_bin + (size_t)bin) * (size_t)a->n_sequence +
	        (size_t)sequence) * (size_t)t->inner;
}

am_status am_sums_init(am_sums *t, const am_aggregate *a, const am_rows *rows, bool normalise, am_error *err)
{
	size_t cells = (size_t)am_aggregate_cells(a), inner = (size_t)rows->inner;
	*t = (am_sums){.a = a, .layers = rows->layers, .inner = rows->inner, .normalise = normalise};
	t->sum = am_alloc(sums_size(t), sizeof *t->sum);
	t->count = am_alloc(sums_size(t), sizeof *t->count);
	t->means = (am_means){.inner = rows->inner,
	                      .value = am_alloc(cells * inner, (size_t)a->n_sequence * sizeof *t->means.value),
	                      .n_rows = am_calloc(cells, sizeof *t->means.n_rows)};
	if (t->sum && t->count && t->means.value && t->means.n_rows)
		return AM_OK;
	return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
}

void am_sums_fini(am_sums *t)
{
	am_free(t->sum);
	am_free(t->count);
	am_means_fini(&t->means);
}

void am_sums_zero(am_sums *t)
{
	memset(t->sum, 0, sums_size(t) * sizeof *t->sum);
	memset(t->count, 0, sums_size(t) * sizeof *t->count);
}

void am_sums_add(am_sums *t, int layer, int head, const am_segment *g, const float *x, const double *factor)
{
	unsigned char ok[AM_SEGMENT_ROWS];
	size_t at = slot(t, layer, head, g->bin, g->sequence);
	for (int j = 0; j < t->inner; j++) {
		int count = 0;
		for (int i = 0; i < g->n; i++)
			ok[i] = !isnan(x[(int64_t)i * t->inner + j]);
		for (int i = 0; factor && i < g->n; i++)
			ok[i] &= factor[i] != 0;
		for (int i = 0; i < g->n; i++)
			count += ok[i];
		t->count[at + (size_t)j] += count;
		t->sum[at + (size_t)j] += am_segment_sum(x + j, t->inner, factor, ok, g->n);
	}
}

static double *values_of(const am_aggregate *a, const am_means *m, int inner, int cell)
{
	return m->value + ((size_t)inner * am_aggregate_cells(a) + cell) * a->n_sequence;
}

void am_sums_store(am_sums *t, int layer, int n)
{
	const am_aggregate *a = t->a;
	am_means *m = &t->means;
	for (int i = 0; i < n * a->n_head * a->n_bin; i++) {
		int b = i % a->n_bin, h = i / a->n_bin % a->n_head, l = i / a->n_bin / a->n_head;
		int cell = am_aggregate_cell(a, b, layer + l, h);
		for (int s = 0; s < a->n_sequence; s++) {
			size_t at = slot(t, l, h, b, s);
			m->n_rows[cell] += t->count[at];
			for (int j = 0; j < t->inner; j++)
				values_of(a, m, j, cell)[s] = t->count[at + j] ? t->sum[at + j] / t->count[at + j] : NAN;
		}
	}
}

/* --- means of layers and of all --------------------------------------------------- */

/* value[to] = mean over cells from[0 .. n) with stride 1, sequence by sequence. */
static void average_cells(const am_aggregate *a, am_means *m, int to, int from, int n)
{
	for (int c = 0; c < n; c++)
		m->n_rows[to] += m->n_rows[from + c];
	for (int j = 0; j < m->inner; j++)
		for (int s = 0; s < a->n_sequence; s++) {
			double sum = 0;
			int count = 0;
			for (int c = 0; c < n; c++) {
				double v = values_of(a, m, j, from + c)[s];
				if (!isnan(v)) {
					sum += v;
					count++;
				}
			}
			values_of(a, m, j, to)[s] = count ? sum / count : NAN;
		}
}

void am_means_average(const am_aggregate *a, am_means *m)
{
	for (int b = 0; b < a->n_bin; b++) {
		for (int l = 0; l < a->n_layer; l++)
			average_cells(a, m, am_aggregate_cell(a, b, l, -1), am_aggregate_cell(a, b, l, 0), a->n_head);
		average_cells(a, m, am_aggregate_cell(a, b, -1, -1), am_aggregate_cell(a, b, 0, -1), a->n_layer);
	}
}

void am_means_fini(am_means *m)
{
	am_free(m->value);
	am_free(m->n_rows);
	*m = (am_means){0};
}

am_status am_aggregate_intervals(const am_aggregate *a, const am_means *m, am_interval **out, am_error *err)
{
	int cells = am_aggregate_cells(a);
	am_interval *ci = am_alloc((size_t)m->inner * (size_t)cells, sizeof *ci);
	am_status s = ci ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	for (int i = 0; i < m->inner * cells && !s; i++)
		ci[i] = (am_interval){NAN, NAN};
	for (int i = 0; i < m->inner * a->n_bin && !s; i++) {
		int j = i / a->n_bin, b = i % a->n_bin, last = am_aggregate_cell(a, b, -1, -1);
		int from = a->options.level == AM_LEVEL_HEAD    ? am_aggregate_cell(a, b, 0, 0)
		           : a->options.level == AM_LEVEL_LAYER ? am_aggregate_cell(a, b, 0, -1)
		                                                : last;
		s = am_bootstrap_intervals(values_of(a, m, j, from), last - from + 1, a->task, a->n_sequence,
		                           a->n_task, a->options.resamples, a->options.seed,
		                           ci + (size_t)j * cells + from, err);
	}
	if (s)
		am_free(ci);
	else
		*out = ci;
	return s;
}

/* Means of a statistic, sequence by sequence, and their intervals. */
#include "analysis/aggregate.h"

#include "base/mem.h"

#include <math.h>

/* Sums of one layer: [head][bin][sequence][inner]. */
typedef struct sums {
	int inner;
	size_t n;
	double *sum;
	int64_t *count;
	int64_t nan; /* of the run so far */
	int nan_layer, nan_head;
} sums;

static size_t slot(const am_aggregate *a, int inner, int head, int bin, int sequence)
{
	return (((size_t)head * (size_t)a->n_bin + (size_t)bin) * (size_t)a->n_sequence + (size_t)sequence) *
	       (size_t)inner;
}

/* One head's rows of a block; factor[row] as in layer_factors, or NULL. */
static void add_rows(const am_aggregate *a, sums *t, int layer, int head, const float *x, int64_t first,
                     int64_t n, const double *factor)
{
	for (int64_t i = 0; i < n; i++, x += t->inner) {
		int64_t row = first + i;
		double f = factor ? factor[row] : 1;
		if (a->row_sequence[row] < 0 || f == 0)
			continue;
		if (isnan(x[0]) && !t->nan++) {
			t->nan_layer = layer;
			t->nan_head = head;
		}
		size_t at = slot(a, t->inner, head, a->row_bin[row], a->row_sequence[row]);
		for (int j = 0; j < t->inner; j++)
			if (!isnan(x[j])) {
				t->sum[at + j] += x[j] * f;
				t->count[at + j]++;
			}
	}
}

/* 1 / ln n for the rows of a layer, 0 where n < 2. */
static am_status layer_factors(const am_aggregate *a, int layer, double *factor, am_error *err)
{
	int32_t *visible = am_alloc((size_t)a->n_rows, sizeof *visible);
	if (!visible)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	int64_t start[] = {layer, 0}, count[] = {1, a->n_rows};
	am_status s = am_run_read_i32(a->run, AM_FIELD_ROW_VISIBLE, start, count, visible, err);
	for (int64_t i = 0; i < a->n_rows && !s; i++)
		factor[i] = visible[i] >= 2 ? 1 / log(visible[i]) : 0;
	am_free(visible);
	return s;
}

static am_status sum_layer(am_aggregate *a, am_rows *rows, int layer, double *factor, sums *t, am_error *err)
{
	if (factor) {
		am_status s = layer_factors(a, layer, factor, err);
		if (s)
			return s;
	}
	for (size_t i = 0; i < t->n; i++) {
		t->sum[i] = 0;
		t->count[i] = 0;
	}
	for (int64_t b = 0; b < rows->n_block; b++) {
		const float *x;
		int64_t first, n;
		am_status s = am_rows_get(rows, layer, b, &x, &first, &n, err);
		if (s)
			return s;
		for (int h = 0; h < a->n_head; h++)
			add_rows(a, t, layer, h, x + (size_t)h * (size_t)n * (size_t)t->inner, first, n, factor);
	}
	return AM_OK;
}

static double *values_of(const am_aggregate *a, const am_means *m, int inner, int cell)
{
	return m->value + ((size_t)inner * am_aggregate_cells(a) + cell) * a->n_sequence;
}

static void store_layer(const am_aggregate *a, const sums *t, int layer, am_means *m)
{
	for (int h = 0; h < a->n_head; h++)
		for (int b = 0; b < a->n_bin; b++) {
			int cell = am_aggregate_cell(a, b, layer, h);
			for (int s = 0; s < a->n_sequence; s++) {
				size_t at = slot(a, t->inner, h, b, s);
				m->n_rows[cell] += t->count[at];
				for (int j = 0; j < t->inner; j++)
					values_of(a, m, j, cell)[s] = t->count[at + j] ? t->sum[at + j] / t->count[at + j] : NAN;
			}
		}
}

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

static am_status fill(am_aggregate *a, am_rows *rows, double *factor, sums *t, am_means *m, am_error *err)
{
	for (int l = 0; l < a->n_layer; l++) {
		am_status s = sum_layer(a, rows, l, factor, t, err);
		if (s)
			return s;
		store_layer(a, t, l, m);
	}
	am_means_average(a, m);
	return AM_OK;
}

am_status am_aggregate_means(am_aggregate *a, am_rows *rows, am_means_kind kind, am_means *out, am_error *err)
{
	size_t cells = (size_t)am_aggregate_cells(a), inner = (size_t)rows->inner;
	sums t = {.inner = rows->inner, .n = slot(a, rows->inner, a->n_head, 0, 0)};
	t.sum = am_alloc(t.n, sizeof *t.sum);
	t.count = am_alloc(t.n, sizeof *t.count);
	am_means m = {.inner = rows->inner,
	              .value = am_alloc(cells * inner, (size_t)a->n_sequence * sizeof *m.value),
	              .n_rows = am_calloc(cells, sizeof *m.n_rows)};
	bool normalise = kind == AM_MEANS_NORMALISED;
	double *factor = normalise ? am_alloc((size_t)a->n_rows, sizeof *factor) : NULL;
	am_status s;
	if (t.sum && t.count && m.value && m.n_rows && (factor || !normalise))
		s = fill(a, rows, factor, &t, &m, err);
	else
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	if (!s && t.nan && kind == AM_MEANS_PLAIN)
		am_aggregate_warn_nan(a, rows->field, t.nan, t.nan_layer, t.nan_head);
	am_free(t.sum);
	am_free(t.count);
	am_free(factor);
	if (s)
		am_means_fini(&m);
	else
		*out = m;
	return s;
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

/* Negative log-likelihood by sequence, of the whole texts or of the captured rows. */
#include "analysis/paired_means.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define CHUNK ((int64_t)1 << 16) /* rows at once */

static am_status read_sequences(const am_aggregate *a, am_run *const *run, int n_run, double *value, am_error *err)
{
	int64_t start = 0, n = a->n_sequence;
	float *x = am_alloc((size_t)n, sizeof *x);
	am_status s = x ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	for (int r = 0; r < n_run && !s; r++) {
		s = am_run_read_f32(run[r], AM_FIELD_SEQUENCE_NLL, &start, &n, x, err);
		for (int64_t i = 0; i < n && !s; i++)
			value[r * n + i] = x[i];
	}
	am_free(x);
	/* A sequence that one run has no value for has none in the others. */
	for (int64_t i = 0; i < n * n_run && !s; i++)
		for (int r = 0; r < n_run; r++)
			if (isnan(value[r * n + i % n]))
				value[i] = NAN;
	return s;
}

/* Adds rows [first, first + n); x[r] holds their values in run r. */
static void add_rows(const am_aggregate *a, const float *const *x, int n_run, int64_t first, int64_t n,
                     double *sum, int64_t *count)
{
	size_t cells = (size_t)a->n_bin * (size_t)a->n_sequence;
	for (int64_t i = 0; i < n; i++) {
		int32_t sequence = a->row_sequence[first + i];
		bool ok = sequence >= 0;
		for (int r = 0; r < n_run; r++)
			ok = ok && !isnan(x[r][i]);
		if (!ok)
			continue;
		size_t at = (size_t)a->row_bin[first + i] * (size_t)a->n_sequence + (size_t)sequence;
		for (int r = 0; r < n_run; r++)
			sum[(size_t)r * cells + at] += x[r][i];
		count[at]++;
	}
}

static am_status read_rows(const am_aggregate *a, am_run *const *run, int n_run, double *value, am_error *err)
{
	size_t cells = (size_t)a->n_bin * (size_t)a->n_sequence;
	float *x = am_alloc((size_t)n_run * CHUNK, sizeof *x);
	int64_t *count = am_calloc(cells, sizeof *count);
	am_status s = x && count ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	for (size_t i = 0; i < cells * (size_t)n_run; i++)
		value[i] = 0;
	for (int64_t first = 0, n; first < a->n_rows && !s; first += n) {
		const float *v[AM_PAIRED_RUNS];
		n = a->n_rows - first < CHUNK ? a->n_rows - first : CHUNK;
		for (int r = 0; r < n_run && !s; r++) {
			v[r] = x + r * CHUNK;
			s = am_run_read_f32(run[r], AM_FIELD_ROW_NLL, &first, &n, x + r * CHUNK, err);
		}
		if (!s)
			add_rows(a, v, n_run, first, n, value, count);
	}
	for (size_t i = 0; i < cells * (size_t)n_run && !s; i++)
		value[i] = count[i % cells] ? value[i] / (double)count[i % cells] : NAN;
	am_free(x);
	am_free(count);
	return s;
}

am_status am_paired_nll(const am_aggregate *a, am_run *const *run, int n_run, double *value, bool *of_rows,
                        am_error *err)
{
	bool whole = a->n_bin == 1 && a->options.min_position <= 0;
	for (int r = 0; r < n_run; r++)
		whole = whole && am_run_has(run[r], AM_FIELD_SEQUENCE_NLL) &&
		        am_run_axis_length(run[r], AM_AXIS_SEQUENCE) == a->n_sequence;
	*of_rows = !whole;
	return whole ? read_sequences(a, run, n_run, value, err) : read_rows(a, run, n_run, value, err);
}

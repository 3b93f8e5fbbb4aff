#include "analysis/paired_means.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)4 << 20) /* of one run's values of one index */
#define CHUNK 256
#define LANES 8

typedef struct pass {
	const am_aggregate *a;
	const am_paired_field *f;
	am_rows rows[AM_PAIRED_RUNS];
	double *factor[AM_PAIRED_RUNS]; /* [n_rows] of the layer at hand; NULL where none is normalised */
	int32_t *visible;               /* [n_rows] */
	size_t n;                       /* sums a run: [head][bin][sequence][inner] */
	double *sum[AM_PAIRED_RUNS];
	int64_t *count;
	int64_t n_nan;
} pass;

/* --- sums of rows --------------------------------------------------------- */

/* ok[n]: whether a row counts in every run. */
static int64_t find_sound(const pass *p, const float *const *x, const int *stride, bool scaled, int64_t row,
                          int n, unsigned char *ok)
{
	int64_t count = 0;
	memset(ok, 1, (size_t)n);
	for (int r = 0; r < p->f->n_run; r++) {
		const float *v = x[r];
		int step = stride[r];
		for (int i = 0; i < n; i++)
			ok[i] &= v[(int64_t)i * step] == v[(int64_t)i * step];
		for (int i = 0; scaled && i < n; i++)
			ok[i] &= p->factor[r][row + i] != 0;
	}
	for (int i = 0; i < n; i++)
		count += ok[i];
	return count;
}

/* Independent lanes, so that additions need not wait for each other. */
static double sum_sound(const float *x, int stride, const double *factor, const unsigned char *ok, int n)
{
	double lane[LANES] = {0}, value[CHUNK];
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

/* Rows of one head, sequence and bin: x[r] is the first row's value in run r. */
static void add_segment(pass *p, const float *const *x, const int *stride, bool scaled, int64_t row, int64_t n,
                        size_t at)
{
	unsigned char ok[CHUNK];
	for (int64_t i = 0; i < n; i += CHUNK) {
		int size = n - i < CHUNK ? (int)(n - i) : CHUNK;
		const float *v[AM_PAIRED_RUNS];
		for (int r = 0; r < p->f->n_run; r++)
			v[r] = x[r] + i * stride[r];
		int64_t sound = find_sound(p, v, stride, scaled, row + i, size, ok);
		p->count[at] += sound;
		p->n_nan += scaled ? 0 : size - sound;
		for (int r = 0; r < p->f->n_run; r++)
			p->sum[r][at] += sum_sound(v[r], stride[r], scaled ? p->factor[r] + row + i : NULL, ok, size);
	}
}

/* Rows [first, first + n) of every head; data[r] is [n_head][n][inner of run r]. */
static void add_block(pass *p, const float *const *data, int64_t first, int64_t n)
{
	const am_aggregate *a = p->a;
	const am_paired_field *f = p->f;
	int stride[AM_PAIRED_RUNS];
	for (int r = 0; r < f->n_run; r++)
		stride[r] = p->rows[r].inner;
	for (int64_t from = first, to; from < first + n; from = to) {
		int32_t sequence = a->row_sequence[from], bin = a->row_bin[from];
		for (to = from + 1; to < first + n && a->row_sequence[to] == sequence && a->row_bin[to] == bin;)
			to++;
		for (int h = 0; h < a->n_head && sequence >= 0; h++)
			for (int j = 0; j < f->n_inner; j++) {
				const float *x[AM_PAIRED_RUNS];
				for (int r = 0; r < f->n_run; r++)
					x[r] = data[r] + (h * n + from - first) * stride[r] + f->inner[r][j];
				size_t at = ((size_t)h * (size_t)a->n_bin + (size_t)bin) * (size_t)a->n_sequence +
				            (size_t)sequence;
				add_segment(p, x, stride, f->kind[j] == AM_MEANS_NORMALISED, from, to - from,
				            at * (size_t)f->n_inner + (size_t)j);
			}
	}
}

/* 1 / ln n of a layer's rows, 0 where n < 2. */
static am_status set_factors(pass *p, int layer, am_error *err)
{
	for (int r = 0; r < p->f->n_run && p->factor[r]; r++) {
		int64_t start[] = {layer, 0}, count[] = {1, p->a->n_rows};
		am_status s = am_run_read_i32(p->f->run[r], AM_FIELD_ROW_VISIBLE, start, count, p->visible, err);
		if (s)
			return s;
		for (int64_t i = 0; i < p->a->n_rows; i++)
			p->factor[r][i] = p->visible[i] >= 2 ? 1 / log(p->visible[i]) : 0;
	}
	return AM_OK;
}

static am_status sum_layer(pass *p, int layer, am_error *err)
{
	am_status s = set_factors(p, layer, err);
	for (int r = 0; r < p->f->n_run; r++)
		memset(p->sum[r], 0, p->n * sizeof *p->sum[r]);
	memset(p->count, 0, p->n * sizeof *p->count);
	for (int64_t b = 0; b < p->rows[0].n_block && !s; b++) {
		const float *data[AM_PAIRED_RUNS];
		int64_t first = 0, n = 0;
		for (int r = 0; r < p->f->n_run && !s; r++)
			s = am_rows_get(&p->rows[r], layer, b, &data[r], &first, &n, err);
		if (!s)
			add_block(p, data, first, n);
	}
	return s;
}

/* --- from sums to means --------------------------------------------------- */

static void store_layer(const pass *p, int layer, am_means *out)
{
	const am_aggregate *a = p->a;
	size_t cells = (size_t)am_aggregate_cells(a), S = (size_t)a->n_sequence, I = (size_t)p->f->n_inner;
	for (int h = 0; h < a->n_head; h++)
		for (int b = 0; b < a->n_bin; b++) {
			size_t cell = (size_t)am_aggregate_cell(a, b, layer, h);
			size_t from = ((size_t)h * (size_t)a->n_bin + (size_t)b) * S * I;
			for (size_t i = 0; i < S * I; i++) {
				int64_t n = p->count[from + i];
				for (int r = 0; r < p->f->n_run; r++) {
					out[r].n_rows[cell] += i % I ? 0 : n;
					out[r].value[(i % I * cells + cell) * S + i / I] = n ? p->sum[r][from + i] / (double)n : NAN;
				}
			}
		}
}

static am_status pass_open(pass *p, am_error *err)
{
	const am_aggregate *a = p->a;
	const am_paired_field *f = p->f;
	bool normalise = false;
	for (int j = 0; j < f->n_inner; j++)
		normalise = normalise || f->kind[j] == AM_MEANS_NORMALISED;
	p->n = (size_t)a->n_head * (size_t)a->n_bin * (size_t)a->n_sequence * (size_t)f->n_inner;
	p->count = am_alloc(p->n, sizeof *p->count);
	p->visible = normalise ? am_alloc((size_t)a->n_rows, sizeof *p->visible) : NULL;
	bool room = p->count && (p->visible || !normalise);
	for (int r = 0; r < f->n_run; r++) {
		int64_t shape[AM_MAX_AXES];
		size_t inner = am_run_shape(f->run[r], f->field, shape) > 3 ? (size_t)shape[3] : 1;
		p->sum[r] = am_alloc(p->n, sizeof *p->sum[r]);
		p->factor[r] = normalise ? am_alloc((size_t)a->n_rows, sizeof *p->factor[r]) : NULL;
		room = room && p->sum[r] && (p->factor[r] || !normalise);
		/* In proportion, so that blocks hold the same rows in every run. */
		am_status s = am_rows_open_sized(f->run[r], f->field, BLOCK_BYTES * inner, 0, &p->rows[r], err);
		if (s)
			return s;
	}
	return room ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
}

static void pass_close(pass *p)
{
	for (int r = 0; r < p->f->n_run; r++) {
		am_rows_close(&p->rows[r]);
		am_free(p->factor[r]);
		am_free(p->sum[r]);
	}
	am_free(p->count);
	am_free(p->visible);
}

static am_status means_init(const pass *p, am_means *m, am_error *err)
{
	size_t cells = (size_t)am_aggregate_cells(p->a), I = (size_t)p->f->n_inner;
	*m = (am_means){.inner = p->f->n_inner,
	                .value = am_alloc(cells * I, (size_t)p->a->n_sequence * sizeof *m->value),
	                .n_rows = am_calloc(cells, sizeof *m->n_rows)};
	if (m->value && m->n_rows)
		return AM_OK;
	am_means_fini(m);
	return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(p->a->run));
}

am_status am_paired_means(const am_aggregate *a, const am_paired_field *f, am_means *out, int64_t *n_nan,
                          am_error *err)
{
	pass p = {.a = a, .f = f};
	am_means m[AM_PAIRED_RUNS] = {{0}};
	am_status s = pass_open(&p, err);
	for (int r = 0; r < f->n_run && !s; r++)
		s = means_init(&p, &m[r], err);
	for (int l = 0; l < a->n_layer && !s; l++) {
		s = sum_layer(&p, l, err);
		if (!s)
			store_layer(&p, l, m);
	}
	pass_close(&p);
	for (int r = 0; r < f->n_run; r++) {
		if (s) {
			am_means_fini(&m[r]);
		} else {
			am_means_average(a, &m[r]);
			out[r] = m[r];
		}
	}
	if (!s)
		*n_nan = p.n_nan;
	return s;
}

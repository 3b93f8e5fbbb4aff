#include "analysis/paired_means.h"

#include "analysis/sweep.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

#define BAND_BYTES ((size_t)8 << 20) /* of the first run */

typedef struct pass {
	const am_aggregate *a;
	const am_paired_field *f;
	am_rows rows[AM_PAIRED_RUNS];
	am_rows_view view[AM_PAIRED_RUNS];
	double *factor[AM_PAIRED_RUNS]; /* [layers][block] of the band; NULL where none is normalised */
	am_segment *segment;            /* [block] */
	int n_segment;
	size_t n;                       /* sums a head: [bin][sequence][inner] */
	double *sum[AM_PAIRED_RUNS];    /* [n_layer][n_head][n] */
	int64_t *count;
	int64_t *nan;                   /* [n_layer][n_head] */
} pass;

/* --- sums of rows --------------------------------------------------------- */

/* ok[n]: whether a row counts in every run; returns how many. */
static int find_sound(const pass *p, const float *const *x, const double *const *factor, int n, unsigned char *ok)
{
	int count = 0;
	memset(ok, 1, (size_t)n);
	for (int r = 0; r < p->f->n_run; r++) {
		const float *v = x[r];
		int step = p->rows[r].inner;
		for (int i = 0; i < n; i++)
			ok[i] &= v[(int64_t)i * step] == v[(int64_t)i * step];
		for (int i = 0; factor[r] && i < n; i++)
			ok[i] &= factor[r][i] != 0;
	}
	for (int i = 0; i < n; i++)
		count += ok[i];
	return count;
}

/* Index j of a segment of a head of layer `layer` of the band. */
static void add_segment(pass *p, const am_segment *g, int layer, int task, int j)
{
	const am_paired_field *f = p->f;
	const float *x[AM_PAIRED_RUNS];
	const double *factor[AM_PAIRED_RUNS] = {NULL};
	unsigned char ok[AM_SEGMENT_ROWS];
	bool scaled = f->kind[j] == AM_MEANS_NORMALISED;
	int cell = p->view[0].layer * p->a->n_head + task; /* layer and head of the run */
	size_t at = (size_t)cell * p->n +
	            ((size_t)g->bin * (size_t)p->a->n_sequence + (size_t)g->sequence) * (size_t)f->n_inner + (size_t)j;
	for (int r = 0; r < f->n_run; r++) {
		x[r] = p->view[r].x + (task * p->view[r].n + g->from) * p->rows[r].inner + f->inner[r][j];
		if (scaled)
			factor[r] = p->factor[r] + layer * p->view[r].n + g->from;
	}
	int sound = find_sound(p, x, factor, g->n, ok);
	p->count[at] += sound;
	p->nan[cell] += scaled ? 0 : g->n - sound;
	for (int r = 0; r < f->n_run; r++)
		p->sum[r][at] += am_segment_sum(x[r], p->rows[r].inner, factor[r], ok, g->n);
}

static void add_head(void *ctx, int task, int worker)
{
	(void)worker;
	pass *p = ctx;
	for (int i = 0; i < p->n_segment; i++)
		for (int j = 0; j < p->f->n_inner; j++)
			add_segment(p, &p->segment[i], task / p->a->n_head, task, j);
}

/* 1 / ln n of the rows of a layer of the band, 0 where n < 2. */
static void set_factors(void *ctx, int layer, int worker)
{
	(void)worker;
	pass *p = ctx;
	for (int r = 0; r < p->f->n_run; r++) {
		const am_rows_view *v = &p->view[r];
		for (int64_t i = layer * v->n; i < (layer + 1) * v->n; i++)
			p->factor[r][i] = v->visible[i] >= 2 ? 1 / log(v->visible[i]) : 0;
	}
}

static am_status sum_band(pass *p, int layer, int64_t b, am_error *err)
{
	am_status s = AM_OK;
	for (int r = 0; r < p->f->n_run && !s; r++)
		s = am_rows_band(&p->rows[r], layer, b, &p->view[r], err);
	if (s)
		return s;
	const am_rows_view *v = &p->view[0];
	p->n_segment = am_segments_set(p->a, v->first, v->n, p->segment);
	if (p->factor[0])
		am_rows_run(&p->rows[0], v->n_layer, set_factors, p);
	am_rows_run(&p->rows[0], v->n_layer * p->a->n_head, add_head, p);
	return AM_OK;
}

/* --- from sums to means --------------------------------------------------- */

static void store_layer(const pass *p, int layer, am_means *out)
{
	const am_aggregate *a = p->a;
	size_t cells = (size_t)am_aggregate_cells(a), S = (size_t)a->n_sequence, I = (size_t)p->f->n_inner;
	for (int h = 0; h < a->n_head; h++)
		for (int b = 0; b < a->n_bin; b++) {
			size_t cell = (size_t)am_aggregate_cell(a, b, layer, h);
			size_t from = (size_t)(layer * a->n_head + h) * p->n + (size_t)b * S * I;
			for (size_t i = 0; i < S * I; i++) {
				int64_t n = p->count[from + i];
				for (int r = 0; r < p->f->n_run; r++) {
					out[r].n_rows[cell] += i % I ? 0 : n;
					out[r].value[(i % I * cells + cell) * S + i / I] = n ? p->sum[r][from + i] / (double)n : NAN;
				}
			}
		}
}

/* The rows of run r, in the bands of the first. */
static am_status open_rows(pass *p, int r, bool normalise, am_error *err)
{
	const am_paired_field *f = p->f;
	am_status s = r ? am_rows_open_like(f->run[r], &p->rows[0], &p->rows[r], err)
	                : am_rows_open_sized(f->run[0], f->field, BAND_BYTES, 0, &p->rows[0], err);
	if (s || !normalise)
		return s;
	p->factor[r] = am_alloc((size_t)p->rows[r].layers * (size_t)p->rows[r].block, sizeof *p->factor[r]);
	if (!p->factor[r])
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(f->run[r]));
	return am_rows_want_visible(&p->rows[r], err);
}

static am_status pass_open(pass *p, am_error *err)
{
	const am_aggregate *a = p->a;
	const am_paired_field *f = p->f;
	bool normalise = false;
	for (int j = 0; j < f->n_inner; j++)
		normalise = normalise || f->kind[j] == AM_MEANS_NORMALISED;
	p->n = (size_t)a->n_bin * (size_t)a->n_sequence * (size_t)f->n_inner;
	size_t heads = (size_t)a->n_layer * (size_t)a->n_head;
	p->count = am_calloc(heads * p->n, sizeof *p->count);
	p->nan = am_calloc(heads, sizeof *p->nan);
	bool room = p->count && p->nan;
	for (int r = 0; r < f->n_run; r++) {
		am_status s = open_rows(p, r, normalise, err);
		if (s)
			return s;
		p->sum[r] = am_calloc(heads * p->n, sizeof *p->sum[r]);
		room = room && p->sum[r];
	}
	p->segment = am_alloc((size_t)p->rows[0].block, sizeof *p->segment);
	return room && p->segment ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
}

static void pass_close(pass *p)
{
	for (int r = 0; r < p->f->n_run; r++) {
		am_rows_close(&p->rows[r]);
		am_free(p->factor[r]);
		am_free(p->sum[r]);
	}
	am_free(p->count);
	am_free(p->nan);
	am_free(p->segment);
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
	for (int l = 0; l < a->n_layer && !s; l += p.rows[0].layers)
		for (int64_t b = 0; b < p.rows[0].n_block && !s; b++)
			s = sum_band(&p, l, b, err);
	for (int l = 0; l < a->n_layer && !s; l++)
		store_layer(&p, l, m);
	int64_t total = 0;
	for (int i = 0; i < a->n_layer * a->n_head && !s; i++)
		total += p.nan[i];
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
		*n_nan = total;
	return s;
}

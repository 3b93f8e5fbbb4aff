/* Quantiles over the pooled rows of each cell. */
#include "analysis/aggregate.h"

#include "analysis/quantile.h"
#include "base/mem.h"

#include <math.h>

/* Searches of one group of rows (a head, a layer, all): [bin][inner]. */
typedef struct group {
	int n;
	am_quantile *q;
} group;

typedef struct search {
	am_aggregate *a;
	am_rows *rows;
	const double *prob;
	int n_prob;
	double *out; /* [inner][cells][n_prob] */
	group *head; /* [n_head] of the layer at hand */
	group layer, all;
	int64_t nan;
	int nan_layer, nan_head;
} search;

static void group_fini(group *g)
{
	for (int i = 0; i < g->n && g->q; i++)
		am_quantile_fini(&g->q[i]);
	am_free(g->q);
	*g = (group){0};
}

static am_status group_init(const search *s, group *g, am_error *err)
{
	g->n = s->a->n_bin * s->rows->inner;
	g->q = am_calloc((size_t)g->n, sizeof *g->q);
	if (!g->q)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(s->a->run));
	for (int i = 0; i < g->n; i++) {
		am_status st = am_quantile_init(&g->q[i], s->prob, s->n_prob, err);
		if (st)
			return st;
	}
	return AM_OK;
}

static am_status group_next(group *g, am_error *err)
{
	for (int i = 0; i < g->n; i++) {
		am_status s = am_quantile_next(&g->q[i], err);
		if (s)
			return s;
	}
	return AM_OK;
}

static void group_merge(group *g, const group *from)
{
	for (int i = 0; i < g->n; i++)
		am_quantile_merge(&g->q[i], &from->q[i]);
}

static void group_store(const search *s, const group *g, int layer, int head)
{
	size_t cells = (size_t)am_aggregate_cells(s->a);
	for (int i = 0; i < g->n; i++) {
		int bin = i / s->rows->inner, inner = i % s->rows->inner;
		size_t cell = (size_t)inner * cells + (size_t)am_aggregate_cell(s->a, bin, layer, head);
		for (int p = 0; p < s->n_prob; p++)
			s->out[cell * (size_t)s->n_prob + p] = am_quantile_value(&g->q[i], p);
	}
}

/* Adds one head's rows of a block to two groups (the second may be NULL). */
static void add_rows(search *s, const float *x, int64_t first, int64_t n, group *g, group *also)
{
	const am_aggregate *a = s->a;
	int inner = s->rows->inner;
	for (int64_t i = 0; i < n; i++, x += inner) {
		if (a->row_sequence[first + i] < 0)
			continue;
		int base = a->row_bin[first + i] * inner;
		for (int j = 0; j < inner; j++) {
			if (isnan(x[j]))
				continue;
			am_quantile_add(&g->q[base + j], x[j]);
			if (also)
				am_quantile_add(&also->q[base + j], x[j]);
		}
	}
}

static void count_nan(search *s, int layer, int head, const float *x, int64_t first, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		if (s->a->row_sequence[first + i] >= 0 && isnan(x[i * s->rows->inner]) && !s->nan++) {
			s->nan_layer = layer;
			s->nan_head = head;
		}
}

/* A sweep over one layer: into its heads and, once they are known apart, the
 * layer; with `all` into that alone. */
static am_status sweep(search *s, int layer, int round, bool all, am_error *err)
{
	for (int64_t b = 0; b < s->rows->n_block; b++) {
		const float *x;
		int64_t first, n;
		am_status st = am_rows_get(s->rows, layer, b, &x, &first, &n, err);
		if (st)
			return st;
		for (int h = 0; h < s->a->n_head; h++, x += n * s->rows->inner) {
			if (all)
				add_rows(s, x, first, n, &s->all, NULL);
			else
				add_rows(s, x, first, n, &s->head[h], round ? &s->layer : NULL);
			if (!all && !round)
				count_nan(s, layer, h, x, first, n);
		}
	}
	return AM_OK;
}

static am_status search_layer(search *s, int layer, am_error *err)
{
	am_status st = group_init(s, &s->layer, err);
	for (int h = 0; h < s->a->n_head && !st; h++)
		st = group_init(s, &s->head[h], err);
	for (int round = 0; round < AM_QUANTILE_SWEEPS && !st; round++) {
		st = sweep(s, layer, round, false, err);
		for (int h = 0; h < s->a->n_head && !st; h++) {
			if (!round)
				group_merge(&s->layer, &s->head[h]);
			st = group_next(&s->head[h], err);
		}
		if (!round && !st)
			group_merge(&s->all, &s->layer);
		if (!st)
			st = group_next(&s->layer, err);
	}
	for (int h = 0; h < s->a->n_head; h++) {
		if (!st)
			group_store(s, &s->head[h], layer, h);
		group_fini(&s->head[h]);
	}
	if (!st)
		group_store(s, &s->layer, layer, -1);
	group_fini(&s->layer);
	return st;
}

static am_status search_all(search *s, am_error *err)
{
	am_status st = group_init(s, &s->all, err);
	for (int l = 0; l < s->a->n_layer && !st; l++)
		st = search_layer(s, l, err);
	for (int round = 0; round < AM_QUANTILE_SWEEPS && !st; round++) {
		for (int l = 0; l < s->a->n_layer && round && !st; l++) /* round 0: merged from the layers */
			st = sweep(s, l, round, true, err);
		if (!st)
			st = group_next(&s->all, err);
	}
	if (!st)
		group_store(s, &s->all, -1, -1);
	group_fini(&s->all);
	return st;
}

am_status am_aggregate_quantiles(am_aggregate *a, am_rows *rows, const double *prob, int n_prob, double **out,
                                 am_error *err)
{
	search s = {.a = a, .rows = rows, .prob = prob, .n_prob = n_prob};
	s.out = am_alloc((size_t)rows->inner * (size_t)am_aggregate_cells(a), (size_t)n_prob * sizeof *s.out);
	s.head = am_calloc((size_t)a->n_head, sizeof *s.head);
	am_status st;
	if (s.out && s.head)
		st = search_all(&s, err);
	else
		st = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	am_free(s.head);
	if (st) {
		am_free(s.out);
		return st;
	}
	if (s.nan && !rows->edit) /* an edit leaves rows out on purpose */
		am_aggregate_warn_nan(a, rows->field, s.nan, s.nan_layer, s.nan_head);
	*out = s.out;
	return AM_OK;
}

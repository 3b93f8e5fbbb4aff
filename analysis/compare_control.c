/* What a control run explains of a change: (control - a) beside (b - a), and what
 * remains, (b - control), on the rows of all three. */
#include "analysis/compare_job.h"

#include "analysis/paired_means.h"
#include "analysis/pairing.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>

enum { RUN_A, RUN_B, RUN_CONTROL, RUNS };

static const am_column columns[] = {
	{"metric", AM_COL_TEXT, 0, false}, {"layer", AM_COL_INT, 0, false}, {"mean_a", AM_COL_REAL, 4, false},
	{"mean_b", AM_COL_REAL, 4, false}, {"mean_control", AM_COL_REAL, 4, false},
	{"change", AM_COL_REAL, 4, false}, {"change_control", AM_COL_REAL, 4, false},
	{"control_low", AM_COL_REAL, 4, true}, {"control_high", AM_COL_REAL, 4, true},
	{"share", AM_COL_REAL, 2, false}, {"remaining", AM_COL_REAL, 4, false},
	{"remaining_low", AM_COL_REAL, 4, false}, {"remaining_high", AM_COL_REAL, 4, false},
	{"p_remaining", AM_COL_REAL, -2, false}, {"q_remaining", AM_COL_REAL, -2, false},
};
#define N_COLUMNS ((int)(sizeof columns / sizeof columns[0]))

typedef struct control {
	const am_compare_options *o;
	am_run *run[RUNS];
	am_aggregate a;
	am_contrast_options contrast;
	am_metric metric[AM_COMPARE_METRICS];
	int n_metric;
	double *value[AM_COMPARE_METRICS][RUNS]; /* [n_layer + 1][n_sequence]: layers, then all */
	am_contrast *sharpened, *remaining;      /* [n_metric][n_layer + 1] */
} control;

/* --- which metrics -------------------------------------------------------- */

static void add_metric(control *c, const char *name)
{
	am_metric m;
	if (c->n_metric == AM_COMPARE_METRICS || am_metric_parse(name, &m, NULL))
		return;
	for (int r = 0; r < RUNS; r++)
		if (!am_metric_has(&m, c->run[r]))
			return;
	c->metric[c->n_metric++] = m;
}

static void add_indexed(control *c, const char *stem, am_axis axis)
{
	const double *v = am_run_axis_values(c->run[0], axis);
	for (int64_t i = 0; i < am_run_axis_length(c->run[0], axis); i++) {
		char name[32];
		snprintf(name, sizeof name, "%s@%.0f", stem, v[i]);
		add_metric(c, name);
	}
}

/* Metrics of one field lie together, so that each file is read once for it. */
static void choose_metrics(control *c)
{
	add_metric(c, "entropy");
	add_metric(c, "normalised");
	add_metric(c, "nll");
	add_metric(c, "max_prob");
	add_indexed(c, "mass", AM_AXIS_K);
	add_indexed(c, "error", AM_AXIS_K);
}

/* --- values --------------------------------------------------------------- */

/* Layers and all of them, out of every cell. */
static double *upper_cells(const control *c, const double *value)
{
	size_t S = (size_t)c->a.n_sequence, n = ((size_t)c->a.n_layer + 1) * S;
	const double *from = value + (size_t)am_aggregate_cell(&c->a, 0, 0, -1) * S;
	double *out = am_alloc(n, sizeof *out);
	for (size_t i = 0; i < n && out; i++)
		out[i] = from[i];
	return out;
}

static am_status read_rows(control *c, int first, int n, am_error *err)
{
	const am_metric *m = &c->metric[first];
	am_means_kind kind[AM_COMPARE_METRICS];
	am_paired_field f = {.n_run = RUNS, .field = m->field, .n_inner = n, .kind = kind};
	int *inner[RUNS] = {NULL};
	am_means means[RUNS] = {{0}};
	int64_t n_nan;
	am_status s = AM_OK;
	am_compare_kinds(m, n, kind);
	for (int r = 0; r < RUNS && !s; r++) {
		f.run[r] = c->run[r];
		s = am_compare_inner(m, n, c->run[r], &inner[r], err);
		f.inner[r] = inner[r];
	}
	if (!s)
		s = am_paired_means(&c->a, &f, means, &n_nan, err);
	size_t cells = (size_t)am_aggregate_cells(&c->a) * (size_t)c->a.n_sequence;
	for (int r = 0; r < RUNS; r++) {
		for (int i = 0; i < n && !s; i++)
			if (!(c->value[first + i][r] = upper_cells(c, means[r].value + (size_t)i * cells)))
				s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(c->run[r]));
		am_free(inner[r]);
	}
	for (int r = 0; r < RUNS; r++)
		am_means_fini(&means[r]);
	return s;
}

static am_status read_nll(control *c, int at, am_error *err)
{
	size_t S = (size_t)c->a.n_sequence, L = (size_t)c->a.n_layer;
	double *nll = am_alloc(RUNS, S * sizeof *nll);
	bool of_rows;
	am_status s = nll ? am_paired_nll(&c->a, c->run, RUNS, nll, &of_rows, err)
	                  : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(c->run[0]));
	for (int r = 0; r < RUNS && !s; r++) {
		double *v = c->value[at][r] = am_alloc(L + 1, S * sizeof *v);
		if (!v)
			s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(c->run[r]));
		for (size_t i = 0; i < (L + 1) * S && v; i++)
			v[i] = i < L * S ? NAN : nll[(size_t)r * S + i - L * S];
	}
	am_free(nll);
	return s;
}

static am_status read_all(control *c, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0, n; i < c->n_metric && !s; i += n) {
		n = am_compare_group(c->metric + i, c->n_metric - i);
		s = c->metric[i].kind == AM_METRIC_NLL ? read_nll(c, i, err) : read_rows(c, i, n, err);
	}
	return s;
}

/* --- contrasts ------------------------------------------------------------ */

/* All metrics at cells [first, first + n) of each, corrected together. */
static am_status contrast(control *c, int from, int to, int first, int n, am_contrast *out, am_error *err)
{
	size_t S = (size_t)c->a.n_sequence, all = (size_t)c->n_metric * (size_t)n;
	int cells = c->a.n_layer + 1;
	double *va = am_alloc(all, S * sizeof *va), *vb = am_alloc(all, S * sizeof *vb);
	am_contrast *x = am_alloc(all, sizeof *x);
	am_status s = va && vb && x ? AM_OK : am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	for (size_t i = 0; i < all * S && !s; i++) {
		size_t metric = i / S / (size_t)n, at = (i / S % (size_t)n + (size_t)first) * S + i % S;
		va[i] = c->value[metric][from][at];
		vb[i] = c->value[metric][to][at];
	}
	am_sample a = {va, c->a.task, c->a.n_sequence}, b = {vb, c->a.task, c->a.n_sequence};
	if (!s)
		s = am_contrast_paired(&c->contrast, &a, &b, c->a.n_task, (int)all, x, err);
	for (size_t i = 0; i < all && !s; i++)
		out[i / (size_t)n * (size_t)cells + (size_t)first + i % (size_t)n] = x[i];
	am_free(va);
	am_free(vb);
	am_free(x);
	return s;
}

static am_status contrast_all(control *c, am_error *err)
{
	int L = c->a.n_layer;
	size_t n = (size_t)c->n_metric * ((size_t)L + 1);
	c->sharpened = am_alloc(n, sizeof *c->sharpened);
	c->remaining = am_alloc(n, sizeof *c->remaining);
	if (!c->sharpened || !c->remaining)
		return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	am_status s = contrast(c, RUN_A, RUN_CONTROL, 0, L, c->sharpened, err);
	if (!s)
		s = contrast(c, RUN_A, RUN_CONTROL, L, 1, c->sharpened, err);
	if (!s)
		s = contrast(c, RUN_CONTROL, RUN_B, 0, L, c->remaining, err);
	return s ? s : contrast(c, RUN_CONTROL, RUN_B, L, 1, c->remaining, err);
}

/* --- rows ----------------------------------------------------------------- */

static am_status put_row(const control *c, int metric, int layer, am_table *t, am_error *err)
{
	size_t at = (size_t)metric * ((size_t)c->a.n_layer + 1) + (size_t)layer;
	const am_contrast *k = &c->sharpened[at], *r = &c->remaining[at];
	am_cell *x = am_table_add(t);
	if (!x || !(x->s = am_strdup(c->metric[metric].name)))
		return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	if (layer < c->a.n_layer)
		x[1].i = (int64_t)am_run_axis_values(c->a.run, AM_AXIS_LAYER)[layer];
	double change = r->mean_b - k->mean_a;
	const double values[] = {k->mean_a, r->mean_b, k->mean_b, change, k->change, k->ci.low, k->ci.high,
	                         change != 0 ? k->change / change + 0.0 : NAN, r->change, r->ci.low, r->ci.high,
	                         r->p_wilcoxon, r->q_bh};
	for (int i = 0; i < (int)(sizeof values / sizeof *values); i++)
		x[2 + i].x = values[i];
	return AM_OK;
}

static am_status put_rows(const control *c, am_table *t, am_error *err)
{
	am_status s = am_table_init(t, columns, N_COLUMNS, err);
	int L = c->a.n_layer, first = c->o->aggregate.level == AM_LEVEL_OVERALL ? L : 0;
	for (int m = 0; m < c->n_metric; m++)
		for (int l = first; l <= L && !s; l++)
			if (c->remaining[m * (L + 1) + l].n)
				s = put_row(c, m, l, t, err);
	return s;
}

static void control_fini(control *c)
{
	for (int m = 0; m < c->n_metric; m++)
		for (int r = 0; r < RUNS; r++)
			am_free(c->value[m][r]);
	am_free(c->sharpened);
	am_free(c->remaining);
	am_aggregate_close(&c->a);
}

am_status am_compare_control(am_run *a, am_run *b, am_run *run, const am_compare_options *o, am_table *out,
                             am_error *err)
{
	control c = {.o = o, .run = {a, b, run}, .contrast = am_compare_contrast_options(o)};
	am_aggregate_options plain = o->aggregate;
	plain.position_bins = 0;
	c.contrast.margin = 0;
	choose_metrics(&c);
	am_status s = am_pairing_check(a, run, err);
	if (!s)
		s = am_aggregate_open(a, &plain, &c.a, err);
	if (!s)
		s = read_all(&c, err);
	if (!s)
		s = contrast_all(&c, err);
	if (!s)
		s = put_rows(&c, out, err);
	control_fini(&c);
	return s;
}

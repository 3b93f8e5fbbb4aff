#include "analysis/pair_table.h"

#include "analysis/cells.h"
#include "analysis/recall_stats.h"
#include "base/mem.h"

#include <math.h>

static const am_column columns[] = {
	{"statistic", AM_COL_TEXT, 0, false}, {"k", AM_COL_INT, 0, false}, {"mean", AM_COL_REAL, 4, false},
	{"ci_low", AM_COL_REAL, 4, false}, {"ci_high", AM_COL_REAL, 4, false}, {"chance", AM_COL_REAL, 4, false},
	{"n_rows", AM_COL_INT, 0, false}, {"n_infinite", AM_COL_INT, 0, false}, {"n_rows_trivial", AM_COL_INT, 0, false},
	{"n_sequences", AM_COL_INT, 0, true},
};
enum { COL_STATISTIC, COL_K, COL_MEAN, COL_LOW, COL_HIGH, COL_CHANCE, COL_ROWS, COL_INFINITE, COL_TRIVIAL, COL_SEQUENCES, N_COL };

static const struct statistic {
	const char *name;
	am_field field;
	bool unbounded;
} statistics[] = {
	{"kl", AM_FIELD_PAIR_KL, true}, {"kl_reverse", AM_FIELD_PAIR_KL_REVERSE, true}, {"js", AM_FIELD_PAIR_JS, false},
	{"tv", AM_FIELD_PAIR_TV, false}, {"lost", AM_FIELD_PAIR_LOST, false}, {"gained", AM_FIELD_PAIR_GAINED, false},
};
enum { N_STATISTIC = sizeof statistics / sizeof statistics[0] };

typedef struct pair {
	am_aggregate a;
	am_means means[N_STATISTIC + 1], chance; /* the last: topk_overlap */
	am_interval *ci[N_STATISTIC + 1];
	int64_t *all; /* [cells] rows, whatever their values */
	am_recall_extremes overlap;
	int n_k;
	am_table table;
} pair;

bool am_pair_table_has(const am_run *r)
{
	return am_run_has(r, AM_FIELD_PAIR_JS);
}

/* ---- reading ---------------------------------------------------------------- */

/* Infinite divergences are counted, not averaged. */
static void leave_out(void *ctx, int layer, float *x, int n_head, int64_t count, const int32_t *visible)
{
	(void)layer;
	(void)visible;
	const am_rows *rows = ctx;
	for (int64_t i = 0; i < n_head * count * rows->inner; i++)
		if (isinf(x[i]))
			x[i] = NAN;
}

static am_status read_statistic(pair *p, int i, am_error *err)
{
	am_rows rows;
	if (!am_run_has(p->a.run, statistics[i].field))
		return AM_OK;
	am_status s = am_rows_open(p->a.run, statistics[i].field, false, &rows, err);
	if (s)
		return s;
	rows.edit = statistics[i].unbounded ? leave_out : NULL;
	rows.edit_ctx = &rows;
	s = am_aggregate_means(&p->a, &rows, AM_MEANS_QUIET, &p->means[i], err);
	am_rows_close(&rows);
	if (!s && statistics[i].field == AM_FIELD_PAIR_JS)
		p->all = p->means[i].n_rows;
	return s ? s : am_aggregate_intervals(&p->a, &p->means[i], &p->ci[i], err);
}

static am_status read_overlap(pair *p, am_error *err)
{
	am_recall_rows r;
	am_recall_source source = {AM_FIELD_PAIR_OVERLAP, AM_EDIT_PLAIN}, chance = {AM_FIELD_PAIR_OVERLAP, AM_EDIT_CHANCE};
	am_recall_means m;
	if (!am_run_has(p->a.run, AM_FIELD_PAIR_OVERLAP))
		return AM_OK;
	am_status s = am_recall_rows_open(p->a.run, source, false, 0, true, &r, err);
	if (s)
		return s;
	p->n_k = r.rows.inner;
	s = am_aggregate_means(&p->a, &r.rows, AM_MEANS_QUIET, &p->means[N_STATISTIC], err);
	if (!s)
		s = am_aggregate_intervals(&p->a, &p->means[N_STATISTIC], &p->ci[N_STATISTIC], err);
	if (!s)
		s = am_recall_extremes_of(&p->a, &r, &p->overlap, err);
	am_recall_rows_close(&r);
	if (!s)
		s = am_recall_means_of(&p->a, chance, false, 0, &m, err);
	if (!s)
		p->chance = m.means;
	return s;
}

/* ---- rows ------------------------------------------------------------------- */

static int count_sequences(const pair *p, const am_means *m, size_t at)
{
	int n = 0;
	for (int s = 0; s < p->a.n_sequence; s++)
		n += !isnan(m->value[at * (size_t)p->a.n_sequence + (size_t)s]);
	return n;
}

static double estimate(const pair *p, const am_means *m, size_t at)
{
	return am_bootstrap_estimate(m->value + at * (size_t)p->a.n_sequence, p->a.task, p->a.n_sequence, p->a.n_task);
}

/* `at`: the cell, after those of smaller k. */
static am_status add(pair *p, int i, size_t at, int bin, int layer, int head, am_cell **row, am_error *err)
{
	const char *name = i < N_STATISTIC ? statistics[i].name : "topk_overlap";
	am_status s = am_cells_add(&p->a, &p->table, bin, layer, head, row, err);
	if (s)
		return s;
	am_cell *c = *row;
	if (!(c[COL_STATISTIC].s = am_strdup(name)))
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(p->a.run));
	c[COL_MEAN].x = estimate(p, &p->means[i], at);
	c[COL_LOW].x = p->ci[i][at].low;
	c[COL_HIGH].x = p->ci[i][at].high;
	c[COL_SEQUENCES].i = count_sequences(p, &p->means[i], at);
	return AM_OK;
}

static am_status add_rows(void *ctx, int cell, int bin, int layer, int head, am_error *err)
{
	pair *p = ctx;
	am_cell *c;
	am_status s = AM_OK;
	for (int i = 0; i < N_STATISTIC && !s; i++) {
		if (!p->means[i].value)
			continue;
		s = add(p, i, (size_t)cell, bin, layer, head, &c, err);
		if (s)
			return s;
		c[COL_ROWS].i = p->means[i].n_rows[cell];
		if (statistics[i].unbounded)
			c[COL_INFINITE].i = p->all[cell] - p->means[i].n_rows[cell];
	}
	for (int i = 0; i < p->n_k && !s; i++) {
		size_t at = (size_t)i * (size_t)am_aggregate_cells(&p->a) + (size_t)cell;
		s = add(p, N_STATISTIC, at, bin, layer, head, &c, err);
		if (s)
			return s;
		c[COL_K].i = (int64_t)am_run_axis_values(p->a.run, AM_AXIS_K)[i];
		c[COL_CHANCE].x = estimate(p, &p->chance, at);
		c[COL_ROWS].i = p->overlap.n_rows[at];
		c[COL_TRIVIAL].i = p->overlap.n_trivial[at];
	}
	return s;
}

static am_status compute(pair *p, am_run *r, const am_aggregate_options *o, am_error *err)
{
	if (!am_pair_table_has(r))
		return am_fail(err, AM_ERR_FORMAT, "%s: has no %s, which this table needs", am_run_path(r),
		               am_fields[AM_FIELD_PAIR_JS].path);
	am_status s = am_aggregate_open(r, o, &p->a, err);
	for (int i = 0; i < N_STATISTIC && !s; i++)
		s = read_statistic(p, i, err);
	if (!s)
		s = read_overlap(p, err);
	if (!s)
		s = am_cells_begin(&p->a, columns, N_COL, &p->table, err);
	return s ? s : am_aggregate_visit(&p->a, p->all, add_rows, p, err);
}

am_status am_pair_table(am_run *r, const am_aggregate_options *o, am_table *out, am_error *err)
{
	pair p = {0};
	am_status s = compute(&p, r, o, err);
	if (s) {
		am_table_fini(&p.table);
	} else {
		am_cells_end(&p.a, &p.table);
		*out = p.table;
	}
	for (int i = 0; i <= N_STATISTIC; i++) {
		am_means_fini(&p.means[i]);
		am_free(p.ci[i]);
	}
	am_means_fini(&p.chance);
	am_recall_extremes_fini(&p.overlap);
	am_aggregate_close(&p.a);
	return s;
}

#include "analysis/coverage.h"

#include "analysis/cells.h"
#include "base/mem.h"

static const am_column columns[] = {
	{"k", AM_COL_INT, 0, false}, {"ratio", AM_COL_REAL, 4, false}, {"mass", AM_COL_REAL, 4, false},
	{"ci_low", AM_COL_REAL, 4, false}, {"ci_high", AM_COL_REAL, 4, false},
	{"tau", AM_COL_REAL, 4, false}, {"k_median", AM_COL_REAL, 1, false}, {"k_p95", AM_COL_REAL, 1, false},
};
enum { COL_K, COL_RATIO, COL_MASS, COL_LOW, COL_HIGH, COL_TAU, COL_MEDIAN, COL_P95, N_COL };
static const double probs[] = {0.5, 0.95};

/* Masses over one axis, k or ratio; n = 0 when the run has none. */
typedef struct masses {
	int n;
	const double *at; /* [n] of the run */
	am_means means;
	am_interval *ci; /* [n][cells] */
} masses;

typedef struct coverage {
	am_aggregate a;
	masses k, ratio;
	int n_tau;
	const double *tau;
	double *count;   /* [n_tau][cells][2] */
	int64_t *n_rows; /* [cells] of whichever statistic there is; NULL: any */
	am_table table;
} coverage;

static am_status read_masses(coverage *c, am_field field, am_axis axis, masses *m, am_error *err)
{
	am_rows rows;
	if (!am_run_has(c->a.run, field))
		return AM_OK;
	am_status s = am_rows_open(c->a.run, field, false, &rows, err);
	if (s)
		return s;
	m->n = rows.inner;
	m->at = am_run_axis_values(c->a.run, axis);
	s = am_aggregate_means(&c->a, &rows, AM_MEANS_PLAIN, &m->means, err);
	am_rows_close(&rows);
	if (s)
		return s;
	c->n_rows = m->means.n_rows;
	return am_aggregate_intervals(&c->a, &m->means, &m->ci, err);
}

static am_status read_counts(coverage *c, am_error *err)
{
	am_rows rows;
	if (!am_run_has(c->a.run, AM_FIELD_K_AT_MASS))
		return AM_OK;
	am_status s = am_rows_open(c->a.run, AM_FIELD_K_AT_MASS, true, &rows, err);
	if (s)
		return s;
	c->n_tau = rows.inner;
	c->tau = am_run_axis_values(c->a.run, AM_AXIS_MASS);
	s = am_aggregate_quantiles(&c->a, &rows, probs, 2, &c->count, err);
	am_rows_close(&rows);
	return s;
}

static void omit(const coverage *c, am_table *t, int from, int to)
{
	for (int i = from; i <= to; i++)
		am_table_omit(t, am_cells_first(&c->a) + i);
}

static am_status add_mass(coverage *c, const masses *m, int i, int cell, int bin, int layer, int head,
                          am_error *err)
{
	am_cell *row;
	am_status s = am_cells_add(&c->a, &c->table, bin, layer, head, &row, err);
	if (s)
		return s;
	size_t at = (size_t)i * (size_t)am_aggregate_cells(&c->a) + (size_t)cell;
	bool is_k = m == &c->k;
	if (is_k)
		row[COL_K].i = (int64_t)m->at[i];
	else
		row[COL_RATIO].x = m->at[i];
	row[COL_MASS].x = am_bootstrap_estimate(m->means.value + at * (size_t)c->a.n_sequence, c->a.task,
	                                        c->a.n_sequence, c->a.n_task);
	row[COL_LOW].x = m->ci[at].low;
	row[COL_HIGH].x = m->ci[at].high;
	omit(c, &c->table, is_k ? COL_RATIO : COL_K, is_k ? COL_RATIO : COL_K);
	omit(c, &c->table, COL_TAU, COL_P95);
	return AM_OK;
}

static am_status add_count(coverage *c, int i, int cell, int bin, int layer, int head, am_error *err)
{
	am_cell *row;
	am_status s = am_cells_add(&c->a, &c->table, bin, layer, head, &row, err);
	if (s)
		return s;
	const double *q = c->count + 2 * ((size_t)i * (size_t)am_aggregate_cells(&c->a) + (size_t)cell);
	row[COL_TAU].x = c->tau[i];
	row[COL_MEDIAN].x = q[0];
	row[COL_P95].x = q[1];
	omit(c, &c->table, COL_K, COL_HIGH);
	return AM_OK;
}

static am_status add_rows(void *ctx, int cell, int bin, int layer, int head, am_error *err)
{
	coverage *c = ctx;
	am_status s = AM_OK;
	for (int i = 0; i < c->k.n && !s; i++)
		s = add_mass(c, &c->k, i, cell, bin, layer, head, err);
	for (int i = 0; i < c->ratio.n && !s; i++)
		s = add_mass(c, &c->ratio, i, cell, bin, layer, head, err);
	for (int i = 0; i < c->n_tau && !s; i++)
		s = add_count(c, i, cell, bin, layer, head, err);
	return s;
}

static am_status compute(coverage *c, am_run *r, const am_aggregate_options *o, am_error *err)
{
	am_status s = am_aggregate_open(r, o, &c->a, err);
	if (!s)
		s = read_masses(c, AM_FIELD_MASS_AT_K, AM_AXIS_K, &c->k, err);
	if (!s)
		s = read_masses(c, AM_FIELD_MASS_AT_RATIO, AM_AXIS_RATIO, &c->ratio, err);
	if (!s)
		s = read_counts(c, err);
	if (!s && !c->k.n && !c->ratio.n && !c->n_tau)
		s = am_fail(err, AM_ERR_FORMAT, "%s: has none of %s, %s and %s", am_run_path(r),
		            am_fields[AM_FIELD_MASS_AT_K].path, am_fields[AM_FIELD_MASS_AT_RATIO].path,
		            am_fields[AM_FIELD_K_AT_MASS].path);
	if (!s)
		s = am_cells_begin(&c->a, columns, N_COL, &c->table, err);
	return s ? s : am_aggregate_visit(&c->a, c->n_rows, add_rows, c, err);
}

static void masses_fini(masses *m)
{
	am_means_fini(&m->means);
	am_free(m->ci);
}

am_status am_coverage_table(am_run *r, const am_aggregate_options *o, am_table *out, am_error *err)
{
	coverage c = {0};
	am_status s = compute(&c, r, o, err);
	if (s) {
		am_table_fini(&c.table);
	} else {
		am_cells_end(&c.a, &c.table);
		*out = c.table;
	}
	masses_fini(&c.k);
	masses_fini(&c.ratio);
	am_free(c.count);
	am_aggregate_close(&c.a);
	return s;
}

#include "analysis/entropy.h"

#include "analysis/cells.h"
#include "base/mem.h"

#include <math.h>

static const am_column columns[] = {
	{"mean", AM_COL_REAL, 3, false}, {"ci_low", AM_COL_REAL, 3, false}, {"ci_high", AM_COL_REAL, 3, false},
	{"median", AM_COL_REAL, 3, false}, {"p05", AM_COL_REAL, 3, false}, {"p95", AM_COL_REAL, 3, false},
	{"normalised", AM_COL_REAL, 3, false}, {"effective_support", AM_COL_REAL, 1, false},
	{"n_rows", AM_COL_INT, 0, true}, {"n_sequences", AM_COL_INT, 0, true},
};
static const double probs[] = {0.5, 0.05, 0.95};

typedef struct entropy {
	am_aggregate a;
	am_rows rows;
	am_means nats, normalised;
	am_interval *ci;  /* [cells] */
	double *quantile; /* [cells][3] */
	am_table table;
} entropy;

static double estimate(const am_aggregate *a, const am_means *m, int cell)
{
	return am_bootstrap_estimate(m->value + (size_t)cell * a->n_sequence, a->task, a->n_sequence, a->n_task);
}

static int count_sequences(const entropy *e, int cell)
{
	int n = 0;
	for (int s = 0; s < e->a.n_sequence; s++)
		n += !isnan(e->nats.value[(size_t)cell * e->a.n_sequence + s]);
	return n;
}

static am_status add_row(void *ctx, int cell, int bin, int layer, int head, am_error *err)
{
	entropy *e = ctx;
	am_cell *c;
	am_status s = am_cells_add(&e->a, &e->table, bin, layer, head, &c, err);
	if (s)
		return s;
	const double *q = e->quantile + 3 * (size_t)cell;
	double mean = estimate(&e->a, &e->nats, cell);
	(c++)->x = mean;
	(c++)->x = e->ci[cell].low;
	(c++)->x = e->ci[cell].high;
	(c++)->x = q[0];
	(c++)->x = q[1];
	(c++)->x = q[2];
	(c++)->x = estimate(&e->a, &e->normalised, cell);
	(c++)->x = exp(mean);
	(c++)->i = e->nats.n_rows[cell];
	(c++)->i = count_sequences(e, cell);
	return AM_OK;
}

static am_status compute(entropy *e, am_run *r, const am_aggregate_options *o, am_error *err)
{
	am_status s = am_aggregate_open(r, o, &e->a, err);
	if (!s)
		s = am_rows_open(r, AM_FIELD_ENTROPY, true, &e->rows, err);
	const am_summary want = {.means = &e->nats, .normalised = &e->normalised, .quantile = &e->quantile, .prob = probs, .n_prob = 3};
	if (!s)
		s = am_aggregate_summary(&e->a, &e->rows, &want, err);
	if (!s)
		s = am_aggregate_intervals(&e->a, &e->nats, &e->ci, err);
	if (!s)
		s = am_cells_begin(&e->a, columns, sizeof columns / sizeof columns[0], &e->table, err);
	return s ? s : am_aggregate_visit(&e->a, e->nats.n_rows, add_row, e, err);
}

am_status am_entropy_table(am_run *r, const am_aggregate_options *o, am_table *out, am_error *err)
{
	entropy e = {0};
	am_status s = compute(&e, r, o, err);
	if (s) {
		am_table_fini(&e.table);
	} else {
		am_cells_end(&e.a, &e.table);
		*out = e.table;
	}
	am_free(e.ci);
	am_free(e.quantile);
	am_means_fini(&e.nats);
	am_means_fini(&e.normalised);
	am_rows_close(&e.rows);
	am_aggregate_close(&e.a);
	return s;
}

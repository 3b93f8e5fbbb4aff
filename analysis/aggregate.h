/* Rows to sequences to tasks to the whole, the same way for every table.
 *
 * A row is one query of one layer and head. A sequence's value is the mean of
 * its rows; a layer's value of a sequence is the mean over its heads, the whole
 * run's the mean over its layers; am_bootstrap_estimate then takes the mean over
 * sequences and tasks. Quantiles pool rows. NaN rows are left out and counted.
 *
 * Cells: for each position bin, (layer, head), then (layer), then one for all. */
#ifndef AM_ANALYSIS_AGGREGATE_H
#define AM_ANALYSIS_AGGREGATE_H

#include "analysis/aggregate_options.h"
#include "analysis/bootstrap.h"
#include "analysis/rows.h"
#include "base/error.h"
#include "base/text.h"
#include "runfile/reader.h"

#include <stdint.h>

/* n_head may be changed between calls, for fields with another number of heads or none
 * (then 1): cells follow from it. */
typedef struct am_aggregate {
	am_run *run;
	am_aggregate_options options;
	int n_layer, n_head, n_sequence, n_task;
	int n_bin;        /* 1 without a position table */
	int64_t n_rows;   /* query rows of the file */
	int64_t n_rows_used, n_sequences_used;
	int32_t *row_sequence; /* [n_rows], -1 for rows left out */
	int32_t *row_bin;      /* [n_rows] */
	int *task;             /* [n_sequence] in [0, n_task) */
	int64_t *bin_edge;     /* [n_bin + 1]: bin b holds edge[b] <= position < edge[b + 1] */
	am_text warnings;      /* a line each */
} am_aggregate;

/* Reads what the rows are. Bins have equal widths, rounded to whole positions,
 * up to the length of the longest sequence; there are no more bins than
 * positions. The run must outlive the aggregate. */
am_status am_aggregate_open(am_run *run, const am_aggregate_options *o, am_aggregate *out,
                            am_error *err) AM_MUST_CHECK;
void am_aggregate_close(am_aggregate *a);

/* Cells in all, and of one bin. */
int am_aggregate_cells(const am_aggregate *a);
/* Cell of a bin; head -1: the layer; layer -1: all. */
int am_aggregate_cell(const am_aggregate *a, int bin, int layer, int head);

/* Calls visit for each cell of the levels asked for that has rows, in the order
 * of a table; stops at the first failure. n_rows[cells] may be NULL. layer and
 * head are indices, -1 for none. */
typedef am_status am_cell_visit(void *ctx, int cell, int bin, int layer, int head, am_error *err);
am_status am_aggregate_visit(const am_aggregate *a, const int64_t *n_rows, am_cell_visit *visit, void *ctx,
                             am_error *err) AM_MUST_CHECK;

/* Means of a statistic. */
typedef struct am_means {
	int inner;       /* length of the field's last axis (k, ratio), 1 without one */
	double *value;   /* [inner][cells][n_sequence], NaN where a sequence has no rows */
	int64_t *n_rows; /* [cells] rows that were not NaN (of inner index 0) */
} am_means;

/* As AM_MEANS_NORMALISED each value is divided by ln of the row's visible keys
 * and rows with fewer than 2 are left out. NaN rows add a line to a->warnings. */
/* AM_MEANS_QUIET: NaN rows, left out by intention, add none. */
typedef enum { AM_MEANS_PLAIN, AM_MEANS_NORMALISED, AM_MEANS_QUIET } am_means_kind;

/* What to make of a field; NULL: not wanted. */
typedef struct am_summary {
	am_means *means;      /* plain or quiet */
	bool quiet;
	am_means *normalised;
	/* out[inner][cells][n_prob]: quantiles over the pooled rows of each cell, exact
	 * and in memory that does not grow with the number of rows (analysis/quantile.h).
	 * At most AM_QUANTILE_MAX probabilities. The caller frees it (am_free). */
	double **quantile;
	const double *prob;
	int n_prob;
} am_summary;

/* All of it in one sweep over the field, or two with quantiles (three or five where the
 * counts of all layers would take too much memory). The same bytes for any number of threads. */
am_status am_aggregate_summary(am_aggregate *a, am_rows *rows, const am_summary *want,
                               am_error *err) AM_MUST_CHECK;
/* Parts of it. */
am_status am_aggregate_means(am_aggregate *a, am_rows *rows, am_means_kind kind, am_means *out,
                             am_error *err) AM_MUST_CHECK;
am_status am_aggregate_quantiles(am_aggregate *a, am_rows *rows, const double *prob, int n_prob,
                                 double **out, am_error *err) AM_MUST_CHECK;
void am_means_fini(am_means *m);
/* Fills the cells of layers and of all from those of heads, whose n_rows are set and
 * whose own are 0. */
void am_means_average(const am_aggregate *a, am_means *m);

/* out[inner][cells]: intervals of the means (analysis/bootstrap.h); cells below
 * the level asked for stay NaN. The caller frees *out (am_free). */
am_status am_aggregate_intervals(const am_aggregate *a, const am_means *m, am_interval **out,
                                 am_error *err) AM_MUST_CHECK;

/* "FIELD: N NaN rows left out ..." in a->warnings, once. */
void am_aggregate_warn_nan(am_aggregate *a, am_field field, int64_t n, int layer, int head);

#endif

/* Means by sequence of the same statistic of runs whose rows pair, in one pass over
 * each file, which may be larger than memory. Private to analysis. */
#ifndef AM_ANALYSIS_PAIRED_MEANS_H
#define AM_ANALYSIS_PAIRED_MEANS_H

#include "analysis/aggregate.h"

#define AM_PAIRED_RUNS 3

/* A statistic of several runs. */
typedef struct am_paired_field {
	int n_run;
	am_run *run[AM_PAIRED_RUNS]; /* the same layers, heads and rows in each */
	am_field field;
	int n_inner;
	const am_means_kind *kind;        /* [n_inner] */
	const int *inner[AM_PAIRED_RUNS]; /* [n_inner] indices along the run's last axis; 0 without one */
} am_paired_field;

/* out[n_run]: as am_aggregate_means, with inner = n_inner; n_rows are those of the first.
 * A row that is NaN, or for NORMALISED sees fewer than 2 keys, in any of the runs is left
 * out of all. `a` says which rows count; *n_nan: PLAIN values left out, of all heads. */
am_status am_paired_means(const am_aggregate *a, const am_paired_field *f, am_means *out, int64_t *n_nan,
                          am_error *err) AM_MUST_CHECK;

/* value[n_run][n_bin][n_sequence]: mean NLL, NaN without any. Of all tokens
 * (/sequence_nll) where there is one bin, every position counts and each run has it;
 * else of the captured rows. *of_rows says which. */
am_status am_paired_nll(const am_aggregate *a, am_run *const *run, int n_run, double *value, bool *of_rows,
                        am_error *err) AM_MUST_CHECK;

#endif

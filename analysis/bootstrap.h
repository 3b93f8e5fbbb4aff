/* Cluster bootstrap: confidence intervals of means over sequences.
 *
 * The unit is the sequence, never the row: rows of one text share context, keys
 * and often the same sink. The estimate is the mean over tasks of the mean over
 * the sequences of a task; sequences are drawn with replacement within their
 * task. Intervals are bias-corrected and accelerated (BCa; Efron 1987), with the
 * acceleration from the jackknife that leaves one sequence out, unless another
 * method is asked for. */
#ifndef AM_ANALYSIS_BOOTSTRAP_H
#define AM_ANALYSIS_BOOTSTRAP_H

#include "base/error.h"

#include <stdint.h>

#define AM_BOOTSTRAP_LEVEL 0.95
#define AM_BOOTSTRAP_MIN_SEQUENCES 5
#define AM_BOOTSTRAP_T_BELOW 30 /* sequences; BCa covers too little with fewer */

typedef enum {
	AM_INTERVAL_AUTO, /* T below AM_BOOTSTRAP_T_BELOW sequences with a value, else BCA */
	AM_INTERVAL_BCA,
	AM_INTERVAL_T,         /* studentised: quantiles of (resample - estimate) / its error */
	AM_INTERVAL_PERCENTILE /* quantiles of the resamples */
} am_interval_method;

typedef struct am_interval {
	double low, high; /* both NaN: no interval */
} am_interval;

/* Mean over tasks of the mean of value[n_sequence] within each, NaN values left
 * out; NaN when there are none. task[n_sequence] in [0, n_task). */
double am_bootstrap_estimate(const double *value, const int *task, int n_sequence, int n_task);

/* Intervals of the estimates of n_cell statistics on the same sequences.
 *   value[n_cell][n_sequence], NaN where a sequence has no value
 *   task[n_sequence] in [0, n_task)
 *   out[n_cell]
 * A pure function of its arguments: every cell sees the stream of draws of
 * `seed` from its start, so a table is the same whichever other cells it has.
 * Below 5 sequences there is no interval. Where all values of each task are
 * equal the interval has zero width. Where BCa is not defined (the estimate lies
 * outside all resamples) the percentile interval stands in. A task of a single
 * sequence adds its value but no uncertainty. Memory: 256 bytes a resample. */
am_status am_bootstrap_intervals(const double *value, int n_cell, const int *task, int n_sequence,
                                 int n_task, int resamples, uint64_t seed, am_interval *out,
                                 am_error *err) AM_MUST_CHECK;
/* The same by a method. T (Efron, Tibshirani, An Introduction to the Bootstrap,
 * 1993, 12.5) has the standard error of a stratified mean; where a resample
 * of equal values keeps its ends from being finite, BCa stands in. */
am_status am_bootstrap_intervals_by(am_interval_method method, const double *value, int n_cell,
                                    const int *task, int n_sequence, int n_task, int resamples,
                                    uint64_t seed, am_interval *out, am_error *err) AM_MUST_CHECK;
/* What AUTO stands for with n sequences, the smallest task of `least`; other methods
 * as they are. T wants AM_BOOTSTRAP_MIN_SEQUENCES in every task: with fewer, resamples
 * without spread in one of them make its ends wild. */
am_interval_method am_bootstrap_method(am_interval_method method, int n_sequence, int least);

/* Standard error of the estimate of value[n_sequence] and its degrees of freedom
 * (Welch, Satterthwaite; n - 1 with one task). Tasks of one value add no error;
 * without one of two or more both are NaN. */
void am_bootstrap_error(const double *value, const int *task, int n_sequence, int n_task, double *error,
                        double *freedom);

#endif

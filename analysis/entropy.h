/* Attention entropy from a run file: per (layer, head), per layer, overall, and
 * by position bin. Aggregation: rows -> sequence -> task -> overall, equal
 * weight at each step; medians and percentiles pool rows. Intervals: 95 % BCa
 * bootstrap over sequences (resampled within tasks), null below 5 sequences. */
#ifndef AM_ANALYSIS_ENTROPY_H
#define AM_ANALYSIS_ENTROPY_H

#include "analysis/table.h"
#include "base/error.h"
#include "runfile/reader.h"

typedef struct am_aggregate_options {
	int position_bins;  /* 0: no position table; else rows are also split by position */
	int resamples;      /* bootstrap resamples, 9999 */
	uint64_t seed;
	int min_position;   /* rows at an earlier position are left out; 0 */
} am_aggregate_options;
void am_aggregate_options_init(am_aggregate_options *o);

/* Columns: layer, head, mean, ci_low, ci_high, median, p05, p95, normalised,
 * effective_support, n_rows, n_sequences (nat; with position_bins, leading
 * columns position_low, position_high). */
am_status am_entropy_table(am_run *r, const am_aggregate_options *o, am_table *out,
                           am_error *err) AM_MUST_CHECK;

#endif

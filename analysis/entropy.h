/* Attention entropy from a run file: per (layer, head), per layer, overall, and
 * by position bin. Aggregation: rows -> sequence -> task -> overall, equal
 * weight at each step; medians and percentiles pool rows. Intervals: 95 % BCa
 * bootstrap over sequences (resampled within tasks), null below 5 sequences. */
#ifndef AM_ANALYSIS_ENTROPY_H
#define AM_ANALYSIS_ENTROPY_H

#include "analysis/aggregate_options.h"
#include "analysis/table.h"
#include "base/error.h"
#include "runfile/reader.h"

/* Columns: layer, head, mean, ci_low, ci_high, median, p05, p95, normalised,
 * effective_support, n_rows, n_sequences (nat; with position_bins, leading
 * columns position_low, position_high: low <= position < high). Rows: (layer,
 * head), then (layer, null), then (null, null); bins without rows are left out.
 * n_rows counts rows of every head pooled. A run without rows at the positions
 * asked for is AM_ERR_RANGE. */
am_status am_entropy_table(am_run *r, const am_aggregate_options *o, am_table *out,
                           am_error *err) AM_MUST_CHECK;

#endif

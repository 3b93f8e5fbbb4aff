/* Top-k mass coverage from a run file; aggregation and intervals as entropy.h. */
#ifndef AM_ANALYSIS_COVERAGE_H
#define AM_ANALYSIS_COVERAGE_H

#include "analysis/entropy.h"

/* Mass at every k and ratio: layer, head, k (or ratio), mass, ci_low, ci_high,
 * and per mass: layer, head, tau, k_median, k_p95. One table; the columns that
 * do not apply are null. */
am_status am_coverage_table(am_run *r, const am_aggregate_options *o, am_table *out,
                            am_error *err) AM_MUST_CHECK;

#endif

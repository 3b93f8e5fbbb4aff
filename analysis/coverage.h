/* Top-k mass coverage from a run file; aggregation and intervals as entropy.h. */
#ifndef AM_ANALYSIS_COVERAGE_H
#define AM_ANALYSIS_COVERAGE_H

#include "analysis/entropy.h"

/* For each cell: mass at every k and ratio (layer, head, k or ratio, mass, ci_low,
 * ci_high), then the count at every mass (layer, head, tau, k_median, k_p95; keys
 * pooled over rows). One table; columns that do not apply to a row are omitted
 * (am_table_omit). Position bins and the order of cells as in entropy.h. A run
 * with neither masses nor counts is AM_ERR_FORMAT. */
am_status am_coverage_table(am_run *r, const am_aggregate_options *o, am_table *out,
                            am_error *err) AM_MUST_CHECK;

#endif

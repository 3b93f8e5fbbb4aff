/* How far the rows of two models are apart, from a run of `run --pair`: per (layer, head), per
 * layer, overall, and by position bin. Aggregation and intervals as of entropy.h. */
#ifndef AM_ANALYSIS_PAIR_TABLE_H
#define AM_ANALYSIS_PAIR_TABLE_H

#include "analysis/aggregate_options.h"
#include "analysis/table.h"
#include "base/error.h"
#include "runfile/reader.h"

#include <stdbool.h>

/* Whether the run holds any of it. */
bool am_pair_table_has(const am_run *r);

/* Columns: layer, head, statistic (kl, kl_reverse, js, tv, lost, gained, topk_overlap), k (of
 * topk_overlap, null for the others), mean, ci_low, ci_high, chance (k / n, of topk_overlap), n_rows, n_infinite, n_rows_trivial,
 * n_sequences; with position_bins, leading columns position_low, position_high. kl and kl_reverse are
 * means over the rows where they are finite; n_infinite counts the others. topk_overlap leaves out rows that see no more than k
 * keys, which n_rows_trivial counts. Means without any row are null. AM_ERR_FORMAT: no /pair. */
am_status am_pair_table(am_run *r, const am_aggregate_options *o, am_table *out, am_error *err) AM_MUST_CHECK;

#endif

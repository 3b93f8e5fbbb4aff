/* How well the sets of shadowed selectors find what attention looks at, from a run file;
 * aggregation and intervals as entropy.h. */
#ifndef AM_ANALYSIS_RECALL_H
#define AM_ANALYSIS_RECALL_H

#include "analysis/aggregate_options.h"
#include "analysis/table.h"
#include "base/error.h"
#include "runfile/reader.h"

typedef struct am_recall_options {
	am_aggregate_options aggregate;
	const char *selector; /* "s0" or a spec as it was given; NULL: all, and baselines */
	int reference;        /* am_run_reference, or -1: all */
	double min_ratio;     /* rows with n < min_ratio k are left out too; 0: none */
} am_recall_options;

/* For each selector and reference, and each cell as in entropy.h (`head` is the key/value head
 * for reference group, and there is none for sum and max), at every k, then ratio: recall
 * with interval, chance, recall_corrected, mass_recall, retained_mass, top1_hit, worst row,
 * quantiles, counts, and means of what was taken on sampled rows. Rows with n <= k are left
 * out and counted (n_rows_trivial). Without o->selector, baselines follow that need no shadow:
 * the best keys of each reference, named by the selector that would keep them, and random
 * keys in expectation; those that were shadowed are left out.
 * AM_ERR_FORMAT: the run shadows nothing; AM_ERR_USAGE: no such selector. */
am_status am_recall_table(am_run *r, const am_recall_options *o, am_table *out, am_error *err) AM_MUST_CHECK;

/* AM_ERR_CHECK, naming selectors and layers, where a layer's mean recall at any k is below
 * `least` (at any ratio in a run without -k), judged by the reference that shares sets as the
 * selector does: sum, group or head. A layer without any row to judge is named too. */
am_status am_recall_check(am_run *r, const am_recall_options *o, double least, am_error *err) AM_MUST_CHECK;

#endif

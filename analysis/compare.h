/* Before and after: what changed between two runs, sequence by sequence, with
 * intervals, corrected tests, and the controls that a claim about entropy needs.
 *
 * Runs pair where their rows are of the same sequences, positions and tokens. Means
 * go rows -> sequence -> task -> overall with equal weight at each step; the unit of
 * every interval and test is the sequence (docs/statistics.md). Files are streamed,
 * once for each field. */
#ifndef AM_ANALYSIS_COMPARE_H
#define AM_ANALYSIS_COMPARE_H

#include "analysis/aggregate_options.h"
#include "analysis/bootstrap.h"
#include "analysis/metric.h"
#include "analysis/rank_tests.h"
#include "analysis/table.h"
#include "base/error.h"
#include "base/text.h"
#include "runfile/reader.h"

#include <stdbool.h>

#define AM_COMPARE_METRICS 64

typedef struct am_compare_options {
	am_aggregate_options aggregate; /* position_bins, min_position, resamples, seed, level */
	const am_metric *metric;        /* [n_metric], parsed; at most AM_COMPARE_METRICS */
	int n_metric;
	bool by_task;  /* rows for each task, then for all */
	bool unpaired; /* different sequences; the same layers and heads */
	am_interval_method interval;
	am_zeros zeros;
	double margin; /* > 0: tests against it, in the metric's unit or as a share of mean_a */
	bool margin_relative;
	am_aggregate_level pair_level; /* of the pair table */
	bool trivial_told; /* rows with n <= k are told elsewhere, not in the warnings */
} am_compare_options;

/* Share of sequences with a score of 1 (every output found). */
typedef struct am_accuracy_change {
	int n; /* sequences scored in both; 0: none */
	double accuracy_a, accuracy_b;
	int only_a, only_b; /* right in one run alone */
	double p;           /* exact McNemar */
} am_accuracy_change;

typedef struct am_comparison {
	bool paired;
	int64_t n_sequences[2], n_rows[2]; /* used, of a and b; equal when paired */
	am_interval_method interval;       /* what AUTO stood for overall */

	/* task (with by_task), position_low, position_high (with position_bins), metric,
	 * layer, head, mean_a, mean_b, change, ci_low, ci_high, percent, hl, hl_low, hl_high,
	 * p_wilcoxon, p_permutation, q_bh, q_by, p_maxt, rank_biserial, d_z, with a margin
	 * p_equivalent, p_not_lower, p_not_higher, and n_sequences. Every level is computed and
	 * corrected, whatever the level of the rows kept. */
	am_table table;
	/* metric, level (head, layer, overall), by (task, or null), tests, below_bh, below_maxt:
	 * the families that were corrected together, and how many fall below 0.05. */
	am_table corrected;
	/* The first columns of `table` for nll and normalised, overall. */
	am_table controls;
	/* With a control run, for every mass, error, entropy and NLL that the three runs have:
	 * metric, layer, mean_a, mean_b, mean_control, change, change_control, control_low,
	 * control_high, share (change_control / change), remaining (b - control),
	 * remaining_low, remaining_high, p_remaining (Wilcoxon), q_remaining (BH over the rows
	 * of a level). */
	bool has_control;
	am_table control;
	/* Where a was run with a second model beside it: pair_table.h, of a alone. */
	bool has_pair;
	am_table pair;
	/* attribute, a, b: what the runs say of themselves and differ in. */
	am_table differences;
	am_accuracy_change accuracy;
	am_text warnings; /* a line each */
} am_comparison;

/* entropy, everything of aggregate_options.h, paired, AUTO, zeros dropped, no margin. */
void am_compare_options_init(am_compare_options *o);

/* control may be NULL. AM_ERR_RANGE: the runs do not pair (the first difference);
 * AM_ERR_FORMAT: a run lacks what a metric needs; AM_ERR_USAGE: a control or a position
 * table of unpaired runs that cannot be. am_comparison_fini after success. */
am_status am_compare(am_run *a, am_run *b, am_run *control, const am_compare_options *o, am_comparison *out,
                     am_error *err) AM_MUST_CHECK;
void am_comparison_fini(am_comparison *c);

#endif

/* A change between two runs, sequence by sequence: its size, its interval and its
 * tests, for a family of cells that are corrected together. Private to analysis;
 * knows nothing of run files.
 *
 * The unit is the sequence. Means go from sequences to tasks to the whole as in
 * bootstrap.h, and the sign flips weigh sequences in the same way; rank tests and
 * standardised sizes take every sequence alike. */
#ifndef AM_ANALYSIS_CONTRAST_H
#define AM_ANALYSIS_CONTRAST_H

#include "analysis/bootstrap.h"
#include "analysis/equivalence.h"
#include "analysis/rank_tests.h"
#include "analysis/shift.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct am_contrast {
	int n; /* sequences with a value: in both runs when paired, else of both together */
	double mean_a, mean_b;
	double change;  /* mean_b - mean_a */
	double percent; /* 100 (mean_b / mean_a - 1); NaN for a mean_a of 0 */
	am_interval ci; /* of the change */
	am_shift shift; /* Hodges-Lehmann */
	double p_wilcoxon; /* signed rank; rank sum for unpaired runs */
	double p_permutation; /* sign flips; labels exchanged for unpaired runs */
	double q_bh, q_by; /* of p_wilcoxon, over the family */
	double p_max;      /* of the sign flips, over the family; NaN for unpaired runs */
	double biserial;
	double d_z; /* mean difference over its deviation; Cohen's d (pooled) for unpaired runs */
	am_equivalence margin; /* NaN without a margin */
} am_contrast;

typedef struct am_contrast_options {
	int resamples; /* of the bootstrap, and of signs where not all are gone through */
	uint64_t seed;
	am_interval_method interval;
	am_zeros zeros;
	double margin;        /* 0: none */
	bool margin_relative; /* as a share of mean_a */
} am_contrast_options;

/* Sequences of one run, or of both when paired. */
typedef struct am_sample {
	const double *value; /* [n_cell][n_sequence], NaN where a sequence has none */
	const int *task;     /* [n_sequence] in [0, n_task) */
	int n_sequence;
} am_sample;

/* out[n_cell]. a and b hold the same sequences and tasks; a sequence counts in a cell
 * where both have a value. */
am_status am_contrast_paired(const am_contrast_options *o, const am_sample *a, const am_sample *b, int n_task,
                             int n_cell, am_contrast *out, am_error *err) AM_MUST_CHECK;
/* The same of different sequences, over common tasks. Labels are exchanged within
 * tasks, always by drawing. */
am_status am_contrast_unpaired(const am_contrast_options *o, const am_sample *a, const am_sample *b,
                               int n_task, int n_cell, am_contrast *out, am_error *err) AM_MUST_CHECK;

#endif

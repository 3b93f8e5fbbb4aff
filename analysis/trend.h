/* Tests of a trend that GSL lacks: Spearman's rank correlation with a permutation p, and
 * Jonckheere's test of ordered groups, also for the same samples in every group. All p are
 * two-sided. */
#ifndef AM_ANALYSIS_TREND_H
#define AM_ANALYSIS_TREND_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define AM_TREND_EXACT 9 /* values up to which all permutations are counted */

typedef struct am_spearman {
	double rho; /* of average ranks; NaN when x or y is constant or n < 3 */
	double p;   /* share of the permutations of y with at least this |rho|; NaN with rho */
	bool exact; /* all n! permutations, else (1 + hits) / (1 + resamples) */
} am_spearman;

/* x[n], y[n], finite. A pure function of its arguments. */
am_status am_spearman_test(const double *x, const double *y, int n, int resamples, uint64_t seed, am_spearman *out,
                           am_error *err) AM_MUST_CHECK;

typedef struct am_jonckheere {
	double statistic; /* pairs of a lower and a higher group in which the higher one's value is larger, ties half */
	double mean, sd;  /* under no trend; sd for independent groups, with ties (Hollander, Wolfe, 2nd ed., eq. 6.19) */
	double z, p;      /* normal approximation; NaN when sd is 0 */
	double p_paired;  /* by permuting each sample's values among the groups, (1 + hits) / (1 + resamples) */
} am_jonckheere;

/* value[n_group][n_sample], finite, groups in their order; sample i is the same in all groups, so
 * that p_paired is the one to go by. At least 2 groups and 1 sample. */
am_status am_jonckheere_test(const double *value, int n_group, int n_sample, int resamples, uint64_t seed,
                             am_jonckheere *out, am_error *err) AM_MUST_CHECK;

#endif

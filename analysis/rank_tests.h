/* Rank tests of a change: Wilcoxon's signed ranks for paired values, his rank sum
 * (Mann-Whitney) for two groups. Two-sided, no continuity correction. Private to
 * analysis.
 *
 * Source: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods (2014),
 * 3.1 and 4.1; Pratt, JASA 54 (1959); matched rank-biserial: Kerby (2014). */
#ifndef AM_ANALYSIS_RANK_TESTS_H
#define AM_ANALYSIS_RANK_TESTS_H

#include "base/error.h"

#include <stdbool.h>

typedef enum {
	AM_ZEROS_DROP, /* differences of 0 are left out before ranking */
	AM_ZEROS_PRATT /* they are ranked, and their ranks left out */
} am_zeros;

typedef struct am_rank_test {
	double p;
	double biserial; /* in [-1, 1], positive where the second value is larger */
	bool exact;      /* counted; false: normal with the variance for ties */
} am_rank_test;

/* d[n]: differences, no NaN. Exact for at most AM_RANKS_EXACT differences that are
 * not 0 and differ in size; with Pratt's zeros also only without any. biserial is
 * (W+ - W-) over the sum of all ranks. Without a difference p is 1, biserial 0. */
am_status am_signed_rank_test(const double *d, int n, am_zeros zeros, am_rank_test *out,
                              am_error *err) AM_MUST_CHECK;

/* a[na], b[nb], no NaN. Exact without ties and with at most AM_RANKS_EXACT on each
 * side. biserial: P(b > a) - P(b < a). With an empty side p is NaN. */
am_status am_rank_sum_test(const double *a, int na, const double *b, int nb, am_rank_test *out,
                           am_error *err) AM_MUST_CHECK;

#endif

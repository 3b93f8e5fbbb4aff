/* Hodges-Lehmann shifts: the median of all averages of two differences (Walsh
 * averages, a value with itself included), or of all differences of two groups, with the
 * interval that the rank test of the same values does not reject. Private to analysis.
 *
 * Source: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods (2014),
 * 3.2, 3.3, 4.2 and 4.3. */
#ifndef AM_ANALYSIS_SHIFT_H
#define AM_ANALYSIS_SHIFT_H

#include "base/error.h"

/* The ends are NaN where no interval of the level exists: paired below 6 values
 * at 95 %. */
typedef struct am_shift {
	double estimate, low, high;
} am_shift;

/* d[n], no NaN; level in (0, 1). The ends come from the exact null up to
 * AM_RANKS_EXACT values (at least the level), then from the normal one. Order
 * statistics are found by counting, in memory for n values. */
am_status am_shift_paired(const double *d, int n, double level, am_shift *out, am_error *err) AM_MUST_CHECK;
/* By how much b[nb] lies above a[na]. */
am_status am_shift_groups(const double *a, int na, const double *b, int nb, double level, am_shift *out,
                          am_error *err) AM_MUST_CHECK;

#endif

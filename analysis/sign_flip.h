/* Permutation tests by random signs, of one statistic or of a family at once.
 *
 * Under the null of no change a sequence's differences are as likely with the
 * other sign, all of its cells together. The statistic of a cell is the sum of its
 * differences, each times its weight in the estimate, over the root of the sum of
 * their squares: a monotone function of the paired t statistic, so that cells of
 * different spread count alike.
 *
 * Source: Westfall, Young, Resampling-Based Multiple Testing (1993), 2.6 (step-down
 * max-T: holds the familywise error under any dependence of the cells); Phipson,
 * Smyth, SAGMB 9 (2010), for (1 + b) / (1 + B). Private to analysis. */
#ifndef AM_ANALYSIS_SIGN_FLIP_H
#define AM_ANALYSIS_SIGN_FLIP_H

#include "base/error.h"

#include <math.h>
#include <stdint.h>

/* Up to this many sequences all 2^n signs are gone through. */
#define AM_SIGN_FLIP_EXACT 20

/*   value[n_cell][n]   weighted differences; NaN where a sequence has none
 *   p[n_cell]          two-sided; 1 where all differences are 0
 *   p_max[n_cell]      adjusted over the cells; may be NULL
 * Beyond AM_SIGN_FLIP_EXACT sequences `resamples` draws from `seed`; every cell and
 * every family sees the same signs. Cells without a value get NaN and are not of
 * the family. */
am_status am_sign_flip(const double *value, int n_cell, int n, int resamples, uint64_t seed, double *p,
                       double *p_max, am_error *err) AM_MUST_CHECK;

/* Below so many pairs no paired two-sided test reaches 0.05; what the least p of n pairs is, all of one sign: 2 / 2^n. */
enum { AM_SIGN_FEW = 6 };
static inline double am_sign_least_p(int64_t n)
{
	return n < 1 ? 1 : ldexp(2, n < 1000 ? -(int)n : -1000);
}

#endif

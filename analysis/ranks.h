/* Ranks, and the exact null distributions of sums of ranks. Private to analysis. */
#ifndef AM_ANALYSIS_RANKS_H
#define AM_ANALYSIS_RANKS_H

#include "base/error.h"

/* Above this many values a sum of ranks is taken as normal. */
#define AM_RANKS_EXACT 50
#define AM_RANKS_SUMS (AM_RANKS_EXACT * (AM_RANKS_EXACT + 1) / 2 + 1)

/* rank[n]: ranks of x[n] from 1, equal values sharing the mean of theirs. x must
 * hold no NaN. *ties (may be NULL): sum over groups of t equal values of t^3 - t,
 * 0 where all differ. */
am_status am_ranks(const double *x, int n, double *rank, double *ties, am_error *err) AM_MUST_CHECK;

/* cdf[n (n + 1) / 2 + 1]: P(W <= w) of the sum of ranks with a positive sign among
 * n <= AM_RANKS_EXACT values, each sign as likely: subsets of 1 .. n counted by
 * their sum. */
void am_signed_rank_cdf(int n, double *cdf);

/* cdf[m * n + 1]: P(U <= u) of the Mann-Whitney statistic of m and n values, both
 * at most AM_RANKS_EXACT: subsets of m of m + n ranks counted by their sum. */
am_status am_rank_sum_cdf(int m, int n, double *cdf, am_error *err) AM_MUST_CHECK;

#endif

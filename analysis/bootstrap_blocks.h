/* Moving-block bootstrap (Kuensch 1989): the interval of a mean over the rows of one long
 * sequence, where there are too few sequences to draw from.
 *
 * Neighbouring rows are alike, so single rows must not be drawn: what is drawn, with
 * replacement, are runs of `block` rows anywhere in the sequence. The interval speaks of this
 * sequence as one stretch of a longer text, not of other texts: a claim about a model
 * wants sequences (analysis/bootstrap.h). */
#ifndef AM_ANALYSIS_BOOTSTRAP_BLOCKS_H
#define AM_ANALYSIS_BOOTSTRAP_BLOCKS_H

#include "analysis/bootstrap.h"
#include "base/error.h"

#include <stdint.h>

/* Blocks of a sequence there must be room for; with fewer there is no interval. */
#define AM_BLOCKS_LEAST 5

typedef struct am_block_interval {
	am_interval interval; /* 95 %, both NaN: none */
	double mean;          /* of the rows that are not NaN */
	int n;                /* how many */
	int block;            /* rows a block */
	double time;          /* integrated autocorrelation time, rows; n / time are worth as much as independent ones */
} am_block_interval;

/* 1 + 2 sum of the autocorrelations of x[n] up to the first lag W >= 5 times the sum so far
 * (Sokal's window); 1 where x does not vary, at least 1. x holds no NaN. */
double am_autocorrelation_time(const double *x, int n);

/* x[n]: a value a row, in order; NaN rows are left out. block 0: three autocorrelation times
 * (with one the mean of a block would keep half of the covariances of its rows only), at
 * most n / AM_BLOCKS_LEAST. Percentiles of the resampled means, moved by how far these
 * lie from the mean itself, since rows at the ends are in fewer blocks. A pure function
 * of its arguments. */
am_status am_block_bootstrap(const double *x, int n, int block, int resamples, uint64_t seed,
                             am_block_interval *out, am_error *err) AM_MUST_CHECK;

#endif

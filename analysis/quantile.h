/* Exact quantiles of streams too long to hold: radix selection. The values are
 * gone through a few times in any order; each sweep counts the next digit of the order
 * statistics wanted, so memory does not depend on how many values there are.
 *
 * Counting and selecting are apart, so that a value counted once serves several
 * quantiles: those of a head, of its layer and of the whole run. A tally counts the
 * values of one part; a quantile asks the tallies of all its parts.
 *
 *     am_quantile_init(&q, digits, probs, 3)
 *     for (sweep = 0; sweep < am_digits_sweeps(digits); sweep++) {
 *             n = am_quantile_wants(&q, prefix, 0)    of every quantile that counts on the tally
 *             am_tally_begin(&t, digits, sweep, prefix, n, err)
 *             am_tally_add(&t, x, stride, n)          for every x
 *             am_quantile_collect(&q, &t, 1, 1, count)
 *             am_quantile_next(&q, count)
 *     }
 *     am_quantile_value(&q, 0)
 */
#ifndef AM_ANALYSIS_QUANTILE_H
#define AM_ANALYSIS_QUANTILE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define AM_QUANTILE_MAX 4 /* probabilities at once */
#define AM_QUANTILE_PREFIXES 255 /* of all quantiles that count on a tally */

/* How the 32 bits of a value are cut. */
typedef enum {
	AM_DIGITS_11, /* 11, 11 and 10 bits: three sweeps, 8 KB a beginning */
	AM_DIGITS_16, /* twice 16: two sweeps, up to 256 KB a beginning */
} am_digits;
int am_digits_sweeps(am_digits d);
/* Counts that am_quantile_collect adds to. */
size_t am_digits_counts(am_digits d);

/* Values that begin in the same way: their next digits, listed one by one where they are
 * few, else counted. */
typedef struct am_tally_slot {
	uint32_t prefix;
	uint32_t n, room; /* listed; room 0: counted */
	uint16_t *list;
	uint32_t *count;  /* below 2^32 values */
} am_tally_slot;

typedef struct am_tally {
	am_digits digits;
	int sweep, n;
	am_tally_slot *slot; /* [n], prefixes upwards; one with the empty prefix in the first sweep */
	/* Which slot a value belongs to, 1 + its index, 0 for none: by the first digit, and, in a
	 * third sweep, by the second under each first one that occurs. */
	unsigned char *first;
	unsigned char *second;
} am_tally;

/* Starts a sweep with nothing counted, of values that begin as prefix[n] says, in any order,
 * n <= AM_QUANTILE_PREFIXES different ones; the first sweep takes none. The tally is zeroed,
 * or has been through the sweep before this one. am_tally_fini at the end, also after failure. */
am_status am_tally_begin(am_tally *t, am_digits digits, int sweep, const uint32_t *prefix, int n,
                         am_error *err) AM_MUST_CHECK;
void am_tally_fini(am_tally *t);
/* Bytes that a tally usually takes with n beginnings. */
size_t am_tally_bytes(am_digits digits, int n);
/* Counts x[0], x[stride], ... of n; NaN not. The same values in every sweep. */
void am_tally_add(am_tally *t, const float *x, int stride, int64_t n);

typedef struct am_quantile {
	int n_prob;
	double prob[AM_QUANTILE_MAX];
	uint64_t n; /* values of the first sweep */
	am_digits digits;
	int sweep;
	/* The order statistics below and above each quantile. */
	uint32_t prefix[2 * AM_QUANTILE_MAX]; /* digits known so far */
	uint64_t rank[2 * AM_QUANTILE_MAX];   /* among the values that begin so */
} am_quantile;

/* prob[n_prob] in [0, 1]. */
void am_quantile_init(am_quantile *q, am_digits digits, const double *prob, int n_prob);
/* Adds the beginnings whose next digit q needs to prefix[n], those it does not hold yet, at
 * most 2 AM_QUANTILE_MAX; returns how many there are then. */
int am_quantile_wants(const am_quantile *q, uint32_t *prefix, int n);
/* Adds what t[0], t[stride], ... of n_tally counted of those beginnings to count, which is
 * am_digits_counts() zeros at the start of a sweep. */
void am_quantile_collect(const am_quantile *q, const am_tally *t, int stride, int n_tally, uint64_t *count);
/* Ends a sweep with the counts of all its values, and zeroes them. */
void am_quantile_next(am_quantile *q, uint64_t *count);

/* Quantile i after the last sweep, interpolated between order statistics at
 * p (n - 1) as in gsl_stats_quantile_from_sorted_data; NaN without values. */
double am_quantile_value(const am_quantile *q, int i);

#endif

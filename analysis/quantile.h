/* Exact quantiles of streams too long to hold: radix selection. The values are
 * gone through AM_QUANTILE_SWEEPS times in any order; each sweep counts the next
 * digit of the order statistics wanted, so memory does not depend on how many
 * values there are.
 *
 *     am_quantile_init(&q, probs, 3, err)
 *     for (sweep = 0; sweep < AM_QUANTILE_SWEEPS; sweep++) {
 *             am_quantile_add(&q, x) for every x
 *             am_quantile_next(&q, err)
 *     }
 *     am_quantile_value(&q, 0)
 */
#ifndef AM_ANALYSIS_QUANTILE_H
#define AM_ANALYSIS_QUANTILE_H

#include "base/error.h"

#include <stdint.h>
#include <string.h>

#define AM_QUANTILE_SWEEPS 3
#define AM_QUANTILE_MAX 4 /* probabilities at once */
#define AM_QUANTILE_DIGIT 2048 /* of 11, 11 and 10 bits */

typedef struct am_quantile {
	int n_prob;
	double prob[AM_QUANTILE_MAX];
	uint64_t n; /* values of the first sweep */

	int sweep;
	int n_slot; /* different beginnings among the order statistics wanted */
	uint32_t slot_prefix[2 * AM_QUANTILE_MAX];
	uint64_t *count; /* [n_slot][AM_QUANTILE_DIGIT] */

	/* The order statistics below and above each quantile. */
	uint32_t prefix[2 * AM_QUANTILE_MAX]; /* digits known so far */
	uint64_t rank[2 * AM_QUANTILE_MAX];   /* among the values that begin so */
} am_quantile;

/* prob[n_prob] in [0, 1]. */
am_status am_quantile_init(am_quantile *q, const double *prob, int n_prob, am_error *err) AM_MUST_CHECK;
void am_quantile_fini(am_quantile *q);

/* Bits of a float32 (not NaN) in the order of the numbers. */
static inline uint32_t am_quantile_key(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	return u & 0x80000000u ? ~u : u | 0x80000000u;
}

/* Counts one value; the same values in every sweep. */
static inline void am_quantile_add(am_quantile *q, float x)
{
	static const int prefix_shift[] = {0, 21, 10}, digit_shift[] = {21, 10, 0};
	uint32_t key = am_quantile_key(x);
	uint32_t digit = key >> digit_shift[q->sweep] & (q->sweep == 2 ? 1023u : 2047u);
	if (q->sweep == 0) {
		q->count[digit]++;
		return;
	}
	uint32_t prefix = key >> prefix_shift[q->sweep];
	for (int i = 0; i < q->n_slot; i++)
		if (q->slot_prefix[i] == prefix)
			q->count[(size_t)i * AM_QUANTILE_DIGIT + digit]++;
}

/* Adds what `from` has counted in its first sweep to the first sweep of q. */
void am_quantile_merge(am_quantile *q, const am_quantile *from);

/* Ends a sweep. */
am_status am_quantile_next(am_quantile *q, am_error *err) AM_MUST_CHECK;

/* Quantile i after the last sweep, interpolated between order statistics at
 * p (n - 1) as in gsl_stats_quantile_from_sorted_data; NaN without values. */
double am_quantile_value(const am_quantile *q, int i);

#endif

/* Distances between two attention rows of one query. */
#ifndef AM_PROBES_PAIR_ROW_H
#define AM_PROBES_PAIR_ROW_H

#include "kernels/kernels.h"
#include "model/rescore.h"

/* Of rows A and B, with p and q their probabilities over the keys each keeps, all in float64.
 * A key that a row does not keep is absent from it, not one of probability 0: where A keeps a key
 * that B does not, KL(A||B) is infinite (metrics.md 2.2), and likewise the other way round. */
typedef struct am_pair_values {
	double kl;         /* sum p ln(p / q), nat, [0, inf] */
	double kl_reverse; /* sum q ln(q / p), nat, [0, inf] */
	double js;         /* half of each towards (p + q) / 2, nat, [0, ln 2] */
	double tv;         /* half of sum |p - q|, [0, 1] */
	double lost;       /* sum of p where B keeps nothing, [0, 1] */
	double gained;     /* sum of q where A keeps nothing, [0, 1] */
} am_pair_values;

/* Room of one worker for rows of up to `capacity` keys. */
typedef struct am_pair_scratch {
	double *p, *q;         /* [capacity] */
	float *score;          /* [capacity], -inf where a key is not kept */
	uint64_t *a, *b;       /* [AM_SET_BUDGETS][AM_SET_WORDS(capacity)] sets of the best keys in A and in B */
	void *select;          /* AM_SELECT_SCRATCH(capacity) */
} am_pair_scratch;

/* False, and nothing held, for want of memory. */
bool am_pair_scratch_init(am_pair_scratch *w, int capacity);
void am_pair_scratch_fini(am_pair_scratch *w);
size_t am_pair_scratch_bytes(int capacity);

/* Both rows are of the same query, so that they end with the same key. Equal rows give exactly 0. */
void am_pair_distances(const am_rescored *a, const am_rescored *b, am_pair_scratch *w, am_pair_values *out);

/* out[i] = |A's k[i] best and B's| in common over the larger of the two sets, which is k[i] but where
 * neither row keeps as many keys. k[n_k] ascending, at least 1; ties: the lower position first. */
void am_pair_overlaps(const am_kernels *kernels, const am_rescored *a, const am_rescored *b, const int32_t *k, int n_k,
                      am_pair_scratch *w, float *out);

#endif

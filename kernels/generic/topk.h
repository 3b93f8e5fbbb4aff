/* Indices of the k largest scores, included by <isa>/row.c.
 *
 * Radix selection on keys that order like the scores: three passes of 11, 11 and
 * 10 bits find the k-th largest key; one more collects what lies above it and
 * the first of its equals; k pairs are sorted. */

#include "kernels/kernels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct pick {
	uint32_t key;
	int32_t index;
} pick;

/* Monotone map of floats to unsigned; -0 counts as +0. */
static uint32_t ordered(float x)
{
	uint32_t u;
	x += 0.0f;
	memcpy(&u, &x, sizeof u);
	return u & 0x80000000u ? ~u : u | 0x80000000u;
}

static int best_first(const void *a, const void *b)
{
	const pick *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Key of rank k (1 = largest); *above = how many keys are larger. */
static uint32_t kth_key(const float *score, int n, int k, int32_t *histogram, int *above)
{
	static const int shift[3] = {21, 10, 0}, width[3] = {11, 11, 10};
	uint32_t prefix = 0, mask = 0;
	int larger = 0;
	for (int pass = 0; pass < 3; pass++) {
		uint32_t digits = (1u << width[pass]) - 1;
		memset(histogram, 0, (digits + 1) * sizeof *histogram);
		for (int j = 0; j < n; j++) {
			uint32_t u = ordered(score[j]);
			if ((u & mask) == prefix)
				histogram[u >> shift[pass] & digits]++;
		}
		uint32_t d = digits;
		while (larger + histogram[d] < k)
			larger += histogram[d--];
		prefix |= d << shift[pass];
		mask |= digits << shift[pass];
	}
	*above = larger;
	return prefix;
}

static void row_topk(const float *score, int n, int k, int32_t *index, void *scratch)
{
	if (k > n)
		k = n;
	if (k <= 0)
		return;
	int above;
	uint32_t border = kth_key(score, n, k, scratch, &above);
	pick *p = scratch;
	int equal = k - above, m = 0;
	for (int j = 0; j < n; j++) {
		uint32_t u = ordered(score[j]);
		if (u > border || (u == border && equal-- > 0))
			p[m++] = (pick){u, j};
	}
	assert(m == k);
	qsort(p, (size_t)k, sizeof *p, best_first);
	for (int i = 0; i < k; i++)
		index[i] = p[i].index;
}

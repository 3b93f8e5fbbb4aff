/* Nested sets of the largest scores under several budgets, included by <isa>/row.c after
 * generic/topk.h.
 *
 * A few scores, spread over the row, are sorted out first: the one that a little more
 * than the largest budget should reach is a guess at its border. One pass collects the
 * scores that reach the guess (were there too few after all, a lower one is taken); the
 * largest budget is split off them by partitioning without branches, the next smaller one off
 * that, and so on. What is left is to mark the chosen keys. */
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { MEMBER_SAMPLE = 64, MEMBER_ALL = 256, MEMBER_PIVOTS = 15 };

/* The r-th largest (from 1) of s[MEMBER_SAMPLE]: the least with fewer than r above it. */
static float member_guess(const float *s, int r)
{
	int32_t above[MEMBER_SAMPLE];
	for (int at = 0; at < MEMBER_SAMPLE; at += LANES) {
		vi n[UNROLL] = {{0}};
		for (int i = 0; i < MEMBER_SAMPLE; i++)
			for (int u = 0; u < UNROLL; u++)
				n[u] -= vf_set(s[i]) > vf_load(s + at + u * AM_VW);
		memcpy(above + at, n, sizeof n);
	}
	float guess = INFINITY;
	for (int i = 0; i < MEMBER_SAMPLE; i++)
		guess = above[i] < r && s[i] < guess ? s[i] : guess;
	return guess;
}

/* A pivot near the place k of n, from a sorted sample. */
static uint64_t member_pivot(const uint64_t *x, int n, int k)
{
	uint64_t sample[MEMBER_PIVOTS];
	for (int i = 0; i < MEMBER_PIVOTS; i++)
		sample[i] = x[(int64_t)n * i / MEMBER_PIVOTS];
	insertion_sort(sample, MEMBER_PIVOTS);
	return sample[(int64_t)MEMBER_PIVOTS * k / n];
}

/* Moves what is >= pivot to the front; returns how many. */
static int member_partition(uint64_t *x, int n, uint64_t pivot)
{
	int m = 0;
	for (int i = 0; i < n; i++) {
		uint64_t v = x[i];
		x[i] = x[m];
		x[m] = v;
		m += v >= pivot;
	}
	return m;
}

/* Puts the k largest of x[n], all different, first; k < n. */
static void member_first(uint64_t *x, int n, int k)
{
	for (int depth = sort_depth(n); n > 4 * MEMBER_PIVOTS; depth--) {
		if (depth == 0) {
			heap_sort(x, n);
			return;
		}
		/* The pivot itself stays in front of the rest, so both sides are shorter than n
		 * but where it is the least of all. */
		int m = member_partition(x, n, member_pivot(x, n, k));
		if (m == k)
			return;
		if (m > k) {
			n = m;
		} else {
			x += m;
			n -= m;
			k -= m;
		}
	}
	select_first(x, n, k, sort_depth(n));
}

/* Candidates that hold the k largest of score[n]; returns how many there are. */
static int member_candidates(const float *score, int n, int k, uint64_t *p, int32_t *index)
{
	float sample[MEMBER_SAMPLE];
	int m = 0;
	if (n < MEMBER_ALL || k > n / 2) {
		for (; m < n; m++)
			p[m] = topk_candidate(score[m], m);
		return m;
	}
	for (int i = 0; i < MEMBER_SAMPLE; i++)
		sample[i] = score[(int64_t)n * i / MEMBER_SAMPLE];
	float expected = (float)MEMBER_SAMPLE * (float)k / (float)n;
	int rank = 2 + (int)(expected + 2 * sqrtf(expected));
	for (; m < k; rank += rank)
		m = reach(score, n, rank <= MEMBER_SAMPLE ? member_guess(sample, rank) : -INFINITY, index);
	for (int i = 0; i < m; i++)
		p[i] = topk_candidate(score[index[i]], index[i]);
	return m;
}

static void row_member(const float *score, int n, const int *k, int n_k, uint32_t *member, void *scratch)
{
	uint64_t *p = scratch;
	int m = n, all = n_k;
	while (all > 0 && k[all - 1] >= n)
		all--;
	uint32_t bits = 0;
	for (int b = all; b < n_k; b++)
		bits |= (uint32_t)1 << b;
	for (int j = 0; j < n && bits; j++)
		member[j] |= bits;
	if (all == 0)
		return;
	m = member_candidates(score, n, k[all - 1], p, (int32_t *)(p + n));
	for (int b = all - 1; b >= 0; m = k[b--])
		if (k[b] < m)
			member_first(p, m, k[b]);
	for (int b = 0, i = 0; b < all; b++) {
		bits = 0;
		for (int c = b; c < all; c++)
			bits |= (uint32_t)1 << c;
		for (; i < k[b]; i++)
			member[0xffffffffu - (uint32_t)p[i]] |= bits;
	}
}

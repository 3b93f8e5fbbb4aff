/* Indices of the k largest scores, included by <isa>/row.c after generic/row.h.
 *
 * Split the row into groups; the k-th largest of the groups' maxima bounds the k-th
 * largest score from below, since k groups hold a score at least as large. So one
 * vector pass takes maxima, and only groups that reach the bound are looked into.
 * Candidates become integers that order as wanted (score, then lower index; all
 * different); the k largest are split off by partitioning, then sorted where their
 * order is wanted. */
#include "kernels/kernels.h"

#include <string.h>

enum { TOPK_SORTED = 16 };

/* Score above, index below, both so that larger means better; -0 counts as +0. */
static uint64_t topk_candidate(float x, int index)
{
	uint32_t u;
	x += 0.0f;
	memcpy(&u, &x, sizeof u);
	u = u & 0x80000000u ? ~u : u | 0x80000000u;
	return (uint64_t)u << 32 | (0xffffffffu - (uint32_t)index);
}

static void sift_down(uint64_t *x, int at, int n)
{
	uint64_t v = x[at];
	for (int child; (child = 2 * at + 1) < n; at = child) {
		child += child + 1 < n && x[child + 1] < x[child];
		if (x[child] >= v)
			break;
		x[at] = x[child];
	}
	x[at] = v;
}

/* Descending, in n log n whatever the order: a heap with the least on top. */
static void heap_sort(uint64_t *x, int n)
{
	for (int i = n / 2; i-- > 0;)
		sift_down(x, i, n);
	for (int m = n - 1; m > 0; m--) {
		uint64_t least = x[0];
		x[0] = x[m];
		x[m] = least;
		sift_down(x, 0, m);
	}
}

static void insertion_sort(uint64_t *x, int n)
{
	for (int i = 1; i < n; i++) {
		uint64_t v = x[i];
		int j = i;
		for (; j > 0 && x[j - 1] < v; j--)
			x[j] = x[j - 1];
		x[j] = v;
	}
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
	if (a < b)
		return b < c ? b : a < c ? c : a;
	return a < c ? a : b < c ? c : b;
}

/* Splits x[n] about a pivot: x[0 .. *left) >= pivot >= x[*right .. n), and what lies
 * between equals it. */
static void split(uint64_t *x, int n, int *left, int *right)
{
	uint64_t pivot = median(x[0], x[n / 2], x[n - 1]);
	int i = 0, j = n - 1;
	while (i <= j) {
		while (x[i] > pivot)
			i++;
		while (x[j] < pivot)
			j--;
		if (i <= j) {
			uint64_t t = x[i];
			x[i++] = x[j];
			x[j--] = t;
		}
	}
	*left = j + 1;
	*right = i;
}

/* Puts the k largest of x[n] first, in any order. `depth` bounds unlucky splits. */
static void select_first(uint64_t *x, int n, int k, int depth)
{
	while (k > 0 && k < n) {
		int left, right;
		if (n <= TOPK_SORTED) {
			insertion_sort(x, n);
			return;
		}
		if (depth-- == 0) {
			heap_sort(x, n);
			return;
		}
		split(x, n, &left, &right);
		if (k <= left) {
			n = left;
		} else if (k < right) {
			return;
		} else {
			x += right;
			n -= right;
			k -= right;
		}
	}
}

/* Sorts x[n] in falling order. */
static void sort_all(uint64_t *x, int n, int depth)
{
	while (n > TOPK_SORTED) {
		int left, right;
		if (depth-- == 0) {
			heap_sort(x, n);
			return;
		}
		split(x, n, &left, &right);
		sort_all(x, left, depth);
		x += right;
		n -= right;
	}
	insertion_sort(x, n);
}

static int sort_depth(int n)
{
	int depth = 2;
	while (n >>= 1)
		depth += 2;
	return depth;
}

/* Group (16 c + lane) holds the scores at lane + 16 i of chunk c, i = 0 .. rows - 1;
 * a last chunk may be shorter. Returns how many groups. */
static int group_maxima(const float *score, int n, int rows, float *maxima)
{
	int groups = 0;
	for (int at = 0; at < n; at += LANES * rows, groups += LANES) {
		int end = n - at < LANES * rows ? n : at + LANES * rows;
		vf m[UNROLL];
		for (int u = 0; u < UNROLL; u++)
			m[u] = vf_set(-INFINITY);
		int j = at;
		for (; j + LANES <= end; j += LANES)
			for (int u = 0; u < UNROLL; u++) {
				vf x = vf_load(score + j + u * AM_VW);
				m[u] = vf_pick(x > m[u], x, m[u]);
			}
		memcpy(maxima + groups, m, sizeof m);
		for (; j < end; j++)
			if (score[j] > maxima[groups + (j - at) % LANES])
				maxima[groups + (j - at) % LANES] = score[j];
	}
	return groups;
}

/* The k-th largest of x[n]. */
static float kth_largest(const float *x, int n, int k, uint64_t *room)
{
	for (int i = 0; i < n; i++)
		room[i] = topk_candidate(x[i], i);
	select_first(room, n, k, sort_depth(n));
	uint64_t least = room[0];
	for (int i = 1; i < k; i++)
		least = room[i] < least ? room[i] : least;
	return x[0xffffffffu - (uint32_t)least];
}

/* Every score in a group that reaches `bound`, if it does itself. */
static int reaching(const float *score, int n, int rows, const float *maxima, int groups, float bound, uint64_t *p)
{
	int m = 0;
	for (int g = 0; g < groups; g++) {
		if (!(maxima[g] >= bound))
			continue;
		int first = g / LANES * LANES * rows + g % LANES;
		for (int i = 0; i < rows && first + i * LANES < n; i++)
			if (score[first + i * LANES] >= bound)
				p[m++] = topk_candidate(score[first + i * LANES], first + i * LANES);
	}
	return m;
}

/* The k largest as candidates, first in `p`, in any order; k in 1 .. n. */
static void find_topk(const float *score, int n, int k, uint64_t *p)
{
	int m = n, rows = k <= n / 64 ? 16 : k <= n / 16 ? 4 : 0;
	if (rows && n >= 256) {
		float *maxima = (float *)(p + n);
		int groups = group_maxima(score, n, rows, maxima);
		float bound = kth_largest(maxima, groups, k, p);
		m = reaching(score, n, rows, maxima, groups, bound, p);
	} else {
		for (int j = 0; j < n; j++)
			p[j] = topk_candidate(score[j], j);
	}
	select_first(p, m, k, sort_depth(m));
}

static void row_topk(const float *score, int n, int k, bool sorted, int32_t *index, void *scratch)
{
	uint64_t *p = scratch;
	k = k < n ? k : n;
	if (k <= 0)
		return;
	find_topk(score, n, k, p);
	if (sorted)
		sort_all(p, k, sort_depth(k));
	for (int i = 0; i < k; i++)
		index[i] = (int32_t)(0xffffffffu - (uint32_t)p[i]);
}

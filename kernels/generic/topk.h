/* Indices of the k largest scores, included by <isa>/row.c after generic/row.h.
 *
 * The score that a little more than k should reach is guessed from some that are spread over
 * the row, and one pass collects what reaches it (were that too few after all, a lower one
 * is taken). Candidates become integers that order as the scores do. The k-th largest of them is
 * found by halving the range it can lie in, which counts whole vectors and never branches on
 * a score; it parts the chosen, in the order of their indices. */
#include "kernels/generic/reach.h"
#include "kernels/kernels.h"

#include <string.h>

enum { TOPK_SORTED = 16, TOPK_SAMPLE = 256, TOPK_ALL = 1024 };

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

/* Integers that order as the scores do, -0 as +0, NaN somewhere; none is INT32_MIN. */
static inline vi topk_keys(vf x)
{
	vi u = (vi)(x + 0.0f), key = u ^ ((u >> 31) & 0x7fffffff);
	return key | ((key == INT32_MIN) & 1);
}

/* Keys of x[n], or of those that index[n] names, and INT32_MIN, which none is, up to whole blocks. */
static void topk_fill(const float *x, const int32_t *index, int n, int32_t *key)
{
	for (int j = 0; j < n; j += LANES) {
		float block[LANES];
		int there = n - j < LANES ? n - j : LANES;
		for (int i = 0; i < there; i++)
			block[i] = x[index ? index[j + i] : j + i];
		for (int i = there; i < LANES; i++)
			block[i] = 0;
		for (int u = 0; u < UNROLL; u++) {
			vi k = topk_keys(vf_load(block + u * AM_VW));
			memcpy(key + j + u * AM_VW, &k, sizeof k);
		}
		for (int i = there; i < LANES; i++)
			key[j + i] = INT32_MIN;
	}
}

static inline vi topk_load(const int32_t *p)
{
	vi v;
	memcpy(&v, p, sizeof v);
	return v;
}

static int topk_lanes(const vi *v)
{
	int32_t lane[LANES], sum = 0;
	memcpy(lane, v, sizeof lane);
	for (int i = 0; i < LANES; i++)
		sum += lane[i];
	return sum;
}

/* How many of key[n] are >= least > INT32_MIN. */
static int topk_count(const int32_t *key, int n, int32_t least)
{
	vi count[UNROLL] = {{0}}, v = {0};
	v += least;
	for (int j = 0; j < n; j += LANES)
		for (int u = 0; u < UNROLL; u++)
			count[u] -= topk_load(key + j + u * AM_VW) >= v;
	return topk_lanes(count);
}

/* Least and largest of key[n], n >= 1. */
static void topk_range(const int32_t *key, int n, int32_t *least, int32_t *largest)
{
	vi low[UNROLL], high[UNROLL];
	int32_t l[LANES], h[LANES];
	for (int u = 0; u < UNROLL; u++)
		low[u] = high[u] = (vi){0} + key[0];
	for (int j = 0; j < n; j += LANES)
		for (int u = 0; u < UNROLL; u++) {
			vi x = topk_load(key + j + u * AM_VW), less = (x < low[u]) & (x != INT32_MIN), more = x > high[u];
			low[u] = (x & less) | (low[u] & ~less);
			high[u] = (x & more) | (high[u] & ~more);
		}
	memcpy(l, low, sizeof l);
	memcpy(h, high, sizeof h);
	for (int i = 1; i < LANES; i++) {
		l[0] = l[i] < l[0] ? l[i] : l[0];
		h[0] = h[i] > h[0] ? h[i] : h[0];
	}
	*least = l[0];
	*largest = h[0];
}

/* A bound that k of key[n] reach, 1 <= k <= n: exactly k of them, or with others that equal
 * it. Returns how many reach it. */
static int topk_bound(const int32_t *key, int n, int k, int32_t *bound)
{
	int32_t low, high; /* at least k reach low, fewer than k reach high + 1 */
	topk_range(key, n, &low, &high);
	int reach = n;
	while (reach > k && low < high) {
		int32_t middle = (int32_t)((uint32_t)low + ((uint32_t)high - (uint32_t)low) / 2 + 1);
		int m = topk_count(key, n, middle);
		if (m >= k) {
			low = middle;
			reach = m;
		} else {
			high = middle - 1;
		}
	}
	*bound = low;
	return reach;
}

/* Candidates that hold the k largest of score[n] in index[], ascending; returns how many. */
static int topk_candidates(const float *score, int n, int k, int32_t *key, int32_t *index)
{
	float sample[TOPK_SAMPLE];
	int32_t bound;
	int m = 0;
	for (int i = 0; i < TOPK_SAMPLE; i++)
		sample[i] = score[(int64_t)n * i / TOPK_SAMPLE];
	topk_fill(sample, NULL, TOPK_SAMPLE, key);
	float expected = (float)TOPK_SAMPLE * (float)k / (float)n, guess;
	for (int rank = 2 + (int)(expected + 2.5f * sqrtf(expected)); m < k && rank <= TOPK_SAMPLE; rank += rank) {
		topk_bound(key, TOPK_SAMPLE, rank, &bound);
		bound ^= (bound >> 31) & 0x7fffffff;
		memcpy(&guess, &bound, sizeof guess);
		m = reach(score, n, guess, index);
	}
	for (int i = 0; m < k && i < n; i++) /* no guess, or NaN */
		index[i] = i;
	return m < k ? n : m;
}

/* index[k] of the k largest, ascending; 1 <= k <= n. room: 2 n + 32 integers. */
static void find_topk(const float *score, int n, int k, int32_t *index, int32_t *room)
{
	int32_t *key = room, *place = room + (n + LANES - 1) / LANES * LANES, bound;
	int m = n;
	bool all = n < TOPK_ALL || k > n / 4;
	if (!all)
		m = topk_candidates(score, n, k, key, place);
	topk_fill(score, all ? NULL : place, m, key);
	/* Of those that equal the bound the last ones stay behind. */
	int surplus = topk_bound(key, m, k, &bound) - k;
	for (int i = m - 1; surplus > 0; i--)
		if (key[i] == bound) {
			key[i]--;
			surplus--;
		}
	if (all)
		for (int i = 0; i < n; i++)
			place[i] = i;
	reach_keys(key, m, bound, place);
	memcpy(index, place, (size_t)k * sizeof *index);
}

static void row_topk(const float *score, int n, int k, bool sorted, int32_t *index, void *scratch)
{
	uint64_t *p = scratch;
	k = k < n ? k : n;
	if (k <= 0)
		return;
	find_topk(score, n, k, index, scratch);
	if (!sorted)
		return;
	for (int i = 0; i < k; i++)
		p[i] = topk_candidate(score[index[i]], index[i]);
	sort_all(p, k, sort_depth(k));
	for (int i = 0; i < k; i++)
		index[i] = (int32_t)(0xffffffffu - (uint32_t)p[i]);
}

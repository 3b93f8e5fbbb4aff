/* Selection without sorting the row, included by <isa>/row.c. */
#include "kernels/kernels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- mass of the k largest, count for a mass ------------------------------
 *
 * Weights are not negative, so their bits order like the numbers. One pass counts
 * and sums them in buckets of equal width in bits between the least and the
 * largest; walking the buckets down, every wanted k and tau falls into one. Only
 * the weights of those buckets are gathered, and each such bucket is done again in
 * the same way, finer, until few or equal weights are left: O(n), no sort. */

enum { MAX_BUCKETS = 1024, SMALL = 24 };

typedef struct bucket {
	double sum;
	int32_t count;
	int32_t start; /* of its weights in `gathered`, -1 when not wanted */
} bucket;

/* A wanted k or tau, in the order the descending walk meets them. */
typedef struct walk {
	const int *k;
	const double *tau;
	int n_k, n_tau, i_k, i_tau;
	double z, mass; /* total; sum of the weights passed so far */
	int passed;
	float *out_mass;
	int32_t *out_count;
} walk;

static uint32_t bits(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	return u;
}

/* Of a weight; -0 is a weight of 0 like any other. */
static int32_t weight_key(float x)
{
	return (int32_t)(bits(x) & 0x7fffffffu);
}

static double target(const walk *w)
{
	return (w->tau[w->i_tau] - 1e-12) * w->z;
}

static int done(const walk *w)
{
	return w->i_k == w->n_k && w->i_tau == w->n_tau;
}

/* Passes `count` weights adding `sum` that hold no wanted k or tau inside. */
static void pass(walk *w, int count, double sum)
{
	w->mass += sum;
	w->passed += count;
	while (w->i_k < w->n_k && w->k[w->i_k] == w->passed)
		w->out_mass[w->i_k++] = (float)(w->mass / w->z);
	while (w->i_tau < w->n_tau && w->mass >= target(w))
		w->out_count[w->i_tau++] = w->passed;
}

/* Does the next wanted k or tau lie before the end of these weights? */
static int wanted_inside(const walk *w, int count, double sum)
{
	return (w->i_k < w->n_k && w->k[w->i_k] < w->passed + count) ||
	       (w->i_tau < w->n_tau && w->mass + sum >= target(w));
}

static void sort_descending(float *x, int n)
{
	for (int i = 1; i < n; i++) {
		float v = x[i];
		int j = i;
		for (; j > 0 && x[j - 1] < v; j--)
			x[j] = x[j - 1];
		x[j] = v;
	}
}

/* Steps over weights one by one; `end` is the mass the bucket sums say is reached,
 * taken over so that both ways of summing agree at every bucket's end. */
static void pass_each(walk *w, const float *x, int n, double end)
{
	for (int j = 0; j < n && !done(w); j++)
		pass(w, 1, (double)x[j]);
	w->mass = end;
	pass(w, 0, 0);
}

/* Marks the buckets that hold a wanted k or tau, on a copy of the walk, and gives
 * them places in the gathered weights; returns how many weights that are. */
static int mark_wanted(bucket *b, int n_buckets, walk w)
{
	int gathered = 0;
	for (int i = n_buckets - 1; i >= 0 && !done(&w); i--) {
		if (b[i].count > 1 && wanted_inside(&w, b[i].count, b[i].sum)) {
			b[i].start = gathered;
			gathered += b[i].count;
			while (w.i_k < w.n_k && w.k[w.i_k] < w.passed + b[i].count)
				w.i_k++;
		}
		w.mass += b[i].sum;
		w.passed += b[i].count;
		while (w.i_k < w.n_k && w.k[w.i_k] == w.passed)
			w.i_k++;
		while (w.i_tau < w.n_tau && w.mass >= target(&w))
			w.i_tau++;
	}
	return gathered;
}

static void gather(const float *x, int n, int32_t low, int shift, bucket *b, float *to)
{
	for (int j = 0; j < n; j++) {
		bucket *c = &b[(weight_key(x[j]) - low) >> shift];
		if (c->start >= 0)
			to[c->start++] = x[j];
	}
}

static void key_range(const float *x, int n, int32_t *low, int32_t *high)
{
	int32_t least = INT32_MAX, most = 0;
	for (int j = 0; j < n; j++) {
		int32_t key = weight_key(x[j]);
		least = key < least ? key : least;
		most = key > most ? key : most;
	}
	*low = least;
	*high = most;
}

/* Counts and sums by bucket; returns the shift from bits to buckets. */
static int fill_buckets(const float *x, int n, int32_t low, int32_t high, bucket *b, int *n_buckets)
{
	int limit = n < 512 ? 256 : MAX_BUCKETS, shift = 0;
	while ((high - low) >> shift >= limit)
		shift++;
	*n_buckets = ((high - low) >> shift) + 1;
	for (int i = 0; i < *n_buckets; i++)
		b[i] = (bucket){0, 0, -1};
	for (int j = 0; j < n; j++) {
		bucket *c = &b[(weight_key(x[j]) - low) >> shift];
		c->sum += (double)x[j];
		c->count++;
	}
	return shift;
}

/* Walks the n weights x down; `end` as in pass_each, negative at the top, where the
 * total is yet unknown. `scratch` holds this level's buckets, the gathered weights
 * and the deeper levels' own. */
static void walk_down(walk *w, const float *x, int n, double end, void *scratch)
{
	float *gathered = scratch;
	if (n <= SMALL) {
		memcpy(gathered, x, (size_t)n * sizeof *x);
		sort_descending(gathered, n);
		for (int j = 0; end < 0 && j < n; j++)
			w->z += (double)gathered[j];
		pass_each(w, gathered, n, end < 0 ? w->z : end);
		return;
	}
	int32_t low, high;
	key_range(x, n, &low, &high);
	if (low == high) {
		w->z = end < 0 ? n * (double)x[0] : w->z;
		pass_each(w, x, n, end < 0 ? w->z : end);
		return;
	}
	bucket *b = scratch;
	int n_buckets, shift = fill_buckets(x, n, low, high, b, &n_buckets);
	for (int i = n_buckets - 1; end < 0 && i >= 0; i--)
		w->z += b[i].sum;
	gathered = (float *)(b + MAX_BUCKETS);
	int m = mark_wanted(b, n_buckets, *w);
	void *deeper = (char *)gathered + ((size_t)m * sizeof *gathered + 63) / 64 * 64;
	if (m)
		gather(x, n, low, shift, b, gathered);
	for (int i = n_buckets - 1; i >= 0 && !done(w); i--) {
		if (b[i].start < 0)
			pass(w, b[i].count, b[i].sum);
		else
			walk_down(w, gathered + b[i].start - b[i].count, b[i].count, w->mass + b[i].sum, deeper);
	}
	if (end >= 0) {
		w->mass = end;
		pass(w, 0, 0);
	}
}

static void row_mass(const float *weight, int n, const int *k, int n_k, const double *tau, int n_tau,
                     float *mass, int32_t *count, void *scratch)
{
	while (n_k && k[n_k - 1] >= n)
		mass[--n_k] = 1; /* the whole row: exactly 1 */
	walk w = {k, tau, n_k, n_tau, 0, 0, 0, 0, 0, mass, count};
	walk_down(&w, weight, n, -1, scratch);
	while (w.i_tau < w.n_tau)
		w.out_count[w.i_tau++] = n;
}

/* ---- indices of the k largest ---------------------------------------------
 *
 * Radix selection on keys that order like the scores: three passes of 11, 11 and
 * 10 bits find the k-th largest key; one more collects what lies above it and
 * the first of its equals; k pairs are sorted. */

typedef struct pick {
	uint32_t key;
	int32_t index;
} pick;

/* Monotone map of floats to unsigned; -0 counts as +0. */
static uint32_t ordered(float x)
{
	uint32_t u = bits(x + 0.0f);
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

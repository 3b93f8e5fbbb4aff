#include "kernels/select.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- mass of the k largest, count for a mass ------------------------------
 *
 * Weights are in [0, 1], so their bits order like the numbers. One pass counts
 * and sums them by the top 13 bits (16 buckets an octave); walking the buckets
 * down, every wanted k and tau falls into one bucket. Only the weights of those
 * buckets are gathered and sorted, so the row never is. */

enum { SHIFT = 19, BUCKETS = (0x3f800000 >> SHIFT) + 2, SMALL = 48 };

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

static double target(const walk *w)
{
	return w->i_tau < w->n_tau ? (w->tau[w->i_tau] - 1e-12) * w->z : 0;
}

static int wants_inside(const walk *w, const bucket *b)
{
	return (w->i_k < w->n_k && w->k[w->i_k] <= w->passed + b->count) ||
	       (w->i_tau < w->n_tau && w->mass + b->sum >= target(w));
}

static void step(walk *w, float weight)
{
	w->mass += (double)weight;
	w->passed++;
	while (w->i_k < w->n_k && w->k[w->i_k] == w->passed)
		w->out_mass[w->i_k++] = (float)(w->mass / w->z);
	while (w->i_tau < w->n_tau && w->mass >= target(w))
		w->out_count[w->i_tau++] = w->passed;
}

static void finish(walk *w, int n)
{
	while (w->i_k < w->n_k)
		w->out_mass[w->i_k++] = 1;
	while (w->i_tau < w->n_tau)
		w->out_count[w->i_tau++] = n;
}

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x < y) - (x > y);
}

static void sort_descending(float *x, int n)
{
	if (n > SMALL) {
		qsort(x, (size_t)n, sizeof *x, descending);
		return;
	}
	for (int i = 1; i < n; i++) {
		float v = x[i];
		int j = i;
		for (; j > 0 && x[j - 1] < v; j--)
			x[j] = x[j - 1];
		x[j] = v;
	}
}

/* Walks a copy of `w` down the buckets and gives those that hold a wanted k or tau
 * a place in the gathered weights; returns how many weights that are. */
static int mark_wanted(bucket *b, walk w)
{
	int gathered = 0;
	for (int i = BUCKETS - 1; i >= 0; i--) {
		if (!b[i].count)
			continue;
		if (wants_inside(&w, &b[i])) {
			b[i].start = gathered;
			gathered += b[i].count;
			while (w.i_k < w.n_k && w.k[w.i_k] <= w.passed + b[i].count)
				w.i_k++;
			while (w.i_tau < w.n_tau && w.mass + b[i].sum >= target(&w))
				w.i_tau++;
		}
		w.mass += b[i].sum;
		w.passed += b[i].count;
		if (w.i_k == w.n_k && w.i_tau == w.n_tau)
			break;
	}
	return gathered;
}

static void gather(const float *weight, int n, bucket *b, float *to)
{
	for (int j = 0; j < n; j++) {
		bucket *c = &b[bits(weight[j]) >> SHIFT];
		if (c->start >= 0)
			to[c->start++] = weight[j];
	}
}

static void mass_by_sorting(const float *weight, int n, walk *w, float *sorted)
{
	memcpy(sorted, weight, (size_t)n * sizeof *weight);
	sort_descending(sorted, n);
	for (int j = 0; j < n; j++)
		w->z += (double)sorted[j];
	for (int j = 0; j < n; j++)
		step(w, sorted[j]);
}

/* The sums of both walks agree to the bit at every bucket's end, so a tau that was
 * marked inside a bucket is met inside it. */
static void walk_bucket(walk *w, const bucket *b, float *gathered)
{
	double end = w->mass + b->sum;
	if (b->start >= 0) {
		float *x = gathered + b->start - b->count;
		sort_descending(x, b->count);
		for (int j = 0; j < b->count; j++)
			step(w, x[j]);
		for (; w->i_tau < w->n_tau && end >= target(w); w->i_tau++)
			w->out_count[w->i_tau] = w->passed;
	} else {
		w->passed += b->count;
	}
	w->mass = end;
}

void am_row_mass_scalar(const float *weight, int n, const int *k, int n_k, const double *tau,
                        int n_tau, float *mass, int32_t *count, void *scratch)
{
	bucket *b = scratch;
	float *gathered = (float *)(b + BUCKETS);
	while (n_k && k[n_k - 1] >= n)
		mass[--n_k] = 1; /* the whole row: exactly 1 */
	walk w = {k, tau, n_k, n_tau, 0, 0, 0, 0, 0, mass, count};
	if (n <= SMALL) {
		mass_by_sorting(weight, n, &w, gathered);
		finish(&w, n);
		return;
	}
	for (int i = 0; i < BUCKETS; i++)
		b[i] = (bucket){0, 0, -1};
	for (int j = 0; j < n; j++) {
		bucket *c = &b[bits(weight[j]) >> SHIFT];
		c->sum += (double)weight[j];
		c->count++;
	}
	for (int i = BUCKETS - 1; i >= 0; i--)
		w.z += b[i].sum;
	if (mark_wanted(b, w))
		gather(weight, n, b, gathered);
	for (int i = BUCKETS - 1; i >= 0 && (w.i_k < w.n_k || w.i_tau < w.n_tau); i--)
		walk_bucket(&w, &b[i], gathered);
	finish(&w, n);
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

void am_row_topk_scalar(const float *score, int n, int k, int32_t *index, void *scratch)
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

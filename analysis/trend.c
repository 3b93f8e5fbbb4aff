#include "analysis/trend.h"

#include "base/mem.h"
#include "base/rng.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* How many of sorted[n] are below x, and how many equal it. */
static void place(const double *sorted, int n, double x, int *below, int *equal)
{
	int low = 0, high = n;
	while (low < high) {
		int middle = low + (high - low) / 2;
		if (sorted[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	*below = low;
	while (low < n && sorted[low] == x)
		low++;
	*equal = low - *below;
}

/* --- Spearman ------------------------------------------------------------- */

/* Average ranks, centred and of unit length; false when all are equal. */
static bool unit_ranks(const double *x, int n, double *sorted, double *rank)
{
	double squares = 0;
	memcpy(sorted, x, (size_t)n * sizeof *sorted);
	qsort(sorted, (size_t)n, sizeof *sorted, compare);
	for (int i = 0; i < n; i++) {
		int below, equal;
		place(sorted, n, x[i], &below, &equal);
		rank[i] = below + (equal + 1) / 2.0 - (n + 1) / 2.0;
		squares += rank[i] * rank[i];
	}
	for (int i = 0; i < n && squares > 0; i++)
		rank[i] /= sqrt(squares);
	return squares > 0;
}

static double dot(const double *a, const double *b, int n)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static void swap(double *a, double *b)
{
	double kept = *a;
	*a = *b;
	*b = kept;
}

/* Every order of b (Heap's algorithm): the share with at least |rho|. */
static double exact_p(const double *a, double *b, int n, double least)
{
	int64_t hits = 0, total = 0;
	int at[AM_TREND_EXACT] = {0};
	for (int i = 0;;) {
		hits += fabs(dot(a, b, n)) >= least;
		total++;
		while (i < n && at[i] >= i)
			at[i++] = 0;
		if (i == n)
			return (double)hits / (double)total;
		swap(&b[i % 2 ? at[i] : 0], &b[i]);
		at[i]++;
		i = 0;
	}
}

static double sampled_p(const double *a, double *b, int n, double least, int resamples, uint64_t seed)
{
	am_rng rng = am_rng_split(seed, 0);
	int hits = 0;
	for (int r = 0; r < resamples; r++) {
		for (int i = n - 1; i > 0; i--)
			swap(&b[i], &b[am_rng_below(&rng, (uint64_t)i + 1)]);
		hits += fabs(dot(a, b, n)) >= least;
	}
	return (1.0 + hits) / (1.0 + resamples);
}

am_status am_spearman_test(const double *x, const double *y, int n, int resamples, uint64_t seed, am_spearman *out,
                           am_error *err)
{
	am_spearman r = {NAN, NAN, n <= AM_TREND_EXACT};
	double *scratch = am_alloc(3 * (size_t)(n > 0 ? n : 1), sizeof *scratch);
	if (!scratch)
		return am_fail(err, AM_ERR_MEMORY, "spearman: out of memory");
	double *a = scratch, *b = scratch + n, *sorted = scratch + 2 * n;
	if (n >= 3 && unit_ranks(x, n, sorted, a) && unit_ranks(y, n, sorted, b)) {
		r.rho = fmin(1, fmax(-1, dot(a, b, n)));
		double least = fabs(r.rho) - 1e-12; /* sums in another order differ in rounding */
		r.p = r.exact ? exact_p(a, b, n, least) : sampled_p(a, b, n, least, resamples, seed);
	}
	am_free(scratch);
	*out = r;
	return AM_OK;
}

/* --- Jonckheere ------------------------------------------------------------- */

/* Values as counts: how often each distinct value stands in each group. */
typedef struct counts {
	int groups, samples, values;
	int *rank;     /* [groups][samples] which value */
	int64_t *of;   /* [values][groups] */
	int64_t *less; /* [groups] scratch */
	int *order;    /* [groups] scratch */
	double *sorted;
} counts;

static bool counts_init(counts *c, const double *value, int groups, int samples)
{
	int n = groups * samples;
	*c = (counts){.groups = groups, .samples = samples};
	c->rank = am_alloc((size_t)n, sizeof *c->rank);
	c->sorted = am_alloc((size_t)n, sizeof *c->sorted);
	c->less = am_alloc((size_t)groups, sizeof *c->less);
	c->order = am_alloc((size_t)groups, sizeof *c->order);
	if (!c->rank || !c->sorted || !c->less || !c->order)
		return false;
	memcpy(c->sorted, value, (size_t)n * sizeof *c->sorted);
	qsort(c->sorted, (size_t)n, sizeof *c->sorted, compare);
	for (int i = 0; i < n; i++)
		if (!i || c->sorted[i] != c->sorted[c->values - 1])
			c->sorted[c->values++] = c->sorted[i];
	for (int i = 0; i < n; i++)
		place(c->sorted, c->values, value[i], &c->rank[i], &(int){0});
	c->of = am_calloc((size_t)c->values * (size_t)groups, sizeof *c->of);
	for (int i = 0; i < n && c->of; i++)
		c->of[(size_t)c->rank[i] * (size_t)groups + (size_t)(i / samples)]++;
	return c->of != NULL;
}

static void counts_fini(counts *c)
{
	am_free(c->rank);
	am_free(c->sorted);
	am_free(c->less);
	am_free(c->order);
	am_free(c->of);
}

/* Twice the statistic: an integer. */
static int64_t twice_statistic(const counts *c)
{
	int64_t twice = 0;
	memset(c->less, 0, (size_t)c->groups * sizeof *c->less);
	for (int v = 0; v < c->values; v++) {
		const int64_t *of = c->of + (size_t)v * (size_t)c->groups;
		int64_t lower = 0; /* over lower groups: twice the smaller values and once the equal ones */
		for (int g = 0; g < c->groups; g++) {
			twice += of[g] * lower;
			lower += 2 * c->less[g] + of[g];
		}
		for (int g = 0; g < c->groups; g++)
			c->less[g] += of[g];
	}
	return twice;
}

/* Variance for groups of equal size m, N in all, with ties t. */
static double variance(const counts *c)
{
	double m = c->samples, N = m * c->groups, g = c->groups;
	double a = N * (N - 1) * (2 * N + 5) - g * m * (m - 1) * (2 * m + 5), b = 0, d = 0;
	for (int v = 0; v < c->values; v++) {
		double t = 0;
		for (int i = 0; i < c->groups; i++)
			t += (double)c->of[(size_t)v * (size_t)c->groups + (size_t)i];
		a -= t * (t - 1) * (2 * t + 5);
		b += t * (t - 1) * (t - 2);
		d += t * (t - 1);
	}
	double v = a / 72;
	if (N > 2)
		v += g * m * (m - 1) * (m - 2) * b / (36 * N * (N - 1) * (N - 2));
	return v + g * m * (m - 1) * d / (8 * N * (N - 1));
}

/* Deals the values of a sample to the groups in random order. */
static void redeal(counts *c, int sample, am_rng *rng)
{
	for (int g = 0; g < c->groups; g++)
		c->order[g] = c->rank[(size_t)g * (size_t)c->samples + (size_t)sample];
	for (int i = c->groups - 1; i > 0; i--) {
		int j = (int)am_rng_below(rng, (uint64_t)i + 1), kept = c->order[i];
		c->order[i] = c->order[j];
		c->order[j] = kept;
	}
	for (int g = 0; g < c->groups; g++)
		c->of[(size_t)c->order[g] * (size_t)c->groups + (size_t)g]++;
}

static double paired_p(counts *c, double distance, double mean, int resamples, uint64_t seed)
{
	am_rng rng = am_rng_split(seed, 1);
	int hits = 0;
	for (int r = 0; r < resamples; r++) {
		memset(c->of, 0, (size_t)c->values * (size_t)c->groups * sizeof *c->of);
		for (int i = 0; i < c->samples; i++)
			redeal(c, i, &rng);
		hits += fabs((double)twice_statistic(c) / 2 - mean) >= distance;
	}
	return (1.0 + hits) / (1.0 + resamples);
}

am_status am_jonckheere_test(const double *value, int n_group, int n_sample, int resamples, uint64_t seed,
                             am_jonckheere *out, am_error *err)
{
	counts c;
	if (!counts_init(&c, value, n_group, n_sample)) {
		counts_fini(&c);
		return am_fail(err, AM_ERR_MEMORY, "jonckheere: out of memory");
	}
	am_jonckheere r = {.statistic = (double)twice_statistic(&c) / 2, .z = NAN, .p = NAN};
	double pairs = (double)n_group * (n_group - 1) / 2 * n_sample * n_sample;
	r.mean = pairs / 2;
	r.sd = sqrt(fmax(0, variance(&c)));
	if (r.sd > 0) {
		r.z = (r.statistic - r.mean) / r.sd;
		r.p = fmin(1, 2 * gsl_cdf_ugaussian_Q(fabs(r.z)));
	}
	r.p_paired = paired_p(&c, fabs(r.statistic - r.mean), r.mean, resamples, seed);
	counts_fini(&c);
	*out = r;
	return AM_OK;
}

#include "analysis/rank_tests.h"

#include "analysis/ranks.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* P(|Z| >= |w - mean| / sd); without spread nothing speaks against the null. */
static double normal_p(double w, double mean, double variance)
{
	return variance > 0 ? erfc(fabs(w - mean) / sqrt(2 * variance)) : 1;
}

/* --- paired -------------------------------------------------------------- */

/* What the ranks of |d| add up to. */
typedef struct signed_ranks {
	int n, n_zero; /* values ranked, and zeros among them */
	double plus, minus;
	double ties; /* of the sizes that are not 0 */
} signed_ranks;

static am_status rank_sizes(double *size, double *rank, const double *d, int n, am_zeros zeros,
                            signed_ranks *out, am_error *err)
{
	signed_ranks r = {0};
	for (int i = 0; i < n; i++) {
		if (d[i] == 0 && zeros == AM_ZEROS_DROP)
			continue;
		r.n_zero += d[i] == 0;
		size[r.n++] = fabs(d[i]);
	}
	am_status s = am_ranks(size, r.n, rank, &r.ties, err);
	if (s)
		return s;
	r.ties -= pow(r.n_zero, 3) - r.n_zero;
	for (int i = 0, at = 0; i < n; i++) {
		if (d[i] == 0 && zeros == AM_ZEROS_DROP)
			continue;
		r.plus += d[i] > 0 ? rank[at] : 0;
		r.minus += d[i] < 0 ? rank[at] : 0;
		at++;
	}
	*out = r;
	return AM_OK;
}

static am_rank_test judge_signed(const signed_ranks *r)
{
	double n = r->n, z = r->n_zero, all = n * (n + 1) / 2;
	am_rank_test t = {.p = 1, .exact = r->n <= AM_RANKS_EXACT && r->ties == 0 && !r->n_zero};
	if (r->plus + r->minus > 0)
		t.biserial = (r->plus - r->minus) / all;
	if (t.exact) {
		double cdf[AM_RANKS_SUMS];
		am_signed_rank_cdf(r->n, cdf);
		t.p = fmin(1, 2 * cdf[(int)fmin(r->plus, r->minus)]);
	} else {
		double variance = (n * (n + 1) * (2 * n + 1) - z * (z + 1) * (2 * z + 1)) / 24 - r->ties / 48;
		t.p = normal_p(r->plus, (all - z * (z + 1) / 2) / 2, variance);
	}
	return t;
}

am_status am_signed_rank_test(const double *d, int n, am_zeros zeros, am_rank_test *out, am_error *err)
{
	double *size = am_alloc((size_t)n, sizeof *size), *rank = am_alloc((size_t)n, sizeof *rank);
	signed_ranks r;
	am_status s;
	if (size && rank)
		s = rank_sizes(size, rank, d, n, zeros, &r, err);
	else
		s = am_fail(err, AM_ERR_MEMORY, "signed ranks: out of memory for %d values", n);
	am_free(size);
	am_free(rank);
	if (!s)
		*out = judge_signed(&r);
	return s;
}

/* --- two groups ---------------------------------------------------------- */

static am_status exact_rank_sum(int na, int nb, double u, double *p, am_error *err)
{
	double *cdf = am_alloc((size_t)na * (size_t)nb + 1, sizeof *cdf);
	if (!cdf)
		return am_fail(err, AM_ERR_MEMORY, "rank sum: out of memory");
	am_status s = am_rank_sum_cdf(na, nb, cdf, err);
	if (!s)
		*p = fmin(1, 2 * cdf[(size_t)fmin(u, (double)na * nb - u)]);
	am_free(cdf);
	return s;
}

static am_status judge_rank_sum(double u, int na, int nb, double ties, am_rank_test *out, am_error *err)
{
	double pairs = (double)na * nb, n = (double)na + nb;
	am_rank_test t = {.biserial = 2 * u / pairs - 1,
	                  .exact = ties == 0 && na <= AM_RANKS_EXACT && nb <= AM_RANKS_EXACT};
	am_status s = AM_OK;
	if (t.exact)
		s = exact_rank_sum(na, nb, u, &t.p, err);
	else
		t.p = normal_p(u, pairs / 2, pairs / 12 * (n + 1 - ties / (n * (n - 1))));
	if (!s)
		*out = t;
	return s;
}

am_status am_rank_sum_test(const double *a, int na, const double *b, int nb, am_rank_test *out, am_error *err)
{
	if (na < 1 || nb < 1) {
		*out = (am_rank_test){.p = NAN, .biserial = NAN};
		return AM_OK;
	}
	size_t n = (size_t)na + (size_t)nb;
	double *x = am_alloc(n, sizeof *x), *rank = am_alloc(n, sizeof *rank), ties, u = 0;
	am_status s = AM_OK;
	if (!x || !rank)
		s = am_fail(err, AM_ERR_MEMORY, "rank sum: out of memory for %zu values", n);
	if (!s) {
		memcpy(x, a, (size_t)na * sizeof *x);
		memcpy(x + na, b, (size_t)nb * sizeof *x);
		s = am_ranks(x, (int)n, rank, &ties, err);
	}
	if (!s) {
		for (int i = 0; i < nb; i++)
			u += rank[na + i];
		s = judge_rank_sum(u - nb * (nb + 1.0) / 2, na, nb, ties, out, err);
	}
	am_free(x);
	am_free(rank);
	return s;
}

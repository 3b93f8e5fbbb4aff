#include "analysis/shift.h"

#include "analysis/ranks.h"
#include "base/mem.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Sorted values whose combinations are ordered: halves of sums of x with itself
 * (y NULL), or differences y - x. */
typedef struct grid {
	const double *x, *y;
	int64_t nx, ny;
} grid;

static int64_t grid_size(const grid *g)
{
	return g->y ? g->nx * g->ny : g->nx * (g->nx + 1) / 2;
}

/* Combinations at most t. Both are monotone in each value, also as rounded, so one
 * pointer falls or rises while the other rises. */
static int64_t count_up_to(const grid *g, double t)
{
	int64_t count = 0, j = g->y ? 0 : g->nx;
	for (int64_t i = 0; i < g->nx; i++) {
		if (g->y) {
			while (j < g->ny && g->y[j] - g->x[i] <= t)
				j++;
			count += j;
			continue;
		}
		while (j > 0 && (g->x[i] + g->x[j - 1]) / 2 > t)
			j--;
		if (j <= i)
			break;
		count += j - i;
	}
	return count;
}

/* Bits of a double in the order of the numbers, and back. */
static uint64_t key_of(double x)
{
	uint64_t u;
	memcpy(&u, &x, sizeof u);
	return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

static double of_key(uint64_t u)
{
	double x;
	u = u >> 63 ? u & ~(UINT64_C(1) << 63) : ~u;
	memcpy(&x, &u, sizeof x);
	return x;
}

/* The k-th smallest combination, k from 1: the least t with k of them at most t.
 * + 0.0 turns -0 into 0. */
static double order_statistic(const grid *g, int64_t k)
{
	double first = g->y ? g->y[0] - g->x[g->nx - 1] : g->x[0];
	double last = g->y ? g->y[g->ny - 1] - g->x[0] : g->x[g->nx - 1];
	uint64_t low = key_of(first), high = key_of(last);
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		if (count_up_to(g, of_key(mid)) >= k)
			high = mid;
		else
			low = mid + 1;
	}
	return of_key(low) + 0.0;
}

/* The interval leaves out `outside` combinations at each end; below 0: none exists. */
static am_shift shift_of(const grid *g, int64_t outside)
{
	int64_t n = grid_size(g);
	am_shift s = {NAN, NAN, NAN};
	if (n)
		s.estimate = (order_statistic(g, (n + 1) / 2) + order_statistic(g, n / 2 + 1)) / 2;
	if (n && outside >= 0) {
		s.low = order_statistic(g, outside + 1);
		s.high = order_statistic(g, n - outside);
	}
	return s;
}

static int64_t normal_outside(double mean, double variance, double tail)
{
	return (int64_t)floor(mean - gsl_cdf_ugaussian_Qinv(tail) * sqrt(variance));
}

static int64_t paired_outside(int n, double tail)
{
	if (n > AM_RANKS_EXACT)
		return normal_outside(n * (n + 1.0) / 4, n * (n + 1.0) * (2.0 * n + 1) / 24, tail);
	double cdf[AM_RANKS_SUMS];
	am_signed_rank_cdf(n, cdf);
	int64_t w = -1;
	while (w < n * (n + 1) / 2 && cdf[w + 1] <= tail)
		w++;
	return w;
}

am_status am_shift_paired(const double *d, int n, double level, am_shift *out, am_error *err)
{
	double *x = am_alloc((size_t)n, sizeof *x);
	if (!x)
		return am_fail(err, AM_ERR_MEMORY, "shift: out of memory for %d values", n);
	memcpy(x, d, (size_t)n * sizeof *x);
	gsl_sort(x, 1, (size_t)n);
	*out = shift_of(&(grid){.x = x, .nx = n}, paired_outside(n, (1 - level) / 2));
	am_free(x);
	return AM_OK;
}

static am_status groups_outside(int na, int nb, double tail, int64_t *out, am_error *err)
{
	double pairs = (double)na * nb;
	if (na > AM_RANKS_EXACT || nb > AM_RANKS_EXACT) {
		*out = normal_outside(pairs / 2, pairs * (na + nb + 1.0) / 12, tail);
		return AM_OK;
	}
	double *cdf = am_alloc((size_t)pairs + 1, sizeof *cdf);
	if (!cdf)
		return am_fail(err, AM_ERR_MEMORY, "shift: out of memory");
	am_status s = am_rank_sum_cdf(na, nb, cdf, err);
	int64_t u = -1;
	while (!s && u < (int64_t)pairs && cdf[u + 1] <= tail)
		u++;
	am_free(cdf);
	*out = u;
	return s;
}

am_status am_shift_groups(const double *a, int na, const double *b, int nb, double level, am_shift *out,
                          am_error *err)
{
	double *x = am_alloc((size_t)na, sizeof *x), *y = am_alloc((size_t)nb, sizeof *y);
	int64_t outside = -1;
	am_status s = x && y ? AM_OK : am_fail(err, AM_ERR_MEMORY, "shift: out of memory");
	if (!s)
		s = groups_outside(na, nb, (1 - level) / 2, &outside, err);
	if (!s) {
		memcpy(x, a, (size_t)na * sizeof *x);
		memcpy(y, b, (size_t)nb * sizeof *y);
		gsl_sort(x, 1, (size_t)na);
		gsl_sort(y, 1, (size_t)nb);
		*out = shift_of(&(grid){x, y, na, nb}, outside);
	}
	am_free(x);
	am_free(y);
	return s;
}

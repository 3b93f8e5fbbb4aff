#include "analysis/ranks.h"

#include "base/mem.h"

#include <assert.h>
#include <gsl/gsl_sort_double.h>

am_status am_ranks(const double *x, int n, double *rank, double *ties, am_error *err)
{
	size_t *order = am_alloc((size_t)n, sizeof *order);
	if (!order)
		return am_fail(err, AM_ERR_MEMORY, "ranks: out of memory for %d values", n);
	gsl_sort_index(order, x, 1, (size_t)n);
	double sum = 0;
	for (int i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && x[order[end]] == x[order[i]];)
			end++;
		double t = end - i;
		for (int j = i; j < end; j++)
			rank[order[j]] = (i + 1 + end) / 2.0;
		sum += t * t * t - t;
	}
	am_free(order);
	if (ties)
		*ties = sum;
	return AM_OK;
}

void am_signed_rank_cdf(int n, double *cdf)
{
	assert(n >= 0 && n <= AM_RANKS_EXACT);
	/* Counts stay below 2^53, so each is exact. */
	int last = n * (n + 1) / 2;
	for (int s = 0; s <= last; s++)
		cdf[s] = s == 0;
	for (int rank = 1; rank <= n; rank++)
		for (int s = rank * (rank + 1) / 2; s >= rank; s--)
			cdf[s] += cdf[s - rank];
	for (int s = 1; s <= last; s++)
		cdf[s] += cdf[s - 1];
	double all = cdf[last];
	for (int s = 0; s <= last; s++)
		cdf[s] /= all;
}

/* count[j][u]: subsets of j of the ranks so far whose sum is u above the least.
 * Sums of positive terms only, so the relative error stays at rounding. */
static void count_subsets(int m, int n, double *count)
{
	size_t width = (size_t)m * (size_t)n + 1;
	for (size_t i = 0; i < ((size_t)m + 1) * width; i++)
		count[i] = i == 0;
	for (int rank = 1; rank <= m + n; rank++)
		for (int j = rank < m ? rank : m; j >= 1; j--) {
			/* Taking this rank as the j-th adds rank - j to u. */
			size_t shift = (size_t)(rank - j);
			double *to = count + (size_t)j * width;
			const double *from = to - width;
			for (size_t u = shift; u < width; u++)
				to[u] += from[u - shift];
		}
}

am_status am_rank_sum_cdf(int m, int n, double *cdf, am_error *err)
{
	assert(m >= 0 && m <= AM_RANKS_EXACT && n >= 0 && n <= AM_RANKS_EXACT);
	size_t width = (size_t)m * (size_t)n + 1;
	double *count = am_alloc(((size_t)m + 1) * width, sizeof *count);
	if (!count)
		return am_fail(err, AM_ERR_MEMORY, "rank sums: out of memory");
	count_subsets(m, n, count);
	const double *last = count + (size_t)m * width;
	double all = 0, below = 0;
	for (size_t u = 0; u < width; u++)
		all += last[u];
	for (size_t u = 0; u < width; u++)
		cdf[u] = (below += last[u]) / all;
	am_free(count);
	return AM_OK;
}

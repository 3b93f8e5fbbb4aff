#include "analysis/multiplicity.h"

#include "base/mem.h"

#include <gsl/gsl_sort_double.h>
#include <math.h>

/* From the largest p down: p m / rank, no larger than that of a larger p. */
static void adjust(const double *p, const size_t *order, int m, double factor, double *out)
{
	double least = 1;
	for (int i = m - 1; i >= 0; i--) {
		least = fmin(least, p[order[i]] * factor * m / (i + 1));
		out[order[i]] = least;
	}
}

am_status am_adjust_fdr(const double *p, int n, double *bh, double *by, am_error *err)
{
	size_t *order = am_alloc((size_t)n, sizeof *order);
	double *known = am_alloc((size_t)n, sizeof *known);
	if (!order || !known) {
		am_free(order);
		am_free(known);
		return am_fail(err, AM_ERR_MEMORY, "adjusted p values: out of memory for %d", n);
	}
	int m = 0;
	double harmonic = 0;
	for (int i = 0; i < n; i++) {
		known[i] = isnan(p[i]) ? INFINITY : p[i]; /* sorted behind the family */
		bh[i] = by[i] = NAN;
		if (!isnan(p[i]))
			harmonic += 1.0 / ++m;
	}
	gsl_sort_index(order, known, 1, (size_t)n);
	adjust(known, order, m, 1, bh);
	adjust(known, order, m, harmonic, by);
	am_free(order);
	am_free(known);
	return AM_OK;
}

#include "analysis/equivalence.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

/* Upper tail of `distance` in standard errors. */
static double tail(double distance, double error, double freedom)
{
	if (!(freedom > 0))
		return NAN;
	if (!(error > 0))
		return distance > 0 ? 0 : 1;
	return gsl_cdf_tdist_Q(distance / error, freedom);
}

am_equivalence am_equivalence_test(double change, double error, double freedom, double margin)
{
	am_equivalence e = {
		.p_not_lower = tail(change + margin, error, freedom),
		.p_not_higher = tail(margin - change, error, freedom),
	};
	e.p = isnan(e.p_not_lower) ? NAN : fmax(e.p_not_lower, e.p_not_higher);
	return e;
}

double am_mcnemar(int up, int down)
{
	unsigned int n = (unsigned int)(up + down), least = (unsigned int)(up < down ? up : down);
	return n ? fmin(1, 2 * gsl_cdf_binomial_P(least, 0.5, n)) : 1;
}

#include "analysis/proportion.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

am_interval am_wilson(int hits, int n)
{
	if (n < 1)
		return (am_interval){NAN, NAN};
	double z = gsl_cdf_ugaussian_Pinv(0.5 + AM_BOOTSTRAP_LEVEL / 2), p = (double)hits / n, z2 = z * z / n;
	double centre = p + z2 / 2, half = z * sqrt(p * (1 - p) / n + z2 / (4 * n));
	am_interval ci = {(centre - half) / (1 + z2), (centre + half) / (1 + z2)};
	if (hits == 0)
		ci.low = 0; /* as the formula has it but for rounding */
	if (hits == n)
		ci.high = 1;
	return ci;
}

/* Gaussian kernel density of a stream of values, on a grid, in memory that does not grow
 * with them. Private to analysis.
 *
 * Two passes: moments, then counts. The bandwidth is Silverman's rule of thumb,
 * h = 0.9 min(s, IQR / 1.34) n^(-1/5) (Silverman, Density Estimation, 1986, 3.31), s alone
 * where the quartiles coincide, never less than a cell of the grid. At a bound that values
 * cannot cross the kernel is reflected, so that the trapezoidal sum over the grid is 1. */
#ifndef AM_ANALYSIS_DENSITY_H
#define AM_ANALYSIS_DENSITY_H

#include <stdbool.h>
#include <stdint.h>

#define AM_DENSITY_CELLS 512
#define AM_DENSITY_NODES (AM_DENSITY_CELLS + 1)

/* The grid: node i lies at low + i (high - low) / AM_DENSITY_CELLS. */
typedef struct am_density_grid {
	double low, high;
	bool bound_low, bound_high; /* whether low and high are bounds */
} am_density_grid;

/* Initialise with {0}. */
typedef struct am_density {
	int64_t n; /* finite values */
	double mean, squares, least, most; /* squares: of deviations, summed */
	double count[AM_DENSITY_NODES];    /* a value counts at its two nodes, the nearer more */
} am_density;

/* First pass; values that are not finite are passed over. */
void am_density_measure(am_density *d, double x);
/* Standard deviation (n - 1) and the largest bandwidth that the rule can give; 0 below 2 values. */
double am_density_deviation(const am_density *d);
double am_density_most_bandwidth(const am_density *d);

/* A grid for all of d[n], as wide as kernels reach, but for the bounds: 0 where no value is below
 * it, and `bound` where that is finite. Never empty. */
am_density_grid am_density_choose_grid(const am_density *const *d, int n, double bound);

/* Second pass. */
void am_density_count(am_density *d, const am_density_grid *g, double x);
/* Quantile q of the counts, off by at most a cell; NaN without any. */
double am_density_quantile(const am_density *d, const am_density_grid *g, double q);
double am_density_bandwidth(const am_density *d, const am_density_grid *g);
/* out[AM_DENSITY_NODES]: density, 1 over the unit of x; NaN without values. */
void am_density_estimate(const am_density *d, const am_density_grid *g, double *out);

#endif

/* Kernel densities against sums over the values themselves; the registry of pictures. */
#include "analysis/density.h"
#include "analysis/plot.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 4000 };

static am_density d;
static am_density_grid g;
static double out[AM_DENSITY_NODES];

static void estimate(const double *x, int n, double bound)
{
	const am_density *all[] = {&d};
	memset(&d, 0, sizeof d);
	for (int i = 0; i < n; i++)
		am_density_measure(&d, x[i]);
	g = am_density_choose_grid(all, 1, bound);
	for (int i = 0; i < n; i++)
		am_density_count(&d, &g, x[i]);
	am_density_estimate(&d, &g, out);
}

static double area(void)
{
	double sum = 0, step = (g.high - g.low) / AM_DENSITY_CELLS;
	for (int i = 0; i < AM_DENSITY_NODES; i++)
		sum += out[i] * step * (i == 0 || i == AM_DENSITY_CELLS ? 0.5 : 1);
	return sum;
}

/* The definition: a kernel a value, mirrored at the bounds. */
static double defined(const double *x, int n, double h, double at)
{
	double sum = 0, span = g.high - g.low;
	for (int i = 0; i < n; i++) {
		double images[] = {x[i], 2 * g.low - x[i], 2 * g.high - x[i], 2 * span + x[i], x[i] - 2 * span};
		bool used[] = {true, g.bound_low, g.bound_high, g.bound_low && g.bound_high, g.bound_low && g.bound_high};
		for (int j = 0; j < 5; j++)
			sum += used[j] ? exp(-0.5 * pow((at - images[j]) / h, 2)) : 0;
	}
	return sum / (n * h * sqrt(2 * acos(-1)));
}

static void check(const double *x, int n, double bound, double tolerance)
{
	estimate(x, n, bound);
	double h = am_density_bandwidth(&d, &g), top = 0, worst = 0;
	for (int i = 0; i < AM_DENSITY_NODES; i++) {
		double want = defined(x, n, h, g.low + i * (g.high - g.low) / AM_DENSITY_CELLS);
		top = fmax(top, want);
		worst = fmax(worst, fabs(out[i] - want));
		if (!(out[i] >= 0))
			fail_msg("node %d: %g", i, out[i]);
	}
	if (!(worst <= tolerance * top))
		fail_msg("off by %g of %g", worst, top);
	if (!(fabs(area() - 1) <= 1e-4)) /* where nothing bounds it, the grid ends five bandwidths out */
		fail_msg("area %.12g", area());
	if (g.bound_low && g.bound_high && !(fabs(area() - 1) <= 1e-12))
		fail_msg("bounded area %.15g", area());
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void matches_the_definition(void **state)
{
	(void)state;
	static double x[MOST];
	am_rng r = am_rng_split(3, 0);
	for (int n = 2; n <= MOST; n *= 3) {
		for (int shape = 0; shape < 4; shape++) {
			for (int i = 0; i < n; i++) {
				double u = am_rng_uniform(&r), v = am_rng_uniform(&r);
				double normal = sqrt(-2 * log(1 - u)) * cos(2 * acos(-1) * v);
				x[i] = shape == 0 ? u : shape == 1 ? -log(1 - u) : shape == 2 ? normal - 3 : u < 0.5 ? 0.1 * v : 1 - 0.05 * v;
			}
			check(x, n, shape == 0 || shape == 3 ? 1 : INFINITY, 4e-3);
		}
	}
}

/* Silverman's rule from sorted values. */
static void bandwidth_is_the_rule(void **state)
{
	(void)state;
	static double x[MOST];
	am_rng r = am_rng_split(5, 0);
	for (int i = 0; i < MOST; i++)
		x[i] = pow(am_rng_uniform(&r), 3);
	estimate(x, MOST, 1);
	qsort(x, MOST, sizeof *x, compare);
	double mean = 0, squares = 0, iqr = x[MOST * 3 / 4] - x[MOST / 4];
	for (int i = 0; i < MOST; i++)
		mean += x[i] / MOST;
	for (int i = 0; i < MOST; i++)
		squares += (x[i] - mean) * (x[i] - mean);
	double s = sqrt(squares / (MOST - 1)), want = 0.9 * fmin(s, iqr / 1.34) * pow(MOST, -0.2);
	assert_true(fabs(am_density_bandwidth(&d, &g) - want) <= 0.02 * want);
	assert_true(fabs(am_density_quantile(&d, &g, 0.5) - x[MOST / 2]) <= 2.0 / AM_DENSITY_CELLS);
}

/* tests/golden/density.txt, by SciPy. Its quartiles are of the values, ours of counts that are
 * off by up to a cell, so bandwidths differ a little. */
static void matches_scipy(void **state)
{
	(void)state;
	FILE *f = fopen(AM_SOURCE_DIR "/tests/golden/density.txt", "r");
	static double x[MOST], at[MOST], want[MOST];
	char name[32];
	int n, points, cases = 0;
	double bound, h;
	assert_non_null(f);
	while (fscanf(f, " case %31s %d %lf %d %lf", name, &n, &bound, &points, &h) == 5) {
		double top = 0;
		assert_true(n <= MOST && points <= MOST);
		for (int i = 0; i < n + 2 * points; i++)
			assert_int_equal(fscanf(f, "%lf", i < n ? &x[i] : i < n + points ? &at[i - n] : &want[i - n - points]), 1);
		estimate(x, n, bound);
		if (!(fabs(am_density_bandwidth(&d, &g) - h) <= 0.02 * h))
			fail_msg("%s: bandwidth %g, expected %g", name, am_density_bandwidth(&d, &g), h);
		for (int i = 0; i < points; i++)
			top = fmax(top, want[i]);
		for (int i = 0; i < points; i++) {
			double place = (at[i] - g.low) / (g.high - g.low) * AM_DENSITY_CELLS;
			int node = (int)fmin(fmax(floor(place), 0), AM_DENSITY_CELLS - 1);
			double got = out[node] + (place - node) * (out[node + 1] - out[node]);
			if (!(fabs(got - want[i]) <= 0.01 * top))
				fail_msg("%s at %g: %g, expected %g", name, at[i], got, want[i]);
		}
		cases++;
	}
	fclose(f);
	assert_int_equal(cases, 5);
}

/* No value, one, equal ones, a bound that all lie on, values that are no numbers. */
static void little_to_estimate(void **state)
{
	(void)state;
	const double ones[] = {1, 1, 1, 1}, odd[] = {NAN, 0.5, INFINITY, 0.5, -INFINITY, 0.7};
	estimate(ones, 0, 1);
	assert_true(isnan(out[0]) && isnan(am_density_quantile(&d, &g, 0.5)));
	estimate(ones, 1, INFINITY);
	assert_true(fabs(area() - 1) <= 1e-9);
	estimate(ones, 4, 1);
	assert_true(fabs(area() - 1) <= 1e-9);
	const double zero[] = {0, 0, 0};
	estimate(zero, 3, INFINITY);
	assert_true(g.low == 0 && fabs(area() - 1) <= 1e-9);
	estimate(odd, 6, INFINITY);
	assert_int_equal(d.n, 3);
	assert_true(fabs(d.mean - 1.7 / 3) <= 1e-12 && fabs(area() - 1) <= 1e-4);
}

static void kinds_are_whole(void **state)
{
	(void)state;
	int n;
	const am_plot_kind *kinds = am_plot_kinds(&n);
	assert_true(n >= 21);
	for (int i = 0; i < n; i++) {
		assert_ptr_equal(am_plot_kind_find(kinds[i].name), &kinds[i]);
		assert_true(kinds[i].draw && kinds[i].n_runs >= 0 && kinds[i].n_runs <= 2 && strlen(kinds[i].summary) > 10);
		assert_true(kinds[i].n_needs == 0 || kinds[i].hint);
		assert_non_null(am_plot_set_name(kinds[i].set));
	}
	assert_null(am_plot_kind_find("pie"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_the_definition),
		cmocka_unit_test(bandwidth_is_the_rule),
		cmocka_unit_test(matches_scipy),
		cmocka_unit_test(little_to_estimate),
		cmocka_unit_test(kinds_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

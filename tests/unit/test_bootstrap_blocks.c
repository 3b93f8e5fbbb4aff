/* Moving blocks: autocorrelation times that are known, blocks against going through all of them,
 * coverage of correlated rows where drawing rows one by one fails. */
#include "analysis/bootstrap_blocks.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static double normal(am_rng *r)
{
	double u = am_rng_uniform(r), v = am_rng_uniform(r);
	return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* Rows with mean 0 and correlation phi^lag; autocorrelation time (1 + phi) / (1 - phi). */
static void fill(double *x, int n, double phi, am_rng *r)
{
	double y = normal(r);
	for (int i = 0; i < n; i++) {
		x[i] = y;
		y = phi * y + sqrt(1 - phi * phi) * normal(r);
	}
}

static void test_time(void **state)
{
	(void)state;
	enum { N = 100000 };
	double *x = malloc(N * sizeof *x);
	const double phis[] = {0, 0.5, 0.8, 0.9};
	for (int i = 0; i < 4; i++) {
		am_rng r = {(uint64_t)i + 1};
		fill(x, N, phis[i], &r);
		double want = (1 + phis[i]) / (1 - phis[i]), got = am_autocorrelation_time(x, N);
		assert_true(fabs(got - want) <= 0.1 * want);
	}
	for (int i = 0; i < N; i++)
		x[i] = 3;
	assert_true(am_autocorrelation_time(x, N) == 1);
	assert_true(am_autocorrelation_time(x, 1) == 1);
	for (int i = 0; i < N; i++)
		x[i] = i % 2 ? 1 : -1; /* less than independent rows */
	assert_true(am_autocorrelation_time(x, N) == 1);
	free(x);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Five blocks of two rows of ten: all 9^5 choices have the same weight. */
static void test_all_choices(void **state)
{
	(void)state;
	enum { N = 10, STARTS = 9, ALL = 59049 };
	const double x[N] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
	static double all[ALL];
	double mean = 0, centre = 0;
	for (int i = 0; i < N; i++)
		mean += x[i] / N;
	for (int c = 0; c < ALL; c++) {
		double sum = 0;
		for (int k = 0, code = c; k < 5; k++, code /= STARTS)
			sum += x[code % STARTS] + x[code % STARTS + 1];
		all[c] = sum / N;
		centre += all[c] / ALL;
	}
	qsort(all, ALL, sizeof *all, compare);
	am_block_interval b;
	assert_int_equal(am_block_bootstrap(x, N, 2, 200000, 1, &b, NULL), AM_OK);
	assert_int_equal(b.block, 2);
	assert_int_equal(b.n, N);
	assert_true(fabs(b.mean - mean) <= 1e-12);
	assert_true(fabs(b.interval.low - (mean - centre + all[(int)(0.025 * ALL)])) <= 0.11); /* a step of the means */
	assert_true(fabs(b.interval.high - (mean - centre + all[(int)(0.975 * ALL)])) <= 0.11);
}

/* Share of intervals that hold the mean, 0. */
static double coverage(double phi, int n, int block)
{
	enum { SETS = 400 };
	double *x = malloc((size_t)n * sizeof *x);
	int hold = 0;
	for (int s = 0; s < SETS; s++) {
		am_rng r = am_rng_split(11, (uint64_t)s);
		am_block_interval b;
		fill(x, n, phi, &r);
		assert_int_equal(am_block_bootstrap(x, n, block, 499, (uint64_t)s, &b, NULL), AM_OK);
		hold += b.interval.low <= 0 && 0 <= b.interval.high;
	}
	free(x);
	return (double)hold / SETS;
}

static void test_coverage(void **state)
{
	(void)state;
	double alike = coverage(0.8, 2000, 0), rows = coverage(0.8, 2000, 1), free_rows = coverage(0, 2000, 0);
	print_message("coverage at 2000 rows: correlated 0.8, blocks %.3f, single rows %.3f; independent, blocks %.3f\n", alike, rows,
	              free_rows);
	assert_true(alike >= 0.89 && alike <= 0.98);
	assert_true(rows <= 0.60);
	assert_true(free_rows >= 0.92 && free_rows <= 0.98);
}

static void test_edges(void **state)
{
	(void)state;
	double x[60], y[70];
	am_rng r = {3};
	am_block_interval a, b;
	am_error err;
	fill(x, 60, 0.5, &r);
	for (int i = 0, k = 0; i < 70; i++)
		y[i] = i % 7 == 3 || k == 60 ? NAN : x[k++];
	assert_int_equal(am_block_bootstrap(x, 60, 0, 999, 5, &a, NULL), AM_OK);
	assert_int_equal(am_block_bootstrap(y, 70, 0, 999, 5, &b, NULL), AM_OK);
	assert_int_equal(b.n, 60);
	assert_memory_equal(&a, &b, sizeof a); /* the same rows, the same bytes */
	assert_true(a.block >= 2 && a.block <= 12 && a.interval.low < a.mean && a.mean < a.interval.high);
	assert_int_equal(am_block_bootstrap(x, 60, 13, 999, 5, &a, NULL), AM_OK);
	assert_true(isnan(a.interval.low) && isnan(a.interval.high) && !isnan(a.mean)); /* no room for five blocks */
	assert_int_equal(am_block_bootstrap(x, 0, 0, 999, 5, &a, NULL), AM_OK);
	assert_true(isnan(a.interval.low) && isnan(a.mean) && a.n == 0);
	assert_int_equal(am_block_bootstrap(x, 4, 0, 999, 5, &a, NULL), AM_OK);
	assert_true(isnan(a.interval.low));
	assert_int_equal(am_block_bootstrap(x, 60, -1, 999, 5, &a, &err), AM_ERR_USAGE);
	for (int i = 0; i < 60; i++)
		x[i] = 2.5;
	assert_int_equal(am_block_bootstrap(x, 60, 0, 999, 5, &a, NULL), AM_OK);
	assert_true(a.interval.low == 2.5 && a.interval.high == 2.5 && a.block == 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time), cmocka_unit_test(test_all_choices), cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

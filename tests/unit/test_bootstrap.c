/* The bootstrap against scipy (golden/bootstrap.py) and its special cases. */
#include "analysis/bootstrap.h"
#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_VALUES 64

static am_interval interval_of(const double *value, const int *task, int n, int n_task, uint64_t seed)
{
	am_interval ci = {0, 0};
	assert_int_equal(am_bootstrap_intervals(value, 1, task, n, n_task, 9999, seed, &ci, NULL), AM_OK);
	return ci;
}

static void test_scipy(void **state)
{
	(void)state;
	FILE *f = fopen(AM_SOURCE_DIR "/tests/golden/bootstrap.txt", "r");
	assert_non_null(f);
	char name[32];
	int n_task, n, n_case = 0;
	while (fscanf(f, " case %31s %d %d", name, &n_task, &n) == 3) {
		double value[MAX_VALUES], mean, low, high, low_tol, high_tol;
		int task[MAX_VALUES];
		assert_true(n <= MAX_VALUES);
		for (int i = 0; i < n; i++)
			assert_int_equal(fscanf(f, "%d %lf", &task[i], &value[i]), 2);
		assert_int_equal(fscanf(f, " mean %lf interval %lf %lf tolerance %lf %lf", &mean, &low, &high,
		                        &low_tol, &high_tol), 5);
		assert_true(fabs(am_bootstrap_estimate(value, task, n, n_task) - mean) <= 1e-14 * fabs(mean));
		for (uint64_t seed = 1; seed <= 3; seed++) {
			am_interval ci = interval_of(value, task, n, n_task, seed);
			if (!(fabs(ci.low - low) <= low_tol && fabs(ci.high - high) <= high_tol))
				fail_msg("%s, seed %d: [%g, %g] but scipy has [%g, %g]", name, (int)seed, ci.low, ci.high,
				         low, high);
		}
		n_case++;
	}
	fclose(f);
	assert_int_equal(n_case, 6);
}

static void test_below_five(void **state)
{
	(void)state;
	const double value[] = {1, 2, 3, 4, NAN, 5};
	const int task[6] = {0};
	am_interval ci = interval_of(value, task, 5, 1, 0);
	assert_true(isnan(ci.low) && isnan(ci.high));
	ci = interval_of(value, task, 6, 1, 0);
	assert_true(1 <= ci.low && ci.low < 3 && 3 < ci.high && ci.high <= 5);
}

static void test_equal_values(void **state)
{
	(void)state;
	const double value[] = {0.1, 0.1, 0.1, 0.7, 0.7, 0.7};
	const int one[6] = {0}, two[] = {0, 0, 0, 1, 1, 1};
	am_interval ci = interval_of(value, two, 6, 2, 0);
	assert_true(ci.low == ci.high && fabs(ci.low - 0.4) < 1e-15);
	ci = interval_of(value, one, 6, 1, 0);
	assert_true(ci.low < ci.high);
}

/* With two resamples the estimate soon lies outside them all: BCa is undefined
 * and the ends are the 2.5 and 97.5 percentiles of the two. */
static void test_percentile_fallback(void **state)
{
	(void)state;
	const double value[] = {0, 0, 0, 0, 1000};
	const int task[5] = {0};
	int n_fallback = 0;
	for (uint64_t seed = 0; seed < 50; seed++) {
		am_interval ci;
		assert_int_equal(am_bootstrap_intervals(value, 1, task, 5, 1, 2, seed, &ci, NULL), AM_OK);
		assert_true(ci.low <= ci.high && ci.low >= 0 && ci.high <= 1000);
		n_fallback += ci.low == 0 && ci.high == 0; /* below the estimate, 200 */
	}
	assert_true(n_fallback > 0);
}

static void test_missing_values_are_left_out(void **state)
{
	(void)state;
	const double gaps[] = {NAN, 1, 4, NAN, 2, 8, 3, 3}, none[] = {1, 4, 2, 8, 3, 3};
	const int gaps_task[] = {0, 0, 0, 1, 1, 1, 2, 1}, none_task[] = {0, 0, 1, 1, 2, 1};
	am_interval a = interval_of(gaps, gaps_task, 8, 3, 5), b = interval_of(none, none_task, 6, 3, 5);
	assert_true(a.low == b.low && a.high == b.high);
	const double empty[] = {NAN, NAN};
	assert_true(isnan(am_bootstrap_estimate(empty, none_task, 2, 1)));
}

/* Each cell is the same alone as among others, with and without gaps. */
static void test_cells_are_independent(void **state)
{
	(void)state;
	enum { CELLS = 75, N = 7 };
	static double value[CELLS][N];
	const int task[N] = {0, 1, 0, 1, 0, 1, 0};
	am_interval all[CELLS];
	for (int c = 0; c < CELLS; c++)
		for (int i = 0; i < N; i++)
			value[c][i] = c % 20 == 3 && i == 2 ? NAN : sin(c + 1.7 * i * i);
	assert_int_equal(am_bootstrap_intervals(value[0], CELLS, task, N, 2, 999, 42, all, NULL), AM_OK);
	for (int c = 0; c < CELLS; c++) {
		am_interval one;
		assert_int_equal(am_bootstrap_intervals(value[c], 1, task, N, 2, 999, 42, &one, NULL), AM_OK);
		assert_true(one.low == all[c].low && one.high == all[c].high);
	}
	am_interval other;
	assert_int_equal(am_bootstrap_intervals(value[0], 1, task, N, 2, 999, 43, &other, NULL), AM_OK);
	assert_true(other.low != all[0].low);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scipy),
		cmocka_unit_test(test_below_five),
		cmocka_unit_test(test_equal_values),
		cmocka_unit_test(test_percentile_fallback),
		cmocka_unit_test(test_missing_values_are_left_out),
		cmocka_unit_test(test_cells_are_independent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

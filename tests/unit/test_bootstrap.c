/* The bootstrap against scipy and numpy (golden/bootstrap.py), and its special cases. */
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

static am_interval interval_by(am_interval_method method, const double *value, const int *task, int n,
                               int n_task, uint64_t seed)
{
	am_interval ci = {0, 0};
	assert_int_equal(am_bootstrap_intervals_by(method, value, 1, task, n, n_task, 9999, seed, &ci, NULL), AM_OK);
	return ci;
}

static am_interval interval_of(const double *value, const int *task, int n, int n_task, uint64_t seed)
{
	am_interval ci = {0, 0}, bca = interval_by(AM_INTERVAL_BCA, value, task, n, n_task, seed);
	assert_int_equal(am_bootstrap_intervals(value, 1, task, n, n_task, 9999, seed, &ci, NULL), AM_OK);
	assert_memory_equal(&ci, &bca, sizeof ci);
	return ci;
}

static am_interval_method method_named(const char *name)
{
	return !strcmp(name, "t") ? AM_INTERVAL_T : !strcmp(name, "bca") ? AM_INTERVAL_BCA : AM_INTERVAL_PERCENTILE;
}

static void test_scipy(void **state)
{
	(void)state;
	FILE *f = fopen(AM_SOURCE_DIR "/tests/golden/bootstrap.txt", "r");
	assert_non_null(f);
	char name[32], method[32];
	int n_task, n, n_case = 0;
	while (fscanf(f, " case %31s %31s %d %d", name, method, &n_task, &n) == 4) {
		double value[MAX_VALUES], mean, low, high, low_tol, high_tol;
		int task[MAX_VALUES];
		assert_true(n <= MAX_VALUES);
		for (int i = 0; i < n; i++)
			assert_int_equal(fscanf(f, "%d %lf", &task[i], &value[i]), 2);
		assert_int_equal(fscanf(f, " mean %lf interval %lf %lf tolerance %lf %lf", &mean, &low, &high,
		                        &low_tol, &high_tol), 5);
		assert_true(fabs(am_bootstrap_estimate(value, task, n, n_task) - mean) <= 1e-14 * fabs(mean));
		for (uint64_t seed = 1; seed <= 3; seed++) {
			am_interval ci = interval_by(method_named(method), value, task, n, n_task, seed);
			if (!(fabs(ci.low - low) <= low_tol && fabs(ci.high - high) <= high_tol))
				fail_msg("%s by %s, seed %d: [%g, %g], expected [%g, %g]", name, method, (int)seed, ci.low,
				         ci.high, low, high);
		}
		n_case++;
	}
	fclose(f);
	assert_int_equal(n_case, 12);
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

/* Studentised below 30 sequences with a value, BCa from there. */
static void test_method_by_size(void **state)
{
	(void)state;
	enum { N = 31 };
	double value[N];
	const int task[N] = {0};
	for (int i = 0; i < N; i++)
		value[i] = exp(sin(1.0 + i * i));
	for (int n = 28; n <= N; n++) {
		am_interval_method m = am_bootstrap_method(AM_INTERVAL_AUTO, n, n);
		assert_int_equal(m, n < 30 ? AM_INTERVAL_T : AM_INTERVAL_BCA);
		am_interval a = interval_by(AM_INTERVAL_AUTO, value, task, n, 1, 9), b = interval_by(m, value, task, n, 1, 9);
		assert_memory_equal(&a, &b, sizeof a);
	}
	value[3] = value[8] = NAN;
	am_interval a = interval_by(AM_INTERVAL_AUTO, value, task, N, 1, 9);
	am_interval b = interval_by(AM_INTERVAL_T, value, task, N, 1, 9);
	assert_memory_equal(&a, &b, sizeof a);
	/* A task of fewer than five sequences: BCa. */
	int two[N];
	for (int i = 0; i < N; i++)
		two[i] = i == 2 || (i >= 4 && i < 7);
	a = interval_by(AM_INTERVAL_AUTO, value, two, 20, 2, 9);
	b = interval_by(AM_INTERVAL_BCA, value, two, 20, 2, 9);
	assert_memory_equal(&a, &b, sizeof a);
	two[15] = 1;
	a = interval_by(AM_INTERVAL_AUTO, value, two, 20, 2, 9);
	b = interval_by(AM_INTERVAL_T, value, two, 20, 2, 9);
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(am_bootstrap_method(AM_INTERVAL_PERCENTILE, 5, 5), AM_INTERVAL_PERCENTILE);
}

/* A third of the resamples has no spread: no studentised end, so BCa stands in, for
 * that cell alone. */
static void test_resamples_without_spread(void **state)
{
	(void)state;
	const double value[2][5] = {{0, 0, 0, 0, 1000}, {1, 2, 4, 8, 16}};
	const int task[5] = {0};
	am_interval both[2];
	assert_int_equal(am_bootstrap_intervals_by(AM_INTERVAL_T, value[0], 2, task, 5, 1, 999, 1, both, NULL), AM_OK);
	am_interval bca, t;
	assert_int_equal(am_bootstrap_intervals_by(AM_INTERVAL_BCA, value[0], 1, task, 5, 1, 999, 1, &bca, NULL), AM_OK);
	assert_int_equal(am_bootstrap_intervals_by(AM_INTERVAL_T, value[1], 1, task, 5, 1, 999, 1, &t, NULL), AM_OK);
	assert_memory_equal(&both[0], &bca, sizeof bca);
	assert_memory_equal(&both[1], &t, sizeof t);
	assert_true(t.low < 6.2 && t.high > 6.2 && t.high > 16);
	const double equal[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
	t = interval_by(AM_INTERVAL_T, equal, (const int[6]){0}, 6, 1, 0);
	assert_true(t.low == t.high && fabs(t.low - 0.1) < 1e-15);
}

static void test_error(void **state)
{
	(void)state;
	const double value[] = {1, 2, 6, NAN, 10, 30, 7};
	const int one[7] = {0}, three[] = {0, 0, 0, 1, 1, 1, 2};
	double error, freedom;
	am_bootstrap_error(value, one, 3, 1, &error, &freedom);
	assert_true(fabs(error - sqrt(7.0 / 3)) < 1e-15 && fabs(freedom - 2) < 1e-15);
	am_bootstrap_error(value, three, 7, 3, &error, &freedom);
	double a = 7.0 / 3, b = 200.0 / 2; /* the third task has one value */
	assert_true(fabs(error - sqrt(a + b) / 3) < 1e-14);
	assert_true(fabs(freedom - (a + b) * (a + b) / (a * a / 2 + b * b)) < 1e-14);
	am_bootstrap_error(value, one, 1, 1, &error, &freedom);
	assert_true(isnan(error) && isnan(freedom));
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
		cmocka_unit_test(test_method_by_size),
		cmocka_unit_test(test_resamples_without_spread),
		cmocka_unit_test(test_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

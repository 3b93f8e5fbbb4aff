/* Trend tests, Wilson and McNemar against scipy (golden/trend.py), and their special cases. */
#include "analysis/equivalence.h"
#include "analysis/proportion.h"
#include "analysis/trend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64 };

static void numbers(FILE *f, double *x, int n)
{
	assert_true(n <= MOST);
	for (int i = 0; i < n; i++)
		assert_int_equal(fscanf(f, "%lf", &x[i]), 1);
}

static void near(double got, double want, double tolerance, const char *what)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%s: expected %.17g, found %.17g", what, want, got);
}

static void check_spearman(FILE *f)
{
	char name[32];
	int n;
	double x[MOST], y[MOST], want[2];
	am_spearman r;
	assert_int_equal(fscanf(f, "%31s %d", name, &n), 2);
	numbers(f, x, n);
	numbers(f, y, n);
	numbers(f, want, 2);
	assert_int_equal(am_spearman_test(x, y, n, 99, 0, &r, NULL), AM_OK);
	assert_true(r.exact);
	near(r.rho, want[0], 1e-14, name);
	near(r.p, want[1], 1e-14, name);
}

static void check_jonckheere(FILE *f)
{
	char name[32];
	int g, m;
	double value[MOST], want[5];
	am_jonckheere r;
	assert_int_equal(fscanf(f, "%31s %d %d", name, &g, &m), 3);
	numbers(f, value, g * m);
	numbers(f, want, 5);
	assert_int_equal(am_jonckheere_test(value, g, m, 99999, 3, &r, NULL), AM_OK);
	near(r.statistic, want[0], 0, name);
	near(r.mean, want[1], 0, name);
	near(r.sd, want[2], want[3] * want[2], name);
	near(r.z, (r.statistic - r.mean) / r.sd, 1e-14, name);
	near(r.p, erfc(fabs(r.z) / sqrt(2)), 1e-12, name);
	/* Four standard errors of a share of 99999 draws. */
	near(r.p_paired, want[4], 4 * sqrt(want[4] * (1 - want[4]) / 99999) + 2e-5, name);
}

static void check_wilson(FILE *f)
{
	int hits, n;
	double want[2];
	assert_int_equal(fscanf(f, "%d %d", &hits, &n), 2);
	numbers(f, want, 2);
	am_interval ci = am_wilson(hits, n);
	near(ci.low, want[0], 1e-13, "wilson");
	near(ci.high, want[1], 1e-13, "wilson");
}

static void check_mcnemar(FILE *f)
{
	int gained, lost;
	double want;
	assert_int_equal(fscanf(f, "%d %d %lf", &gained, &lost, &want), 3);
	near(am_mcnemar(gained, lost), want, 1e-13, "mcnemar");
}

static void test_scipy(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*check)(FILE *f);
		int n;
	} kinds[] = {{"spearman", check_spearman, 4}, {"jonckheere", check_jonckheere, 3}, {"wilson", check_wilson, 5},
	             {"mcnemar", check_mcnemar, 5}};
	int seen[4] = {0};
	char kind[32];
	FILE *f = fopen(AM_SOURCE_DIR "/tests/golden/trend.txt", "r");
	assert_non_null(f);
	while (fscanf(f, " %31s", kind) == 1)
		for (int i = 0; i < 4; i++)
			if (!strcmp(kind, kinds[i].name)) {
				kinds[i].check(f);
				seen[i]++;
			}
	fclose(f);
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen[i], kinds[i].n);
}

static void test_undefined(void **state)
{
	(void)state;
	const double x[] = {1, 2, 3}, flat[] = {5, 5, 5};
	am_spearman s;
	assert_int_equal(am_spearman_test(x, flat, 3, 9, 0, &s, NULL), AM_OK);
	assert_true(isnan(s.rho) && isnan(s.p));
	assert_int_equal(am_spearman_test(x, x, 2, 9, 0, &s, NULL), AM_OK);
	assert_true(isnan(s.rho) && isnan(s.p));
	am_jonckheere j;
	assert_int_equal(am_jonckheere_test(flat, 3, 1, 99, 0, &j, NULL), AM_OK);
	assert_true(isnan(j.z) && isnan(j.p));
	near(j.p_paired, 1, 0, "all equal");
	near(am_mcnemar(0, 0), 1, 0, "no discordant pair");
	assert_true(isnan(am_wilson(0, 0).low));
}

/* Above AM_TREND_EXACT values the p is sampled: near the exact one of a longer count, the
 * same for the same seed. */
static void test_sampled(void **state)
{
	(void)state;
	double x[12], y[12];
	for (int i = 0; i < 12; i++) {
		x[i] = i;
		y[i] = i < 6 ? i * 2 : 11 - i; /* rho = 0.0: every order is at least as far */
	}
	am_spearman a, b;
	assert_int_equal(am_spearman_test(x, x, 12, 9999, 1, &a, NULL), AM_OK);
	assert_false(a.exact);
	near(a.rho, 1, 1e-14, "rho");
	near(a.p, 1e-4, 1e-18, "p of a perfect order");
	assert_int_equal(am_spearman_test(x, y, 12, 9999, 1, &a, NULL), AM_OK);
	assert_int_equal(am_spearman_test(x, y, 12, 9999, 1, &b, NULL), AM_OK);
	assert_true(a.p == b.p && a.p > 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scipy), cmocka_unit_test(test_undefined), cmocka_unit_test(test_sampled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

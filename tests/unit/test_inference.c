/* The tests of a change against scipy and statsmodels (golden/inference.py), and what
 * they do where those have no answer. */
#include "analysis/equivalence.h"
#include "analysis/multiplicity.h"
#include "analysis/rank_tests.h"
#include "analysis/ranks.h"
#include "analysis/shift.h"
#include "analysis/sign_flip.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_NUMBERS 512

static int line_number;

static void near(const char *what, double found, double expected, double tolerance)
{
	bool same = isnan(expected) ? isnan(found) : fabs(found - expected) <= tolerance * fmax(1, fabs(expected));
	if (!same)
		fail_msg("line %d: %s is %.17g, expected %.17g", line_number, what, found, expected);
}

/* Relative, so that small p values count too. */
static void near_p(const char *what, double found, double expected, double tolerance)
{
	if (!(fabs(found - expected) <= tolerance * expected))
		fail_msg("line %d: %s is %.17g, expected %.17g", line_number, what, found, expected);
}

/* --- one checker for each word of the file -------------------------------- */

static void check_signed_rank(const double *x)
{
	int n = (int)x[1];
	const double *want = x + 2 + n;
	am_rank_test t;
	assert_int_equal(am_signed_rank_test(x + 2, n, x[0] != 0 ? AM_ZEROS_PRATT : AM_ZEROS_DROP, &t, NULL), AM_OK);
	near_p("p", t.p, want[0], 1e-12);
	near("biserial", t.biserial, want[1], 1e-14);
	assert_int_equal(t.exact, want[2] != 0);
}

static void check_rank_sum(const double *x)
{
	int na = (int)x[0], nb = (int)x[1];
	const double *a = x + 2, *b = a + na, *want = b + nb;
	am_rank_test t;
	assert_int_equal(am_rank_sum_test(a, na, b, nb, &t, NULL), AM_OK);
	near_p("p", t.p, want[0], 1e-11);
	near("biserial", t.biserial, want[1], 1e-14);
	assert_int_equal(t.exact, want[2] != 0);
}

static void check_shift(const double *x)
{
	int n = (int)x[0];
	am_shift s;
	assert_int_equal(am_shift_paired(x + 1, n, 0.95, &s, NULL), AM_OK);
	for (int i = 0; i < 3; i++)
		near("shift", (double[]){s.estimate, s.low, s.high}[i], x[1 + n + i], 1e-15);
}

static void check_shift2(const double *x)
{
	int na = (int)x[0], nb = (int)x[1];
	const double *a = x + 2, *b = a + na, *want = b + nb;
	am_shift s;
	assert_int_equal(am_shift_groups(a, na, b, nb, 0.95, &s, NULL), AM_OK);
	for (int i = 0; i < 3; i++)
		near("shift", (double[]){s.estimate, s.low, s.high}[i], want[i], 1e-15);
}

static void check_flip(const double *x)
{
	int cells = (int)x[0], n = (int)x[1];
	const double *want = x + 2 + cells * n;
	double p[16], p_max[16];
	assert_int_equal(am_sign_flip(x + 2, cells, n, 100, 1, p, p_max, NULL), AM_OK);
	for (int c = 0; c < cells; c++) {
		near_p("p", p[c], want[c], 1e-13);
		near_p("p_max", p_max[c], want[cells + c], 1e-13);
	}
}

static void check_flip_scipy(const double *x)
{
	int n = (int)x[0];
	double p;
	assert_int_equal(am_sign_flip(x + 1, 1, n, 100, 1, &p, NULL, NULL), AM_OK);
	near_p("p", p, x[1 + n], 1e-13);
}

static void check_fdr(const double *x)
{
	int n = (int)x[0];
	double bh[64], by[64];
	assert_int_equal(am_adjust_fdr(x + 1, n, bh, by, NULL), AM_OK);
	for (int i = 0; i < n; i++) {
		near_p("bh", bh[i], x[1 + n + i], 1e-13);
		near_p("by", by[i], x[1 + 2 * n + i], 1e-13);
	}
}

static void check_tost(const double *x)
{
	int n = (int)x[0];
	const double *d = x + 2;
	double mean = 0, squares = 0;
	for (int i = 0; i < n; i++)
		mean += d[i] / n;
	for (int i = 0; i < n; i++)
		squares += (d[i] - mean) * (d[i] - mean);
	am_equivalence e = am_equivalence_test(mean, sqrt(squares / (n - 1) / n), n - 1, x[1]);
	near_p("p", e.p, d[n], 1e-9);
	near_p("p_not_lower", e.p_not_lower, d[n + 1], 1e-9);
	near_p("p_not_higher", e.p_not_higher, d[n + 2], 1e-9);
}

static void check_mcnemar(const double *x)
{
	near_p("p", am_mcnemar((int)x[0], (int)x[1]), x[2], 1e-11);
}

static const struct {
	const char *word;
	int lines;
	void (*check)(const double *x);
} checks[] = {
	{"signed_rank", 86, check_signed_rank}, {"rank_sum", 23, check_rank_sum}, {"shift", 29, check_shift},
	{"shift2", 11, check_shift2}, {"flip", 9, check_flip}, {"flip_scipy", 4, check_flip_scipy},
	{"fdr", 5, check_fdr}, {"tost", 4, check_tost}, {"mcnemar", 7, check_mcnemar},
};
#define N_CHECKS ((int)(sizeof checks / sizeof checks[0]))

static void test_against_others(void **state)
{
	(void)state;
	FILE *f = fopen(AM_SOURCE_DIR "/tests/golden/inference.txt", "r");
	assert_non_null(f);
	static char line[1 << 16];
	int seen[N_CHECKS] = {0};
	for (line_number = 1; fgets(line, sizeof line, f); line_number++) {
		double x[MAX_NUMBERS];
		char *at = line + strcspn(line, " "), *end;
		int n = 0, which = 0;
		*at++ = 0;
		for (double v = strtod(at, &end); end != at; v = strtod(at, &end)) {
			assert_true(n < MAX_NUMBERS);
			x[n++] = v;
			at = end;
		}
		while (which < N_CHECKS && strcmp(checks[which].word, line))
			which++;
		assert_true(which < N_CHECKS);
		checks[which].check(x);
		seen[which]++;
	}
	fclose(f);
	for (int i = 0; i < N_CHECKS; i++)
		assert_int_equal(seen[i], checks[i].lines);
}

/* --- beyond the file ------------------------------------------------------ */

static void test_null_distributions(void **state)
{
	(void)state;
	double cdf[AM_RANKS_SUMS];
	for (int n = 0; n <= 12; n++) {
		am_signed_rank_cdf(n, cdf);
		int at_most = 0, sum = n * (n + 1) / 4;
		for (int subset = 0; subset < 1 << n; subset++) {
			int w = 0;
			for (int i = 0; i < n; i++)
				w += subset >> i & 1 ? i + 1 : 0;
			at_most += w <= sum;
		}
		near("share", cdf[sum], at_most / (double)(1 << n), 1e-15);
	}
	am_signed_rank_cdf(50, cdf);
	near_p("least", cdf[0], 0x1p-50, 0);
	near("all", cdf[1275], 1, 0);
}

/* With more sequences than are gone through: near the exact p, never 0, the same for
 * the same seed, and the same for a cell alone as among others. */
static void test_drawn_signs(void **state)
{
	(void)state;
	enum { N = 25, CELLS = 6 };
	double v[CELLS][N], p[CELLS], p_max[CELLS], again[CELLS];
	am_rng r = {7};
	for (int c = 0; c < CELLS; c++)
		for (int i = 0; i < N; i++)
			v[c][i] = am_rng_uniform(&r) - 0.5 + 0.06 * c + (c == 5 ? 1 : 0);
	assert_int_equal(am_sign_flip(v[0], CELLS, N, 9999, 3, p, p_max, NULL), AM_OK);
	assert_int_equal(am_sign_flip(v[0], CELLS, N, 9999, 3, again, NULL, NULL), AM_OK);
	assert_memory_equal(p, again, sizeof p);
	near_p("no draw as extreme", p[5], 1e-4, 1e-12);
	for (int c = 0; c < CELLS; c++) {
		double alone;
		assert_int_equal(am_sign_flip(v[c], 1, N, 9999, 3, &alone, NULL, NULL), AM_OK);
		assert_true(alone == p[c] && p_max[c] >= p[c]);
		double mean = 0, squares = 0, z;
		for (int i = 0; i < N; i++) {
			mean += v[c][i];
			squares += v[c][i] * v[c][i];
		}
		z = erfc(fabs(mean) / sqrt(2 * squares));
		assert_true(c == 5 || fabs(p[c] - z) < 0.03);
	}
	assert_int_equal(am_sign_flip(v[0], CELLS, N, 9999, 4, again, NULL, NULL), AM_OK);
	assert_true(memcmp(p, again, sizeof p));
}

/* 20 sequences, all signs in turn, against a count by subset sums of integers. */
static void test_all_signs_of_twenty(void **state)
{
	(void)state;
	enum { N = 20, MOST = 400 };
	double v[N], p;
	int total = 0, sum = 0;
	for (int i = 0; i < N; i++) {
		v[i] = (i * 7 + 3) % 19 * (i % 4 ? 1 : -1);
		sum += (int)v[i];
		total += abs((int)v[i]);
	}
	double ways[MOST] = {1}, extreme = 0;
	assert_true(total < MOST);
	for (int i = 0; i < N; i++)
		for (int s = MOST - 1, w = abs((int)v[i]); s >= w; s--)
			ways[s] = w ? ways[s] + ways[s - w] : 2 * ways[s];
	for (int s = 0; s <= total; s++)
		extreme += abs(2 * s - total) >= abs(sum) ? ways[s] : 0;
	assert_int_equal(am_sign_flip(v, 1, N, 100, 0, &p, NULL, NULL), AM_OK);
	near_p("p", p, extreme / (1 << N), 1e-13);
}

static void test_gaps(void **state)
{
	(void)state;
	const double gaps[] = {1, NAN, 2, -0.5, NAN, 3, NAN, NAN, NAN, NAN, NAN, NAN};
	const double none[] = {1, 2, -0.5, 3};
	double p[2], p_max[2], q;
	assert_int_equal(am_sign_flip(gaps, 2, 6, 100, 0, p, p_max, NULL), AM_OK);
	assert_int_equal(am_sign_flip(none, 1, 4, 100, 0, &q, NULL, NULL), AM_OK);
	near("p", p[0], q, 1e-15);
	near("p_max", p_max[0], q, 1e-15); /* a cell without values is no test */
	assert_true(isnan(p[1]) && isnan(p_max[1]));

	const double some[] = {0.02, NAN, 0.5}, all[] = {0.02, 0.5};
	double bh[3], by[3], bh2[2], by2[2];
	assert_int_equal(am_adjust_fdr(some, 3, bh, by, NULL), AM_OK);
	assert_int_equal(am_adjust_fdr(all, 2, bh2, by2, NULL), AM_OK);
	assert_true(bh[0] == bh2[0] && bh[2] == bh2[1] && by[0] == by2[0] && isnan(bh[1]) && isnan(by[1]));
	assert_int_equal(am_adjust_fdr(NULL, 0, NULL, NULL, NULL), AM_OK);
}

/* Many values: the order statistics are found, not stored. */
static void test_large_shift(void **state)
{
	(void)state;
	enum { N = 20001 };
	static double d[N];
	for (int i = 0; i < N; i++)
		d[i] = i - N / 2 + 0.25; /* symmetric about a quarter */
	am_shift s;
	assert_int_equal(am_shift_paired(d, N, 0.95, &s, NULL), AM_OK);
	near("estimate", s.estimate, 0.25, 0);
	near("middle", s.low + s.high, 0.5, 1e-12);
	/* The normal interval of a mean of uniforms has 3 / pi of its width in common. */
	assert_true(s.high - s.low > 150 && s.high - s.low < 175);
	const double wide[] = {-1e300, 1e300, 3, -0.0, 0.0, 5e-324};
	assert_int_equal(am_shift_paired(wide, 6, 0.5, &s, NULL), AM_OK);
	near("estimate", s.estimate, 0, 1e-300);
}

static void test_degenerate(void **state)
{
	(void)state;
	am_rank_test t;
	assert_int_equal(am_signed_rank_test(NULL, 0, AM_ZEROS_DROP, &t, NULL), AM_OK);
	assert_true(t.p == 1 && t.biserial == 0);
	assert_int_equal(am_rank_sum_test(NULL, 0, (const double[]){1}, 1, &t, NULL), AM_OK);
	assert_true(isnan(t.p) && isnan(t.biserial));
	am_shift s;
	assert_int_equal(am_shift_paired((const double[]){0}, 0, 0.95, &s, NULL), AM_OK);
	assert_true(isnan(s.estimate) && isnan(s.low));
	am_equivalence e = am_equivalence_test(0.1, 0, 4, 0.2);
	assert_true(e.p == 0);
	e = am_equivalence_test(0.2, 0, 4, 0.2);
	assert_true(e.p == 1 && e.p_not_lower == 0);
	e = am_equivalence_test(0.1, NAN, NAN, 0.2);
	assert_true(isnan(e.p) && isnan(e.p_not_lower));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_others),
		cmocka_unit_test(test_null_distributions),
		cmocka_unit_test(test_drawn_signs),
		cmocka_unit_test(test_all_signs_of_twenty),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_large_shift),
		cmocka_unit_test(test_degenerate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

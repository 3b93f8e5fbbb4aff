/* Contrasts of whole families: what goes into them, and what does not. The numbers of
 * each test are checked in test_inference.c. */
#include "analysis/contrast.h"
#include "analysis/sign_flip.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CELLS = 4, N = 12 };
static const am_contrast_options options = {.resamples = 999, .seed = 5};

static double normal(am_rng *r)
{
	double u = am_rng_uniform(r), v = am_rng_uniform(r);
	return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

static void fill(double *a, double *b, int n)
{
	am_rng r = {99};
	for (int i = 0; i < n; i++) {
		a[i] = 2 + normal(&r);
		b[i] = a[i] + 0.3 + 0.5 * normal(&r);
	}
}

static void near(double found, double expected)
{
	if (!(fabs(found - expected) <= 1e-12 * fmax(1, fabs(expected))))
		fail_msg("%.17g, expected %.17g", found, expected);
}

static void test_paired_parts(void **state)
{
	(void)state;
	double a[CELLS * N], b[CELLS * N];
	const int task[N] = {0};
	fill(a, b, CELLS * N);
	a[3] = NAN;         /* cell 0 lacks sequence 3 in a, cell 1 sequence 0 in b */
	b[N] = NAN;
	am_contrast x[CELLS];
	am_sample sa = {a, task, N}, sb = {b, task, N};
	assert_int_equal(am_contrast_paired(&options, &sa, &sb, 1, CELLS, x, NULL), AM_OK);
	double p[CELLS], p_max[CELLS], d[CELLS * N];
	for (int c = 0; c < CELLS; c++) {
		double mean_a = 0, mean_b = 0, squares = 0;
		int n = 0;
		for (int i = c * N; i < (c + 1) * N; i++) {
			d[i] = b[i] - a[i];
			if (isnan(d[i]))
				continue;
			mean_a += a[i];
			mean_b += b[i];
			n++;
		}
		assert_int_equal(x[c].n, c < 2 ? N - 1 : N);
		assert_int_equal(x[c].n, n);
		near(x[c].mean_a, mean_a / n);
		near(x[c].mean_b, mean_b / n);
		near(x[c].change, (mean_b - mean_a) / n);
		near(x[c].percent, 100 * (mean_b - mean_a) / mean_a);
		for (int i = c * N; i < (c + 1) * N; i++)
			squares += isnan(d[i]) ? 0 : pow(d[i] - x[c].change, 2);
		near(x[c].d_z, x[c].change / sqrt(squares / (n - 1)));
		assert_true(x[c].ci.low < x[c].change && x[c].change < x[c].ci.high);
		assert_true(isnan(x[c].margin.p) && x[c].q_by >= x[c].q_bh && x[c].q_bh >= x[c].p_wilcoxon);
	}
	assert_int_equal(am_sign_flip(d, CELLS, N, 999, 5, p, p_max, NULL), AM_OK);
	for (int c = 0; c < CELLS; c++) {
		near(x[c].p_permutation, p[c]);
		near(x[c].p_max, p_max[c]);
	}
}

/* Two tasks of 3 and 9 sequences: each weighs the same in means and sign flips. */
static void test_tasks_weigh_the_same(void **state)
{
	(void)state;
	double a[N] = {0}, b[N];
	int task[N];
	for (int i = 0; i < N; i++) {
		task[i] = i >= 3;
		b[i] = i < 3 ? 3 : -1;
	}
	am_contrast x;
	am_sample sa = {a, task, N}, sb = {b, task, N};
	assert_int_equal(am_contrast_paired(&options, &sa, &sb, 2, 1, &x, NULL), AM_OK);
	near(x.change, 1);
	near(x.ci.low, 1); /* no spread within a task */
	near(x.ci.high, 1);
	assert_true(isnan(x.percent)); /* mean_a is 0 */
	/* |3 s| of three signs and |s / 9 ...| of nine: all as they are gives 1, as do more. */
	double extreme = 0;
	for (int signs = 0; signs < 1 << N; signs++) {
		double sum = 0;
		for (int i = 0; i < N; i++)
			sum += (signs >> i & 1 ? -1 : 1) * (i < 3 ? 3.0 / 6 : -1.0 / 18);
		extreme += fabs(sum) >= 1 - 1e-9;
	}
	near(x.p_permutation, extreme / (1 << N));
}

static void test_margin(void **state)
{
	(void)state;
	double a[CELLS * N], b[CELLS * N];
	const int task[N] = {0};
	fill(a, b, CELLS * N);
	am_contrast x[CELLS], y[CELLS];
	am_sample sa = {a, task, N}, sb = {b, task, N};
	am_contrast_options o = options;
	o.margin = 0.5;
	assert_int_equal(am_contrast_paired(&o, &sa, &sb, 1, CELLS, x, NULL), AM_OK);
	for (int c = 0; c < CELLS; c++)
		near(x[c].margin.p, am_equivalence_test(x[c].change, x[c].change / x[c].d_z / sqrt(N), N - 1, 0.5).p);
	o.margin = 0.1;
	o.margin_relative = true;
	assert_int_equal(am_contrast_paired(&o, &sa, &sb, 1, CELLS, y, NULL), AM_OK);
	for (int c = 0; c < CELLS; c++)
		near(y[c].margin.p, am_equivalence_test(x[c].change, x[c].change / x[c].d_z / sqrt(N), N - 1,
		                                        0.1 * x[c].mean_a).p);
}

static void test_unpaired(void **state)
{
	(void)state;
	enum { NA = 8, NB = 11 };
	double a[CELLS * NA], b[CELLS * NB];
	int task_a[NA], task_b[NB];
	am_rng r = {17};
	for (int i = 0; i < CELLS * NA; i++)
		a[i] = normal(&r);
	for (int i = 0; i < CELLS * NB; i++)
		b[i] = normal(&r) + (i / NB == 2 ? 4 : 0);
	for (int i = 0; i < NA; i++)
		task_a[i] = i % 2;
	for (int i = 0; i < NB; i++)
		task_b[i] = i == 10 ? 2 : i % 2; /* task 2 is of b alone */
	a[1] = NAN;
	am_contrast x[CELLS];
	am_sample sa = {a, task_a, NA}, sb = {b, task_b, NB};
	assert_int_equal(am_contrast_unpaired(&options, &sa, &sb, 3, CELLS, x, NULL), AM_OK);
	for (int c = 0; c < CELLS; c++) {
		double mean[2][2] = {{0}}, kept_a[NA], kept_b[NB];
		int count[2][2] = {{0}}, na = 0, nb = 0;
		for (int i = 0; i < NA; i++)
			if (!isnan(a[c * NA + i])) {
				mean[0][task_a[i]] += kept_a[na++] = a[c * NA + i];
				count[0][task_a[i]]++;
			}
		for (int i = 0; i < NB - 1; i++) {
			mean[1][task_b[i]] += kept_b[nb++] = b[c * NB + i];
			count[1][task_b[i]]++;
		}
		assert_int_equal(x[c].n, na + nb);
		near(x[c].mean_a, (mean[0][0] / count[0][0] + mean[0][1] / count[0][1]) / 2);
		near(x[c].mean_b, (mean[1][0] / count[1][0] + mean[1][1] / count[1][1]) / 2);
		am_rank_test rank;
		assert_int_equal(am_rank_sum_test(kept_a, na, kept_b, nb, &rank, NULL), AM_OK);
		near(x[c].p_wilcoxon, rank.p);
		assert_true(isnan(x[c].p_max) && x[c].ci.low < x[c].change && x[c].change < x[c].ci.high);
		assert_true(c == 2 ? x[c].p_permutation <= 0.002 : x[c].p_permutation > 0.02);
	}
}

/* Four sequences on one side have no interval, whatever the other holds. */
static void test_small_side(void **state)
{
	(void)state;
	const double a[] = {1, 2, 3, 4}, b[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	const int task[9] = {0};
	am_contrast x;
	am_sample sa = {a, task, 4}, sb = {b, task, 9};
	assert_int_equal(am_contrast_unpaired(&options, &sa, &sb, 1, 1, &x, NULL), AM_OK);
	assert_true(isnan(x.ci.low) && isnan(x.ci.high) && x.p_permutation > 0 && x.p_permutation < 1);
	am_sample four = {b, task, 4};
	assert_int_equal(am_contrast_paired(&options, &sa, &four, 1, 1, &x, NULL), AM_OK);
	assert_true(isnan(x.ci.low) && x.p_wilcoxon == 1 && x.change == 0);
}

static void test_no_values(void **state)
{
	(void)state;
	const double none[] = {NAN, NAN, NAN};
	const int task[3] = {0};
	am_contrast x;
	am_sample s = {none, task, 3};
	assert_int_equal(am_contrast_paired(&options, &s, &s, 1, 1, &x, NULL), AM_OK);
	assert_true(x.n == 0 && isnan(x.change) && isnan(x.p_wilcoxon) && isnan(x.q_bh) && isnan(x.p_max));
	assert_int_equal(am_contrast_unpaired(&options, &s, &s, 1, 1, &x, NULL), AM_OK);
	assert_true(x.n == 0 && isnan(x.change) && isnan(x.p_wilcoxon) && isnan(x.p_permutation));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paired_parts),
		cmocka_unit_test(test_tasks_weigh_the_same),
		cmocka_unit_test(test_margin),
		cmocka_unit_test(test_unpaired),
		cmocka_unit_test(test_small_side),
		cmocka_unit_test(test_no_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

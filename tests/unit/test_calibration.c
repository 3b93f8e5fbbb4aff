/* Whether the tests and intervals keep what they promise, by simulation: levels under
 * the null with correlated rows, coverage, power, and errors over families.
 *
 *     test_calibration            checks
 *     test_calibration --tables   the tables of docs/statistics.md */
#include "analysis/contrast.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIMULATIONS 2000
#define LANES 32 /* data sets that share the draws of one bootstrap */

static double normal(am_rng *r)
{
	double u = am_rng_uniform(r), v = am_rng_uniform(r);
	return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* --- level under the null with correlated rows ---------------------------- */

typedef struct levels {
	double wilcoxon, permutation; /* shares below 0.05, sequences as units */
	double rows;                  /* the same signed-rank test with rows as units */
} levels;

/* Differences of n sequences of n_row rows each without an effect; rho is the
 * correlation of two rows of a sequence. Rows of a run are never less alike. */
static levels find_levels(int n, int n_row, double rho)
{
	levels out = {0};
	const int *task = am_calloc((size_t)n, sizeof *task);
	double *zero = am_calloc((size_t)n, sizeof *zero), *mean = am_alloc((size_t)n, sizeof *mean);
	double *row = am_alloc((size_t)n * (size_t)n_row, sizeof *row);
	am_rng r = am_rng_split(1, (uint64_t)n);
	for (int s = 0; s < SIMULATIONS; s++) {
		for (int i = 0; i < n; i++) {
			double shared = sqrt(rho) * normal(&r);
			mean[i] = 0;
			for (int j = 0; j < n_row; j++)
				mean[i] += row[i * n_row + j] = shared + sqrt(1 - rho) * normal(&r);
			mean[i] /= n_row;
		}
		am_contrast x;
		am_rank_test of_rows;
		am_contrast_options o = {.resamples = 999, .seed = (uint64_t)s, .interval = AM_INTERVAL_PERCENTILE};
		am_sample a = {zero, task, n}, b = {mean, task, n};
		assert_int_equal(am_contrast_paired(&o, &a, &b, 1, 1, &x, NULL), AM_OK);
		assert_int_equal(am_signed_rank_test(row, n * n_row, AM_ZEROS_DROP, &of_rows, NULL), AM_OK);
		out.wilcoxon += x.p_wilcoxon < 0.05;
		out.permutation += x.p_permutation < 0.05;
		out.rows += of_rows.p < 0.05;
	}
	out.wilcoxon /= SIMULATIONS;
	out.permutation /= SIMULATIONS;
	out.rows /= SIMULATIONS;
	am_free((void *)task);
	am_free(zero);
	am_free(mean);
	am_free(row);
	return out;
}

static const int level_sizes[] = {10, 20, 50};

static void test_levels(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		levels l = find_levels(level_sizes[i], 40, 0.3);
		assert_true(l.wilcoxon >= 0.035 && l.wilcoxon <= 0.065);
		assert_true(l.permutation >= 0.035 && l.permutation <= 0.065);
		assert_true(l.rows > 0.3);
	}
}

/* --- coverage ------------------------------------------------------------- */

typedef enum { NORMAL, SKEWED, DISTRIBUTIONS } distribution;
static const char *const distribution_names[] = {"normal", "lognormal"};

static double draw(am_rng *r, distribution d)
{
	double z = normal(r);
	return d == NORMAL ? z : exp(z);
}

static double true_mean(distribution d)
{
	return d == NORMAL ? 0 : exp(0.5);
}

/* Share of 95 % intervals that hold the mean. */
static double find_coverage(am_interval_method method, int n, distribution d)
{
	double *x = am_alloc(LANES, (size_t)n * sizeof *x), held = 0;
	int *task = am_calloc((size_t)n, sizeof *task), done = 0;
	am_rng r = am_rng_split(2, (uint64_t)n * DISTRIBUTIONS + d);
	for (; done < SIMULATIONS; done += LANES) {
		am_interval ci[LANES];
		for (int i = 0; i < LANES * n; i++)
			x[i] = draw(&r, d);
		assert_int_equal(am_bootstrap_intervals_by(method, x, LANES, task, n, 1, 1999, (uint64_t)done, ci, NULL),
		                 AM_OK);
		for (int c = 0; c < LANES; c++)
			held += ci[c].low <= true_mean(d) && true_mean(d) <= ci[c].high;
	}
	am_free(x);
	am_free(task);
	return held / done;
}

static void test_coverage(void **state)
{
	(void)state;
	double bca = find_coverage(AM_INTERVAL_BCA, 50, NORMAL), used = find_coverage(AM_INTERVAL_AUTO, 50, NORMAL);
	assert_true(bca >= 0.93 && bca <= 0.97 && used == bca);
	double t = find_coverage(AM_INTERVAL_T, 10, NORMAL), small = find_coverage(AM_INTERVAL_AUTO, 10, NORMAL);
	assert_true(t >= 0.93 && t <= 0.97 && small == t);
	assert_true(find_coverage(AM_INTERVAL_BCA, 10, NORMAL) < 0.925); /* why BCa is not used there */
	assert_true(find_coverage(AM_INTERVAL_T, 20, SKEWED) > find_coverage(AM_INTERVAL_BCA, 20, SKEWED));
}

/* --- power ---------------------------------------------------------------- */

/* Share of data sets of n sequences with an effect of d_z found at 0.05. */
static levels find_power(int n, double d_z)
{
	levels out = {0};
	double *zero = am_calloc((size_t)n, sizeof *zero), *x = am_alloc((size_t)n, sizeof *x);
	int *task = am_calloc((size_t)n, sizeof *task);
	am_rng r = am_rng_split(3, (uint64_t)n);
	for (int s = 0; s < SIMULATIONS; s++) {
		for (int i = 0; i < n; i++)
			x[i] = d_z + normal(&r);
		am_contrast c;
		am_contrast_options o = {.resamples = 999, .seed = (uint64_t)s, .interval = AM_INTERVAL_PERCENTILE};
		am_sample a = {zero, task, n}, b = {x, task, n};
		assert_int_equal(am_contrast_paired(&o, &a, &b, 1, 1, &c, NULL), AM_OK);
		out.wilcoxon += c.p_wilcoxon < 0.05;
		out.permutation += c.p_permutation < 0.05;
	}
	am_free(zero);
	am_free(x);
	am_free(task);
	out.wilcoxon /= SIMULATIONS;
	out.permutation /= SIMULATIONS;
	return out;
}

/* The t test's power at d_z 0.8: 0.616 with 10 sequences, 0.924 with 20, 1.000 with 50;
 * both tests reach about 95 % of its efficiency. */
static void test_power(void **state)
{
	(void)state;
	levels l = find_power(20, 0.8);
	assert_true(l.wilcoxon > 0.87 && l.wilcoxon < 0.95);
	assert_true(l.permutation > 0.89 && l.permutation < 0.95);
}

/* --- families ------------------------------------------------------------- */

typedef struct errors {
	double any_plain, any_max; /* data sets with a true null called: p_wilcoxon, p_max < 0.05 */
	double rate_bh, rate_by;   /* mean share of the calls that are wrong */
	double found;              /* share of the effects that q_bh finds */
} errors;

/* Heads are dependent: their differences share a part. */
static errors find_errors(int n_cell, int n_effect, int n)
{
	enum { SETS = 500 };
	errors e = {0};
	size_t size = (size_t)n_cell * (size_t)n;
	double *zero = am_calloc(size, sizeof *zero), *x = am_alloc(size, sizeof *x);
	int *task = am_calloc((size_t)n, sizeof *task);
	am_contrast *c = am_alloc((size_t)n_cell, sizeof *c);
	am_rng r = am_rng_split(4, (uint64_t)n_effect);
	for (int s = 0; s < SETS; s++) {
		for (int i = 0; i < n; i++) {
			double shared = 0.6 * normal(&r);
			for (int k = 0; k < n_cell; k++)
				x[k * n + i] = (k < n_effect ? 1.2 : 0) + shared + 0.8 * normal(&r);
		}
		am_contrast_options o = {.resamples = 999, .seed = (uint64_t)s, .interval = AM_INTERVAL_PERCENTILE};
		am_sample a = {zero, task, n}, b = {x, task, n};
		assert_int_equal(am_contrast_paired(&o, &a, &b, 1, n_cell, c, NULL), AM_OK);
		int plain = 0, most = 0, bh = 0, by = 0, true_bh = 0, true_by = 0;
		for (int k = 0; k < n_cell; k++) {
			bool null = k >= n_effect;
			plain += null && c[k].p_wilcoxon < 0.05;
			most += null && c[k].p_max < 0.05;
			*(null ? &bh : &true_bh) += c[k].q_bh < 0.05;
			*(null ? &by : &true_by) += c[k].q_by < 0.05;
		}
		e.any_plain += (plain > 0) / (double)SETS;
		e.any_max += (most > 0) / (double)SETS;
		e.rate_bh += bh ? (double)bh / (bh + true_bh) / SETS : 0;
		e.rate_by += by ? (double)by / (by + true_by) / SETS : 0;
		e.found += n_effect ? (double)true_bh / n_effect / SETS : 0;
	}
	am_free(zero);
	am_free(x);
	am_free(task);
	am_free(c);
	return e;
}

static void test_families(void **state)
{
	(void)state;
	errors none = find_errors(48, 0, 16), some = find_errors(48, 12, 16);
	assert_true(none.any_plain > 0.4); /* 48 uncorrected tests call something */
	assert_true(none.any_max <= 0.075 && none.rate_bh <= 0.075 && none.rate_by <= 0.05);
	assert_true(some.any_max <= 0.075 && some.rate_bh <= 0.065 && some.rate_by <= 0.04);
	assert_true(some.found > 0.7);
}

/* --- tables --------------------------------------------------------------- */

static void print_levels(void)
{
	puts("<!-- levels -->");
	puts("| sequences | rows each | Wilcoxon, sequences | sign flips, sequences | Wilcoxon, rows |\n|---|---|---|---|---|");
	for (int i = 0; i < 3; i++) {
		levels l = find_levels(level_sizes[i], 40, 0.3);
		printf("| %d | 40 | %.1f %% | %.1f %% | %.1f %% |\n", level_sizes[i], 100 * l.wilcoxon, 100 * l.permutation,
		       100 * l.rows);
	}
	puts("<!-- /levels -->");
}

static void print_coverage(void)
{
	static const int sizes[] = {5, 10, 20, 29, 30, 50, 100};
	puts("<!-- coverage -->");
	puts("| data | sequences | percentile | BCa | bootstrap-t | used |\n|---|---|---|---|---|---|");
	for (int d = 0; d < DISTRIBUTIONS; d++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			static const am_interval_method m[] = {AM_INTERVAL_PERCENTILE, AM_INTERVAL_BCA, AM_INTERVAL_T};
			printf("| %s | %d |", distribution_names[d], sizes[i]);
			for (int k = 0; k < 3; k++)
				printf(" %.1f %% |", 100 * find_coverage(m[k], sizes[i], (distribution)d));
			printf(" %s |\n", am_bootstrap_method(AM_INTERVAL_AUTO, sizes[i], sizes[i]) == AM_INTERVAL_T ? "bootstrap-t" : "BCa");
		}
	puts("<!-- /coverage -->");
}

static void print_power(void)
{
	puts("<!-- power -->");
	puts("| sequences | Wilcoxon | sign flips |\n|---|---|---|");
	for (int i = 0; i < 3; i++) {
		levels l = find_power(level_sizes[i], 0.8);
		printf("| %d | %.1f %% | %.1f %% |\n", level_sizes[i], 100 * l.wilcoxon, 100 * l.permutation);
	}
	puts("<!-- /power -->");
}

static void print_families(void)
{
	puts("<!-- families -->");
	puts("| effects among 48 heads | some null called, uncorrected | some null called, max-T | wrong share of calls, BH | wrong share of calls, BY | effects found, BH |\n"
	     "|---|---|---|---|---|---|");
	for (int effects = 0; effects <= 24; effects += 12) {
		errors e = find_errors(48, effects, 16);
		printf("| %d | %.1f %% | %.1f %% | %.1f %% | %.1f %% | ", effects, 100 * e.any_plain, 100 * e.any_max,
		       100 * e.rate_bh, 100 * e.rate_by);
		printf(effects ? "%.1f %% |\n" : "- |\n", 100 * e.found);
	}
	puts("<!-- /families -->");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_families),
	};
	if (argc == 2 && !strcmp(argv[1], "--tables"))
		return print_levels(), print_coverage(), print_power(), print_families(), 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

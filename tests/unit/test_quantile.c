/* Radix selection against sorting. */
#include "analysis/quantile.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double probs[] = {0, 0.05, 0.5, 1};

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

static double by_sorting(const float *sorted, int n, double p)
{
	double at = p * (n - 1);
	int k = (int)at, next = k + 1 < n ? k + 1 : k;
	return sorted[k] + (at - k) * ((double)sorted[next] - sorted[k]);
}

/* Quantiles of x[n] counted in two parts, and of the first part alone on the same tally. */
static void check_by(am_digits digits, float *x, int n)
{
	uint64_t *count = calloc(am_digits_counts(digits), sizeof *count);
	am_quantile q, own;
	am_tally part[2] = {{0}};
	int half = (n + 1) / 2;
	am_quantile_init(&q, digits, probs, 4);
	am_quantile_init(&own, digits, probs + 1, 2);
	for (int sweep = 0; sweep < am_digits_sweeps(digits); sweep++) {
		uint32_t prefix[AM_QUANTILE_PREFIXES];
		int wants = am_quantile_wants(&own, prefix, am_quantile_wants(&q, prefix, 0));
		for (int i = 0; i < 2; i++)
			assert_int_equal(am_tally_begin(&part[i], digits, sweep, prefix, wants, NULL), AM_OK);
		am_tally_add(&part[0], x, 2, half);
		am_tally_add(&part[1], x + 1, 2, n - half);
		am_quantile_collect(&q, part, 1, 2, count);
		am_quantile_next(&q, count);
		am_quantile_collect(&own, part, 1, 1, count);
		am_quantile_next(&own, count);
	}
	for (int i = 0; i < 2; i++)
		am_tally_fini(&part[i]);
	float *first = malloc((size_t)half * sizeof *first);
	for (int i = 0; i < half; i++)
		first[i] = x[2 * i];
	qsort(first, (size_t)half, sizeof *first, compare);
	for (int i = 0; i < 2; i++)
		assert_true(am_quantile_value(&own, i) == by_sorting(first, half, probs[1 + i]));
	free(first);
	for (size_t i = 0; i < am_digits_counts(digits); i++)
		assert_int_equal(count[i], 0);
	free(count);
	qsort(x, (size_t)n, sizeof *x, compare);
	for (int i = 0; i < 4; i++)
		assert_true(am_quantile_value(&q, i) == by_sorting(x, n, probs[i]));
}

/* Sorts x. */
static void check(float *x, int n)
{
	check_by(AM_DIGITS_11, x, n);
	for (int i = n - 1; i > 0; i--) { /* some other order */
		int j = (int)((unsigned)i * 2654435761u % (unsigned)(i + 1));
		float y = x[i];
		x[i] = x[j];
		x[j] = y;
	}
	check_by(AM_DIGITS_16, x, n);
}

static void test_random(void **state)
{
	(void)state;
	static float x[5000];
	am_rng rng = {7};
	for (int n = 1; n < 5000; n = 3 * n + 1) {
		for (int i = 0; i < n; i++)
			x[i] = (float)(am_rng_uniform(&rng) * 8);
		check(x, n);
		for (int i = 0; i < n; i++)
			x[i] = (float)ldexp(am_rng_uniform(&rng) - 0.5, (int)am_rng_below(&rng, 60) - 30);
		check(x, n);
		for (int i = 0; i < n; i++)
			x[i] = (float)am_rng_below(&rng, 5); /* many ties */
		check(x, n);
	}
}

/* More of a beginning than are listed. */
static void test_many(void **state)
{
	(void)state;
	enum { N = 400000 };
	static float x[N];
	am_rng rng = {9};
	for (int i = 0; i < N; i++)
		x[i] = i % 4 ? 1 + (float)am_rng_below(&rng, 50000) * 1.2e-7f : (float)am_rng_uniform(&rng);
	check(x, N);
}

static void test_neighbours(void **state)
{
	(void)state;
	float x[] = {1, nextafterf(1, 2), nextafterf(1, 0), 1, -1, nextafterf(-1, 0), 0, 1e-45f, 3e38f, -3e38f};
	check(x, sizeof x / sizeof x[0]);
}

static void test_nothing(void **state)
{
	(void)state;
	uint64_t *count = calloc(am_digits_counts(AM_DIGITS_16), sizeof *count);
	const float nan[] = {NAN, -NAN};
	am_quantile q;
	am_tally t = {0};
	am_quantile_init(&q, AM_DIGITS_16, probs, 4);
	for (int sweep = 0; sweep < am_digits_sweeps(AM_DIGITS_16); sweep++) {
		assert_int_equal(am_quantile_wants(&q, NULL, 0), 0);
		assert_int_equal(am_tally_begin(&t, AM_DIGITS_16, sweep, NULL, 0, NULL), AM_OK);
		am_tally_add(&t, nan, 1, 2);
		am_quantile_collect(&q, &t, 1, 1, count);
		am_quantile_next(&q, count);
	}
	assert_true(isnan(am_quantile_value(&q, 2)));
	am_tally_fini(&t);
	free(count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* Quantiles of x[n], the first sweep counted in two parts. */
static void check(float *x, int n)
{
	am_quantile q, part;
	assert_int_equal(am_quantile_init(&q, probs, 4, NULL), AM_OK);
	assert_int_equal(am_quantile_init(&part, probs, 4, NULL), AM_OK);
	for (int i = 0; i < n; i++)
		am_quantile_add(i % 3 ? &q : &part, x[i]);
	am_quantile_merge(&q, &part);
	am_quantile_fini(&part);
	for (int sweep = 0; sweep < AM_QUANTILE_SWEEPS; sweep++) {
		for (int i = 0; i < n && sweep; i++)
			am_quantile_add(&q, x[n - 1 - i]);
		assert_int_equal(am_quantile_next(&q, NULL), AM_OK);
	}
	qsort(x, (size_t)n, sizeof *x, compare);
	for (int i = 0; i < 4; i++)
		assert_true(am_quantile_value(&q, i) == by_sorting(x, n, probs[i]));
	am_quantile_fini(&q);
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

static void test_neighbours(void **state)
{
	(void)state;
	float x[] = {1, nextafterf(1, 2), nextafterf(1, 0), 1, -1, nextafterf(-1, 0), 0, 1e-45f, 3e38f, -3e38f};
	check(x, sizeof x / sizeof x[0]);
}

static void test_empty(void **state)
{
	(void)state;
	am_quantile q;
	assert_int_equal(am_quantile_init(&q, probs, 4, NULL), AM_OK);
	for (int sweep = 0; sweep < AM_QUANTILE_SWEEPS; sweep++)
		assert_int_equal(am_quantile_next(&q, NULL), AM_OK);
	assert_true(isnan(am_quantile_value(&q, 2)));
	am_quantile_fini(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

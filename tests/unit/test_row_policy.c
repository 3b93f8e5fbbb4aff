/* probes/row_policy: which query rows a policy keeps. */
#include "probes/row_policy.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64 };

/* The positions kept of a sequence; returns how many. */
static int kept(const am_run_options *o, int index, int length, int *out)
{
	am_row_policy r;
	am_error err = {0};
	int n = 0;
	assert_int_equal(am_row_policy_init(&r, o, index, length, &err), AM_OK);
	for (int p = 0; p < length; p++)
		if (am_row_policy_has(&r, p))
			out[n++] = p;
	am_row_policy_fini(&r);
	return n;
}

static void each_policy(void **state)
{
	(void)state;
	static const struct {
		am_rows_kind kind;
		int n, length, want_n, want[5];
	} cases[] = {
		{AM_ROWS_ALL, 0, 3, 3, {0, 1, 2}},
		{AM_ROWS_ALL, 0, 1, 1, {0}},
		{AM_ROWS_LAST, 2, 5, 2, {3, 4}},
		{AM_ROWS_LAST, 5, 5, 5, {0, 1, 2, 3, 4}},
		{AM_ROWS_LAST, INT_MAX, 2, 2, {0, 1}},
		{AM_ROWS_EVERY, 1, 3, 3, {0, 1, 2}},
		{AM_ROWS_EVERY, 3, 7, 3, {0, 3, 6}},
		{AM_ROWS_EVERY, 3, 6, 2, {0, 3}},
		{AM_ROWS_EVERY, INT_MAX, 6, 1, {0}},
		{AM_ROWS_SAMPLE, 9, 3, 3, {0, 1, 2}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		am_run_options o = {.rows = cases[i].kind, .rows_n = cases[i].n};
		int found[MOST], n = kept(&o, 0, cases[i].length, found);
		assert_int_equal(n, cases[i].want_n);
		assert_memory_equal(found, cases[i].want, (size_t)n * sizeof *found);
	}
}

static void count_is_what_has_says(void **state)
{
	(void)state;
	int found[MOST];
	for (int kind = AM_ROWS_ALL; kind <= AM_ROWS_SAMPLE; kind++)
		for (int n = 1; n < 20; n++)
			for (int length = 1; length < 40; length++) {
				am_run_options o = {.rows = (am_rows_kind)kind, .rows_n = n, .seed = 7};
				assert_int_equal(am_row_policy_count(&o, length), kept(&o, 3, length, found));
			}
}

static void samples_follow_seed_and_sequence(void **state)
{
	(void)state;
	am_run_options o = {.rows = AM_ROWS_SAMPLE, .rows_n = 8, .seed = 1};
	int first[MOST], again[MOST], next[MOST], seeded[MOST];
	assert_int_equal(kept(&o, 0, MOST, first), 8);
	assert_int_equal(kept(&o, 0, MOST, again), 8);
	assert_int_equal(kept(&o, 1, MOST, next), 8);
	o.seed = 2;
	assert_int_equal(kept(&o, 0, MOST, seeded), 8);
	assert_memory_equal(first, again, 8 * sizeof *first);
	assert_memory_not_equal(first, next, 8 * sizeof *first);
	assert_memory_not_equal(first, seeded, 8 * sizeof *first);
}

/* Every position is drawn about equally often: 2000 draws of 8 in 32 are 500 each,
 * with a standard deviation of 19. */
static void samples_are_uniform(void **state)
{
	(void)state;
	int times[32] = {0}, found[MOST];
	am_run_options o = {.rows = AM_ROWS_SAMPLE, .rows_n = 8, .seed = 5};
	for (int index = 0; index < 2000; index++)
		for (int i = 0, n = kept(&o, index, 32, found); i < n; i++)
			times[found[i]]++;
	for (int p = 0; p < 32; p++)
		assert_in_range(times[p], 400, 600);
}

static void names(void **state)
{
	(void)state;
	static const char *const want[] = {"all", "last:3", "every:3", "sample:3"};
	for (int kind = AM_ROWS_ALL; kind <= AM_ROWS_SAMPLE; kind++) {
		char text[32];
		am_run_options o = {.rows = (am_rows_kind)kind, .rows_n = 3};
		am_row_policy_describe(&o, text, sizeof text);
		assert_string_equal(text, want[kind]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_policy),         cmocka_unit_test(count_is_what_has_says),
		cmocka_unit_test(samples_follow_seed_and_sequence), cmocka_unit_test(samples_are_uniform),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The pool: every task once, in places of its own, visible afterwards. */
#include "base/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MAX_WORKERS = 4, TASKS = 1000, ROUNDS = 50 };

typedef struct job {
	int times[TASKS]; /* how often each task ran */
	int sum[MAX_WORKERS]; /* worker scratch: no two tasks at a time write one */
} job;

static void count(void *ctx, int task, int worker)
{
	job *j = ctx;
	j->times[task]++;
	j->sum[worker]++;
}

static void run_rounds(int workers)
{
	am_threads *t = NULL;
	assert_int_equal(am_threads_new(workers, &t, NULL), AM_OK);
	assert_int_equal(am_threads_count(t), workers);
	job j = {0};
	for (int r = 0; r < ROUNDS; r++)
		am_threads_run(t, TASKS, count, &j);
	int all = 0;
	for (int i = 0; i < MAX_WORKERS; i++)
		all += j.sum[i];
	for (int i = 0; i < TASKS; i++)
		assert_int_equal(j.times[i], ROUNDS);
	assert_int_equal(all, ROUNDS * TASKS);
	am_threads_free(t);
}

static void every_task_runs_once(void **state)
{
	(void)state;
	for (int n = 1; n <= MAX_WORKERS; n++)
		run_rounds(n);
}

/* Calls too short for every thread to join, one after the other or with a sleep between: what the
 * tasks of one wrote is there for the next. */
static void short_calls(void **state)
{
	(void)state;
	for (int n = 2; n <= MAX_WORKERS; n++) {
		am_threads *t = NULL;
		assert_int_equal(am_threads_new(n, &t, NULL), AM_OK);
		job j = {0};
		for (int r = 0; r < 20000; r++) {
			int tasks = 2 + r % 5;
			am_threads_run(t, tasks, count, &j);
			for (int i = 0; i < tasks; i++)
				assert_int_equal(j.times[i], 1);
			memset(j.times, 0, sizeof j.times[0] * (size_t)tasks);
			if (r % 400 == 0)
				nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
		}
		am_threads_free(t);
	}
}

static void few_tasks(void **state)
{
	(void)state;
	am_threads *t = NULL;
	assert_int_equal(am_threads_new(3, &t, NULL), AM_OK);
	job j = {0};
	am_threads_run(t, 0, count, &j);
	assert_int_equal(j.times[0], 0);
	am_threads_run(t, 1, count, &j);
	am_threads_run(t, 2, count, &j);
	assert_int_equal(j.times[0], 2);
	assert_int_equal(j.times[1], 1);
	assert_int_equal(j.times[2], 0);
	am_threads_free(t);
}

static void absurd_counts_are_refused(void **state)
{
	(void)state;
	am_threads *t = NULL;
	am_error err;
	assert_int_equal(am_threads_new(0, &t, &err), AM_ERR_USAGE);
	assert_int_equal(am_threads_new(5000, &t, &err), AM_ERR_USAGE);
	assert_string_equal(err.text, "threads: expected 1 to 4096, found 5000");
	assert_null(t);
	am_threads_free(NULL);
}

static void at_least_one_processor(void **state)
{
	(void)state;
	assert_true(am_threads_available() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(short_calls),
		cmocka_unit_test(few_tasks),
		cmocka_unit_test(absurd_counts_are_refused),
		cmocka_unit_test(at_least_one_processor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

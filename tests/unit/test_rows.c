/* Bands of rows: whatever their size, kept or read again, and whatever the threads, the same numbers. */
#include "analysis/aggregate.h"
#include "analysis/rows.h"
#include "runfile_data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PATH AM_BINARY_DIR "/tests/tmp/test_rows.h5"

static sample the_sample;
static am_run *run;
static am_threads *pool[4]; /* by number of threads; 0: none */

static int setup(void **state)
{
	(void)state;
	the_sample = sample_new(2, 3, 150, 4);
	for (int n = 1; n < 4; n++)
		if (am_threads_new(n, &pool[n], NULL))
			return 1;
	return sample_write(&the_sample, PATH, 100, NULL) || am_run_open(PATH, &run, NULL);
}

static int teardown(void **state)
{
	(void)state;
	am_run_close(run);
	for (int n = 1; n < 4; n++)
		am_threads_free(pool[n]);
	return 0;
}

static const struct {
	size_t block, keep;
	int64_t n_block;
} ways[] = {{1 << 20, 1 << 20, 1}, {1 << 20, 0, 1}, {1, 0, 10}, {1, 1 << 20, 10}, {5000, 0, 5}};
enum { N_WAYS = sizeof ways / sizeof ways[0] };

static void check_block(am_rows *rows, int layer, int64_t b)
{
	const float *x;
	int64_t first, n;
	assert_int_equal(am_rows_get(rows, layer, b, &x, &first, &n, NULL), AM_OK);
	assert_int_equal(first, b * rows->block);
	for (int h = 0; h < 3; h++)
		for (int64_t r = first; r < first + n; r++)
			for (int j = 0; j < rows->inner; j++)
				assert_true(*x++ == (float)sample_value(&the_sample, rows->field, layer, h, r, j));
}

static void test_blocks(void **state)
{
	(void)state;
	const am_field fields[] = {AM_FIELD_ENTROPY, AM_FIELD_K_AT_MASS};
	for (int f = 0; f < 2; f++)
		for (int w = 0; w < N_WAYS; w++) {
			am_rows rows;
			assert_int_equal(am_rows_open_sized(run, fields[f], ways[w].block, ways[w].keep, &rows, NULL), AM_OK);
			if (!f)
				assert_int_equal(rows.n_block, ways[w].n_block);
			for (int round = 0; round < 2; round++)
				for (int64_t b = rows.n_block - 1; b >= 0; b--)
					for (int l = 0; l < 2; l++)
						check_block(&rows, l, b);
			am_rows_close(&rows);
		}
}

/* Means and quantiles of a field, appended to out; returns how many. */
static int aggregate(am_field field, int way, double *out)
{
	static const double probs[] = {0.5, 0.95};
	am_aggregate_options o;
	am_aggregate a;
	am_rows rows;
	am_means m;
	double *q;
	am_aggregate_options_init(&o);
	o.position_bins = 3;
	assert_int_equal(am_aggregate_open(run, &o, &a, NULL), AM_OK);
	assert_int_equal(am_rows_open_sized(run, field, ways[way].block, ways[way].keep, &rows, NULL), AM_OK);
	assert_int_equal(am_aggregate_means(&a, &rows, AM_MEANS_PLAIN, &m, NULL), AM_OK);
	assert_int_equal(am_aggregate_quantiles(&a, &rows, probs, 2, &q, NULL), AM_OK);
	int cells = am_aggregate_cells(&a) * rows.inner, n_mean = cells * a.n_sequence;
	memcpy(out, m.value, (size_t)n_mean * sizeof *out);
	memcpy(out + n_mean, q, 2 * (size_t)cells * sizeof *out);
	am_free(q);
	am_means_fini(&m);
	am_rows_close(&rows);
	am_aggregate_close(&a);
	return n_mean + 2 * cells;
}

static void test_same_numbers(void **state)
{
	(void)state;
	const am_field fields[] = {AM_FIELD_ENTROPY, AM_FIELD_K_AT_MASS};
	static double want[1024], got[1024];
	for (int f = 0; f < 2; f++) {
		int n = aggregate(fields[f], 0, want);
		assert_true(n <= 1024);
		for (int w = 0; w < 4 * N_WAYS; w++) {
			am_run_use_threads(run, pool[w / N_WAYS]);
			assert_int_equal(aggregate(fields[f], w % N_WAYS, got), n);
			assert_memory_equal(got, want, (size_t)n * sizeof *got);
		}
		am_run_use_threads(run, NULL);
	}
}

static void test_absent_field(void **state)
{
	(void)state;
	sample s = sample_new(1, 1, 10, 1);
	s.contents.output_error = false;
	const char *path = PATH ".absent";
	am_run *r;
	am_rows rows;
	am_error err;
	assert_int_equal(sample_write(&s, path, 10, NULL), AM_OK);
	assert_int_equal(am_run_open(path, &r, NULL), AM_OK);
	assert_int_equal(am_rows_open(r, AM_FIELD_OUTPUT_ERROR, false, &rows, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "/stat/output_error"));
	am_run_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_same_numbers),
		cmocka_unit_test(test_absent_field),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

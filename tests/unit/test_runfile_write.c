/* What the writer writes the reader reads back, and how the writer fails. */
#include "runfile/reader.h"
#include "runfile_data.h"

#include "base/file.h"
#include "base/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#define DIR AM_BINARY_DIR "/tests/tmp"
#define OUT DIR "/write.h5"

static am_error err;

#define assert_ok(call)                                   \
	do {                                              \
		am_status got_ = (call);                  \
		if (got_ != AM_OK)                        \
			print_error("%s\n", err.text);    \
		assert_int_equal(got_, AM_OK);            \
	} while (0)

static am_run *open_run(const char *path)
{
	am_run *r = NULL;
	assert_ok(am_run_open(path, &r, &err));
	return r;
}

/* Rows [from, from + n) of a field against what was written. */
static void compare(am_run *r, const sample *s, am_field f, int64_t from, int64_t n)
{
	int64_t shape[AM_MAX_AXES], start[AM_MAX_AXES] = {0};
	size_t count = 1;
	assert_int_equal(am_run_shape(r, f, shape), am_fields[f].n_axes);
	start[am_field_row_axis(f)] = from;
	shape[am_field_row_axis(f)] = n;
	for (int a = 0; a < am_fields[f].n_axes; a++)
		count *= (size_t)shape[a];
	void *got = am_alloc(count, 4), *want = sample_rows(s, f, from, n);
	if (am_fields[f].type == AM_TYPE_I32)
		assert_ok(am_run_read_i32(r, f, start, shape, got, &err));
	else
		assert_ok(am_run_read_f32(r, f, start, shape, got, &err));
	assert_memory_equal(got, want, count * 4);
	am_free(got);
	am_free(want);
}

static void compare_all(am_run *r, const sample *s, int64_t rows)
{
	assert_int_equal(am_run_axis_length(r, AM_AXIS_ROW), rows);
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		if (am_field_row_axis((am_field)f) < 0 || !am_run_has(r, (am_field)f))
			continue;
		compare(r, s, (am_field)f, 0, rows);
		compare(r, s, (am_field)f, rows / 3, rows / 2); /* across chunks */
	}
}

static void compare_dist(am_run *r, const sample *s, double tolerance)
{
	assert_true(am_run_has_dist(r));
	for (int64_t row = 0; row < am_run_axis_length(r, AM_AXIS_ROW); row += 37) {
		int n, layer = (int)(row % s->axes.n_layer), head = (int)(row % s->axes.n_head);
		float *p;
		assert_ok(am_run_read_dist(r, layer, head, row, &p, &n, &err));
		assert_int_equal(n, sample_n(s, row));
		double peak = sample_peak(s, layer, head, row);
		for (int j = 0; j < n; j++) {
			double want = j == 0 ? peak : (1 - peak) / (n - 1);
			assert_true(fabs((double)p[j] - want) <= tolerance * want);
		}
		am_free(p);
	}
}

static void check_clean(am_run *r)
{
	am_text report = {0};
	am_status s = am_run_check(r, &report, &err);
	if (s)
		print_error("%s%s\n", am_text_str(&report), err.text);
	assert_int_equal(s, AM_OK);
	am_text_free(&report);
}

static void round_trip(void **state)
{
	(void)state;
	for (int64_t block = 1; block <= 700; block = block * 5 + 2) {
		sample s = sample_new(5, 3, 100, 7);
		assert_ok(sample_write(&s, OUT, block, &err));
		am_run *r = open_run(OUT);
		assert_true(am_run_complete(r));
		compare_all(r, &s, 700);
		check_clean(r);
		am_run_close(r);
		assert_false(am_file_exists(OUT ".part"));
	}
}

static void every_field_is_written(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 50, 4);
	assert_ok(sample_write(&s, OUT, 64, &err));
	am_run *r = open_run(OUT);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		assert_true(am_run_has(r, (am_field)f));
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		assert_int_equal(am_run_axis_length(r, (am_axis)a), sample_length(&s, (am_axis)a));
	am_run_close(r);
}

static void coordinates(void **state)
{
	(void)state;
	sample s = sample_new(3, 2, 40, 3);
	const int32_t layers[] = {4, 9, 2};
	s.axes.layer = layers;
	assert_ok(sample_write(&s, OUT, 64, &err));
	am_run *r = open_run(OUT);
	const double *x = am_run_axis_values(r, AM_AXIS_LAYER);
	assert_true(x[0] == 4 && x[1] == 9 && x[2] == 2);
	x = am_run_axis_values(r, AM_AXIS_DISTANCE_BIN);
	assert_true(x[0] == 0 && x[1] == 1 && x[2] == 2 && x[3] == 4 && x[11] == 1024);
	x = am_run_axis_values(r, AM_AXIS_MAP_K);
	assert_true(x[0] == 0.0625 && x[7] == 0.9375);
	x = am_run_axis_values(r, AM_AXIS_ROW);
	assert_true(x[0] == 0 && x[119] == 119);
	x = am_run_axis_values(r, AM_AXIS_RATIO);
	assert_true(x[0] == 0.01 && x[2] == 0.1);
	am_run_close(r);
}

static void distributions(void **state)
{
	(void)state;
	for (int half = 0; half < 2; half++) {
		sample s = sample_new(3, 2, 300, 2);
		s.contents.dist = true;
		s.contents.dist_float16 = half;
		assert_ok(sample_write(&s, OUT, 77, &err));
		am_run *r = open_run(OUT);
		compare_dist(r, &s, half ? 0x1p-11 : 0x1p-24);
		check_clean(r);
		float *p;
		int n;
		assert_int_equal(am_run_read_dist(r, 0, 0, 600, &p, &n, &err), AM_ERR_RANGE);
		am_run_close(r);
	}
}

static void strings_and_attributes(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 30, 4);
	assert_ok(sample_write(&s, OUT, 64, &err));
	am_run *r = open_run(OUT);
	char *name;
	assert_ok(am_run_read_string(r, AM_FIELD_SEQUENCE_NAME, 3, &name, &err));
	assert_string_equal(name, "zwei \xc3\xa4");
	am_free(name);
	assert_int_equal(am_run_read_string(r, AM_FIELD_SEQUENCE_NAME, 4, &name, &err), AM_ERR_RANGE);
	const char *text;
	int64_t i;
	double x;
	assert_true(am_run_attr_str(r, "format", &text));
	assert_string_equal(text, AM_RUN_FORMAT);
	assert_true(am_run_attr_str(r, "attnmeter_version", &text));
	assert_string_equal(text, AM_VERSION);
	assert_true(am_run_attr_str(r, "finished", &text));
	assert_int_equal(strlen(text), strlen("2026-01-01T00:00:00Z"));
	assert_true(am_run_attr_int(r, "format_version", &i));
	assert_int_equal(i, AM_RUN_FORMAT_VERSION);
	assert_true(am_run_attr_double(r, "scale", &x));
	assert_true(x == 0.125);
	assert_false(am_run_attr_int(r, "format", &i));
	assert_false(am_run_attr_str(r, "no such thing", &text));
	int found = 0;
	for (int k = 0; k < am_run_attr_count(r); k++)
		found += strcmp(am_run_attr_name(r, k), "scale") == 0 &&
		         strcmp(am_run_attr_text(r, k), "0.125") == 0;
	assert_int_equal(found, 1);
	am_run_close(r);
}

static void refused_calls(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 30, 4);
	s.axes.n_map = 0;
	am_run_writer *w;
	assert_ok(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err));
	assert_int_equal(am_run_writer_attr_int(w, "complete", 1, &err), AM_ERR_USAGE);
	float map = 0;
	assert_int_equal(am_run_writer_put(w, AM_FIELD_PROFILE_MAP, 0, &map, &err), AM_ERR_USAGE);
	const int32_t lengths[] = {30, 30, 30, 30};
	const int64_t offsets[] = {0, 30, 60, 90};
	assert_ok(am_run_writer_put(w, AM_FIELD_SEQUENCE_LENGTH, 4, lengths, &err));
	assert_int_equal(am_run_writer_put(w, AM_FIELD_SEQUENCE_LENGTH, 4, lengths, &err), AM_ERR_USAGE);
	assert_int_equal(am_run_writer_put(w, AM_FIELD_TOKEN_OFFSET, 3, offsets, &err), AM_ERR_USAGE);
	assert_non_null(strstr(err.text, "/token_offset"));
	am_run_writer_abandon(w);
}

static void fields_left_out_are_missing(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 30, 1);
	am_run_writer *w;
	assert_ok(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err));
	am_run_block nothing = {.n_rows = 30};
	assert_ok(am_run_writer_append(w, &nothing, &err));
	assert_ok(am_run_writer_close(w, &err));
	am_run *r = open_run(OUT);
	int64_t start[] = {1, 1, 29, 0}, one[] = {1, 1, 1, 1};
	float x = 0;
	int32_t i = 0;
	assert_ok(am_run_read_f32(r, AM_FIELD_ENTROPY, start, one, &x, &err));
	assert_true(isnan(x));
	assert_ok(am_run_read_i32(r, AM_FIELD_K_AT_MASS, start, one, &i, &err));
	assert_int_equal(i, -1);
	am_run_close(r);
}

static void abandoned_run_keeps_its_rows(void **state)
{
	(void)state;
	sample s = sample_new(3, 2, 100, 6);
	s.contents.dist = true;
	am_run_writer *w;
	remove(OUT);
	assert_ok(am_run_writer_open(OUT, false, &s.axes, &s.contents, &w, &err));
	for (int64_t from = 0; from < 390; from += 130) {
		assert_ok(sample_append(&s, w, from, 130, &err));
		for (int l = 0; l < 3; l++)
			assert_ok(sample_append_dist(&s, w, l, from, 130, &err));
		assert_ok(am_run_writer_flush(w, &err));
	}
	am_run_writer_abandon(w);
	assert_false(am_file_exists(OUT));
	am_run *r = open_run(OUT ".part");
	assert_false(am_run_complete(r));
	compare_all(r, &s, 390);
	compare_dist(r, &s, 0x1p-24);
	am_run_close(r);
	remove(OUT ".part");
}

/* Distributions that lag behind hold the rows back. */
static void rows_end_where_distributions_end(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 100, 6);
	s.contents.dist = true;
	am_run_writer *w;
	assert_ok(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err));
	assert_ok(sample_append(&s, w, 0, 300, &err));
	assert_ok(sample_append_dist(&s, w, 0, 0, 300, &err));
	assert_ok(sample_append_dist(&s, w, 1, 0, 210, &err));
	am_run_writer_abandon(w);
	am_run *r = open_run(OUT ".part");
	compare_all(r, &s, 210);
	compare_dist(r, &s, 0x1p-24);
	am_run_close(r);
	remove(OUT ".part");
}

static void flush_is_visible_at_once(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 100, 6);
	s.contents.flush_seconds = -1;
	am_run_writer *w;
	assert_ok(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err));
	am_run *r = open_run(OUT ".part");
	assert_int_equal(am_run_axis_length(r, AM_AXIS_ROW), 0);
	check_clean(r);
	am_run_close(r);
	assert_ok(sample_append(&s, w, 0, 300, &err));
	assert_ok(am_run_writer_flush(w, &err));
	assert_int_equal(am_run_writer_flushed_rows(w), 256);
	r = open_run(OUT ".part");
	compare_all(r, &s, 256);
	am_run_close(r);
	am_run_writer_abandon(w);
	remove(OUT ".part");
}

static void output_that_exists(void **state)
{
	(void)state;
	sample s = sample_new(1, 1, 20, 1);
	am_run_writer *w = NULL;
	assert_ok(sample_write(&s, OUT, 20, &err));
	assert_int_equal(am_run_writer_open(OUT, false, &s.axes, &s.contents, &w, &err), AM_ERR_EXISTS);
	assert_string_equal(err.text, OUT ": exists (use --force to replace it)");
	assert_null(w);
	assert_false(am_file_exists(OUT ".part"));
	/* One that appears while the run goes on is not replaced either. */
	remove(OUT);
	assert_ok(am_run_writer_open(OUT, false, &s.axes, &s.contents, &w, &err));
	FILE *f = fopen(OUT, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(am_run_writer_close(w, &err), AM_ERR_EXISTS);
	struct stat st;
	assert_int_equal(stat(OUT, &st), 0);
	assert_int_equal(st.st_size, 0);
	remove(OUT);
	remove(OUT ".part");
}

static void places_that_cannot_be_written(void **state)
{
	(void)state;
	sample s = sample_new(1, 1, 20, 1);
	am_run_writer *w = NULL;
	assert_int_equal(am_run_writer_open(DIR "/no/such/run.h5", true, &s.axes, &s.contents, &w, &err), AM_ERR_IO);
	assert_string_equal(err.text, DIR "/no/such/run.h5.part: cannot create: No such file or directory; make the folder first");
	assert_int_equal(am_run_writer_open(DIR, true, &s.axes, &s.contents, &w, &err), AM_ERR_IO);
	assert_string_equal(err.text, DIR ": expected a file, found a directory");
	mkdir(DIR "/locked", 0500);
	if (geteuid() != 0) {
		assert_int_equal(am_run_writer_open(DIR "/locked/run.h5", true, &s.axes, &s.contents, &w, &err),
		                 AM_ERR_IO);
		assert_non_null(strstr(err.text, "Permission denied"));
	}
	rmdir(DIR "/locked");
	assert_null(w);
}

static void stale_part_is_replaced(void **state)
{
	(void)state;
	FILE *f = fopen(OUT ".part", "w");
	assert_non_null(f);
	fputs("rubbish", f);
	fclose(f);
	sample s = sample_new(1, 1, 20, 1);
	assert_ok(sample_write(&s, OUT, 20, &err));
	assert_false(am_file_exists(OUT ".part"));
}

/* In memory nothing is written, and the size is about that of the file. */
static void in_memory(void **state)
{
	(void)state;
	sample s = sample_new(4, 4, 250, 2);
	s.contents.dist = true;
	am_run_writer *w;
	assert_ok(am_run_writer_open(NULL, false, &s.axes, &s.contents, &w, &err));
	int64_t empty = am_run_writer_bytes(w);
	for (int64_t r = 0; r < 500; r += 100) {
		assert_ok(sample_append(&s, w, r, 100, &err));
		for (int l = 0; l < 4; l++)
			assert_ok(sample_append_dist(&s, w, l, r, 100, &err));
		assert_ok(am_run_writer_flush(w, &err));
	}
	assert_ok(sample_finish(&s, w, &err));
	int64_t bytes = am_run_writer_bytes(w);
	assert_ok(am_run_writer_close(w, &err));
	assert_ok(sample_write(&s, OUT, 100, &err));
	struct stat st;
	assert_int_equal(stat(OUT, &st), 0);
	assert_true(empty < bytes);
	assert_true(fabs((double)bytes / (double)st.st_size - 1) < 0.1);
}

/* The application's own HDF5 error handling is as it was. */
static herr_t own_handler(hid_t stack, void *ctx)
{
	(void)stack;
	++*(int *)ctx;
	return 0;
}

static void error_handler_is_kept(void **state)
{
	(void)state;
	int calls = 0;
	void *ctx = NULL;
	H5E_auto2_t f = NULL;
	H5Eset_auto2(H5E_DEFAULT, own_handler, &calls);
	sample s = sample_new(1, 1, 20, 1);
	assert_ok(sample_write(&s, OUT, 20, &err));
	am_run *r = NULL;
	assert_int_equal(am_run_open(AM_SOURCE_DIR "/CMakeLists.txt", &r, &err), AM_ERR_FORMAT);
	H5Eget_auto2(H5E_DEFAULT, &f, &ctx);
	assert_true(f == own_handler && ctx == &calls);
	assert_int_equal(calls, 0);
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static void large_attributes(void **state)
{
	(void)state;
	sample s = sample_new(1, 1, 20, 1);
	am_run_writer *w;
	assert_ok(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err));
	char *text = am_calloc(200001, 1);
	memset(text, 'x', 200000);
	assert_ok(am_run_writer_attr_str(w, "command_line", "first", &err));
	assert_ok(am_run_writer_attr_str(w, "command_line", text, &err));
	assert_ok(am_run_writer_close(w, &err));
	am_run *r = open_run(OUT);
	const char *got;
	assert_true(am_run_attr_str(r, "command_line", &got));
	assert_string_equal(got, text);
	am_free(text);
	am_run_close(r);
}

static int close_hdf5(void **state)
{
	(void)state;
	remove(OUT);
	return H5close() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(every_field_is_written),
		cmocka_unit_test(coordinates), cmocka_unit_test(distributions),
		cmocka_unit_test(strings_and_attributes), cmocka_unit_test(refused_calls),
		cmocka_unit_test(fields_left_out_are_missing), cmocka_unit_test(abandoned_run_keeps_its_rows),
		cmocka_unit_test(rows_end_where_distributions_end), cmocka_unit_test(flush_is_visible_at_once),
		cmocka_unit_test(output_that_exists), cmocka_unit_test(places_that_cannot_be_written),
		cmocka_unit_test(stale_part_is_replaced), cmocka_unit_test(in_memory),
		cmocka_unit_test(error_handler_is_kept), cmocka_unit_test(large_attributes),
	};
	return cmocka_run_group_tests(tests, NULL, close_hdf5);
}

/* A disk without room: one clear message, and every flushed row stays. A limit on
 * the size of files stands for the disk. */
#include "runfile/reader.h"
#include "runfile_data.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <hdf5.h>

#define OUT AM_BINARY_DIR "/tests/tmp/full.h5"
#define ROWS 3000

static am_error err;

static void limit_size(rlim_t bytes)
{
	struct rlimit r;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* Appends until the disk is full, then closes or abandons. Returns flushed rows. */
static int64_t fill_disk(const sample *s, am_run_writer *w, bool by_closing)
{
	am_status status = AM_OK;
	for (int64_t row = 0; row < ROWS && !status; row += 100) {
		status = sample_append(s, w, row, 100, &err);
		if (!status)
			status = am_run_writer_flush(w, &err);
	}
	int64_t flushed = am_run_writer_flushed_rows(w);
	assert_int_equal(status, AM_ERR_IO);
	assert_memory_equal(err.text, OUT ".part: cannot reserve ", strlen(OUT ".part: cannot reserve "));
	assert_non_null(strstr(err.text, "File too large"));
	/* Later calls repeat the failure. */
	assert_int_equal(am_run_writer_flush(w, NULL), AM_ERR_IO);
	assert_int_equal(sample_append(s, w, 0, 1, NULL), AM_ERR_IO);
	if (by_closing)
		assert_int_equal(am_run_writer_close(w, &err), AM_ERR_IO);
	else
		am_run_writer_abandon(w);
	return flushed;
}

static void check_rows(const sample *s, int64_t flushed)
{
	am_run *r = NULL;
	am_status status = am_run_open(OUT ".part", &r, &err);
	if (status)
		print_error("%s\n", err.text);
	assert_int_equal(status, AM_OK);
	int64_t rows = am_run_axis_length(r, AM_AXIS_ROW), shape[AM_MAX_AXES], start[AM_MAX_AXES] = {0};
	assert_true(rows >= flushed);
	assert_false(am_run_complete(r));
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		if (am_field_row_axis((am_field)f) < 0 || am_fields[f].type != AM_TYPE_F32)
			continue;
		size_t n = 1;
		for (int a = am_run_shape(r, (am_field)f, shape) - 1; a >= 0; a--)
			n *= (size_t)shape[a];
		float *got = am_alloc(n, 4), *want = sample_rows(s, (am_field)f, 0, rows);
		assert_int_equal(am_run_read_f32(r, (am_field)f, start, shape, got, &err), AM_OK);
		assert_memory_equal(got, want, n * 4);
		am_free(got);
		am_free(want);
	}
	am_run_close(r);
}

/* Limits from what hardly holds the empty run to most of the whole file. */
static void disk_full(void **state)
{
	(void)state;
	sample s = sample_new(4, 3, 500, ROWS / 500);
	s.contents.flush_seconds = -1;
	assert_int_equal(sample_write(&s, OUT, 100, &err), AM_OK);
	struct stat whole, empty;
	assert_int_equal(stat(OUT, &whole), 0);
	remove(OUT);
	int64_t most = 0;
	for (int i = 0; i < 12; i++) {
		am_run_writer *w;
		s.contents.threads = i % 3;
		assert_int_equal(am_run_writer_open(OUT, false, &s.axes, &s.contents, &w, &err), AM_OK);
		assert_int_equal(stat(OUT ".part", &empty), 0);
		limit_size((rlim_t)(empty.st_size + (whole.st_size - empty.st_size) * i / 13));
		int64_t flushed = fill_disk(&s, w, i % 2);
		limit_size(RLIM_INFINITY);
		check_rows(&s, flushed);
		most = flushed > most ? flushed : most;
		remove(OUT ".part");
	}
	assert_true(most > ROWS / 2);
}

static void no_room_at_all(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 100, 1);
	am_run_writer *w = NULL;
	limit_size(2000);
	am_status status = am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err);
	limit_size(RLIM_INFINITY);
	assert_int_equal(status, AM_ERR_IO);
	assert_null(w);
	struct stat st;
	assert_int_not_equal(stat(OUT ".part", &st), 0);
	assert_int_not_equal(stat(OUT ".part.new", &st), 0);
	assert_int_not_equal(stat(OUT, &st), 0);
}

/* Full only when the run ends: the output does not appear, its rows stay. */
static void no_room_for_the_end(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 100, 5);
	s.contents.flush_seconds = -1;
	am_run_writer *w;
	assert_int_equal(am_run_writer_open(OUT, false, &s.axes, &s.contents, &w, &err), AM_OK);
	assert_int_equal(sample_append(&s, w, 0, 500, &err), AM_OK);
	assert_int_equal(am_run_writer_flush(w, &err), AM_OK);
	struct stat st;
	assert_int_equal(stat(OUT ".part", &st), 0);
	limit_size((rlim_t)st.st_size);
	am_status status = am_run_writer_close(w, &err);
	limit_size(RLIM_INFINITY);
	assert_int_equal(status, AM_ERR_IO);
	assert_int_not_equal(stat(OUT, &st), 0);
	check_rows(&s, 256);
	remove(OUT ".part");
}

static int close_hdf5(void **state)
{
	(void)state;
	return H5close() < 0;
}

int main(void)
{
	signal(SIGXFSZ, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_full), cmocka_unit_test(no_room_at_all),
		cmocka_unit_test(no_room_for_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, close_hdf5);
}

/* A writer killed at any moment leaves a file that opens, with every row that was
 * flushed and every value of it. An argument sets the number of kills. */
#include "runfile/reader.h"
#include "runfile_data.h"

#include "base/clock.h"
#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OUT AM_BINARY_DIR "/tests/tmp/kill.h5"
#define ROWS 6000
#define LONGEST_LIFE 0.15 /* seconds */

static int n_kills = 50;
static sample run;
static void *expected[AM_FIELD_COUNT]; /* all rows of each field */

/* Rows [from, from + n) of what was computed once, so that most of a child's time
 * is spent in the writer. */
static void slice(am_field f, int64_t from, int64_t n, void *out)
{
	int64_t layers, heads, trail;
	sample_shape(&run, f, &layers, &heads, &trail);
	for (int64_t o = 0; o < layers * heads; o++)
		memcpy((char *)out + o * n * trail * 4,
		       (const char *)expected[f] + (o * ROWS + from) * trail * 4, (size_t)(n * trail * 4));
}

static am_status append(am_run_writer *w, int64_t from, int64_t n, void *const *buffer)
{
	am_run_block b = {.n_rows = n};
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		if (!expected[f])
			continue;
		slice((am_field)f, from, n, buffer[f]);
		b.field[f] = buffer[f];
	}
	return am_run_writer_append(w, &b, NULL);
}

/* Writes blocks of any size until killed, telling after each flush what is safe. */
static void child(int fd, uint64_t seed)
{
	am_rng rng = {seed};
	am_run_writer *w;
	void *buffer[AM_FIELD_COUNT];
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		buffer[f] = am_alloc(256 * 12 * 8, 4);
	if (am_run_writer_open(OUT, true, &run.axes, &run.contents, &w, NULL))
		_exit(2);
	int64_t flushed = 0;
	(void)!write(fd, &flushed, sizeof flushed);
	for (int64_t row = 0; row < ROWS;) {
		int64_t n = 1 + (int64_t)am_rng_below(&rng, 256);
		n = n > ROWS - row ? ROWS - row : n;
		if (append(w, row, n, buffer) || am_run_writer_flush(w, NULL))
			_exit(3);
		row += n;
		flushed = am_run_writer_flushed_rows(w);
		(void)!write(fd, &flushed, sizeof flushed);
	}
	pause();
}

/* Runs a child for `life` seconds; returns the rows it last called safe, -1 when
 * it had not even opened the file. */
static int64_t run_and_kill(double life, uint64_t seed)
{
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		child(fd[1], seed);
		_exit(4);
	}
	close(fd[1]);
	struct timespec t = {0, (long)(life * 1e9)};
	nanosleep(&t, NULL);
	kill(pid, SIGKILL);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	int64_t flushed = -1, value;
	while (read(fd[0], &value, sizeof value) == sizeof value)
		flushed = value;
	close(fd[0]);
	return flushed;
}

/* Values of a field that differ from what was written. */
static int64_t count_wrong(am_run *r, am_field f)
{
	int64_t shape[AM_MAX_AXES], start[AM_MAX_AXES] = {0}, wrong = 0;
	size_t n = 1;
	int rank = am_run_shape(r, f, shape);
	for (int a = 0; a < rank; a++)
		n *= (size_t)shape[a];
	int32_t *got = am_alloc(n, 4), *want = am_alloc(n, 4);
	am_error err;
	am_status s = am_fields[f].type == AM_TYPE_I32
	                      ? am_run_read_i32(r, f, start, shape, got, &err)
	                      : am_run_read_f32(r, f, start, shape, (float *)(void *)got, &err);
	if (s)
		print_error("%s\n", err.text);
	slice(f, 0, am_run_axis_length(r, AM_AXIS_ROW), want);
	for (size_t i = 0; i < n && !s; i++)
		wrong += got[i] != want[i];
	am_free(got);
	am_free(want);
	return s ? -1 : wrong;
}

static void test_kill(void **state)
{
	(void)state;
	am_rng rng = {20261};
	int opened = 0, without_file = 0;
	int64_t most = 0;
	for (int i = 0; i < n_kills; i++) {
		remove(OUT ".part");
		remove(OUT ".part.new");
		run.contents.threads = i % 4;
		int64_t flushed = run_and_kill(am_rng_uniform(&rng) * LONGEST_LIFE, am_rng_next(&rng));
		am_run *r;
		am_error err = {0};
		if (am_run_open(OUT ".part", &r, &err) != AM_OK) {
			if (flushed >= 0)
				print_error("kill %d: %s\n", i, err.text);
			/* Killed before the writer was open: there is no file, not half of one. */
			assert_int_equal(flushed, -1);
			assert_int_equal(access(OUT ".part", F_OK), -1);
			without_file++;
			continue;
		}
		int64_t rows = am_run_axis_length(r, AM_AXIS_ROW);
		assert_false(am_run_complete(r));
		assert_true(rows >= flushed);
		for (int f = 0; f < AM_FIELD_COUNT; f++)
			if (expected[f])
				assert_int_equal(count_wrong(r, (am_field)f), 0);
		am_run_close(r);
		opened++;
		most = rows > most ? rows : most;
	}
	print_message("%d kills: %d files opened, %d not yet there, up to %lld rows\n", n_kills, opened,
	              without_file, (long long)most);
	assert_true(opened > n_kills / 2);
	assert_true(most > 0);
	remove(OUT ".part");
	remove(OUT ".part.new");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		n_kills = atoi(argv[1]);
	run = sample_new(4, 3, 500, ROWS / 500);
	run.contents.flush_seconds = -1;
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (am_field_row_axis((am_field)f) >= 0)
			expected[f] = sample_rows(&run, (am_field)f, 0, ROWS);
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		am_free(expected[f]);
	return failed;
}

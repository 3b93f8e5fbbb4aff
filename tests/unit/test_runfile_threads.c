/* Chunks compressed in the background: the same bytes for any number of threads,
 * failures that come late, and a queue that is full. */
#include "runfile/reader.h"
#include "runfile_data.h"

#include "base/rng.h"
#include "runfile/packer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <hdf5.h>

#define OUT AM_BINARY_DIR "/tests/tmp/threads.h5"

static am_error err;

#define assert_ok(call)                                   \
	do {                                              \
		am_status got_ = (call);                  \
		if (got_ != AM_OK)                        \
			print_error("%s\n", err.text);    \
		assert_int_equal(got_, AM_OK);            \
	} while (0)

static void limit_size(rlim_t bytes)
{
	struct rlimit r;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* Whatever the number of threads and the level; with an index after every block,
 * and with none but the last. */
static void same_bytes(void **state)
{
	(void)state;
	static const int counts[] = {2, 5, 16}, levels[] = {0, 4};
	for (int flushed = 0; flushed < 2; flushed++)
		for (int level = 0; level < 2; level++) {
			sample s = sample_new(7, 3, 300, 3);
			s.contents.dist = true;
			s.contents.deflate = levels[level];
			s.contents.flush_seconds = flushed ? -1 : 1e9;
			size_t size, other;
			assert_ok(sample_write(&s, OUT, 70, &err));
			char *one = read_timeless(OUT, &size);
			assert_non_null(one);
			for (int i = 0; i < 3; i++) {
				s.contents.threads = counts[i];
				assert_ok(sample_write(&s, OUT, 70, &err));
				char *many = read_timeless(OUT, &other);
				assert_non_null(many);
				assert_int_equal(size, other);
				assert_memory_equal(one, many, size);
				am_free(many);
			}
			am_free(one);
		}
	remove(OUT);
}

/* What does not get smaller is left as it is. */
static void noise_is_not_deflated(void **state)
{
	(void)state;
	enum { N = 5000 };
	am_rng rng = {7};
	uint64_t noise[N], kept[N];
	for (int i = 0; i < N; i++)
		kept[i] = noise[i] = am_rng_next(&rng);
	am_filter f;
	size_t size;
	uint32_t mask;
	assert_ok(am_filter_init(&f, 9, &err));
	for (size_t element = 1; element <= 8; element *= 2) {
		assert_ok(am_filter_chunk(&f, noise, sizeof noise / element, element, false, (size_t[]){1, 1}, &size, &mask, &err));
		assert_int_equal(size, sizeof noise);
		assert_int_equal(mask, AM_FILTER_SKIP);
		assert_memory_equal(noise, kept, sizeof noise);
	}
	memset(noise, 0, sizeof noise);
	assert_ok(am_filter_chunk(&f, noise, N, 8, false, (size_t[]){1, 1}, &size, &mask, &err));
	assert_true(size < sizeof noise / 100);
	assert_int_equal(mask, 0);
	am_filter_fini(&f);
}

static am_run_writer *open_writer(const sample *s)
{
	am_run_writer *w = NULL;
	assert_ok(am_run_writer_open(OUT, true, &s->axes, &s->contents, &w, &err));
	return w;
}

/* Rows of the part, which is not complete; the entropy of the first is compared. */
static int64_t rows_kept(const sample *s)
{
	am_run *r = NULL;
	assert_ok(am_run_open(OUT ".part", &r, &err));
	assert_false(am_run_complete(r));
	int64_t start[AM_MAX_AXES] = {0}, shape[AM_MAX_AXES], rows = am_run_axis_length(r, AM_AXIS_ROW);
	assert_int_equal(am_run_shape(r, AM_FIELD_ENTROPY, shape), 3);
	shape[2] = rows < 256 ? rows : 256;
	size_t n = (size_t)(shape[0] * shape[1] * shape[2]);
	float *got = am_alloc(n, 4), *want = sample_rows(s, AM_FIELD_ENTROPY, 0, shape[2]);
	assert_ok(am_run_read_f32(r, AM_FIELD_ENTROPY, start, shape, got, &err));
	assert_memory_equal(got, want, n * 4);
	am_free(got);
	am_free(want);
	am_run_close(r);
	return rows;
}

/* A writer of which the last chunks of the second group will not find room. */
static am_run_writer *run_into_full_disk(const sample *s, am_status *status)
{
	am_run_writer *w = open_writer(s);
	assert_ok(sample_append(s, w, 0, 256, &err));
	assert_ok(am_run_writer_flush(w, &err));
	struct stat st;
	assert_int_equal(stat(OUT ".part", &st), 0);
	limit_size((rlim_t)(st.st_size + am_run_writer_bytes(w) / 3));
	*status = sample_append(s, w, 256, 256, &err);
	return w;
}

static void check_what_stayed(const sample *s)
{
	limit_size(RLIM_INFINITY);
	struct stat none;
	assert_int_not_equal(stat(OUT, &none), 0);
	assert_int_equal(rows_kept(s), 256);
	remove(OUT ".part");
}

/* The call after the append tells of the full disk, in full and once. */
static void disk_full_behind_the_caller(void **state)
{
	(void)state;
	sample s = sample_new(6, 3, 512, 3);
	s.contents.flush_seconds = -1;
	s.contents.threads = 2;
	for (int call = 0; call < 4; call++) {
		am_status status;
		am_run_writer *w = run_into_full_disk(&s, &status);
		bool closed = !status && call == 0;
		if (!status) /* on a busy machine the append may hear of it already */
			status = call == 0   ? am_run_writer_close(w, &err)
			         : call == 1 ? am_run_writer_flush(w, &err)
			         : call == 2 ? am_run_writer_wait(w, &err)
			                     : sample_finish(&s, w, &err);
		assert_int_equal(status, AM_ERR_IO);
		assert_memory_equal(err.text, OUT ".part: cannot reserve ", strlen(OUT ".part: cannot reserve "));
		if (!closed) {
			assert_int_equal(sample_append(&s, w, 0, 1, &err), AM_ERR_IO);
			assert_string_equal(err.text, OUT ".part: an earlier write failed");
			assert_int_equal(am_run_writer_close(w, &err), AM_ERR_IO);
			assert_string_equal(err.text, OUT ".part: an earlier write failed; " OUT ".part keeps 256 rows");
		}
		check_what_stayed(&s);
	}
}

static void abandoned_when_the_disk_is_full(void **state)
{
	(void)state;
	sample s = sample_new(6, 3, 512, 3);
	s.contents.flush_seconds = -1;
	s.contents.threads = 2;
	am_status status;
	assert_int_equal(am_run_writer_abandon(run_into_full_disk(&s, &status)), 256);
	check_what_stayed(&s);
}

/* Appends one block again and again, more than the queue holds. */
enum { LONG_ROWS = 256, BLOCKS = 40 };

static int append_blocks(const sample *s, am_run_writer *w)
{
	am_run_block b = {.n_rows = LONG_ROWS};
	b.field[AM_FIELD_ENTROPY] = sample_rows(s, AM_FIELD_ENTROPY, 0, LONG_ROWS);
	b.field[AM_FIELD_TOPK_PROB] = sample_rows(s, AM_FIELD_TOPK_PROB, 0, LONG_ROWS);
	int done = 0;
	while (done < BLOCKS && am_run_writer_append(w, &b, &err) == AM_OK)
		done++;
	am_free((void *)b.field[AM_FIELD_ENTROPY]);
	am_free((void *)b.field[AM_FIELD_TOPK_PROB]);
	return done;
}

/* The caller outruns the compression; nothing is lost when it gives up then. */
static void abandoned_with_a_full_queue(void **state)
{
	(void)state;
	sample s = sample_new(16, 8, LONG_ROWS, BLOCKS);
	s.contents.threads = 2;
	s.contents.deflate = 9;
	am_run_writer *w = open_writer(&s);
	assert_int_equal(append_blocks(&s, w), BLOCKS);
	am_run_writer_abandon(w);
	assert_int_equal(rows_kept(&s), LONG_ROWS * BLOCKS);
	remove(OUT ".part");
}

/* A caller that is held up by a full queue hears of the failure instead. */
static void failure_with_a_full_queue(void **state)
{
	(void)state;
	sample s = sample_new(16, 8, LONG_ROWS, BLOCKS);
	s.contents.threads = 3;
	am_run_writer *w = open_writer(&s);
	struct stat st;
	assert_int_equal(stat(OUT ".part", &st), 0);
	limit_size((rlim_t)st.st_size + 500000);
	assert_in_range(append_blocks(&s, w), 1, BLOCKS - 1);
	assert_memory_equal(err.text, OUT ".part: cannot reserve ", strlen(OUT ".part: cannot reserve "));
	assert_int_equal(am_run_writer_close(w, &err), AM_ERR_IO);
	limit_size(RLIM_INFINITY);
	assert_true(rows_kept(&s) < LONG_ROWS * BLOCKS / 2);
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
		cmocka_unit_test(same_bytes), cmocka_unit_test(noise_is_not_deflated),
		cmocka_unit_test(disk_full_behind_the_caller), cmocka_unit_test(abandoned_when_the_disk_is_full),
		cmocka_unit_test(abandoned_with_a_full_queue),
		cmocka_unit_test(failure_with_a_full_queue),
	};
	return cmocka_run_group_tests(tests, NULL, close_hdf5);
}

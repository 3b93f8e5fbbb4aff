/* Streaming reads what HDF5 reads, whatever the box, the threads and the way a field is
 * stored; damage is refused by name. */
#include "base/rng.h"
#include "runfile/reader.h"
#include "runfile_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <hdf5.h>

#define PATH AM_BINARY_DIR "/tests/tmp/test_stream.h5"

enum { LAYERS = 5, HEADS = 3, LENGTH = 300, SEQUENCES = 3, ROWS = LENGTH * SEQUENCES, MOST_THREADS = 3 };
static am_threads *pool[MOST_THREADS + 1]; /* by number of threads; 0: none */

static int setup(void **state)
{
	(void)state;
	for (int n = 1; n <= MOST_THREADS; n++)
		if (am_threads_new(n, &pool[n], NULL))
			return 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int n = 1; n <= MOST_THREADS; n++)
		am_threads_free(pool[n]);
	return 0;
}

static void write_run(int deflate)
{
	sample s = sample_new(LAYERS, HEADS, LENGTH, SEQUENCES);
	s.contents.deflate = deflate;
	assert_int_equal(sample_write(&s, PATH, 250, NULL), AM_OK);
}

/* One box by both ways, as floats and as integers. */
static void check_box(am_run *r, am_field f, const int64_t *start, const int64_t *count)
{
	size_t n = 1;
	for (int a = 0; a < am_run_field(r, f)->n_axes; a++)
		n *= (size_t)count[a];
	float *want = am_calloc(n, 4), *got = am_calloc(n, 4);
	assert_int_equal(am_run_read_f32(r, f, start, count, want, NULL), AM_OK);
	assert_int_equal(am_run_stream_f32(r, f, start, count, got, NULL), AM_OK);
	assert_memory_equal(got, want, n * 4);
	if (am_run_field(r, f)->type == AM_TYPE_I32) {
		assert_int_equal(am_run_read_i32(r, f, start, count, (int32_t *)(void *)want, NULL), AM_OK);
		assert_int_equal(am_run_stream_i32(r, f, start, count, (int32_t *)(void *)got, NULL), AM_OK);
		assert_memory_equal(got, want, n * 4);
	}
	am_free(want);
	am_free(got);
}

/* Boxes of a field: all of it, nothing, a chunk, and any. */
static void check_field(am_run *r, am_field f, int n_boxes)
{
	am_rng rng = {3};
	int64_t shape[AM_MAX_AXES], zero[AM_MAX_AXES] = {0}, chunk[AM_MAX_AXES], none[AM_MAX_AXES];
	int rank = am_run_shape(r, f, shape);
	if (!rank || am_spec_row_axis(am_run_field(r, f)) < 0)
		return;
	for (int a = 0; a < rank; a++) {
		chunk[a] = am_run_chunk_length(r, f, a);
		assert_true(chunk[a] >= 1);
		chunk[a] = chunk[a] > shape[a] ? shape[a] : chunk[a];
		none[a] = a ? shape[a] : 0;
	}
	check_box(r, f, zero, shape);
	check_box(r, f, zero, chunk);
	check_box(r, f, zero, none);
	for (int i = 0; i < n_boxes; i++) {
		int64_t start[AM_MAX_AXES], count[AM_MAX_AXES];
		for (int a = 0; a < rank; a++) {
			start[a] = (int64_t)am_rng_below(&rng, (uint32_t)shape[a]);
			count[a] = 1 + (int64_t)am_rng_below(&rng, (uint32_t)(shape[a] - start[a]));
		}
		check_box(r, f, start, count);
	}
}

static void check_run(int n_boxes)
{
	am_run *r;
	assert_int_equal(am_run_open(PATH, &r, NULL), AM_OK);
	for (int n = 0; n <= MOST_THREADS; n++) {
		am_run_use_threads(r, pool[n]);
		assert_ptr_equal(am_run_threads(r), pool[n]);
		for (int f = 0; f < AM_FIELD_COUNT; f++)
			check_field(r, (am_field)f, n_boxes);
	}
	am_run_close(r);
}

static void test_own_files(void **state)
{
	(void)state;
	write_run(4);
	check_run(20);
	write_run(0);
	check_run(5);
}

/* ---- files of others ----------------------------------------------------------- */

typedef struct storage {
	hid_t type;
	bool chunked, shuffle, deflate, checksum, swapped; /* swapped: deflate, then shuffle */
	hsize_t chunk[3];
} storage;

/* Rewrites /stat/entropy with its values, or with none. */
static void store_entropy(const storage *how, bool values)
{
	static float x[LAYERS * HEADS * ROWS];
	const hsize_t dims[] = {LAYERS, HEADS, ROWS};
	hid_t file = H5Fopen(PATH, H5F_ACC_RDWR, H5P_DEFAULT), old = H5Dopen2(file, "/stat/entropy", H5P_DEFAULT);
	assert_true(H5Dread(old, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
	H5Dclose(old);
	H5Ldelete(file, "/stat/entropy", H5P_DEFAULT);
	hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(3, dims, NULL);
	if (how->chunked)
		H5Pset_chunk(dcpl, 3, how->chunk);
	if (how->deflate && how->swapped)
		H5Pset_deflate(dcpl, 1);
	if (how->shuffle)
		H5Pset_shuffle(dcpl);
	if (how->deflate && !how->swapped)
		H5Pset_deflate(dcpl, 1);
	if (how->checksum)
		H5Pset_fletcher32(dcpl);
	hid_t d = H5Dcreate2(file, "/stat/entropy", how->type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
	assert_true(d >= 0);
	if (values)
		assert_true(H5Dwrite(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
	H5Dclose(d);
	H5Sclose(space);
	H5Pclose(dcpl);
	H5Fclose(file);
}

static void test_other_storage(void **state)
{
	(void)state;
	const storage ways[] = {
		{.type = H5T_NATIVE_FLOAT},
		{.type = H5T_NATIVE_FLOAT, .chunked = true, .chunk = {2, 2, 100}},
		{.type = H5T_NATIVE_FLOAT, .chunked = true, .deflate = true, .chunk = {5, 1, 900}},
		{.type = H5T_NATIVE_FLOAT, .chunked = true, .shuffle = true, .chunk = {1, 3, 70}},
		{.type = H5T_NATIVE_FLOAT, .chunked = true, .shuffle = true, .deflate = true, .chunk = {3, 2, 64}},
		{.type = H5T_NATIVE_FLOAT, .chunked = true, .shuffle = true, .deflate = true, .swapped = true, .chunk = {3, 2, 64}},
		{.type = H5T_NATIVE_FLOAT, .chunked = true, .shuffle = true, .deflate = true, .checksum = true, .chunk = {2, 3, 64}},
		{.type = H5T_IEEE_F32BE, .chunked = true, .shuffle = true, .deflate = true, .chunk = {2, 3, 64}},
		{.type = H5T_NATIVE_DOUBLE, .chunked = true, .deflate = true, .chunk = {2, 3, 64}},
	};
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		am_run *r;
		write_run(4);
		store_entropy(&ways[i], true);
		assert_int_equal(am_run_open(PATH, &r, NULL), AM_OK);
		am_run_use_threads(r, pool[2]);
		check_field(r, AM_FIELD_ENTROPY, 20);
		am_run_close(r);
	}
}

static void test_unwritten(void **state)
{
	(void)state;
	const storage how = {.type = H5T_NATIVE_FLOAT, .chunked = true, .shuffle = true, .deflate = true, .chunk = {2, 3, 64}};
	am_run *r;
	write_run(4);
	store_entropy(&how, false);
	assert_int_equal(am_run_open(PATH, &r, NULL), AM_OK);
	check_field(r, AM_FIELD_ENTROPY, 5);
	am_run_close(r);
}

/* ---- damage ---------------------------------------------------------------------- */

/* The second chunk becomes n bytes of noise under a filter mask. */
static void damage(size_t n, uint32_t mask)
{
	unsigned char noise[4096];
	am_rng rng = {5};
	const hsize_t at[] = {0, 0, 64};
	const storage how = {.type = H5T_NATIVE_FLOAT, .chunked = true, .shuffle = true, .deflate = true, .chunk = {5, 3, 64}};
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (unsigned char)am_rng_below(&rng, 256);
	write_run(4);
	store_entropy(&how, true);
	hid_t file = H5Fopen(PATH, H5F_ACC_RDWR, H5P_DEFAULT), d = H5Dopen2(file, "/stat/entropy", H5P_DEFAULT);
	assert_true(H5Dwrite_chunk(d, H5P_DEFAULT, mask, at, n, noise) >= 0);
	H5Dclose(d);
	H5Fclose(file);
}

static void test_damage(void **state)
{
	(void)state;
	const int64_t start[] = {0, 0, 0}, count[] = {LAYERS, HEADS, ROWS}, before[] = {LAYERS, HEADS, 64};
	static float x[LAYERS * HEADS * ROWS];
	const struct {
		size_t n;
		uint32_t mask;
	} how[] = {{100, 0}, {4096, 0}, {100, 3}, {1, 2}};
	for (size_t i = 0; i < sizeof how / sizeof *how; i++)
		for (int n = 0; n <= MOST_THREADS; n++) {
			am_run *r;
			am_error err = {0};
			damage(how[i].n, how[i].mask);
			assert_int_equal(am_run_open(PATH, &r, NULL), AM_OK);
			am_run_use_threads(r, pool[n]);
			assert_int_equal(am_run_stream_f32(r, AM_FIELD_ENTROPY, start, count, x, &err), AM_ERR_FORMAT);
			assert_non_null(strstr(err.text, "/stat/entropy: a chunk is damaged"));
			assert_int_equal(am_run_stream_f32(r, AM_FIELD_ENTROPY, start, before, x, &err), AM_OK);
			am_run_close(r);
		}
}

static void test_refusals(void **state)
{
	(void)state;
	const int64_t start[] = {0, 0, ROWS - 1}, count[] = {1, 1, 2};
	float x[2];
	am_run *r;
	am_error err;
	write_run(4);
	assert_int_equal(am_run_open(PATH, &r, NULL), AM_OK);
	assert_int_equal(am_run_stream_f32(r, AM_FIELD_ENTROPY, start, count, x, &err), AM_ERR_RANGE);
	assert_int_equal(am_run_stream_f32(r, (am_field)am_run_field_end(r), start, count, x, &err), AM_ERR_FORMAT);
	assert_int_equal(am_run_chunk_length(r, (am_field)am_run_field_end(r), 0), 1);
	am_run_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_files), cmocka_unit_test(test_other_storage), cmocka_unit_test(test_unwritten),
		cmocka_unit_test(test_damage),    cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

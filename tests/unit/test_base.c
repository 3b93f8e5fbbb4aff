/* lib/base: errors, memory, text, files, bytes, 16-bit floats, random numbers. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/half.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TMP AM_BINARY_DIR "/tests/tmp/"

static void error_detail(void **state)
{
	(void)state;
	am_error err;
	assert_int_equal(am_fail(&err, AM_ERR_FORMAT, "key %s: expected %d", "heads", 4), AM_ERR_FORMAT);
	assert_int_equal(am_fail_in(&err, AM_ERR_RANGE, "%s", "config.json"), AM_ERR_RANGE);
	assert_string_equal(err.text, "config.json: key heads: expected 4");
	assert_int_equal(err.status, AM_ERR_RANGE);
	assert_int_equal(am_fail(NULL, AM_ERR_IO, "unseen"), AM_ERR_IO);
}

static void error_detail_is_cut(void **state)
{
	(void)state;
	am_error err;
	char wide[2 * sizeof err.text];
	memset(wide, 'x', sizeof wide);
	wide[sizeof wide - 1] = 0;
	(void)am_fail(&err, AM_ERR_IO, "%s", wide);
	(void)am_fail_in(&err, AM_ERR_IO, "%s", "file");
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	assert_memory_equal(err.text, "file: xxx", 9);
}

static void exit_codes(void **state)
{
	(void)state;
	assert_int_equal(am_status_exit_code(AM_OK), 0);
	assert_int_equal(am_status_exit_code(AM_ERR_EXISTS), 1);
	assert_int_equal(am_status_exit_code(AM_ERR_USAGE), 2);
	assert_int_equal(am_status_exit_code(AM_ERR_CHECK), 3);
	for (int s = 0; s < AM_STATUS_COUNT; s++)
		assert_string_not_equal(am_status_name((am_status)s), "unknown");
	assert_string_equal(am_status_name(AM_STATUS_COUNT), "unknown");
}

static void memory_sizes_do_not_wrap(void **state)
{
	(void)state;
	size_t n = 7;
	assert_false(am_mul_size(SIZE_MAX / 2, 3, &n));
	assert_false(am_add_size(SIZE_MAX, 1, &n));
	assert_int_equal(n, 7);
	assert_null(am_alloc(SIZE_MAX / 4, 8));
	assert_null(am_calloc(SIZE_MAX, 1));
	am_free(NULL);
}

static void memory_is_aligned_and_zeroed(void **state)
{
	(void)state;
	unsigned char *p = am_calloc(100, 1);
	assert_non_null(p);
	assert_int_equal((uintptr_t)p % AM_ALIGN, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	p[99] = 42;
	p = am_grow(p, 100, 10000, 1);
	assert_non_null(p);
	assert_int_equal(p[99], 42);
	am_free(p);
	p = am_alloc(0, 8);
	assert_non_null(p);
	am_free(p);
}

static void text_grows(void **state)
{
	(void)state;
	am_text t = {0};
	assert_string_equal(am_text_str(&t), "");
	for (int i = 0; i < 1000; i++)
		am_text_printf(&t, "%03d", i);
	am_text_append(&t, "a\0b", 3);
	am_text_puts(&t, "end");
	assert_true(am_text_ok(&t));
	assert_int_equal(t.size, 3006);
	assert_memory_equal(t.data + 2997, "999a\0bend", 10);
	am_text_clear(&t);
	assert_string_equal(am_text_str(&t), "");
	am_text_free(&t);
	assert_null(t.data);
}

static void write_file(const char *path, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fputc((int)(i % 251), f);
	assert_int_equal(fclose(f), 0);
}

static void files_are_read_and_mapped(void **state)
{
	(void)state;
	const char *path = TMP "base_file";
	const size_t sizes[] = {0, 1, 65536, 200000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		write_file(path, sizes[i]);
		am_file_map map;
		char *data = NULL;
		size_t size = 1;
		assert_int_equal(am_file_read(path, 200000, &data, &size, NULL), AM_OK);
		assert_int_equal(am_file_map_open(path, &map, NULL), AM_OK);
		assert_int_equal(size, sizes[i]);
		assert_int_equal(map.size, sizes[i]);
		assert_int_equal(data[size], 0);
		if (size)
			assert_memory_equal(data, map.data, size);
		am_file_map_close(&map);
		am_free(data);
	}
	assert_int_equal(remove(path), 0);
}

static void file_errors_name_the_file(void **state)
{
	(void)state;
	am_error err;
	am_file_map map;
	char *data = NULL;
	size_t size;
	assert_int_equal(am_file_map_open("/no/such", &map, &err), AM_ERR_IO);
	assert_string_equal(err.text, "/no/such: cannot open: No such file or directory");
	assert_int_equal(am_file_read(AM_SOURCE_DIR, 10, &data, &size, &err), AM_ERR_IO);
	assert_string_equal(err.text, AM_SOURCE_DIR ": expected a file, found a directory");
	write_file(TMP "base_large", 11);
	assert_int_equal(am_file_read(TMP "base_large", 10, &data, &size, &err), AM_ERR_RANGE);
	assert_string_equal(err.text, TMP "base_large: larger than the limit of 10 bytes");
	assert_null(data);
	assert_int_equal(remove(TMP "base_large"), 0);
}

static void file_names(void **state)
{
	(void)state;
	char *plain = am_path_join("a", "b"), *slash = am_path_join("a/", "b"), *empty = am_path_join("", "b");
	assert_string_equal(plain, "a/b");
	assert_string_equal(slash, "a/b");
	assert_string_equal(empty, "b");
	am_free(plain);
	am_free(slash);
	am_free(empty);
	assert_true(am_file_exists(AM_SOURCE_DIR) && am_file_is_directory(AM_SOURCE_DIR));
	assert_false(am_file_is_directory(AM_SOURCE_DIR "/LICENSE"));
	assert_false(am_file_exists(AM_SOURCE_DIR "/none"));
}

static void bytes_stop_at_the_end(void **state)
{
	(void)state;
	const unsigned char raw[] = {1, 2, 0, 0, 0, 0, 0, 0x80, 9};
	am_bytes b = {raw, raw + sizeof raw};
	uint64_t v = 0;
	assert_true(am_bytes_u64(&b, &v));
	assert_true(v == 0x8000000000000201u);
	assert_false(am_bytes_u64(&b, &v));
	assert_null(am_bytes_take(&b, SIZE_MAX));
	assert_int_equal(am_bytes_left(&b), 1);
	assert_ptr_equal(am_bytes_take(&b, 1), raw + 8);
}

/* The value of a binary16 by its definition. */
static double half_value(unsigned h)
{
	int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
	double sign = h & 0x8000 ? -1 : 1;
	if (exponent == 31)
		return fraction ? NAN : sign * INFINITY;
	return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static void half_conversion_is_exact(void **state)
{
	(void)state;
	for (unsigned h = 0; h < 65536; h++) {
		double want = half_value(h), got = am_f16_to_f32((uint16_t)h);
		assert_true(isnan(want) ? isnan(got) : got == want && !signbit(got) == !signbit(want));
		float b = am_bf16_to_f32((uint16_t)h);
		uint32_t bits;
		memcpy(&bits, &b, sizeof bits);
		assert_true(bits == (uint32_t)h << 16);
	}
}

static void random_numbers_are_the_published_ones(void **state)
{
	(void)state;
	am_rng r = {1234567};
	assert_true(am_rng_next(&r) == 6457827717110365317u);
	assert_true(am_rng_next(&r) == 3203168211198807973u);
	for (int i = 0; i < 1000; i++) {
		assert_true(am_rng_below(&r, 7) < 7);
		double u = am_rng_uniform(&r);
		assert_true(u >= 0 && u < 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_detail),
		cmocka_unit_test(error_detail_is_cut),
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(memory_sizes_do_not_wrap),
		cmocka_unit_test(memory_is_aligned_and_zeroed),
		cmocka_unit_test(text_grows),
		cmocka_unit_test(files_are_read_and_mapped),
		cmocka_unit_test(file_errors_name_the_file),
		cmocka_unit_test(file_names),
		cmocka_unit_test(bytes_stop_at_the_end),
		cmocka_unit_test(half_conversion_is_exact),
		cmocka_unit_test(random_numbers_are_the_published_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

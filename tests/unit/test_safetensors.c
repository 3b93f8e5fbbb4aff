/* lib/store: safetensors files and sharded directories, made here byte by byte. */
#include "base/error.h"
#include "base/text.h"
#include "store/tensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static char path[128];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_safetensors.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/model.safetensors", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "a", "b"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char p[128];
		snprintf(p, sizeof p, "%s/%s", dir, names[i]);
		unlink(p);
	}
	return rmdir(dir);
}

static void write_bytes(const char *name, const void *bytes, size_t n)
{
	char p[128];
	snprintf(p, sizeof p, "%s/%s", dir, name);
	FILE *f = fopen(p, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* A file with header length `length`, this header and n bytes of data counting up. */
static void write_lying(const char *name, uint64_t length, const char *header, size_t n)
{
	am_text t = {0};
	char prefix[8];
	for (int i = 0; i < 8; i++)
		prefix[i] = (char)(length >> 8 * i);
	am_text_append(&t, prefix, 8);
	am_text_puts(&t, header);
	for (size_t i = 0; i < n; i++)
		am_text_append(&t, &(char){(char)i}, 1);
	assert_true(am_text_ok(&t));
	write_bytes(name, t.data, t.size);
	am_text_free(&t);
}

static void write_file(const char *name, const char *header, size_t n)
{
	write_lying(name, strlen(header), header, n);
}

static void refuse(const char *what, am_status expected, const char *text)
{
	am_error err = {0};
	am_tensors *t = NULL;
	am_status s = am_tensors_open(what, &t, &err);
	if (s != expected || !strstr(err.text, text))
		print_error("expected %s with \"%s\", found %s: %s\n", am_status_name(expected), text,
		            am_status_name(s), err.text);
	assert_int_equal(s, expected);
	assert_non_null(strstr(err.text, text));
	assert_non_null(strstr(err.text, dir));
	assert_null(strchr(err.text, '\n'));
	assert_null(t);
}

static void refuse_header(const char *header, size_t data, const char *text)
{
	write_file("model.safetensors", header, data);
	refuse(path, AM_ERR_FORMAT, text);
}

static am_tensors *open_ok(const char *what)
{
	am_error err = {0};
	am_tensors *t = NULL;
	if (am_tensors_open(what, &t, &err))
		fail_msg("%s", err.text);
	return t;
}

static void reads_tensors_in_data_order(void **state)
{
	(void)state;
	/* Misaligned data, an empty tensor between two others, a scalar, padding blanks. */
	write_file("model.safetensors",
	           "{\"__metadata__\":{\"format\":\"pt\",\"pt\":\"\",\"layers\":\"30\"},"
	           "\"w\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[3,11]},"
	           "\"empty\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[3,3]},"
	           "\"s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
	           "\"h\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[1,3]}}   ",
	           11);
	am_tensors *t = open_ok(path);
	static const char *const order[] = {"s", "h", "empty", "w"};
	assert_int_equal(am_tensors_count(t), 4);
	for (int i = 0; i < 4; i++) {
		assert_string_equal(am_tensors_at(t, i)->name, order[i]);
		assert_ptr_equal(am_tensors_find(t, order[i]), am_tensors_at(t, i));
	}
	const am_tensor *w = am_tensors_find(t, "w"), *s = am_tensors_find(t, "s");
	assert_int_equal(w->dtype, AM_DTYPE_F32);
	assert_int_equal(w->rank, 2);
	assert_int_equal(w->shape[0], 2);
	assert_int_equal(w->bytes, 8);
	assert_string_equal(w->file, path);
	assert_int_equal(((const unsigned char *)w->data)[0], 3);
	assert_int_equal(((const unsigned char *)w->data)[7], 10);
	assert_int_equal(s->rank, 0);
	assert_int_equal(s->bytes, 1);
	assert_int_equal(am_tensors_find(t, "empty")->bytes, 0);
	assert_null(am_tensors_find(t, "W"));
	assert_string_equal(am_tensors_metadata(t, "format"), "pt");
	assert_string_equal(am_tensors_metadata(t, "pt"), "");
	assert_string_equal(am_tensors_metadata(t, "layers"), "30");
	assert_null(am_tensors_metadata(t, "30"));
	assert_string_equal(am_tensors_path(t), path);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(am_tensors_bytes(t), st.st_size);
	am_tensors_close(t);
}

static void need_checks_name_and_shape(void **state)
{
	(void)state;
	write_file("model.safetensors", "{\"w\":{\"dtype\":\"U8\",\"shape\":[2,3],\"data_offsets\":[0,6]}}", 6);
	am_tensors *t = open_ok(dir);
	am_error err = {0};
	const am_tensor *x = NULL;
	assert_int_equal(am_tensors_need(t, "w", 2, (int64_t[]){2, 3}, &x, &err), AM_OK);
	assert_ptr_equal(x, am_tensors_find(t, "w"));
	x = NULL;
	assert_int_equal(am_tensors_need(t, "w", 2, (int64_t[]){3, 2}, &x, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "tensor w: expected shape [3,2], found [2,3]"));
	assert_int_equal(am_tensors_need(t, "w", 1, (int64_t[]){6}, &x, &err), AM_ERR_FORMAT);
	assert_int_equal(am_tensors_need(t, "v", 0, NULL, &x, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "tensor v: expected shape [], found no such tensor"));
	assert_null(x);
	am_tensors_close(t);
}

static void refuses_headers_that_lie(void **state)
{
	(void)state;
	write_bytes("model.safetensors", "\1\0\0", 3);
	refuse(path, AM_ERR_FORMAT, "at least 8 bytes, found 3");
	write_bytes("model.safetensors", "", 0);
	refuse(path, AM_ERR_FORMAT, "at least 8 bytes, found 0");
	write_lying("model.safetensors", 100000001, "{}", 0);
	refuse(path, AM_ERR_FORMAT, "at most 100000000 bytes, found 100000001");
	write_lying("model.safetensors", UINT64_MAX, "{}", 0);
	refuse(path, AM_ERR_FORMAT, "found 18446744073709551615");
	write_lying("model.safetensors", 3, "{}", 0);
	refuse(path, AM_ERR_FORMAT, "at most the 2 bytes left");
	refuse_header("", 0, "starting with '{'");
	refuse_header(" {}", 0, "starting with '{'");
	refuse_header("{", 0, "invalid JSON");
	refuse_header("{} x", 0, "invalid JSON");
	refuse_header("{\"\xff\":1}", 0, "invalid JSON");
	refuse_header("{\"w\nx\":1}", 0, "invalid JSON");
}

static void refuses_entries_that_lie(void **state)
{
	(void)state;
	refuse_header("{\"__metadata__\":[]}", 0, "__metadata__: expected an object");
	refuse_header("{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: a: expected a string, found an integer");
	refuse_header("{\"w\":3}", 0, "tensor w: expected an object");
	refuse_header("{\"a\\nb\":3}", 0, "tensor a?b: expected an object");
	refuse_header("{\"w\":{\"shape\":[],\"data_offsets\":[0,1]}}", 1, "tensor w: dtype: expected a string, found nothing");
	refuse_header("{\"w\":{\"dtype\":\"Q4\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "tensor w: dtype: expected a safetensors type, found \"Q4\"");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":3,\"data_offsets\":[0,1]}}", 1, "shape: expected an array");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "shape: expected non-negative integers, found -1");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, "shape: expected non-negative integers, found a real");
	refuse_header("{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "overflow at dimension 0");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "overflow at dimension 1");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "data_offsets: expected an array of 2");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 1, "data_offsets: expected non-negative integers, found -1");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1.5]}}", 1, "data_offsets: expected non-negative integers, found a real");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1, "expected begin <= end <= 1");
	refuse_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 1, "found [0,2]");
	refuse_header("{\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,7]}}", 7, "expected 8 bytes for F32 [1,2], found 7");
}

static void refuses_gaps_overlaps_and_lengths(void **state)
{
	(void)state;
#define A "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"
	refuse_header("{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}", 5, "tensor b: data_offsets: expected to begin at 2, found 3 (a gap)");
	refuse_header("{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "expected to begin at 2, found 1 (an overlap)");
	refuse_header("{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "expected to begin at 0, found 1 (a gap)");
	refuse_header("{" A "," A "}", 2, "duplicate object key");
	refuse_header("{" A "}", 3, "expected 2 bytes of data as the header says, found 3");
	refuse_header("{" A "}", 1, "expected begin <= end <= 1");
	refuse_header("{}", 1, "expected 0 bytes of data");
#undef A
}

static void refuses_what_it_does_not_read_by_name(void **state)
{
	(void)state;
	write_file("model.safetensors", "{\"w\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1);
	refuse(path, AM_ERR_UNSUPPORTED, "tensor w: dtype: expected whole bytes an element, found F4");
	write_file("model.safetensors", "{\"w\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1);
	refuse(path, AM_ERR_UNSUPPORTED, "expected at most 8 dimensions, found 9");
}

#define ONE(name) "{\"" name "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"

static void write_index(const char *text)
{
	write_bytes("model.safetensors.index.json", text, strlen(text));
}

static void reads_shards(void **state)
{
	(void)state;
	write_file("a", ONE("x"), 1);
	write_file("b", ONE("y"), 1);
	write_index("{\"metadata\":{\"total_size\":2},\"weight_map\":{\"y\":\"b\",\"x\":\"a\"}}");
	am_tensors *t = open_ok(dir);
	assert_int_equal(am_tensors_count(t), 2);
	assert_string_equal(am_tensors_at(t, 0)->name, "x");
	const am_tensor *y = am_tensors_find(t, "y");
	assert_non_null(y);
	assert_string_equal(y->file + strlen(y->file) - 2, "/b");
	am_tensors_close(t);
}

static void refuses_bad_indexes(void **state)
{
	(void)state;
	refuse(dir, AM_ERR_IO, "expected model.safetensors or model.safetensors.index.json, found neither");
	write_file("a", ONE("x"), 1);
	static const struct {
		const char *index, *text;
		am_status status;
	} cases[] = {
		{"{", "invalid JSON", AM_ERR_FORMAT},
		{"[]", "expected an object \"weight_map\"", AM_ERR_FORMAT},
		{"{\"weight_map\":{}}", "expected tensors, found 0", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":1}}", "tensor x: expected a file name", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":\"\"}}", "without path separators", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":\"/etc/passwd\"}}", "found \"/etc/passwd\"", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":\"..\"}}", "found \"..\"", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":\"s\\\\a\"}}", "without path separators", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":\"a\",\"x\":\"b\"}}", "duplicate object key", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":\"a\",\"y\":\"a\"}}", "tensor y: expected in", AM_ERR_FORMAT},
		{"{\"weight_map\":{\"x\":\"a\",\"y\":\"b\"}}", "cannot open", AM_ERR_IO},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		write_index(cases[i].index);
		refuse(dir, cases[i].status, cases[i].text);
	}
	write_file("b", ONE("x"), 1);
	write_index("{\"weight_map\":{\"x\":\"a\",\"y\":\"b\"}}");
	refuse(dir, AM_ERR_FORMAT, "tensor x: expected once");
	write_file("b", ONE("y"), 1);
	write_index("{\"weight_map\":{\"x\":\"b\",\"y\":\"a\"}}");
	refuse(dir, AM_ERR_FORMAT, "tensor x: expected in");
	write_bytes("b", "", 0);
	write_index("{\"weight_map\":{\"x\":\"a\",\"y\":\"b\"}}");
	refuse(dir, AM_ERR_FORMAT, "index.json: shard: ");
}

static void digest_of(char out[17])
{
	am_tensors *t = open_ok(dir);
	am_tensors_digest(t, out);
	am_tensors_close(t);
}

static void digest_follows_header_and_data(void **state)
{
	(void)state;
	char first[17], again[17], data[17], name[17];
	write_file("model.safetensors", ONE("x"), 1);
	digest_of(first);
	digest_of(again);
	assert_string_equal(first, again);
	assert_int_equal(strspn(first, "0123456789abcdef"), 16);
	/* FNV-1a 64 of the whole file, formed here apart. */
	uint64_t h = 0xcbf29ce484222325u;
	char all[256] = {(char)strlen(ONE("x"))};
	strcpy(all + 8, ONE("x"));
	for (size_t i = 0; i < 8 + strlen(ONE("x")) + 1; i++)
		h = (h ^ (unsigned char)all[i]) * 1099511628211u;
	char expected[17];
	snprintf(expected, sizeof expected, "%016llx", (unsigned long long)h);
	assert_string_equal(first, expected);
	write_file("model.safetensors", ONE("y"), 1);
	digest_of(name);
	assert_string_not_equal(first, name);
	write_lying("model.safetensors", strlen(ONE("x")), ONE("x") "\1", 0);
	digest_of(data);
	assert_string_not_equal(first, data);
}

static void digest_samples_large_data(void **state)
{
	(void)state;
	enum { SIZE = 80 << 20 };
	char header[128], before[17], after[17];
	snprintf(header, sizeof header, "{\"w\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", SIZE, SIZE);
	write_file("model.safetensors", header, 0);
	off_t start = 8 + (off_t)strlen(header);
	assert_int_equal(truncate(path, start + SIZE), 0);
	digest_of(before);
	static const long touched[] = {0, (1 << 20) - 1, (SIZE - 4096) / 1024 * 500, SIZE - (1 << 20), SIZE - 1};
	for (size_t i = 0; i < sizeof touched / sizeof *touched; i++) {
		FILE *f = fopen(path, "r+b");
		assert_non_null(f);
		assert_int_equal(fseek(f, start + touched[i], SEEK_SET), 0);
		assert_int_equal(fputc(1 + (int)i, f), 1 + (int)i);
		assert_int_equal(fclose(f), 0);
		digest_of(after);
		assert_string_not_equal(before, after);
		strcpy(before, after);
	}
}

static void dtypes_have_names_and_sizes(void **state)
{
	(void)state;
	assert_string_equal(am_dtype_name(AM_DTYPE_BF16), "BF16");
	assert_int_equal(am_dtype_size(AM_DTYPE_BF16), 2);
	assert_string_equal(am_dtype_name(AM_DTYPE_F8_E5M2FNUZ), "F8_E5M2FNUZ");
	for (int t = 0; t < AM_DTYPE_COUNT; t++) {
		assert_non_null(am_dtype_name((am_dtype)t));
		assert_in_range(am_dtype_size((am_dtype)t), 1, 8);
	}
	char text[AM_SHAPE_TEXT];
	am_shape_text(0, NULL, text);
	assert_string_equal(text, "[]");
	am_shape_text(2, (int64_t[]){INT64_MAX, 0}, text);
	assert_string_equal(text, "[9223372036854775807,0]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_tensors_in_data_order),
		TEST(need_checks_name_and_shape),
		TEST(refuses_headers_that_lie),
		TEST(refuses_entries_that_lie),
		TEST(refuses_gaps_overlaps_and_lengths),
		TEST(refuses_what_it_does_not_read_by_name),
		TEST(reads_shards),
		TEST(refuses_bad_indexes),
		TEST(digest_follows_header_and_data),
		TEST(digest_samples_large_data),
		cmocka_unit_test(dtypes_have_names_and_sizes),
	};
	return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}

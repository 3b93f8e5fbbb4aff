/* The tokenizer against what the `tokenizers` library makes of the same texts
 * (tests/golden/make_tokenizers.py), and its own promises. */
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN AM_SOURCE_DIR "/tests/golden/tokenizer/"
#define BASE AM_SOURCE_DIR "/models/base"

static am_tokenizer *open_or_fail(const char *path)
{
	am_tokenizer *t = NULL;
	am_error err = {0};
	if (am_tokenizer_open(path, &t, &err) != AM_OK)
		fail_msg("%s", err.text);
	return t;
}

static am_text from_hex(const char *hex)
{
	am_text t = {0};
	unsigned byte;
	am_text_puts(&t, "");
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		am_text_append(&t, &(char){(char)byte}, 1);
	return t;
}

static void check_encode(am_tokenizer *t, const json_t *c, bool special)
{
	const json_t *expected = json_object_get(c, special ? "special" : "ids");
	am_text text = from_hex(json_string_value(json_object_get(c, "bytes")));
	int32_t *ids = NULL;
	size_t n = 0;
	am_error err = {0};
	if (am_tokenizer_encode(t, text.data, text.size, special, &ids, &n, &err) != AM_OK)
		fail_msg("%s", err.text);
	assert_non_null(ids);
	assert_int_equal(n, json_array_size(expected));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ids[i], json_integer_value(json_array_get(expected, i)));
	am_free(ids);
	am_text_free(&text);
}

static void check_decode(am_tokenizer *t, const json_t *c, bool skip_special)
{
	const json_t *array = json_object_get(c, "special");
	const char *hex = json_string_value(json_object_get(c, skip_special ? "plain" : "all"));
	am_text expected = from_hex(hex);
	size_t n_ids = json_array_size(array), n = 0;
	int32_t *ids = am_alloc(n_ids, sizeof *ids);
	char *text = NULL;
	am_error err = {0};
	for (size_t i = 0; i < n_ids; i++)
		ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
	if (am_tokenizer_decode(t, ids, n_ids, skip_special, &text, &n, &err) != AM_OK)
		fail_msg("%s", err.text);
	assert_int_equal(n, expected.size);
	assert_memory_equal(text, expected.data, n + 1);
	am_free(text);
	am_free(ids);
	am_text_free(&expected);
}

/* *state is the name of a kind; "base" is the embedded model's tokenizer. */
static void agrees_with_the_library(void **state)
{
	const char *name = *state;
	char path[512];
	snprintf(path, sizeof path, GOLDEN "%s.json", name);
	am_tokenizer *t = open_or_fail(strcmp(name, "base") == 0 ? BASE : path);
	snprintf(path, sizeof path, GOLDEN "%s.cases.json", name);
	json_error_t where;
	json_t *cases = json_load_file(path, 0, &where);
	if (!cases)
		fail_msg("%s: %s", path, where.text);
	assert_true(json_array_size(cases) >= 60);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *c = json_array_get(cases, i);
		check_encode(t, c, false);
		check_encode(t, c, true);
		check_decode(t, c, false);
		check_decode(t, c, true);
	}
	json_decref(cases);
	am_tokenizer_close(t);
}

static void tokens_have_ids_and_spellings(void **state)
{
	(void)state;
	am_tokenizer *t = open_or_fail(BASE);
	assert_int_equal(am_tokenizer_size(t), 2048);
	assert_int_equal(am_tokenizer_id(t, "<|bos|>"), 0);
	assert_string_equal(am_tokenizer_token(t, 2), "<|pad|>");
	for (int32_t id = 0; id < 2048; id++)
		assert_int_equal(am_tokenizer_id(t, am_tokenizer_token(t, id)), id);
	assert_null(am_tokenizer_token(t, 2048));
	assert_null(am_tokenizer_token(t, -1));
	assert_int_equal(am_tokenizer_id(t, "no such token"), -1);
	am_tokenizer_close(t);
	am_tokenizer_close(NULL);
}

static void unknown_ids_are_refused(void **state)
{
	(void)state;
	am_tokenizer *t = open_or_fail(BASE);
	char *text = NULL;
	size_t n = 0;
	am_error err = {0};
	const int32_t outside[] = {-1, 2048, INT32_MIN, INT32_MAX};
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		int32_t ids[] = {5, outside[i]};
		assert_int_equal(am_tokenizer_decode(t, ids, 2, false, &text, &n, &err), AM_ERR_RANGE);
		assert_non_null(strstr(err.text, "vocabulary"));
	}
	assert_null(text);
	assert_int_equal(am_tokenizer_decode(t, NULL, 0, false, &text, &n, &err), AM_OK);
	assert_string_equal(text, "");
	assert_int_equal(n, 0);
	am_free(text);
	am_tokenizer_close(t);
}

/* One piece of a mebibyte, and a text of as many blanks: through and back. */
static void long_pieces_survive(void **state)
{
	am_tokenizer *t = open_or_fail(*state);
	size_t n = (size_t)1 << 20;
	char *text = am_alloc(n, 1), *back = NULL;
	const char *const fills[] = {"e", " ", "abcdefghij", " \n", "'"};
	for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
		size_t width = strlen(fills[f]), n_ids = 0, n_back = 0;
		int32_t *ids = NULL;
		am_error err = {0};
		for (size_t i = 0; i < n; i++)
			text[i] = i == n - 1 ? 'x' : fills[f][i % width];
		if (am_tokenizer_encode(t, text, n, false, &ids, &n_ids, &err) != AM_OK ||
		    am_tokenizer_decode(t, ids, n_ids, false, &back, &n_back, &err) != AM_OK)
			fail_msg("%s", err.text);
		assert_int_equal(n_back, n);
		assert_memory_equal(back, text, n);
		am_free(ids);
		am_free(back);
	}
	am_free(text);
	am_tokenizer_close(t);
}

/* The cache of words must not change what a text becomes. */
static void encoding_is_repeatable(void **state)
{
	(void)state;
	static const char text[] = "The keeper counted the waves, the keeper before her did not.";
	const size_t size = sizeof text - 1;
	am_tokenizer *t = open_or_fail(BASE);
	int32_t *first = NULL, *again = NULL;
	size_t n_first = 0, n_again = 0;
	am_error err;
	assert_int_equal(am_tokenizer_encode(t, text, size, true, &first, &n_first, &err), AM_OK);
	assert_int_equal(am_tokenizer_encode(t, text, size, true, &again, &n_again, &err), AM_OK);
	assert_int_equal(n_first, n_again);
	assert_memory_equal(first, again, n_first * sizeof *first);
	am_free(first);
	am_free(again);
	am_tokenizer_close(t);
}

#define GOLDEN_TEST(kind) \
	{"agrees_with_the_library " kind, agrees_with_the_library, NULL, NULL, kind}
#define LONG_TEST(kind) \
	{"long_pieces_survive " kind, long_pieces_survive, NULL, NULL, GOLDEN kind ".json"}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOLDEN_TEST("base"),
		GOLDEN_TEST("gpt2"),
		GOLDEN_TEST("gpt2-prefix"),
		GOLDEN_TEST("llama3"),
		GOLDEN_TEST("qwen2"),
		GOLDEN_TEST("smollm"),
		GOLDEN_TEST("deepseek"),
		GOLDEN_TEST("o200k"),
		GOLDEN_TEST("llama2"),
		GOLDEN_TEST("mistral"),
		GOLDEN_TEST("metaspace-fused"),
		GOLDEN_TEST("metaspace-unk"),
		GOLDEN_TEST("part-bytes"),
		GOLDEN_TEST("splits"),
		GOLDEN_TEST("word-pieces"),
		GOLDEN_TEST("no-components"),
		GOLDEN_TEST("byte-normalizer"),
		cmocka_unit_test(tokens_have_ids_and_spellings),
		cmocka_unit_test(unknown_ids_are_refused),
		LONG_TEST("llama3"),
		LONG_TEST("llama2"),
		cmocka_unit_test(encoding_is_repeatable),
	};
	return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}

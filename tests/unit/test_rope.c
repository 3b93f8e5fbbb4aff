/* Rope keys and frequencies against what transformers makes of the same files
 * (tests/golden/configs.json), and the sizes and windows read beside them. */
#include "model/config.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* powf of the C library and of PyTorch may each round the last bit either way;
 * two powers and a product follow each other in "dynamic". */
#define MAX_ULP 3

static int32_t ulps(float a, float b)
{
	int32_t x, y;
	memcpy(&x, &a, 4);
	memcpy(&y, &b, 4);
	return abs(x - y);
}

static am_status read_config(const json_t *keys, am_config *out, am_error *err)
{
	char dir[] = "/tmp/test_rope.XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/config.json", dir);
	assert_int_equal(json_dump_file(keys, path, 0), 0);
	am_status s = am_config_read(dir, out, err);
	unlink(path);
	rmdir(dir);
	return s;
}

static void check_sizes(const am_config *c, const json_t *want)
{
	const struct {
		const char *key;
		int found;
	} sizes[] = {
		{"hidden", c->hidden},     {"intermediate", c->intermediate}, {"layers", c->layers},
		{"heads", c->heads},       {"kv_heads", c->kv_heads},         {"head_dim", c->head_dim},
		{"vocab", c->vocab},       {"max_positions", c->max_positions},
	};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		assert_int_equal(sizes[i].found, json_integer_value(json_object_get(want, sizes[i].key)));
	assert_true(c->rms_eps == json_number_value(json_object_get(want, "rms_eps")));
	const json_t *window = json_object_get(want, "window");
	assert_int_equal(json_array_size(window), c->layers);
	for (int i = 0; i < c->layers; i++)
		assert_int_equal(c->window[i], json_integer_value(json_array_get(window, (size_t)i)));
}

static void check_frequencies(const am_config *c, int length, const json_t *want)
{
	float f[128], scale = 0;
	const json_t *list = json_object_get(want, "inv_freq");
	assert_int_equal(json_array_size(list), c->head_dim / 2);
	assert_true(c->head_dim / 2 <= 128);
	for (int layer = 0; layer < c->layers; layer++) {
		am_error err = {0};
		if (am_rope_frequencies(&c->rope[layer], c->head_dim, c->max_positions, length, f, &scale, &err))
			fail_msg("%s", err.text);
		assert_in_range(ulps(scale, (float)json_number_value(json_object_get(want, "scale"))), 0, 1);
		for (int i = 0; i < c->head_dim / 2; i++)
			assert_in_range(ulps(f[i], (float)json_number_value(json_array_get(list, (size_t)i))), 0,
			                MAX_ULP);
	}
}

static void agrees_with_transformers(void **state)
{
	(void)state;
	json_error_t e;
	json_t *root = json_load_file(AM_SOURCE_DIR "/tests/golden/configs.json", 0, &e);
	assert_non_null(root);
	const json_t *cases = json_object_get(root, "cases");
	assert_true(json_array_size(cases) >= 30);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *row = json_array_get(cases, i), *want = json_object_get(row, "expected");
		am_config c;
		am_error err = {0};
		if (read_config(json_object_get(row, "config"), &c, &err))
			fail_msg("case %zu: %s", i, err.text);
		check_sizes(&c, want);
		check_frequencies(&c, (int)json_integer_value(json_object_get(row, "length")), want);
		am_config_fini(&c);
	}
	json_decref(root);
}

static const am_rope_config plain = {.type = AM_ROPE_DEFAULT, .theta = 10000, .factor = 1, .attention_factor = 1};

static void default_is_the_closed_form(void **state)
{
	(void)state;
	float f[32], scale = 0;
	assert_int_equal(am_rope_frequencies(&plain, 64, 2048, 1, f, &scale, NULL), AM_OK);
	assert_true(scale == 1);
	for (int i = 0; i < 32; i++) {
		double exact = pow(10000, -2.0 * i / 64);
		assert_true(fabs(f[i] - exact) <= 1e-6 * exact);
	}
}

static void dynamic_starts_beyond_the_original_length(void **state)
{
	(void)state;
	am_rope_config r = plain;
	r.type = AM_ROPE_DYNAMIC;
	r.factor = 2;
	float want[8], f[8], scale = 0;
	assert_int_equal(am_rope_frequencies(&plain, 16, 64, 1, want, &scale, NULL), AM_OK);
	assert_int_equal(am_rope_frequencies(&r, 16, 64, 64, f, &scale, NULL), AM_OK);
	assert_memory_equal(f, want, sizeof f);
	assert_int_equal(am_rope_frequencies(&r, 16, 64, 65, f, &scale, NULL), AM_OK);
	assert_true(f[0] == 1);
	for (int i = 1; i < 8; i++)
		assert_true(f[i] < want[i]);
}

static void llama3_keeps_short_waves_and_divides_long_ones(void **state)
{
	(void)state;
	am_rope_config r = plain;
	r.type = AM_ROPE_LLAMA3;
	r.factor = 8;
	r.low_freq_factor = 1;
	r.high_freq_factor = 4;
	r.original_positions = 1024;
	float want[32], f[32], scale = 0;
	assert_int_equal(am_rope_frequencies(&plain, 64, 8192, 1, want, &scale, NULL), AM_OK);
	assert_int_equal(am_rope_frequencies(&r, 64, 8192, 1, f, &scale, NULL), AM_OK);
	assert_true(f[0] == want[0]);
	assert_true(f[31] == want[31] / 8);
	int between = 0;
	for (int i = 0; i < 32; i++) {
		assert_true(f[i] <= want[i] && f[i] >= want[i] / 8);
		between += f[i] < want[i] && f[i] > want[i] / 8;
	}
	assert_true(between > 0);
}

static void refuses_frequencies_that_overflow(void **state)
{
	(void)state;
	am_rope_config r = plain;
	r.theta = 1e-300; /* 0 as a float */
	float f[8] = {7}, scale = 7;
	am_error err = {0};
	assert_int_equal(am_rope_frequencies(&r, 16, 64, 1, f, &scale, &err), AM_ERR_NUMERIC);
	assert_non_null(strstr(err.text, "rope type default: frequency 1 of 8"));
	assert_true(f[0] == 7 && scale == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_transformers),
		cmocka_unit_test(default_is_the_closed_form),
		cmocka_unit_test(dynamic_starts_beyond_the_original_length),
		cmocka_unit_test(llama3_keeps_short_waves_and_divides_long_ones),
		cmocka_unit_test(refuses_frequencies_that_overflow),
	};
	return cmocka_run_group_tests_name("rope", tests, NULL, NULL);
}

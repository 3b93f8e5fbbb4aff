/* Sets from an index dump as a selector: layers of the dump to layers of the model, windows,
 * tokens without a set. */
#include "base/mem.h"
#include "select/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATH AM_BINARY_DIR "/tests/tmp/indices.npy"
enum { TOKENS = 6, LAYERS = 2, WIDTH = 2, MODEL_LAYERS = 5 };

static am_error err;

/* Token t keeps itself and, in dump layer l, key l; early tokens all keys. */
static int key_of(int t, int l, int i)
{
	return t < WIDTH ? (i <= t ? i : -1) : i == 0 ? l : t;
}

static void write_dump(void)
{
	char header[128];
	FILE *f = fopen(PATH, "wb");
	assert_non_null(f);
	snprintf(header, sizeof header, "{'descr': '<i4', 'fortran_order': False, 'shape': (%d, %d, %d), }\n", TOKENS, LAYERS, WIDTH);
	unsigned n = (unsigned)strlen(header);
	unsigned char lead[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)n, 0};
	assert_int_equal(fwrite(lead, 1, sizeof lead, f), sizeof lead);
	fputs(header, f);
	for (int t = 0; t < TOKENS; t++)
		for (int l = 0; l < LAYERS; l++)
			for (int i = 0; i < WIDTH; i++) {
				int32_t key = key_of(t, l, i);
				assert_int_equal(fwrite(&key, sizeof key, 1, f), 1);
			}
	fclose(f);
}

static am_status try_open(const char *text, am_selector **out)
{
	am_select_spec spec;
	const am_kernels *kernels;
	assert_int_equal(am_kernels_get("scalar", &kernels, &err), AM_OK);
	am_status s = am_select_spec_parse(text, &spec, &err);
	assert_int_equal(s, AM_OK);
	am_select_shape shape = {.layers = MODEL_LAYERS, .heads = 4, .kv_heads = 2, .head_dim = 8, .hidden = 32, .capacity = 16,
	                         .block = 16, .workers = 1, .kernels = kernels};
	s = am_selector_open(&spec, &shape, out, &err);
	am_select_spec_fini(&spec);
	return s;
}

static void expect(am_selector *s, int layer, int position, int first_key, int dump_layer)
{
	am_select_block block = {.layer = layer, .rows = 16};
	am_select_row row = {.block = &block, .row = position, .position = position, .first_key = first_key,
	                     .n = position + 1 - first_key};
	uint32_t member[16];
	int k[] = {1, 7};
	am_selector_select(s, 0, &row, k, 2, member, 16);
	for (int j = 0; j < row.n; j++) {
		bool in = dump_layer < 0;
		for (int i = 0; dump_layer >= 0 && i < WIDTH; i++)
			in = in || key_of(position, dump_layer, i) == first_key + j;
		assert_int_equal(member[j], in ? 3 : 0);
	}
}

static void sets_of_layers(void **state)
{
	(void)state;
	am_selector *s;
	write_dump();
	assert_int_equal(try_open("indices:" PATH ",layers=1+3", &s), AM_OK);
	assert_int_equal(am_selector_scope(s), AM_SCOPE_LAYER);
	assert_int_equal(am_selector_sets(s), 1);
	assert_true(am_selector_own_budget(s));
	assert_int_equal(am_selector_start(s, 0, TOKENS + 1, TOKENS + 1, &err), AM_OK);
	for (int p = 0; p < TOKENS; p++) {
		expect(s, 0, p, 0, -1); /* before the first: everything */
		expect(s, 1, p, 0, 0);
		expect(s, 2, p, 0, 0);  /* shares the layer before */
		expect(s, 3, p, 0, 1);
		expect(s, 4, p, p > 2 ? p - 2 : 0, 1);
	}
	expect(s, 1, TOKENS, 0, -1); /* the last token has no set */
	assert_int_equal(am_selector_start(s, 0, TOKENS + 2, TOKENS + 2, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "expected sets for 8 tokens, found them up to token 5"));
	assert_int_equal(am_selector_start(s, 1, 3, 3, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "holds 1 sequence, expected one for sequence 1"));
	am_selector_close(s);
}

static void refusals(void **state)
{
	(void)state;
	static const struct { const char *spec; am_status status; const char *text; } cases[] = {
		{"indices:" PATH, AM_ERR_FORMAT, "expected sets of 5 layers, found 2; say which they are with layers="},
		{"indices:" PATH ",layers=0-2", AM_ERR_FORMAT, "expected sets of 3 layers, found 2"},
		{"indices:" PATH ",layers=3+1", AM_ERR_USAGE, "expected ascending layers of the model, 0 to 4"},
		{"indices:" PATH ",layers=4-5", AM_ERR_USAGE, "found '4-5'"},
		{"indices:" PATH ",layers=x", AM_ERR_USAGE, "found 'x'"},
		{"indices:" PATH ",width=0", AM_ERR_USAGE, "width"},
		{"indices:" PATH ",depth=1", AM_ERR_USAGE, "unknown setting 'depth'"},
		{"indices", AM_ERR_USAGE, "expected a file"},
		{"indices:" PATH ".none", AM_ERR_IO, "No such file"},
	};
	write_dump();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		am_selector *s = NULL;
		am_status status = try_open(cases[i].spec, &s);
		if (status != cases[i].status || !strstr(err.text, cases[i].text))
			print_error("%s: %d %s\n", cases[i].spec, status, err.text);
		assert_int_equal(status, cases[i].status);
		assert_non_null(strstr(err.text, cases[i].text));
		assert_null(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sets_of_layers), cmocka_unit_test(refusals)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

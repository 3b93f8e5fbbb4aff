/* The text form of selectors, opened for a small model. */
#include "fuzz.h"

#include "select/selector.h"

#include <stdlib.h>
#include <string.h>

static const int windows[2] = {0, 8};

static am_status rope(void *ctx, int layer, int dims, int length, float *inv_freq, am_error *err)
{
	(void)ctx, (void)layer, (void)length, (void)err;
	for (int i = 0; i < dims / 2; i++)
		inv_freq[i] = 1;
	return AM_OK;
}

static void use(const am_select_spec *spec)
{
	static const am_kernels *kernels;
	am_error err = {0};
	if (!kernels)
		fuzz_require(am_kernels_get("scalar", &kernels, &err) == AM_OK);
	am_select_shape shape = {.layers = 2, .heads = 4, .kv_heads = 2, .head_dim = 8, .hidden = 32, .capacity = 32, .block = 8,
	                         .workers = 1, .window = windows, .kernels = kernels, .rope = rope};
	am_selector *s = NULL;
	if (fuzz_failed(am_selector_open(spec, &shape, &s, &err), &err)) {
		fuzz_require(!s);
		return;
	}
	int sets = am_selector_sets(s);
	fuzz_require(sets == 1 || sets == 2 || sets == 4);
	(void)fuzz_failed(am_selector_start(s, 0, 32, 32, &err), &err);
	am_selector_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	char *text = fuzz_rest(&b);
	am_select_spec spec = {0};
	am_error err = {0};
	if (!fuzz_failed(am_select_spec_parse(text, &spec, &err), &err)) {
		int kept = am_budget_of(spec.budget, 1000);
		fuzz_require(kept >= 0 && kept <= 1000 && !strcmp(spec.text, text));
		if (strcmp(spec.name, "dense") != 0 && !strchr(text, '/')) /* no files outside the folder */
			use(&spec);
		am_select_spec_fini(&spec);
	}
	free(text);
	return 0;
}

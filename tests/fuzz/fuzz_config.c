/* config.json of a model; what is accepted has sizes that fit each other and rotary frequencies. */
#include "fuzz.h"

#include "base/mem.h"
#include "model/config.h"

#include <math.h>

static void check_layer(const am_config *c, int layer)
{
	am_error err = {0};
	float scale = 0, *inv_freq = am_alloc((size_t)c->head_dim / 2, sizeof *inv_freq);
	fuzz_require(inv_freq && c->window[layer] >= 0);
	if (!fuzz_failed(am_rope_frequencies(&c->rope[layer], c->head_dim, c->max_positions, 100, inv_freq, &scale, &err), &err))
		for (int i = 0; i < c->head_dim / 2; i++)
			fuzz_require(isfinite(inv_freq[i]));
	am_free(inv_freq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	am_config c = {0};
	am_error err = {0};
	fuzz_file("config.json", data, size);
	if (fuzz_failed(am_config_read(fuzz_folder(), &c, &err), &err)) {
		fuzz_require(!c.window && !c.rope);
		return 0;
	}
	fuzz_require(c.layers > 0 && c.heads > 0 && c.kv_heads > 0 && c.heads % c.kv_heads == 0 && c.head_dim % 2 == 0);
	fuzz_require(c.n_eos >= 0 && c.n_eos <= 16 && am_config_context(&c) > 0);
	for (int i = 0; i < c.layers && i < 2; i++)
		check_layer(&c, i);
	am_config_fini(&c);
	return 0;
}

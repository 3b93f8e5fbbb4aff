/* tokenizer.json: what loads encodes texts and decodes the ids. */
#include "fuzz.h"

#include "base/mem.h"
#include "model/tokenizer.h"

#include <string.h>

static const char *const texts[] = {"", " a", "Hello,  world 123!\n\n\tx", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xcc\x88\xff<s>[INST]"};

static void use(am_tokenizer *t, const char *text)
{
	int32_t *ids = NULL;
	char *back = NULL;
	size_t n = 0, n_back = 0;
	am_error err = {0};
	if (fuzz_failed(am_tokenizer_encode(t, text, strlen(text), true, &ids, &n, &err), &err))
		return;
	for (size_t i = 0; i < n; i++)
		fuzz_require(ids[i] >= 0 && ids[i] < am_tokenizer_size(t));
	if (!fuzz_failed(am_tokenizer_decode(t, ids, n, false, &back, &n_back, &err), &err))
		fuzz_require(back[n_back] == 0);
	am_free(back);
	am_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	am_tokenizer *t = NULL;
	am_error err = {0};
	if (fuzz_failed(am_tokenizer_open(fuzz_file("tokenizer.json", data, size), &t, &err), &err)) {
		fuzz_require(!t);
		return 0;
	}
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		use(t, texts[i]);
	am_tokenizer_close(t);
	return 0;
}

/* Any bytes through the tokenizers of the tests: byte 0 chooses one, the rest is the text. */
#include "fuzz.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer.h"
#include "model/utf8.h"

#include <string.h>

static const char *const paths[] = {"models/base/tokenizer.json", "tests/golden/tokenizer/llama2.json",
                                    "tests/golden/tokenizer/llama3.json", "tests/golden/tokenizer/qwen2.json",
                                    "tests/golden/tokenizer/deepseek.json", "tests/golden/tokenizer/metaspace-fused.json",
                                    "tests/golden/tokenizer/part-bytes.json", "tests/golden/tokenizer/splits.json"};
enum { N = sizeof paths / sizeof paths[0] };

static am_tokenizer *tokenizer(int i)
{
	static am_tokenizer *open[N];
	char path[512] = AM_SOURCE_DIR "/";
	am_error err = {0};
	strcat(path, paths[i]);
	if (!open[i])
		fuzz_require(am_tokenizer_open(path, &open[i], &err) == AM_OK);
	return open[i];
}

/* The embedded model's tokenizer is byte-level: nothing is lost. */
static void check_back(am_tokenizer *t, const char *text, size_t n, const int32_t *ids, size_t n_ids)
{
	am_text lossy = {0};
	char *back = NULL;
	size_t n_back = 0;
	am_error err = {0};
	am_text_puts(&lossy, "");
	am_utf8_append_lossy(&lossy, text, n);
	fuzz_require(am_tokenizer_decode(t, ids, n_ids, false, &back, &n_back, &err) == AM_OK);
	fuzz_require(n_back == lossy.size && memcmp(back, lossy.data, n_back) == 0);
	am_free(back);
	am_text_free(&lossy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int which = size ? data[0] % N : 0;
	am_tokenizer *t = tokenizer(which);
	const char *text = (const char *)data + (size > 0);
	size_t n = size - (size > 0), n_ids = 0;
	int32_t *ids = NULL;
	am_error err = {0};
	if (fuzz_failed(am_tokenizer_encode(t, text, n, false, &ids, &n_ids, &err), &err))
		return 0;
	for (size_t i = 0; i < n_ids; i++)
		fuzz_require(ids[i] >= 0 && ids[i] < am_tokenizer_size(t));
	if (which == 0)
		check_back(t, text, n, ids, n_ids);
	am_free(ids);
	return 0;
}

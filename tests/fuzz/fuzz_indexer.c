/* Weights of an indexer. Byte 0: our own form, one safetensors file; or a model folder, whose config.json ends at a NUL and
 * is followed by model.safetensors. */
#include "fuzz.h"

#include "select/indexer_file.h"

#include <string.h>

enum { FOLDER = 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	bool folder = fuzz_u8(&b) & FOLDER;
	const uint8_t *end = b.p < b.end ? memchr(b.p, 0, (size_t)(b.end - b.p)) : NULL;
	if (folder && end) {
		fuzz_file("config.json", b.p, (size_t)(end - b.p));
		b.p = end + 1;
	}
	const char *path = fuzz_file("model.safetensors", b.p, (size_t)(b.end - b.p));
	am_indexer *x = NULL;
	am_error err = {0};
	if (fuzz_failed(am_indexer_open(folder ? fuzz_folder() : path, &x, &err), &err)) {
		fuzz_require(!x);
		return 0;
	}
	fuzz_require(x->layers > 0 && am_index_form_check(&x->form, &err) == AM_OK);
	for (int l = 0; l < x->layers; l++)
		fuzz_require(x->owner[l] >= -1 && x->owner[l] <= l && (x->owner[l] < 0 || x->weights[x->owner[l]].wq.w));
	am_indexer_close(x);
	return 0;
}

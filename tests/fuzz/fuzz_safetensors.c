/* A safetensors file: opened, every tensor's bytes read. */
#include "fuzz.h"

#include "store/tensors.h"

#include <string.h>

static void use(const am_tensors *t, size_t size)
{
	unsigned sum = 0;
	size_t bytes = 0;
	char digest[17];
	for (int i = 0; i < am_tensors_count(t); i++) {
		const am_tensor *x = am_tensors_at(t, i);
		size_t n = am_dtype_size(x->dtype);
		for (int a = 0; a < x->rank; a++)
			n *= (size_t)x->shape[a];
		fuzz_require(n == x->bytes && am_tensors_find(t, x->name));
		for (size_t b = 0; b < x->bytes; b++)
			sum += ((const unsigned char *)x->data)[b];
		bytes += x->bytes;
	}
	fuzz_require(bytes <= size && sum < UINT32_MAX);
	am_tensors_digest(t, digest);
	fuzz_require(strlen(digest) == 16);
	const char *format = am_tensors_metadata(t, "format");
	fuzz_require(!format || strlen(format) < size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	am_tensors *t = NULL;
	am_error err = {0};
	if (fuzz_failed(am_tensors_open(fuzz_file("model.safetensors", data, size), &t, &err), &err)) {
		fuzz_require(!t);
		return 0;
	}
	use(t, size);
	am_tensors_close(t);
	return 0;
}

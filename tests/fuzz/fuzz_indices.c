/* Index dumps of serving engines: .npy, base64 of one, JSON responses. Bytes 0 to 2: layers, width and start that the
 * user gave for bare values. */
#include "fuzz.h"

#include "store/index_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	am_index_shape shape = {.layers = (int)fuzz_u8(&b), .width = (int)fuzz_u8(&b), .start = (int)fuzz_u8(&b)};
	if (shape.start == 255)
		shape.start = INT32_MAX / 2; /* the largest the spec takes */
	am_index_dump d = {0};
	am_error err = {0};
	const char *path = fuzz_file("dump", b.p, (size_t)(b.end - b.p));
	if (fuzz_failed(am_index_dump_read(path, &shape, &d, &err), &err)) {
		fuzz_require(!d.sequence && !d.n);
		return 0;
	}
	for (int i = 0; i < d.n; i++) {
		const am_index_array *a = &d.sequence[i];
		fuzz_require(a->tokens > 0 && a->layers > 0 && a->width > 0);
		for (int t = 0; t < a->tokens; t++)
			for (int l = 0; l < a->layers; l++)
				for (int j = 0; j < a->width; j++)
					fuzz_require(am_index_set(a, t, l)[j] >= -1 && am_index_set(a, t, l)[j] <= shape.start + t);
	}
	am_index_dump_fini(&d);
	return 0;
}

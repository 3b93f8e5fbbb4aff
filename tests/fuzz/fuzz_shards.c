/* model.safetensors.index.json in a folder with two shards. */
#include "fuzz.h"

#include "store/tensors.h"

#include <stdio.h>
#include <string.h>

static void put_shard(const char *file, const char *tensor)
{
	char bytes[128] = {0};
	int n = snprintf(bytes + 8, sizeof bytes - 8, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", tensor);
	bytes[0] = (char)n;
	fuzz_file(file, bytes, (size_t)n + 12);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	if (!made) {
		put_shard("a.safetensors", "x");
		put_shard("b.safetensors", "y");
		made = true;
	}
	fuzz_file("model.safetensors.index.json", data, size);
	am_tensors *t = NULL;
	am_error err = {0};
	if (fuzz_failed(am_tensors_open(fuzz_folder(), &t, &err), &err)) {
		fuzz_require(!t);
		return 0;
	}
	for (int i = 0; i < am_tensors_count(t); i++)
		fuzz_require(am_tensors_at(t, i)->bytes == 4 && am_tensors_find(t, am_tensors_at(t, i)->name));
	am_tensors_close(t);
	return 0;
}

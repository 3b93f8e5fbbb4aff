#include "base/fnv.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t am_fnv1a(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

void am_ids_digest(const int32_t *ids, size_t n, char out[AM_IDS_DIGEST])
{
	uint64_t h = AM_FNV_BASIS;
	for (size_t i = 0; i < n; i++) {
		uint32_t x = (uint32_t)ids[i];
		unsigned char bytes[] = {(unsigned char)x, (unsigned char)(x >> 8), (unsigned char)(x >> 16),
		                         (unsigned char)(x >> 24)};
		h = am_fnv1a(h, bytes, sizeof bytes);
	}
	snprintf(out, AM_IDS_DIGEST, "%016" PRIx64, h);
}

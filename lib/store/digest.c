#include "store/digest.h"

#define MIB ((size_t)1 << 20)
#define WHOLE (64 * MIB) /* data up to this is hashed in full */
#define PAGE 4096
#define PAGES 1024

uint64_t am_digest_sample(uint64_t h, const unsigned char *file, size_t size, size_t head)
{
	h = am_fnv1a(h, file, head);
	const unsigned char *data = file + head;
	size_t n = size - head;
	if (n <= WHOLE)
		return am_fnv1a(h, data, n);
	h = am_fnv1a(h, data, MIB);
	for (size_t i = 0; i < PAGES; i++)
		h = am_fnv1a(h, data + (n - PAGE) / PAGES * i, PAGE);
	return am_fnv1a(h, data + n - MIB, MIB);
}

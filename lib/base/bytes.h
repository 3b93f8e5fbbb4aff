/* A cursor over untrusted bytes: every read checks what is left by subtraction,
 * so a lying length cannot wrap. */
#ifndef AM_BASE_BYTES_H
#define AM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct am_bytes {
	const unsigned char *p, *end;
} am_bytes;

/* Bytes from the cursor to the end. */
static inline size_t am_bytes_left(const am_bytes *b)
{
	return (size_t)(b->end - b->p);
}

/* Takes n bytes; NULL (and nothing taken) when fewer are left. */
static inline const unsigned char *am_bytes_take(am_bytes *b, size_t n)
{
	if (n > am_bytes_left(b))
		return NULL;
	const unsigned char *p = b->p;
	b->p += n;
	return p;
}

/* Reads a little-endian 64-bit number; false when fewer than 8 bytes are left. */
static inline bool am_bytes_u64(am_bytes *b, uint64_t *out)
{
	const unsigned char *p = am_bytes_take(b, 8);
	if (!p)
		return false;
	uint64_t v = 0;
	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	*out = v;
	return true;
}

#endif

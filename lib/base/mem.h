/* Heap memory with overflow-checked sizes. All functions return NULL when the
 * size overflows or memory is short; am_free accepts NULL and frees what any of
 * them returned. A count of 0 gives a valid one-byte block. */
#ifndef AM_BASE_MEM_H
#define AM_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AM_ALIGN 64 /* bytes; a cache line and an AVX-512 vector */

/* n * size zeroed bytes, 64-byte aligned. */
void *am_calloc(size_t n, size_t size);
/* n * size bytes, 64-byte aligned, not initialised. */
void *am_alloc(size_t n, size_t size);
/* The same for much that is read through again and again: in large pages where the system
 * has them, so that their addresses are at hand. */
void *am_alloc_large(size_t n, size_t size);
/* Grows a block of am_calloc or am_alloc to n * size bytes, keeping `used`
 * bytes. On failure the old block stays valid. */
void *am_grow(void *p, size_t used, size_t n, size_t size);
void am_free(void *p);
/* Copy of a string, or of its first n bytes with a NUL added. */
char *am_strdup(const char *s);
char *am_strndup(const char *s, size_t n);

/* *out = a * b or a + b; false (and *out untouched) on overflow. */
bool am_mul_size(size_t a, size_t b, size_t *out);
bool am_add_size(size_t a, size_t b, size_t *out);

#endif

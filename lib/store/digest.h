/* FNV-1a 64 (Fowler, Noll, Vo): quick and short, not for security. */
#ifndef AM_STORE_DIGEST_H
#define AM_STORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define AM_FNV_BASIS 0xcbf29ce484222325u

/* The hash h continued over n bytes. */
uint64_t am_fnv1a(uint64_t h, const void *bytes, size_t n);

/* The hash h continued over a file's first `head` bytes and the sample of the
 * rest that am_tensors_digest describes. */
uint64_t am_digest_sample(uint64_t h, const unsigned char *file, size_t size, size_t head);

#endif

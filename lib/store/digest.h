/* Digests of files: FNV-1a 64. */
#ifndef AM_STORE_DIGEST_H
#define AM_STORE_DIGEST_H

#include "base/fnv.h"

/* The hash h continued over a file's first `head` bytes and the sample of the
 * rest that am_tensors_digest describes. */
uint64_t am_digest_sample(uint64_t h, const unsigned char *file, size_t size, size_t head);

#endif

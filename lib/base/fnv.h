/* FNV-1a 64 (Fowler, Noll, Vo): quick and short, not for security. */
#ifndef AM_BASE_FNV_H
#define AM_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define AM_FNV_BASIS 0xcbf29ce484222325u

/* The hash h continued over n bytes. */
uint64_t am_fnv1a(uint64_t h, const void *bytes, size_t n);

enum { AM_IDS_DIGEST = 17 }; /* 16 hex digits and a NUL */
/* Digest of token ids, each as 4 bytes, the lowest first. */
void am_ids_digest(const int32_t *ids, size_t n, char out[AM_IDS_DIGEST]);

#endif

/* HDF5's shuffle and deflate filters, applied here so that chunks can be handed
 * to the file as they are. A filter serves one thread. */
#ifndef AM_RUNFILE_FILTER_H
#define AM_RUNFILE_FILTER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct libdeflate_compressor;

typedef struct am_filter {
	int level; /* of deflate; 0: chunks are stored as they are; 1: planes.h, 2 to 9: libdeflate's */
	struct libdeflate_compressor *deflate;
	unsigned char *scratch; /* a chunk's other form, and what planes.h needs behind */
	size_t room; /* bytes of it */
} am_filter;

/* Skipping both filters of a chunk, as HDF5's filter mask says it. */
#define AM_FILTER_SKIP 3u

/* level: 0 to 9. */
am_status am_filter_init(am_filter *f, int level, am_error *err) AM_MUST_CHECK;
void am_filter_fini(am_filter *f);

/* Byte b of each of n elements of `size` bytes to out[b * stride ...], stride >= n. */
void am_filter_shuffle(const void *in, size_t n, size_t size, unsigned char *out, size_t stride);

/* Filters n elements of `size` bytes in place: *out_size bytes are left. Where
 * filtering does not make them smaller they are as before, in the order of elements. `shuffled`: they are in the order of
 * am_filter_shuffle already, with stride n; only with level > 0. inner[] are the elements along the last
 * axis and along the last two. *mask is the chunk's filter mask. On failure the elements are
 * untouched. */
am_status am_filter_chunk(am_filter *f, void *data, size_t n, size_t size, bool shuffled, const size_t inner[2],
                          size_t *out_size, uint32_t *mask, am_error *err) AM_MUST_CHECK;

#endif

/* HDF5's shuffle and deflate filters, applied here so that chunks can be handed
 * to the file as they are. */
#ifndef AM_RUNFILE_FILTER_H
#define AM_RUNFILE_FILTER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

typedef struct am_filter {
	int level; /* deflate level; 0: chunks are stored as they are */
	z_stream z;
	unsigned char *shuffled, *packed;
	size_t room; /* bytes of `shuffled`; `packed` has the same */
} am_filter;

/* Skipping both filters of a chunk, as HDF5's filter mask says it. */
#define AM_FILTER_SKIP 3u

/* level: 0 to 9, as of zlib. */
am_status am_filter_init(am_filter *f, int level, am_error *err) AM_MUST_CHECK;
void am_filter_fini(am_filter *f);

/* Filters n elements of `size` bytes. *out points to *out_size bytes, either
 * memory of the filter (valid until the next call) or `data` itself where
 * filtering does not make it smaller; *mask is the chunk's filter mask. */
am_status am_filter_chunk(am_filter *f, const void *data, size_t n, size_t size, const void **out,
                          size_t *out_size, uint32_t *mask, am_error *err) AM_MUST_CHECK;

#endif

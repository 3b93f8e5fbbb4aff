/* A dataset whose chunks already lie in the file: its shape, and where each
 * chunk is. What the index of the file is built from. */
#ifndef AM_RUNFILE_STORED_H
#define AM_RUNFILE_STORED_H

#include "runfile/filter.h"
#include "runfile/schema.h"
#include "runfile/space.h"

#include <stdbool.h>

typedef struct am_chunk {
	int64_t at[AM_MAX_AXES]; /* offset in elements along each axis */
	int64_t addr;
	uint32_t size, mask; /* bytes after the filters; filter mask */
} am_chunk;

typedef struct am_stored {
	am_type type;
	bool half; /* float32 kept as binary16 */
	bool shuffled; /* its chunks are handed over as am_filter_shuffle leaves them */
	int rank;  /* 0: there is no such dataset */
	unsigned unlimited; /* bit a: axis a may grow, so its last chunk may overhang */
	int64_t dims[AM_MAX_AXES], chunk[AM_MAX_AXES];
	am_chunk *chunks; /* in the order written */
	int n_chunks, room;
} am_stored;

size_t am_stored_element(const am_stored *d); /* bytes */
size_t am_stored_chunk_elements(const am_stored *d);
size_t am_stored_chunk_bytes(const am_stored *d);
/* Filters the elements of a chunk in place (filter.h). */
am_status am_stored_filter(const am_stored *d, am_filter *f, void *data, size_t *size, uint32_t *mask,
                           am_error *err) AM_MUST_CHECK;

/* Chooses chunk[] from dims[]: a contiguous piece of the array, trailing axes
 * whole, of at most `limit` bytes. */
void am_stored_choose_chunk(am_stored *d, size_t limit);

/* Writes the c->size filtered bytes of a chunk to a place of their own, c->addr,
 * and enters it. The only way chunks reach the file. */
am_status am_stored_place(am_stored *d, am_space *s, am_chunk *c, const void *data, am_error *err) AM_MUST_CHECK;

/* Bytes a chunk would take in the file; 0 when memory is short. */
int64_t am_stored_filtered_size(const am_stored *d, am_filter *f, const void *data);

/* Fills n elements with the fill value: NaN, or -1 for integers. */
void am_stored_fill(const am_stored *d, void *data, size_t n);

/* n elements of an open chunk from element `at` on: from data[], or the fill value. */
void am_stored_copy_at(const am_stored *d, unsigned char *chunk, size_t at, const void *data, size_t n);
void am_stored_fill_at(const am_stored *d, unsigned char *chunk, size_t at, size_t n);

void am_stored_fini(am_stored *d);

#endif

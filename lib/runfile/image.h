/* An HDF5 file driver that builds a file's metadata in memory.
 *
 * HDF5 creates a whole new file through it, every object and chunk index, while
 * nothing is written anywhere: metadata gathers in one block that will lie at
 * `base` of the real file, the superblock apart, and chunks keep the place they
 * already have there. The caller then writes the block into unused space and,
 * with one small write, the superblock; so the file on disk changes from one
 * whole state to the next and never passes through a state between. */
#ifndef AM_RUNFILE_IMAGE_H
#define AM_RUNFILE_IMAGE_H

#include "base/error.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first bytes of a file, for the superblock. Well within one page, so that
 * writing them is not torn by the death of the process. */
#define AM_IMAGE_HEAD 512

typedef struct am_image {
	int64_t base;        /* address of data[0] in the file */
	unsigned char *data; /* [size] */
	size_t size, room;
	int64_t end;         /* end of the file so far; the image may exceed it */
	unsigned char head[AM_IMAGE_HEAD];
	int64_t chunk;       /* where the next raw data lie already, -1 for none */
	bool begun;          /* HDF5 has taken space for the superblock */
	bool failed;         /* out of memory, or HDF5 did something unforeseen */
} am_image;

/* Metadata will lie from `base` on, in a file of `end` bytes so far. */
void am_image_init(am_image *m, int64_t base, int64_t end);
void am_image_fini(am_image *m);

/* New empty HDF5 file in `m`; H5Fclose, after which the image is whole unless
 * `failed`. Negative on failure. Metadata of default (oldest) format; nodes of the
 * chunk indexes are sized for `chunks`, those of the largest dataset. */
hid_t am_image_create(am_image *m, int chunks);

/* Enters a chunk of `size` filtered bytes that lies at `addr` into the index of
 * a chunked dataset; negative on failure. */
herr_t am_image_add_chunk(am_image *m, hid_t dataset, const hsize_t *offset, int64_t addr, size_t size,
                          uint32_t filter_mask);

#endif

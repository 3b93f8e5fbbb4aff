/* A whole HDF5 file, changed as the bytes of a fuzz input say: values, types, shapes, layouts, links and attributes. The
 * file stays well formed, so what is tried is our reading of it and not HDF5's parsing; everything happens in memory, by the
 * core driver and file images, but for the last copy that a reader opens. */
#ifndef AM_TESTS_FUZZ_H5_EDIT_H
#define AM_TESTS_FUZZ_H5_EDIT_H

#include "fuzz.h"

enum { H5_OBJECTS = 256, H5_PATH = 96 };

typedef struct h5_base {
	void *image;
	size_t size;
	char path[H5_OBJECTS][H5_PATH]; /* of groups and datasets, in the order of HDF5's visit */
	int n;
} h5_base;

/* Takes in a file. */
void h5_base_read(h5_base *base, const char *path);
/* The path of a copy with the edits. Each is a byte for what is done, one for the object (modulo their number), and
 * what that takes; at most 32. */
const char *h5_edit(const h5_base *base, fuzz_bytes *b);

#endif

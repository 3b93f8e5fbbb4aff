/* Dimension scales, each attached to all its datasets at once.
 *
 * H5DSattach_scale reads and writes anew, for every axis of a dataset, the list in the dataset and that in the scale:
 * work that grows with the square of how many datasets share a scale, and half the cost of an index. Here the lists
 * gather in memory and each becomes an attribute once: DIMENSION_LIST of a dataset (for each dimension references to its
 * scales) and REFERENCE_LIST of a scale (for each use a reference to the dataset and the dimension), as the
 * HDF5 Dimension Scale Specification defines them and H5DSattach_scale leaves them. */
#ifndef AM_RUNFILE_ATTACH_H
#define AM_RUNFILE_ATTACH_H

#include "runfile/scales.h"

#include <hdf5.h>
#include <stdbool.h>

typedef struct am_attach_use {
	hobj_ref_t dataset;
	int dimension;
} am_attach_use;

typedef struct am_attach_scale {
	char path[AM_SCALE_ROOM];
	hid_t id; /* open */
	hobj_ref_t ref;
	am_attach_use *use; /* [n] in the order of attaching */
	int n, room;
} am_attach_scale;

typedef struct am_attach {
	am_attach_scale *scale; /* [n] */
	int n, room;
	hid_t list_type, use_type; /* of elements of the two attributes */
} am_attach;

/* False on failure, here and below; am_attach_fini in any case. */
bool am_attach_init(am_attach *a);
/* Closes all scales. */
void am_attach_fini(am_attach *a);

/* Takes over the open dataset `id` at `path`, a scale already (H5DSset_scale); it is closed on failure too. */
bool am_attach_add(am_attach *a, const char *path, hid_t id);
/* Which scale lies at `path`, -1 for none. */
int am_attach_find(const am_attach *a, const char *path);

/* Attaches scale[d] to dimension d of a new dataset, for all `rank` of them; -1 leaves one without. */
bool am_attach_all(am_attach *a, hid_t dataset, int rank, const int *scale);
/* Writes into every scale what it is attached to: once, at the end. */
bool am_attach_finish(am_attach *a);

#endif

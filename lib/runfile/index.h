/* The HDF5 structure of a run: objects, attributes, dimension scales and chunk
 * indexes, built in memory from the writer's state. */
#ifndef AM_RUNFILE_INDEX_H
#define AM_RUNFILE_INDEX_H

#include "runfile/image.h"
#include "runfile/writer_state.h"

/* Builds the metadata of a file holding the first `rows` rows into `m` (after
 * am_image_init). */
am_status am_index_build(const am_run_writer *w, int64_t rows, am_image *m, am_error *err) AM_MUST_CHECK;

#endif

/* The header of one safetensors file: u64 length, JSON, then the data. */
#ifndef AM_STORE_SAFETENSORS_H
#define AM_STORE_SAFETENSORS_H

#include "base/error.h"
#include "base/file.h"
#include "store/tensors.h"

#define AM_SAFETENSORS_HEADER_LIMIT 100000000 /* bytes of JSON, by the format */

/* Checks the mapped file and lists its tensors in order of their data. *tensors
 * (am_free) and every name in it (am_free) are the caller's; `data` points into
 * the map and `file` is `path` itself. *data_start is the offset of the data. */
am_status am_safetensors_parse(const char *path, const am_file_map *map, am_tensor **tensors,
                               int *n, size_t *data_start, am_error *err) AM_MUST_CHECK;

#endif

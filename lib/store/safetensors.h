/* The header of one safetensors file: u64 length, JSON, then the data. */
#ifndef AM_STORE_SAFETENSORS_H
#define AM_STORE_SAFETENSORS_H

#include "base/error.h"
#include "base/file.h"
#include "store/tensors.h"

#define AM_SAFETENSORS_HEADER_LIMIT 100000000 /* bytes of JSON, by the format */

/* The strings of "__metadata__", one after the other: key, NUL, value, NUL; both with
 * any NUL of their own cut off there. */
typedef struct am_metadata {
	char *strings; /* am_free; NULL when there are none */
	size_t size;
} am_metadata;

/* Checks the mapped file and lists its tensors in order of their data. *tensors
 * (am_free) and every name in it (am_free) are the caller's; `data` points into
 * the map and `file` is `path` itself. *data_start is the offset of the data. */
am_status am_safetensors_parse(const char *path, const am_file_map *map, am_tensor **tensors, int *n,
                               am_metadata *metadata, size_t *data_start, am_error *err) AM_MUST_CHECK;

#endif

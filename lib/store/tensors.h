/* Named tensors in files: one safetensors file, or a directory holding
 * model.safetensors or, where that is absent, model.safetensors.index.json with
 * its shards.
 *
 * Files are mapped read-only and used as they lie; nothing is converted here.
 * Before a handle is given out everything the format promises is checked: header
 * length, JSON, offsets contiguous without gap or overlap, sizes against dtype
 * and shape, file length, duplicate names, no path separators in shard names,
 * every tensor of the index in the shard it names. A breach is AM_ERR_FORMAT;
 * types of less than a byte (F4, F6_*) and ranks above AM_MAX_RANK are
 * AM_ERR_UNSUPPORTED. A handle may be read by several threads at a time. */
#ifndef AM_STORE_TENSORS_H
#define AM_STORE_TENSORS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
	AM_DTYPE_BOOL, AM_DTYPE_U8, AM_DTYPE_I8, AM_DTYPE_F8_E4M3, AM_DTYPE_F8_E5M2, AM_DTYPE_F8_E8M0,
	AM_DTYPE_F8_E4M3FNUZ, AM_DTYPE_F8_E5M2FNUZ,
	AM_DTYPE_I16, AM_DTYPE_U16, AM_DTYPE_F16, AM_DTYPE_BF16,
	AM_DTYPE_I32, AM_DTYPE_U32, AM_DTYPE_F32,
	AM_DTYPE_I64, AM_DTYPE_U64, AM_DTYPE_F64, AM_DTYPE_C64,
	AM_DTYPE_COUNT
} am_dtype;

/* "F32" and so on, as safetensors spells it; bytes of one element. */
const char *am_dtype_name(am_dtype t);
size_t am_dtype_size(am_dtype t);

#define AM_MAX_RANK 8

/* "[2,3]", "[]" for a scalar. */
#define AM_SHAPE_TEXT (AM_MAX_RANK * 21 + 2)
void am_shape_text(int rank, const int64_t *shape, char out[AM_SHAPE_TEXT]);

typedef struct am_tensor {
	const char *name;
	am_dtype dtype;
	int rank;                   /* 0 for a scalar */
	int64_t shape[AM_MAX_RANK]; /* row-major, outermost first */
	const void *data;           /* little-endian; alignment is NOT promised by old files */
	size_t bytes;
	const char *file; /* path it lies in, for messages */
} am_tensor;

typedef struct am_tensors am_tensors;

/* `path` is a .safetensors file or a model directory. */
am_status am_tensors_open(const char *path, am_tensors **out, am_error *err) AM_MUST_CHECK;
void am_tensors_close(am_tensors *t);

/* NULL when there is none of that name. Valid until am_tensors_close. */
const am_tensor *am_tensors_find(const am_tensors *t, const char *name);
/* In order of shard name, then of data. All i in [0, count) are elements of one
 * array, so a tensor's index is its address less that of am_tensors_at(t, 0). */
int am_tensors_count(const am_tensors *t);
const am_tensor *am_tensors_at(const am_tensors *t, int i);

/* The tensor `name` with exactly this shape; otherwise AM_ERR_FORMAT naming
 * the file, the tensor, the shape expected and the shape found. */
am_status am_tensors_need(const am_tensors *t, const char *name, int rank, const int64_t *shape,
                          const am_tensor **out, am_error *err) AM_MUST_CHECK;

/* A string of the first file's "__metadata__"; NULL when it has no such key. Valid until
 * am_tensors_close. */
const char *am_tensors_metadata(const am_tensors *t, const char *key);
/* The file, or the index of the shards: for messages. */
const char *am_tensors_path(const am_tensors *t);

/* Bytes of all files together (mapped weights). */
size_t am_tensors_bytes(const am_tensors *t);

/* 16 hex digits + NUL to tell checkpoints apart: FNV-1a 64 over every file's
 * header and, of its data, the first and last MiB and 1024 evenly spaced 4 KiB
 * pages (the whole data when it is at most 64 MiB). Training or converting a
 * model changes it; an edit of a few bytes of a large file may not. */
void am_tensors_digest(const am_tensors *t, char out[17]);

#endif

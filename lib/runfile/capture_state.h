/* The capture reader's state, shared by its files. */
#ifndef AM_RUNFILE_CAPTURE_STATE_H
#define AM_RUNFILE_CAPTURE_STATE_H

#include "runfile/capture_file.h"
#include "runfile/h5.h"

enum { AM_CAPTURE_PATH = 64 };

struct am_capture_file {
	char *path;
	hid_t file;
	am_capture_info info;
	am_captured_layer *layer;
	am_captured_sequence *sequence;
	int dim[AM_CAPTURED_COUNT][2]; /* axes of a tensor after its first, 0: not seen yet */
};

/* How a tensor's values are stored. */
typedef enum { AM_STORED_F32, AM_STORED_F16, AM_STORED_BF16 } am_stored_number;

/* Path of a tensor within the file. */
void am_capture_tensor_path(const am_capture_file *c, int sequence, int layer, am_captured_tensor t,
                            char out[AM_CAPTURE_PATH]);
int am_captured_rank(am_captured_tensor t);
/* Opens a numeric dataset for reading, its data in the file itself; *out negative and AM_OK when there is none. */
am_status am_capture_dataset(const am_capture_file *c, const char *path, int rank, int64_t *shape, hid_t *out,
                             am_error *err) AM_MUST_CHECK;
/* float32, float16 or uint16 with attribute dtype "bfloat16". */
am_status am_capture_number(const am_capture_file *c, hid_t d, const char *path, am_stored_number *out,
                            am_error *err) AM_MUST_CHECK;

/* Attributes of one object, whose path is `object`. A required one that is missing or of another
 * type is an error, an optional one that is missing leaves *out alone. */
typedef struct am_capture_attrs {
	const am_capture_file *c;
	hid_t id;
	const char *object;
	am_error *err;
} am_capture_attrs;
/* An integer in [min, max]. */
am_status am_capture_attr_int(const am_capture_attrs *a, const char *name, bool needed, int64_t min, int64_t max,
                              int64_t *out) AM_MUST_CHECK;
/* Finite, and above 0 or, where `zero` says so, 0. */
am_status am_capture_attr_double(const am_capture_attrs *a, const char *name, bool needed, bool zero,
                                 double *out) AM_MUST_CHECK;
/* The text in new memory, "" when there is none. */
am_status am_capture_attr_text(const am_capture_attrs *a, const char *name, char **out) AM_MUST_CHECK;
/* H5Gclose; AM_ERR_FORMAT when there is no such group. */
am_status am_capture_group(const am_capture_file *c, const char *path, hid_t *out, am_error *err) AM_MUST_CHECK;
/* A list of n numbers (n < 0: 1 to `most`), as new int32 or float; *out NULL when an
 * optional one is absent. `found`: its length, may be NULL. */
am_status am_capture_list(const am_capture_file *c, const char *path, bool whole, int64_t n, int64_t most, bool needed,
                          void **out, int *found, am_error *err) AM_MUST_CHECK;

/* capture_open.c: layers, sequences and tensors. */
am_status am_capture_load(am_capture_file *c, am_error *err) AM_MUST_CHECK;

#endif

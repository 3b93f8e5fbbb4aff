/* Shared by the HDF5 code of this folder: quiet error handling, types and
 * attributes. */
#ifndef AM_RUNFILE_H5_H
#define AM_RUNFILE_H5_H

#include "base/error.h"
#include "runfile/schema.h"

#include <hdf5.h>
#include <stdbool.h>

/* Between begin and end HDF5 prints no error stack; what the last failed call said
 * is kept for am_h5_fail. end restores whatever the application had set. */
typedef struct am_h5_quiet {
	H5E_auto2_t print;
	void *ctx;
	bool saved;
} am_h5_quiet;
am_h5_quiet am_h5_begin(void);
void am_h5_end(const am_h5_quiet *q);

/* As am_fail, with ": " and the innermost message of the HDF5 call that failed
 * last, on this thread since am_h5_begin. */
am_status am_h5_fail(am_error *err, am_status s, const char *fmt, ...) AM_PRINTF(3, 4);

/* Predefined native type of a numeric am_type. Not to be closed. */
hid_t am_h5_native(am_type t);
/* New variable-length UTF-8 string type; H5Tclose. Negative on failure. */
hid_t am_h5_string(void);
/* New IEEE binary16 type in this machine's byte order; H5Tclose. */
hid_t am_h5_float16(void);

/* Writes a new scalar attribute of object `id`; negative on failure. */
herr_t am_h5_put_attr(hid_t id, const char *name, hid_t type, const void *value);
herr_t am_h5_put_attr_str(hid_t id, const char *name, const char *value);

#endif

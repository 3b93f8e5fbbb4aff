/* Shared by the HDF5 code of this folder: quiet error handling, types and
 * attributes. */
#ifndef AM_RUNFILE_H5_H
#define AM_RUNFILE_H5_H

#include "base/error.h"
#include "runfile/schema.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

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

/* Plain errors (missing, not permitted, a directory) in the system's words. */
am_status am_h5_check_file(const char *path, am_error *err) AM_MUST_CHECK;
/* Opens an HDF5 file for reading; AM_ERR_FORMAT with HDF5's words. Between am_h5_begin and am_h5_end. */
am_status am_h5_open(const char *path, hid_t *out, am_error *err) AM_MUST_CHECK;
/* Whether `path` exists within this file; links to elsewhere do not count. */
bool am_h5_exists(hid_t file, const char *path);
/* Data must be in the file itself: a crafted dataset can name any other. */
bool am_h5_stored_here(hid_t dataset);
/* shape[rank] of a dataset; AM_ERR_FORMAT naming `file` and `path` when it has another rank. */
am_status am_h5_shape(const char *file, hid_t d, const char *path, int rank, int64_t *shape, am_error *err) AM_MUST_CHECK;
/* More values than the bytes in the file can hold are not there: a few hundred
 * bytes may declare any shape, and be believed by every loop over it. `unwritten`
 * bytes are taken as fill values. */
bool am_h5_plausible(hid_t file, hid_t d, size_t size, int rank, const int64_t *shape, size_t unwritten);

#endif

/* Run files in forms that other tools open without HDF5: tidy CSV, JSON, NumPy's NPZ,
 * and a notebook that reads the run file itself. What each holds: docs/export.md. */
#ifndef AM_EXPORT_EXPORT_H
#define AM_EXPORT_EXPORT_H

#include "base/error.h"
#include "runfile/reader.h"

#include <stdbool.h>

typedef enum { AM_EXPORT_CSV, AM_EXPORT_JSON, AM_EXPORT_NPZ, AM_EXPORT_NOTEBOOK } am_export_format;

typedef struct am_export_options {
	am_export_format format;
	/* Fields in the order wanted; n_field 0: for CSV and JSON /row_nll and all of /stat and /pair, for
	 * NPZ every field of the run. A notebook takes none. */
	const am_field *field;
	int n_field;
	const char *output; /* NULL or "-": standard output (not for NPZ) */
	bool force;
} am_export_options;

/* Reads in pieces, so that runs larger than memory work. A field that the run does not have is
 * AM_ERR_FORMAT by name. */
am_status am_export(am_run *run, const am_export_options *o, am_error *err) AM_MUST_CHECK;

/* The field of that path ("/stat/entropy") or last part of it ("entropy"); false when there is none. */
bool am_export_field(const char *name, am_field *out);

#endif

/* What the files of the exporters share. */
#ifndef AM_EXPORT_INTERNAL_H
#define AM_EXPORT_INTERNAL_H

#include "base/outfile.h"
#include "notebooks-export/export.h"

#include <stddef.h>

/* A box of a numeric field in memory: the last axes whole, the first few one element wide. */
typedef struct am_slab {
	am_field field;
	int rank;
	int64_t start[AM_MAX_AXES], count[AM_MAX_AXES];
	size_t n; /* elements */
	const float *f32;   /* exactly one of the three, as the field's type says */
	const int32_t *i32;
	const int64_t *i64;
} am_slab;

typedef void am_slab_fn(void *ctx, const am_slab *slab);

/* Calls fn for boxes that together are the field, in row-major order, until done or the
 * output has failed. */
am_status am_slabs_each(am_run *run, am_field field, const am_outfile *o, am_slab_fn *fn, void *ctx,
                        am_error *err) AM_MUST_CHECK;
/* Element i as a double; NaN for fill values of counts. */
double am_slab_value(const am_slab *s, size_t i);

/* All strings of a field, n of them in new memory (am_export_free_strings). */
am_status am_export_strings(am_run *run, am_field field, char ***out, int64_t *n, am_error *err) AM_MUST_CHECK;
void am_export_free_strings(char **s, int64_t n);

/* The body of each format; `field` is never empty. */
am_status am_export_csv(am_run *run, const am_field *field, int n, am_outfile *o, am_error *err) AM_MUST_CHECK;
am_status am_export_json(am_run *run, const am_field *field, int n, am_outfile *o, am_error *err) AM_MUST_CHECK;
am_status am_export_npz(am_run *run, const am_field *field, int n, am_outfile *o, am_error *err) AM_MUST_CHECK;
/* `output` tells from where the notebook will open the run. */
am_status am_export_notebook(am_run *run, const char *output, am_outfile *o, am_error *err) AM_MUST_CHECK;

/* The attributes of the run as one JSON object. */
void am_export_attributes(const am_run *run, am_text *t);

/* Text of a template by its file name without ".ipynb.in"; NULL when there is none. */
const char *am_notebook_template(const char *name);

#endif

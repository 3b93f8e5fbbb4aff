/* Reads run files, complete or not (.part after a kill). No HDF5 type appears. */
#ifndef AM_RUNFILE_READER_H
#define AM_RUNFILE_READER_H

#include "base/error.h"
#include "base/text.h"
#include "base/threads.h"
#include "runfile/schema.h"
#include "runfile/shadow_fields.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct am_run am_run;

/* Of a program that closes its files itself, before any other call: HDF5 then does not look for what is open at its
 * end, where it reports in many words what a damaged file made it leak. */
void am_run_leave_exit(void);

/* Not HDF5, no run file, or a newer format_version is AM_ERR_FORMAT. */
am_status am_run_open(const char *path, am_run **out, am_error *err) AM_MUST_CHECK;
void am_run_close(am_run *r);

/* The path it was opened by, and whether the run was completed. */
const char *am_run_path(const am_run *r);
bool am_run_complete(const am_run *r);

/* Length of an axis, 0 when the run does not have it. ROW is the number of rows
 * present in every row field (an interrupted append is cut off). */
int64_t am_run_axis_length(const am_run *r, am_axis a);
/* Coordinates, converted; valid until close; NULL when the axis is absent. */
const double *am_run_axis_values(const am_run *r, am_axis a);

/* Shadowed selectors, valid until close; `scores` and `index` tell that the run may hold
 * the fields, am_run_has whether it does. */
int am_run_selector_count(const am_run *r);
const am_run_selector *am_run_selector_at(const am_run *r, int i);
/* Ids of fields, those of the selectors included, are below; and what each is. Valid until close. */
int am_run_field_end(const am_run *r);
const am_field_spec *am_run_field(const am_run *r, am_field f);

/* Whether the run holds the field. */
bool am_run_has(const am_run *r, am_field f);
/* Shape in axis order; returns the rank, 0 when absent. */
int am_run_shape(const am_run *r, am_field f, int64_t shape[AM_MAX_AXES]);

/* Reads the box start[], count[] (rank entries) of a numeric field, row-major,
 * converted to float or int32/int64. An absent field is AM_ERR_FORMAT by name. */
am_status am_run_read_f32(am_run *r, am_field f, const int64_t *start, const int64_t *count,
                          float *out, am_error *err) AM_MUST_CHECK;
am_status am_run_read_i32(am_run *r, am_field f, const int64_t *start, const int64_t *count,
                          int32_t *out, am_error *err) AM_MUST_CHECK;
am_status am_run_read_i64(am_run *r, am_field f, const int64_t *start, const int64_t *count,
                          int64_t *out, am_error *err) AM_MUST_CHECK;
/* Sweeps over whole fields, several times as fast as the calls above. Boxes that begin and
 * end where chunks do touch each chunk once; nothing is cached between calls. Chunks are
 * decompressed on the run's threads; the bytes read do not depend on how many.
 * f32 takes integer fields too. A damaged chunk is AM_ERR_FORMAT. */
am_status am_run_stream_f32(am_run *r, am_field f, const int64_t *start, const int64_t *count,
                            float *out, am_error *err) AM_MUST_CHECK;
am_status am_run_stream_i32(am_run *r, am_field f, const int64_t *start, const int64_t *count,
                            int32_t *out, am_error *err) AM_MUST_CHECK;
/* Length of the field's chunks along its axis `at`; 1 where it is not stored in chunks. */
int64_t am_run_chunk_length(am_run *r, am_field f, int at);
/* Threads for streaming, and for who reduces what was read; NULL: the caller's alone. They
 * stay the caller's and must outlive the run. */
void am_run_use_threads(am_run *r, am_threads *threads);
am_threads *am_run_threads(const am_run *r);
/* Element i of a string field (/sequence_name, /sequence_task); am_free. */
am_status am_run_read_string(am_run *r, am_field f, int64_t i, char **out, am_error *err) AM_MUST_CHECK;

/* Full distribution of row `row` of captured layer index `layer_index`, head
 * index `head_index`; *n its length; prob owned by the caller (am_free). */
am_status am_run_read_dist(am_run *r, int layer_index, int head_index, int64_t row, float **prob, int *n,
                           am_error *err) AM_MUST_CHECK;
bool am_run_has_dist(const am_run *r);

/* Root attributes; false when absent or of another type. The string is valid
 * until close. Names in file order by index for listing. */
bool am_run_attr_str(const am_run *r, const char *name, const char **out);
bool am_run_attr_int(const am_run *r, const char *name, int64_t *out);
bool am_run_attr_double(const am_run *r, const char *name, double *out);
int am_run_attr_count(const am_run *r);
const char *am_run_attr_name(const am_run *r, int i);
/* The value as text, for listing. */
const char *am_run_attr_text(const am_run *r, int i);

/* Validates structure (attributes, axes, scales, units, shapes, types) and
 * values (entropy in [0, ln n], masses in [0, 1] and non-decreasing in k, order
 * of Renyi entropies, 1 - M(k) <= H / ln(k+1), counts in [1, n], fill only where
 * allowed). Problems are appended to `report`, a line each (at most 50);
 * AM_ERR_CHECK when there is any. */
am_status am_run_check(am_run *r, am_text *report, am_error *err) AM_MUST_CHECK;

/* Whether the HDF5 library has the filters that run files need; AM_ERR_UNSUPPORTED names what it lacks. */
am_status am_run_filters(am_error *err) AM_MUST_CHECK;

#endif

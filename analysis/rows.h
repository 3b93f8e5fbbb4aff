/* Row statistics of a run in blocks of rows, for several sweeps over a file that
 * may be larger than memory. */
#ifndef AM_ANALYSIS_ROWS_H
#define AM_ANALYSIS_ROWS_H

#include "base/error.h"
#include "runfile/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_rows {
	am_run *run;
	am_field field;
	int n_layer, n_head, inner; /* inner: length of the last axis, 1 without one */
	bool heads;     /* there is an axis of heads or key/value heads; else n_head is 1 */
	int64_t n_rows;
	int64_t block;  /* rows a block; the last may be shorter */
	int64_t n_block;
	float *data;    /* kept blocks [n_layer][n_block], or room for one */
	unsigned char *loaded; /* [n_layer][n_block]; NULL when nothing is kept */
	/* Called for x[n_head][count][inner] after reading; may be set after open. */
	void (*edit)(void *ctx, int layer, float *x, int n_head, int64_t first, int64_t count);
	void *edit_ctx;
} am_rows;

/* A field of shape [layer][head][row] or [layer][head][row][inner], of key/value heads or
 * without heads likewise. With `keep`,
 * a field of at most 256 MiB is read once and kept. An absent field is
 * AM_ERR_FORMAT by name. The run must outlive the rows. */
am_status am_rows_open(am_run *run, am_field field, bool keep, am_rows *out, am_error *err) AM_MUST_CHECK;
/* The same with blocks of about block_bytes (at least 64 rows), kept when all of
 * the field is at most keep_bytes. */
am_status am_rows_open_sized(am_run *run, am_field field, size_t block_bytes, size_t keep_bytes, am_rows *out,
                             am_error *err) AM_MUST_CHECK;
void am_rows_close(am_rows *rows);

/* Block `b` of layer index `layer`: *data is [n_head][count][inner], valid until
 * the next call; rows first .. first + count - 1. Fill values are NaN. */
am_status am_rows_get(am_rows *rows, int layer, int64_t b, const float **data, int64_t *first,
                      int64_t *count, am_error *err) AM_MUST_CHECK;

#endif

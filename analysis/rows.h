/* Row statistics of a run in bands - some layers, all heads, a block of rows - for
 * several sweeps over a file that may be larger than memory. Bands begin and end where
 * the chunks of the file do; a sweep that goes
 *
 *     for (layer = 0; layer < n_layer; layer += rows.layers)
 *             for (b = 0; b < n_block; b++)
 *                     am_rows_band(&rows, layer, b, &band, err)
 *
 * decompresses each chunk once, on the threads of the run. */
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
	int layers;     /* layers a band; the last may have fewer */
	int64_t block;  /* rows a band; the last may have fewer */
	int64_t n_block;
	float *data;    /* kept bands [.][n_block], or room for one */
	unsigned char *loaded; /* [.][n_block]; NULL when nothing is kept */
	int64_t at;     /* the band in `data` where nothing is kept, -1: none */
	int32_t *visible; /* [layers][block] of the band at hand, or NULL */
	int64_t visible_at;
	/* Called for x[n_head][count][inner] of a layer after reading, whose rows see
	 * visible[count] keys (am_rows_want_visible); for several layers at a time. May be set
	 * after open. */
	void (*edit)(void *ctx, int layer, float *x, int n_head, int64_t count, const int32_t *visible);
	void *edit_ctx;
} am_rows;

/* A field of shape [layer][head][row] or [layer][head][row][inner], of key/value heads or
 * without heads likewise. With `keep`,
 * a field of at most 128 MiB is read once and kept. An absent field is
 * AM_ERR_FORMAT by name. The run must outlive the rows. */
am_status am_rows_open(am_run *run, am_field field, bool keep, am_rows *out, am_error *err) AM_MUST_CHECK;
/* The same with bands of about band_bytes (at least 64 rows of a layer), kept when all of
 * the field is at most keep_bytes. */
am_status am_rows_open_sized(am_run *run, am_field field, size_t band_bytes, size_t keep_bytes, am_rows *out,
                             am_error *err) AM_MUST_CHECK;
/* The same field of another run with as many layers and rows, in the same bands; nothing
 * is kept. */
am_status am_rows_open_like(am_run *run, const am_rows *like, am_rows *out, am_error *err) AM_MUST_CHECK;
void am_rows_close(am_rows *rows);

/* Bands tell how many keys their rows see. */
am_status am_rows_want_visible(am_rows *rows, am_error *err) AM_MUST_CHECK;

typedef struct am_rows_view {
	int layer, n_layer; /* the first, and how many */
	int64_t first, n;   /* rows */
	const float *x;     /* [n_layer][n_head][n][inner]; fill values are NaN */
	const int32_t *visible; /* [n_layer][n] when wanted */
} am_rows_view;

/* The band of block `b` that begins with layer index `layer`, a multiple of rows->layers.
 * Valid until the next call. */
am_status am_rows_band(am_rows *rows, int layer, int64_t b, am_rows_view *out, am_error *err) AM_MUST_CHECK;

/* Block `b` of any one layer index: *data is [n_head][count][inner], valid until
 * the next call; rows first .. first + count - 1. */
am_status am_rows_get(am_rows *rows, int layer, int64_t b, const float **data, int64_t *first,
                      int64_t *count, am_error *err) AM_MUST_CHECK;

/* Runs tasks 0 .. n_tasks - 1 on the threads of the run (base/threads.h). */
void am_rows_run(const am_rows *rows, int n_tasks, am_task_fn *fn, void *ctx);

#endif

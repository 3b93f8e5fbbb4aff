/* Writes a run file: OUT.part while running, renamed to OUT on am_run_writer_close.
 *
 * Every flushed row stays readable whenever the process dies. Chunks are written
 * once each and never moved. A flush writes all metadata anew into unused space
 * and then points the superblock at it with one small write, so that at every
 * moment the file is whole, as of the last flush. Room on the disk is reserved
 * before anything is written to it, so a full disk fails cleanly.
 *
 * Chunks are compressed and written in the background when contents.threads says
 * so: what an append hands over may fail only in a later append of whatever kind, put,
 * flush, wait or close. The file has the same bytes for any number of threads
 * that is flushed at the same rows. Beside the open chunks at most 32 MiB wait (1
 * MiB a thread where that is more); an append that would exceed it is held up. All
 * calls from one thread. After a failure only abandon (or close, which then fails)
 * makes sense: later calls repeat it. */
#ifndef AM_RUNFILE_WRITER_H
#define AM_RUNFILE_WRITER_H

#include "base/error.h"
#include "runfile/schema.h"
#include "runfile/shadow_fields.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct am_run_writer am_run_writer;

typedef struct am_run_axes {
	int n_layer;  const int32_t *layer;   /* captured layer ids */
	int n_head;   const int32_t *head;    /* captured query heads */
	int n_kv_head; const int32_t *kv_head; /* key/value head ids of the model */
	int n_k;      const int32_t *k;       /* counts */
	int n_ratio;  const double *ratio;    /* shares of the visible keys */
	int n_mass;   const double *mass;
	int n_rank;                           /* width of /topk, 0 for none */
	int n_distance_bin;                   /* bin 0: distance 0; bin b: [2^(b-1), 2^b) */
	int n_map;                            /* cells each way of /profile/map, 0 for none */
	int64_t n_row;                        /* rows expected in all (sizes chunks and index); 0: unknown */
} am_run_axes;

/* Which optional fields the run will hold; the rest follows from the axes
 * (an axis of length 0 leaves its fields out). */
typedef struct am_run_contents {
	bool output_error;
	bool deficit;      /* /stat/deficit */
	bool no_tokens, no_nll; /* token ids, likelihoods are not known: their fields are left out */
	bool pair;         /* /pair; a run without puts of /temperature has none */
	bool dist;         /* /dist/<layer>/prob and /offset */
	bool dist_float16; /* store prob as float16 */
	bool no_topk;      /* the rank axis is for the sets of selectors alone */
	int n_selectors;   /* shadowed ones, at most AM_RUN_SELECTORS */
	const am_run_selector *selector; /* used during open */
	int deflate;       /* 0..9; 1 in am_run */
	double flush_seconds; /* least time between two flushes; 0: 1 s, < 0: no least time */
	int threads;       /* of the writer, which compress in the background; 0 or 1: within the calls */
} am_run_contents;

/* Creates OUT.part, a run without rows that opens at once. AM_ERR_EXISTS when OUT
 * exists and !force, or when another process writes OUT.part; one that nobody
 * writes is replaced. At least one layer and head.
 * With path NULL nothing is written, only counted (for estimates). */
am_status am_run_writer_open(const char *path, bool force, const am_run_axes *axes,
                             const am_run_contents *contents, am_run_writer **out,
                             am_error *err) AM_MUST_CHECK;

/* Root attributes; a name set again takes the new value. format, format_version,
 * attnmeter_version, tie_rule, created, finished and complete are the writer's
 * own (AM_ERR_USAGE); all others are the caller's. */
am_status am_run_writer_attr_str(am_run_writer *w, const char *name, const char *value,
                                 am_error *err) AM_MUST_CHECK;
am_status am_run_writer_attr_int(am_run_writer *w, const char *name, int64_t value,
                                 am_error *err) AM_MUST_CHECK;
am_status am_run_writer_attr_double(am_run_writer *w, const char *name, double value,
                                    am_error *err) AM_MUST_CHECK;

/* A block of finished rows. field[f] points to an array in the field's own axis
 * order with n_rows in place of ROW, e.g. entropy [layer][head][n_rows]. NULL
 * leaves the rows of a field missing (NaN or -1); fields the run does not hold are
 * passed over. Copied; the caller may reuse its arrays. */
typedef struct am_run_block {
	int64_t n_rows;
	const void *field[AM_FIELD_COUNT];
} am_run_block;

/* Appends the rows of a block. After a failure the writer can only be abandoned. */
am_status am_run_writer_append(am_run_writer *w, const am_run_block *block, am_error *err) AM_MUST_CHECK;

/* What shadowed selectors say of a block's rows in one captured layer: the fields from AM_FIELD_COUNT on
 * (shadow_fields.h). Arrays as those of a block, but without the layer, e.g. chance [head][n_rows][k]. */
typedef struct am_run_layer {
	int64_t n_rows;
	const void *const *field; /* [am_shadow_field_end(n) - AM_FIELD_COUNT] */
	/* Those, likewise, that hold values on the rows sampled[n_sampled] of the block alone, ascending: n_sampled rows in
	 * place of n_rows, the others are missing. NULL: none. */
	const bool *sampled_field;
	int64_t n_sampled;
	const int32_t *sampled;
} am_run_layer;

/* Appends a layer (index into axes.layer) of rows that the next am_run_writer_append adds; layers ascend, and one
 * that is left out is missing. */
am_status am_run_writer_append_layer(am_run_writer *w, int layer_index, const am_run_layer *layer,
                                     am_error *err) AM_MUST_CHECK;

/* Full distributions of `n_rows` consecutive rows of one captured layer (index
 * into axes.layer): prob[n_head][sum of n], n[n_rows]. Rows must arrive in the
 * order of the row axis. */
am_status am_run_writer_append_dist(am_run_writer *w, int layer_index, int64_t n_rows, const int32_t *n,
                                    const float *prob, am_error *err) AM_MUST_CHECK;

/* Makes everything appended so far durable against the death of the process
 * (whole chunks; the tail that does not fill a chunk follows at close). Call
 * after each block; the writer decides by itself whether enough has gathered. */
am_status am_run_writer_flush(am_run_writer *w, am_error *err) AM_MUST_CHECK;

/* Waits until the background is idle: what was appended is compressed and written,
 * though not flushed. For measuring. */
am_status am_run_writer_wait(am_run_writer *w, am_error *err) AM_MUST_CHECK;

/* Rows that a reader would find now, were the process to die. */
int64_t am_run_writer_flushed_rows(const am_run_writer *w);

/* A field without ROW axis, whole and once: data in axis order; strings as
 * const char *const *, NULL for none. `n` is the length of its SEQUENCE or TOKEN
 * axis; of /token_offset the number of sequences, with one value more; of /profile
 * not used. Fields that share an axis must agree on it: else AM_ERR_USAGE. */
am_status am_run_writer_put(am_run_writer *w, am_field f, int64_t n, const void *data,
                            am_error *err) AM_MUST_CHECK;

/* Writes the tail, sets complete = 1, closes, renames to OUT. Frees w always. On
 * failure OUT is not touched and OUT.part keeps what was flushed. */
am_status am_run_writer_close(am_run_writer *w, am_error *err) AM_MUST_CHECK;
/* Closes without completing: OUT.part stays with complete = 0 and the rows returned, fewer than
 * were appended where there is no room for them. Accepts NULL. */
int64_t am_run_writer_abandon(am_run_writer *w);
/* Adds to what went wrong that the file `part` keeps so many rows. */
void am_run_part_keeps(const char *part, int64_t rows, am_error *err);

/* About the size of the file if it were closed now: what does not fill a chunk is
 * compressed to count it, so not for every block. */
int64_t am_run_writer_bytes(const am_run_writer *w);

#endif

/* Rows of the block and layer at hand scored once more, between am_session_attend_layer and
 * am_session_finish_layer: scores of all heads, and the keys that a sparse row keeps.
 *
 * What two sessions are held against each other by: neither has the other's rows when its own
 * are formed. Where the kernels bring products of their own (kernels->gemm_nt) the scores have
 * the bits of the forward pass; else, and for a block of one row, they are the same up to
 * float32 rounding, and a sparse row's set up to keys that are equal to it. */
#ifndef AM_MODEL_RESCORE_H
#define AM_MODEL_RESCORE_H

#include "model/forward.h"

/* Room for the rows of one worker. */
typedef struct am_rescore am_rescore;

/* Scores of `rows` query rows at a time, of all heads and up to the session's capacity of keys.
 * `worker` is the thread that will use it. am_rescore_free. */
am_status am_rescore_new(am_session *s, int rows, int worker, am_rescore **out, am_error *err) AM_MUST_CHECK;
void am_rescore_free(am_rescore *r);
/* Bytes that am_rescore_new takes. */
size_t am_rescore_bytes(const am_session *s, int rows);

/* Scores rows row[0 .. count) of the block, ascending, count at most `rows`. */
void am_rescore_run(am_rescore *r, int layer, const int *row, int count);

/* One row of one head; valid until the next am_rescore_run, `kept` until the next am_rescore_keep. */
typedef struct am_rescored {
	int first_key, n;     /* visible keys: positions first_key .. first_key + n - 1 */
	const float *score;   /* [n] final scores */
	const uint32_t *kept; /* [n] not 0: the key is kept; NULL: all are */
} am_rescored;

/* Makes row i of the last run the one at hand: finds its sets where it is sparse. */
void am_rescore_keep(am_rescore *r, int i);
/* A head of the row at hand. */
am_rescored am_rescore_head(const am_rescore *r, int head);

#endif

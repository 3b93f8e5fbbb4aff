/* The one point where capture looks into the forward pass.
 *
 * The forward pass asks what is wanted for a row, and hands each wanted row over
 * while it is still in the cache, or once its output is formed. lib/model knows nothing of what is done with it.
 * `wants` and `observe` are called from worker threads, for different rows at a
 * time; rows of one (layer, head) may come in any order within a block. After all
 * rows of a layer, `layer_done` is called once, from the caller's thread. */
#ifndef AM_MODEL_TAP_H
#define AM_MODEL_TAP_H

#include "base/error.h"
#include "kernels/kernels.h"
#include "select/selector.h"

#include <stdint.h>

/* One attention row: query (layer, head, position) over its visible keys.
 * Everything is valid during the call only. D = head size. */
typedef struct am_attn_row {
	int layer, head, kv_head;
	int row;            /* index within the block being run */
	int64_t position;   /* of the query in its sequence */
	int64_t first_key;  /* position of the first visible key */
	int n;              /* visible keys: first_key .. first_key + n - 1 = position */
	const float *score; /* [n] final scores (scale applied); NULL unless AM_TAP_SCORES */
	const float *weight; /* [n] exp(score - sums->max), not normalised */
	const float *lanes; /* of the weights, for kernels->spans; NULL: there are none */
	const am_row_sums *sums;
	const float *value; /* [n][D], row stride value_stride: this head's values */
	int64_t value_stride;
	const float *output; /* [D] softmax-weighted sum of values; may be NULL unless AM_TAP_OUTPUT */
	void *tally;         /* of the weights, for kernels->tally_mass once; NULL: none, or not yet */
	int head_dim;
} am_attn_row;

enum {
	AM_TAP_ROW = 1,    /* observe this row with full sums */
	AM_TAP_SCORES = 2, /* keep the scores beside the weights */
	AM_TAP_OUTPUT = 4, /* hand over once the output is formed */
	AM_TAP_MASSES = 8, /* observe its masses too, for which a tally of the weights is formed */
};

typedef struct am_tap {
	void *ctx;
	/* Flags above; 0 = not wanted. */
	unsigned (*wants)(void *ctx, int layer, int head, int64_t position);
	void (*observe)(void *ctx, int worker, const am_attn_row *row);
	/* Of rows with AM_TAP_MASSES, some time after `observe` of the same row, other rows between; with their tally
	 * where there is one, without partial sums. May be NULL where no row has that flag. */
	void (*observe_masses)(void *ctx, int worker, const am_attn_row *row);
	/* May be NULL. A failure stops the forward pass. */
	am_status (*layer_done)(void *ctx, int layer, am_error *err);
	/* Rows of all heads together, for what sets of keys are shared by or compared over: NULL
	 * all three, or none. `layer_begin` is called once a layer and block, from the caller's
	 * thread, before its rows; `observe_layer` for each row that `wants_layer` asked for,
	 * from worker threads, when the scores of all its heads are there (dense weights,
	 * also where the forward pass itself keeps only some keys). */
	am_status (*layer_begin)(void *ctx, const am_select_block *block, am_threads *threads, am_error *err);
	bool (*wants_layer)(void *ctx, int layer, int64_t position);
	void (*observe_layer)(void *ctx, int worker, const am_select_row *row);
} am_tap;

#endif

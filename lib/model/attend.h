/* Attention without a model around it: queries, keys and values recorded elsewhere go
 * through the tiles and the tap of the forward pass.
 *
 * A session over am_model_bare has no weights; its KV cache is filled by the caller
 * (am_session_keys, am_session_values) and am_session_attend runs one layer's attention
 * for a block of query rows. */
#ifndef AM_MODEL_ATTEND_H
#define AM_MODEL_ATTEND_H

#include "model/forward.h"

/* A model that is its config alone, which it owns from then on (also on failure). Only
 * sizes and windows of it are used; am_model_close. */
am_status am_model_bare(am_config *config, am_model **out, am_error *err) AM_MUST_CHECK;

/* A layer's cache of key/value head g, [capacity][head_dim]. */
float *am_session_keys(am_session *s, int layer, int g);
float *am_session_values(am_session *s, int layer, int g);

/* What was recorded of a block of rows; NULL where it was not. Shapes as of am_select_block. */
typedef struct am_attend_input {
	const float *q;          /* [rows][heads][head_dim] after rotation; NULL: no query was recorded */
	const float *x;
	const float *compressed;
	int compressed_dim;
	const float *index_q, *index_k, *index_w;
	int index_heads, index_dim;
} am_attend_input;

/* Attention of query rows at positions start .. start + rows - 1, at most `block` of the
 * session, over the cache's first start + rows positions. Rows go to the tap as in the
 * forward pass. Without queries the tap is told of the block's keys alone, with queries of 0.
 * Scores that are not finite are AM_ERR_NUMERIC. */
am_status am_session_attend(am_session *s, int layer, int start, int rows, const am_attend_input *in, const am_tap *tap,
                            am_error *err) AM_MUST_CHECK;

#endif

/* The forward pass a layer at a time: for two sessions that go through the same tokens
 * side by side, and for a sequence of which one layer is run several times.
 *
 *   am_session_begin
 *   for each layer: am_session_attend_layer, am_session_finish_layer
 *   am_session_end
 *
 * is am_session_forward. Between the two steps of a layer its queries, keys and values
 * and the selectors' sets are at hand (rescore.h). */
#ifndef AM_MODEL_LAYERS_H
#define AM_MODEL_LAYERS_H

#include "model/forward.h"

/* Begins a block of n >= 1 tokens at the session's position, their embeddings in the hidden
 * states; ids NULL: the caller puts the states there. Errors as of am_session_forward. After
 * success am_session_end must follow. */
am_status am_session_begin(am_session *s, const int32_t *ids, int n, am_error *err) AM_MUST_CHECK;
/* [block][hidden]: the block's states before a layer, after am_session_finish_layer behind it. */
float *am_session_hidden(am_session *s);

/* From the hidden states to the attention's outputs, rows to the tap. The layer's keys and
 * values are in the cache then; the hidden states are as before. */
am_status am_session_attend_layer(am_session *s, int layer, int n, const am_tap *tap, am_error *err) AM_MUST_CHECK;
/* From the outputs of the attention to the hidden states behind the layer. */
am_status am_session_finish_layer(am_session *s, int layer, int n, am_error *err) AM_MUST_CHECK;

/* Ends the block with the status of its layers, which it returns where that is a failure. With
 * io, whose ids and tap do not matter, the output head is run. The position moves on after success alone. */
am_status am_session_end(am_session *s, const am_forward_io *io, int n, am_status status, am_error *err) AM_MUST_CHECK;

#endif

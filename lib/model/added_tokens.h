/* The added tokens of a tokenizer.json: found in the text before anything else
 * splits it. Those with normalized = false are found in the raw text, the others
 * then in the normalised text between. The leftmost match wins, of several there
 * the longest. */
#ifndef AM_MODEL_ADDED_TOKENS_H
#define AM_MODEL_ADDED_TOKENS_H

#include "base/error.h"
#include "model/normalize.h"
#include "model/vocab.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_added_tokens am_added_tokens;

/* Reads the array (null or absent for none) and adds what is new to the
 * vocabulary. A content or an id that disagrees with the vocabulary, and two
 * tokens that match the same text, are AM_ERR_FORMAT. */
am_status am_added_tokens_new(const json_t *array, const am_normalizer *normalizer,
                              am_vocab *vocab, am_added_tokens **out, am_error *err) AM_MUST_CHECK;
void am_added_tokens_free(am_added_tokens *a);

/* A part of a text: an added token, or (id -1) what lies between two. */
typedef struct am_segment {
	size_t from, to; /* bytes; from < to, except for a token within blanks that
	                    the one before took (rstrip) */
	int32_t id;
} am_segment;

/* Cuts n bytes of valid UTF-8 into *segments (am_free), in order; `normalized`
 * picks the tokens. */
am_status am_added_tokens_split(const am_added_tokens *a, bool normalized, const char *text,
                                size_t n, am_segment **segments, size_t *n_segments,
                                am_error *err) AM_MUST_CHECK;

/* Whether the id is of a special added token. */
bool am_added_tokens_is_special(const am_added_tokens *a, int32_t id);
/* The text from which a decoder recovers the id: an added token as it stands
 * after normalisation. NULL when it is no added token. */
const char *am_added_tokens_text(const am_added_tokens *a, int32_t id);

#endif

/* Text to token ids and back, from a Hugging Face tokenizer.json.
 *
 * Models: BPE, byte-level (GPT-2, Llama-3, Qwen2 and other split patterns that
 * PCRE2 can run) and SentencePiece-style with byte fallback. Added tokens are
 * matched first, then normalisers, pre-tokenisers, merges; the post-processor
 * adds BOS/EOS. A component that changes the ids and is not known is refused by
 * name (AM_ERR_UNSUPPORTED). Input bytes that are not UTF-8 become U+FFFD, one
 * for each maximal invalid part, as Python's errors="replace" gives. */
#ifndef AM_MODEL_TOKENIZER_H
#define AM_MODEL_TOKENIZER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_tokenizer am_tokenizer;

/* Reads DIR/tokenizer.json (or the file itself). Immutable afterwards; one
 * tokenizer must not be used from two threads at once. */
am_status am_tokenizer_open(const char *path, am_tokenizer **out, am_error *err) AM_MUST_CHECK;
void am_tokenizer_close(am_tokenizer *t);

/* Ids of `bytes[0..n)`. With `special`, the post-processor's tokens (BOS, EOS)
 * are added. *ids is owned by the caller (am_free), never NULL on success. */
am_status am_tokenizer_encode(am_tokenizer *t, const char *bytes, size_t n, bool special,
                              int32_t **ids, size_t *n_ids, am_error *err) AM_MUST_CHECK;

/* Text of ids, NUL-terminated, owned by the caller. Special added tokens are
 * left out when `skip_special`. An id outside the vocabulary is AM_ERR_RANGE. */
am_status am_tokenizer_decode(am_tokenizer *t, const int32_t *ids, size_t n_ids, bool skip_special,
                              char **text, size_t *n_text, am_error *err) AM_MUST_CHECK;

/* 1 + the largest id, added tokens included. */
int am_tokenizer_size(const am_tokenizer *t);
/* The token as it stands in tokenizer.json, NULL when there is none. */
const char *am_tokenizer_token(const am_tokenizer *t, int32_t id);
/* Id of a token by that spelling, -1 when there is none. */
int32_t am_tokenizer_id(const am_tokenizer *t, const char *token);

#endif

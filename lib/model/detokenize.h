/* The decoder of a tokenizer.json: tokens back to text. ByteLevel, ByteFallback,
 * Fuse, Strip, Replace, Metaspace, BPEDecoder and sequences of them; any other
 * is AM_ERR_UNSUPPORTED. */
#ifndef AM_MODEL_DETOKENIZE_H
#define AM_MODEL_DETOKENIZE_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct am_detokenizer am_detokenizer;

/* null or absent gives a decoder that puts a blank between tokens. */
am_status am_detokenizer_new(const json_t *component, am_detokenizer **out,
                             am_error *err) AM_MUST_CHECK;
void am_detokenizer_free(am_detokenizer *d);

/* Token spellings on their way to text: one after another in `text`. */
typedef struct am_tokens {
	am_text text;
	size_t *end; /* [n] where each ends */
	size_t n, room;
	bool failed; /* memory ran out; sticky */
} am_tokens;

void am_tokens_push(am_tokens *t, const char *token, size_t n);
void am_tokens_fini(am_tokens *t);

/* Appends the text of *tokens, which it uses up, to `out`. */
am_status am_detokenizer_run(const am_detokenizer *d, am_tokens *tokens, am_text *out,
                             am_error *err) AM_MUST_CHECK;

#endif

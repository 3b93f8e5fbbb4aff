/* The decoder of a tokenizer.json: tokens back to text. ByteLevel, ByteFallback,
 * Fuse, Strip, Replace, Metaspace, BPEDecoder and sequences of them; any other
 * is AM_ERR_UNSUPPORTED. */
#ifndef AM_MODEL_DETOKENIZE_H
#define AM_MODEL_DETOKENIZE_H

#include "base/error.h"
#include "base/text.h"
#include "model/token_list.h"

#include <jansson.h>

typedef struct am_detokenizer am_detokenizer;

/* null or absent gives a decoder that puts a blank between tokens. */
am_status am_detokenizer_new(const json_t *component, am_detokenizer **out,
                             am_error *err) AM_MUST_CHECK;
void am_detokenizer_free(am_detokenizer *d);

/* Appends the text of *tokens, which it uses up, to `out`. */
am_status am_detokenizer_run(const am_detokenizer *d, am_token_list *tokens, am_text *out,
                             am_error *err) AM_MUST_CHECK;

#endif

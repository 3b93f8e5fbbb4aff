/* The normaliser of a tokenizer.json: NFC, NFD, NFKC, NFKD, Lowercase, Prepend,
 * Replace, Strip, ByteLevel and sequences of them. Any other is
 * AM_ERR_UNSUPPORTED. Unicode data are utf8proc's; the `tokenizers` library's are
 * of Unicode 9, so the few characters that later versions compose, decompose or
 * reorder can come out otherwise there. */
#ifndef AM_MODEL_NORMALIZE_H
#define AM_MODEL_NORMALIZE_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct am_normalizer am_normalizer;

/* null or absent gives a normaliser that changes nothing. */
am_status am_normalizer_new(const json_t *component, am_normalizer **out,
                            am_error *err) AM_MUST_CHECK;
void am_normalizer_free(am_normalizer *n);

/* Normalises `text` (valid UTF-8) in place. *at_start, true when the text begins
 * the input, becomes false when what is now its first character does not come
 * from the input's first one: Metaspace's "first" scheme asks for that. */
am_status am_normalizer_run(const am_normalizer *n, am_text *text, bool *at_start,
                            am_error *err) AM_MUST_CHECK;

#endif

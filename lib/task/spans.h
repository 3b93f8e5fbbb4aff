/* Where a piece of a prompt lies in its tokens, by what the tokens decode to. */
#ifndef AM_TASK_SPANS_H
#define AM_TASK_SPANS_H

#include "model/tokenizer.h"

#include <stddef.h>
#include <stdint.h>

typedef struct am_token_span {
	int start, end; /* tokens start .. end - 1; both -1 when not found */
} am_token_span;

/* The fewest tokens of ids[n_ids] (of `text`, special tokens included) that hold bytes
 * at .. at + n - 1 of the text. Not found when the tokens do not decode to the text. Costs about
 * 2 log2(n_ids) decodings. */
am_status am_span_of_bytes(am_tokenizer *t, const int32_t *ids, size_t n_ids, const char *text, size_t at, size_t n,
                           am_token_span *out, am_error *err) AM_MUST_CHECK;

#endif

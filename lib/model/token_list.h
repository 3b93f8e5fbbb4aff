/* Token spellings on their way to text, one after another. Initialise with {0}. */
#ifndef AM_MODEL_TOKEN_LIST_H
#define AM_MODEL_TOKEN_LIST_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct am_token_list {
	am_text text;
	size_t *end; /* [n] where each token ends in text */
	size_t n, room;
	bool failed; /* memory ran out; sticky */
} am_token_list;

/* Where a token begins in text. */
static inline size_t am_token_list_from(const am_token_list *l, size_t i)
{
	return i ? l->end[i - 1] : 0;
}

/* Adds a token, or makes one of what was appended to text since the last. */
void am_token_list_push(am_token_list *l, const char *token, size_t n);
void am_token_list_end(am_token_list *l);
void am_token_list_fini(am_token_list *l);

#endif

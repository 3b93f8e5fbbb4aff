/* The tokens of a tokenizer.json: spelling to id and back. */
#ifndef AM_MODEL_VOCAB_H
#define AM_MODEL_VOCAB_H

#include "base/error.h"
#include "model/strmap.h"

#include <jansson.h>

typedef struct am_vocab {
	am_strmap map;
	size_t *at;   /* [limit] place of a token in map.keys, SIZE_MAX where there is none */
	size_t limit; /* 1 + the largest id */
	size_t room;  /* of `at` */
} am_vocab;

/* Reads {token: id, ...}. A value that is not an id, or an id given twice, is
 * AM_ERR_FORMAT. */
am_status am_vocab_load(am_vocab *v, const json_t *object, am_error *err) AM_MUST_CHECK;
void am_vocab_fini(am_vocab *v);

/* Adds one token; the pair already there is no error, a token or an id already
 * taken by another is AM_ERR_FORMAT. */
am_status am_vocab_add(am_vocab *v, const char *token, int32_t id, am_error *err) AM_MUST_CHECK;

/* -1 when there is none. */
int32_t am_vocab_id(const am_vocab *v, const char *token, size_t n);
/* NULL when there is none (any id may be asked for); valid until the next add. */
const char *am_vocab_token(const am_vocab *v, int32_t id);

#endif

/* The pre-tokeniser of a tokenizer.json: cuts normalised text into the pieces
 * within which the model merges. ByteLevel, Split, Digits, Punctuation,
 * Whitespace, WhitespaceSplit, CharDelimiterSplit, Metaspace and sequences of
 * them; any other is AM_ERR_UNSUPPORTED. */
#ifndef AM_MODEL_PRETOKENIZE_H
#define AM_MODEL_PRETOKENIZE_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct am_pretokenizer am_pretokenizer;

/* Pieces of a text, in order, none empty; bytes cut away lie between them. */
typedef struct am_piece {
	size_t from, to;
} am_piece;

typedef struct am_pieces {
	am_text text;
	am_piece *piece; /* [n] */
	size_t n, room;
	bool at_start; /* the first piece begins the input */
	bool failed;   /* memory ran out; sticky */
} am_pieces;

/* Adds a piece, unless it is empty. */
void am_pieces_push(am_pieces *p, size_t from, size_t to);
void am_pieces_fini(am_pieces *p);

/* null or absent gives a pre-tokeniser that leaves pieces as they are. */
am_status am_pretokenizer_new(const json_t *component, am_pretokenizer **out,
                              am_error *err) AM_MUST_CHECK;
void am_pretokenizer_free(am_pretokenizer *t);

/* Splits and rewrites *p in place. */
am_status am_pretokenizer_run(const am_pretokenizer *t, am_pieces *p, am_error *err) AM_MUST_CHECK;

#endif

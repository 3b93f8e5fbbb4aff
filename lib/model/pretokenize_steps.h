/* What a pre-tokeniser is made of, between the loader and the runner: a flat
 * list of splits and rewrites. Every component of tokenizer.json becomes one to
 * three of them. */
#ifndef AM_MODEL_PRETOKENIZE_STEPS_H
#define AM_MODEL_PRETOKENIZE_STEPS_H

#include "model/pattern.h"
#include "model/pretokenize.h"

#include <stdbool.h>
#include <stddef.h>

/* What becomes of a delimiter; "the-final--word" split at "-". */
typedef enum {
	AM_SPLIT_ISOLATED,             /* the - final - - word */
	AM_SPLIT_REMOVED,              /* the final word */
	AM_SPLIT_CONTIGUOUS,           /* the - final -- word */
	AM_SPLIT_MERGED_WITH_PREVIOUS, /* the- final- - word */
	AM_SPLIT_MERGED_WITH_NEXT      /* the -final - -word */
} am_split_behaviour;

typedef struct am_split_step {
	am_pattern *match; /* owned */
	am_split_behaviour behaviour;
	bool invert; /* what lies between matches is the delimiter */
} am_split_step;

typedef enum {
	AM_REWRITE_PREFIX_BLANK,  /* a blank before a piece that does not begin with one */
	AM_REWRITE_BYTE_ALPHABET, /* bytes as characters of the byte-level alphabet */
	AM_REWRITE_METASPACE      /* blanks become the mark, and one is prepended */
} am_rewrite_kind;

typedef enum { AM_PREPEND_ALWAYS, AM_PREPEND_FIRST, AM_PREPEND_NEVER } am_prepend_scheme;

typedef struct am_rewrite_step {
	am_rewrite_kind kind;
	am_prepend_scheme scheme; /* Metaspace */
	char mark[5];             /* Metaspace: one character */
} am_rewrite_step;

typedef struct am_pretokenize_step {
	bool is_split;
	am_split_step split;
	am_rewrite_step rewrite;
} am_pretokenize_step;

struct am_pretokenizer {
	am_pretokenize_step *steps; /* [n] */
	size_t n;
};

/* Reads "replacement" and the scheme of a Metaspace (pre-tokeniser or decoder). */
am_status am_metaspace_load(const json_t *component, const char *where, char mark[5],
                            am_prepend_scheme *scheme, am_error *err) AM_MUST_CHECK;

#endif

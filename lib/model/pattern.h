/* Regular expressions and literals of a tokenizer.json, run by PCRE2.
 *
 * The file's expressions are written for Oniguruma (Ruby syntax, Unicode
 * classes). Constructs that mean the same in both, or can be rewritten to, are
 * accepted; any other is AM_ERR_UNSUPPORTED by name, never run with another
 * meaning. Unicode properties are those of PCRE2's tables. */
#ifndef AM_MODEL_PATTERN_H
#define AM_MODEL_PATTERN_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct am_pattern am_pattern;

/* `where` names the component in error details. */
am_status am_pattern_new(const char *expression, const char *where, am_pattern **out,
                         am_error *err) AM_MUST_CHECK;
/* The "pattern" of a component: {"Regex": expression} or {"String": text}, the
 * text not empty. */
am_status am_pattern_load(const json_t *component, const char *where, am_pattern **out,
                          am_error *err) AM_MUST_CHECK;
/* A pattern that matches exactly `text`, which must not be empty. */
am_status am_pattern_new_literal(const char *text, const char *where, am_pattern **out,
                                 am_error *err) AM_MUST_CHECK;
void am_pattern_free(am_pattern *p);

/* Successive matches in n bytes of valid UTF-8, which must stay in place. Start
 * with {pattern, text, n}. One scan at a time uses a pattern. */
typedef struct am_matches {
	am_pattern *pattern;
	const char *text;
	size_t n;
	size_t at;    /* where the next search starts */
	bool matched; /* whether a match ended at `last` */
	size_t last;
} am_matches;

typedef struct am_match {
	size_t from, to; /* bytes; from == to for an empty match */
	bool found;
} am_match;

/* The next match; not found at the end. An empty match right after another is
 * passed over. A search that needs too many steps is AM_ERR_UNSUPPORTED. */
am_status am_matches_next(am_matches *it, am_match *out, am_error *err) AM_MUST_CHECK;

/* Rewrites an Oniguruma expression for PCRE2 (UTF, UCP, MULTILINE, newline LF),
 * appending to `out`. */
am_status am_oniguruma_translate(const char *expression, const char *where, am_text *out,
                                 am_error *err) AM_MUST_CHECK;

#endif

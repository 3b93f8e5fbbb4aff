/* Checked access to the parts of tokenizer.json. Everything in that file is
 * untrusted; a value of the wrong type is AM_ERR_FORMAT with a detail
 * "WHERE: KEY: expected a string, found an integer". `where` is the name of the
 * component ("normalizer Replace"). Strings belong to the JSON value. */
#ifndef AM_MODEL_TOKENIZER_FIELDS_H
#define AM_MODEL_TOKENIZER_FIELDS_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Token ids, and so the tables indexed by them, stay below this. */
#define AM_TOKEN_ID_LIMIT (1 << 22)
/* Sequences inside sequences. */
#define AM_COMPONENT_DEPTH 16

/* A string of the file for a detail line: cut, controls and quotes escaped. Use
 * as am_quote(s).text within one expression. */
typedef struct am_quoted {
	char text[80];
} am_quoted;
am_quoted am_quote(const char *s);

/* "an object", "null", ... ; "nothing" for NULL. */
const char *am_json_kind(const json_t *v);

/* The value of a key that must be there. */
am_status am_field_string(const json_t *object, const char *key, const char *where,
                          const char **out, am_error *err) AM_MUST_CHECK;
am_status am_field_bool(const json_t *object, const char *key, const char *where, bool *out,
                        am_error *err) AM_MUST_CHECK;
am_status am_field_array(const json_t *object, const char *key, const char *where,
                         const json_t **out, am_error *err) AM_MUST_CHECK;
/* Absent or null leaves *out as it is. */
am_status am_field_bool_or(const json_t *object, const char *key, const char *where, bool *out,
                           am_error *err) AM_MUST_CHECK;
am_status am_field_string_or(const json_t *object, const char *key, const char *where,
                             const char **out, am_error *err) AM_MUST_CHECK;
/* A string of exactly one character. */
am_status am_field_char(const json_t *object, const char *key, const char *where,
                        const char **out, am_error *err) AM_MUST_CHECK;

/* A token id: an integer in [0, AM_TOKEN_ID_LIMIT). `what` names it. */
am_status am_json_id(const json_t *v, const char *what, int32_t *out, am_error *err) AM_MUST_CHECK;

/* Visits a component and, through "Sequence", those in its array `items`, in
 * order; null is no component. `visit` gets each one's "type". */
typedef am_status am_component_visit(void *ctx, const char *type, const json_t *component,
                                     am_error *err);
am_status am_components_walk(const json_t *v, const char *where, const char *items,
                             am_component_visit *visit, void *ctx, am_error *err) AM_MUST_CHECK;

#endif

/* Fields of a JSON object, with errors that say where, which key, what was expected and
 * what was found. `where` is "FILE:LINE". Absent and null are the same. */
#ifndef AM_TASK_FIELDS_H
#define AM_TASK_FIELDS_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "where: key: expected a string, found an integer"; key may be empty. */
am_status am_task_field_wrong(const char *where, const char *key, const char *expected, const json_t *found, am_error *err);

/* A string; *out (am_free) is left alone when it is absent and not needed. */
am_status am_task_field_text(const json_t *o, const char *key, bool need, const char *where, char **out, am_error *err);
/* The string itself, owned by `o`; needed. */
am_status am_task_field_view(const json_t *o, const char *key, const char *where, const char **out, am_error *err);
am_status am_task_field_int(const json_t *o, const char *key, const char *where, int64_t *out, am_error *err);
/* An array of strings, or, with `single`, one string: *list (am_free each and all) and *n.
 * Left alone when absent and not needed. */
am_status am_task_field_strings(const json_t *o, const char *key, bool need, bool single, const char *where, char ***list,
                           int *n, am_error *err);
/* An array of at least one element, needed. */
am_status am_task_field_array(const json_t *o, const char *key, const char *where, const json_t **out, am_error *err);

#endif

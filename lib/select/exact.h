/* The exact rankings of a row's keys, from its attention probabilities. */
#ifndef AM_SELECT_EXACT_H
#define AM_SELECT_EXACT_H

#include "select/selector.h"

/* What "exact" refers to: the head's own scores; probabilities summed over the heads of a
 * key/value head; over all heads of the layer; or the largest of the layer's. */
typedef enum { AM_REFERENCE_HEAD, AM_REFERENCE_GROUP, AM_REFERENCE_SUM, AM_REFERENCE_MAX, AM_REFERENCE_COUNT } am_reference;
const char *am_reference_name(am_reference r); /* "head", "group", "sum", "max" */
am_set_scope am_reference_scope(am_reference r);
/* The reference that a set shared so is judged by first: head, group, sum. */
am_reference am_reference_of(am_set_scope scope);

/* out[n] of a set (head, key/value head, 0): the keys' scores (AM_REFERENCE_HEAD), else sums or
 * maxima of probabilities, accumulated in head order. row has scores of `heads` heads, of
 * which `heads` / `kv_heads` share a key/value head. */
void am_reference_scores(const am_select_row *row, int heads, int kv_heads, am_reference r, int set, float *out);

#endif

/* Values of JSON appended to a text; the structure around them is the caller's. */
#ifndef AM_BASE_JSON_H
#define AM_BASE_JSON_H

#include "base/text.h"

#include <stdint.h>

/* A quoted string; NULL gives null. Control characters are escaped; bytes that
 * are not UTF-8 become U+FFFD, so that the result always parses. */
void am_json_string(am_text *t, const char *s);
/* The shortest of up to 9 significant digits (a float32 comes back exactly);
 * NaN and infinities, which JSON lacks, give null. */
void am_json_real(am_text *t, double x);
/* An array of strings, one for each line of `lines`. */
void am_json_lines(am_text *t, const char *lines);

#endif

/* A growable byte string, always NUL-terminated. An allocation failure is
 * sticky: later appends do nothing and am_text_ok is false, so a caller checks
 * once at the end. Initialise with {0}. */
#ifndef AM_BASE_TEXT_H
#define AM_BASE_TEXT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_text {
	char *data; /* NULL until the first append */
	size_t size, room;
	bool failed;
	bool styled; /* for a terminal: tables may set their headings in bold */
} am_text;

/* Adds n bytes, a string, or formatted text at the end. */
void am_text_append(am_text *t, const char *bytes, size_t n);
void am_text_puts(am_text *t, const char *s);
void am_text_printf(am_text *t, const char *fmt, ...) AM_PRINTF(2, 3);
/* A field of CSV as RFC 4180 quotes it: in quotes where it holds a comma, a quote or a line end. */
void am_text_csv(am_text *t, const char *s);
/* Bytes of the UTF-8 sequence at s (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF), 0 when it is malformed. The NUL at the end stops it. */
int am_utf8_length(const char *s);
/* Bytes of the mark of UTF-8 (a byte order mark) that some editors put in front: 3 where s[n] begins with it, else 0. */
size_t am_utf8_mark(const char *s, size_t n);
/* A word of a command line, in single quotes where a shell would not take it as it is. */
void am_text_shell(am_text *t, const char *s);
/* "0-3, 6": v[n] with whole numbers that follow each other drawn together. */
void am_text_ranges(am_text *t, const double *v, int64_t n);
/* Whether every append so far had memory. */
bool am_text_ok(const am_text *t);
/* The bytes, "" when empty; valid until the next append. */
const char *am_text_str(const am_text *t);
void am_text_clear(am_text *t);
void am_text_free(am_text *t);

#endif

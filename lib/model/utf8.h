/* UTF-8 and the few character classes a tokenizer needs.
 *
 * Text inside the tokenizer is always valid UTF-8: am_utf8_append_lossy makes
 * it so at the door, and the functions marked "valid text" rely on it. */
#ifndef AM_MODEL_UTF8_H
#define AM_MODEL_UTF8_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed sequence at p (1 to 4), 0 when there is none; then
 * *bad is the length of the maximal ill-formed part, at least 1. n >= 1 bytes
 * may be read. */
size_t am_utf8_sequence(const char *p, size_t n, size_t *bad);

/* Appends n bytes, each maximal ill-formed part replaced by U+FFFD. */
void am_utf8_append_lossy(am_text *out, const char *bytes, size_t n);

/* Valid text: bytes of the character that starts with this byte. */
static inline size_t am_utf8_width(char lead)
{
	unsigned char c = (unsigned char)lead;
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Valid text: the code point at p. */
uint32_t am_utf8_get(const char *p);
/* Valid text: where the character that ends at `at` starts (at > 0). */
size_t am_utf8_back(const char *text, size_t at);
/* Characters in n bytes of valid text. */
size_t am_utf8_count(const char *text, size_t n);
/* Writes a code point (not a surrogate), returns its width. */
size_t am_utf8_put(uint32_t c, char out[4]);

/* Unicode White_Space. */
bool am_char_is_space(uint32_t c);
/* What \w means in Unicode regular expressions (UTS 18): letters, marks,
 * decimal digits, connectors, joiners. */
bool am_char_is_word(uint32_t c);

/* The byte-level alphabet of GPT-2: every byte as one printable character, so
 * that any bytes are a string without blanks. Bytes 0x21-0x7E, 0xA1-0xAC and
 * 0xAE-0xFF stand for themselves, the other 68 are U+0100 to U+0143 in order. */
void am_byte_alphabet_append(am_text *out, const char *bytes, size_t n);
/* The bytes that n bytes of valid text stand for; false (and nothing appended)
 * when a character is not of the alphabet. */
bool am_byte_alphabet_decode(am_text *out, const char *text, size_t n);

#endif

#include "model/utf8.h"

#include <string.h>
#include <utf8proc.h>

/* Unicode table 3-7: the second byte's range depends on the first. */
static bool second_range(unsigned char lead, unsigned char *low, unsigned char *high)
{
	*low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	return lead >= 0xc2 && lead <= 0xf4;
}

size_t am_utf8_sequence(const char *p, size_t n, size_t *bad)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned char low, high;
	if (u[0] < 0x80)
		return 1;
	*bad = 1;
	if (!second_range(u[0], &low, &high))
		return 0;
	size_t width = am_utf8_width(p[0]);
	for (size_t i = 1; i < width; i++) {
		if (i >= n || u[i] < low || u[i] > high)
			return 0;
		*bad = i + 1;
		low = 0x80;
		high = 0xbf;
	}
	return width;
}

void am_utf8_append_lossy(am_text *out, const char *bytes, size_t n)
{
	size_t from = 0, at = 0, bad = 0;
	while (at < n) {
		size_t width = am_utf8_sequence(bytes + at, n - at, &bad);
		if (width) {
			at += width;
			continue;
		}
		am_text_append(out, bytes + from, at - from);
		am_text_append(out, "\xef\xbf\xbd", 3);
		from = at += bad;
	}
	am_text_append(out, bytes + from, n - from);
}

uint32_t am_utf8_get(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	switch (am_utf8_width(p[0])) {
	case 1:
		return u[0];
	case 2:
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	case 3:
		return (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	default:
		return (u[0] & 7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
	}
}

size_t am_utf8_back(const char *text, size_t at)
{
	do
		at--;
	while (((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

size_t am_utf8_count(const char *text, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

size_t am_utf8_put(uint32_t c, char out[4])
{
	return (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out);
}

bool am_char_is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

/* Alphabetic characters that are neither letters nor marks: circled and squared
 * Latin letters. */
static bool is_enclosed_letter(uint32_t c)
{
	return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
	       (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

bool am_char_is_word(uint32_t c)
{
	switch (utf8proc_category((utf8proc_int32_t)c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_PC:
		return true;
	default:
		return c == 0x200c || c == 0x200d || is_enclosed_letter(c);
	}
}

static uint32_t byte_to_char(unsigned char b)
{
	if (b <= 0x20)
		return 0x100u + b;
	if (b >= 0x7f && b <= 0xa0)
		return 0x121u + (b - 0x7fu);
	return b == 0xad ? 0x143 : b;
}

static int char_to_byte(uint32_t c)
{
	if (c >= 0x100 && c <= 0x120)
		return (int)(c - 0x100);
	if (c >= 0x121 && c <= 0x142)
		return (int)(c - 0x121 + 0x7f);
	if (c == 0x143)
		return 0xad;
	return c < 0x100 && byte_to_char((unsigned char)c) == c ? (int)c : -1;
}

void am_byte_alphabet_append(am_text *out, const char *bytes, size_t n)
{
	char block[512];
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		if (used + 4 > sizeof block) {
			am_text_append(out, block, used);
			used = 0;
		}
		used += am_utf8_put(byte_to_char((unsigned char)bytes[i]), block + used);
	}
	am_text_append(out, block, used);
}

bool am_byte_alphabet_decode(am_text *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i += am_utf8_width(text[i]))
		if (char_to_byte(am_utf8_get(text + i)) < 0)
			return false;
	for (size_t i = 0; i < n; i += am_utf8_width(text[i])) {
		char b = (char)char_to_byte(am_utf8_get(text + i));
		am_text_append(out, &b, 1);
	}
	return true;
}

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at p (RFC 3629: shortest form, no surrogates, at
 * most U+10FFFF), 0 when it is malformed. The NUL at the end stops it. */
static int utf8_length(const unsigned char *p)
{
	static const struct {
		unsigned char first, last, low, high; /* first byte, range of the second */
		int n;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	if (*p < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (*p < forms[i].first || *p > forms[i].last)
			continue;
		if (p[1] < forms[i].low || p[1] > forms[i].high)
			return 0;
		for (int j = 2; j < forms[i].n; j++)
			if ((p[j] & 0xc0) != 0x80)
				return 0;
		return forms[i].n;
	}
	return 0;
}

static void escape(am_text *t, unsigned char c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* character, letter */
	for (const char *p = letters; *p; p += 2)
		if (c == (unsigned char)*p) {
			am_text_printf(t, "\\%c", p[1]);
			return;
		}
	am_text_printf(t, "\\u%04x", c);
}

void am_json_string(am_text *t, const char *s)
{
	if (!s) {
		am_text_puts(t, "null");
		return;
	}
	am_text_puts(t, "\"");
	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		int n = utf8_length(p);
		if (n == 1 && (*p < 0x20 || *p == '"' || *p == '\\'))
			escape(t, *p);
		else if (n)
			am_text_append(t, (const char *)p, (size_t)n);
		else
			am_text_puts(t, "\xef\xbf\xbd");
		p += n ? n : 1;
	}
	am_text_puts(t, "\"");
}

void am_json_real(am_text *t, double x)
{
	if (!isfinite(x))
		am_text_puts(t, "null");
	else
		am_text_printf(t, "%.9g", x);
}

void am_json_lines(am_text *t, const char *lines)
{
	const char *comma = "";
	am_text line = {0};
	am_text_puts(t, "[");
	while (*lines) {
		size_t n = strcspn(lines, "\n");
		am_text_clear(&line);
		am_text_append(&line, lines, n);
		am_text_puts(t, comma);
		am_json_string(t, am_text_str(&line));
		comma = ", ";
		lines += n + (lines[n] == '\n');
	}
	am_text_puts(t, "]");
	am_text_free(&line);
}

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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
		int n = am_utf8_length((const char *)p);
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

#include "report/html.h"

#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *entity(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

void am_html_text(am_text *t, const char *s)
{
	for (int n; s && *s; s += n ? n : 1) {
		n = am_utf8_length(s);
		const char *e = entity(*s);
		if (e)
			am_text_puts(t, e);
		else if (!n)
			am_text_puts(t, "\xef\xbf\xbd");
		else if (n == 1 && ((unsigned char)*s < ' ' || *s == 127) && *s != '\n')
			am_text_puts(t, " ");
		else
			am_text_append(t, s, (size_t)n);
	}
}

void am_html_element(am_text *t, const char *tag, const char *text)
{
	am_text_printf(t, "<%s>", tag);
	am_html_text(t, text);
	am_text_printf(t, "</%.*s>", (int)strcspn(tag, " "), tag);
}

static const char *value_of(const char *const *words, const char *name, size_t n)
{
	for (; *words; words += 2)
		if (strlen(words[0]) == n && !memcmp(words[0], name, n))
			return words[1];
	return NULL;
}

void am_html_expand(am_text *t, const char *template_text, const char *const *words)
{
	assert(template_text);
	for (const char *c = template_text; *c;) {
		size_t n = *c == '@' ? strspn(c + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
		if (!n || c[n + 1] != '@') {
			am_text_append(t, c++, 1);
			continue;
		}
		const char *value = value_of(words, c + 1, n);
		assert(value);
		am_text_puts(t, value);
		c += n + 2;
	}
}

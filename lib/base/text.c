#include "base/text.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool reserve(am_text *t, size_t more)
{
	if (t->failed || more > (size_t)-1 / 4 - t->size)
		return t->failed = true, false;
	if (t->size + more + 1 <= t->room)
		return true;
	size_t room = t->room ? t->room : 64;
	while (room < t->size + more + 1)
		room *= 2;
	char *p = am_grow(t->data, t->size, room, 1);
	if (!p)
		return t->failed = true, false;
	t->data = p;
	t->room = room;
	return true;
}

void am_text_append(am_text *t, const char *bytes, size_t n)
{
	if (!reserve(t, n))
		return;
	if (n)
		memcpy(t->data + t->size, bytes, n);
	t->size += n;
	t->data[t->size] = 0;
}

void am_text_puts(am_text *t, const char *s)
{
	am_text_append(t, s, strlen(s));
}

void am_text_printf(am_text *t, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		t->failed = true;
	else if (reserve(t, (size_t)n)) {
		vsnprintf(t->data + t->size, (size_t)n + 1, fmt, again);
		t->size += (size_t)n;
	}
	va_end(again);
}

void am_text_csv(am_text *t, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		am_text_puts(t, s);
		return;
	}
	am_text_puts(t, "\"");
	for (; *s; s++)
		am_text_append(t, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	am_text_puts(t, "\"");
}

size_t am_utf8_mark(const char *s, size_t n)
{
	static const char mark[] = {'\xef', '\xbb', '\xbf'};
	return n >= sizeof mark && !memcmp(s, mark, sizeof mark) ? sizeof mark : 0;
}

int am_utf8_length(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
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

void am_text_shell(am_text *t, const char *s)
{
	bool plain = *s && !s[strcspn(s, " \t\n\"'\\$`&|;<>()*?[]{}!#~")];
	am_text_puts(t, plain ? "" : "'");
	for (; *s; s++)
		am_text_append(t, *s == '\'' ? "'\\''" : s, *s == '\'' ? 4 : 1);
	am_text_puts(t, plain ? "" : "'");
}

void am_text_ranges(am_text *t, const double *v, int64_t n)
{
	int64_t j;
	for (int64_t i = 0; i < n; i = j + 1) {
		for (j = i; j + 1 < n && v[j + 1] == v[j] + 1 && v[j] == (double)(int64_t)v[j]; j++)
			;
		if (j < i + 2)
			j = i;
		am_text_printf(t, "%s%g", i ? ", " : "", v[i]);
		if (j > i)
			am_text_printf(t, "-%g", v[j]);
	}
}

bool am_text_ok(const am_text *t)
{
	return !t->failed;
}

const char *am_text_str(const am_text *t)
{
	return t->data ? t->data : "";
}

void am_text_clear(am_text *t)
{
	t->size = 0;
	if (t->data)
		t->data[0] = 0;
}

void am_text_free(am_text *t)
{
	am_free(t->data);
	*t = (am_text){0};
}

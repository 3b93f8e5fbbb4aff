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

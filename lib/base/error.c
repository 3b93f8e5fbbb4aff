#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int exit_code;
} statuses[AM_STATUS_COUNT] = {
	[AM_OK] = {"ok", 0},
	[AM_ERR_MEMORY] = {"memory", 1},
	[AM_ERR_IO] = {"io", 1},
	[AM_ERR_EXISTS] = {"exists", 1},
	[AM_ERR_FORMAT] = {"format", 1},
	[AM_ERR_UNSUPPORTED] = {"unsupported", 1},
	[AM_ERR_RANGE] = {"range", 1},
	[AM_ERR_NUMERIC] = {"numeric", 1},
	[AM_ERR_USAGE] = {"usage", 2},
	[AM_ERR_CHECK] = {"check", 3},
	[AM_ERR_STOPPED] = {"stopped", 1},
};

const char *am_status_name(am_status s)
{
	return (unsigned)s < AM_STATUS_COUNT ? statuses[s].name : "unknown";
}

int am_status_exit_code(am_status s)
{
	return (unsigned)s < AM_STATUS_COUNT ? statuses[s].exit_code : 1;
}

/* Names and texts of foreign files may hold line ends or escape sequences. */
static void make_one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

am_status am_fail(am_error *err, am_status s, const char *fmt, ...)
{
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, ap);
		va_end(ap);
		make_one_line(err->text);
		err->status = s;
	}
	return s;
}

am_status am_fail_in(am_error *err, am_status s, const char *fmt, ...)
{
	if (err) {
		char inner[sizeof err->text];
		memcpy(inner, err->text, sizeof inner);
		va_list ap;
		va_start(ap, fmt);
		int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
		va_end(ap);
		if (n >= 0 && (size_t)n < sizeof err->text &&
		    snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", inner) < 0)
			err->text[n] = 0;
		make_one_line(err->text);
		err->status = s;
	}
	return s;
}

#include "cli/report.h"

#include "base/outfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void prefix(const char *command)
{
	fflush(stdout); /* keeps the two streams in order on a terminal */
	fprintf(stderr, command ? "attnmeter %s: " : "attnmeter: ", command);
}

int am_report_error(const char *command, am_status s, const am_error *err)
{
	prefix(command);
	fprintf(stderr, "%s\n", err && err->text[0] ? err->text : am_status_name(s));
	return am_status_exit_code(s);
}

int am_report_usage(const char *command, const char *fmt, ...)
{
	va_list ap;
	prefix(command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry 'attnmeter %s%s--help'.\n", command ? command : "", command ? " " : "");
	return am_status_exit_code(AM_ERR_USAGE);
}

void am_report_notes(const char *command, const char *lines)
{
	while (*lines) {
		int n = (int)strcspn(lines, "\n");
		if (n) {
			prefix(command);
			fprintf(stderr, "note: %.*s\n", n, lines);
		}
		lines += n + (lines[n] == '\n');
	}
}

void am_report_files(const char *paths)
{
	while (*paths) {
		int n = (int)strcspn(paths, "\n");
		fprintf(stderr, "wrote %.*s\n", n, paths);
		paths += n + (paths[n] == '\n');
	}
}

am_status am_report_write(const char *path, bool force, const am_text *text, am_error *err)
{
	return am_outfile_put(path, force, text, err);
}

int am_report_finish(const char *command, int code)
{
	errno = 0;
	bool whole = fflush(stdout) == 0 && !ferror(stdout);
	if (whole || errno == EPIPE || code) /* a failure has been told already */
		return code;
	am_error err;
	am_status s = am_fail(&err, AM_ERR_IO, "standard output: cannot write: %s",
	                      errno ? strerror(errno) : "output error");
	return am_report_error(command, s, &err);
}

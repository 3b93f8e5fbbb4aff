#include "cli/report.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static am_status write_stream(FILE *f, const char *name, const am_text *text, am_error *err)
{
	const char *bytes = am_text_str(text);
	if (fwrite(bytes, 1, text->size, f) == text->size && fflush(f) == 0)
		return AM_OK;
	int code = errno;
	if (code == EPIPE) { /* the reader has seen enough */
		clearerr(f);
		return AM_OK;
	}
	return am_fail(err, AM_ERR_IO, "%s: cannot write: %s", name, strerror(code));
}

/* Into PATH.part, then renamed, so that a full disk leaves no half table. */
static am_status write_file(const char *path, const am_text *text, am_error *err)
{
	am_text part = {0};
	am_text_printf(&part, "%s.part", path);
	if (!am_text_ok(&part))
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	am_status s = AM_OK;
	FILE *f = fopen(am_text_str(&part), "wb");
	if (!f) {
		s = am_fail(err, AM_ERR_IO, "%s: cannot create: %s", path, strerror(errno));
	} else {
		s = write_stream(f, path, text, err);
		if (fclose(f) != 0 && !s)
			s = am_fail(err, AM_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
		if (!s && rename(am_text_str(&part), path) != 0)
			s = am_fail(err, AM_ERR_IO, "%s: cannot rename: %s", path, strerror(errno));
		if (s)
			unlink(am_text_str(&part));
	}
	am_text_free(&part);
	return s;
}

am_status am_report_write(const char *path, bool force, const am_text *text, am_error *err)
{
	if (!am_text_ok(text))
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path ? path : "standard output");
	if (!path || !strcmp(path, "-"))
		return write_stream(stdout, "standard output", text, err);
	struct stat st;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return am_fail(err, AM_ERR_IO, "%s: is a directory", path);
		if (S_ISREG(st.st_mode) && !force)
			return am_fail(err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", path);
		if (!S_ISREG(st.st_mode)) { /* a pipe or device has no final name to protect */
			FILE *f = fopen(path, "wb");
			if (!f)
				return am_fail(err, AM_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
			am_status s = write_stream(f, path, text, err);
			fclose(f);
			return s;
		}
	}
	return write_file(path, text, err);
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

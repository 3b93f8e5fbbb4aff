#include "cli/report.h"

#include "base/outfile.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void prefix(const char *command)
{
	fflush(stdout); /* keeps the two streams in order on a terminal */
	fprintf(stderr, command ? "attnmeter %s: " : "attnmeter: ", command);
}

int am_report_error(const char *command, am_status s, const am_error *err)
{
	prefix(command);
	fprintf(stderr, "%s%s%s\n", am_style_on(AM_STYLE_ERROR), err && err->text[0] ? err->text : am_status_name(s),
	        am_style_off());
	return am_status_exit_code(s);
}

/* What to do about a run file that could not be opened, "" where there is nothing to say. */
static void advise(const char *path, am_status s, const am_error *err, am_text *note)
{
	am_text part = {0};
	am_text_printf(&part, "%s.part", path);
	bool absent = s == AM_ERR_IO && access(path, F_OK) != 0;
	if (absent && access(am_text_str(&part), F_OK) == 0)
		am_text_printf(note, "%s is there: its run goes on or was interrupted, and it can be read as it is\n", am_text_str(&part));
	else if (absent || strstr(err->text, "not a readable HDF5 file") || strstr(err->text, "not a run file"))
		am_text_puts(note, "run files are what 'attnmeter run' and 'attnmeter replay' write with -o\n");
	am_text_free(&part);
}

int am_report_run_error(const char *command, const char *path, bool quiet, am_status s, const am_error *err)
{
	int code = am_report_error(command, s, err);
	am_text note = {0};
	advise(path, s, err, &note);
	if (!quiet)
		am_report_notes(command, am_text_str(&note));
	am_text_free(&note);
	return code;
}

int am_report_usage(const char *command, const char *fmt, ...)
{
	va_list ap;
	prefix(command);
	fputs(am_style_on(AM_STYLE_ERROR), stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n%sTry 'attnmeter %s%s--help'.%s\n", am_style_off(), am_style_on(AM_STYLE_FAINT), command ? command : "",
	        command ? " " : "", am_style_off());
	return am_status_exit_code(AM_ERR_USAGE);
}

void am_report_notes(const char *command, const char *lines)
{
	while (*lines) {
		int n = (int)strcspn(lines, "\n");
		if (n) {
			prefix(command);
			fprintf(stderr, "%snote:%s %.*s\n", am_style_on(AM_STYLE_NOTE), am_style_off(), n, lines);
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

am_text am_report_text(const char *path)
{
	bool out = !path || !strcmp(path, "-");
	return (am_text){.styled = out && am_terminal_color(STDOUT_FILENO)};
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

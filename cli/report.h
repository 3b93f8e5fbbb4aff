/* What a command says and how it ends: errors and talk on stderr, results on
 * stdout or in a file, every write checked. */
#ifndef AM_CLI_REPORT_H
#define AM_CLI_REPORT_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>

/* "attnmeter COMMAND: text" on stderr; returns the exit code of the status. */
int am_report_error(const char *command, am_status s, const am_error *err);
/* The same where the run file at `path` could not be opened, with a note on what to do unless
 * `quiet`. */
int am_report_run_error(const char *command, const char *path, bool quiet, am_status s, const am_error *err);
/* The same from a format, with a pointer to --help; returns 2. */
int am_report_usage(const char *command, const char *fmt, ...) AM_PRINTF(2, 3);
/* "attnmeter COMMAND: note: text" on stderr for each line of `lines`. */
void am_report_notes(const char *command, const char *lines);
/* "wrote PATH" on stderr for each line of `paths`. */
void am_report_files(const char *paths);

/* An empty text that will be written to `path`, styled where that is a terminal. */
am_text am_report_text(const char *path);
/* Writes text to stdout (path NULL or "-") or to a file, which gets its name only
 * when it is whole. AM_ERR_EXISTS when a regular file exists and !force. A
 * reader that has gone away (`| head`) is no error. */
am_status am_report_write(const char *path, bool force, const am_text *text, am_error *err) AM_MUST_CHECK;

/* Flushes stdout. Returns `code`, or 1 with a message when the flush failed. */
int am_report_finish(const char *command, int code);

#endif

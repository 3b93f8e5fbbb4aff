/* An output that gets its name only when it is whole: PATH.part while writing, renamed
 * at the end. Standard output, pipes and devices are written directly. */
#ifndef AM_BASE_OUTFILE_H
#define AM_BASE_OUTFILE_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_outfile am_outfile;

/* AM_ERR_USAGE where the output is the file of an input: no result replaces what it is made of. NULL: there is none. */
am_status am_outfile_apart(const char *output, const char *input, am_error *err) AM_MUST_CHECK;

/* path NULL or "-": standard output. AM_ERR_EXISTS when a regular file exists and
 * !force; a folder is AM_ERR_IO. */
am_status am_outfile_open(const char *path, bool force, am_outfile **out, am_error *err) AM_MUST_CHECK;
/* Appends n bytes; a failure is told by am_outfile_close, so loops need no checks but
 * may ask am_outfile_ok to end early. */
void am_outfile_write(am_outfile *o, const void *bytes, size_t n);
bool am_outfile_ok(const am_outfile *o);
/* Bytes written so far. */
int64_t am_outfile_at(const am_outfile *o);
/* Replaces bytes written before, at `at`. False where the output cannot be sought. */
bool am_outfile_patch(am_outfile *o, int64_t at, const void *bytes, size_t n);
/* Ends it; frees o. With `keep` and no failure so far the file gets its name, otherwise
 * nothing is left. A reader of standard output or a pipe that has gone away is no error. */
am_status am_outfile_close(am_outfile *o, bool keep, am_error *err) AM_MUST_CHECK;

/* All of it in one step. */
am_status am_outfile_put(const char *path, bool force, const am_text *text, am_error *err) AM_MUST_CHECK;

#endif

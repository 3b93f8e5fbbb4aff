/* Whole files, gzip or plain. */
#ifndef AM_TASK_INFLATE_H
#define AM_TASK_INFLATE_H

#include "base/error.h"

#include <stddef.h>

/* As am_file_read; what begins as a gzip file (RFC 1952, one or more members) is given
 * unpacked. `limit` bytes at most, packed and unpacked. Damaged or cut data is
 * AM_ERR_FORMAT. */
am_status am_inflate_read(const char *path, size_t limit, char **data, size_t *size, am_error *err) AM_MUST_CHECK;

#endif

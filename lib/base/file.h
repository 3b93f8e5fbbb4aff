/* Whole files: read into memory or map read-only. */
#ifndef AM_BASE_FILE_H
#define AM_BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A read-only private mapping of a whole file; `data` is NULL when size is 0. */
typedef struct am_file_map {
	const unsigned char *data;
	size_t size; /* bytes */
} am_file_map;

/* Maps `path`. A directory, a missing or an unreadable file is AM_ERR_IO. */
am_status am_file_map_open(const char *path, am_file_map *out, am_error *err) AM_MUST_CHECK;
void am_file_map_close(am_file_map *map);

/* Reads a whole regular file or stream ("-" is standard input) of at most
 * `limit` bytes. *data is NUL-terminated (the NUL not counted in *size) and
 * owned by the caller (am_free). */
am_status am_file_read(const char *path, size_t limit, char **data, size_t *size,
                       am_error *err) AM_MUST_CHECK;

/* Whether something of that name is there, and whether it is a folder. */
bool am_file_exists(const char *path);
/* Bytes of a file, 0 where there is none. */
int64_t am_file_size(const char *path);

/* Takes the write lock of an open file, held until this process closes it; false
 * when another process holds it. True where the file system has no locks. */
bool am_file_lock(int fd);
bool am_file_is_directory(const char *path);
/* Whether it is a regular file, links followed. */
bool am_file_is_regular(const char *path);
/* Whether both paths lead to one file that exists. */
bool am_file_is_same(const char *a, const char *b);

/* "dir/name" in a new string (am_free); NULL when memory is short. */
char *am_path_join(const char *dir, const char *name);

#endif

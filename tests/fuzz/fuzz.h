/* Shared by the fuzz targets. Each fuzz_NAME.c has LLVMFuzzerTestOneInput, which hands the bytes to a
 * reader as a file and uses what comes out. Readers take paths, so files lie in a folder in memory. */
#ifndef AM_TESTS_FUZZ_H
#define AM_TESTS_FUZZ_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called by libFuzzer and by replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder of this process's own, gone at its end. */
const char *fuzz_folder(void);
/* Puts a file there; its path, valid for good for one `name` (a literal). */
const char *fuzz_file(const char *name, const void *bytes, size_t n);

/* Stops the process when `ok` is false: a promise of a header is broken. */
#define fuzz_require(ok) fuzz_require_at((ok), #ok, __FILE__, __LINE__)
void fuzz_require_at(bool ok, const char *what, const char *file, int line);
/* What every failed call promises: a status of its own and one line of text. True when it failed. */
bool fuzz_failed(am_status s, const am_error *err);

/* The bytes as a source of numbers, which gives 0 at its end. */
typedef struct fuzz_bytes {
	const uint8_t *p, *end;
} fuzz_bytes;
static inline unsigned fuzz_u8(fuzz_bytes *b)
{
	return b->p < b->end ? *b->p++ : 0;
}
static inline unsigned fuzz_u16(fuzz_bytes *b)
{
	unsigned low = fuzz_u8(b);
	return low | fuzz_u8(b) << 8;
}
/* All bytes from here on as a string without its NULs' tails; free(). */
char *fuzz_rest(fuzz_bytes *b);

#endif

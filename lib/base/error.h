/* Status codes and error detail.
 *
 * Every function that can fail on data returns am_status and takes an am_error
 * as its last argument. The detail names the file, tensor or key, what was
 * expected and what was found; it is one line without a final period or
 * newline. am_error may be NULL where the caller wants the status alone.
 * On failure outputs are untouched unless a function says otherwise. */
#ifndef AM_BASE_ERROR_H
#define AM_BASE_ERROR_H

#if defined(__GNUC__)
#define AM_MUST_CHECK __attribute__((warn_unused_result))
#define AM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define AM_MUST_CHECK
#define AM_PRINTF(f, a)
#endif

typedef enum {
	AM_OK = 0,
	AM_ERR_MEMORY,      /* allocation failed */
	AM_ERR_IO,          /* open, read, write, map, rename, disk full */
	AM_ERR_EXISTS,      /* output exists and overwriting was not asked for */
	AM_ERR_FORMAT,      /* a file is malformed: JSON, safetensors, HDF5 */
	AM_ERR_UNSUPPORTED, /* well formed, but this build does not compute it */
	AM_ERR_RANGE,       /* a value in a file or text is outside what is valid */
	AM_ERR_NUMERIC,     /* NaN or infinity where a finite number is needed */
	AM_ERR_USAGE,       /* an option or argument of the caller is wrong */
	AM_ERR_CHECK,       /* a validation or gate failed */
	AM_ERR_STOPPED,     /* ended early because the caller wished so */
	AM_STATUS_COUNT
} am_status;

typedef struct am_error {
	am_status status;
	char text[1024]; /* NUL-terminated; empty when status is AM_OK */
} am_error;

/* Short lower-case name of a status ("io", "format"); never NULL. */
const char *am_status_name(am_status s);

/* Process exit code of a status: 0 done, 1 data or machine, 2 usage, 3 check. */
int am_status_exit_code(am_status s);

/* Writes the detail (truncated if too long) and returns `s`, so that
 * `return am_fail(err, AM_ERR_IO, "...")` reads as one step. err may be NULL. */
am_status am_fail(am_error *err, am_status s, const char *fmt, ...) AM_PRINTF(3, 4);

/* Puts "prefix: " before the detail already in err (where a callee failed and
 * only the caller knows the file or layer). Returns err->status. */
am_status am_fail_in(am_error *err, am_status s, const char *fmt, ...) AM_PRINTF(3, 4);

#endif

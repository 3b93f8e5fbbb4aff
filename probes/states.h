/* Hidden states of many tokens in a file without a name, so that memory holds a block of them. */
#ifndef AM_PROBES_STATES_H
#define AM_PROBES_STATES_H

#include "base/error.h"

#include <stdint.h>

typedef struct am_states {
	int fd;      /* -1: none */
	int hidden;  /* floats a token */
	char *where; /* for messages */
} am_states;

/* A file beside `path` that is gone when it is closed, whatever ends the process. */
am_status am_states_open(const char *path, int hidden, am_states *out, am_error *err) AM_MUST_CHECK;
void am_states_close(am_states *s);
/* n tokens' states x[n][hidden] at token `at` of all. */
am_status am_states_write(am_states *s, int64_t at, int n, const float *x, am_error *err) AM_MUST_CHECK;
am_status am_states_read(am_states *s, int64_t at, int n, float *x, am_error *err) AM_MUST_CHECK;

#endif

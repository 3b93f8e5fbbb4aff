/* The sequences of a run file, as listings show them. */
#ifndef AM_ANALYSIS_SEQUENCE_LIST_H
#define AM_ANALYSIS_SEQUENCE_LIST_H

#include "base/error.h"
#include "runfile/reader.h"

#include <stdint.h>

typedef struct am_sequence_list {
	int64_t n;
	char **name, **task; /* [n]; entries NULL where the run has none */
	int32_t *length;     /* [n] tokens, -1 where unknown */
	float *nll;          /* [n] nat, NaN where unknown */
} am_sequence_list;
am_status am_sequence_list_read(am_run *r, am_sequence_list *out, am_error *err) AM_MUST_CHECK;
void am_sequence_list_fini(am_sequence_list *s);

#endif

/* Which query rows of a sequence are captured. */
#ifndef AM_PROBES_ROW_POLICY_H
#define AM_PROBES_ROW_POLICY_H

#include "probes/run.h"

#include <stdint.h>

typedef struct am_row_policy {
	am_rows_kind kind;
	int n, length;
	int32_t *sample; /* AM_ROWS_SAMPLE: ascending positions */
	int n_sample;
} am_row_policy;

/* Sets the policy up for sequence `index` of `length` tokens:
 *   all; last:N the N last positions; every:N positions 0, N, 2N, ...;
 *   sample:N N positions drawn without replacement, by seed and index.
 * Sets *out afresh (free with am_row_policy_fini). */
am_status am_row_policy_init(am_row_policy *out, const am_run_options *o, int index, int length, am_error *err) AM_MUST_CHECK;
void am_row_policy_fini(am_row_policy *r);

/* Whether that position is among the rows. */
bool am_row_policy_has(const am_row_policy *r, int position);
/* Captured rows of a whole sequence of `length` tokens. */
int64_t am_row_policy_count(const am_run_options *o, int length);
/* "all", "every:64": as recorded in the run file. */
void am_row_policy_describe(const am_run_options *o, char *out, size_t room);

#endif

/* Replay: the rows of a capture file through the attention and the tap of a run. */
#ifndef AM_PROBES_REPLAY_H
#define AM_PROBES_REPLAY_H

#include "probes/job.h"

#include <stdbool.h>

typedef struct am_replay am_replay;

/* The rest of am_job_open for o->capture; kernels and threads are there. am_job_close
 * whatever the result. */
am_status am_replay_open(am_job *job, am_error *err) AM_MUST_CHECK;
void am_replay_close(am_replay *r);

/* As am_job_next and am_job_block; rows start .. start + n - 1 are recorded ones. */
bool am_replay_next(const am_job *job, int sequence, int from, int *start, int *n);
am_status am_replay_block(am_job *job, int sequence, int start, int n, const am_tap *tap, am_error *err) AM_MUST_CHECK;

/* Whether token ids, likelihoods, sink logits are there: the first two of every sequence, the
 * last of any layer. */
bool am_replay_has_tokens(const am_replay *r);
bool am_replay_has_nll(const am_replay *r);
bool am_replay_has_sinks(const am_replay *r);
/* Sum over the sequence's tokens but the last, nat; NaN when not known. */
double am_replay_nll_sum(const am_replay *r, int sequence);

/* What taking in keys has cost so far, in positions of a layer: read from the file, and told to the
 * tap between rows. */
typedef struct am_replay_cost {
	double load_seconds, loaded, tell_seconds, told;
} am_replay_cost;
am_replay_cost am_replay_cost_of(const am_replay *r);
/* Whether keys are read once a sequence, not for every block. */
bool am_replay_keeps(const am_replay *r);

/* Root attributes that tell of the capture. */
am_status am_replay_describe(const am_job *job, am_run_writer *w, am_error *err) AM_MUST_CHECK;

#endif

/* Two models over the same tokens, or one under two kinds of attention: how far apart the
 * rows of each query are. The second model goes through every block layer by layer beside the
 * first; only scores of a few rows of both exist at a time, never a matrix. */
#ifndef AM_PROBES_PAIR_H
#define AM_PROBES_PAIR_H

#include "probes/job.h"

typedef struct am_pair am_pair;

/* The model of o->pair (NULL: the job's own) under o->pair_attention (NULL: dense), for a job
 * whose session and capture are open. AM_ERR_RANGE: layers, heads, vocabulary or the tokens of
 * the tokenizers differ, or a sequence is longer than the other model's context. */
am_status am_pair_open(am_job *job, am_pair **out, am_error *err) AM_MUST_CHECK;
void am_pair_close(am_pair *p);

/* The second model's; the pair's own. */
am_session *am_pair_session(am_pair *p);
/* Begins a sequence of the job in the second model. */
am_status am_pair_start(am_pair *p, int sequence, am_error *err) AM_MUST_CHECK;
/* Runs n tokens through both models; with `tap`, which gets the first model's rows, the distances
 * of the block's captured rows go to the fields of the capture. `io` as of the first model. */
am_status am_pair_forward(am_pair *p, const am_forward_io *io, int n, am_error *err) AM_MUST_CHECK;

/* Attributes that name the second model, before any row. */
am_status am_pair_describe(const am_pair *p, am_run_writer *w, am_error *err) AM_MUST_CHECK;
/* What is known at the end: rows of infinite divergence, mean likelihood. */
am_status am_pair_finish(const am_pair *p, am_run_writer *w, am_error *err) AM_MUST_CHECK;

/* Seconds in attention and in all of the second model and the rows' comparison, and bytes held. */
void am_pair_times(const am_pair *p, double *attention, double *total);
size_t am_pair_memory(const am_pair *p);

#endif

/* What run and its estimate share: everything opened for one capture. */
#ifndef AM_PROBES_JOB_H
#define AM_PROBES_JOB_H

#include "model/forward.h"
#include "probes/capture.h"
#include "probes/run.h"
#include "probes/sequences.h"
#include "select/spec.h"

typedef struct am_job {
	const am_run_options *o;
	const am_kernels *kernels;
	am_threads *threads;
	am_model *model;
	struct am_replay *replay; /* the tensors of o->capture; NULL when the model runs */
	am_sequences sequences;
	am_session *session;
	am_select_spec attention; /* parsed; its text NULL when dense */
	am_attention_policy policy;
	am_capture *capture;
	struct am_pair *pair;  /* the second model; NULL without */
	struct am_temperature *temperature; /* NULL without --temperatures */
	am_text notes;   /* remarks for the user, a line each */
	int block;       /* query rows a block */
	int32_t *target; /* [block]; of a replay NULL */
	float *nll;      /* [block]; of a replay what was recorded, NULL without */
} am_job;

/* Checks the options and opens it all; am_job_close whatever the result. */
am_status am_job_open(const am_run_options *o, am_job *job, am_error *err) AM_MUST_CHECK;
void am_job_close(am_job *job);

/* --attention: read before anything is opened; its selector opened and set once the session is. */
am_status am_job_read_attention(am_job *job, am_error *err) AM_MUST_CHECK;
am_status am_job_set_attention(am_job *job, am_error *err) AM_MUST_CHECK;
/* Begins a sequence. */
am_status am_job_start(am_job *job, int sequence, am_error *err) AM_MUST_CHECK;
/* am_session_skip and am_session_rewind of every session. */
am_status am_job_skip(am_job *job, int position, am_error *err) AM_MUST_CHECK;
void am_job_rewind(am_job *job, int position);

/* What the run file will hold, as the options say. */
am_run_contents am_job_contents(const am_job *job);
/* Root attributes of the run. */
am_status am_job_describe(const am_job *job, am_run_writer *w, am_error *err) AM_MUST_CHECK;
/* Fields that describe sequences and prompts; nll_sum[sequences] in nat. */
am_status am_job_put_sequences(const am_job *job, const double *nll_sum, am_run_writer *w,
                               am_error *err) AM_MUST_CHECK;

/* The next block of a sequence after position `from`: false when there is none. All of it
 * goes through the model; of a replay it is as many recorded rows in a run as fit. */
bool am_job_next(const am_job *job, int sequence, int from, int *start, int *n);
/* Whether token ids, and likelihoods, are known. */
bool am_job_has_tokens(const am_job *job);
bool am_job_has_nll(const am_job *job);

/* Seconds in attention and in all, of both models where there are two, and bytes of their scratch
 * and of what the capture holds. */
void am_job_times(const am_job *job, double *attention, double *total);
size_t am_job_memory(const am_job *job);

/* Runs tokens start .. start + n - 1 of a sequence, the session standing at start.
 * With `writer`, rows are captured and appended. job->nll[0..n) holds the NLLs. */
am_status am_job_block(am_job *job, int sequence, int start, int n, am_run_writer *writer, int64_t *rows,
                       am_error *err) AM_MUST_CHECK;

/* job.c, for replay.c */
am_status am_job_check_options(const am_run_options *o, const am_config *c, am_error *err) AM_MUST_CHECK;
int am_job_choose_block(const am_run_options *o, const am_config *c, const am_sequences *s);

#endif

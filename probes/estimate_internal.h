/* What the estimates of runs (estimate.c) and of replays (estimate_replay.c) share. */
#ifndef AM_PROBES_ESTIMATE_INTERNAL_H
#define AM_PROBES_ESTIMATE_INTERNAL_H

#include "probes/job.h"

/* A captured row at one of a sequence's first positions is smaller in the file than others. */
enum { AM_ESTIMATE_SAMPLE = 256 };

typedef struct am_estimate_timing {
	double linear, attention, write; /* s */
} am_estimate_timing;

typedef struct am_estimate_work {
	double rows, scores;                   /* query rows; (layer, head, key) scores */
	double captured_rows, captured_scores; /* of these, captured */
	double early_rows; /* captured rows among the first AM_ESTIMATE_SAMPLE of a sequence */
	int *map_cells;    /* [map] cells of a line that hold mass */
	double loaded, told; /* of a replay, as in am_replay_cost */
} am_estimate_work;

/* What the two sample blocks told. */
typedef struct am_estimate_sample {
	int sequence, n; /* the longest sequence; rows a block at most */
	int most;        /* rows of the largest block there will be */
	am_estimate_timing first, plain, last; /* first block; last block without and with capture */
	am_estimate_work first_work, last_work;
	/* Of the file: empty, with the first block, the last, an index, profiles, all. */
	double bytes[6];
	double finish;   /* s, from the last row to the closed file */
} am_estimate_sample;

/* Adds the row at position p of a sequence of `length` tokens. */
void am_estimate_row(const am_job *job, int p, int length, bool captured, am_estimate_work *w);
/* Runs a block; times of what is not a replay's are told apart. */
am_status am_estimate_block(am_job *job, int sequence, int start, int n, am_run_writer *w, am_estimate_timing *t,
                            am_error *err) AM_MUST_CHECK;

/* Of a replay: the work of a sequence with rows as `o` says; a first and a last block of the
 * sample's sequence, run and counted; the time of all. */
am_status am_estimate_replay_work(const am_job *job, const am_run_options *o, int sequence, am_estimate_work *w,
                                  am_error *err) AM_MUST_CHECK;
am_status am_estimate_replay_blocks(am_job *job, am_run_writer *w, am_estimate_sample *m, am_error *err) AM_MUST_CHECK;
double am_estimate_replay_seconds(const am_job *job, const am_estimate_sample *m, const am_estimate_work *w);

#endif

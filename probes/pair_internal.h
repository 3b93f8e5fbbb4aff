/* State of a pair, shared by its files. */
#ifndef AM_PROBES_PAIR_INTERNAL_H
#define AM_PROBES_PAIR_INTERNAL_H

#include "probes/capture_internal.h"
#include "probes/pair.h"
#include "probes/pair_row.h"

struct am_pair {
	am_job *job;
	am_capture *capture;
	am_model *own;         /* NULL where the job's model is both */
	const am_model *model; /* the second one */
	am_session *session;
	am_select_spec attention; /* its text NULL when dense */
	am_attention_policy policy;
	int rows;              /* scored at a time by a worker */
	struct am_pair_worker {
		am_rescore *a, *b;
		am_pair_scratch scratch;
	} *worker; /* [threads] */
	int *row;  /* [block] captured rows of the block at hand */
	int n_row;
	float *nll; /* [block] */
	double nll_sum, seconds;
	int64_t predicted, compared, infinite, infinite_reverse;
};

#endif

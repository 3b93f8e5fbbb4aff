/* What `eval` gathers while it runs, as arrays for the tables. */
#ifndef AM_CLI_EVAL_RESULTS_H
#define AM_CLI_EVAL_RESULTS_H

#include "base/outfile.h"
#include "cli/eval_sweep.h"

typedef struct am_eval_results {
	const am_eval_set *set;
	const am_eval_points *points;
	am_outfile *lines; /* JSONL; NULL: none */
	am_evaluation e;   /* views of what follows */
	double *accuracy, *score, *retained; /* [points][items] */
	int *group, *length;
	const char **task;
	am_evaluation_point *point;
	int64_t answers, tokens;
} am_eval_results;

/* Room for every answer; groups are task and length, where the file's name has none that of
 * its longest prompt. am_eval_results_fini after success. */
am_status am_eval_results_init(am_eval_results *r, const am_eval_set *set, const am_eval_points *points,
                               am_error *err) AM_MUST_CHECK;
void am_eval_results_fini(am_eval_results *r);

/* Takes one result in; ctx is the am_eval_results. */
am_status am_eval_results_add(void *ctx, const am_eval_item *item, const am_eval_result *r, am_error *err);

#endif

/* The points of `eval`: from --attention and --sweep. */
#ifndef AM_CLI_EVAL_SWEEP_H
#define AM_CLI_EVAL_SWEEP_H

#include "analysis/evaluation.h"
#include "task/evaluate.h"

typedef struct am_eval_points {
	am_eval_point *point;
	int n;
	am_sweep sweep;
} am_eval_points;

/* attention NULL: dense, or with a sweep exact. sweep: "k=1,2,4", "ratio=1%,5%" or "precision=0.5,1", where
 * a value may also be "dense"; NULL: the one point. AM_ERR_USAGE names the option. Free with
 * am_eval_points_fini. */
am_status am_eval_points_parse(const char *attention, const char *sweep, am_eval_points *out, am_error *err) AM_MUST_CHECK;
void am_eval_points_fini(am_eval_points *p);

#endif

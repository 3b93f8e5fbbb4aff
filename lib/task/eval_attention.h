/* Inside lib/task: the session's attention at a point of the sweep. Exact top-k of each query
 * head in decoded rows, for now. */
#ifndef AM_TASK_EVAL_ATTENTION_H
#define AM_TASK_EVAL_ATTENTION_H

#include "task/evaluate.h"

typedef struct am_eval_attention {
	am_session *session;
	const am_eval_options *o;
} am_eval_attention;

/* The largest budget of the points that leaves a key out of `capacity`; for the session. */
int am_eval_attention_most(const am_eval_options *o, int capacity);

/* AM_ERR_UNSUPPORTED: a point that is not dense or exact with a number of keys. */
am_status am_eval_attention_open(const am_eval_options *o, am_session *s, am_eval_attention *out, am_error *err) AM_MUST_CHECK;
void am_eval_attention_close(am_eval_attention *a);

/* Before a prompt's first block; point is -1. */
am_status am_eval_attention_begin(am_eval_attention *a, int point, am_error *err) AM_MUST_CHECK;
/* From the next block on rows attend as the point says. */
am_status am_eval_attention_set(am_eval_attention *a, int point, am_error *err) AM_MUST_CHECK;
/* Mean mass on the selected keys: not known. */
double am_eval_attention_retained(const am_eval_attention *a, int point);

#endif

/* Inside lib/task: the selectors of an evaluation, and the session's attention at a point. */
#ifndef AM_TASK_EVAL_ATTENTION_H
#define AM_TASK_EVAL_ATTENTION_H

#include "task/evaluate.h"

/* Points that differ in their budget alone share a selector. */
typedef struct am_eval_attention {
	am_session *session;
	const am_eval_options *o;
	am_selector **selector; /* [n_points], NULL: dense; those of one spec are the same */
} am_eval_attention;

/* Opens the selectors of all points for the session. am_eval_attention_close before the
 * session is freed. */
am_status am_eval_attention_open(const am_eval_options *o, am_session *s, am_eval_attention *out, am_error *err) AM_MUST_CHECK;
void am_eval_attention_close(am_eval_attention *a);

/* Before the first block of `prompt` tokens: the selectors that need its keys follow it. point >= 0:
 * that one's alone, in sparse prefill; else they are told that the prompt's rows are dense. */
am_status am_eval_attention_begin(am_eval_attention *a, int point, int prompt, am_error *err) AM_MUST_CHECK;
/* From the next block on rows attend as the point says. */
am_status am_eval_attention_set(am_eval_attention *a, int point, am_error *err) AM_MUST_CHECK;
/* Mean mass on the selected keys since then; NaN for dense and when no row was selected. */
double am_eval_attention_retained(const am_eval_attention *a, int point);

#endif

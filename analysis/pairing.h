/* Whether the rows of two runs are of the same queries. Private to analysis. */
#ifndef AM_ANALYSIS_PAIRING_H
#define AM_ANALYSIS_PAIRING_H

#include "analysis/aggregate.h"

/* AM_ERR_RANGE names the first difference: layers, heads, how many sequences, their
 * tasks, their tokens (whole prompts where both runs hold them), then row by row
 * sequence, position and token. */
am_status am_pairing_check(am_run *a, am_run *b, am_error *err) AM_MUST_CHECK;
/* The part that runs of different sequences need too: layers and heads. */
am_status am_pairing_check_heads(am_run *a, am_run *b, am_error *err) AM_MUST_CHECK;

/* Names of the tasks of a, then those of b that a lacks; *task_b [n_sequence of b]
 * their indices among them. Names (am_free each, and the array): NULL on failure. */
am_status am_pairing_tasks(const am_aggregate *a, const am_aggregate *b, char ***names, int *n_task,
                           int **task_b, am_error *err) AM_MUST_CHECK;
void am_pairing_tasks_free(char **names, int n_task);

#endif

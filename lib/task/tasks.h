/* Task lines: one JSON object a line, as retrieval and long-context benchmarks use
 * them (input, outputs, and when present answer_prefix, answer, index, length,
 * task). Unknown fields are ignored. */
#ifndef AM_TASK_TASKS_H
#define AM_TASK_TASKS_H

#include "base/error.h"

#include <stdint.h>

typedef struct am_task_sample {
	char *input;         /* the prompt, without answer_prefix */
	char **outputs;      /* [n_outputs] strings to be found in the continuation */
	int n_outputs;
	char *answer_prefix; /* NULL when absent */
	char *answer;        /* the exact expected continuation; NULL when absent */
	char *task;          /* NULL when absent */
	int64_t index;       /* of the sample; its number in the file from 0 when absent */
	int64_t length;      /* tokens as the file says; -1 when absent */
	int line;            /* where it stands in the file, from 1 */
} am_task_sample;

typedef struct am_tasks {
	am_task_sample *sample;
	int n;
} am_tasks;

/* Reads a JSONL file ("-": standard input), blank lines skipped. A broken line is
 * AM_ERR_FORMAT naming file and line. Free with am_tasks_fini. */
am_status am_tasks_read(const char *path, am_tasks *out, am_error *err) AM_MUST_CHECK;
void am_tasks_fini(am_tasks *t);

#endif

/* Task files: prompts with what is to be found in their continuation.
 *
 * Formats, told apart by the fields of the first sample (docs/tasks.md): task lines as
 * RULER writes them, HELMET's key-value, KILT, re-ranking and RULER forms, InfiniteBench's
 * questions, LongBench v2, and Lost-in-the-middle key-value records. One JSON object a
 * line, or one JSON array; gzip or plain. Unknown fields are ignored. */
#ifndef AM_TASK_TASKS_H
#define AM_TASK_TASKS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
	AM_FORMAT_AUTO,
	AM_FORMAT_RULER,        /* input, outputs */
	AM_FORMAT_HELMET_RULER, /* context, query, answer */
	AM_FORMAT_HELMET_KV,    /* context, question, answer, num_kvs */
	AM_FORMAT_KILT,         /* question, answers, ctxs */
	AM_FORMAT_RERANK,       /* qid, query, ctxs with labels */
	AM_FORMAT_INFBENCH,     /* context, input, answer */
	AM_FORMAT_LONGBENCH,    /* question, choice_A .. choice_D, context */
	AM_FORMAT_KV_RECORDS,   /* ordered_kv_records, key, value */
	AM_FORMAT_COUNT
} am_task_format;

/* "auto", "ruler", ...; static. */
const char *am_task_format_name(am_task_format f);

/* How an output is scored, see score.h. */
typedef enum {
	AM_METRIC_RECALL,    /* share of the references found */
	AM_METRIC_ANY,       /* whether one of the references is found */
	AM_METRIC_PREFIX,    /* whether the output begins with the first reference */
	AM_METRIC_SUBSTRING, /* one of the references found after normalisation */
	AM_METRIC_EXACT,     /* equal to one of them after normalisation */
	AM_METRIC_F1,        /* F1 of words after normalisation, best reference */
	AM_METRIC_ROUGE_L,   /* F1 of the longest common subsequence, best reference */
	AM_METRIC_NDCG,      /* NDCG@10 of a ranking */
	AM_METRIC_CHOICE,    /* the letter of the right choice */
	AM_METRIC_COUNT
} am_task_metric;

/* "recall", "any", ...; static. */
const char *am_task_metric_name(am_task_metric m);

/* A document of a ranking task. */
typedef struct am_task_label {
	char *id;
	double gain;
} am_task_label;

typedef struct am_task_sample {
	char *input;         /* the prompt, without answer_prefix */
	char **outputs;      /* [n_outputs] references: strings to be found in the continuation */
	int n_outputs;
	char *answer_prefix; /* NULL when absent */
	char *answer;        /* the exact expected continuation; NULL when absent */
	char *task;          /* NULL when absent */
	am_task_label *labels; /* [n_labels], of a ranking task */
	int n_labels;
	am_task_metric metric;
	int max_new_tokens;  /* that the format asks for; 0: it says nothing */
	bool cut_middle;     /* a prompt that is too long loses its middle */
	int64_t index;       /* of the sample; its number in the file from 0 when absent */
	int64_t length;      /* tokens as the file says; -1 when absent */
	int line;            /* where it stands in the file, from 1 */
} am_task_sample;

typedef struct am_tasks {
	am_task_sample *sample;
	int n;
	am_task_format format;
} am_tasks;

typedef struct am_tasks_options {
	am_task_format format; /* AUTO: by the fields of the first sample */
	const char *template;  /* prompt template in the place of the format's own; NULL: that */
	int limit;             /* samples at most; 0: no limit */
} am_tasks_options;

/* Reads a task file ("-": standard input), blank lines skipped. What is broken is
 * AM_ERR_FORMAT naming file, line, key, what was expected and what was found; a bad template
 * is AM_ERR_USAGE. options may be NULL. Free with am_tasks_fini. */
am_status am_tasks_read(const char *path, const am_tasks_options *options, am_tasks *out, am_error *err) AM_MUST_CHECK;
void am_tasks_fini(am_tasks *t);

/* Name of the task a file holds, and the length in its name (0: none): "niah_single" and 512
 * of niah_single/512.jsonl, "vt" and 4096 of vt/validation_4096.jsonl.gz, else the stem. */
void am_task_of_path(const char *path, char *name, size_t room, int *length);

/* Puts a folder's name before the task when only a number tells files apart, as run files
 * name tasks: "niah_single/512". */
void am_task_label_of_path(const char *path, char *label, size_t room);

#endif

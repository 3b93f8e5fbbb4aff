/* Task accuracy under sparse attention: greedy decoding of every prompt at every point of a
 * sweep, one prefill for all points where it is dense. */
#ifndef AM_TASK_EVALUATE_H
#define AM_TASK_EVALUATE_H

#include "base/progress.h"
#include "base/text.h"
#include "model/forward.h"
#include "model/tokenizer.h"
#include "select/spec.h"
#include "task/score.h"
#include "task/tasks.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* A prompt of a task file, as tokens. */
typedef struct am_eval_item {
	const am_task_sample *sample;
	const char *file;
	const char *task; /* of the sample, or of the file's name */
	int length;       /* in the file's name; 0 where it has none */
	char id[48];      /* "HASH/INDEX": FNV-1a of the prompt, the sample's index */
	int32_t *ids;
	int n;
	int dropped;      /* tokens cut out of the middle */
	int max_new;      /* tokens decoded at most */
} am_eval_item;

typedef struct am_eval_set {
	am_eval_item *item;
	int n, room;
	am_tasks *tasks; /* [n_files] what the items point into */
	char **names;    /* [n_files] their task names */
	int n_files;
	int longest; /* tokens of prompt and answer */
} am_eval_set;

typedef struct am_eval_read_options {
	const char *const *files;
	int n_files;
	am_tasks_options tasks; /* limit: a file */
	int metric;             /* AM_METRIC_, in the place of the format's own; -1: that */
	int max_new_tokens;     /* 0: the sample's own, or its answer and 8 more */
	int context;            /* tokens of prompt and answer, at most */
	bool cut;               /* prompts that are too long lose their middle, whatever the format */
	int vocab;              /* of the model */
} am_eval_read_options;

/* Reads the files and makes tokens of the prompts. A prompt of more than context - 1 tokens is
 * AM_ERR_RANGE unless it may lose its middle: then the first and the last max_len / 2 tokens
 * stay, max_len = context - max_new (LongBench). A sample that cannot be scored is
 * AM_ERR_FORMAT. Free with am_eval_set_fini. */
am_status am_eval_read(const am_eval_read_options *o, am_tokenizer *t, am_eval_set *out, am_error *err) AM_MUST_CHECK;
void am_eval_set_fini(am_eval_set *s);

/* How the model attends while an answer is decoded. */
typedef struct am_eval_point {
	am_select_spec spec;
	char *text;       /* as it is shown: "exact,k=64", "dense" */
	double precision; /* of a "precision:P" selector; NaN for others */
} am_eval_point;

typedef enum { AM_ENDED_EOS, AM_ENDED_LIMIT, AM_ENDED_CONTEXT } am_eval_end;

typedef struct am_eval_result {
	int item, point;
	char *output;   /* decoded text, special tokens left out */
	int n_tokens;   /* decoded, the end token not counted */
	am_eval_end ended;
	am_score score;
	double retained; /* mean attention mass on the selected keys of the decoded rows; NaN when unknown */
	double seconds;  /* of decoding */
} am_eval_result;

typedef struct am_eval_options {
	const am_model *model;
	am_tokenizer *tokenizer;
	am_session_options session; /* capacity is set here */
	const am_eval_point *points;
	int n_points;
	bool sparse_prefill; /* rows of the prompt are sparse too; nothing is shared then */
	uint64_t seed;       /* of selectors that draw, where the spec has none */
	am_progress progress;
	const volatile sig_atomic_t *stop; /* not 0: end after the answer at hand; NULL: never */
	/* Gets every result, prompt by prompt, in the order of the points; owns nothing of it. */
	am_status (*result)(void *ctx, const am_eval_item *item, const am_eval_result *r, am_error *err);
	void *ctx;
} am_eval_options;

/* Answers every prompt at every point. The first token comes of the prompt's last row; the rows
 * of the tokens decoded attend under the point's policy. Ends at an end token of the model,
 * after max_new tokens, or where the cache for the set ends. */
am_status am_eval_run(const am_eval_options *o, const am_eval_set *set, am_error *err) AM_MUST_CHECK;

/* One line of results as JSON, with a line end. */
void am_eval_result_json(const am_eval_item *item, const am_eval_point *point, const am_eval_result *r, am_text *out);

/* Checks a spec for use as a point and completes the point; "dense" has no budget, others need
 * one unless their sets do not depend on it. Free with am_eval_point_fini. */
am_status am_eval_point_parse(const char *text, am_eval_point *out, am_error *err) AM_MUST_CHECK;
void am_eval_point_fini(am_eval_point *p);

#endif

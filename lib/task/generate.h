/* Synthetic long-context tasks of RULER's families, in its line format, from a seeded
 * generator of our own (docs/tasks.md). The same options and tokenizer give the same
 * bytes. Wording is ours: that which the embedded model was trained on. */
#ifndef AM_TASK_GENERATE_H
#define AM_TASK_GENERATE_H

#include "base/progress.h"
#include "base/text.h"
#include "model/tokenizer.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct am_generate_options {
	const char *task;      /* see am_generate_name_at */
	int length;            /* tokens of prompt and answer budget, at most */
	int samples;
	uint64_t seed;
	const char *prose;     /* text of the haystack, a paragraph a line */
	size_t prose_size;
	am_tokenizer *tokenizer;
	/* 0: as the task has it. */
	int keys, values, queries; /* niah: needles, values of one key, keys asked for at once */
	int chains, hops;          /* vt */
	int common;                /* cwe: words asked for */
	int answer_tokens;         /* budget counted in the length */
	double alpha;              /* fwe: exponent of the counts */
	bool no_example;           /* vt, cwe: without the solved example in front */
	am_progress progress;
} am_generate_options;

/* Name and a line on the i-th task; false past the last. */
bool am_generate_name_at(int i, const char **name, const char **help);

/* Appends o->samples lines to `out`. AM_ERR_USAGE: unknown task, a value outside its range, or a
 * length that does not hold the task. `out` may hold lines already written on failure. */
am_status am_generate(const am_generate_options *o, am_text *out, am_error *err) AM_MUST_CHECK;

#endif

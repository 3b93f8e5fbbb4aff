/* The main job: model and text in, run file out. */
#ifndef AM_PROBES_RUN_H
#define AM_PROBES_RUN_H

#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "model/forward.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum { AM_ROWS_ALL, AM_ROWS_LAST, AM_ROWS_EVERY, AM_ROWS_SAMPLE } am_rows_kind;
typedef enum { AM_DIST_NONE, AM_DIST_TOPK, AM_DIST_FULL } am_dist_kind;

/* What to read, one sequence each; order is kept. */
typedef enum {
	AM_INPUT_FILE,   /* a text file ("-": standard input) */
	AM_INPUT_PROMPT, /* the text itself */
	AM_INPUT_TOKENS, /* file of ids, one sequence a line */
	AM_INPUT_TASKS,  /* JSONL of tasks, one sequence a line */
} am_input_kind;

typedef struct am_input {
	am_input_kind kind;
	const char *value;
} am_input;

typedef struct am_run_options {
	const char *model; /* directory */
	const char *capture; /* replay: a capture file in place of model and inputs */
	const am_input *inputs;
	int n_inputs;
	int ctx;           /* tokens a sequence at most; 0: the model's context, longer is an error */
	bool split;        /* cut what is longer than ctx into further sequences instead of dropping it */
	int limit;         /* sequences at most; 0: no limit */
	bool with_answer;  /* tasks: append the answer to the prompt */
	const int *layers; int n_layers; /* n = 0: all */
	const int *heads;  int n_heads;
	am_rows_kind rows; int rows_n;
	const int *k;       int n_k;
	const double *ratio; int n_ratio;
	const double *mass;  int n_mass;
	int sink, recent, map;
	bool output_error;
	const char *const *shadows; int n_shadows; /* specs of selectors scored beside the attention */
	int shadow_sample; /* their costly statistics on every so many captured rows; 0: 64 */
	am_dist_kind dist; int dist_k; bool dist_float16;
	int block;         /* query rows a block; 0: chosen */
	int threads;       /* 0: all available */
	const char *kernels; /* NULL: best */
	am_compute dtype;  /* of the linear layers */
	const char *attention; /* a selector with its budget (select/spec.h); NULL or "dense": all keys */
	bool sparse_decode; /* only rows of answers are sparse, those of prompts are dense */
	/* A second model over the same tokens, whose rows are held against the first's (docs/pair.md):
	 * its directory, NULL for the same one; its attention, NULL for dense. Both NULL: none. */
	const char *pair, *pair_attention;
	/* A file of target entropies or of inverse temperatures (model/temperatures.h), or a run that
	 * has some; NULL: none. */
	const char *temperatures;
	uint64_t seed;
	const char *output;
	bool force;
	const char *command_line; /* recorded */
	am_progress progress;
	const volatile sig_atomic_t *stop; /* not 0: end after the block at hand; NULL for never */
} am_run_options;

/* Defaults: everything 0 or NULL but k 1,4,16,64,256,1024; ratio 1 %, 5 %, 10 %; mass
 * 0.5, 0.9, 0.95, 0.99; sink 4; recent 64; map 64. */
void am_run_options_init(am_run_options *o);

/* Whether a second model runs beside the first. */
static inline bool am_run_is_pair(const am_run_options *o)
{
	return o->pair || o->pair_attention;
}

typedef struct am_run_summary {
	int64_t sequences, tokens, rows;
	double seconds, mean_nll; /* nat a token; NaN when nothing was predicted */
	int64_t file_bytes;
	am_text notes; /* remarks for the user, a line each (text cut, ...) */
} am_run_summary;

/* Runs the model over all inputs, or replays o->capture, and writes o->output. On failure, AM_ERR_STOPPED
 * included, nothing is left under that name; OUT.part keeps the rows written so far. *out is owned by the
 * caller (am_run_summary_fini) on success, untouched otherwise. */
am_status am_run_capture(const am_run_options *o, am_run_summary *out, am_error *err) AM_MUST_CHECK;
void am_run_summary_fini(am_run_summary *s);

typedef struct am_run_estimate {
	int64_t sequences, tokens, rows;
	double memory_bytes; /* peak resident */
	double disk_bytes;   /* of the run file */
	double seconds;
	am_text notes; /* as of am_run_summary */
} am_run_estimate;

/* --dry-run: runs a short piece in memory, extrapolates, writes nothing. *out is
 * owned by the caller (am_run_estimate_fini) on success, untouched otherwise. */
am_status am_run_estimate_cost(const am_run_options *o, am_run_estimate *out, am_error *err) AM_MUST_CHECK;
void am_run_estimate_fini(am_run_estimate *e);

#endif

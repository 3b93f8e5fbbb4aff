/* Inside lib/task: what the families of the generator share. */
#ifndef AM_TASK_GENERATOR_H
#define AM_TASK_GENERATOR_H

#include "base/rng.h"
#include "task/generate.h"
#include "task/haystack.h"

enum { AM_GEN_OUTPUTS = 64 };

typedef enum { AM_HAY_PROSE, AM_HAY_NOISE, AM_HAY_NEEDLES } am_hay_kind;
typedef enum { AM_WORD_PAIR, AM_WORD_NUMBER, AM_WORD_UUID } am_word_kind;

/* One sample in the making. */
typedef struct am_draft {
	am_text input, prefix, answer;
	am_text outputs;               /* one after another */
	size_t output_end[AM_GEN_OUTPUTS];
	int n_outputs;
	size_t needle_at, needle_size; /* bytes of the input that hold the first output; size 0: none */
} am_draft;

struct am_task_kind;

typedef struct am_generator {
	const am_generate_options *o;
	const struct am_task_kind *kind;
	am_haystack hay;
	int keys, values, queries, chains, hops, common;
	double alpha;
	const char **words; /* distinct lower-case words for cwe; [n_words] */
	int n_words;
	char *word_bytes;
} am_generator;

typedef struct am_task_kind {
	const char *name, *help;
	/* Makes a sample of `size` units of filling. What does not depend on the size is drawn
	 * first, so that it is the same for every size. */
	void (*make)(const am_generator *g, am_rng rng, int size, am_draft *d);
	int answer_tokens, least; /* budget; smallest size */
	am_hay_kind hay;
	am_word_kind key, value;
	int keys, values, queries;
} am_task_kind;

/* The families, one file of gen_*.c for each kind. */
void am_make_niah(const am_generator *g, am_rng rng, int size, am_draft *d);
void am_make_vt(const am_generator *g, am_rng rng, int size, am_draft *d);
void am_make_cwe(const am_generator *g, am_rng rng, int size, am_draft *d);
void am_make_fwe(const am_generator *g, am_rng rng, int size, am_draft *d);
void am_make_kv(const am_generator *g, am_rng rng, int size, am_draft *d);

/* One more reference of the sample. */
void am_draft_output(am_draft *d, const char *text);
const char *am_draft_output_at(const am_draft *d, int i, size_t *n);

/* A key or value of a kind, NUL-terminated. */
enum { AM_WORD_SIZE = 48 };
void am_draw_word(am_rng *rng, am_word_kind kind, char out[AM_WORD_SIZE]);
/* Puts n items of `size` bytes into random order (Fisher-Yates). */
void am_shuffle(am_rng *rng, void *items, int n, size_t size);

#endif

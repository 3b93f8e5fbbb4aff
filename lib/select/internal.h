/* What the files of the selectors share. A selector is a table of operations; most only
 * score keys and leave the choice under the budgets to member.c. */
#ifndef AM_SELECT_INTERNAL_H
#define AM_SELECT_INTERNAL_H

#include "select/selector.h"

typedef struct am_selector_ops {
	const char *name, *usage, *help;
	am_set_scope scope;
	unsigned needs;
	bool own_budget;
	/* Its own settings, NULL at the end; NULL for none. */
	const char *const *settings;
	/* Reads the settings of s->spec into s->state; may change s->scope and s->needs. NULL: no state. */
	am_status (*open)(am_selector *s, am_error *err);
	void (*close)(am_selector *s); /* frees s->state, also a part-made one; NULL: am_free */
	am_status (*start)(am_selector *s, am_error *err);  /* s->index, length, prompt are set; NULL: nothing */
	void (*rewind)(am_selector *s, int position);       /* NULL: nothing */
	am_status (*prepare)(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err); /* NULL */
	/* Exactly one of the two. score: out[n] of a set, never NaN, higher is kept first.
	 * select: as am_selector_select for one set, forced keys included; k[n_k - 1] < n,
	 * member[n] comes zeroed. */
	void (*score)(am_selector *s, int worker, const am_select_row *row, int set, float *out);
	void (*select)(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
	               uint32_t *member);
} am_selector_ops;

/* Scratch of one worker. */
typedef struct am_select_scratch {
	float *score, *part; /* [capacity + 16] */
	int32_t *index, *at; /* [capacity] */
	void *select;        /* of row_topk */
} am_select_scratch;

struct am_selector {
	const am_selector_ops *ops;
	const am_select_spec *spec; /* borrowed during open only; NULL after */
	am_select_shape shape;
	am_set_scope scope;
	unsigned needs;
	int sink, recent;
	uint64_t seed;
	int index, length, prompt; /* of the sequence */
	am_select_scratch *scratch; /* [workers] */
	void *state;
};

extern const am_selector_ops am_select_exact, am_select_exact_group, am_select_exact_sum, am_select_exact_max,
	am_select_random, am_select_recent, am_select_indices;

/* Marks the sets of the k[b] best of score[n] (higher first, then lower index), k[n_k - 1] < n,
 * after `sink` first and `recent` last keys, which come before all others and count. score
 * may be changed. member[n] |= bits. */
void am_member_mark(am_selector *s, int worker, float *score, int n, const int *k, int n_k, uint32_t *member);

#endif

/* What the files of the selectors share. A selector is a table of operations; most only
 * score keys and leave the choice under the budgets to member.c. */
#ifndef AM_SELECT_INTERNAL_H
#define AM_SELECT_INTERNAL_H

#include "select/selector.h"

typedef struct am_selector_ops {
	const char *name, *usage, *help;
	am_set_scope scope;
	unsigned needs;
	bool own_budget, takes_cap;
	/* Its own settings, NULL at the end; NULL for none. */
	const char *const *settings;
	/* am_selector_bounds where own_budget. */
	void (*bounds)(const am_selector *s, int layer, int position, int n, int *least, int *most);
	/* Reads the settings of s->spec into s->state; may change s->scope and s->needs. NULL: no state. */
	am_status (*open)(am_selector *s, am_error *err);
	void (*close)(am_selector *s); /* frees s->state, also a part-made one; NULL: am_free */
	am_status (*start)(am_selector *s, am_error *err);  /* s->index, length, prompt are set; NULL: nothing */
	void (*rewind)(am_selector *s, int position);       /* NULL: nothing */
	int (*source)(const am_selector *s, int layer); /* am_selector_source; NULL: the layer itself */
	am_status (*prepare)(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err); /* NULL */
	/* Most recent keys that the method itself always keeps of a row. NULL: none. */
	int (*keep)(const am_selector *s, const am_select_row *row);
	/* Exactly one of the two. score: out[n] of a set, never NaN, higher is kept first.
	 * select: as am_selector_select for one set, forced keys included; k[n_k - 1] < n
	 * unless own_budget, member[n] comes zeroed. */
	void (*score)(am_selector *s, int worker, const am_select_row *row, int set, float *out);
	void (*select)(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
	               uint32_t *member);
	/* Scores of a set that lie there already, NULL where they do not. NULL: they never do. */
	const float *(*scored)(const am_selector *s, const am_select_row *row, int set);
} am_selector_ops;

/* Scratch of one worker. */
typedef struct am_select_scratch {
	float *score, *part; /* [capacity + 16] */
	int32_t *index, *at, *place; /* [capacity] */
	float *query;        /* [4 head_dim] */
	void *select;        /* of row_topk, row_member and row_mass */
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
	int first_row;             /* am_selector_skip */
	am_select_scratch *scratch; /* [workers] */
	void *state;
};

extern const am_selector_ops am_select_exact, am_select_exact_group, am_select_exact_sum, am_select_exact_max,
	am_select_random, am_select_precision, am_select_topp, am_select_recent, am_select_quest, am_select_loki,
	am_select_doublesparse, am_select_snapkv, am_select_blockmean, am_select_indexer, am_select_indices;

/* Keys of a row that come before all others and count: the first `sink`, then the
 * last `recent`, the most recent first. sink + recent <= n. */
typedef struct am_forced {
	int sink, recent;
} am_forced;
am_forced am_selector_forced(const am_selector *s, const am_select_row *row);

/* Marks the sets of the min(k[b], n) best of score[n], which is changed: forced keys, then higher
 * scores, then lower index. member[n] |= bits. */
void am_member_mark(am_selector *s, int worker, float *score, int n, am_forced forced, const int *k, int n_k,
                    uint32_t *member);

/* The setting share=head|group|layer: the scope of s. */
am_status am_select_read_share(am_selector *s, am_error *err) AM_MUST_CHECK;
/* Key/value heads first .. end - 1 that a set draws on. */
void am_select_kv_heads(const am_selector *s, int set, int *first, int *end);
/* Query heads first .. end - 1 of key/value head g that a set sums over. */
void am_select_heads(const am_selector *s, int set, int g, int *first, int *end);
/* q[D] = the sum of those heads' query vectors: products with it are sums over heads. */
void am_select_query(const am_selector *s, const am_select_row *row, int set, int g, float *q);
/* task(ctx, 0 .. n - 1, worker) on the threads, or here when there are none. */
void am_select_run(am_threads *threads, int n, am_task_fn *task, void *ctx);

#endif

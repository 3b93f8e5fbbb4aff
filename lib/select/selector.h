/* Sparse selectors: which keys of an attention row are kept under a budget.
 *
 * A selector is opened once from its spec ("quest:16,sink=4") for the shapes of a
 * model. It then follows each sequence: am_selector_start, and for every block of
 * query rows, layer by layer, am_selector_prepare (which takes in the block's keys)
 * and am_selector_select for any of the block's rows, from any thread. Selectors are
 * causal: the set of a row depends on keys up to the row's position alone, never on
 * the size of the blocks. Definitions: docs/selectors.md. */
#ifndef AM_SELECT_SELECTOR_H
#define AM_SELECT_SELECTOR_H

#include "base/error.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "select/spec.h"

#include <stdbool.h>
#include <stdint.h>

/* Who shares one set of keys: nobody, the query heads of a key/value head, or all
 * heads of a layer. */
typedef enum { AM_SCOPE_HEAD, AM_SCOPE_GROUP, AM_SCOPE_LAYER } am_set_scope;
const char *am_set_scope_name(am_set_scope scope); /* "head", "group", "layer" */

/* What a selector needs beside q and k of the block. */
enum {
	AM_NEED_SCORES = 1, /* score, weight and sums of every head of a row */
	AM_NEED_INPUT = 2,  /* am_select_block.x, or .index_q, .index_k and .index_w */
};

/* The model and session a selector works for. Borrowed pointers must outlive it. */
typedef struct am_select_shape {
	int layers, heads, kv_heads, head_dim, hidden;
	int capacity;      /* positions of a sequence, at most */
	int block;         /* rows of a block, at most */
	int workers;       /* threads that select at a time, numbered from 0 */
	const int *window; /* [layers] keys a row sees at most, 0: all; NULL: all everywhere */
	const am_kernels *kernels;
	/* Rotary frequencies of a layer for vectors of `dims` (even) rotary dimensions, in a
	 * sequence of `length` tokens: inv_freq[dims / 2] in rad a position, without the
	 * attention factor. NULL where the model has none. */
	am_status (*rope)(void *ctx, int layer, int dims, int length, float *inv_freq, am_error *err);
	void *rope_ctx;
} am_select_shape;

/* One layer's side of a block of query rows, before any row is selected. Everything
 * is valid until the layer is done. H query heads, G key/value heads, D head size. */
typedef struct am_select_block {
	int layer, start, rows; /* positions start .. start + rows - 1 */
	const float *x;         /* [rows][hidden] input of the attention, after its norm; may be NULL */
	/* The compressed query of latent attention, after its norm: [rows][compressed_dim]; NULL
	 * where the model has none. */
	const float *compressed;
	int compressed_dim;
	const float *q;         /* [rows][H][D] after rotation, not scaled */
	const float *k;         /* [G][start + rows][D] after rotation, all keys so far */
	int64_t k_stride;       /* floats from one key/value head to the next */
	float scale;            /* score = scale q . k, before soft-capping */
	/* An indexer's own tensors where they were captured, else NULL: [rows][index_heads]
	 * [index_dim] and [rows][index_dim] as they enter the product, [rows][index_heads]. */
	const float *index_q, *index_k, *index_w;
	int index_heads, index_dim;
} am_select_block;

/* One query row of all heads over its visible keys. */
typedef struct am_select_row {
	const am_select_block *block;
	int row;              /* within the block */
	int position;         /* of the query: block->start + row */
	int first_key, n;     /* visible keys first_key .. position, n of them */
	/* With AM_NEED_SCORES; head h at h * stride. */
	const float *score;   /* [H][n] final scores */
	const float *weight;  /* [H][n] exp(score - max), not normalised */
	const am_row_sums *sums; /* [H]; z at least */
	int64_t stride;       /* floats */
} am_select_row;

typedef struct am_selector am_selector;

/* AM_ERR_USAGE: unknown name or setting, or a value outside its range. Errors of a
 * file that the spec names are those of reading it. Budget fields of the spec are for
 * the caller; the selector takes its budgets in am_selector_select. */
am_status am_selector_open(const am_select_spec *spec, const am_select_shape *shape, am_selector **out,
                           am_error *err) AM_MUST_CHECK;
void am_selector_close(am_selector *s);

/* The i-th name with its argument and a line on it ("quest:PAGE", "..."); false past the last. */
bool am_selector_name_at(int i, const char **usage, const char **help);

/* Who shares a set, as the spec made it. */
am_set_scope am_selector_scope(const am_selector *s);
/* AM_NEED_ flags. */
unsigned am_selector_needs(const am_selector *s);
int am_selector_sets(const am_selector *s); /* sets a row: H, G or 1 */
/* Whether sets do not change with the budget (top-p, sets from a file): then a budget only
 * says how many of the exact keys are asked for. */
bool am_selector_own_budget(const am_selector *s);

/* Of these, whether the budget of the spec is the most that a set holds (top-p). */
bool am_selector_takes_cap(const am_selector *s);

/* Keys that any set of a row with n visible keys holds at least and at most, as far as is
 * known before it is selected: 1 and n where nothing is, or where budgets decide. */
void am_selector_bounds(const am_selector *s, int layer, int position, int n, int *least, int *most);

/* Whether a set is nothing but the k largest scores of its query head, so that whoever has the
 * scores can choose the keys without the selector. */
bool am_selector_is_topk(const am_selector *s);

/* Begins sequence `index` (from 0) of `length` tokens, of which positions from `prompt` on
 * are decoded one by one; prompt = length when none are known. */
am_status am_selector_start(am_selector *s, int index, int length, int prompt, am_error *err) AM_MUST_CHECK;
/* Forgets positions from `position` on. */
void am_selector_rewind(am_selector *s, int position);

/* After am_selector_start: a promise that no row before `position` is selected in this
 * sequence, which may save work (a prompt that runs dense, a run of last rows only). May be
 * given anew, with a later position, between blocks. */
void am_selector_skip(am_selector *s, int position);

/* The layer that must be prepared so that rows of `layer` can be selected, beside it: itself,
 * or an earlier one where layers share an indexer. */
int am_selector_source(const am_selector *s, int layer);

/* Takes in a layer's block; its start is where the layer's last block ended. From one
 * thread, before the block's rows are selected. */
am_status am_selector_prepare(am_selector *s, const am_select_block *block, am_threads *threads,
                              am_error *err) AM_MUST_CHECK;

enum { AM_SELECT_BUDGETS = 32 }; /* budgets of one call, at most */

/* The row's sets for n_k ascending budgets k[] >= 1: bit b of member[set * stride + j] tells
 * whether key first_key + j is in the set of k[b] keys. Bits from n_k on are 0. A set
 * holds min(k[b], n) keys but where am_selector_own_budget or docs/selectors.md say
 * otherwise; all of them when k[b] >= n. `worker` picks scratch memory. */
void am_selector_select(am_selector *s, int worker, const am_select_row *row, const int *k, int n_k,
                        uint32_t *member, int64_t stride);

/* The same for one of the row's sets: member[n]. */
void am_selector_select_set(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
                            uint32_t *member);

/* Whether some keys may come before its ranking: sinks, recent ones, or those the method itself
 * keeps. Else a set is the best of am_selector_scores. */
bool am_selector_forces(const am_selector *s);
/* Whether am_selector_scores gives any. */
bool am_selector_has_scores(const am_selector *s);
/* The scores the selector ranks the row's keys by, for one of its sets, [n], before keys that are always
 * kept come first: in room[n], or where the selector keeps them until its next block. NULL (room untouched)
 * for selectors without scores. */
const float *am_selector_scores(am_selector *s, int worker, const am_select_row *row, int set, float *room);

#endif

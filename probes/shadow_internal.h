/* State of the shadowed selectors, shared by the files shadow*.c. */
#ifndef AM_PROBES_SHADOW_INTERNAL_H
#define AM_PROBES_SHADOW_INTERNAL_H

#include "probes/capture_internal.h"
#include "probes/shadow.h"
#include "select/exact.h"

/* Every so many captured rows of a sequence, counted from its last one, the costly
 * statistics are taken (option shadow_sample). */
enum { AM_SHADOW_SAMPLE = 64 };

typedef struct am_shadowed {
	am_select_spec spec;
	am_selector *selector;
	am_run_selector about;
	int sets, first_set; /* a row's sets; where they begin among those of all selectors */
	int alias;           /* am_reference whose best keys the sets are, -1 */
	bool ranks;          /* the k best of its scores, nothing forced */
	bool *follows;       /* [model layers] takes in the layer: captured, or one that such a layer shares */
} am_shadowed;

/* Rankings that a row is judged by: of each head, of each key/value head, of the layer's
 * sums, of its maxima. Sets are those of kernels.h under the row's budgets: a word of bits for
 * 64 keys, one budget after the other. */
typedef struct am_ranking {
	uint64_t *set;       /* its best keys, but under the first `from` budgets */
	int from;            /* those are the keys whose weights reach bound[] */
	bool bounded;        /* bound[] is known */
	float guess;         /* of shared rows, from one to the next (row_best) */
	float bound[AM_SELECT_BUDGETS];
	const float *score;  /* [n] what it orders by */
	const float *weight; /* [n] what its masses are of */
	int best;            /* index of the best key */
	double mass[AM_SELECT_BUDGETS]; /* of its own best keys */
	double per_mass[AM_SELECT_BUDGETS]; /* 1 over it */
	/* On sampled rows: least score within, and whether a key beyond has it too. */
	float border[AM_SELECT_BUDGETS];
	bool tied[AM_SELECT_BUDGETS];
	double square; /* sum of its ranks' squares */
} am_ranking;

/* What one ranking says of the sets of a selector, as a mean over those that concern it. */
typedef struct am_verdict {
	double recall[AM_SELECT_BUDGETS], of_mass[AM_SELECT_BUDGETS], hit[AM_SELECT_BUDGETS];
	int sets; /* so far; 0: the arrays hold nothing */
} am_verdict;

typedef struct am_shadow_scratch {
	am_budgets budgets;
	int *places;         /* [budgets] index among the row's of each -k, then of each --ratio */
	const int *place;    /* the same, NULL where each has its own */
	am_ranking *ranking; /* [heads + kv_heads + 2] */
	am_verdict *verdict; /* likewise */
	uint64_t *sets;      /* of the rankings, then of the selectors, then joined ones */
	float *shares;       /* [kv_heads + 2][stride] sums and maxima of probabilities, times `share` */
	float *inv_z;        /* [heads] `share` over the sum of weights */
	uint32_t *member;    /* [most sets][stride] */
	const uint64_t **set; /* [all sets] */
	const float **rows;  /* [rankings] */
	const float **bounds; /* [rankings] */
	int32_t *common;     /* [selectors][rankings][budgets] keys that a set shares with rankings */
	int32_t *size;       /* [all sets][budgets] */
	int *judge;          /* [rankings] */
	double *sums;        /* [selectors][rankings][budgets] masses that it holds of them */
	double per_key[AM_SELECT_BUDGETS]; /* 1 over the keys that budgets come to */
	float *score;        /* [stride] */
	int32_t *rank;       /* [rankings + 1][stride] ranks, of a selector's scores last */
	const am_shadowed *ranked; /* whose set's scores those are, NULL: nobody's */
	int ranked_set;
	double square;       /* sum of their squares */
	uint64_t *sort;      /* [2][stride] */
	void *select;
} am_shadow_scratch;

/* The sets of one row, kept for comparison: [all sets][budgets][AM_SET_WORDS(n)], budgets in
 * the order of -k, then --ratio, since their order by size differs from row to row. */
typedef struct am_kept_row {
	int position, first_key, n;
	uint64_t *set; /* NULL: none */
} am_kept_row;

typedef struct am_kept_rows {
	int n;
	am_kept_row *row; /* [rows of a block] */
	uint64_t *memory;
	size_t room; /* words */
} am_kept_rows;

struct am_shadow {
	am_capture *c;
	int n, most_sets, all_sets;
	am_shadowed *item;
	am_run_selector *about; /* [n] */
	int heads, kv_heads, rankings;
	double share; /* of a probability in shared rows: a power of 2, so that none exceeds 1 */
	size_t stride;
	int n_fields;
	am_field_spec *spec;  /* [AM_FIELD_COUNT + n_fields] */
	uint32_t *values;     /* of the layer at hand */
	void **field;         /* [n_fields] where each has its own, NULL: there is none */
	bool *sampled_field;  /* [n_fields] has values of sampled rows alone */
	bool *counts;         /* [n_fields] of integers: specs are too large to be looked up for each value */
	am_shadow_scratch *scratch; /* [workers] */
	/* Of the layer's rows, [block][heads]: its budgets' bounds, then their masses, and of
	 * which layer they are. */
	float *bound; /* [..][2 * budgets] */
	int *bound_layer;
	int *ended;           /* [layers] positions the selectors have taken in */

	am_status failed;     /* starting a sequence */
	am_error error;
	int sequence;
	unsigned char *sampled; /* [longest + 1] rows of the sequence */
	int start, rows;      /* of the block */
	int n_sampled;        /* its captured rows that are sampled */
	int32_t *sampled_slot; /* [block] which of the captured rows they are */
	int32_t *sample;      /* [block] which of them a row is, -1 */
	int *kept_at;         /* [block] entry in kept, -1 */
	am_kept_rows kept, before; /* of the layer at hand, and of the captured one before */
	bool has_before;
	am_kept_row *carried; /* [layers] last row of the block before */
};

/* Index of a ranking: r of a head or key/value head `set` (0 for the layer's). */
static inline int am_ranking_of(const am_shadow *s, am_run_reference r, int set)
{
	return r == AM_RUN_HEAD ? set : r == AM_RUN_GROUP ? s->heads + set : s->heads + s->kv_heads + (r == AM_RUN_MAX);
}

/* Budgets of a row: -k and --ratio. */
static inline int am_shadow_budgets(const am_shadow *s)
{
	return s->c->axes.n_k + s->c->axes.n_ratio;
}

/* Whether the set under a budget holds a key of the row, of n. */
static inline bool am_set_holds(const uint64_t *set, int n, int budget, int key)
{
	return set[(size_t)budget * AM_SET_WORDS(n) + (size_t)key / 64] >> (key & 63) & 1;
}

/* Sets of a kept row: those of set i of all selectors. */
static inline uint64_t *am_kept_set(const am_shadow *s, const am_kept_row *k, int i)
{
	return k->set + (size_t)i * (size_t)am_shadow_budgets(s) * AM_SET_WORDS(k->n);
}

/* The set of a selector that a query head has. */
static inline int am_set_of_head(const am_shadow *s, const am_shadowed *a, int head)
{
	return a->sets == s->heads ? head : a->sets == s->kv_heads ? head / (s->heads / s->kv_heads) : 0;
}

/* Sets of a selector that the run file has values of, and which the i-th is: those of the
 * captured heads where each has its own. */
static inline int am_stored_sets(const am_shadow *s, const am_shadowed *a)
{
	return a->about.sets == AM_AXIS_HEAD ? s->c->axes.n_head : a->sets;
}

/* Index among the row's sets. */
static inline int am_stored_set(const am_shadow *s, const am_shadowed *a, int i)
{
	return a->about.sets == AM_AXIS_HEAD ? s->c->heads[i] : i;
}

/* Values of a row to the arrays over k and over ratio; place[] says where the value of each -k, then of each --ratio is,
 * NULL that they are in this order.
 * `first` is the id over k; `at` the row's index before the last axis. */
void am_shadow_put(am_shadow *s, am_field first, size_t at, const int *place, const double *value);
/* Index of (second, row) in an array of a layer; the row's slot, or which of the sampled rows it is. */
size_t am_shadow_at(const am_shadow *s, int second, int slot);
size_t am_shadow_sample_at(const am_shadow *s, int second, int sample);

/* shadow_rank.c. rank[n]: ranks of score[n], n < 2^24, equal ones sharing their mean: twice the rank less n + 1, so that all
 * are integers and their mean is 0. key[n]: the scores by rising rank, equal ones by rising index, each above its index, as
 * am_shadow_score_of tells it (-0 as 0). No NaN; other[n] is scratch. */
void am_shadow_mid_ranks(const float *score, int n, uint64_t *key, uint64_t *other, int32_t *rank);
float am_shadow_score_of(uint64_t key);
/* shadow_sample.c: what is taken on sampled rows. */
void am_shadow_sample_reference(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int sample);
void am_shadow_sample_selector(am_shadow *s, am_shadow_scratch *w, int worker, const am_select_row *row, int sample,
                               int selector);
/* shadow_compare.c: sets kept for comparison with other rows and layers. */
void am_shadow_keep(am_shadow *s, const am_select_row *row, const am_budgets *b, int selector, const uint64_t *const *set);
am_status am_shadow_keep_begin(am_shadow *s, int layer, am_error *err) AM_MUST_CHECK;
void am_shadow_compare(am_shadow *s, int layer);

#endif

/* The forward pass: blocks of query rows through all layers over a KV cache.
 *
 * No L x L matrix is ever held: attention scores exist for a few rows at a time,
 * so memory is weights (mapped) + KV cache + O(block). Blocks of any size, down to
 * one token (decode), give the same results up to float32 rounding; the same
 * blocks give the same bytes for any number of threads. */
#ifndef AM_MODEL_FORWARD_H
#define AM_MODEL_FORWARD_H

#include "base/threads.h"
#include "kernels/kernels.h"
#include "model/model.h"
#include "model/tap.h"
#include "select/selector.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct am_session am_session;

/* Arithmetic of the linear layers. AM_COMPUTE_BF16 rounds their inputs and weights to
 * bfloat16 and sums in float32; everything else is float32 in both. */
typedef enum { AM_COMPUTE_F32, AM_COMPUTE_BF16 } am_compute;
/* "f32", "bf16" */
const char *am_compute_name(am_compute dtype);

/* Scores of a layer: scale q . k, then soft_cap tanh(score / soft_cap) where that is > 0. */
typedef struct am_score_rule {
	float scale, soft_cap;
} am_score_rule;

typedef struct am_session_options {
	int capacity;   /* positions the KV cache holds */
	int block;      /* most rows of one am_session_forward call */
	size_t tile_floats; /* scores held at a time by one thread; rows that do not fit are
	                       streamed over in chunks of keys; 0: 8 MiB of them */
	am_threads *threads;       /* borrowed */
	const am_kernels *kernels; /* borrowed */
	am_compute dtype;
	/* Where attention alone is run (attend.h): how scores are formed, [layers]; NULL: q . k /
	 * sqrt(head_dim). */
	const am_score_rule *rules;
	/* Which of `cache_layers` slots of the KV cache a layer has, [layers]; layers may share
	 * one in turn. NULL: each its own. */
	const int *cache_slot;
	int cache_layers;
} am_session_options;

/* The model must outlive the session. am_gemm_init must have succeeded. */
am_status am_session_new(const am_model *m, const am_session_options *o, am_session **out,
                         am_error *err) AM_MUST_CHECK;
void am_session_free(am_session *s);

/* Begins a new sequence, number `index` (from 0) of those the selectors see, that will have
 * `length` tokens: "dynamic" rope scaling goes by that length (all of it, from the first
 * token on, as one forward pass over the whole text would). Positions from `prompt` on count
 * as decoded; prompt = length when none are. */
am_status am_session_start(am_session *s, int index, int length, int prompt, am_error *err) AM_MUST_CHECK;
/* Position of the next token: how many the cache holds. */
int am_session_position(const am_session *s);
/* Forgets all but the first `position` tokens of the current sequence; so do the selectors
 * that are followed. */
void am_session_rewind(am_session *s, int position);
/* Sets the position ahead without running, over repeated cache entries, which selectors take
 * in too. For cost estimates: the results of later rows are meaningless. */
am_status am_session_skip(am_session *s, int position, am_error *err) AM_MUST_CHECK;

/* Inverse temperatures from the next block on: the queries of a head after rotation, and so its
 * scores, are multiplied by beta[layer * heads + head] > 0. Borrowed; NULL: 1 everywhere. For sessions without score
 * rules (AM_ERR_UNSUPPORTED). */
am_status am_session_set_temperatures(am_session *s, const float *beta, am_error *err) AM_MUST_CHECK;

/* ---- sparse attention ------------------------------------------------------- */

/* What a selector for this session is opened with. Valid as long as the session. */
void am_session_shape(const am_session *s, am_select_shape *out);

typedef struct am_attention_policy {
	am_selector *selector; /* NULL: dense. Borrowed until the session is freed or forgets it */
	am_budget budget;      /* of a row; not looked at where am_selector_own_budget */
	bool all;              /* every row is sparse, else those from the prompt's end on */
} am_attention_policy;

/* Attention from the next block on: a row is softmax over the selected keys of each head
 * alone. Rows whose budget is no less than their visible keys go through the dense code, with
 * the same bytes. NULL: dense. Follows the policy's selector and sets the retained
 * mass to none. AM_ERR_USAGE: a budget is missing. */
am_status am_session_set_attention(am_session *s, const am_attention_policy *p, am_error *err) AM_MUST_CHECK;

/* Lets a selector take in every block of a prompt, whatever the policy; what it needs of
 * them (queries, hidden states) is not kept, so a policy's selector must have been followed
 * from the sequence's start. Blocks from the prompt's end on reach the policy's selector alone:
 * to go on under another policy, rewind to the prompt's end. So one prefill serves
 * several policies. Following twice is following once. */
am_status am_session_follow(am_session *s, am_selector *selector, am_error *err) AM_MUST_CHECK;
/* Drops a selector, or with NULL all of them; attention is dense if it was the policy's. */
void am_session_forget(am_session *s, const am_selector *selector);

/* Attention mass on the selected keys, of the dense row: sum over the (row, head) pairs the policy
 * decided on, 1 where all keys were kept. */
typedef struct am_retained {
	double sum;
	int64_t rows; /* pairs; the mean is sum / rows */
} am_retained;
/* Since the policy was set, of one layer or with -1 of all. */
am_retained am_session_retained(const am_session *s, int layer);

typedef struct am_forward_io {
	const int32_t *ids;    /* [n] tokens of the block */
	const int32_t *target; /* [n] next token of each, -1 where there is none; NULL: no NLL */
	float *nll;            /* [n] out, nat: -ln p(target); NaN where target is -1; NULL with target */
	float *logits;         /* [vocab] out, of the last row; NULL when not wanted */
	const am_tap *tap;     /* NULL: nothing observed */
} am_forward_io;

/* Runs n >= 1 tokens from the current position on. AM_ERR_RANGE: an id outside the
 * vocabulary or no room in the cache. AM_ERR_USAGE: the policy's selector has not taken in
 * the cache. AM_ERR_NUMERIC names the layer (and the
 * tensor, when a weight is at fault) where the first non-finite value appears; the
 * position is unchanged then. */
am_status am_session_forward(am_session *s, const am_forward_io *io, int n, am_error *err) AM_MUST_CHECK;

/* Seconds spent so far in attention (scores to outputs, taps included) and in all. */
void am_session_times(const am_session *s, double *attention, double *total);
/* Bytes of the KV cache, and of everything else the session allocated. */
void am_session_memory(const am_session *s, size_t *cache, size_t *scratch);

#endif

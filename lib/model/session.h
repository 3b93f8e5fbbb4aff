/* Internals of a session, shared by the files of the forward pass. */
#ifndef AM_MODEL_SESSION_H
#define AM_MODEL_SESSION_H

#include "model/forward.h"
#include "model/weights.h"

#include <stdatomic.h>
#include <stdbool.h>

/* One layer's vectors as float32 (the matrices stay as they lie in the file). */
typedef struct am_layer_vectors {
	float *input_norm, *post_norm;           /* [hidden] */
	float *q_bias, *k_bias, *v_bias, *o_bias; /* NULL when absent */
	float *gate_bias, *up_bias, *down_bias;
	float *q_norm, *k_norm; /* [head_dim], NULL when absent */
} am_layer_vectors;

struct am_model {
	am_config config;
	am_tensors *tensors;
	am_weights weights;
	am_layer_vectors *vectors; /* [layers] */
	float *final_norm;         /* [hidden] */
	char digest[17];
};

struct am_session {
	const am_model *model;
	am_threads *threads;
	const am_kernels *kernels;
	am_compute dtype;
	int capacity, block, position;
	size_t cache_bytes, scratch_bytes;
	/* KV cache, [cache_layers][kv_heads][capacity][head_dim] each. */
	float *keys, *values;
	/* Keys of the layer at hand as columns (am_pack_rows_fn), [kv_heads][chunks][head_dim][AM_PACKED];
	 * NULL where products are the BLAS's. */
	float *packed_keys;
	int cache_layers;
	const int *cache_slot;      /* [layers] -> cache layer; NULL: the same */
	const am_score_rule *rules; /* [layers] or NULL */
	const float *beta;          /* [layers][heads] factors of the scores; NULL: 1 */
	/* Rotary tables of the block, per distinct rope config: [block][head_dim / 2]. */
	int n_ropes, *rope_of_layer; /* [layers] -> rope */
	float *inv_freq;             /* [n_ropes][head_dim / 2] */
	float *rope_scale;           /* [n_ropes] */
	float *cos, *sin;            /* [n_ropes][block][head_dim / 2] */
	/* Activations of the block. */
	float *x, *normed;   /* [block][hidden] */
	float *q, *att;      /* [block][heads * head_dim] */
	float *k, *v;        /* [block][kv_heads * head_dim] */
	float *gate, *up;    /* [block][intermediate] */
	void *rounded;       /* input of a linear step in bfloat16; NULL in float32 */
	float *panel_max;    /* [vocabulary panels][block] */
	double *panel_sum;
	float *target_logit; /* [block] */
	struct am_worker_scratch {
		float *score, *weight; /* attention tile: rows times the stride of their keys */
		float *q_tile, *out_tile, *part_tile; /* [tile_rows * group][head_dim] */
		/* Of a tile that streams over its keys, see attention_long.c. */
		struct am_stream_row {
			float max;          /* of the scores seen; -inf before the first */
			double z;           /* sum of exp(score - max) */
			float shrink, grow; /* factors of the output so far and of the last chunk's */
			int kept;           /* index of the row in `kept`, -1 when it is not wanted */
		} *stream;          /* [tile_rows * group] */
		float *kept;        /* wanted rows of scores, whole */
		size_t kept_floats; /* room there */
		am_row_sums *sums;
		float *lanes; /* of the row at hand: AM_ROW_LANES(capacity) */
		void *tally; /* AM_TALLY bytes, of one row after another */
		am_tally_row *tallied; /* [tile_rows * group] */
		unsigned *wants;
		float *panel; /* converted weight panel */
		float *logits;
		/* Of rows of all heads together, see attention_rows.c: room of score and weight, the
		 * rows' sums and masses kept, [tile_rows][heads] each, flags of the tap, block rows. */
		size_t score_floats, weight_floats;
		am_row_sums *row_sums;
		double *kept_z;
		unsigned *row_wants;
		int32_t *row_least;
		int *rows; /* [tile_rows] */
		/* Sparse rows; NULL before the first policy. */
		uint32_t *member; /* [sets][capacity] */
		void *select;     /* of row_topk */
		int32_t *index;   /* [capacity] */
		float *picked_weight; /* [AM_PICKED] */
	} *worker; /* [threads] */
	/* Sparse attention, see policy.c. */
	am_attention_policy policy;
	struct am_followed {
		am_selector *selector;
		int position; /* what it has taken in */
		bool fed;     /* it takes in the block at hand */
	} *followed;
	int n_followed;
	int index, length, prompt; /* of the sequence */
	double *retained_row;      /* [block][heads] of the layer at hand */
	am_retained *retained;     /* [layers] */
	unsigned char *tile_plan;  /* [block], see attention_rows.c */
	/* A single token's rows (decode), see decode.c. */
	float *decode_score, *decode_weight; /* [heads][capacity] */
	float *decode_partial;               /* [parts][heads * head_dim] */
	unsigned *decode_wants;              /* [heads] */
	am_row_sums *decode_sums;            /* [heads] */
	uint32_t *decode_member;             /* [sets][capacity]; NULL before the first policy */
	size_t tile_floats;
	int tile_rows; /* most query rows of one attention tile */
	atomic_bool bad; /* a non-finite score was seen */
	double attention_seconds, total_seconds;
};

/* One product of a linear step: y[rows][n] = (add ? y : 0) + bias + x . w^T. */
typedef struct am_product {
	const am_tensor *w; /* [n][inputs] */
	const float *bias;  /* [n] or NULL */
	float *y;
	int n;
	bool add;
} am_product;

/* Runs products of the same input x[rows][inputs] in one parallel step. */
void am_linear(am_session *s, const float *x, int rows, int inputs, const am_product *p, int n);

/* Weight rows of one product tile, and rows of activations. */
enum { AM_PANEL = 64, AM_VOCAB_PANEL = 512, AM_ROW_TILE = 256 };

/* Input of a linear step in the arithmetic of the session: exactly one of x and bf16. */
typedef struct am_activations {
	const float *x; /* [rows][stride] */
	const uint16_t *bf16;
	int inputs, stride;
} am_activations;

/* x[rows][inputs] itself, or rounded into s->rounded: valid until the next call. */
am_activations am_activations_of(am_session *s, const float *x, int rows, int inputs);

/* y[rows][count] (row stride ldy) = activations row .. row + rows - 1 . weight rows
 * first .. first + count - 1, transposed, + (add ? y : 0). count at most AM_PANEL or, for the
 * output head, AM_VOCAB_PANEL. */
void am_product_weights(const am_session *s, const am_activations *a, int row, int rows, const am_tensor *w,
                        int first, int count, bool add, float *y, int ldy, int worker);
/* C[m][n] = A[m][k] . B[n][k]^T and A[m][k] . B[k][n] in float32; ld* = row strides. rows: to be tallied beside
 * the second, which the table must be able to (gemm_nn_tally); NULL or empty: none. */
void am_product_nt(const am_kernels *kernels, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float *c, int ldc);
void am_product_nn(const am_kernels *kernels, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float *c, int ldc, const am_tally_rows *rows);

/* float32 view of `count` rows of a matrix from row `first` on: the file's own
 * memory where it can be used as it is, else `panel` filled by conversion. */
const float *am_weight_rows(const am_kernels *kernels, const am_tensor *w, int first, int count, float *panel);

/* y[n] = w x / sqrt(mean(x^2) + eps), the sum in float64; y may be x. */
void am_rms_norm(const float *x, const float *w, int n, double eps, float *y);

/* q, k of the block are rotated in place and k, v appended to the cache. */
void am_rope_block(am_session *s, int rows);
void am_rotate_store(am_session *s, int layer, int rows);

/* att = attention output of the block for one layer; hands rows to the tap. Fails
 * for want of memory only; non-finite scores set s->bad. */
am_status am_attention(am_session *s, const am_select_block *block, const am_tap *tap, am_error *err) AM_MUST_CHECK;
/* Query positions of one tile. */
int am_attention_tile_rows(const am_config *c, int block);
/* Floats from one row of scores over `keys` keys to the next. */
int am_attention_stride(int keys);

/* Values gathered at a time for a sparse row. */
enum { AM_PICKED = 1024 };

/* A layer's block as selectors take it in. */
am_select_block am_select_block_of(const am_session *s, int layer, int start, int rows);
/* Before a block: which selectors take it in. After its last layer, or when it failed: where they stand. */
am_status am_followed_begin(am_session *s, am_error *err) AM_MUST_CHECK;
am_status am_followed_prepare(am_session *s, const am_select_block *block, am_error *err) AM_MUST_CHECK;
void am_followed_end(am_session *s, int rows, bool ok);
/* As the session's rewind and skip; the latter moves the session's position on. */
void am_followed_rewind(am_session *s);
am_status am_followed_skip(am_session *s, int position, am_error *err) AM_MUST_CHECK;
/* The selectors begin the session's sequence. */
am_status am_followed_start(am_session *s, am_error *err) AM_MUST_CHECK;
/* Whether the policy decides on a row, and whether it then drops any key. */
bool am_policy_applies(const am_session *s, int position);
bool am_policy_sparse(const am_session *s, int layer, int position);
/* Of a sparse row: whether a set of its selector may turn out to hold all its keys; such a row's
 * output is the dense one. */
bool am_policy_may_be_whole(const am_session *s, int layer, int position);
bool am_policy_whole(const uint32_t *member, int n);
/* Bits of the row's sets; `stride` from set to set. */
void am_policy_select(const am_session *s, int worker, const am_select_row *row, uint32_t *member, int64_t stride);
void am_policy_select_set(const am_session *s, int worker, const am_select_row *row, int set, uint32_t *member);
/* The budget of a row with n visible keys. */
int am_policy_budget(const am_session *s, int n);
/* The set of a query head. */
int am_policy_set(const am_session *s, int head);
/* Adds up s->retained_row of the layer's rows. */
void am_policy_account(am_session *s, int layer, int rows);

/* nll[rows] from the normed hidden state. */
void am_nll(am_session *s, int rows, const int32_t *target, float *nll);

/* The first weight of a layer that is not finite, as an error naming tensor and
 * index; otherwise that `what` of the layer is not finite. layer = -1: outside
 * the layers. */
am_status am_report_nonfinite(const am_session *s, int layer, const char *what, am_error *err);

#endif

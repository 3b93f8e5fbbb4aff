/* The Lightning Indexer of DeepSeek sparse attention: a small scorer that says which
 * keys a query should attend to. For a token t with attention input x_t (after the
 * layer's norm) and query input c_t (the compressed query of latent attention; x_t
 * itself in a model without one), with H_I heads of d_I:
 *
 *   q_tj = rotate_t(W_q c_t)_j     k_s = rotate_s(norm(W_k x_s))     w_t = scale W_w x_t
 *   I(t, s) = sum over heads j of w_tj max(0, q_tj . k_s)
 *
 * rotate turns the first (or last) d_r dimensions by the position and then, where
 * asked for, applies a Hadamard matrix; the result may be rounded to bfloat16 or to
 * FP8. scale = H_I^-1/2 d_I^-1/2. DeepSeek-V3.2-Exp report, 2025, and the code released
 * with it; every choice in which implementations differ is a field of am_index_form.
 * Formulas and precisions: docs/indexer-format.md. */
#ifndef AM_SELECT_INDEXER_H
#define AM_SELECT_INDEXER_H

#include "base/error.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "store/tensors.h"

#include <stdbool.h>

/* Which coordinates of the d_r rotary ones turn together: i and i + d_r/2 (DeepSeek-V3.2),
 * or 2i and 2i + 1 (GLM-5). */
typedef enum { AM_PAIRS_HALF, AM_PAIRS_INTERLEAVED } am_rope_pairs;
/* Layer norm with bias, RMS norm, none. */
typedef enum { AM_INDEX_NORM_LAYER, AM_INDEX_NORM_RMS, AM_INDEX_NORM_NONE } am_index_norm;
/* What q and k are rounded to before their product. Products are summed in float32. */
typedef enum { AM_INDEX_F32, AM_INDEX_BF16, AM_INDEX_FP8 } am_index_precision;

typedef struct am_index_form {
	int heads, dim;  /* H_I, d_I */
	int rope_dims;   /* d_r, even, at most d_I; 0: no rotation */
	bool rope_last;  /* the rotary part is the last d_r dimensions, not the first */
	am_rope_pairs pairs;
	am_index_norm norm; /* of keys */
	double eps;
	bool hadamard;   /* dim must be a power of two */
	bool relu;
	bool head_weights; /* w as above; else w = scale */
	double scale;
	int groups;      /* score maps: 1, or one a key/value head, each of heads / groups heads in order */
	am_index_precision precision;
	bool power_scale; /* FP8 scales rounded up to powers of two (ue8m0), else as they are */
	/* Inputs and the results of projection, norm, rotation and Hadamard are rounded to
	 * bfloat16, as in a model that runs in it; w stays float32. */
	bool bf16_activations;
} am_index_form;

enum {
	AM_INDEX_MAX_DIM = 4096,
	AM_FP8_BLOCK = 128, /* values that share an FP8 scale; of matrices 128 x 128 */
};
/* Sums of products of three numbers below it stay finite in float32. */
#define AM_INDEX_LIMIT 1e10f

/* AM_ERR_RANGE naming the field that does not fit the others. */
am_status am_index_form_check(const am_index_form *f, am_error *err) AM_MUST_CHECK;

/* One layer's tensors: F32, F16, BF16, or F8_E4M3 with a `scale` of [ceil(rows / 128)]
 * [ceil(columns / 128)] in F32 or F8_E8M0 (else NULL). Borrowed. */
typedef struct am_index_matrix {
	const am_tensor *w;     /* [rows][columns] */
	const am_tensor *scale;
} am_index_matrix;
typedef struct am_index_weights {
	am_index_matrix wq; /* [H_I d_I][inputs of c] */
	am_index_matrix wk; /* [d_I][inputs of x] */
	am_index_matrix ww; /* [H_I][inputs of x]; w NULL without head weights */
	const float *norm_weight; /* [d_I]; NULL without norm */
	const float *norm_bias;   /* [d_I]; NULL but for layer norm */
} am_index_weights;

/* Weight rows first .. first + count - 1 in float32: to[count][columns]. */
void am_index_matrix_rows(const am_index_matrix *m, int first, int count, float *to);

/* Room that grows with use; {0} at first. One call at a time. */
typedef struct am_index_work {
	void *bytes;
	size_t size;
} am_index_work;
void am_index_work_fini(am_index_work *w);

typedef struct am_index_input {
	const float *x; /* [rows][inputs of x] */
	const float *c; /* [rows][inputs of c], the same as x without a compressed query */
	const float *cos, *sin; /* [rows][rope_dims / 2] */
	int rows, start; /* `start`: position of the first, for messages */
} am_index_input;

/* What enters the product. With FP8 q and k hold the 8-bit numbers and the scales are beside
 * them, where a vector is one block (d_I <= 128); a longer vector is multiplied out and its
 * scale is 1, as it is in every other precision. */
typedef struct am_index_output {
	float *q, *q_scale; /* [rows][H_I][d_I], [rows][H_I] */
	float *k, *k_scale; /* [rows][d_I], [rows] */
	float *w;           /* [rows][H_I] */
} am_index_output;

/* One layer's indexer on a block of rows, every stage. The bytes of a row do not depend on
 * the other rows of the block or on the threads (where the kernel table has products of
 * its own). AM_ERR_NUMERIC: a result that is not below AM_INDEX_LIMIT, with its position; outputs
 * are undefined then. */
am_status am_index_forward(const am_index_form *f, const am_index_weights *weights, const am_index_input *in,
                           const am_kernels *kernels, am_threads *threads, am_index_work *work,
                           const am_index_output *out, am_error *err) AM_MUST_CHECK;

/* Whether q and k enter the product as bfloat16 pairs: they are such numbers, or FP8 ones with their
 * scale beside them, and the table has the dot product. */
bool am_index_paired(const am_index_form *f, const am_kernels *kernels);
/* q[count][d_I] in pairs, to[count][d_I rounded up to even]. */
void am_index_pair(const am_index_form *f, const am_kernels *kernels, const float *q, size_t count, uint16_t *to);

/* Keys are kept in chunks of AM_INDEX_KEYS positions as the product reads them: [chunk][d_I]
 * [AM_INDEX_KEYS], or with half the rows where they are paired. */
enum { AM_INDEX_KEYS = AM_PACKED };
/* Floats of the chunks that hold `positions` keys. */
size_t am_index_key_floats(const am_index_form *f, const am_kernels *kernels, int positions);
/* Puts k[rows][d_I] at positions start .. start + rows - 1. Where keys are paired and d_I is odd, chunks
 * start as zeros. */
void am_index_keep_keys(const am_index_form *f, const am_kernels *kernels, const float *k, int start, int rows, float *chunks);

/* The side of a score that one query or several following ones bring. */
typedef struct am_index_query {
	const float *q;        /* [rows][H_I][d_I] */
	const uint16_t *pairs; /* the same as am_index_pair leaves them, where they are paired */
	const float *q_scale;  /* [rows][H_I] */
	const float *w;        /* [rows][H_I] */
} am_index_query;

/* Scores in maps group .. group + groups - 1 (several rows: all maps) of positions first .. first + n - 1
 * for the last row, to one less for each row before it, out[(row groups + map) stride + j]:
 *   k_scale_s * (sum over heads j in rising order of (w_j q_scale_j) * relu(q_j . k_s)) + 0,
 * each step rounded to float32, so a sum of nothing is +0 whatever the signs of w. The bytes do
 * not depend on what is asked for together. chunks and k_scale as kept, from position 0, filled as
 * far as asked for. */
void am_index_scores(const am_index_form *f, const am_kernels *kernels, const am_index_query *query, int rows,
                     int group, int groups, const float *chunks, const float *k_scale, int first, int n, float *out,
                     size_t stride);

#endif

/* Row kernels: pure computation on the caller's memory, one table per ISA.
 *
 * A row is the n scores of one query over its visible keys, contiguous float32.
 * Scores may be -inf (weight exactly 0); NaN spreads to the sums, where the
 * caller sees it. Sums are float64. Definitions: docs/numerics.md. */
#ifndef AM_KERNELS_KERNELS_H
#define AM_KERNELS_KERNELS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* u_j = s_j - max; e_j = exp(u_j). A row with no finite score has max = -inf
 * and all sums 0. */
typedef struct am_row_sums {
	float max;  /* m: largest score */
	double z;   /* sum e            => LSE = m + ln z */
	double a;   /* sum e u          => H = ln z - a/z   (nat) */
	double b;   /* sum e u^2        => Var_p(s) = b/z - (a/z)^2 */
	double z2;  /* sum e^2          => H2 = 2 ln z - ln z2 */
	double d;   /* sum e (n - 1 - j) => mean distance d/z, in keys from the last */
} am_row_sums;

/* Numbers of a model file. Rows of 16-bit types may lie at any address. */
typedef enum { AM_F32, AM_F16, AM_BF16 } am_number;

/* Matrix products, row-major, ld* = row strides in elements. Each element of C is
 * a chain of fused multiply-adds over at most 256 steps, chains added in order:
 * the same bits whatever the tiles, on every ISA. (A single row of nt and bf16 is 16
 * chains joined pairwise, so that B is read along its rows: again on every ISA.)
 *   nt:   C[m][n] = A[m][k] . B[n][k]^T + (add ? C : 0), B of any type
 *   nn:   C[m][n] = A[m][k] . B[k][n] + (add ? C : 0)
 *   nn_tally: nn, and tallies all rows meanwhile, whose stores go beside the products
 *   bf16: nt with A in bfloat16 and B rounded to it: exact products of pairs,
 *         summed in float32 (subnormals count as 0)
 * pack_rows: B[n][k] for nn, AM_PACKED of its rows at a time as columns, to[n / AM_PACKED rounded
 * up][k][AM_PACKED]; columns behind the last are not set. For rows that many products read. */
#define AM_PACKED 64
/* Rows of C that the tables' products form at once. */
#define AM_PRODUCT_ROWS 6
typedef void am_gemm_nt_fn(int m, int n, int k, const float *a, int lda, const void *b, am_number type, int ldb,
                           bool add, float *c, int ldc);
typedef void am_gemm_nn_fn(int m, int n, int k, const float *a, int lda, const float *b, int ldb, bool add,
                           float *c, int ldc);
/* A row of weights to be tallied beside other work. */
typedef struct am_tally_row {
	const float *weight;
	int n;
	int32_t least; /* as row_weigh returned it */
	int id;        /* of the caller's choice */
} am_tally_row;

/* Rows to be tallied one after another: once row `id` is, `done` may call tally_mass. */
typedef struct am_tally_rows {
	const am_tally_row *row;
	int rows;
	void *tally; /* as of row_tally */
	void (*done)(void *ctx, int id);
	void *ctx;
} am_tally_rows;

typedef void am_gemm_nn_tally_fn(int m, int n, int k, const float *a, int lda, const float *b, int ldb, bool add,
                                 float *c, int ldc, const am_tally_rows *rows);
typedef void am_pack_rows_fn(int n, int k, const float *b, int ldb, float *to);
typedef void am_gemm_bf16_fn(int m, int n, int k, const uint16_t *a, int lda, const void *b, am_number type,
                             int ldb, bool add, float *c, int ldc);

/* Scores of an indexer, one query against keys first .. first + n - 1 of a chunk that pack_rows
 * made, 0 <= first, first + n <= AM_PACKED:
 *   out[j - first] = scale[j] sum_h (weight[h] head_scale[h]) f(q_h . key_j), never -0,
 * f(z) = max(z, 0) with `relu`, else z; q[heads] rows of dim, ldq apart. A product is one chain of dim
 * fused multiply-adds; heads are added in their order, each step rounded: the same bits on every ISA
 * that has fused ones (not scalar), whatever is asked for together.
 *   bf16: q and keys in pairs along dim, q of (dim + 1) / 2 pairs, keys [(dim + 1) / 2][AM_PACKED] words,
 *         the lower half first, behind an odd dim 0: exact products of pairs as in the bf16 product */
typedef void am_index_scores_fn(const float *q, int64_t ldq, int heads, int dim, const float *weight, const float *head_scale,
                                bool relu, const float *keys, const float *scale, int first, int n, float *out);
typedef void am_index_scores_bf16_fn(const uint16_t *q, int64_t ldq, int heads, int dim, const float *weight,
                                     const float *head_scale, bool relu, const float *keys, const float *scale, int first,
                                     int n, float *out);

/* Rows of n weights >= 0 that sets of keys are held against (weigh_sets below). */
typedef struct am_set_rows {
	const float *const *row;   /* [rows] */
	int rows, counted;         /* the first `counted` of them are counted */
	int summed;                /* the first `summed` of these are added up, and all those behind */
	int n_bound;               /* sets that are counted: the first of them */
	const float *const *bound; /* [rows][n_bound]; NULL for a row that counts nothing */
} am_set_rows;

/* At most so many families of sets, one set a budget each, are weighed at once. */
#define AM_SET_FAMILIES 4

/* A family, and what is said of it. */
typedef struct am_key_sets {
	const uint64_t *set; /* [n_k][AM_SET_WORDS(n)] */
	double *sum;         /* [rows][n_k] out, of rows that are added up */
	int32_t *count;      /* [counted][n_k] out, n_bound of them; 0 where a row counts nothing */
	int32_t *size;       /* [n_k] out, NULL: not asked for */
} am_key_sets;

typedef struct am_kernels {
	const char *name;

	/* score[n] -> weight[n] = exp(score - max) and every sum. weight may be
	 * score itself. n >= 0. lanes[AM_ROW_LANES(n)]: 16 partial sums of every 64 weights and of what is left, for
	 * `spans`; may be NULL, and means nothing where z is not > 0. */
	void (*row_stats)(const float *score, int n, float *weight, float *lanes, am_row_sums *out);
	/* The same, and leaves in tally[AM_TALLY bytes], 64-byte aligned, what tally_mass needs. A tally
	 * is zeroed before its first row and kept from row to row: each empties it of the one before. */
	void (*row_tally)(const float *score, int n, float *weight, float *lanes, am_row_sums *out, void *tally);
	/* row_stats, and returns what a tally of the row needs to know beforehand (0: nothing is known). */
	int32_t (*row_weigh)(const float *score, int n, float *weight, float *lanes, am_row_sums *out);
	/* row_stats with max and z only (a, b, z2, d = 0). */
	void (*row_softmax)(const float *score, int n, float *weight, am_row_sums *out);
	/* sum of x[0..n) in float64. */
	double (*sum)(const float *x, int n);

	/* Mass of the k largest weights and smallest count reaching a mass, without
	 * sorting the row. weight[n] in [0, 1] (not NaN), not all 0; Z = their sum.
	 *   mass[i]   = (sum of the k[i] largest) / Z; exactly 1 when k[i] >= n
	 *   bound[i]  = a number that exactly k[i] of the weights are >=; NaN where equal weights
	 *               leave none, 0 when k[i] >= n. bound may be NULL.
	 *   count[i]  = min {k : mass of the k largest >= tau[i] - 1e-12}, at least 1, at most n
	 * k[n_k] ascending and >= 1; tau[n_tau] ascending in (0, 1].
	 * scratch: AM_SELECT_SCRATCH(n) bytes, 64-byte aligned. */
	void (*row_mass)(const float *weight, int n, const int *k, int n_k, const double *tau, int n_tau, float *mass,
	                 float *bound, int32_t *count, void *scratch);
	/* The same of a row that has been tallied; its tally is used up. */
	void (*tally_mass)(const float *weight, int n, void *tally, const int *k, int n_k, const double *tau,
	                   int n_tau, float *mass, float *bound, int32_t *count, void *scratch);
	/* The k[i] largest of such a row, where nothing is asked about the others:
	 *   sum[i]    = their sum, exact where a float64 holds the sum of any of them, else octave by octave from
	 *               the top in float64; what `sum` gives when k[i] >= n
	 *   bound[i]  = as of row_mass, one of the numbers that part them from the others
	 * *guess: what rather more than the largest k[i] < n of the weights reach, as a row like this one left it. Any
	 * number will do, and neither sums nor what reaches the bounds depend on it: it saves time. */
	void (*row_best)(const float *weight, int n, const int *k, int n_k, float *guess, double *sum, float *bound, void *scratch);
	/* share[i] = factor times the sum of x[from[i] - first .. to[i] - first), of what lies in 0 .. n;
	 * from[n_spans] and to[n_spans] in any order. lanes: those of x as row_stats leaves them, or NULL
	 * (the same shares, only later). */
	void (*spans)(const float *x, const float *lanes, int n, int first, const int *from, const int *to, int n_spans, double factor, float *share);

	/* Indices of the min(k, n) largest scores; among equal scores the lower index is
	 * the larger. Best first when `sorted`, else by rising index. With NaN among
	 * them they are any that differ. index[min(k, n)]; scratch as above. */
	void (*row_topk)(const float *score, int n, int k, bool sorted, int32_t *index, void *scratch);

	/* Sets of keys under several budgets, a bit each: key j is in set i when bit j % 64 of
	 * set[i * AM_SET_WORDS(n) + j / 64] is set; bits from n on are 0.
	 *
	 * row_sets: set i holds the k[i] best scores (row_topk's order), all when k[i] >= n;
	 * k[n_k] ascending, >= 1, at most AM_SET_BUDGETS. Returns the index of the best score, -1
	 * for n = 0. No NaN, no +inf; scratch as above. */
	int (*row_sets)(const float *score, int n, const int *k, int n_k, uint64_t *set, void *scratch);
	/* Set i holds the keys of weight >= bound[i], in whatever order bounds come: none for NaN,
	 * and a weight of NaN is in none. */
	void (*reach_sets)(const float *weight, int n, const float *bound, int n_k, uint64_t *set);
	/* The first key of weight >= bound, n where there is none. */
	int (*first_reach)(const float *weight, int n, float bound);
	/* Sets whose bits come key by key: bit i of member[j]; n_k <= 32, bits from n_k on are 0. */
	void (*member_sets)(const uint32_t *member, int n, int n_k, uint64_t *set);
	/* count[i] = keys that set i of both families holds. */
	void (*set_counts)(const uint64_t *a, const uint64_t *b, int n, int n_k, int32_t *count);
	/* sum[h * n_k + i] = sum of row[h][j] over the keys j of set i, for rows of n weights >= 0;
	 * n_k at most AM_SET_BUDGETS. Sets need not be nested, but those that are cost less in
	 * ascending order. Up to n / 8 keys in float64, larger ones within 40 roundings of float32. */
	void (*set_sums)(const uint64_t *set, int n, int n_k, const float *const *row, int rows, double *sum);
	/* sum[i] = sum of other[j] over the keys j of weight >= bound[i], within 40 roundings of float32; none
	 * for NaN. other[n] >= 0. */
	void (*reach_sums)(const float *weight, const float *other, int n, const float *bound, int n_k, double *sum);
	/* The same sums as set_sums, and count[h * n_k + i] = keys j of set i with row[h][j] >= bound[h][i], size[i] =
	 * keys of set i: for up to AM_SET_FAMILIES families of n_k sets, which read a row once. Counting costs little for
	 * nested sets of up to n / 8 keys. */
	void (*weigh_sets)(const am_key_sets *sets, int families, int n, int n_k, const am_set_rows *rows);
	/* Probabilities p = weight[h][n] inv_z[h] over the heads: summed by `group` heads in
	 * turn, of_group[heads / group][n], by all, and the largest, in the order of the heads. */
	void (*row_shares)(const float *weight, int64_t stride, int heads, int group, const float *inv_z, int n,
	                   float *of_group, int64_t group_stride, float *sum, float *largest);
	/* The same choice under several budgets at once: member[j] |= 1 << b for the min(k[b], n)
	 * largest scores. k[n_k] ascending and >= 1, n_k <= 32. No NaN. member[n]; scratch as above. */
	void (*row_member)(const float *score, int n, const int *k, int n_k, uint32_t *member, void *scratch);

	/* out[j] = (add ? out[j] : 0) + sum_i weight[i] x[i * stride + j], j < n, i = 0 .. m - 1 in
	 * order, rounded at each step: the same bits on every ISA and for any part of a row. */
	void (*combine_rows)(const float *weight, int m, const float *x, int64_t stride, int n, bool add, float *out);

	/* One query position over cached keys, for `heads` query heads of one key/value
	 * head; each key and value is read once. Row-major: q[heads][d] (scale applied),
	 * k[n][d], v[n][d], out[heads][d]; score and weight [heads][n], row stride `stride`.
	 *   score[h][j] = q_h . k_j
	 *   out[h]     += sum_j weight[h][j] v_j
	 * decode_picked: of one head over k of the values, out += sum_i weight[i] v_index[i]. */
	void (*decode_scores)(const float *q, int heads, int d, const float *k, int n, float *score, int stride);
	void (*decode_values)(const float *weight, int stride, int heads, int d, const float *v, int n, float *out);
	void (*decode_picked)(const float *weight, const int32_t *index, int k, int d, const float *v, float *out);

	/* gate[i] = SiLU(gate[i]) up[i], SiLU(x) = x / (1 + e^-x), within 4 ulp. */
	void (*silu_gate)(float *gate, const float *up, size_t n);

	/* 16-bit to float32. */
	void (*bf16_to_f32)(const uint16_t *x, size_t n, float *y);
	void (*f16_to_f32)(const uint16_t *x, size_t n, float *y);
	/* float32 to bfloat16, to nearest, ties to even; a NaN stays one. */
	void (*f32_to_bf16)(const float *x, size_t n, uint16_t *y);

	/* NULL: the table leaves products to the BLAS (gemm.h). */
	am_gemm_nt_fn *gemm_nt;
	am_gemm_nn_fn *gemm_nn;
	am_gemm_nn_tally_fn *gemm_nn_tally;
	am_pack_rows_fn *pack_rows;
	am_index_scores_fn *index_scores;
	/* NULL: the machine has no such dot product. */
	am_gemm_bf16_fn *gemm_bf16;
	am_index_scores_bf16_fn *index_scores_bf16;
} am_kernels;

/* Partial sums of a row's weights, in floats: whole groups of 16, those behind the last are not set. */
#define AM_ROW_LANES(n) (((size_t)(n) + 1023) / 1024 * 256)
/* Counts and sums of a row's weights by size (kernels/generic/tally.h). */
#define AM_TALLY 19520
/* Room for five levels of buckets (8 bits of a 30-bit key and more each) and twice
 * the weights gathered at each. */
#define AM_SELECT_LEVEL 32768
#define AM_SET_BUDGETS 64
/* Words of a set of n keys: whole cache lines. */
#define AM_SET_WORDS(n) (((size_t)(n) + 511) / 512 * 8)
#define AM_SELECT_SCRATCH(n) ((size_t)(n) * 40 + 5 * AM_SELECT_LEVEL)

/* The table of that name. "auto" is the best one that is usable. NULL leaves it to
 * the environment variable ATTNMETER_KERNELS, and to "auto" where that is unset or
 * empty. An unknown or unusable name is AM_ERR_USAGE with the usable ones. */
am_status am_kernels_get(const char *name, const am_kernels **out, am_error *err) AM_MUST_CHECK;
/* The i-th table of this build and whether it is usable; NULL past the last.
 * Reference first, which always is. */
const am_kernels *am_kernels_at(int i, int *usable);
/* Why the i-th table (there must be one) is not usable, NULL where it is: instructions the processor lacks,
 * registers the operating system does not keep, or a name on the comma-separated
 * list of the environment variable ATTNMETER_KERNELS_OFF (for tests). */
const char *am_kernels_obstacle(int i);

#endif

/* The parts of the kernel test program. Each takes one usable kernel table, checks
 * it on every input and returns the number of failed checks. */
#ifndef AM_TESTS_KERNELS_TESTS_H
#define AM_TESTS_KERNELS_TESTS_H

#include "kernels/kernels.h"

typedef struct test_options {
	uint64_t seed;
	int rounds;     /* of randomised cases */
	int exp_stride; /* every n-th float32 of [-104, 0] goes through exp; 1 = all */
} test_options;

int test_rows(const am_kernels *k, const test_options *o);       /* row_stats, row_softmax */
int test_exp(const am_kernels *k, const test_options *o);        /* row_softmax of (0, u...) */
int test_sum(const am_kernels *k, const test_options *o);        /* sum */
int test_mass(const am_kernels *k, const test_options *o);       /* row_mass */
int test_tally(const am_kernels *k, const test_options *o);      /* row_weigh, row_tally, tally_mass */
int test_beside(const am_kernels *k, const test_options *o);     /* gemm_nn_tally */
int test_best(const am_kernels *k, const test_options *o);       /* row_best */
int test_spans(const am_kernels *k, const test_options *o);      /* spans */
int test_topk(const am_kernels *k, const test_options *o);       /* row_topk */
int test_sets(const am_kernels *k, const test_options *o);     /* row_sets and its like, set_*, row_shares */
int test_member(const am_kernels *k, const test_options *o);     /* row_member */
int test_combine(const am_kernels *k, const test_options *o);    /* combine_rows */
int test_decode(const am_kernels *k, const test_options *o);     /* decode_scores, decode_values */
int test_gate(const am_kernels *k, const test_options *o);       /* silu_gate */
int test_index(const am_kernels *k, const test_options *o);      /* index_scores, index_scores_bf16 */
int test_convert(const am_kernels *k, const test_options *o);    /* between 16-bit and float32 */
int test_products(const am_kernels *k, const test_options *o);   /* gemm_nt, gemm_nn, gemm_bf16, pack_rows */
int test_identities(const am_kernels *k, const test_options *o); /* between statistics of one row */

/* Statistics of rows of up to 131072 scores within the errors asked of them, with each
 * of the tables; prints the largest errors in Markdown. Returns failures. */
int test_accuracy(const am_kernels *const *tables, int n_tables, const test_options *o);

/* In plain C, with multiply-add fused (fused.c). */
extern const am_kernels test_kernels_fused;
/* Both tables give the same bytes on every input (any NaN equals any NaN). Where `got` does
 * not fuse, weights and sums are left out. */
int test_same_bytes(const am_kernels *want, const am_kernels *got, const test_options *o);
/* Field by field, any NaN equal to any NaN. */
int same_sums(const am_row_sums *a, const am_row_sums *b);

/* Times every kernel of every usable table (of `only` when not NULL) to stdout. */
void bench_kernels(const am_kernels *only, int json);
/* The same for matrix products; as JSON further objects of an array begun. */
void bench_products(const am_kernels *only, int json);

#endif

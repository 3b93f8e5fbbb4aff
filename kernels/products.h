/* Matrix products of the tables, each in its ISA's gemm.c. Internal to kernels. */
#ifndef AM_KERNELS_PRODUCTS_H
#define AM_KERNELS_PRODUCTS_H

#include "kernels/kernels.h"

am_gemm_nt_fn am_gemm_nt_neon, am_gemm_nt_avx2, am_gemm_nt_avx512;
am_gemm_nn_fn am_gemm_nn_neon, am_gemm_nn_avx2, am_gemm_nn_avx512;
am_gemm_nn_tally_fn am_gemm_nn_tally_neon, am_gemm_nn_tally_avx2, am_gemm_nn_tally_avx512;
am_pack_rows_fn am_pack_rows_neon, am_pack_rows_avx2, am_pack_rows_avx512;
am_gemm_bf16_fn am_gemm_bf16_avx512;
am_index_scores_fn am_index_scores_scalar, am_index_scores_neon, am_index_scores_avx2, am_index_scores_avx512;
am_index_scores_bf16_fn am_index_scores_bf16_avx512;

#endif

/* Matrix products at 16 floats a vector: tiles of 6 x 64. */
#define AM_VW 16
#define NV 4
#define AM_GEMM_NT am_gemm_nt_avx512
#define AM_GEMM_NN am_gemm_nn_avx512
#define AM_GEMM_NN_TALLY am_gemm_nn_tally_avx512
#define AM_PACK_ROWS am_pack_rows_avx512
#define AM_INDEX_SCORES am_index_scores_avx512
#include "kernels/generic/number.h"

#include "kernels/avx512/transpose.h"

static inline void transpose(vf *r)
{
	transpose_512((__m512 *)r);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
	return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

#include "kernels/generic/gemm.h"

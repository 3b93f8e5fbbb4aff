/* Matrix products at 8 floats a vector: tiles of 6 x 16. */
#define AM_VW 8
#define NV 2
#define AM_GEMM_NT am_gemm_nt_avx2
#define AM_GEMM_NN am_gemm_nn_avx2
#define AM_GEMM_NN_TALLY am_gemm_nn_tally_avx2
#define AM_PACK_ROWS am_pack_rows_avx2
#define AM_INDEX_SCORES am_index_scores_avx2
#include "kernels/generic/number.h"

#include <immintrin.h>

static inline vf vf_fma(vf a, vf b, vf c)
{
	return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

/* 4 x 4 blocks within lanes of 128 bits, then the lanes. */
static inline void transpose(vf *r)
{
	__m256 t[8], u[8];
#pragma GCC unroll 8
	for (int i = 0; i < 8; i += 2) {
		t[i] = _mm256_unpacklo_ps((__m256)r[i], (__m256)r[i + 1]);
		t[i + 1] = _mm256_unpackhi_ps((__m256)r[i], (__m256)r[i + 1]);
	}
#pragma GCC unroll 8
	for (int i = 0; i < 8; i += 4) /* u[i + c]: column 4 l + c in lane l, rows i..i+3 */
#pragma GCC unroll 2
		for (int h = 0; h < 2; h++) {
			u[i + 2 * h] = _mm256_shuffle_ps(t[i + h], t[i + 2 + h], 0x44);
			u[i + 2 * h + 1] = _mm256_shuffle_ps(t[i + h], t[i + 2 + h], 0xee);
		}
#pragma GCC unroll 4
	for (int c = 0; c < 4; c++) {
		r[c] = (vf)_mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
		r[4 + c] = (vf)_mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
	}
}

#include "kernels/generic/gemm.h"

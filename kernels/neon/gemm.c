/* Matrix products at 4 floats a vector: tiles of 6 x 16, 24 of the 32 registers. */
#define AM_VW 4
#define NV 4
#define AM_GEMM_NT am_gemm_nt_neon
#define AM_GEMM_NN am_gemm_nn_neon
#define AM_GEMM_NN_TALLY am_gemm_nn_tally_neon
#define AM_PACK_ROWS am_pack_rows_neon
#define AM_INDEX_SCORES am_index_scores_neon
#include "kernels/generic/number.h"

#include <arm_neon.h>

static inline vf vf_fma(vf a, vf b, vf c)
{
	return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

/* Pairs of rows, then pairs of columns. */
static inline void transpose(vf *r)
{
	float32x4x2_t a = vtrnq_f32((float32x4_t)r[0], (float32x4_t)r[1]);
	float32x4x2_t b = vtrnq_f32((float32x4_t)r[2], (float32x4_t)r[3]);
	for (int i = 0; i < 2; i++) {
		r[i] = (vf)vcombine_f32(vget_low_f32(a.val[i]), vget_low_f32(b.val[i]));
		r[2 + i] = (vf)vcombine_f32(vget_high_f32(a.val[i]), vget_high_f32(b.val[i]));
	}
}

#include "kernels/generic/gemm.h"

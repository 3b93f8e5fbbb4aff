/* AVX-512: the common bodies at 16 floats a vector, and in intrinsics what
 * generic/mass.h asks for, passes of nested sets (generic/bits.h) and what reaches a bound (reach.h). */
#define AM_VW 16
#define AM_ISA_TABLE am_kernels_avx512
#define AM_ISA_NAME "avx512"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_avx512, .gemm_nn = am_gemm_nn_avx512, .gemm_nn_tally = am_gemm_nn_tally_avx512, .pack_rows = am_pack_rows_avx512, .index_scores = am_index_scores_avx512
#define AM_VF_SCALE
#define AM_VF_SOME
#define AM_SWEEP_BLOCKS 2
#define AM_MASS_PART "kernels/avx512/part.h"
#define AM_MASS_ORDER "kernels/avx512/order.h"
#define AM_MASS_LEVEL "kernels/avx512/level.h"
#define AM_MASS_COLUMN "kernels/avx512/column.h"
#define AM_REACH
#define AM_PACK
#include "kernels/generic/vec.h"
#include "kernels/kernels.h"

#include <immintrin.h>

static inline vf vf_fma(vf a, vf b, vf c)
{
	return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

static inline vf vf_max(vf a, vf b)
{
	return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}

static inline vf vf_min(vf a, vf b)
{
	return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}

static inline vf vf_scale(vf p, vf k, vi ki)
{
	(void)ki;
	return (vf)_mm512_scalef_ps((__m512)p, (__m512)k);
}

static inline vf vf_load_some(const float *p, int n, float rest)
{
	return (vf)_mm512_mask_loadu_ps(_mm512_set1_ps(rest), (__mmask16)_bzhi_u32(0xffff, (unsigned)n), p);
}

static inline void vf_store_some(float *p, int n, vf v)
{
	_mm512_mask_storeu_ps(p, (__mmask16)_bzhi_u32(0xffff, (unsigned)n), (__m512)v);
}

#include "kernels/generic/row.h"
#define AM_SPANS "kernels/avx512/spans.h"
#include "kernels/generic/spans.h"

#include "kernels/generic/mass.h"
#include "kernels/avx512/reach.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/best.h"

#include "kernels/avx512/sets.h"
#include "kernels/generic/sets.h"
#include "kernels/generic/set_sums.h"
#include "kernels/generic/shares.h"

#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"

#include "kernels/generic/table.h"

#ifdef AM_HAVE_AVX512_BF16
const am_kernels am_kernels_avx512_bf16 = AM_TABLE(AM_ISA_PRODUCTS, .gemm_bf16 = am_gemm_bf16_avx512, .index_scores_bf16 = am_index_scores_bf16_avx512);
#endif

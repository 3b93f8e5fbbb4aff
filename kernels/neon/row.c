/* NEON, part of AArch64: the common bodies at 4 floats a vector. */
#define AM_VW 4
#define AM_ISA_TABLE am_kernels_neon
#define AM_ISA_NAME "neon"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_neon, .gemm_nn = am_gemm_nn_neon, .gemm_nn_tally = am_gemm_nn_tally_neon, .pack_rows = am_pack_rows_neon, .index_scores = am_index_scores_neon
#include "kernels/generic/vec.h"

#include <arm_neon.h>

static inline vf vf_fma(vf a, vf b, vf c)
{
	return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

/* vmaxq and vminq give NaN where either is. */
static inline vf vf_max(vf a, vf b)
{
	return vf_pick(a > b, a, b);
}

static inline vf vf_min(vf a, vf b)
{
	return vf_pick(a < b, a, b);
}

#include "kernels/generic/row.h"
#include "kernels/generic/spans.h"
#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/best.h"
#include "kernels/generic/sets.h"
#include "kernels/generic/set_sums.h"
#include "kernels/generic/shares.h"
#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"

#include "kernels/generic/table.h"

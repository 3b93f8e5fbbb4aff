#define AM_VW 8
#define AM_ISA_TABLE am_kernels_avx2
#define AM_ISA_NAME "avx2"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_avx2, .gemm_nn = am_gemm_nn_avx2
#include "kernels/generic/vec.h"

#include <immintrin.h>

static inline vf vf_fma(vf a, vf b, vf c)
{
	return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

static inline vf vf_max(vf a, vf b)
{
	return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}

static inline vf vf_min(vf a, vf b)
{
	return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}

#include "kernels/generic/row.h"
#include "kernels/generic/prefix.h"
#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/levels.h"
#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"
#include "kernels/generic/table.h"

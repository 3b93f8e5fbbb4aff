/* AVX-512: the common bodies at 16 floats a vector, and in intrinsics mass_gather of
 * generic/mass.h and passes of nested sets (generic/bits.h, generic/member.h). */
#define AM_VW 16
#define AM_ISA_TABLE am_kernels_avx512
#define AM_ISA_NAME "avx512"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_avx512, .gemm_nn = am_gemm_nn_avx512
#define AM_VF_SCALE
#define AM_MASS_GATHER
#define AM_MEMBER_REACH
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

#include "kernels/generic/tally.h"

/* tally_place for 16 weights. */
static inline __m512i places(const tally_form *t, __m512i key)
{
	__m512i fine = _mm512_srl_epi32(_mm512_sub_epi32(key, _mm512_set1_epi32(t->first)), _mm_cvtsi32_si128(t->shift));
	__m512i octave = _mm512_add_epi32(_mm512_srli_epi32(key, 23), _mm512_set1_epi32(t->fine));
	return _mm512_min_epu32(fine, octave);
}

#include "kernels/generic/row.h"
#include "kernels/generic/prefix.h"

/* A bit of the marks for each lane: up to 64 words of 32 bits in four registers. A plain
 * tally of up to 1024 places, the usual one, needs two and no octaves. */
INLINE int gather(const int usual, const float *x, int n, const tally_form *t, const uint32_t *mark, float *to)
{
	const __m512i m0 = _mm512_loadu_si512(mark), m1 = _mm512_loadu_si512(mark + 16);
	const __m512i m2 = _mm512_loadu_si512(mark + 32), m3 = _mm512_loadu_si512(mark + 48);
	const __m512i first = _mm512_set1_epi32(t->first);
	const __m128i shift = _mm_cvtsi32_si128(t->shift);
	int m = 0;
	for (int j = 0; j < n; j += 16) {
		__mmask16 there = n - j < 16 ? (__mmask16)((1u << (n - j)) - 1) : (__mmask16)0xffff;
		__m512i v = _mm512_maskz_loadu_epi32(there, x + j), at;
		if (usual)
			at = _mm512_srl_epi32(_mm512_sub_epi32(v, first), shift);
		else
			at = places(t, _mm512_and_si512(v, _mm512_set1_epi32(0x7fffffff)));
		__m512i word = _mm512_srli_epi32(at, 5), marks = _mm512_permutex2var_epi32(m0, word, m1);
		if (!usual) {
			__mmask16 high = _mm512_test_epi32_mask(word, _mm512_set1_epi32(32));
			marks = _mm512_mask_blend_epi32(high, marks, _mm512_permutex2var_epi32(m2, word, m3));
		}
		/* The rotation takes its count modulo 32. */
		__mmask16 hit = _mm512_mask_test_epi32_mask(there, _mm512_rorv_epi32(marks, at), _mm512_set1_epi32(1));
		_mm512_storeu_si512(to + m, _mm512_maskz_compress_epi32(hit, v));
		m += __builtin_popcount(hit);
	}
	return m;
}

static int mass_gather(const float *x, int n, const tally_form *t, const uint32_t *mark, float *to)
{
	if (t->plain && t->fine <= 1024)
		return gather(1, x, n, t, mark, to);
	return gather(0, x, n, t, mark, to);
}

#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"

#include "kernels/avx512/sets.h"
#include "kernels/generic/sets.h"
#include "kernels/generic/set_sums.h"
#include "kernels/generic/shares.h"

/* Compressed in a register: a compressing store is slow on some processors. */
static int member_reach(const float *score, int n, float bound, int32_t *index)
{
	const __m512 vbound = _mm512_set1_ps(bound);
	__m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	int m = 0;
	for (int j = 0; j < n; j += 16) {
		__mmask16 there = n - j < 16 ? (__mmask16)((1u << (n - j)) - 1) : (__mmask16)0xffff;
		__m512 x = _mm512_maskz_loadu_ps(there, score + j);
		__mmask16 hit = _mm512_mask_cmp_ps_mask(there, x, vbound, _CMP_GE_OQ);
		_mm512_storeu_si512(index + m, _mm512_maskz_compress_epi32(hit, at));
		m += __builtin_popcount(hit);
		at = _mm512_add_epi32(at, _mm512_set1_epi32(16));
	}
	return m;
}

#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"

#include "kernels/generic/table.h"

#ifdef AM_HAVE_AVX512_BF16
const am_kernels am_kernels_avx512_bf16 = AM_TABLE(AM_ISA_PRODUCTS, .gemm_bf16 = am_gemm_bf16_avx512);
#endif

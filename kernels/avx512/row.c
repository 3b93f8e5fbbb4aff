/* AVX-512: the common bodies at 16 floats a vector, and in intrinsics the passes over a
 * row of top-k mass (generic/mass.h) and of nested sets (generic/member.h). */
#define AM_VW 16
#define AM_ISA_TABLE am_kernels_avx512
#define AM_ISA_NAME "avx512"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_avx512, .gemm_nn = am_gemm_nn_avx512
#define AM_MASS_FILL
#define AM_MASS_GATHER
#define AM_MEMBER_REACH
#include "kernels/generic/mass_code.h"
#include "kernels/generic/row.h"

#include <immintrin.h>

/* (key - low) >> shift for 16 weights. */
static inline __m512i mass_at(__m512 x, __m512i low, __m128i shift)
{
	__m512i key = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
	return _mm512_srl_epi32(_mm512_sub_epi32(key, low), shift);
}

static inline __m512i mass_addend(__m256 x, __m512d scale, __m512i one)
{
	const __m512d magic = _mm512_set1_pd(0x1.8p52);
	__m512d d = _mm512_add_pd(_mm512_mul_pd(_mm512_cvtps_pd(x), scale), magic);
	return _mm512_add_epi64(_mm512_castpd_si512(d), one); /* one: less the bits of magic */
}

static void mass_fill(const float *x, int n, int32_t low, int shift, mass_code c, uint64_t *bucket)
{
	const double magic = 0x1.8p52;
	int64_t bits;
	memcpy(&bits, &magic, sizeof bits);
	__m512i vlow = _mm512_set1_epi32(low);
	__m128i vshift = _mm_cvtsi32_si128(shift);
	__m512d scale = _mm512_set1_pd(c.scale);
	__m512i one = _mm512_set1_epi64((int64_t)((uint64_t)1 << c.shift_count) - bits);
	int j = 0;
	for (; j + 16 <= n; j += 16) {
		_Alignas(64) uint32_t at[16];
		_Alignas(64) uint64_t add[16];
		__m512 v = _mm512_loadu_ps(x + j);
		_mm512_store_si512(at, mass_at(v, vlow, vshift));
		_mm512_store_si512(add, mass_addend(_mm512_castps512_ps256(v), scale, one));
		_mm512_store_si512(add + 8, mass_addend(_mm512_extractf32x8_ps(v, 1), scale, one));
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			bucket[at[i]] += add[i];
	}
	for (; j < n; j++)
		bucket[(mass_key(x[j]) - low) >> shift] += mass_encode(c, x[j]);
}

/* A bit of the 2048 marks for each lane: 64 words of 32 bits in four registers. */
static int mass_gather(const float *x, int n, int32_t low, int shift, const uint32_t *mark, float *to)
{
	__m512i vlow = _mm512_set1_epi32(low), lane = _mm512_set1_epi32(1);
	__m128i vshift = _mm_cvtsi32_si128(shift);
	__m512i m0 = _mm512_loadu_si512(mark), m1 = _mm512_loadu_si512(mark + 16);
	__m512i m2 = _mm512_loadu_si512(mark + 32), m3 = _mm512_loadu_si512(mark + 48);
	int m = 0;
	for (int j = 0; j < n; j += 16) {
		__mmask16 there = n - j < 16 ? (__mmask16)((1u << (n - j)) - 1) : (__mmask16)0xffff;
		__m512 v = _mm512_maskz_loadu_ps(there, x + j);
		__m512i at = mass_at(v, vlow, vshift), word = _mm512_srli_epi32(at, 5);
		__mmask16 high = _mm512_test_epi32_mask(word, _mm512_set1_epi32(32));
		__m512i marks = _mm512_mask_blend_epi32(high, _mm512_permutex2var_epi32(m0, word, m1),
		                                        _mm512_permutex2var_epi32(m2, word, m3));
		__m512i bit = _mm512_sllv_epi32(lane, _mm512_and_si512(at, _mm512_set1_epi32(31)));
		__mmask16 hit = _mm512_mask_test_epi32_mask(there, marks, bit);
		if (!hit)
			continue;
		_mm512_storeu_ps(to + m, _mm512_maskz_compress_ps(hit, v));
		m += __builtin_popcount(hit);
	}
	return m;
}

#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"

/* Sums over nested sets (generic/levels.h): additions under a mask. */
#define LEVEL_GROUP 12
#define AM_LEVEL_LANES
static void sum_lanes(const uint8_t *level, const float *w, int n, int first, vf *sum)
{
	__m512 in[LEVEL_GROUP];
	__m512i last[LEVEL_GROUP];
	for (int i = 0; i < LEVEL_GROUP; i++) {
		in[i] = _mm512_setzero_ps();
		last[i] = _mm512_set1_epi32(first + i);
	}
	for (int j = 0; j + LANES <= n; j += LANES) {
		__m512i x = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(level + j)));
		__m512 v = _mm512_loadu_ps(w + j);
#pragma GCC unroll 12
		for (int i = 0; i < LEVEL_GROUP; i++)
			in[i] = _mm512_mask_add_ps(in[i], _mm512_cmple_epi32_mask(x, last[i]), in[i], v);
	}
	memcpy(sum, in, sizeof in);
}

#include "kernels/generic/levels.h"
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

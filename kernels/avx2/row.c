#define AM_VW 8
#define AM_ISA_TABLE am_kernels_avx2
#define AM_ISA_NAME "avx2"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_avx2, .gemm_nn = am_gemm_nn_avx2, .gemm_nn_tally = am_gemm_nn_tally_avx2, .pack_rows = am_pack_rows_avx2, .index_scores = am_index_scores_avx2
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
#include "kernels/generic/spans.h"
#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/best.h"

/* Comparisons to bits (generic/bits.h): 16-bit lanes narrow to bytes, whose signs are the
 * bits; packing goes by halves of a register. */
#define AM_BITS
static inline uint64_t bits_of_pairs(__m256i a, __m256i b)
{
	__m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);
	return (uint32_t)_mm256_movemask_epi8(bytes);
}

static inline __m256i bits_lanes(const uint16_t *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

static inline __m256i bits_at_least(__m256i x, __m256i v)
{
	return _mm256_cmpeq_epi16(_mm256_max_epu16(x, v), x);
}

static inline uint64_t bits_reach(const uint16_t *at, uint16_t least)
{
	const __m256i v = _mm256_set1_epi16((short)least);
	uint64_t low = bits_of_pairs(bits_at_least(bits_lanes(at), v), bits_at_least(bits_lanes(at + 16), v));
	return low | bits_of_pairs(bits_at_least(bits_lanes(at + 32), v), bits_at_least(bits_lanes(at + 48), v)) << 32;
}

static inline uint64_t bits_equal(const uint16_t *at, uint16_t value)
{
	const __m256i v = _mm256_set1_epi16((short)value);
	uint64_t low = bits_of_pairs(_mm256_cmpeq_epi16(bits_lanes(at), v), _mm256_cmpeq_epi16(bits_lanes(at + 16), v));
	return low | bits_of_pairs(_mm256_cmpeq_epi16(bits_lanes(at + 32), v), _mm256_cmpeq_epi16(bits_lanes(at + 48), v)) << 32;
}

/* Packing by halves of a register: the order of the dwords mends both steps. */
static inline uint64_t bits_not_below(const vf *x, vf bound)
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	uint64_t bits = 0;
	for (int h = 0; h < 2; h++, x += 4) {
		__m256i a = _mm256_packs_epi32((__m256i)(x[0] >= bound), (__m256i)(x[1] >= bound));
		__m256i b = _mm256_packs_epi32((__m256i)(x[2] >= bound), (__m256i)(x[3] >= bound));
		__m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b), order);
		bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(bytes) << (32 * h);
	}
	return bits;
}

static inline bool bits_any(vf x, float bound)
{
	return _mm256_movemask_ps((__m256)(x >= vf_set(bound))) != 0;
}

static inline uint32_t bits_some(const uint64_t *a, const uint64_t *b)
{
	uint32_t none = 0;
	for (int w = 0; w < 8; w += 4) {
		__m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(a + w));
		__m256i y = _mm256_loadu_si256((const __m256i *)(const void *)(b + w));
		__m256i zero = _mm256_cmpeq_epi64(_mm256_andnot_si256(y, x), _mm256_setzero_si256());
		none |= (uint32_t)_mm256_movemask_pd((__m256d)zero) << w;
	}
	return ~none & 0xff;
}

static inline vf bits_add(vf sum, uint32_t bits, vf x)
{
	const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	__m256i in = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), lane), lane);
	return sum + (vf)_mm256_and_ps((__m256)in, (__m256)x);
}

#include "kernels/generic/sets.h"
#include "kernels/generic/set_sums.h"
#include "kernels/generic/shares.h"
#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"
#include "kernels/generic/table.h"

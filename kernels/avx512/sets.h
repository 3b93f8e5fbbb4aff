/* What generic/sets.h and generic/set_sums.h ask of an instruction set (generic/bits.h):
 * comparisons give bits, additions take them. */
#ifndef AM_KERNELS_AVX512_SETS_H
#define AM_KERNELS_AVX512_SETS_H

#ifndef AM_VW
#define AM_VW 16
#endif
#include "kernels/generic/vec.h"

#include <immintrin.h>
#include <stdbool.h>

#define AM_BITS
#define AM_BITS_PUT
#define AM_BITS_COUNT
#define AM_BITS_LOAD
#define AM_BITS_ADD_REACH
static inline uint64_t bits_reach(const uint16_t *at, uint16_t least)
{
	const __m512i v = _mm512_set1_epi16((short)least);
	return _mm512_kunpackd(_mm512_cmpge_epu16_mask(_mm512_loadu_si512(at + 32), v),
	                       _mm512_cmpge_epu16_mask(_mm512_loadu_si512(at), v));
}

static inline uint64_t bits_equal(const uint16_t *at, uint16_t value)
{
	const __m512i v = _mm512_set1_epi16((short)value);
	return _mm512_kunpackd(_mm512_cmpeq_epu16_mask(_mm512_loadu_si512(at + 32), v),
	                       _mm512_cmpeq_epu16_mask(_mm512_loadu_si512(at), v));
}

static inline uint64_t bits_not_below(const vf *x, vf bound)
{
	__mmask16 in[4];
	for (int i = 0; i < 4; i++)
		in[i] = _mm512_cmp_ps_mask((__m512)x[i], (__m512)bound, _CMP_GE_OQ);
	return _mm512_kunpackd(_mm512_kunpackw(in[3], in[2]), _mm512_kunpackw(in[1], in[0]));
}

typedef uint16_t __attribute__((may_alias)) bits_quarter;

/* A mask register at a time: to join them into a word takes as long as the comparisons. */
static inline void bits_put_not_below(const vf *x, vf bound, uint64_t *to)
{
	for (int i = 0; i < 4; i++)
		__asm__("kmovw %1, %0"
		        : "=m"(((bits_quarter *)to)[i])
		        : "k"(_mm512_cmp_ps_mask((__m512)x[i], (__m512)bound, _CMP_GE_OQ)));
}

static inline bool bits_any(vf x, float bound)
{
	return _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(bound), _CMP_GE_OQ) != 0;
}

static inline uint32_t bits_some(const uint64_t *a, const uint64_t *b)
{
	__m512i more = _mm512_andnot_si512(_mm512_loadu_si512(b), _mm512_loadu_si512(a));
	return _mm512_test_epi64_mask(more, more);
}

/* Bits of a byte by its halves, looked up 64 at a time; sums of bytes, each at most 8 a step,
 * are widened before they run over. */
static inline int bits_count(const uint64_t *a, const uint64_t *b, size_t words)
{
	enum { STEPS = 31 };
	const __m512i low = _mm512_set1_epi8(15), zero = _mm512_setzero_si512();
	const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
	__m512i sum = zero;
	while (words) {
		size_t end = words > 8 * STEPS ? 8 * STEPS : words;
		__m512i bytes = zero;
		for (size_t w = 0; w < end; w += 8) {
			__m512i x = _mm512_and_si512(_mm512_loadu_si512(a + w), _mm512_loadu_si512(b + w));
			__m512i high = _mm512_and_si512(_mm512_srli_epi16(x, 4), low);
			bytes = _mm512_add_epi8(bytes, _mm512_shuffle_epi8(table, _mm512_and_si512(x, low)));
			bytes = _mm512_add_epi8(bytes, _mm512_shuffle_epi8(table, high));
		}
		sum = _mm512_add_epi64(sum, _mm512_sad_epu8(bytes, zero));
		a += end, b += end, words -= end;
	}
	return (int)_mm512_reduce_add_epi64(sum);
}

/* Straight from memory: moves from general registers take turns with additions. */
typedef __mmask16 lane_bits;

static inline lane_bits bits_load(const void *p, int first)
{
	(void)first;
	__mmask16 in;
	__asm__("kmovw %1, %0" : "=k"(in) : "m"(*(const __mmask16 *)p));
	return in;
}

static inline vf bits_add(vf sum, lane_bits in, vf x)
{
	return (vf)_mm512_mask_add_ps((__m512)sum, in, (__m512)sum, (__m512)x);
}

/* By a multiplication, exact, for which there are other units than for additions. */
static inline vf bits_add_fused(vf sum, lane_bits in, vf x)
{
	return (vf)_mm512_mask3_fmadd_ps((__m512)x, _mm512_set1_ps(1), (__m512)sum, in);
}

/* In a register: else compilers load it for every use. */
static inline vf bits_keep(vf x)
{
	__asm__("" : "+v"(x));
	return x;
}

static inline vf bits_add_reach(vf sum, vf x, vf bound, vf y)
{
	return (vf)_mm512_mask_add_ps((__m512)sum, _mm512_cmp_ps_mask((__m512)x, (__m512)bound, _CMP_GE_OQ), (__m512)sum, (__m512)y);
}

#endif

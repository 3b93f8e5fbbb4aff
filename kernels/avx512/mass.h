/* The two passes of generic/mass.h over a row, in AVX-512. */
#define AM_MASS_ISA
#include <immintrin.h>
#include <stdint.h>

/* (key - low) >> shift for 16 weights. */
static inline __m512i mass_buckets(__m512 x, __m512i low, __m128i shift)
{
	__m512i key = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
	return _mm512_srl_epi32(_mm512_sub_epi32(key, low), shift);
}

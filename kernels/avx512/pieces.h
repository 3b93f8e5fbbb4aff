/* Short pieces of generic/prefix.h in AVX-512, 16 at a time in registers. Lanes that a mask
 * leaves out are 0 and cannot fault. */
#ifndef AM_KERNELS_AVX512_PIECES_H
#define AM_KERNELS_AVX512_PIECES_H

#ifndef AM_VW
#define AM_VW 16
#endif
#include "kernels/generic/fold.h"

#include <immintrin.h>

/* Lanes of x[0 .. count), count <= 64. */
static inline vf piece_short(const float *x, int count)
{
	__m512 a, b, c, d;
	if (count >= 48) { /* told by where the piece stands, so predictable */
		a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16), c = _mm512_loadu_ps(x + 32);
		d = _mm512_maskz_loadu_ps((__mmask16)((1u << (count - 48)) - 1), x + 48);
	} else {
		uint64_t there = _bzhi_u64(~(uint64_t)0, (unsigned)count);
		a = _mm512_maskz_loadu_ps((__mmask16)there, x), b = _mm512_maskz_loadu_ps((__mmask16)(there >> 16), x + 16);
		c = _mm512_maskz_loadu_ps((__mmask16)(there >> 32), x + 32), d = _mm512_setzero_ps();
	}
	return (vf)_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
}

/* Are the 16 pieces up to at[0 .. 16) short, the first from `from`? */
static inline int pieces_are_short(const int *at, int from)
{
	__m512i to = _mm512_loadu_si512(at);
	__m512i begin = _mm512_alignr_epi32(to, _mm512_set1_epi32(from), 15);
	return !_mm512_cmpgt_epi32_mask(_mm512_sub_epi32(to, begin), _mm512_set1_epi32(64));
}

/* Sums of the 16 pieces up to at[0 .. 16), the first from `from`. */
static inline void pieces_short(const float *x, const int *at, int from, float *whole)
{
	vf lanes[16];
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		lanes[i] = piece_short(x + from, at[i] - from);
		from = at[i];
	}
	vf_store(whole, fold_lanes(lanes));
}

#endif

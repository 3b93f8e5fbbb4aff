/* 16 x 16 transposition in registers. */
#ifndef AM_KERNELS_AVX512_TRANSPOSE_H
#define AM_KERNELS_AVX512_TRANSPOSE_H

#include <immintrin.h>

/* Pairs of rows at distance 1, 2 within lanes of 128 bits, then lanes 4 and 8 apart. */
static inline void transpose_512(__m512 *r)
{
	__m512 t[16], u[16];
#pragma GCC unroll 16
	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
	}
#pragma GCC unroll 16
	for (int i = 0; i < 16; i += 4) /* u[i + c]: column 4 l + c in lane l, rows i..i+3 */
#pragma GCC unroll 2
		for (int h = 0; h < 2; h++) {
			u[i + 2 * h] = _mm512_shuffle_ps(t[i + h], t[i + 2 + h], 0x44);
			u[i + 2 * h + 1] = _mm512_shuffle_ps(t[i + h], t[i + 2 + h], 0xee);
		}
#pragma GCC unroll 4
	for (int c = 0; c < 4; c++) {
		__m512 a = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88), b = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88);
		__m512 d = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xdd), e = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xdd);
		r[c] = _mm512_shuffle_f32x4(a, b, 0x88);
		r[8 + c] = _mm512_shuffle_f32x4(a, b, 0xdd);
		r[4 + c] = _mm512_shuffle_f32x4(d, e, 0x88);
		r[12 + c] = _mm512_shuffle_f32x4(d, e, 0xdd);
	}
}

#endif

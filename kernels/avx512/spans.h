/* Spans of generic/spans.h in AVX-512, 16 at a time in registers. Lanes that a mask leaves
 * out are 0 and cannot fault. */
#ifndef AM_KERNELS_AVX512_SPANS_H
#define AM_KERNELS_AVX512_SPANS_H

#ifndef AM_VW
#define AM_VW 16
#endif
#include "kernels/generic/fold.h"

#include <immintrin.h>

/* The first t of 16 floats; t in -48 .. 63, none up to 0 and all from 16 on. */
static inline __m512 span_masked(const float *x, int t)
{
#define NONE4 0, 0, 0, 0
#define ALL4 0xffff, 0xffff, 0xffff, 0xffff
	static const uint16_t first[48 + 64] = {
		NONE4, NONE4, NONE4, NONE4, NONE4, NONE4, NONE4, NONE4, NONE4, NONE4, NONE4, NONE4,
		0, 1, 3, 7, 0xf, 0x1f, 0x3f, 0x7f, 0xff, 0x1ff, 0x3ff, 0x7ff, 0xfff, 0x1fff, 0x3fff, 0x7fff,
		ALL4, ALL4, ALL4, ALL4, ALL4, ALL4, ALL4, ALL4, ALL4, ALL4, ALL4, ALL4};
	__mmask16 there;
	/* From memory: by way of a register it would take the place of an addition. */
	__asm__("kmovw %1, %0" : "=k"(there) : "m"(first[48 + t]));
	return _mm512_maskz_loadu_ps(there, x);
}

/* Lanes of x[0 .. count), count <= 64. */
static inline __attribute__((always_inline)) __m512 span_short(const float *x, int count)
{
	__m512 a, b, c, d = span_masked(x + 48, count - 48);
	if (count >= 48) /* told by where the span stands, so predictable */
		a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16), c = _mm512_loadu_ps(x + 32);
	else
		a = span_masked(x, count), b = span_masked(x + 16, count - 16), c = span_masked(x + 32, count - 32);
	return _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
}

/* Up to PART of them. */
static inline __m512 span_part(const float *x, int count)
{
	__m512 z = _mm512_setzero_ps();
	for (; count > TAIL; count -= TAIL, x += TAIL) {
		__m512 low = _mm512_add_ps(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
		z = _mm512_add_ps(z, _mm512_add_ps(low, _mm512_add_ps(_mm512_loadu_ps(x + 32), _mm512_loadu_ps(x + 48))));
	}
	return _mm512_add_ps(z, span_short(x, count));
}

/* Up to SPAN of them. */
static inline __m512 span_long(const float *x, int count)
{
	__m512 z = _mm512_setzero_ps();
	for (; count > PART; count -= PART, x += PART)
		z = _mm512_add_ps(z, span_part(x, PART));
	return _mm512_add_ps(z, span_part(x, count));
}

static __attribute__((noinline)) void span_longs(const float *x, const int *at, const int *count, float *whole)
{
	vf lanes[SPANS];
#pragma GCC unroll 1
	for (int i = 0; i < SPANS; i++)
		lanes[i] = (vf)span_long(x + at[i], count[i] < SPAN ? count[i] : SPAN);
	vf_store(whole, fold_lanes(lanes));
}

static inline void span_group(const float *x, int n, const int *at, const int *count, float *whole)
{
	(void)n;
	if (_mm512_cmpgt_epi32_mask(_mm512_loadu_si512(count), _mm512_set1_epi32(TAIL))) {
		span_longs(x, at, count, whole);
		return;
	}
	vf lanes[SPANS];
#pragma GCC unroll 16
	for (int i = 0; i < SPANS; i++)
		lanes[i] = (vf)span_short(x + at[i], count[i]);
	vf_store(whole, fold_lanes(lanes));
}

#endif

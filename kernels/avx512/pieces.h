/* Pieces of generic/prefix.h in AVX-512, 16 at a time in registers. Lanes that a mask leaves
 * out are 0 and cannot fault. */
#ifndef AM_KERNELS_AVX512_PIECES_H
#define AM_KERNELS_AVX512_PIECES_H

#ifndef AM_VW
#define AM_VW 16
#endif
#include "kernels/generic/fold.h"

#include <immintrin.h>

/* The first t of 16 floats; t in -48 .. 63, none up to 0 and all from 16 on. */
static inline __m512 piece_part(const float *x, int t)
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
static inline __attribute__((always_inline)) __m512 piece_short(const float *x, int count)
{
	__m512 a, b, c, d = piece_part(x + 48, count - 48);
	if (count >= 48) /* told by where the piece stands, so predictable */
		a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16), c = _mm512_loadu_ps(x + 32);
	else
		a = piece_part(x, count), b = piece_part(x + 16, count - 16), c = piece_part(x + 32, count - 32);
	return _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
}

static inline __m512 piece_any(const float *x, int count)
{
	__m512 z = _mm512_setzero_ps();
	for (; count > 64; count -= 64, x += 64) {
		__m512 low = _mm512_add_ps(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
		z = _mm512_add_ps(z, _mm512_add_ps(low, _mm512_add_ps(_mm512_loadu_ps(x + 32), _mm512_loadu_ps(x + 48))));
	}
	return _mm512_add_ps(z, piece_short(x, count));
}

/* Sums of the 16 pieces up to at[0 .. 16), the first from `from`. */
static inline __attribute__((always_inline)) __m512 pieces_short(const float *x, const int *at, int from)
{
	vf lanes[16];
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		lanes[i] = (vf)piece_short(x + from, at[i] - from);
		from = at[i];
	}
	return (__m512)fold_lanes(lanes);
}

static __attribute__((noinline)) __m512 pieces_any(const float *x, const int *at, int from)
{
	vf lanes[16];
#pragma GCC unroll 1
	for (int i = 0; i < 16; i++) {
		lanes[i] = (vf)piece_any(x + from, at[i] - from);
		from = at[i];
	}
	return (__m512)fold_lanes(lanes);
}

/* Sums up to the `places` <= 16 places at[0 .. places), the first piece being from `from` and
 * *total that up to there; returns 0 and does nothing where a piece is longer than PART. */
static inline int pieces_sum(const float *x, const int *at, int places, int from, double *total, double *sum)
{
	int end[16];
	double up_to[16];
	if (places < 16) { /* the last ones hold no keys */
		for (int i = 0; i < 16; i++)
			end[i] = at[i < places ? i : places - 1];
		at = end;
	}
	__m512i to = _mm512_loadu_si512(at), begin = _mm512_alignr_epi32(to, _mm512_set1_epi32(from), 15);
	__m512i count = _mm512_sub_epi32(to, begin);
	__m512 whole;
	if (_mm512_cmpgt_epi32_mask(count, _mm512_set1_epi32(PART)))
		return 0;
	if (_mm512_cmpgt_epi32_mask(count, _mm512_set1_epi32(64)))
		whole = pieces_any(x, at, from);
	else
		whole = pieces_short(x, at, from);
	float sums[16];
	vf_store(sums, (vf)whole);
	*total = pieces_up_to(sums, *total, places < 16 ? up_to : sum);
	if (places < 16)
		memcpy(sum, up_to, (size_t)places * sizeof *sum);
	return 1;
}

#endif

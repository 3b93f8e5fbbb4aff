/* Spans of generic/spans.h in AVX-512, 16 at a time in registers. Lanes that a mask leaves
 * out are 0 and cannot fault. */
#ifndef AM_KERNELS_AVX512_SPANS_H
#define AM_KERNELS_AVX512_SPANS_H

#ifndef AM_VW
#define AM_VW 16
#endif
#include "kernels/generic/fold.h"

#include <immintrin.h>
#include <stddef.h>

/* Lanes of whole blocks of TAIL floats. */
static inline __m512 span_blocks_lanes(const float *x, int blocks)
{
	__m512 lanes = _mm512_setzero_ps();
	for (int left = blocks; left > 0; left -= PART / TAIL) {
		__m512 z = _mm512_setzero_ps();
		for (int b = 0; b < left && b < PART / TAIL; b++, x += TAIL) {
			__m512 low = _mm512_add_ps(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
			z = _mm512_add_ps(z, _mm512_add_ps(low, _mm512_add_ps(_mm512_loadu_ps(x + 32), _mm512_loadu_ps(x + 48))));
		}
		lanes = _mm512_add_ps(lanes, z);
	}
	return lanes;
}

/* A bit for each of the first `left` of 16 floats, for 16 spans; all of them from 16 on. */
static inline void span_bits(__m512i left, uint16_t *there)
{
	const __m512i one = _mm512_set1_epi32(1);
	__m512i bits = _mm512_sub_epi32(_mm512_sllv_epi32(one, left), one);
	_mm256_store_si256((__m256i *)(void *)there, _mm512_cvtepi32_epi16(bits));
}

/* Masks come from memory, lane by lane: taken out of registers they would take the place of additions. */
static inline __m512 span_block(const float *x, const uint16_t *there)
{
	__mmask16 m;
	__asm__("kmovw %1, %0" : "=k"(m) : "m"(*there));
	return _mm512_maskz_loadu_ps(m, x);
}

/* Lanes of more than TAIL - LANES floats, up to TAIL: a mask for the last block is enough. */
static inline __m512 span_most(const float *x, const uint16_t *last)
{
	__m512 a = _mm512_add_ps(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
	return _mm512_add_ps(a, _mm512_add_ps(_mm512_loadu_ps(x + 32), span_block(x + 48, last)));
}

/* The last up to TAIL floats of 16 spans, block by block of 16: a bit for each that is there. */
typedef struct span_tails {
	_Alignas(64) int at[SPANS], blocks[SPANS], rest[SPANS];
	_Alignas(32) uint16_t there[4][SPANS];
} span_tails;

/* Returns which spans have whole blocks before their tails. */
static inline __mmask16 span_cut(const int *at, const int *count, span_tails *t)
{
	const __m512i one = _mm512_set1_epi32(1), zero = _mm512_setzero_si512();
	__m512i c = _mm512_min_epi32(_mm512_loadu_si512(count), _mm512_set1_epi32(SPAN));
	__m512i blocks = _mm512_max_epi32(_mm512_srai_epi32(_mm512_sub_epi32(c, one), 6), zero), before = _mm512_slli_epi32(blocks, 6);
	__m512i rest = _mm512_sub_epi32(c, before);
	_mm512_store_si512(t->at, _mm512_add_epi32(_mm512_loadu_si512(at), before));
	_mm512_store_si512(t->blocks, blocks);
	_mm512_store_si512(t->rest, rest);
#pragma GCC unroll 4
	for (int b = 0; b < 4; b++)
		span_bits(_mm512_max_epi32(_mm512_sub_epi32(rest, _mm512_set1_epi32(16 * b)), zero), t->there[b]);
	__asm__ volatile("" : "+m"(*t));
	return _mm512_cmpgt_epi32_mask(blocks, zero);
}

static inline __m512 span_some(const float *x, const span_tails *t, int i)
{
	__m512 a = _mm512_add_ps(span_block(x, &t->there[0][i]), span_block(x + 16, &t->there[1][i]));
	return _mm512_add_ps(a, _mm512_add_ps(span_block(x + 32, &t->there[2][i]), span_block(x + 48, &t->there[3][i])));
}

static inline void span_group(const float *x, int n, const int *at, const int *count, float *whole)
{
	(void)n;
	span_tails t;
	vf lanes[SPANS];
	__mmask16 longer = span_cut(at, count, &t);
#pragma GCC unroll 16
	for (int i = 0; i < SPANS; i++) {
		const float *y = x + t.at[i];
		/* Which it is is told by where the span stands, so predictable. */
		lanes[i] = (vf)(t.rest[i] >= TAIL - LANES ? span_most(y, &t.there[3][i]) : span_some(y, &t, i));
	}
	for (uint32_t left = longer; left; left &= left - 1) {
		int i = __builtin_ctz(left);
		lanes[i] += (vf)span_blocks_lanes(x + at[i], t.blocks[i]);
	}
	vf_store(whole, fold_lanes(lanes));
}

/* Where all spans lie in the row and have more than TAIL - LANES floats, as cells of a map do, only the
 * last of their blocks needs a mask and their places are known as early as their bounds. */
static inline int span_cells(const float *x, int n, int first, const int *from, const int *to, float *whole)
{
	const __m512i low = _mm512_loadu_si512(from), high = _mm512_loadu_si512(to);
	__m512i rest = _mm512_sub_epi32(_mm512_sub_epi32(high, low), _mm512_set1_epi32(TAIL - LANES));
	if (_mm512_cmpgt_epu32_mask(rest, _mm512_set1_epi32(LANES)) | _mm512_cmplt_epi32_mask(low, _mm512_set1_epi32(first)) |
	    _mm512_cmpgt_epi32_mask(high, _mm512_set1_epi32(first + n)))
		return 0;
	_Alignas(32) uint16_t there[SPANS];
	span_bits(rest, there);
	__asm__ volatile("" : "+m"(there));
	vf lanes[SPANS];
#pragma GCC unroll 16
	for (int i = 0; i < SPANS; i++)
		lanes[i] = (vf)span_most(x + ((ptrdiff_t)from[i] - first), &there[i]);
	vf_store(whole, fold_lanes(lanes));
	return 1;
}

static inline int span_sums(const float *x, int n, int first, const int *from, const int *to, int m, int *at, int *count, float *whole)
{
	if (m == SPANS && span_cells(x, n, first, from, to, whole))
		return 0;
	const __mmask16 there = (__mmask16)((1u << m) - 1);
	const __m512i begin = _mm512_set1_epi32(first), end = _mm512_set1_epi32(first + n);
	__m512i low = _mm512_min_epi32(_mm512_max_epi32(_mm512_maskz_loadu_epi32(there, from), begin), end);
	__m512i high = _mm512_max_epi32(_mm512_min_epi32(_mm512_maskz_loadu_epi32(there, to), end), low);
	__m512i length = _mm512_sub_epi32(high, low);
	_mm512_store_si512(at, _mm512_sub_epi32(low, begin));
	_mm512_store_si512(count, length);
	if (_mm512_cmpgt_epi32_mask(length, _mm512_set1_epi32(SPAN)))
		return 1;
	span_group(x, n, at, count, whole);
	return 0;
}

#endif

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

/* Lanes of TAIL floats, those of 16 added in their order. */
static inline __m512 span_four(__m512 a, __m512 b, __m512 c, __m512 d)
{
	return _mm512_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), c), d);
}

static inline __m512 span_whole(const float *x)
{
	return span_four(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16), _mm512_loadu_ps(x + 32), _mm512_loadu_ps(x + 48));
}

/* Lanes of whole blocks of a row from x on; kept: where they are, NULL where they are not. */
static inline __m512 span_blocks_lanes(__m512 lanes, const float *x, const float *kept, int blocks)
{
	for (int left = blocks; left > 0; left -= PART / TAIL) {
		__m512 z = _mm512_setzero_ps();
		int part = left < PART / TAIL ? left : PART / TAIL;
		for (int b = 0; kept && b < part; b++, kept += LANES)
			z = _mm512_add_ps(z, _mm512_loadu_ps(kept));
		for (int b = 0; !kept && b < part; b++, x += TAIL)
			z = _mm512_add_ps(z, span_whole(x));
		lanes = _mm512_add_ps(lanes, z);
	}
	return lanes;
}

/* Lanes of less than TAIL floats. */
static inline __m512 span_head(const float *x, int count)
{
	uint64_t there = ((uint64_t)1 << count) - 1;
	return span_four(_mm512_maskz_loadu_ps((__mmask16)there, x), _mm512_maskz_loadu_ps((__mmask16)(there >> 16), x + 16),
	                 _mm512_maskz_loadu_ps((__mmask16)(there >> 32), x + 32), _mm512_maskz_loadu_ps((__mmask16)(there >> 48), x + 48));
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
	return span_four(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16), _mm512_loadu_ps(x + 32), span_block(x + 48, last));
}

/* The last up to TAIL floats of 16 spans, block by block of 16: a bit for each that is there. */
typedef struct span_tails {
	_Alignas(64) int at[SPANS], head[SPANS], blocks[SPANS], rest[SPANS];
	_Alignas(32) uint16_t there[4][SPANS];
} span_tails;

/* Returns which spans have more than a tail. */
static inline __mmask16 span_cut(const int *at, const int *count, span_tails *t)
{
	const __m512i zero = _mm512_setzero_si512(), inside = _mm512_set1_epi32(TAIL - 1), from = _mm512_loadu_si512(at);
	__m512i c = _mm512_min_epi32(_mm512_loadu_si512(count), _mm512_set1_epi32(SPAN));
	__mmask16 longer = _mm512_cmpgt_epi32_mask(c, _mm512_set1_epi32(TAIL));
	__m512i head = _mm512_maskz_and_epi32(longer, _mm512_sub_epi32(zero, from), inside), left = _mm512_sub_epi32(c, head);
	__m512i blocks = _mm512_maskz_srli_epi32(longer, left, 6), rest = _mm512_mask_and_epi32(left, longer, left, inside);
	_mm512_store_si512(t->at, _mm512_add_epi32(from, _mm512_sub_epi32(c, rest)));
	_mm512_store_si512(t->head, head);
	_mm512_store_si512(t->blocks, blocks);
	_mm512_store_si512(t->rest, rest);
#pragma GCC unroll 4
	for (int b = 0; b < 4; b++)
		span_bits(_mm512_max_epi32(_mm512_sub_epi32(rest, _mm512_set1_epi32(16 * b)), zero), t->there[b]);
	__asm__ volatile("" : "+m"(*t));
	return longer;
}

static inline __m512 span_some(const float *x, const span_tails *t, int i)
{
	return span_four(span_block(x, &t->there[0][i]), span_block(x + 16, &t->there[1][i]), span_block(x + 32, &t->there[2][i]),
	                 span_block(x + 48, &t->there[3][i]));
}

static inline void span_group(const float *x, const float *kept, int n, const int *at, const int *count, float *whole)
{
	(void)n;
	span_tails t;
	vf lanes[SPANS];
	__mmask16 longer = span_cut(at, count, &t);
#pragma GCC unroll 16
	for (int i = 0; i < SPANS; i++) {
		const float *y = x + t.at[i];
		/* Which it is is told by where the span stands, so predictable. */
		if (t.rest[i] >= TAIL - LANES)
			lanes[i] = (vf)span_most(y, &t.there[3][i]);
		else
			lanes[i] = (vf)(t.rest[i] > LANES ? span_some(y, &t, i) : span_block(y, &t.there[0][i]));
	}
	for (uint32_t left = longer; left; left &= left - 1) {
		int i = __builtin_ctz(left);
		int from = at[i] + t.head[i];
		__m512 with = _mm512_add_ps((__m512)lanes[i], span_head(x + at[i], t.head[i]));
		lanes[i] = (vf)span_blocks_lanes(with, x + from, kept ? kept + from / TAIL * LANES : NULL, t.blocks[i]);
	}
	vf_store(whole, fold_lanes(lanes));
}

/* Where spans are the row's blocks, one after another, nothing is left to add up: so are cells of a map in a
 * context of as many blocks. */
static inline int span_kept(const float *kept, int n, int first, const int *from, const int *to, int m, float *whole)
{
	const __mmask16 there = (__mmask16)((1u << m) - 1);
	const __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	const int64_t begin = (int64_t)from[0] - first;
	__m512i low = _mm512_maskz_loadu_epi32(there, from), high = _mm512_maskz_loadu_epi32(there, to);
	__m512i even = _mm512_add_epi32(_mm512_set1_epi32(from[0]), _mm512_slli_epi32(place, 6));
	__m512i off = _mm512_or_si512(_mm512_xor_si512(low, even), _mm512_xor_si512(_mm512_sub_epi32(high, low), _mm512_set1_epi32(TAIL)));
	if (begin < 0 || begin % (TAIL * SPANS) || begin + (int64_t)(m - 1) * TAIL >= n || _mm512_mask_test_epi32_mask(there, off, off))
		return 0;
	vf lanes[SPANS];
#pragma GCC unroll 16
	for (int i = 0; i < SPANS; i++)
		lanes[i] = vf_load(kept + begin / TAIL * LANES + i * LANES);
	vf_store(whole, fold_lanes(lanes));
	return 1;
}

/* Where all spans lie in the row and have more than TAIL - LANES floats, as cells of a map do, only the
 * last of their blocks needs a mask and their places are known as early as their bounds. */
static inline int span_cells(const float *x, int n, int first, const int *from, const int *to, float *whole)
{
	const __m512i begin = _mm512_set1_epi32(first), low = _mm512_loadu_si512(from), high = _mm512_loadu_si512(to);
	__m512i rest = _mm512_sub_epi32(_mm512_sub_epi32(high, low), _mm512_set1_epi32(TAIL - LANES));
	if (_mm512_cmpgt_epu32_mask(rest, _mm512_set1_epi32(LANES)) | _mm512_cmplt_epi32_mask(low, begin) |
	    _mm512_cmpgt_epi32_mask(high, _mm512_set1_epi32(first + n)))
		return 0;
	vf lanes[SPANS];
	_Alignas(32) uint16_t there[SPANS];
	span_bits(rest, there);
	__asm__ volatile("" : "+m"(there));
#pragma GCC unroll 16
	for (int i = 0; i < SPANS; i++)
		lanes[i] = (vf)span_most(x + ((ptrdiff_t)from[i] - first), &there[i]);
	vf_store(whole, fold_lanes(lanes));
	return 1;
}

static inline int span_sums(const float *x, const float *kept, int n, int first, const int *from, const int *to, int m,
                            int *at, int *count, float *whole)
{
	if ((kept && span_kept(kept, n, first, from, to, m, whole)) || (m == SPANS && span_cells(x, n, first, from, to, whole)))
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
	span_group(x, kept, n, at, count, whole);
	return 0;
}

static inline void span_put(const float *whole, int m, double factor, float *share)
{
	const __m512d by = _mm512_set1_pd(factor);
	__m256 low = _mm512_cvtpd_ps(_mm512_mul_pd(_mm512_cvtps_pd(_mm256_load_ps(whole)), by));
	__m256 high = _mm512_cvtpd_ps(_mm512_mul_pd(_mm512_cvtps_pd(_mm256_load_ps(whole + 8)), by));
	_mm256_mask_storeu_ps(share, (__mmask8)((1u << m) - 1), low);
	_mm256_mask_storeu_ps(share + 8, (__mmask8)(((1u << m) - 1) >> 8), high);
}

#endif

/* mass_part of generic/mass.h in AVX-512. */
#ifndef AM_KERNELS_AVX512_PART_H
#define AM_KERNELS_AVX512_PART_H

#include "kernels/generic/want.h"

#include <immintrin.h>

/* tally_place for 16 weights. */
static inline __m512i part_places(const tally_form *t, __m512i key)
{
	__m512i fine = _mm512_srl_epi32(_mm512_sub_epi32(key, _mm512_set1_epi32(t->first)), _mm_cvtsi32_si128(t->shift));
	__m512i octave = _mm512_add_epi32(_mm512_srli_epi32(key, 23), _mm512_set1_epi32(t->fine));
	return _mm512_min_epu32(fine, octave);
}

typedef enum { PLACES_ANY, PLACES_PLAIN, PLACES_TOP } part_places_kind;

/* What looks up marks of 32 weights: places in lanes of 16 bits, 2048 marks in four
 * registers. */
typedef struct part_lookup {
	__m512i mark[4], halves, bits, first;
	__m128i shift;
} part_lookup;

static const uint16_t part_bits[32] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
                                       1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
/* Upper halves of 32 lanes of 32 bits; the lower ones are before each. */
static const uint16_t part_halves[32] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                         33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};

static inline part_lookup part_open(const part_places_kind kind, const tally_form *t, const uint32_t *mark)
{
	part_lookup p = {.bits = _mm512_loadu_si512(part_bits), .halves = _mm512_loadu_si512(part_halves)};
	for (int i = 0; i < 4; i++)
		p.mark[i] = _mm512_loadu_si512(mark + 16 * i);
	if (kind == PLACES_TOP) {
		p.first = _mm512_set1_epi16((int16_t)(t->first >> 16));
		p.shift = _mm_cvtsi32_si128(t->shift - 16);
	} else {
		p.halves = _mm512_sub_epi16(p.halves, _mm512_set1_epi16(1));
		p.first = _mm512_set1_epi32(t->first);
		p.shift = _mm_cvtsi32_si128(t->shift);
	}
	return p;
}

/* Which of 32 weights are marked. */
static inline __attribute__((always_inline)) __mmask32 part_marked(const part_places_kind kind, const int wide, const part_lookup *p,
                                                                   const tally_form *t, __m512i a, __m512i b)
{
	__m512i at;
	if (kind == PLACES_TOP) {
		at = _mm512_srl_epi16(_mm512_sub_epi16(_mm512_permutex2var_epi16(a, p->halves, b), p->first), p->shift);
	} else if (kind == PLACES_PLAIN) {
		a = _mm512_srl_epi32(_mm512_sub_epi32(a, p->first), p->shift);
		b = _mm512_srl_epi32(_mm512_sub_epi32(b, p->first), p->shift);
		at = _mm512_permutex2var_epi16(a, p->halves, b);
	} else {
		const __m512i key = _mm512_set1_epi32(0x7fffffff);
		at = _mm512_permutex2var_epi16(part_places(t, _mm512_and_si512(a, key)), p->halves,
		                               part_places(t, _mm512_and_si512(b, key)));
	}
	__m512i word = _mm512_srli_epi16(at, 4), marks = _mm512_permutex2var_epi16(p->mark[0], word, p->mark[1]);
	if (wide)
		marks = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(word, _mm512_set1_epi16(64)), marks,
		                                _mm512_permutex2var_epi16(p->mark[2], word, p->mark[3]));
	return _mm512_test_epi16_mask(marks, _mm512_permutexvar_epi16(at, p->bits));
}

/* Blocks of 32 weights some of which are marked: their number above, below a bit a weight. */
static inline __attribute__((always_inline)) int part_blocks(const part_places_kind kind, const int wide, const float *x, int n,
                                                             const tally_form *t, const uint32_t *mark, uint64_t *block)
{
	const part_lookup p = part_open(kind, t, mark);
	int m = 0, j = 0;
	for (; j + 32 <= n; j += 32) {
		__mmask32 hit = part_marked(kind, wide, &p, t, _mm512_loadu_si512(x + j), _mm512_loadu_si512(x + j + 16));
		block[m] = (uint64_t)j << 32 | hit;
		m += hit != 0;
	}
	if (j < n) {
		uint32_t there = (1u << (n - j)) - 1;
		__mmask32 hit = part_marked(kind, wide, &p, t, _mm512_maskz_loadu_epi32((__mmask16)there, x + j),
		                            _mm512_maskz_loadu_epi32((__mmask16)(there >> 16), x + j + 16));
		block[m] = (uint64_t)j << 32 | (hit & there);
		m += (hit & there) != 0;
	}
	return m;
}

static int part_find(const float *x, int n, const tally_form *t, const uint32_t *mark, uint64_t *block)
{
	if (!t->plain)
		return part_blocks(PLACES_ANY, 1, x, n, t, mark, block);
	if (t->shift < 16)
		return t->fine > 1024 ? part_blocks(PLACES_PLAIN, 1, x, n, t, mark, block)
		                      : part_blocks(PLACES_PLAIN, 0, x, n, t, mark, block);
	return t->fine > 1024 ? part_blocks(PLACES_TOP, 1, x, n, t, mark, block)
	                      : part_blocks(PLACES_TOP, 0, x, n, t, mark, block);
}

static void mass_part(tally *t, const uint32_t *mark, const float *x, int n, float *to, void *scratch)
{
	const tally_form f = t->form; /* buckets do not alias it */
	uint64_t *block = scratch;
	int m = part_find(x, n, &f, mark, block);
	for (int i = 0; i < m; i++) {
		const float *from = x + (block[i] >> 32);
		uint32_t left = (uint32_t)block[i];
		do {
			int32_t key = tally_key(from[__builtin_ctz(left)]);
			part_take(t, tally_place(&f, key), key, to);
			left &= left - 1;
		} while (left);
	}
}

#endif

/* Sums of a tally in AVX-512: what generic/level.h asks for. 8 groups or buckets a
 * register, the first in lane 0. */
#ifndef AM_KERNELS_AVX512_LEVEL_H
#define AM_KERNELS_AVX512_LEVEL_H

#include "kernels/generic/want.h"

#include <immintrin.h>
#include <limits.h>

/* tally_sum, of an octave a lane. */
static inline __m512d level_sums(const tally_form *t, __m512i octave, __m512i bucket)
{
	const __m512i one = _mm512_set1_epi64(1);
	__m128i bits = _mm_cvtsi32_si128(t->bits);
	__m512i count = _mm512_srl_epi64(bucket, bits);
	__m512i fractions = _mm512_sub_epi64(bucket, _mm512_sll_epi64(count, bits));
	if (t->plain)
		fractions = _mm512_sub_epi64(fractions, _mm512_slli_epi64(_mm512_mul_epu32(count, octave), 23));
	__m512i ones = _mm512_maskz_slli_epi64(_mm512_test_epi64_mask(octave, octave), count, 23);
	__m512i sum = _mm512_add_epi64(_mm512_sll_epi64(fractions, _mm_cvtsi32_si128(t->drop)), ones);
	__m512i exponent = _mm512_add_epi64(_mm512_max_epi64(octave, one), _mm512_set1_epi64(1023 - 150));
	return _mm512_mul_pd(_mm512_cvtepi64_pd(sum), _mm512_castsi512_pd(_mm512_slli_epi64(exponent, 52)));
}

/* Lanes of a in pairs, then of b in pairs, added: of 4 in turn 2 of a, 2 of b. */
static inline __m512i level_pairs(__m512i a, __m512i b)
{
	return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/* Quarters of a in pairs, then of b. */
static inline __m512i level_quarters(__m512i a, __m512i b)
{
	return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
}

/* The sums of 8 groups, of which `there` are. */
static inline __m512i level_groups(const uint64_t *bucket, int there)
{
	__m512i b[8];
	if (there == 8) {
#pragma GCC unroll 8
		for (int i = 0; i < 8; i++)
			b[i] = _mm512_add_epi64(_mm512_loadu_si512(bucket + i * TALLY_GROUP), _mm512_loadu_si512(bucket + i * TALLY_GROUP + 8));
	} else {
#pragma GCC unroll 8
		for (int i = 0; i < 8; i++) {
			__mmask8 in = i < there ? 0xff : 0;
			b[i] = _mm512_add_epi64(_mm512_maskz_loadu_epi64(in, bucket + i * TALLY_GROUP),
			                        _mm512_maskz_loadu_epi64(in, bucket + i * TALLY_GROUP + 8));
		}
	}
	__m512i low = level_quarters(level_pairs(b[0], b[1]), level_pairs(b[2], b[3]));
	__m512i high = level_quarters(level_pairs(b[4], b[5]), level_pairs(b[6], b[7]));
	return level_quarters(low, high);
}

/* x[i] + x[i + 1] + ..: in each step a lane takes what lies `step` lanes above it. */
static inline __m512i level_above(__m512i x)
{
	const __m512i zero = _mm512_setzero_si512();
	x = _mm512_add_epi64(x, _mm512_alignr_epi64(zero, x, 1));
	x = _mm512_add_epi64(x, _mm512_alignr_epi64(zero, x, 2));
	return _mm512_add_epi64(x, _mm512_alignr_epi64(zero, x, 4));
}

static inline __m512d level_shifted(__m512d x, __m512i y)
{
	return _mm512_add_pd(x, _mm512_castsi512_pd(y));
}

static inline void level_suffix(const tally *t, int group, int there, int passed, double above, int32_t *count, double *sum)
{
	const __m512i zero = _mm512_setzero_si512(), lane = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
	__m512i b = level_groups(t->bucket + group * TALLY_GROUP, there);
	__m512i start = _mm512_sll_epi64(_mm512_add_epi64(lane, _mm512_set1_epi64(group)), _mm_cvtsi32_si128(t->form.shift + 4));
	__m512i octave = _mm512_srli_epi64(_mm512_add_epi64(start, _mm512_set1_epi64(t->form.first)), 23);
	__m512d s = level_sums(&t->form, octave, b);
	s = level_shifted(s, _mm512_alignr_epi64(zero, _mm512_castpd_si512(s), 1));
	s = level_shifted(s, _mm512_alignr_epi64(zero, _mm512_castpd_si512(s), 2));
	s = level_shifted(s, _mm512_alignr_epi64(zero, _mm512_castpd_si512(s), 4));
	__m256i c = _mm512_cvtepi64_epi32(level_above(_mm512_srl_epi64(b, _mm_cvtsi32_si128(t->form.bits))));
	_mm256_storeu_si256((__m256i *)(void *)count, _mm256_add_epi32(c, _mm256_set1_epi32(passed)));
	_mm512_storeu_pd(sum, _mm512_add_pd(s, _mm512_set1_pd(above)));
}

static inline int level_reach(const mass_level *l, const mass_want *w)
{
	int at = 0;
	if (w->k < INT_MAX)
		for (int g = 0; g < l->groups; g += 16)
			at += __builtin_popcount(_mm512_cmpge_epi32_mask(_mm512_loadu_si512(l->count + g), _mm512_set1_epi32(w->k)));
	else
		for (int g = 0; g < l->groups; g += 8)
			at += __builtin_popcount(_mm512_cmp_pd_mask(_mm512_loadu_pd(l->sum + g), _mm512_set1_pd(w->next), _CMP_GE_OQ));
	return at;
}

static inline int level_reach_in(const tally *t, int group, const mass_want *w, uint64_t *above)
{
	const uint64_t *bucket = t->bucket + group * TALLY_GROUP;
	__m512i high = level_above(_mm512_loadu_si512(bucket + 8));
	__m512i low = _mm512_add_epi64(level_above(_mm512_loadu_si512(bucket)),
	                               _mm512_broadcastq_epi64(_mm512_castsi512_si128(high)));
	_mm512_storeu_si512(above, low);
	_mm512_storeu_si512(above + 8, high);
	above[16] = 0;
	if (w->k < INT_MAX) {
		const __m512i least = _mm512_set1_epi64((int64_t)((uint64_t)(w->k - w->passed) << t->form.bits));
		return __builtin_popcount(_mm512_cmpge_epu64_mask(low, least)) + __builtin_popcount(_mm512_cmpge_epu64_mask(high, least));
	}
	const __m512i octave = _mm512_set1_epi64(level_octave(&t->form, group));
	const __m512d sum = _mm512_set1_pd(w->sum), next = _mm512_set1_pd(w->next);
	__m512d l = _mm512_add_pd(sum, level_sums(&t->form, octave, low));
	__m512d h = _mm512_add_pd(sum, level_sums(&t->form, octave, high));
	return __builtin_popcount(_mm512_cmp_pd_mask(l, next, _CMP_GE_OQ)) + __builtin_popcount(_mm512_cmp_pd_mask(h, next, _CMP_GE_OQ));
}

#endif

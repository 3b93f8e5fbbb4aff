/* Sums of a tally in AVX-512: what generic/level.h asks for. 8 groups, buckets or wants a
 * register, the first in lane 0. */
#ifndef AM_KERNELS_AVX512_LEVEL_H
#define AM_KERNELS_AVX512_LEVEL_H

#include "kernels/generic/want.h"

#include <immintrin.h>
#include <limits.h>

/* What turns a bucket into its sum, an octave a lane: count 2^23 and the sum of fractions, or the sum of
 * keys without what their octave adds to each, times a unit. (Subnormals have no leading one.) */
typedef struct level_scale {
	__m512i each; /* to be added for every weight */
	__m512d unit;
} level_scale;

/* Of buckets or groups where these keys begin. */
static inline level_scale level_scales(const tally_form *t, __m512i start)
{
	const __m512i one = _mm512_set1_epi64(1 << 23);
	__m512i octave = _mm512_and_si512(start, _mm512_set1_epi64(0x7f800000)), normal = _mm512_max_epi32(octave, one);
	__m512i each = t->plain ? _mm512_sub_epi64(one, normal) : _mm512_min_epi32(octave, one);
	__m512i exponent = _mm512_add_epi64(_mm512_slli_epi64(normal, 52 - 23), _mm512_set1_epi64((int64_t)(1023 - 150) << 52));
	return (level_scale){each, _mm512_castsi512_pd(exponent)};
}

/* tally_sum, of a bucket a lane that hold so many weights. */
static inline __m512d level_sums(const tally_form *t, level_scale s, __m512i bucket, __m512i count)
{
	__m512i sum = _mm512_and_si512(bucket, _mm512_set1_epi64((int64_t)(((uint64_t)1 << t->bits) - 1)));
	sum = _mm512_sll_epi64(sum, _mm_cvtsi32_si128(t->drop));
	sum = _mm512_add_epi64(sum, _mm512_mul_epi32(count, s.each));
	return _mm512_mul_pd(_mm512_cvtepi64_pd(sum), s.unit);
}

static inline __m512i level_counts(const tally_form *t, __m512i bucket)
{
	return _mm512_srl_epi64(bucket, _mm_cvtsi32_si128(t->bits));
}

/* Keys where groups begin, a group a lane. */
static inline __m512i level_starts(const tally_form *t, __m512i group)
{
	return _mm512_add_epi64(_mm512_sll_epi64(group, _mm_cvtsi32_si128(t->shift + 4)), _mm512_set1_epi64(t->first));
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

/* The sums of 8 groups, of which `there` are: what lies behind is read for nothing, as jumps around it cost more. */
static inline __m512i level_groups(const uint64_t *bucket, int there)
{
	__m512i b[8];
#pragma GCC unroll 8
	for (int i = 0; i < 8; i++)
		b[i] = _mm512_add_epi64(_mm512_loadu_si512(bucket + i * TALLY_GROUP), _mm512_loadu_si512(bucket + i * TALLY_GROUP + 8));
	__m512i low = level_quarters(level_pairs(b[0], b[1]), level_pairs(b[2], b[3]));
	__m512i high = level_quarters(level_pairs(b[4], b[5]), level_pairs(b[6], b[7]));
	return _mm512_maskz_mov_epi64((__mmask8)_bzhi_u32(0xff, (unsigned)there), level_quarters(low, high));
}

/* x[i] + x[i + 1] + ..: in each step a lane takes what lies `step` lanes above it. */
static inline __m512i level_above(__m512i x)
{
	const __m512i zero = _mm512_setzero_si512();
	x = _mm512_add_epi64(x, _mm512_alignr_epi64(zero, x, 1));
	x = _mm512_add_epi64(x, _mm512_alignr_epi64(zero, x, 2));
	return _mm512_add_epi64(x, _mm512_alignr_epi64(zero, x, 4));
}

static inline __m256i level_counts_above(__m256i x)
{
	const __m256i zero = _mm256_setzero_si256();
	x = _mm256_add_epi32(x, _mm256_alignr_epi32(zero, x, 1));
	x = _mm256_add_epi32(x, _mm256_alignr_epi32(zero, x, 2));
	return _mm256_add_epi32(x, _mm256_alignr_epi32(zero, x, 4));
}

static inline __m512d level_sums_above(__m512d x)
{
	const __m512i zero = _mm512_setzero_si512();
	x = _mm512_add_pd(x, _mm512_castsi512_pd(_mm512_alignr_epi64(zero, _mm512_castpd_si512(x), 1)));
	x = _mm512_add_pd(x, _mm512_castsi512_pd(_mm512_alignr_epi64(zero, _mm512_castpd_si512(x), 2)));
	return _mm512_add_pd(x, _mm512_castsi512_pd(_mm512_alignr_epi64(zero, _mm512_castpd_si512(x), 4)));
}

static void level_fill(mass_level *l, int passed, double sum)
{
	const tally_form f = l->t->form;
	const __m512i lane = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
	__m256i passed8 = _mm256_set1_epi32(passed);
	__m512d sum8 = _mm512_set1_pd(sum);
	/* Kept in registers: vectors read back soon after parts of them were written wait long. */
	__m512i chunk_count = _mm512_setzero_si512();
	__m512d chunk_sum = _mm512_setzero_pd(), chunk_sum2 = chunk_sum;
	const uint64_t *bucket = l->t->bucket;
	const int groups = l->last + 1;
	__m512i start = level_starts(&f, _mm512_add_epi64(lane, _mm512_set1_epi64(l->last / LEVEL_CHUNK * LEVEL_CHUNK)));
	for (int c = l->last / LEVEL_CHUNK; c >= 0; c--) {
		int g = c * LEVEL_CHUNK;
		__m512i b = level_groups(bucket + g * TALLY_GROUP, groups - g), count = level_counts(&f, b);
		__m512d s = level_sums_above(level_sums(&f, level_scales(&f, start), b, count));
		start = _mm512_sub_epi64(start, _mm512_set1_epi64((int64_t)LEVEL_CHUNK * TALLY_GROUP << f.shift));
		__m256i n = level_counts_above(_mm512_cvtepi64_epi32(count));
		_mm256_storeu_si256((__m256i *)(void *)(l->count + g), _mm256_add_epi32(n, passed8));
		_mm512_storeu_pd(l->sum + g, _mm512_add_pd(s, sum8));
		passed8 = _mm256_add_epi32(passed8, _mm256_broadcastd_epi32(_mm256_castsi256_si128(n)));
		sum8 = _mm512_add_pd(sum8, _mm512_broadcastsd_pd(_mm512_castpd512_pd128(s)));
		uint32_t here = (uint32_t)1 << c;
		chunk_count = _mm512_mask_broadcastd_epi32(chunk_count, (__mmask16)here, _mm256_castsi256_si128(passed8));
		chunk_sum = _mm512_mask_mov_pd(chunk_sum, (__mmask8)here, sum8);
		chunk_sum2 = _mm512_mask_mov_pd(chunk_sum2, (__mmask8)(here >> 8), sum8);
	}
	_mm512_storeu_si512(l->chunk_count, chunk_count);
	_mm512_storeu_pd(l->chunk_sum, chunk_sum);
	_mm512_storeu_pd(l->chunk_sum + 8, chunk_sum2);
}

/* The group and, before its bucket is known, what lies above. */
static inline int level_reached(const mass_level *l, int chunk, int groups)
{
	int g = chunk * LEVEL_CHUNK + (groups > 1 ? groups - 1 : 0);
	return g < l->last ? g : l->last;
}

/* What lies in the 16 buckets of a group from each on. */
static inline void level_buckets_above(const uint64_t *bucket, __m512i *low, __m512i *high)
{
	*high = level_above(_mm512_loadu_si512(bucket + 8));
	*low = _mm512_add_epi64(level_above(_mm512_loadu_si512(bucket)), _mm512_broadcastq_epi64(_mm512_castsi512_si128(*high)));
}

static inline int level_bits(__mmask8 low, __mmask8 high)
{
	return __builtin_popcount((uint32_t)low | (uint32_t)high << 8);
}

/* Keeps the bucket in which want i falls, of `at` in its group that reach it. */
static inline void level_keep(mass_wants *w, int i, const mass_level *l, int g, int at, __m512i low, __m512i high, uint64_t *above)
{
	_Alignas(64) uint64_t all[TALLY_GROUP + 1];
	_mm512_store_si512(all, low);
	_mm512_store_si512(all + 8, high);
	all[TALLY_GROUP] = 0;
	at = at > 1 ? at : 1; /* a sum of sums may reach what they one by one do not */
	above[i] = all[at];
	w->slot[i] = g * TALLY_GROUP + at - 1;
	w->bucket[i] = l->t->bucket[w->slot[i]];
}

/* The group in which a want falls; -1 - it where the groups do not reach it. */
static inline int level_group_of_count(const mass_wants *w, int i, const mass_level *l, __m512i chunk)
{
	const __m512i k = _mm512_set1_epi32(w->k[i]);
	int c = __builtin_popcount(_mm512_cmpge_epi32_mask(chunk, k)) - 1, from = c < 0 ? 0 : c;
	__m256i group = _mm256_loadu_si256((const __m256i *)(const void *)(l->count + from * LEVEL_CHUNK));
	int g = level_reached(l, from, __builtin_popcount(_mm256_cmpge_epi32_mask(group, _mm512_castsi512_si256(k))));
	return c < 0 ? -1 - g : g;
}

static inline int level_group_of_sum(const mass_wants *w, int i, const mass_level *l, __m512d chunk, __m512d chunk2)
{
	const __m512d next = _mm512_set1_pd(w->next[i]);
	int c = level_bits(_mm512_cmp_pd_mask(chunk, next, _CMP_GE_OQ), _mm512_cmp_pd_mask(chunk2, next, _CMP_GE_OQ)) - 1;
	int from = c < 0 ? 0 : c;
	__m512d group = _mm512_loadu_pd(l->sum + from * LEVEL_CHUNK);
	int g = level_reached(l, from, __builtin_popcount(_mm512_cmp_pd_mask(group, next, _CMP_GE_OQ)));
	return c < 0 ? -1 - g : g;
}

static inline void level_search_count(mass_wants *w, int i, const mass_level *l, const tally_form *f, int g, uint64_t *above)
{
	w->passed[i] = l->count[g + 1];
	w->sum[i] = l->sum[g + 1];
	__m512i low, high;
	level_buckets_above(l->t->bucket + g * TALLY_GROUP, &low, &high);
	const __m512i least = _mm512_set1_epi64((int64_t)((uint64_t)(w->k[i] - w->passed[i]) << f->bits));
	int at = level_bits(_mm512_cmpge_epu64_mask(low, least), _mm512_cmpge_epu64_mask(high, least));
	level_keep(w, i, l, g, at, low, high, above);
}

static inline void level_search_sum(mass_wants *w, int i, const mass_level *l, const tally_form *f, int g, uint64_t *above)
{
	w->passed[i] = l->count[g + 1];
	w->sum[i] = l->sum[g + 1];
	__m512i low, high;
	level_buckets_above(l->t->bucket + g * TALLY_GROUP, &low, &high);
	const __m512d next = _mm512_set1_pd(w->next[i]), sum = _mm512_set1_pd(w->sum[i]);
	const level_scale s = level_scales(f, _mm512_set1_epi64(f->first + (g * TALLY_GROUP << f->shift)));
	__m512d a = _mm512_add_pd(sum, level_sums(f, s, low, level_counts(f, low)));
	__m512d b = _mm512_add_pd(sum, level_sums(f, s, high, level_counts(f, high)));
	int at = level_bits(_mm512_cmp_pd_mask(a, next, _CMP_GE_OQ), _mm512_cmp_pd_mask(b, next, _CMP_GE_OQ));
	level_keep(w, i, l, g, at, low, high, above);
}

/* What lies above the buckets of 8 wants added, and whether that settles them: level_take. */
static inline void level_take_8(mass_wants *w, int i, const tally_form *f, const uint64_t *above)
{
	__m512i a = _mm512_loadu_si512(above + i), b = _mm512_loadu_si512(w->bucket + i);
	__m512i n_a = level_counts(f, a), n_b = level_counts(f, b);
	__m256i slot = _mm256_loadu_si256((const __m256i *)(const void *)(w->slot + i));
	__m256i start = _mm256_add_epi32(_mm256_sll_epi32(slot, _mm_cvtsi32_si128(f->shift)), _mm256_set1_epi32(f->first));
	level_scale s = level_scales(f, _mm512_cvtepi32_epi64(start));
	__m256i size = _mm512_cvtepi64_epi32(n_b), one = _mm256_set1_epi32(1);
	__m256i passed = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(w->passed + i)), _mm512_cvtepi64_epi32(n_a));
	__m256i with = _mm256_add_epi32(passed, size);
	__mmask8 settled = _mm256_cmpeq_epi32_mask(size, one) |
	                   _mm256_cmpeq_epi32_mask(with, _mm256_loadu_si256((const __m256i *)(const void *)(w->k + i)));
	__m512d sum = _mm512_add_pd(_mm512_loadu_pd(w->sum + i), level_sums(f, s, a, n_a));
	_mm512_storeu_pd(w->sum + i, _mm512_mask_add_pd(sum, settled, sum, level_sums(f, s, b, n_b)));
	_mm256_storeu_si256((__m256i *)(void *)(w->bound + i), start);
	_mm256_storeu_si256((__m256i *)(void *)(w->size + i), size);
	_mm256_storeu_si256((__m256i *)(void *)(w->passed + i), _mm256_mask_mov_epi32(passed, settled, with));
	_mm256_storeu_si256((__m256i *)(void *)(w->settled + i), _mm256_maskz_mov_epi32(settled, one));
}

static uint32_t level_search(mass_wants *w, const mass_level *l)
{
	uint64_t above[MASS_WANTS];
	const __m512i count = _mm512_loadu_si512(l->chunk_count);
	const __m512d sum = _mm512_loadu_pd(l->chunk_sum), sum2 = _mm512_loadu_pd(l->chunk_sum + 8);
	const tally_form f = l->t->form; /* wants do not alias it */
	uint32_t below = 0;
	int group[MASS_WANTS];
	/* The groups of all, then the buckets: more of so short chains of operations are on their way at once. */
	for (int i = 0; i < w->ks; i++)
		group[i] = level_group_of_count(w, i, l, count);
	for (int i = w->ks; i < w->n; i++)
		group[i] = level_group_of_sum(w, i, l, sum, sum2);
	for (int i = 0; i < w->n; i++) {
		int g = group[i] < 0 ? -1 - group[i] : group[i];
		below |= (uint32_t)(group[i] < 0) << i;
		if (i < w->ks)
			level_search_count(w, i, l, &f, g, above);
		else
			level_search_sum(w, i, l, &f, g, above);
	}
	for (int i = 0; i < w->n; i += 8)
		level_take_8(w, i, &f, above);
	return below;
}

#endif

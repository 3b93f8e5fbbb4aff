/* mass_part of generic/mass.h in AVX-512. Places go in lanes of 16 bits, 32 weights a register: the
 * lower 6 bits of one look up, in 64 lanes of two registers, the only place with such bits that is
 * wanted, if any. Where wanted places share them, more such tables are asked. */
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

/* Of plain tallies places are counted from key 0 on, modulo 2^16. */
typedef enum { PLACES_ANY, PLACES_PLAIN, PLACES_TOP } part_places_kind;

enum { PART_TABLE = 64 };

typedef struct part_tables {
	_Alignas(64) uint16_t place[MASS_WANTS][PART_TABLE];
	uint8_t used[PART_TABLE]; /* tables in which a lane is taken */
	int n;
} part_tables;

/* In lane i a place that is not looked up there. */
static inline void part_clear(uint16_t *place)
{
	const __m512i lane = _mm512_setr_epi32(0x00000001, 0x00020003, 0x00040005, 0x00060007, 0x00080009, 0x000a000b, 0x000c000d,
	                                       0x000e000f, 0x00100011, 0x00120013, 0x00140015, 0x00160017, 0x00180019, 0x001a001b,
	                                       0x001c001d, 0x001e001f);
	_mm512_store_si512(place, lane);
	_mm512_store_si512(place + 32, _mm512_add_epi16(lane, _mm512_set1_epi16(32)));
}

static void part_fill(part_tables *p, const int *slot, int slots, int origin)
{
	memset(p->used, 0, sizeof p->used);
	part_clear(p->place[0]);
	p->n = 1;
	for (int i = 0; i < slots; i++) {
		uint16_t place = (uint16_t)(slot[i] + origin);
		int lane = place % PART_TABLE, table = p->used[lane]++;
		if (table == p->n)
			part_clear(p->place[p->n++]);
		p->place[table][lane] = place;
	}
}

/* Places of 32 weights: of the first 16 in the even lanes, of the others in the odd ones. */
static inline __attribute__((always_inline)) __m512i part_lanes(const part_places_kind kind, const tally_form *t, const float *x)
{
	const __mmask32 even = 0x55555555;
	__m512i a, b = _mm512_loadu_si512(x + 16);
	if (kind == PLACES_TOP) {
		a = _mm512_mask_loadu_epi16(b, even, (const char *)x + 2); /* upper halves */
		return _mm512_srl_epi16(a, _mm_cvtsi32_si128(t->shift - 16));
	}
	a = _mm512_loadu_si512(x);
	if (kind == PLACES_PLAIN) {
		a = _mm512_srl_epi32(a, _mm_cvtsi32_si128(t->shift));
		b = _mm512_sll_epi32(b, _mm_cvtsi32_si128(16 - t->shift));
	} else {
		const __m512i key = _mm512_set1_epi32(0x7fffffff);
		a = part_places(t, _mm512_and_si512(a, key));
		b = _mm512_slli_epi32(part_places(t, _mm512_and_si512(b, key)), 16);
	}
	return _mm512_mask_blend_epi16(even, b, a);
}

/* Bits of wanted ones of those 32, in the order of the lanes. */
static inline __attribute__((always_inline)) uint32_t part_wanted(const int tables, const part_tables *p, __m512i at)
{
	__mmask32 hit = 0;
	for (int i = 0; i < tables; i++) {
		__m512i low = _mm512_load_si512(p->place[i]), high = _mm512_load_si512(p->place[i] + 32);
		hit |= _mm512_cmpeq_epi16_mask(_mm512_permutex2var_epi16(low, at, high), at);
	}
	return hit;
}

/* Of every 32 weights a bit for each wanted one. Room for n / 32 rounded up to 16. */
static inline __attribute__((always_inline)) void part_blocks(const part_places_kind kind, const int tables, const part_tables *p,
                                                              const tally_form *f, const float *x, int n, uint32_t *wanted)
{
	const tally_form t = *f;
	int j = 0;
	_mm512_store_si512(wanted + n / 512 * 16, _mm512_setzero_si512());
	for (; j + 32 <= n; j += 32)
		wanted[j / 32] = part_wanted(tables, p, part_lanes(kind, &t, x + j));
	if (j < n) {
		float last[32];
		uint32_t there = (1u << (n - j)) - 1;
		_mm512_storeu_si512(last, _mm512_maskz_loadu_epi32((__mmask16)there, x + j));
		_mm512_storeu_si512(last + 16, _mm512_maskz_loadu_epi32((__mmask16)(there >> 16), x + j + 16));
		wanted[j / 32] = part_wanted(tables, p, part_lanes(kind, &t, last)) &
		                 (_pdep_u32(there, 0x55555555) | _pdep_u32(there >> 16, 0xaaaaaaaa));
	}
}

static inline __attribute__((always_inline)) void part_of_kind(const part_places_kind kind, const part_tables *p, const tally_form *t,
                                                               const float *x, int n, uint32_t *wanted)
{
	switch (p->n) {
	case 1: part_blocks(kind, 1, p, t, x, n, wanted); break;
	case 2: part_blocks(kind, 2, p, t, x, n, wanted); break;
	default: part_blocks(kind, p->n, p, t, x, n, wanted);
	}
}

static void part_find(const mass_level *l, const int *slot, int slots, const float *x, int n, uint32_t *wanted)
{
	part_tables p;
	const tally_form *t = &l->t->form;
	part_fill(&p, slot, slots, t->plain ? t->first >> t->shift : 0);
	if (!t->plain)
		part_of_kind(PLACES_ANY, &p, t, x, n, wanted);
	else if (t->shift < 16)
		part_of_kind(PLACES_PLAIN, &p, t, x, n, wanted);
	else
		part_of_kind(PLACES_TOP, &p, t, x, n, wanted);
}

/* The lowest bits of 16 words as the weights they are of, from the word's first. */
static inline __m512i part_lowest(__m512i w)
{
	/* By the exponent of the bit as a number, modulo 32: that of 1 is 31. */
	const __m512i even = _mm512_setr_epi32(16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8);
	const __m512i odd = _mm512_setr_epi32(24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31, 0);
	__m512i low = _mm512_and_si512(w, _mm512_sub_epi32(_mm512_setzero_si512(), w));
	return _mm512_permutex2var_epi32(even, _mm512_srli_epi32(_mm512_castps_si512(_mm512_cvtepu32_ps(low)), 23), odd);
}

/* Puts the places of the lowest bits of 16 words, those of some, behind the hits before; returns how many hits there
 * are then. */
static inline int part_lowest_hits(__m512i w, __mmask16 some, __m512i begin, int32_t *hit, int have)
{
	_mm512_storeu_si512(hit + have, _mm512_maskz_compress_epi32(some, _mm512_add_epi32(begin, part_lowest(w))));
	return have + __builtin_popcount(some);
}

/* Where the weights are whose bits are set in the words, in any order; returns how many. The lowest bit of each of 16
 * words, then the next, so that few branches depend on where they are. */
static int part_places_of(const uint32_t *wanted, int words, int32_t *hit)
{
	const __m512i one = _mm512_set1_epi32(1);
	__m512i begin = _mm512_setr_epi32(0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 480);
	int have = 0;
	for (int i = 0; i < words; i += 16) {
		__m512i w = _mm512_load_si512(wanted + i);
		__mmask16 some = _mm512_test_epi32_mask(w, w);
		for (int round = 0; round < 2 || some; round++) {
			have = part_lowest_hits(w, some, begin, hit, have);
			w = _mm512_and_si512(w, _mm512_sub_epi32(w, one));
			some = _mm512_test_epi32_mask(w, w);
		}
		begin = _mm512_add_epi32(begin, _mm512_set1_epi32(512));
	}
	return have;
}

/* Where in x[n] the weights of so many buckets are, in any order; returns how many. Scratch: as mass_part. */
static int part_hits(const mass_level *l, const int *slot, int slots, const float *x, int n, void *scratch, const int32_t **hit)
{
	int words = (n + 31) / 32;
	uint32_t *wanted = scratch;
	int32_t *to = (int32_t *)wanted + (words + 15) / 16 * 16;
	part_find(l, slot, slots, x, n, wanted);
	*hit = to;
	return part_places_of(wanted, words, to);
}

static void mass_part(const mass_level *l, const mass_open *o, const float *x, int n, float *to, void *scratch)
{
	const tally_form f = l->t->form; /* buckets do not alias it */
	const int32_t *hit;
	int m = part_hits(l, o->slot, o->slots, x, n, scratch, &hit);
	for (int i = 0; o->large && i < m; i++) {
		int32_t key = tally_key(x[hit[i]]);
		part_take(l->t, tally_place(&f, key), key, to);
	}
	for (int i = 0; !o->large && i < m; i++) {
		int32_t key = tally_key(x[hit[i]]);
		part_take_column(l->t, tally_place(&f, key), key, to);
	}
}

#endif

/* mass_order of generic/mass.h in AVX-512: where the wanted buckets hold few weights in all, those are put in
 * order together, in registers: buckets do not overlap, so each bucket's come next to one another. Lane l of row r
 * is the weight of rank l rows + r; columns are sorted, then merged with their neighbours (bitonic merges: Knuth,
 * The Art of Computer Programming 3, 5.3.4). */
#ifndef AM_KERNELS_AVX512_ORDER_H
#define AM_KERNELS_AVX512_ORDER_H

#include "kernels/avx512/part.h"

#include <limits.h>
#include <math.h>

enum { ORDER_ROWS = 8, ORDER_MOST = ORDER_ROWS * 16 }; /* weights, so that sums of their significands fit 31 bits */

/* Weights in order, 0 behind them, and of each the sum of the significands down to it. */
typedef struct order {
	_Alignas(64) int32_t key[ORDER_ROWS][16];
	_Alignas(64) uint32_t sum[ORDER_ROWS][16];
} order;

static inline __attribute__((always_inline)) void order_pair(__m512i *x, int i, int j)
{
	__m512i high = _mm512_max_epi32(x[i], x[j]);
	x[j] = _mm512_min_epi32(x[i], x[j]);
	x[i] = high;
}

/* Puts columns in order that first rise, then fall, or are a rotation of such. */
static inline __attribute__((always_inline)) void order_join(const int rows, __m512i *x)
{
	for (int i = 0; rows == 8 && i < 4; i++)
		order_pair(x, i, i + 4);
	for (int i = 0; i < rows; i += 4) {
		order_pair(x + i, 0, 2);
		order_pair(x + i, 1, 3);
		order_pair(x + i, 0, 1);
		order_pair(x + i, 2, 3);
	}
}

static inline __attribute__((always_inline)) void order_columns(const int rows, __m512i *x)
{
	for (int i = 0; i < rows; i += 4) {
		order_pair(x + i, 0, 2);
		order_pair(x + i, 1, 3);
		order_pair(x + i, 0, 1);
		order_pair(x + i, 2, 3);
		order_pair(x + i, 1, 2);
	}
	if (rows == 4)
		return;
	for (int i = 0; i < 4; i++)
		order_pair(x, i, 7 - i);
	for (int i = 0; i < 8; i += 4) {
		order_pair(x + i, 0, 2);
		order_pair(x + i, 1, 3);
		order_pair(x + i, 0, 1);
		order_pair(x + i, 2, 3);
	}
}

/* Lane l = lane l ^ other of x. */
static inline __attribute__((always_inline)) __m512i order_across(const int other, __m512i x)
{
	switch (other) {
	case 1: return _mm512_shuffle_epi32(x, _MM_PERM_CDAB);
	case 2: return _mm512_shuffle_epi32(x, _MM_PERM_BADC);
	case 3: return _mm512_shuffle_epi32(x, _MM_PERM_ABCD);
	case 4: return _mm512_shuffle_i32x4(x, x, 0xb1);
	case 7: return _mm512_shuffle_epi32(_mm512_shuffle_i32x4(x, x, 0xb1), _MM_PERM_ABCD);
	default: return _mm512_shuffle_epi32(_mm512_shuffle_i32x4(x, x, 0x1b), _MM_PERM_ABCD);
	}
}

/* In every other `half` lanes the smaller ones of each pair, else the larger. */
static inline __attribute__((always_inline)) __m512i order_part(const int half, __m512i a, __m512i b)
{
	const __mmask16 low = half == 1 ? 0xaaaa : half == 2 ? 0xcccc : half == 4 ? 0xf0f0 : 0xff00;
	return _mm512_mask_min_epi32(_mm512_max_epi32(a, b), low, a, b);
}

/* Merges `half` sorted columns with as many behind: one step puts the larger half of both first. */
static inline __attribute__((always_inline)) void order_merge(const int half, const int rows, __m512i *x)
{
	__m512i y[ORDER_ROWS];
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
		y[r] = order_across(2 * half - 1, x[rows - 1 - r]);
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
		x[r] = order_part(half, x[r], y[r]);
#pragma GCC unroll 4
	for (int h = half / 2; h; h /= 2)
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++)
			x[r] = order_part(h, x[r], order_across(h, x[r]));
	order_join(rows, x);
}

/* What lies in the lanes before each. */
static inline __attribute__((always_inline)) __m512i order_before(__m512i x)
{
	const __m512i zero = _mm512_setzero_si512();
	x = _mm512_alignr_epi32(x, zero, 15);
	x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 15));
	x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 14));
	x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 12));
	return _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 8));
}

static inline __attribute__((always_inline)) __m512i order_significands(__m512i key)
{
	const __m512i fraction = _mm512_set1_epi32(0x7fffff);
	__mmask16 normal = _mm512_cmpgt_epi32_mask(key, fraction); /* subnormals have no leading one */
	__m512i s = _mm512_and_si512(key, fraction);
	return _mm512_mask_add_epi32(s, normal, s, _mm512_set1_epi32(0x800000));
}

/* Of the m <= 16 rows weights x[hit[]]. */
static inline __attribute__((always_inline)) void order_fill(const int rows, order *o, const float *x, const int32_t *hit, int m)
{
	__m512i key[ORDER_ROWS], sum[ORDER_ROWS];
	uint64_t there[2] = {_bzhi_u64(UINT64_MAX, (unsigned)m), _bzhi_u64(UINT64_MAX, m > 64 ? (unsigned)m - 64 : 0)};
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		__mmask16 in = (__mmask16)(there[r / 4] >> (r % 4 * 16));
		key[r] = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), in, _mm512_loadu_si512(hit + 16 * r), x, 4);
	}
	order_columns(rows, key);
	order_merge(1, rows, key);
	order_merge(2, rows, key);
	order_merge(4, rows, key);
	order_merge(8, rows, key);
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		sum[r] = order_significands(key[r]);
		sum[r] = r ? _mm512_add_epi32(sum[r], sum[r - 1]) : sum[r];
		_mm512_store_si512(o->key[r], key[r]);
	}
	__m512i before = order_before(sum[rows - 1]);
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
		_mm512_store_si512(o->sum[r], _mm512_add_epi32(sum[r], before));
}

#define ORDER_AT(array, rank) ((array)[(rank) % rows][(rank) / rows])

/* The sum before a bucket whose weights begin at a rank, and what one is worth in it. */
static inline __attribute__((always_inline)) uint32_t order_bucket(const int rows, const order *o, unsigned from, double *unit)
{
	int32_t key = ORDER_AT(o->key, from), octave = key >> 23;
	*unit = tally_unit(octave ? octave : 1);
	return ORDER_AT(o->sum, from) - (uint32_t)(key & 0x7fffff) - (octave ? 0x800000u : 0);
}

static inline __attribute__((always_inline)) void order_settle_count(const int rows, mass_wants *w, int i, const order *o, unsigned from)
{
	double unit;
	uint32_t before = order_bucket(rows, o, from, &unit);
	unsigned last = from + (unsigned)(w->k[i] - w->passed[i]) - 1; /* not the bucket's last */
	int32_t key = ORDER_AT(o->key, last);
	w->bound[i] = ORDER_AT(o->key, last + 1) == key ? NAN : tally_weight(key);
	w->sum[i] += (int32_t)(ORDER_AT(o->sum, last) - before) * unit;
}

static inline __attribute__((always_inline)) void order_settle_sum(const int rows, mass_wants *w, int i, const order *o, unsigned from)
{
	double unit;
	uint32_t before = order_bucket(rows, o, from, &unit);
	/* All where a rounding leaves them short of it. */
	double left = ceil((w->next[i] - w->sum[i]) / unit);
	left = left > 1 ? left : 1;
	left = left < INT32_MAX ? left : INT32_MAX;
	const __m512i to = _mm512_set1_epi32((int32_t)(before + (uint32_t)left));
	int count = 1 - (int)from;
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
		count += __builtin_popcount(_mm512_cmplt_epu32_mask(_mm512_load_si512(o->sum[r]), to));
	w->passed[i] += count < w->size[i] ? count : w->size[i];
}

/* What of the wants is open. */
typedef struct order_wants {
	_Alignas(64) int from[MASS_WANTS]; /* rank where a want's bucket begins */
	int slot[MASS_WANTS], slots, weights; /* one of several wants but once; weights of all */
	uint32_t open; /* a bit each */
} order_wants;

static inline __attribute__((always_inline)) void order_settle(const int rows, mass_wants *w, const order_wants *a,
                                                               const float *x, const int32_t *hit, int m)
{
	order o;
	const uint32_t counts = _bzhi_u32(a->open, (unsigned)w->ks);
	order_fill(rows, &o, x, hit, m);
	for (uint32_t left = counts; left; left &= left - 1)
		order_settle_count(rows, w, __builtin_ctz(left), &o, (unsigned)a->from[__builtin_ctz(left)]);
	for (uint32_t left = a->open ^ counts; left; left &= left - 1)
		order_settle_sum(rows, w, __builtin_ctz(left), &o, (unsigned)a->from[__builtin_ctz(left)]);
}

static inline uint32_t order_open(const mass_wants *w)
{
	uint32_t open = 0;
	for (int i = 0; i < MASS_WANTS; i += 16)
		open |= (uint32_t)_mm512_testn_epi32_mask(_mm512_loadu_si512(w->settled + i), _mm512_set1_epi32(-1)) << i;
	return _bzhi_u32(open, (unsigned)w->n);
}

static inline void order_wanted(const mass_wants *w, order_wants *a)
{
	const __m512i slot0 = _mm512_loadu_si512(w->slot), slot1 = _mm512_loadu_si512(w->slot + 16);
	__m512i from0 = _mm512_setzero_si512(), from1 = from0;
	a->slots = a->weights = 0;
	for (uint32_t left = a->open, before = 0; left; left &= left - 1) {
		int i = __builtin_ctz(left);
		const __m512i at = _mm512_set1_epi32(w->slot[i]);
		uint32_t same = _mm512_cmpeq_epi32_mask(slot0, at) | (uint32_t)_mm512_cmpeq_epi32_mask(slot1, at) << 16;
		int size = same & before ? 0 : w->size[i];
		before |= left & -left;
		a->slot[a->slots] = w->slot[i];
		a->slots += size > 0;
		a->weights += size;
		from0 = _mm512_mask_add_epi32(from0, _mm512_cmplt_epi32_mask(slot0, at), from0, _mm512_set1_epi32(size));
		from1 = _mm512_mask_add_epi32(from1, _mm512_cmplt_epi32_mask(slot1, at), from1, _mm512_set1_epi32(size));
	}
	_mm512_store_si512(a->from, from0);
	_mm512_store_si512(a->from + 16, from1);
}

/* Settles all wants; 0 where their buckets hold too many weights for it, and nothing done. */
static int mass_order(mass_wants *w, const mass_level *l, const float *x, int n, void *scratch)
{
	order_wants a;
	a.open = order_open(w);
	order_wanted(w, &a);
	if (!l->t->form.plain || a.weights > ORDER_MOST)
		return 0;
	if (!a.open)
		return 1;
	const int32_t *hit;
	int m = part_hits(l, a.slot, a.slots, x, n, scratch, &hit);
	if (m <= ORDER_MOST / 2)
		order_settle(ORDER_ROWS / 2, w, &a, x, hit, m);
	else
		order_settle(ORDER_ROWS, w, &a, x, hit, m);
	return 1;
}

#endif

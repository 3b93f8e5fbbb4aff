/* A row's weights counted and added up by bucket, exactly; see generic/mass.h for what
 * it is good for.
 *
 * Weights are not negative, so their bits (the key) order like the numbers. From `first` on
 * lie up to 1920 fine buckets, 2^shift keys each. No bucket straddles octaves (keys that share
 * the exponent), so the sum of its weights is
 *   (count 2^23 + sum of their fraction bits) 2^(exponent - 150)
 * exactly: a bucket is one 64-bit integer, the count above and a sum of bits below, and
 * adding up buckets of one octave is adding integers. Nothing here depends on the order of
 * the weights.
 *
 * Of most rows every key lies in the fine buckets and whole keys are summed (`plain`), which
 * takes a load, a shift and two additions a weight. Else keys below `first` have a bucket
 * an octave, and fractions are summed. */
#ifndef AM_KERNELS_GENERIC_TALLY_H
#define AM_KERNELS_GENERIC_TALLY_H

#include "kernels/kernels.h"

#include <stdint.h>
#include <string.h>

/* TALLY_SPARE: where keys fall that no weight has (NaN), so that they stay in bounds. */
enum { TALLY_FINE = 1920, TALLY_OCTAVES = 128, TALLY_SPARE = 384, TALLY_GROUP = 16, TALLY_ONE = 0x3f800000 };
enum { TALLY_SHIFT = 19 }; /* at most, so that a group lies in one octave */

typedef struct tally_form {
	int32_t first; /* key where the fine buckets begin, at a multiple of a group of them */
	int shift, fine;
	int bits; /* of a bucket's sum; the count has the others */
	int drop; /* low fraction bits left out, of rows of 2^20 weights and more */
	int plain;
} tally_form;

typedef struct tally {
	/* [fine] ascending, then one an octave. */
	uint64_t bucket[TALLY_FINE + TALLY_OCTAVES + TALLY_SPARE];
	int used; /* buckets that may not be 0; all behind are */
	tally_form form;
} tally;

_Static_assert(sizeof(tally) <= AM_TALLY, "AM_TALLY is too small");

static inline int32_t tally_key(float x)
{
	int32_t u;
	memcpy(&u, &x, sizeof u);
	return u & 0x7fffffff; /* -0 is a weight of 0 like any other */
}

/* Makes t, whose buckets are 0, one for n weights with keys low .. high. */
static inline void tally_shape(tally *t, int n, int32_t low, int32_t high)
{
	enum { MOST = TALLY_FINE - TALLY_GROUP, WIDE = TALLY_SHIFT - 1 };
	int limit = n < 512 ? 240 : n < 2048 ? 752 : n < 16384 ? 1504 : MOST, count = 0, shift = 0;
	while (n >> count)
		count++;
	/* More buckets where they would be wider than 3 % of a weight. */
	while ((high - low) >> shift >= limit && shift < WIDE + (n < 2048))
		shift++;
	while ((high - low) >> shift >= MOST && shift < TALLY_SHIFT)
		shift++;
	/* A 0 may be negative, so that its bits are no key. */
	t->form.plain = low > 0 && 2 * count + 30 <= 64 && (high - low) >> shift < MOST;
	if ((high - low) >> shift >= MOST)
		low = high - ((MOST - 1) << shift);
	int32_t first = low >> shift & -TALLY_GROUP;
	t->form.first = first << shift;
	t->form.fine = (((high >> shift) - first) | (TALLY_GROUP - 1)) + 1;
	t->form.shift = shift;
	t->form.bits = 64 - count;
	t->form.drop = 2 * count > 41 ? 2 * count - 41 : 0;
	t->used = t->form.fine + (t->form.plain ? 0 : TALLY_OCTAVES + TALLY_SPARE);
}

static inline void tally_empty(tally *t)
{
	memset(t->bucket, 0, (size_t)t->used * sizeof t->bucket[0]);
	t->used = 0;
}

/* tally_shape, whatever is in the buckets. */
static inline void tally_open(tally *t, int n, int32_t low, int32_t high)
{
	tally_shape(t, n, low, high);
	memset(t->bucket, 0, (size_t)t->used * sizeof t->bucket[0]);
}

/* Below `first` the difference wraps and is larger than any octave's place. */
static inline uint32_t tally_place(const tally_form *t, int32_t key)
{
	uint32_t fine = (uint32_t)(key - t->first) >> t->shift, octave = ((uint32_t)key >> 23) + (uint32_t)t->fine;
	return fine < octave ? fine : octave;
}

static inline float tally_weight(int32_t key)
{
	float x;
	memcpy(&x, &key, sizeof x);
	return x;
}

/* The least weight that a place may hold. */
static inline float tally_start(const tally_form *t, int place)
{
	return tally_weight(place < t->fine ? t->first + (place << t->shift) : (place - t->fine) << 23);
}

static inline uint64_t tally_addend(const tally_form *t, int32_t key)
{
	return ((uint64_t)1 << t->bits) + ((uint64_t)(t->plain ? key : key & 0x7fffff) >> t->drop);
}

static inline void tally_add(tally *t, float x)
{
	int32_t key = tally_key(x);
	t->bucket[tally_place(&t->form, key)] += tally_addend(&t->form, key);
}

/* m weights for a plain tally; one = 1 << bits. */
static inline __attribute__((always_inline)) void tally_plain(const int m, uint64_t *bucket, int shift, uint64_t one, const float *x)
{
#pragma GCC unroll 16
	for (int i = 0; i < m; i++) {
		uint32_t key;
		memcpy(&key, x + i, sizeof key);
		bucket[key >> shift] += key + one;
	}
}

/* Where tally_plain finds the bucket of key 0. */
static inline uint64_t *tally_origin(tally *t)
{
	/* Outside the array: as a number, since C has no such pointers. */
	uint64_t *origin = (uint64_t *)((uintptr_t)t->bucket - (uintptr_t)(t->form.first >> t->form.shift) * sizeof *origin);
	__asm__("" : "+r"(origin)); /* else compilers subtract again for every weight */
	return origin;
}

static inline int tally_count(const tally_form *t, uint64_t bucket)
{
	return (int)(bucket >> t->bits);
}

/* 2^(exponent - 150), the worth of one in a sum of fractions; exponent as in the bits. */
static inline double tally_unit(int exponent)
{
	uint64_t u = (uint64_t)(exponent + 1023 - 150) << 52;
	double x;
	memcpy(&x, &u, sizeof x);
	return x;
}

/* Sum of the weights of a bucket, or of several of one octave. */
static inline double tally_sum(const tally_form *t, int octave, uint64_t bucket)
{
	uint64_t fractions = bucket & (((uint64_t)1 << t->bits) - 1), count = bucket >> t->bits;
	if (t->plain)
		fractions -= count * (uint64_t)octave << 23;
	uint64_t ones = octave ? count << 23 : 0; /* subnormals have no leading one */
	return (double)(int64_t)((fractions << t->drop) + ones) * tally_unit(octave ? octave : 1);
}

static inline void tally_fill(tally *t, const float *x, int n)
{
	const tally_form v = t->form; /* buckets do not alias it */
	uint64_t *origin = tally_origin(t), one = (uint64_t)1 << v.bits;
	int j = 0;
	for (; v.plain && j + 16 <= n; j += 16)
		tally_plain(16, origin, v.shift, one, x + j);
	for (; v.plain && j < n; j++)
		tally_plain(1, origin, v.shift, one, x + j);
	for (; j + 16 <= n; j += 16) {
		uint32_t at[16];
		uint64_t add[16];
		for (int i = 0; i < 16; i++) {
			int32_t key = tally_key(x[j + i]);
			at[i] = tally_place(&v, key);
			add[i] = tally_addend(&v, key);
		}
		for (int i = 0; i < 16; i++)
			t->bucket[at[i]] += add[i];
	}
	for (; j < n; j++)
		tally_add(t, x[j]);
}

static inline void tally_range(const float *x, int n, int32_t *low, int32_t *high)
{
	int32_t least = INT32_MAX, most = 0;
	for (int j = 0; j < n; j++) {
		int32_t key = tally_key(x[j]);
		least = key < least ? key : least;
		most = key > most ? key : most;
	}
	*low = least;
	*high = most;
}

static inline void tally_weights(tally *t, const float *x, int n)
{
	int32_t low, high;
	tally_range(x, n, &low, &high);
	tally_open(t, n, low, high);
	tally_fill(t, x, n);
}

#endif

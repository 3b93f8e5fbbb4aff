/* Mid-ranks of scores: for rank correlations, and their order for the border of the best keys. */
#include "probes/shadow_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Digits of a place among 2^16, by which scores are sorted first; of whole numbers. */
enum { DIGIT = 8, DIGITS = 1 << DIGIT, PLACES = 1 << (2 * DIGIT), INDEX = 32 - DIGIT, WIDE = 11, WIDES = 1 << WIDE };
enum { LINE = 16 }; /* ranks in a cache line */

/* Orders like the score; -0 is 0. */
static uint32_t number_of(float score)
{
	float x = score + 0.0f;
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	return u ^ ((uint32_t)((int32_t)u >> 31) | 0x80000000u);
}

float am_shadow_score_of(uint64_t key)
{
	uint32_t u = (uint32_t)(key >> 32);
	float x;
	u = u & 0x80000000u ? u & 0x7fffffffu : ~u;
	memcpy(&x, &u, sizeof x);
	return x;
}

/* Counts to where each value begins. */
static void begin(uint32_t *count, int n)
{
	uint32_t at = 0;
	for (int i = 0; i < n; i++) {
		uint32_t c = count[i];
		count[i] = at;
		at += c;
	}
}

static void sort_pass(const uint64_t *key, uint64_t *other, int n, int shift, uint32_t *count)
{
	begin(count, WIDES);
	for (int i = 0; i < n; i++)
		other[count[key[i] >> shift & (WIDES - 1)]++] = key[i];
}

/* By all of the upper 32 bits; the result is in key. */
static void sort_fully(uint64_t *key, uint64_t *other, int n)
{
	uint32_t count[3][WIDES] = {{0}};
	for (int i = 0; i < n; i++)
		for (int pass = 0; pass < 3; pass++)
			count[pass][key[i] >> (32 + WIDE * pass) & (WIDES - 1)]++;
	sort_pass(key, other, n, 32, count[0]);
	sort_pass(other, key, n, 32 + WIDE, count[1]);
	sort_pass(key, other, n, 32 + 2 * WIDE, count[2]);
	memcpy(key, other, (size_t)n * sizeof *key);
}

/* Places that never fall where scores rise and leave few of them together: along a line where scores have both signs, as
 * logits do, else by their bits, as probabilities spread. */
static void find_places(const float *score, int n, uint32_t low, uint32_t high, uint16_t *place)
{
	float from = am_shadow_score_of((uint64_t)low << 32), range = am_shadow_score_of((uint64_t)high << 32) - from;
	if (from < 0 && range > 0x1p-100f && range < 0x1p100f) {
		float scale = (PLACES - 1) / range;
		for (int i = 0; i < n; i++)
			place[i] = (uint16_t)(int32_t)((score[i] - from) * scale);
		return;
	}
	int shift = 0;
	while ((high - low) >> shift >= PLACES)
		shift++;
	for (int i = 0; i < n; i++)
		place[i] = (uint16_t)((number_of(score[i]) - low) >> shift);
}

/* from[n] to key[n] by their places, equal ones in their order. place: may be the memory of key. */
static void sort_by_places(const uint64_t *from, const uint16_t *place, int n, uint32_t *half, uint64_t *key)
{
	uint32_t count[2][DIGITS] = {{0}};
	for (int i = 0; i < n; i++) {
		count[0][place[i] & (DIGITS - 1)]++;
		count[1][place[i] >> DIGIT]++;
	}
	begin(count[0], DIGITS);
	begin(count[1], DIGITS);
	for (int i = 0; i < n; i++)
		half[count[0][place[i] & (DIGITS - 1)]++] = (uint32_t)(place[i] >> DIGIT) << INDEX | (uint32_t)i;
	for (int i = 0; i < n; i++)
		key[count[1][half[i] >> INDEX]++] = from[half[i] & ((1u << INDEX) - 1)];
}

/* Twice the rank less n + 1. */
static inline void put_rank(uint64_t key, int at, int n, int32_t *rank)
{
	rank[(uint32_t)key] = 2 * at + 1 - n;
}

/* Puts in order what shares a place, and ranks all; *equal: some scores are. False where too many share one. */
static bool finish(uint64_t *key, int n, int32_t *rank, bool *equal)
{
	int64_t moves = 0;
	uint64_t last = 0;
	bool same = false;
	for (int i = 0, at = 0; i < n; i++, at = i) {
		uint64_t v = key[i];
		if (v >= last) {
			same |= (v ^ last) >> 32 == 0;
			last = v;
		} else {
			for (; at > 0 && key[at - 1] > v; at--) {
				key[at] = key[at - 1];
				put_rank(key[at], at, n, rank);
			}
			key[at] = v;
			same |= at > 0 && (key[at - 1] ^ v) >> 32 == 0;
			moves += i - at;
			if (moves > 8 * (int64_t)n)
				return false;
		}
		put_rank(v, at, n, rank);
	}
	*equal = same;
	return true;
}

/* Ranks of equal ones by their mean. */
static void join_ranks(const uint64_t *key, int n, int32_t *rank)
{
	for (int i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && key[end] >> 32 == key[i] >> 32;)
			end++;
		for (int j = i; j < end; j++)
			rank[(uint32_t)key[j]] = i + end - n;
	}
}

void am_shadow_mid_ranks(const float *score, int n, uint64_t *key, uint64_t *other, int32_t *rank)
{
	uint32_t low = UINT32_MAX, high = 0;
	bool equal = true;
	assert(n < 1 << INDEX);
	/* Ranks are stored here and there, where nothing else was for long. */
	for (int i = 0; i < n; i += LINE)
		__builtin_prefetch(rank + i, 1);
	for (int i = 0; i < n; i++) {
		uint32_t u = number_of(score[i]);
		other[i] = (uint64_t)u << 32 | (uint32_t)i;
		low = u < low ? u : low;
		high = u > high ? u : high;
	}
	/* Neither key nor ranks are needed before the last pass. */
	find_places(score, n, low, high, (uint16_t *)key);
	sort_by_places(other, (const uint16_t *)key, n, (uint32_t *)rank, key);
	if (!finish(key, n, rank, &equal))
		sort_fully(key, other, n);
	if (equal)
		join_ranks(key, n, rank);
}

#include "runfile/codes.h"

#include <string.h>

enum { SYMBOLS = AM_CODES_SYMBOLS, SYMBOL_BITS = 9, DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

/* Sorts keys of a count over a symbol, the symbols ascending already, by count. `other` has room for as many. Returns where
 * they are. */
static uint64_t *sort(uint64_t *key, uint64_t *other, int m)
{
	uint64_t any = 0;
	for (int i = 0; i < m; i++)
		any |= key[i];
	for (int shift = SYMBOL_BITS; any >> shift; shift += DIGIT_BITS) {
		int at[DIGITS + 1] = {0};
		for (int i = 0; i < m; i++)
			at[(key[i] >> shift) % DIGITS + 1]++;
		for (int d = 0; d < DIGITS; d++)
			at[d + 1] += at[d];
		for (int i = 0; i < m; i++)
			other[at[(key[i] >> shift) % DIGITS]++] = key[i];
		uint64_t *t = key;
		key = other;
		other = t;
	}
	return key;
}

/* Depths of the leaves of a Huffman tree over m >= 2 ascending weights; returns the largest. */
static int tree_depths(const uint32_t *weight, int m, int *depth)
{
	uint32_t of[2 * SYMBOLS];
	int parent[2 * SYMBOLS], leaf = 0, inner = m, end = m, most = 0;
	for (int i = 0; i < m; i++)
		of[i] = weight[i];
	for (; end < 2 * m - 1; end++) {
		uint32_t sum = 0;
		for (int i = 0; i < 2; i++) {
			int least = leaf < m && (inner == end || of[leaf] <= of[inner]) ? leaf++ : inner++;
			sum += of[least];
			parent[least] = end;
		}
		of[end] = sum;
	}
	int level[2 * SYMBOLS];
	level[end - 1] = 0;
	for (int i = end - 2; i >= 0; i--) {
		level[i] = level[parent[i]] + 1;
		most = level[i] > most ? level[i] : most;
	}
	for (int i = 0; i < m; i++)
		depth[i] = level[i];
	return most;
}

void am_codes_lengths(const uint32_t count[AM_CODES_SYMBOLS], unsigned char length[AM_CODES_SYMBOLS])
{
	uint64_t room[2][SYMBOLS], *key = room[0];
	uint32_t weight[SYMBOLS];
	int m = 0, depth[SYMBOLS];
	for (int i = 0; i < SYMBOLS; i++)
		if (count[i])
			key[m++] = (uint64_t)count[i] << SYMBOL_BITS | (uint64_t)i;
	key = sort(room[0], room[1], m);
	for (int i = 0; i < m; i++)
		weight[i] = (uint32_t)(key[i] >> SYMBOL_BITS);
	/* Flatter until no code is too long; the order stays. */
	while (tree_depths(weight, m, depth) > AM_CODES_BITS)
		for (int i = 0; i < m; i++)
			weight[i] = weight[i] / 2 + 1;
	memset(length, 0, SYMBOLS);
	for (int i = 0; i < m; i++)
		length[key[i] % (1 << SYMBOL_BITS)] = (unsigned char)depth[i];
}

/* The lowest n bits, n <= 16, in the other order. */
static uint32_t reversed(uint32_t code, int n)
{
	code = (code & 0x5555) << 1 | (code >> 1 & 0x5555);
	code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
	code = (code & 0x0f0f) << 4 | (code >> 4 & 0x0f0f);
	code = (code & 0x00ff) << 8 | code >> 8;
	return code >> (16 - n);
}

/* By length, then symbol. */
void am_codes_make(const unsigned char length[AM_CODES_SYMBOLS], uint32_t code[AM_CODES_SYMBOLS])
{
	uint32_t of[AM_CODES_BITS + 1] = {0}, next[AM_CODES_BITS + 1] = {0};
	for (int i = 0; i < SYMBOLS; i++)
		of[length[i]]++;
	of[0] = 0;
	for (int n = 1; n <= AM_CODES_BITS; n++)
		next[n] = (next[n - 1] + of[n - 1]) << 1;
	for (int i = 0; i < SYMBOLS; i++)
		code[i] = length[i] ? reversed(next[length[i]]++, length[i]) | (uint32_t)length[i] << 16 : 0;
}

/* Up to 16 small groups of weights put in order side by side, a column each; included after
 * generic/row.h. A sorting network takes the same steps whatever the weights are, so no branch
 * is mispredicted, and the columns share them. */
#ifndef AM_KERNELS_GENERIC_COLUMNS_H
#define AM_KERNELS_GENERIC_COLUMNS_H

#include "kernels/generic/vec.h"

enum { COLUMN_MOST = 64 }; /* weights, so that sums of their significands fit 31 bits */

/* Rows that weights fill up from the first, 0 where a column ends. */
typedef struct columns {
	float weight[COLUMN_MOST][LANES];
} columns;

/* What sorting leaves: falling weights, of each row the sum of the significands down to it. */
typedef struct column_sums {
	int32_t sum[COLUMN_MOST][LANES];
} column_sums;

/* Rows sorted for columns of at most so many weights. */
static inline int columns_rows(int longest)
{
	return longest <= 16 ? 16 : longest <= 32 ? 32 : COLUMN_MOST;
}

static inline void columns_clear(columns *c, int rows)
{
	for (int i = 0; i < rows; i += 16)
		memset(c->weight[i], 0, 16 * sizeof c->weight[0]);
}

/* One step of a bitonic network: rows whose number differs in the bits of `flip`, of which
 * `half` is the highest. */
INLINE void column_step(vf *x, const int rows, const int flip, const int half)
{
#pragma GCC unroll 8
	for (int block = 0; block < rows; block += 2 * half)
#pragma GCC unroll 8
		for (int i = block; i < block + half; i++) {
			vf a = x[i], b = x[i ^ flip];
			x[i] = vf_max(a, b);
			x[i ^ flip] = vf_min(a, b);
		}
}

INLINE void column_sort_16(vf *y)
{
	column_step(y, 16, 1, 1);
	column_step(y, 16, 3, 2);
	column_step(y, 16, 1, 1);
	column_step(y, 16, 7, 4);
	column_step(y, 16, 2, 2);
	column_step(y, 16, 1, 1);
	column_step(y, 16, 15, 8);
	column_step(y, 16, 4, 4);
	column_step(y, 16, 2, 2);
	column_step(y, 16, 1, 1);
}

/* Sorts blocks of 16 rows, in registers. */
static void column_blocks(float *at, int rows)
{
	for (int i = 0; i < rows; i += 16, at += 16 * LANES) {
		vf x[16];
#pragma GCC unroll 16
		for (int j = 0; j < 16; j++)
			x[j] = vf_load(at + j * LANES);
		column_sort_16(x);
#pragma GCC unroll 16
		for (int j = 0; j < 16; j++)
			vf_store(at + j * LANES, x[j]);
	}
}

/* Merges sorted halves of 2 * half rows. */
static void column_merge(float *at, int half)
{
	vf x[COLUMN_MOST];
	for (int i = 0; i < 2 * half; i++)
		x[i] = vf_load(at + i * LANES);
	column_step(x, 2 * half, 2 * half - 1, half);
	for (int h = half / 2; h; h /= 2)
		column_step(x, 2 * half, h, h);
	for (int i = 0; i < 2 * half; i++)
		vf_store(at + i * LANES, x[i]);
}

/* Of n columns. */
static void columns_sort(columns *c, int n, int rows, column_sums *s)
{
	for (int u = 0; u < LANES && u < n; u += AM_VW) {
		float *at = &c->weight[0][u];
		vi sum = {0};
		column_blocks(at, rows);
		for (int half = 16; half < rows; half *= 2)
			for (int i = 0; i < rows; i += 2 * half)
				column_merge(at + i * LANES, half);
		for (int i = 0; i < rows; i++) {
			vi key = (vi)vf_load(at + i * LANES);
			sum += (key & 0x7fffff) + ((key > 0x7fffff) & 0x800000); /* subnormals have no leading one */
			memcpy(&s->sum[i][u], &sum, sizeof sum);
		}
	}
}

#endif

/* Up to 16 small groups of weights put in order side by side, a column each; included after
 * generic/row.h. <isa>/row.c may define AM_MASS_COLUMN, a header with vectors cf and ci of COLUMN_VW
 * columns and cf_max and cf_min. A sorting network takes the same steps whatever the weights are, so no branch
 * is mispredicted, and the columns share them. */
#ifndef AM_KERNELS_GENERIC_COLUMNS_H
#define AM_KERNELS_GENERIC_COLUMNS_H

#include "kernels/generic/vec.h"

#ifdef AM_MASS_COLUMN
#include AM_MASS_COLUMN
#else
#define COLUMN_VW AM_VW
typedef vf cf;
typedef vi ci;

static inline cf cf_max(cf a, cf b)
{
	return vf_max(a, b);
}

static inline cf cf_min(cf a, cf b)
{
	return vf_min(a, b);
}
#endif

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
	return (longest + 7) / 8 * 8;
}

static inline cf cf_load(const float *x)
{
	cf v;
	memcpy(&v, x, sizeof v);
	return v;
}

static inline void cf_store(float *x, cf v)
{
	memcpy(x, &v, sizeof v);
}

/* Of n columns. */
static inline void columns_clear(columns *c, int n, int rows)
{
	const cf zero = {0};
	for (int u = 0; u < LANES && u < n; u += COLUMN_VW)
		for (int i = 0; i < rows; i += 8)
#pragma GCC unroll 8
			for (int j = 0; j < 8; j++)
				cf_store(&c->weight[i + j][u], zero);
}

#define COLUMN_ORDER(i, j) \
	do { \
		cf high = cf_max(x[i], x[j]); \
		x[j] = cf_min(x[i], x[j]); \
		x[i] = high; \
	} while (0)
#define COLUMN_ORDER4(a, b, c, d, e, f, g, h) \
	COLUMN_ORDER(a, b); \
	COLUMN_ORDER(c, d); \
	COLUMN_ORDER(e, f); \
	COLUMN_ORDER(g, h)

/* 19 comparisons, the least possible. */
INLINE void column_sort_8(cf *x)
{
	COLUMN_ORDER4(0, 2, 1, 3, 4, 6, 5, 7);
	COLUMN_ORDER4(0, 4, 1, 5, 2, 6, 3, 7);
	COLUMN_ORDER4(0, 1, 2, 3, 4, 5, 6, 7);
	COLUMN_ORDER4(2, 4, 3, 5, 1, 4, 3, 6);
	COLUMN_ORDER(1, 2);
	COLUMN_ORDER(3, 4);
	COLUMN_ORDER(5, 6);
}

/* Green's network of 60 comparisons (Knuth, The Art of Computer Programming 3, 5.3.4). */
INLINE void column_sort_16(cf *x)
{
	COLUMN_ORDER4(0, 1, 2, 3, 4, 5, 6, 7);
	COLUMN_ORDER4(8, 9, 10, 11, 12, 13, 14, 15);
	COLUMN_ORDER4(0, 2, 1, 3, 4, 6, 5, 7);
	COLUMN_ORDER4(8, 10, 9, 11, 12, 14, 13, 15);
	COLUMN_ORDER4(0, 4, 1, 5, 2, 6, 3, 7);
	COLUMN_ORDER4(8, 12, 9, 13, 10, 14, 11, 15);
	COLUMN_ORDER4(0, 8, 1, 9, 2, 10, 3, 11);
	COLUMN_ORDER4(4, 12, 5, 13, 6, 14, 7, 15);
	COLUMN_ORDER4(5, 10, 6, 9, 3, 12, 13, 14);
	COLUMN_ORDER4(4, 8, 7, 11, 1, 2, 1, 4);
	COLUMN_ORDER4(7, 13, 2, 8, 11, 14, 2, 4);
	COLUMN_ORDER4(5, 6, 9, 10, 11, 13, 3, 8);
	COLUMN_ORDER4(7, 12, 6, 8, 10, 12, 3, 5);
	COLUMN_ORDER4(7, 9, 3, 4, 5, 6, 7, 8);
	COLUMN_ORDER4(9, 10, 11, 12, 6, 7, 8, 9);
}

/* Puts 8 rows in order that first rise, then fall, or are a rotation of such. */
INLINE void column_join_8(cf *x)
{
	COLUMN_ORDER4(0, 4, 1, 5, 2, 6, 3, 7);
	COLUMN_ORDER4(0, 2, 1, 3, 4, 6, 5, 7);
	COLUMN_ORDER4(0, 1, 2, 3, 4, 5, 6, 7);
}

/* The same of 16: one step puts the larger half first. */
INLINE void column_join_16(cf *x)
{
	COLUMN_ORDER4(0, 8, 1, 9, 2, 10, 3, 11);
	COLUMN_ORDER4(4, 12, 5, 13, 6, 14, 7, 15);
	column_join_8(x);
	column_join_8(x + 8);
}

/* Sorts or joins blocks of 16 rows in registers, 8 where no more are left of the rows. */
INLINE void column_blocks(const int join, float *at, int rows)
{
	cf x[16];
	for (; rows >= 16; rows -= 16, at += 16 * LANES) {
#pragma GCC unroll 16
		for (int j = 0; j < 16; j++)
			x[j] = cf_load(at + j * LANES);
		if (join)
			column_join_16(x);
		else
			column_sort_16(x);
#pragma GCC unroll 16
		for (int j = 0; j < 16; j++)
			cf_store(at + j * LANES, x[j]);
	}
	if (!rows)
		return;
#pragma GCC unroll 8
	for (int j = 0; j < 8; j++)
		x[j] = cf_load(at + j * LANES);
	if (join)
		column_join_8(x);
	else
		column_sort_8(x);
#pragma GCC unroll 8
	for (int j = 0; j < 8; j++)
		cf_store(at + j * LANES, x[j]);
}

static inline void column_order_rows(float *a, float *b)
{
	cf x[2] = {cf_load(a), cf_load(b)};
	COLUMN_ORDER(0, 1);
	cf_store(a, x[0]);
	cf_store(b, x[1]);
}

/* Merges 16 or 32 sorted rows with as many sorted ones behind, as far as there are `rows` in all; those
 * behind would be 0 and stay. */
static void column_merge(float *at, int half, int rows)
{
	for (int i = 2 * half - rows > 0 ? 2 * half - rows : 0; i < half; i++)
		column_order_rows(at + i * LANES, at + (2 * half - 1 - i) * LANES);
	for (int i = 0; half > 16 && i < 2 * half; i += i % 16 == 15 ? 17 : 1)
		if (i + 16 < rows)
			column_order_rows(at + i * LANES, at + (i + 16) * LANES);
	column_blocks(1, at, rows < 2 * half ? rows : 2 * half);
}

/* Of n columns, of rows a multiple of 8. */
static void columns_sort(columns *c, int n, int rows, column_sums *s)
{
	for (int u = 0; u < LANES && u < n; u += COLUMN_VW) {
		float *at = &c->weight[0][u];
		column_blocks(0, at, rows);
		for (int half = 16; half < rows; half *= 2)
			for (int i = 0; i + half < rows; i += 2 * half)
				column_merge(at + i * LANES, half, rows - i);
		ci sum = {0};
		for (int i = 0; i < rows; i++) {
			ci key = (ci)cf_load(at + i * LANES);
			sum += (key & 0x7fffff) + ((key > 0x7fffff) & 0x800000); /* subnormals have no leading one */
			memcpy(&s->sum[i][u], &sum, sizeof sum);
		}
	}
}

#endif

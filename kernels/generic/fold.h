/* Sums of the lanes of as many vectors as a vector has lanes. */
#ifndef AM_KERNELS_GENERIC_FOLD_H
#define AM_KERNELS_GENERIC_FOLD_H

#include "kernels/generic/vec.h"

/* r lane i = sum of the lanes of a[i]: halves are folded together level by level, one half of x and the other of y
 * where they stand (a blend, for which there are more units than for shuffles), plus the others. */
#define FOLD_LANE(l, h, o) ((l) % (2 * (h)) < (h) ? (l) + (o) : AM_VW + (l) - (o))
#define FOLD4(h, o, l) FOLD_LANE(l, h, o), FOLD_LANE(l + 1, h, o), FOLD_LANE(l + 2, h, o), FOLD_LANE(l + 3, h, o)
#if AM_VW == 4
#define FOLD(x, y, h, o) __builtin_shufflevector(x, y, FOLD4(h, o, 0))
#elif AM_VW == 8
#define FOLD(x, y, h, o) __builtin_shufflevector(x, y, FOLD4(h, o, 0), FOLD4(h, o, 4))
#else
#define FOLD(x, y, h, o) \
	__builtin_shufflevector(x, y, FOLD4(h, o, 0), FOLD4(h, o, 4), FOLD4(h, o, 8), FOLD4(h, o, 12))
#endif
#define FOLD_LEVEL(a, h) \
	for (int i = 0; i < (h); i++) \
		(a)[i] = FOLD((a)[i], (a)[i + (h)], h, 0) + FOLD((a)[i], (a)[i + (h)], h, h)

#if AM_VW == 16
#define FOLD_WIDE(a) FOLD_LEVEL(a, 8); FOLD_LEVEL(a, 4)
#elif AM_VW == 8
#define FOLD_WIDE(a) FOLD_LEVEL(a, 4)
#else
#define FOLD_WIDE(a) (void)(a)
#endif
/* All levels of vectors of either kind of number: the result is a[0]. */
#define FOLD_ALL(a) \
	do { \
		FOLD_WIDE(a); \
		FOLD_LEVEL(a, 2); \
		FOLD_LEVEL(a, 1); \
	} while (0)

static inline vf fold_lanes(vf *a)
{
	FOLD_ALL(a);
	return a[0];
}

/* whole[i] = sum of the 16 lanes of row i, for 16 rows, which are used up. */
static inline void fold_rows(vf (*row)[UNROLL], float *whole)
{
	for (int i = 0; i < LANES; i += AM_VW) {
		vf a[AM_VW];
		for (int k = 0; k < AM_VW; k++) {
			vf *lane = row[i + k];
			for (int h = UNROLL / 2; h; h /= 2)
				for (int u = 0; u < h; u++)
					lane[u] += lane[u + h];
			a[k] = lane[0];
		}
		vf_store(whole + i, fold_lanes(a));
	}
}

/* The same of four vectors, as far as their lanes lie in one quad: r lane 4 g + i = sum of
 * the lanes 4 g .. 4 g + 3 of a[i]. */
#if AM_VW == 4
#define EACH_QUAD(f) f(0)
#elif AM_VW == 8
#define EACH_QUAD(f) f(0), f(4)
#else
#define EACH_QUAD(f) f(0), f(4), f(8), f(12)
#endif
#define QUAD_LOW(g) g, AM_VW + g, g + 1, AM_VW + g + 1
#define QUAD_HIGH(g) g + 2, AM_VW + g + 2, g + 3, AM_VW + g + 3
#define QUAD_FIRST(g) g, g + 1, AM_VW + g, AM_VW + g + 1
#define QUAD_LAST(g) g + 2, g + 3, AM_VW + g + 2, AM_VW + g + 3

static inline vf fold_four(const vf *a)
{
	vf x = __builtin_shufflevector(a[0], a[1], EACH_QUAD(QUAD_LOW)) +
	       __builtin_shufflevector(a[0], a[1], EACH_QUAD(QUAD_HIGH));
	vf y = __builtin_shufflevector(a[2], a[3], EACH_QUAD(QUAD_LOW)) +
	       __builtin_shufflevector(a[2], a[3], EACH_QUAD(QUAD_HIGH));
	return __builtin_shufflevector(x, y, EACH_QUAD(QUAD_FIRST)) + __builtin_shufflevector(x, y, EACH_QUAD(QUAD_LAST));
}

/* r lane 4 i + c = sum over the quads g of lane 4 g + c of a[i], i < AM_VW / 4. */
static inline vf fold_quads(const vf *a)
{
#if AM_VW == 16
	vf t[2];
	for (int i = 0; i < 2; i++)
		t[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
		       __builtin_shufflevector(a[2 * i], a[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
	return __builtin_shufflevector(t[0], t[1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
	       __builtin_shufflevector(t[0], t[1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
#elif AM_VW == 8
	return __builtin_shufflevector(a[0], a[1], 0, 1, 2, 3, 8, 9, 10, 11) +
	       __builtin_shufflevector(a[0], a[1], 4, 5, 6, 7, 12, 13, 14, 15);
#else
	return a[0];
#endif
}

#define PART 512 /* floats added up in a lane before their sum goes on */

/* Of sums of spans: at a time; floats of most; floats in parts, whose sums are added in float32
 * before they go to float64. */
enum { SPANS = LANES, TAIL = 4 * LANES, SPAN = 8 * PART };

#endif

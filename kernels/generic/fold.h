/* Sums of the lanes of as many vectors as a vector has lanes. */
#ifndef AM_KERNELS_GENERIC_FOLD_H
#define AM_KERNELS_GENERIC_FOLD_H

#include "kernels/generic/vec.h"

/* r lane i = sum of the lanes of a[i]: halves are folded together level by level. */
#define FOLD_LANE(l, h, o) \
	((l) % (2 * (h)) < (h) ? (l) / (2 * (h)) * 2 * (h) + (l) % (2 * (h)) + (o) \
	                       : AM_VW + (l) / (2 * (h)) * 2 * (h) + (l) % (2 * (h)) - (h) + (o))
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

static inline vf fold_lanes(vf *a)
{
#if AM_VW == 16
	FOLD_LEVEL(a, 8);
#endif
#if AM_VW >= 8
	FOLD_LEVEL(a, 4);
#endif
	FOLD_LEVEL(a, 2);
	FOLD_LEVEL(a, 1);
	return a[0];
}

#endif

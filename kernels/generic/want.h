/* What is looked for in a tally, and its sums by group (generic/level.h). */
#ifndef AM_KERNELS_GENERIC_WANT_H
#define AM_KERNELS_GENERIC_WANT_H

#include "kernels/generic/tally.h"

enum { LEVEL_GROUPS = (TALLY_FINE / TALLY_GROUP + 15) / 16 * 16, LEVEL_WORDS = (TALLY_FINE + TALLY_OCTAVES) / 32 };

/* A wanted k or tau and where it falls. */
typedef struct mass_want {
	int k;       /* INT_MAX for a tau */
	double next; /* sum that reaches tau; INFINITY for a k */
	/* Number and sum of the weights above its bucket; once settled the answer: of the weights
	 * that reach it. */
	int passed;
	double sum;
	int slot, size, start, settled;
	uint64_t bucket;
	float bound; /* of a settled k: so many weights reach it and no more; NaN: equal ones do */
} mass_want;

/* A tally with the weights in each of its groups and above. Groups are filled up to a multiple
 * of 8, behind the last lies what is above the tally. */
typedef struct mass_level {
	double sum[LEVEL_GROUPS + 8];
	int32_t count[LEVEL_GROUPS + 16];
	uint32_t mark[LEVEL_WORDS];
	tally *t;
	int groups;
} mass_level;

static inline int level_octave(const tally_form *f, int group)
{
	return (f->first + (group * TALLY_GROUP << f->shift)) >> 23;
}

/* Puts a weight where its bucket, a marked one, tells. */
static inline void part_take(tally *t, uint32_t place, int32_t key, float *to)
{
	uint64_t at = t->bucket[place];
	to[(uint32_t)at] = tally_weight(key);
	t->bucket[place] = at + (at >> 32);
}

#endif

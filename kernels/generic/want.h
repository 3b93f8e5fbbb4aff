/* What is looked for in a tally, and its sums by group (generic/level.h). */
#ifndef AM_KERNELS_GENERIC_WANT_H
#define AM_KERNELS_GENERIC_WANT_H

#include "kernels/generic/tally.h"

enum { MASS_WANTS = 32 };
/* Groups of buckets go by chunks of 8. */
enum {
	LEVEL_CHUNK = 8,
	LEVEL_CHUNKS = TALLY_FINE / TALLY_GROUP / LEVEL_CHUNK,
	LEVEL_WORDS = (TALLY_FINE + TALLY_OCTAVES) / 32
};

/* Wanted ks and taus and where they fall, an array a field, so that what is the same for all can be
 * done side by side. */
typedef struct mass_wants {
	double next[MASS_WANTS]; /* sum that reaches tau; INFINITY for a k */
	/* Number and sum of the weights above the want's bucket; once settled the answer: of the weights
	 * that reach it. */
	double sum[MASS_WANTS];
	int passed[MASS_WANTS];
	int k[MASS_WANTS]; /* INT_MAX for a tau */
	uint64_t bucket[MASS_WANTS];
	int slot[MASS_WANTS], size[MASS_WANTS], start[MASS_WANTS], settled[MASS_WANTS];
	float bound[MASS_WANTS]; /* of a settled k: so many weights reach it and no more; NaN: equal ones do */
	int n, ks; /* those of a k come first */
} mass_wants;

/* A tally with the weights in each of its groups and above; of every chunk's first group again in
 * arrays of their own, behind which lies what nothing wanted falls in. Behind the last group lies what
 * is above the tally. */
typedef struct mass_level {
	double sum[LEVEL_CHUNKS * LEVEL_CHUNK + 8], chunk_sum[16];
	int32_t count[LEVEL_CHUNKS * LEVEL_CHUNK + 8], chunk_count[16];
	uint32_t mark[LEVEL_WORDS];
	tally *t;
	int last; /* group */
} mass_level;

_Static_assert(LEVEL_CHUNKS <= 16, "more chunks than their arrays hold");

static inline int level_octave(const tally_form *f, int group)
{
	return (f->first + (group * TALLY_GROUP << f->shift)) >> 23;
}

/* Wants that are not settled, and their buckets. */
typedef struct mass_open {
	int want[MASS_WANTS + 1], n;
	int slot[MASS_WANTS], slots; /* one of several wants but once */
	int columns, longest, large; /* buckets that go to columns, their most weights; weights of others */
} mass_open;

/* Puts a weight where its bucket, a marked one, tells. */
static inline void part_take(tally *t, uint32_t place, int32_t key, float *to)
{
	uint64_t at = t->bucket[place];
	to[(uint32_t)at] = tally_weight(key);
	t->bucket[place] = at + (at >> 32);
}

/* The same where all go to columns of 16. */
static inline void part_take_column(tally *t, uint32_t place, int32_t key, float *to)
{
	uint64_t at = t->bucket[place];
	to[(uint32_t)at] = tally_weight(key);
	t->bucket[place] = at + 16;
}

#endif

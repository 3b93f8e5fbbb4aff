/* Where wanted counts and masses fall in a tally (generic/tally.h): counts and sums of all
 * weights from a group of 16 buckets up, then the same inside one group. Included by
 * generic/mass.h; <isa>/row.c may define AM_MASS_LEVEL, a header with its own
 *   level_suffix    sums of 8 groups of buckets
 *   level_reach     how many groups a want reaches
 *   level_reach_in  how many buckets of a group, and what they hold
 * Sums are added in the same order everywhere. What varies from row to row is selected, not
 * branched on: a mispredicted branch costs as much as 16 weights. */
#ifndef AM_KERNELS_GENERIC_LEVEL_H
#define AM_KERNELS_GENERIC_LEVEL_H

#include "kernels/generic/want.h"

#include <limits.h>
#include <math.h>

#ifdef AM_MASS_LEVEL
#include AM_MASS_LEVEL
#else
/* Of 8 groups from `group` on, of which `there` are, what lies in each and above, `passed`
 * weights of sum `above` included. */
static void level_suffix(const tally *t, int group, int there, int passed, double above, int32_t *count, double *sum)
{
	for (int i = 0; i < 8; i++) {
		const uint64_t *bucket = t->bucket + (group + i) * TALLY_GROUP;
		uint64_t b = 0;
		for (int j = 0; i < there && j < TALLY_GROUP; j++)
			b += bucket[j];
		count[i] = tally_count(&t->form, b);
		sum[i] = tally_sum(&t->form, level_octave(&t->form, group + i), b);
	}
	for (int step = 1; step < 8; step *= 2)
		for (int i = 0; i + step < 8; i++) {
			count[i] += count[i + step];
			sum[i] += sum[i + step];
		}
	for (int i = 0; i < 8; i++) {
		count[i] += passed;
		sum[i] += above;
	}
}

static int level_reach(const mass_level *l, const mass_want *w)
{
	int at = 0;
	if (w->k < INT_MAX)
		for (int g = 0; g < l->groups; g++)
			at += l->count[g] >= w->k;
	else
		for (int g = 0; g < l->groups; g++)
			at += l->sum[g] >= w->next;
	return at;
}

/* above[i] = what lies in a group from bucket i on, above[16] = 0. */
static int level_reach_in(const tally *t, int group, const mass_want *w, uint64_t *above)
{
	int at = 0, octave = level_octave(&t->form, group);
	above[TALLY_GROUP] = 0;
	for (int i = TALLY_GROUP - 1; i >= 0; i--)
		above[i] = above[i + 1] + t->bucket[group * TALLY_GROUP + i];
	if (w->k < INT_MAX)
		for (int i = 0; i < TALLY_GROUP; i++)
			at += w->passed + tally_count(&t->form, above[i]) >= w->k;
	else
		for (int i = 0; i < TALLY_GROUP; i++)
			at += w->sum + tally_sum(&t->form, octave, above[i]) >= w->next;
	return at;
}
#endif

/* A level below `passed` weights of sum `sum`; returns the sum of all. */
static double level_open(mass_level *l, tally *t, int passed, double sum)
{
	int there = t->form.fine / TALLY_GROUP;
	l->t = t;
	l->groups = (there + 7) / 8 * 8;
	l->sum[l->groups] = sum;
	for (int i = 0; i < 16; i++)
		l->count[l->groups + i] = passed;
	memset(l->mark, 0, sizeof l->mark);
	for (int g = l->groups - 8; g >= 0; g -= 8) {
		level_suffix(t, g, there - g < 8 ? there - g : 8, passed, sum, l->count + g, l->sum + g);
		passed = l->count[g];
		sum = l->sum[g];
	}
	for (int o = t->form.plain ? -1 : t->form.first >> 23; o >= 0; o--)
		sum += tally_sum(&t->form, o, t->bucket[t->form.fine + o]);
	return sum;
}

INLINE void level_take(mass_want *w, const tally *t, int octave, int slot)
{
	w->slot = slot;
	w->bucket = t->bucket[slot];
	w->size = tally_count(&t->form, w->bucket);
	/* Is what is wanted at its end? Of a tau only a sole weight tells. */
	w->settled = (w->size == 1) | (w->passed + w->size == w->k);
	w->bound = tally_start(&t->form, slot);
	uint64_t taken = w->bucket & (0 - (uint64_t)w->settled);
	w->sum += tally_sum(&t->form, octave, taken);
	w->passed += tally_count(&t->form, taken);
}

/* The bucket of a group in which a want falls. */
INLINE void level_find_in(mass_want *w, const mass_level *l, int g)
{
	const tally *t = l->t;
	_Alignas(64) uint64_t above[TALLY_GROUP + 1];
	int octave = level_octave(&t->form, g);
	w->passed = l->count[g + 1];
	w->sum = l->sum[g + 1];
	int at = level_reach_in(t, g, w, above);
	at += !at; /* a sum of sums may reach what they one by one do not */
	w->passed += tally_count(&t->form, above[at]);
	w->sum += tally_sum(&t->form, octave, above[at]);
	level_take(w, t, octave, g * TALLY_GROUP + at - 1);
}

/* Below the groups, an octave a bucket. */
static void level_find_octave(mass_want *w, const mass_level *l, int all)
{
	const tally *t = l->t;
	w->passed = l->count[0];
	w->sum = l->sum[0];
	for (int o = t->form.plain ? -1 : t->form.first >> 23; o >= 0; o--) {
		uint64_t b = t->bucket[t->form.fine + o];
		int count = tally_count(&t->form, b);
		double sum = tally_sum(&t->form, o, b);
		if (count && (w->passed + count >= w->k || w->sum + sum >= w->next)) {
			level_take(w, t, o, t->form.fine + o);
			return;
		}
		w->passed += count;
		w->sum += sum;
	}
	/* What the sum of a bucket reaches, its weights one by one may miss by a rounding: then
	 * it takes all of them. */
	w->passed = all;
	w->settled = 1;
}

/* Where n wants fall; `all` weights are there or above. */
static void level_find(mass_want *w, int n, const mass_level *l, int all)
{
	for (int i = 0; i < n; i++, w++) {
		int groups = level_reach(l, w);
		if (groups)
			level_find_in(w, l, groups - 1);
		else
			level_find_octave(w, l, all);
	}
}

#endif

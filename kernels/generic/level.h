/* Where wanted counts and masses fall in a tally (generic/tally.h): counts and sums of all
 * weights from a group of 16 buckets up, searched by chunks of groups, then by groups, then inside one
 * group. Included by generic/mass.h; <isa>/row.c may define AM_MASS_LEVEL, a header with its own
 *   level_fill    counts and sums of the groups
 *   level_search  which bucket of the groups each want falls in, and what lies above
 * Sums are added in the same order everywhere. What varies from row to row is selected, not
 * branched on: a mispredicted branch costs as much as 16 weights. */
#ifndef AM_KERNELS_GENERIC_LEVEL_H
#define AM_KERNELS_GENERIC_LEVEL_H

#include "kernels/generic/want.h"

#include <float.h>
#include <limits.h>
#include <math.h>

INLINE void level_take(mass_wants *w, int i, const tally *t, int octave, int slot)
{
	w->slot[i] = slot;
	w->bucket[i] = t->bucket[slot];
	w->size[i] = tally_count(&t->form, w->bucket[i]);
	/* Is what is wanted at its end? Of a tau only a sole weight tells. */
	w->settled[i] = (w->size[i] == 1) | (w->passed[i] + w->size[i] == w->k[i]);
	w->bound[i] = tally_start(&t->form, slot);
	uint64_t taken = w->bucket[i] & (0 - (uint64_t)w->settled[i]);
	w->sum[i] += tally_sum(&t->form, octave, taken);
	w->passed[i] += tally_count(&t->form, taken);
}

#ifdef AM_MASS_LEVEL
#include AM_MASS_LEVEL
#else
/* Of the 8 groups of a chunk, of which `there` are, what lies in each and above, `passed`
 * weights of sum `above` included. */
static void level_suffix(const tally *t, int group, int there, int passed, double above, int32_t *count, double *sum)
{
	for (int i = 0; i < LEVEL_CHUNK; i++) {
		const uint64_t *bucket = t->bucket + (group + i) * TALLY_GROUP;
		uint64_t b = 0;
		for (int j = 0; i < there && j < TALLY_GROUP; j++)
			b += bucket[j];
		count[i] = tally_count(&t->form, b);
		sum[i] = tally_sum(&t->form, level_octave(&t->form, group + i), b);
	}
	for (int step = 1; step < LEVEL_CHUNK; step *= 2)
		for (int i = 0; i + step < LEVEL_CHUNK; i++) {
			count[i] += count[i + step];
			sum[i] += sum[i + step];
		}
	for (int i = 0; i < LEVEL_CHUNK; i++) {
		count[i] += passed;
		sum[i] += above;
	}
}

/* Counts and sums of the groups below `passed` weights of sum `sum`. */
static void level_fill(mass_level *l, int passed, double sum)
{
	for (int c = l->last / LEVEL_CHUNK; c >= 0; c--) {
		int g = c * LEVEL_CHUNK, there = l->last + 1 - g;
		level_suffix(l->t, g, there < LEVEL_CHUNK ? there : LEVEL_CHUNK, passed, sum, l->count + g, l->sum + g);
		l->chunk_count[c] = passed = l->count[g];
		l->chunk_sum[c] = sum = l->sum[g];
	}
}

/* How many of count[n] or sum[n] reach it. */
static inline int level_reach(const mass_wants *w, int i, const int32_t *count, const double *sum, int n)
{
	int at = 0;
	if (w->k[i] < INT_MAX)
		for (int j = 0; j < n; j++)
			at += count[j] >= w->k[i];
	else
		for (int j = 0; j < n; j++)
			at += sum[j] >= w->next[i];
	return at;
}

/* The same of the 16 buckets of a group; above[i] = what lies there from bucket i on, above[16] = 0. */
static int level_reach_in(const tally *t, int group, const mass_wants *w, int want, uint64_t *above)
{
	int at = 0, octave = level_octave(&t->form, group);
	above[TALLY_GROUP] = 0;
	for (int i = TALLY_GROUP - 1; i >= 0; i--)
		above[i] = above[i + 1] + t->bucket[group * TALLY_GROUP + i];
	if (w->k[want] < INT_MAX)
		for (int i = 0; i < TALLY_GROUP; i++)
			at += w->passed[want] + tally_count(&t->form, above[i]) >= w->k[want];
	else
		for (int i = 0; i < TALLY_GROUP; i++)
			at += w->sum[want] + tally_sum(&t->form, octave, above[i]) >= w->next[want];
	return at;
}

/* The bucket of a group in which a want falls. */
INLINE void level_find_in(mass_wants *w, int i, const mass_level *l, int g)
{
	const tally *t = l->t;
	uint64_t above[TALLY_GROUP + 1];
	int octave = level_octave(&t->form, g);
	w->passed[i] = l->count[g + 1];
	w->sum[i] = l->sum[g + 1];
	int at = level_reach_in(t, g, w, i, above);
	at += !at; /* a sum of sums may reach what they one by one do not */
	w->passed[i] += tally_count(&t->form, above[at]);
	w->sum[i] += tally_sum(&t->form, octave, above[at]);
	level_take(w, i, t, octave, g * TALLY_GROUP + at - 1);
}

/* Finds the wants; a bit for each that the groups do not reach. */
static uint32_t level_search(mass_wants *w, const mass_level *l)
{
	uint32_t below = 0;
	for (int i = 0; i < w->n; i++) {
		int c = level_reach(w, i, l->chunk_count, l->chunk_sum, 16) - 1;
		if (c < 0) {
			below |= (uint32_t)1 << i;
			continue;
		}
		int at = c * LEVEL_CHUNK, g = at + level_reach(w, i, l->count + at, l->sum + at, LEVEL_CHUNK) - 1;
		g = g > at ? g : at; /* a rounding may leave a chunk's sum short of its own */
		level_find_in(w, i, l, g < l->last ? g : l->last);
	}
	return below;
}
#endif

/* A level below `passed` weights of sum `sum`; returns the sum of all. */
static double level_open(mass_level *l, tally *t, int passed, double sum)
{
	l->t = t;
	l->last = t->form.fine / TALLY_GROUP - 1;
	l->sum[l->last + 1] = sum;
	l->count[l->last + 1] = passed;
	memset(l->chunk_count, 0, sizeof l->chunk_count);
	memset(l->chunk_sum, 0, sizeof l->chunk_sum);
	for (int i = 0; i < LEVEL_WORDS; i += 8) /* piece by piece, as compilers choose slow ways for all at once */
		memset(l->mark + i, 0, 8 * sizeof l->mark[0]);
	level_fill(l, passed, sum);
	sum = l->sum[0];
	for (int o = t->form.plain ? -1 : t->form.first >> 23; o >= 0; o--)
		sum += tally_sum(&t->form, o, t->bucket[t->form.fine + o]);
	return sum;
}

/* Where a want falls below the groups, an octave a bucket. */
static void level_find_octave(mass_wants *w, int i, const mass_level *l, int all)
{
	const tally *t = l->t;
	w->passed[i] = l->count[0];
	w->sum[i] = l->sum[0];
	for (int o = t->form.plain ? -1 : t->form.first >> 23; o >= 0; o--) {
		uint64_t b = t->bucket[t->form.fine + o];
		int count = tally_count(&t->form, b), slot = t->form.fine + o;
		double sum = tally_sum(&t->form, o, b);
		if (count && (w->passed[i] + count >= w->k[i] || w->sum[i] + sum >= w->next[i])) {
			level_take(w, i, t, o, slot);
			return;
		}
		w->passed[i] += count;
		w->sum[i] += sum;
	}
	/* What the sum of a bucket reaches, its weights one by one may miss by a rounding: then
	 * it takes all of them. */
	w->passed[i] = all;
	w->settled[i] = 1;
}

/* Where wants fall; `all` weights are there or above. */
static void level_find(mass_wants *w, const mass_level *l, int all)
{
	for (uint32_t below = level_search(w, l); below; below &= below - 1)
		level_find_octave(w, __builtin_ctz(below), l, all);
}

#endif

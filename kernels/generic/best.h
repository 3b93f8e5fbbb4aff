/* The k largest weights of rows that come one like the other, included by <isa>/row.c after generic/mass.h: weights
 * that a guess tells apart are left out of the tally. <isa>/row.c may define AM_PACK and bring its own pack before.
 *
 * Sums do not depend on what was left out. Those of one octave are integers; octaves are added from the
 * top down in float64. Where all that is added fits a float64 any order is as good: most rows. */
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* BEST_MOST: weights of a row whose tallies leave no bits out. */
enum { BEST_MOST = 1 << 20 };

#ifndef AM_PACK
/* Leaves the weights >= bound in to[], room for n + 16; returns how many. None here: without instructions that
 * compress it takes longer than the tally. */
static int pack(const float *x, int n, float bound, float *to)
{
	(void)x, (void)n, (void)bound, (void)to;
	return 0;
}
#endif

/* What lies above a bucket, or from it on: whole octaves in float64, and those in its own. */
typedef struct best_sums {
	double over, own;
} best_sums;

static best_sums best_above(const tally *t, int slot, bool with)
{
	const tally_form *f = &t->form;
	int octave = slot < f->fine ? (f->first + (slot << f->shift)) >> 23 : slot - f->fine, at = 255;
	uint64_t bucket = 0;
	double over = 0;
	/* By place of fine buckets, then of octaves, which are counted from the top. */
	int places = slot < f->fine ? f->fine - 1 - slot : f->fine + (f->first >> 23) - octave;
	for (int i = 0; i < places; i++) {
		int place = i < f->fine ? f->fine - 1 - i : 2 * f->fine + (f->first >> 23) - i;
		int now = place < f->fine ? (f->first + (place << f->shift)) >> 23 : place - f->fine;
		if (now != at) {
			over += tally_sum(f, at, bucket);
			bucket = 0;
		}
		at = now;
		bucket += t->bucket[place];
	}
	if (octave != at) {
		over += tally_sum(f, at, bucket);
		bucket = 0;
	}
	bucket += with ? t->bucket[slot] : 0;
	return (best_sums){over, tally_sum(f, octave, bucket)};
}

/* Whether sums of so many weights, none of an octave below `least`, are exact in float64, in whatever order. */
static bool best_exact(const mass_level *l, int k, int least)
{
	enum { DIGITS = 53, OF_WEIGHT = 24 };
	int count = 32 - __builtin_clz((unsigned)k), octaves = level_octave(&l->t->form, l->last) - (least ? least : 1);
	return octaves + OF_WEIGHT + count <= DIGITS && !l->t->form.drop;
}

/* Finds and settles up to MASS_WANTS of k[], among n weights. */
static void best_some(mass_level *l, const float *x, int n, const int *k, int n_k, double *sum_of, float *bound)
{
	const tally_form *f = &l->t->form;
	mass_wants w;
	best_sums above[MASS_WANTS];
	w.n = 0;
	mass_want_counts(&w, k, n_k);
	level_find(&w, l, n);
	for (int i = 0; i < n_k; i++) {
		int slot = w.slot[i], octave = slot < f->fine ? level_octave(f, slot / TALLY_GROUP) : slot - f->fine;
		above[i] = best_exact(l, k[i], octave) ? (best_sums){w.sum[i], 0} : best_above(l->t, slot, w.settled[i]);
		w.sum[i] = 0;
	}
	mass_settle(&w, l, x, n, mass_align(l + 1));
	for (int i = 0; i < n_k; i++)
		sum_of[i] = above[i].over + (above[i].own + w.sum[i]);
	memcpy(bound, w.bound, (size_t)n_k * sizeof *bound);
}

/* The start of the bucket where the k-th largest lies, 0 where the fine ones do not hold it. */
static float best_start(const mass_level *l, int k)
{
	int g = l->last;
	while (g >= 0 && l->count[g] < k)
		g--;
	if (g < 0)
		return 0;
	int slot = g * TALLY_GROUP + TALLY_GROUP - 1, count = l->count[g + 1];
	while ((count += tally_count(&l->t->form, l->t->bucket[slot])) < k)
		slot--;
	return tally_start(&l->t->form, slot);
}

/* Packs what reaches the guess, where that is at least k weights and not nearly all; returns how many, else 0. */
static int best_pack(const float *x, int n, int k, float guess, float *to)
{
	enum { LEAST = 64 };
	if (!(guess > 0 && n >= LEAST && n < BEST_MOST && k <= n / 16 * 9))
		return 0;
	int m = pack(x, n, guess, to);
	return m >= k && m <= n / 4 * 3 ? m : 0;
}

/* A guess for the next row: what a few more than k weights reach. */
static float best_guess(const mass_level *l, int k, int packed, float guess)
{
	enum { MORE = 8, LOWER = 64 };
	k += k / MORE;
	return packed && packed < k ? guess - guess / LOWER : best_start(l, k);
}

static void row_best(const float *weight, int n, const int *k, int n_k, float *guess, double *sum_of, float *bound,
                     void *scratch)
{
	double all = n_k && k[n_k - 1] >= n ? sum(weight, n) : 0;
	while (n_k && k[n_k - 1] >= n) {
		sum_of[--n_k] = all;
		bound[n_k] = 0;
	}
	if (!n_k)
		return;
	/* What is packed takes of the memory that leaving weights out saves. */
	int m = best_pack(weight, n, k[n_k - 1], *guess, scratch), there = m ? m : n;
	const float *x = m ? scratch : weight, least = m ? *guess : 0;
	tally *t = mass_align((float *)scratch + m);
	mass_level *l = mass_align(t + 1);
	tally_weights(t, x, there);
	level_open(l, t, 0, 0);
	*guess = best_guess(l, k[n_k - 1], m, *guess);
	for (int i = 0; i < n_k; i += MASS_WANTS)
		best_some(l, x, there, k + i, n_k - i < MASS_WANTS ? n_k - i : MASS_WANTS, sum_of + i, bound + i);
	for (int i = 0; i < n_k; i++) /* a bucket may start below weights that were left out */
		bound[i] = bound[i] < least ? least : bound[i];
}

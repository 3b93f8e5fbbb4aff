/* Mass of the k largest weights and the count for a mass, without sorting the row;
 * included by <isa>/row.c, which may define AM_MASS_GATHER and bring its own mass_gather
 * before it.
 *
 * One pass tallies the weights (generic/tally.h). Every wanted k and tau falls into one
 * bucket, found by the sums of groups of buckets; only the weights of those are gathered and
 * ranked (tallied again, finer, where a bucket is large). What varies from row to row is
 * selected, not branched on: a mispredicted branch costs as much as 16 weights. */
#include "kernels/generic/tally.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { MASS_WORDS = (TALLY_FINE + TALLY_OCTAVES) / 32 };

#ifndef AM_MASS_GATHER
/* The weights of marked buckets, in order; returns how many. `to` has room for all
 * marked weights and 16 more. */
static int mass_gather(const float *x, int n, const tally_form *t, const uint32_t *mark, float *to)
{
	int m = 0;
	for (int j = 0; j < n; j++) {
		uint32_t at = tally_place(t, tally_key(x[j]));
		to[m] = x[j];
		m += (int)(mark[at >> 5] >> (at & 31) & 1);
	}
	return m;
}
#endif

static void mass_key_range(const float *x, int n, int32_t *low, int32_t *high)
{
	int32_t least = INT32_MAX, most = 0;
	for (int j = 0; j < n; j++) {
		int32_t key = tally_key(x[j]);
		least = key < least ? key : least;
		most = key > most ? key : most;
	}
	*low = least;
	*high = most;
}

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

enum { MASS_WANTS = 64 };

/* A tally with what lies above each of its groups. */
typedef struct mass_level {
	tally *t;
	double above_sum[TALLY_FINE / TALLY_GROUP], group_sum[TALLY_FINE / TALLY_GROUP];
	int32_t above[TALLY_FINE / TALLY_GROUP], group_count[TALLY_FINE / TALLY_GROUP];
	uint32_t mark[MASS_WORDS];
} mass_level;

/* A level and a tally in AM_SELECT_SCRATCH, with the gaps of rounding to 64 bytes. */
_Static_assert(sizeof(mass_level) + sizeof(tally) + 192 <= AM_SELECT_LEVEL, "AM_SELECT_SCRATCH is too small");

static inline int mass_octave(const tally_form *f, int group)
{
	return (f->first + (group * TALLY_GROUP << f->shift)) >> 23;
}

/* The groups' counts and sums, from `passed` weights of sum `sum` on; returns the sum of all. */
static double mass_open_level(mass_level *l, tally *t, int passed, double sum)
{
	l->t = t;
	memset(l->mark, 0, sizeof l->mark);
	for (int g = t->form.fine / TALLY_GROUP - 1; g >= 0; g--) {
		uint64_t b = 0;
		for (int i = 0; i < TALLY_GROUP; i++)
			b += t->bucket[g * TALLY_GROUP + i];
		l->above[g] = passed;
		l->above_sum[g] = sum;
		l->group_count[g] = tally_count(&t->form, b);
		l->group_sum[g] = tally_sum(&t->form, mass_octave(&t->form, g), b);
		passed += l->group_count[g];
		sum += l->group_sum[g];
	}
	for (int o = t->form.plain ? -1 : t->form.first >> 23; o >= 0; o--)
		sum += tally_sum(&t->form, o, t->bucket[t->form.fine + o]);
	return sum;
}

static inline int mass_reaches(const mass_want *w, int count, double sum)
{
	return w->passed + count >= w->k || w->sum + sum >= w->next;
}

static void mass_take(mass_want *w, const tally *t, int octave, int slot)
{
	w->slot = slot;
	w->bucket = t->bucket[slot];
	w->size = tally_count(&t->form, w->bucket);
	/* Is what is wanted at its end? Of a tau only a sole weight tells. */
	w->settled = w->size == 1 || w->passed + w->size == w->k;
	w->bound = tally_start(&t->form, slot);
	w->sum += w->settled ? tally_sum(&t->form, octave, w->bucket) : 0;
	w->passed += w->settled ? w->size : 0;
}

/* The bucket of a group in which a want falls. */
static void mass_find_bucket(mass_want *w, const mass_level *l, int g)
{
	const tally *t = l->t;
	const uint64_t *b = t->bucket + g * TALLY_GROUP;
	int octave = mass_octave(&t->form, g), at = 0;
	uint64_t above[TALLY_GROUP];
	above[0] = 0;
	w->passed = l->above[g];
	w->sum = l->above_sum[g];
	if (w->k < INT_MAX)
		for (int i = 0; i < TALLY_GROUP - 1; i++) {
			above[i + 1] = above[i] + b[TALLY_GROUP - 1 - i];
			at += w->passed + tally_count(&t->form, above[i + 1]) < w->k;
		}
	else
		for (int i = 0; i < TALLY_GROUP - 1; i++) {
			above[i + 1] = above[i] + b[TALLY_GROUP - 1 - i];
			at += w->sum + tally_sum(&t->form, octave, above[i + 1]) < w->next;
		}
	w->passed += tally_count(&t->form, above[at]);
	w->sum += tally_sum(&t->form, octave, above[at]);
	mass_take(w, t, octave, g * TALLY_GROUP + TALLY_GROUP - 1 - at);
}

/* Below the groups, an octave a bucket. */
static void mass_find_octave(mass_want *w, const mass_level *l, int all)
{
	const tally *t = l->t;
	w->passed = l->above[0] + l->group_count[0];
	w->sum = l->above_sum[0] + l->group_sum[0];
	for (int o = t->form.plain ? -1 : t->form.first >> 23; o >= 0; o--) {
		uint64_t b = t->bucket[t->form.fine + o];
		int count = tally_count(&t->form, b);
		double sum = tally_sum(&t->form, o, b);
		if (count && mass_reaches(w, count, sum)) {
			mass_take(w, t, o, t->form.fine + o);
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

/* Where n wants fall, ks ascending, then taus ascending; `all` weights are there or above. */
static void mass_find(mass_want *w, int n, const mass_level *l, int all)
{
	int top = l->t->form.fine / TALLY_GROUP - 1, g = top;
	for (int i = 0; i < n; i++, w++) {
		g = i && w[-1].k < INT_MAX && w->k == INT_MAX ? top : g; /* the first tau */
		while (g >= 0 && l->above[g] + l->group_count[g] < w->k && l->above_sum[g] + l->group_sum[g] < w->next)
			g--;
		if (g >= 0)
			mass_find_bucket(w, l, g);
		else
			mass_find_octave(w, l, all);
	}
}

enum { MASS_RANKED = 64, MASS_RANK_BITS = 6 }; /* so that sums of significands fit 31 bits */

/* Of each weight of a bucket its rank, from 1, and the sum of the significands down to it. In
 * whole blocks, so that the loops have few lengths; what fills the last ranks below all. */
typedef struct mass_ranks {
	const float *of;
	int n, blocks;
	double unit;
	int32_t rank[MASS_RANKED], sum[MASS_RANKED];
} mass_ranks;

INLINE void mass_rank_blocks(const int blocks, const int32_t *key, const int32_t *part, mass_ranks *r)
{
	for (int j = 0; j < blocks * LANES; j += AM_VW) {
		vi mine, rank = {0}, sum = {0};
		memcpy(&mine, key + j, sizeof mine);
#pragma GCC unroll 16
		for (int i = 0; i < blocks * LANES; i++) {
			vi above = (vi){0} + key[i] >= mine;
			rank -= above;
			sum += above & ((vi){0} + part[i]);
		}
		memcpy(r->rank + j, &rank, sizeof rank);
		memcpy(r->sum + j, &sum, sizeof sum);
	}
}

static void mass_rank(const float *x, int n, mass_ranks *r)
{
	static const int32_t iota[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	int32_t key[MASS_RANKED], part[MASS_RANKED];
	int octave = tally_key(x[0]) >> 23;
	r->of = x;
	r->n = n;
	r->blocks = (n + LANES - 1) / LANES;
	r->unit = tally_unit(octave ? octave : 1);
	for (int j = 0; j < r->blocks * LANES; j += AM_VW) {
		vi lane, bits;
		memcpy(&lane, iota + j % LANES, sizeof lane);
		memcpy(&bits, x + j, sizeof bits);
		lane += j / LANES * LANES;
		bits &= 0x7fffff;
		/* All different, equal weights in their order. */
		vi there = lane < n, key_j = (bits << MASS_RANK_BITS) + (MASS_RANKED - 1 - lane);
		vi part_j = (bits + (octave ? 1 << 23 : 0)) & there;
		key_j = (key_j & there) | ~there;
		memcpy(key + j, &key_j, sizeof key_j);
		memcpy(part + j, &part_j, sizeof part_j);
	}
	if (r->blocks == 1)
		mass_rank_blocks(1, key, part, r);
	else
		mass_rank_blocks(r->blocks, key, part, r);
}

/* The sum of the weights of the first ranks. */
static double mass_ranked_sum(const mass_ranks *r, int rank)
{
	int32_t sum = 0; /* one lane is not 0 */
	for (int i = 0; i < r->blocks; i++)
		for (int j = i * LANES; j < (i + 1) * LANES; j++)
			sum |= r->rank[j] == rank ? r->sum[j] : 0;
	return sum * r->unit;
}

/* What the first ranks reach and no other; NaN where the next is equal. */
static float mass_ranked_bound(const mass_ranks *r, int rank)
{
	int32_t last = 0, next = 0;
	for (int j = 0; j < r->n; j++) {
		last |= r->rank[j] == rank ? tally_key(r->of[j]) : 0;
		next |= r->rank[j] == rank + 1 ? tally_key(r->of[j]) : 0;
	}
	return rank < r->n && last == next ? NAN : tally_weight(last);
}

/* How many of the first ranks add up to a sum; all where a rounding leaves them short of it. */
static int mass_ranked_count(const mass_ranks *r, double sum)
{
	int32_t count = 1, to = (int32_t)fmin(fmax(ceil(sum / r->unit), 1), INT32_MAX);
	for (int i = 0; i < r->blocks; i++)
		for (int j = i * LANES; j < (i + 1) * LANES; j++)
			count += r->sum[j] < to;
	return count < r->n ? count : r->n;
}

static void mass_settle_ranked(mass_want *w, const mass_ranks *r)
{
	if (w->k < INT_MAX) {
		w->bound = mass_ranked_bound(r, w->k - w->passed);
		w->sum += mass_ranked_sum(r, w->k - w->passed);
	} else {
		w->passed += mass_ranked_count(r, w->next - w->sum);
	}
	w->settled = 1;
}

/* Among n weights of the same size. */
static void mass_settle_equal(mass_want *w, int n, double each)
{
	int m = n;
	if (w->k < INT_MAX) {
		m = w->k - w->passed;
	} else {
		m = (int)fmin(fmax(ceil((w->next - w->sum) / each), 1), n);
		while (m > 1 && w->sum + (m - 1) * each >= w->next)
			m--;
		while (m < n && w->sum + m * each < w->next)
			m++;
	}
	w->passed += m;
	w->sum += m * each;
	w->bound = m < n ? NAN : (float)each;
	w->settled = 1;
}

static void mass_settle(mass_want *w, int n_w, mass_level *l, const float *x, int n, void *scratch);

/* Settles wants that fall among these n weights, those of one bucket, in any order. */
static void mass_descend(mass_want *w, int n_w, const float *x, int n, mass_ranks *r, void *scratch)
{
	if (n <= MASS_RANKED) {
		if (r->of != x)
			mass_rank(x, n, r);
		for (int i = 0; i < n_w; i++)
			mass_settle_ranked(w + i, r);
		return;
	}
	int32_t low, high;
	mass_key_range(x, n, &low, &high);
	if (low == high) {
		for (int i = 0; i < n_w; i++)
			mass_settle_equal(w + i, n, (double)x[0]);
		return;
	}
	mass_level *l = scratch;
	tally *t = (tally *)(((uintptr_t)(l + 1) + 63) / 64 * 64);
	tally_open(t, n, low, high);
	tally_fill(t, x, n);
	int passed = w->passed;
	mass_open_level(l, t, passed, w->sum);
	mass_find(w, n_w, l, passed + n);
	mass_settle(w, n_w, l, x, n, t + 1);
}

/* Marks the buckets of what is not settled and gives their weights places one after another;
 * returns how many. */
static int mass_mark(mass_want *w, int n_w, mass_level *l)
{
	int wanted = 0;
	for (int i = 0; i < n_w; i++) {
		if (w[i].settled)
			continue;
		uint32_t *word = &l->mark[w[i].slot >> 5], bit = (uint32_t)1 << (w[i].slot & 31);
		if (!(*word & bit)) {
			l->t->bucket[w[i].slot] = (uint64_t)wanted;
			wanted += w[i].size;
		}
		*word |= bit;
		w[i].start = (int)l->t->bucket[w[i].slot];
	}
	return wanted;
}

/* Settles wants inside buckets of n weights x. */
static void mass_settle(mass_want *w, int n_w, mass_level *l, const float *x, int n, void *scratch)
{
	int m = mass_mark(w, n_w, l);
	if (!m)
		return;
	float *mixed = scratch, *apart = mixed + m + 16;
	void *deeper = (char *)scratch + ((size_t)(2 * m + 32) * sizeof *mixed + 63) / 64 * 64;
	m = mass_gather(x, n, &l->t->form, l->mark, mixed);
	for (int i = 0; i < m; i++)
		apart[l->t->bucket[tally_place(&l->t->form, tally_key(mixed[i]))]++] = mixed[i];
	mass_ranks r;
	r.of = NULL;
	for (int i = 0, j; i < n_w; i = j) {
		j = i + 1;
		if (w[i].settled)
			continue;
		l->mark[w[i].slot >> 5] = 0;
		l->t->bucket[w[i].slot] = w[i].bucket;
		while (j < n_w && !w[j].settled && w[j].slot == w[i].slot)
			j++;
		mass_descend(w + i, j - i, apart + w[i].start, w[i].size, &r, deeper);
	}
}

/* k[n_k] without those that are the whole row; returns how many. */
static int mass_whole(int n, const int *k, int n_k, float *mass, float *bound)
{
	while (n_k && k[n_k - 1] >= n) {
		mass[--n_k] = 1; /* exactly */
		if (bound)
			bound[n_k] = 0;
	}
	return n_k;
}

static void tally_mass(const float *weight, int n, void *tallied, const int *k, int n_k, const double *tau, int n_tau,
                       float *mass, float *bound, int32_t *count, void *scratch)
{
	n_k = mass_whole(n, k, n_k, mass, bound);
	mass_level *l = scratch;
	double total = mass_open_level(l, tallied, 0, 0);
	mass_want w[MASS_WANTS];
	for (int done = 0, m; done < n_k + n_tau; done += m) {
		for (m = 0; m < MASS_WANTS && done + m < n_k + n_tau; m++) {
			int i = done + m;
			w[m] = i < n_k ? (mass_want){.k = k[i], .next = INFINITY}
			               : (mass_want){.k = INT_MAX, .next = (tau[i - n_k] - 1e-12) * total};
		}
		mass_find(w, m, l, n);
		mass_settle(w, m, l, weight, n, l + 1);
		for (int i = done; i < done + m; i++) {
			if (i < n_k)
				mass[i] = (float)(w[i - done].sum / total);
			if (i < n_k && bound)
				bound[i] = w[i - done].bound;
			if (i >= n_k)
				count[i - n_k] = w[i - done].passed;
		}
	}
}

static void row_mass(const float *weight, int n, const int *k, int n_k, const double *tau, int n_tau, float *mass,
                     float *bound, int32_t *count, void *scratch)
{
	tally *t = scratch;
	tally_weights(t, weight, n);
	tally_mass(weight, n, t, k, n_k, tau, n_tau, mass, bound, count, (char *)scratch + AM_TALLY);
}

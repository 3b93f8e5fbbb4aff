/* Mass of the k largest weights and the count for a mass, without sorting the row;
 * included by <isa>/row.c, which may define AM_MASS_GATHER and bring its own mass_gather
 * before it.
 *
 * One pass tallies the weights (generic/tally.h). Walking the buckets down, every wanted k
 * and tau falls into one; only the weights of those are gathered and sorted (tallied again,
 * finer, where a bucket is large). */
#include "kernels/generic/tally.h"

#include <math.h>
#include <string.h>

enum { MASS_SORTED = 32, MASS_WORDS = (TALLY_FINE + TALLY_OCTAVES) / 32 };

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

/* The wanted k and tau, in the order the descending walk meets them. */
typedef struct mass_walk {
	const int *k;
	int n_k, n_tau, i_k, i_tau;
	const double *tau;
	double total; /* sum of the row */
	double sum;   /* of the weights passed so far, and their number */
	int passed;
	double next;  /* sum that reaches tau[i_tau] */
	float *mass;
	int32_t *count;
} mass_walk;

static void mass_next_tau(mass_walk *w)
{
	w->next = w->i_tau < w->n_tau ? (w->tau[w->i_tau] - 1e-12) * w->total : INFINITY;
}

static int mass_done(const mass_walk *w)
{
	return w->i_k == w->n_k && w->i_tau == w->n_tau;
}

static int mass_next_k(const mass_walk *w)
{
	return w->i_k < w->n_k ? w->k[w->i_k] : INT32_MAX;
}

/* Passes `count` weights of sum `sum` and settles what is reached at their end; nothing
 * wanted lies before it. */
static inline void mass_pass(mass_walk *w, int count, double sum)
{
	w->passed += count;
	w->sum += sum;
	while (w->i_k < w->n_k && w->k[w->i_k] == w->passed)
		w->mass[w->i_k++] = (float)(w->sum / w->total);
	while (w->sum >= w->next) {
		w->count[w->i_tau++] = w->passed;
		mass_next_tau(w);
	}
}

/* Passes n weights of the same size. */
static void mass_pass_equal(mass_walk *w, int n, double each)
{
	double sum = w->sum;
	int passed = w->passed;
	while (w->i_k < w->n_k && w->k[w->i_k] <= passed + n) {
		double m = sum + (w->k[w->i_k] - passed) * each;
		w->mass[w->i_k++] = (float)(m / w->total);
	}
	for (; sum + n * each >= w->next; mass_next_tau(w)) {
		int m = (int)fmin(fmax(ceil((w->next - sum) / each), 1), n);
		while (m > 1 && sum + (m - 1) * each >= w->next)
			m--;
		while (m < n && sum + m * each < w->next)
			m++;
		w->count[w->i_tau++] = passed + m;
	}
	w->passed += n;
	w->sum += n * each;
}

static void mass_pass_sorted(mass_walk *w, float *x, int n)
{
	for (int i = 1; i < n; i++) {
		float v = x[i];
		int j = i;
		for (; j > 0 && x[j - 1] < v; j--)
			x[j] = x[j - 1];
		x[j] = v;
	}
	for (int j = 0; j < n && !mass_done(w); j++)
		mass_pass(w, 1, (double)x[j]);
}

/* A bucket with something wanted inside, and the walk as it stood before it. */
typedef struct mass_stop {
	double sum;
	int passed, slot, count, start;
	int i_k, i_tau, n_k, n_tau; /* what lies inside */
} mass_stop;

enum { MASS_STOPS = 64 };

/* A tally being walked. Places run down from fine - 1 through the fine buckets to 0, then on
 * through the octaves below them. */
typedef struct mass_level {
	tally *t;
	double group_sum[TALLY_FINE / TALLY_GROUP];
	int32_t group_count[TALLY_FINE / TALLY_GROUP];
	mass_stop stop[MASS_STOPS];
	uint32_t mark[MASS_WORDS];
	int place, bottom; /* the walk has come down to `place`; the last is `bottom` */
} mass_level;

/* A level and a tally in AM_SELECT_SCRATCH, with the gaps of rounding to 64 bytes. */
_Static_assert(sizeof(mass_level) + sizeof(tally) + 192 <= AM_SELECT_LEVEL, "AM_SELECT_SCRATCH is too small");

static inline int mass_octave(const mass_level *l, int place)
{
	const tally_form *f = &l->t->form;
	return place >= 0 ? (f->first + (place << f->shift)) >> 23 : (f->first >> 23) + 1 + place;
}

static inline int mass_slot(const mass_level *l, int place)
{
	return place >= 0 ? place : l->t->form.fine + mass_octave(l, place);
}

/* The groups' counts and sums, and with octaves as well the sum of all. */
static double mass_open_level(mass_level *l, tally *t, int octaves)
{
	l->t = t;
	l->place = t->form.fine - 1;
	l->bottom = octaves ? -1 - (t->form.first >> 23) : 0;
	memset(l->mark, 0, sizeof l->mark);
	double total = 0;
	for (int p = -1; p >= l->bottom; p--)
		total += tally_sum(&t->form, mass_octave(l, p), t->bucket[mass_slot(l, p)]);
	for (int g = 0; g < t->form.fine / TALLY_GROUP; g++) {
		uint64_t b = 0;
		for (int i = 0; i < TALLY_GROUP; i++)
			b += t->bucket[g * TALLY_GROUP + i];
		l->group_count[g] = tally_count(&t->form, b);
		l->group_sum[g] = tally_sum(&t->form, mass_octave(l, g * TALLY_GROUP), b);
		total += l->group_sum[g];
	}
	return total;
}

/* Goes down from l->place past all that holds nothing wanted, a group at a time where
 * it can, to the bucket that does: its count and sum. 0 at the end. */
static int mass_find(mass_walk *w, mass_level *l, int *count, double *sum)
{
	const tally *t = l->t;
	int k = mass_next_k(w), p = l->place;
	while (p >= l->bottom) {
		int g = p / TALLY_GROUP;
		if (p >= 0 && p % TALLY_GROUP == TALLY_GROUP - 1 && w->passed + l->group_count[g] < k &&
		    w->sum + l->group_sum[g] < w->next) {
			w->passed += l->group_count[g];
			w->sum += l->group_sum[g];
			p -= TALLY_GROUP;
			continue;
		}
		uint64_t b = t->bucket[mass_slot(l, p)];
		*count = tally_count(&t->form, b);
		*sum = tally_sum(&t->form, mass_octave(l, p), b);
		if (*count && (w->passed + *count >= k || w->sum + *sum >= w->next))
			break;
		w->passed += *count;
		w->sum += *sum;
		p--;
	}
	l->place = p;
	return p >= l->bottom;
}

/* Goes past a bucket whose inner k and tau are left to a stop. */
static void mass_skip(mass_walk *w, int count, double sum)
{
	w->passed += count;
	w->sum += sum;
	while (mass_next_k(w) <= w->passed)
		w->i_k++;
	while (w->sum >= w->next) {
		w->i_tau++;
		mass_next_tau(w);
	}
}

/* Walks on until everything is settled or MASS_STOPS buckets are marked; returns
 * how many are. Marked buckets get the place of their weights instead of sums. */
static int mass_collect(mass_walk *w, mass_level *l)
{
	int n = 0, wanted = 0, count;
	double sum;
	while (n < MASS_STOPS && !mass_done(w) && mass_find(w, l, &count, &sum)) {
		/* Is all that is wanted here at its end? Of a tau only a sole weight tells. */
		if (count == 1 || (mass_next_k(w) == w->passed + count && w->sum + sum < w->next)) {
			mass_pass(w, count, sum);
		} else {
			int slot = mass_slot(l, l->place);
			mass_stop *stop = &l->stop[n++];
			*stop = (mass_stop){w->sum, w->passed, slot, count, wanted, w->i_k, w->i_tau, 0, 0};
			l->mark[slot >> 5] |= (uint32_t)1 << (slot & 31);
			l->t->bucket[slot] = (uint64_t)wanted;
			wanted += count;
			mass_skip(w, count, sum);
			stop->n_k = w->i_k;
			stop->n_tau = w->i_tau;
		}
		l->place--;
	}
	return n;
}

/* What the sum of a bucket reaches, its weights one by one may miss by a rounding: then
 * it takes all of them. */
static void mass_finish(mass_walk *w, int passed)
{
	while (w->i_tau < w->n_tau)
		w->count[w->i_tau++] = passed;
}

static void mass_descend(mass_walk *w, float *x, int n, void *scratch);

/* Settles what lies inside the marked buckets. */
static void mass_settle(const mass_walk *w, mass_level *l, int n_stops, const float *x, int n, void *scratch)
{
	const mass_stop *last = &l->stop[n_stops - 1];
	int m = last->start + last->count;
	float *mixed = scratch, *apart = mixed + m + 16;
	void *deeper = (char *)scratch + ((size_t)(2 * m + 16) * sizeof *mixed + 63) / 64 * 64;
	m = mass_gather(x, n, &l->t->form, l->mark, mixed);
	for (int i = 0; i < m; i++)
		apart[l->t->bucket[tally_place(&l->t->form, tally_key(mixed[i]))]++] = mixed[i];
	for (int i = 0; i < n_stops; i++) {
		const mass_stop *stop = &l->stop[i];
		mass_walk inner = *w;
		inner.sum = stop->sum;
		inner.passed = stop->passed;
		inner.i_k = stop->i_k;
		inner.i_tau = stop->i_tau;
		inner.n_k = stop->n_k;
		inner.n_tau = stop->n_tau;
		mass_next_tau(&inner);
		mass_descend(&inner, apart + stop->start, stop->count, deeper);
		mass_finish(&inner, stop->passed + stop->count);
		l->mark[stop->slot >> 5] = 0;
	}
}

/* Settles every k and tau that lies among these n weights, the next ones down, in any
 * order; x is changed. */
static void mass_descend(mass_walk *w, float *x, int n, void *scratch)
{
	int32_t low, high;
	if (n <= MASS_SORTED) {
		mass_pass_sorted(w, x, n);
		return;
	}
	mass_key_range(x, n, &low, &high);
	if (low == high) {
		mass_pass_equal(w, n, (double)x[0]);
		return;
	}
	mass_level *l = scratch;
	tally *t = (tally *)(((uintptr_t)(l + 1) + 63) / 64 * 64);
	tally_open(t, n, low, high);
	tally_fill(t, x, n);
	mass_open_level(l, t, 0);
	for (int stops; (stops = mass_collect(w, l)) > 0;)
		mass_settle(w, l, stops, x, n, t + 1);
}

static void tally_mass(const float *weight, int n, void *tallied, const int *k, int n_k, const double *tau, int n_tau,
                       float *mass, int32_t *count, void *scratch)
{
	while (n_k && k[n_k - 1] >= n)
		mass[--n_k] = 1; /* the whole row: exactly 1 */
	mass_walk w = {.k = k, .n_k = n_k, .tau = tau, .n_tau = n_tau, .mass = mass, .count = count};
	mass_level *l = scratch;
	w.total = mass_open_level(l, tallied, 1);
	mass_next_tau(&w);
	for (int stops; (stops = mass_collect(&w, l)) > 0;)
		mass_settle(&w, l, stops, weight, n, l + 1);
	mass_finish(&w, n);
}

static void row_mass(const float *weight, int n, double z, const int *k, int n_k, const double *tau, int n_tau,
                     float *mass, int32_t *count, void *scratch)
{
	(void)z;
	tally *t = scratch;
	tally_weights(t, weight, n);
	tally_mass(weight, n, t, k, n_k, tau, n_tau, mass, count, (char *)scratch + AM_TALLY);
}

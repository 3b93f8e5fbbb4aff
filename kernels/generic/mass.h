/* Mass of the k largest weights and the count for a mass, without sorting the row;
 * included by <isa>/row.c, which may define AM_MASS_GATHER and bring its own mass_gather
 * before it.
 *
 * One pass tallies the weights (generic/tally.h). Every wanted k and tau falls into one
 * bucket, found by the sums of groups of buckets (generic/level.h); only the weights of those
 * are gathered and put in order (generic/columns.h), or tallied again, finer, where a bucket is
 * large. */
#include "kernels/generic/columns.h"
#include "kernels/generic/level.h"
#include "kernels/generic/tally.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#ifdef AM_MASS_PART
#include AM_MASS_PART
#else
/* Distributes the weights of marked buckets; scratch: as many and 16 more, and n / 4 bytes. */
static void mass_part(tally *t, const uint32_t *mark, const float *x, int n, float *to, void *scratch)
{
	const tally_form f = t->form; /* buckets do not alias it */
	float *found = scratch;
	int m = 0;
	for (int j = 0; j < n; j++) {
		uint32_t at = tally_place(&f, tally_key(x[j]));
		found[m] = x[j];
		m += (int)(mark[at >> 5] >> (at & 31) & 1);
	}
	for (int i = 0; i < m; i++)
		part_take(t, tally_place(&f, tally_key(found[i])), tally_key(found[i]), to);
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

enum { MASS_WANTS = 2 * LANES };

/* Where gathered weights go: buckets of at most COLUMN_MOST to a column, larger ones one after
 * another behind. */
typedef struct mass_parts {
	columns column[MASS_WANTS / LANES];
	float large[];
} mass_parts;

/* A level, a tally and the parts in AM_SELECT_SCRATCH, with the gaps of rounding to 64 bytes. */
_Static_assert(sizeof(mass_level) + sizeof(tally) + sizeof(mass_parts) + 256 <= AM_SELECT_LEVEL,
               "AM_SELECT_SCRATCH is too small");

static inline void *mass_align(void *p)
{
	return (void *)(((uintptr_t)p + 63) / 64 * 64);
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

/* Settles wants that fall among these n weights, those of one large bucket, in any order. */
static void mass_descend(mass_want *w, int n_w, const float *x, int n, void *scratch)
{
	int32_t low, high;
	mass_key_range(x, n, &low, &high);
	if (low == high) {
		for (int i = 0; i < n_w; i++)
			mass_settle_equal(w + i, n, (double)x[0]);
		return;
	}
	mass_level *l = scratch;
	tally *t = mass_align(l + 1);
	tally_open(t, n, low, high);
	tally_fill(t, x, n);
	int passed = w->passed;
	level_open(l, t, passed, w->sum);
	level_find(w, n_w, l, passed + n);
	mass_settle(w, n_w, l, x, n, mass_align(t + 1));
}

/* Settles a want in a column, one of those sorted with `rows`. */
static void mass_settle_column(mass_want *w, int rows, const float *weight, const int32_t *sum)
{
	int octave = tally_key(weight[0]) >> 23, m = w->k - w->passed;
	double unit = tally_unit(octave ? octave : 1);
	w->settled = 1;
	if (w->k < INT_MAX) {
		float last = weight[(m - 1) * LANES];
		w->bound = m < w->size && weight[m * LANES] == last ? NAN : last;
		w->sum += sum[(m - 1) * LANES] * unit;
		return;
	}
	/* All where a rounding leaves them short of it. */
	int32_t count = 1, to = (int32_t)fmin(fmax(ceil((w->next - w->sum) / unit), 1), INT32_MAX);
	for (int i = 0; i < rows; i++)
		count += sum[i * LANES] < to;
	w->passed += count < w->size ? count : w->size;
}

/* Wants that are not settled, and their buckets. */
typedef struct mass_open {
	mass_want *want[MASS_WANTS + 1];
	int n;
	int weights, columns, longest, large; /* weights in all; buckets that go to columns, their most weights; weights of others */
} mass_open;

static mass_open mass_unsettled(mass_want *w, int n_w)
{
	mass_open o;
	o.n = o.weights = o.columns = o.longest = o.large = 0;
	for (int i = 0; i < n_w; i++) {
		o.want[o.n] = w + i;
		o.n += !w[i].settled;
	}
	return o;
}

/* Marks the buckets; each gets, instead of its count and sum, where its next weight goes (a
 * number of floats from the first column) and how far from there the one after it. */
static void mass_mark(mass_open *o, mass_level *l)
{
	for (int i = 0; i < o->n; i++) {
		mass_want *w = o->want[i];
		uint32_t *word = &l->mark[w->slot >> 5], bit = (uint32_t)1 << (w->slot & 31);
		uint64_t *to = &l->t->bucket[w->slot];
		if (!(*word & bit)) {
			o->weights += w->size;
			if (w->size <= COLUMN_MOST) {
				*to = (uint64_t)(o->columns / LANES * COLUMN_MOST * LANES + o->columns % LANES) | (uint64_t)LANES << 32;
				o->longest = w->size > o->longest ? w->size : o->longest;
				o->columns++;
			} else {
				*to = (uint64_t)(sizeof(mass_parts) / sizeof(float) + (size_t)o->large) | (uint64_t)1 << 32;
				o->large += w->size;
			}
		}
		*word |= bit;
		w->start = (int)(uint32_t)*to;
	}
}

/* What is left of the marked buckets is a tally again. */
static void mass_unmark(const mass_open *o, mass_level *l)
{
	for (int i = 0; i < o->n; i++) {
		l->mark[o->want[i]->slot >> 5] = 0;
		l->t->bucket[o->want[i]->slot] = o->want[i]->bucket;
	}
}

static void mass_settle_columns(const mass_open *o, columns *c)
{
	column_sums sums[MASS_WANTS / LANES];
	int rows = columns_rows(o->longest);
	for (int i = 0; i * LANES < o->columns; i++)
		columns_sort(&c[i], rows, &sums[i]);
	for (int i = 0; i < o->n; i++) {
		mass_want *w = o->want[i];
		if (w->size <= COLUMN_MOST)
			mass_settle_column(w, rows, c[0].weight[0] + w->start, sums[0].sum[0] + w->start);
	}
}

static void mass_settle_large(const mass_open *o, const float *parts, void *scratch)
{
	for (int i = 0, m; i < o->n; i += m) {
		mass_want *w = o->want[i];
		for (m = 1; i + m < o->n && o->want[i + m] == w + m && w[m].slot == w->slot;)
			m++;
		if (!w->settled)
			mass_descend(w, m, parts + w->start, w->size, scratch);
	}
}

/* Settles wants inside buckets of n weights x. */
static void mass_settle(mass_want *w, int n_w, mass_level *l, const float *x, int n, void *scratch)
{
	mass_open o = mass_unsettled(w, n_w);
	if (!o.n)
		return;
	mass_mark(&o, l);
	mass_parts *p = scratch;
	float *first = p->column[0].weight[0];
	char *behind = mass_align(p->large + o.large);
	for (int i = 0; i * LANES < o.columns; i++)
		memset(p->column[i].weight, 0, (size_t)columns_rows(o.longest) * sizeof p->column[i].weight[0]);
	mass_part(l->t, l->mark, x, n, first, behind);
	mass_unmark(&o, l);
	mass_settle_columns(&o, p->column);
	if (o.large)
		mass_settle_large(&o, first, behind);
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
	double total = level_open(l, tallied, 0, 0);
	mass_want w[MASS_WANTS];
	for (int done = 0, m; done < n_k + n_tau; done += m) {
		for (m = 0; m < MASS_WANTS && done + m < n_k + n_tau; m++) {
			int i = done + m;
			w[m] = i < n_k ? (mass_want){.k = k[i], .next = INFINITY}
			               : (mass_want){.k = INT_MAX, .next = (tau[i - n_k] - 1e-12) * total};
		}
		level_find(w, m, l, n);
		mass_settle(w, m, l, weight, n, mass_align(l + 1));
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
	tally_mass(weight, n, t, k, n_k, tau, n_tau, mass, bound, count, mass_align(t + 1));
}

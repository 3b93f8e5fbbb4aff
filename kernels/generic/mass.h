/* Mass of the k largest weights and the count for a mass, without sorting the row;
 * included by <isa>/row.c, which may define AM_MASS_PART, a header with its own mass_part, and
 * AM_MASS_ORDER, one with mass_order, which settles wants whose buckets hold few weights without
 * columns (AM_MASS_LEVEL: generic/level.h, AM_MASS_COLUMN: generic/columns.h).
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
static void mass_part(const mass_level *l, const mass_open *o, const float *x, int n, float *to, void *scratch)
{
	(void)o;
	const tally_form f = l->t->form; /* buckets do not alias it */
	float *found = scratch;
	int m = 0;
	for (int j = 0; j < n; j++) {
		uint32_t at = tally_place(&f, tally_key(x[j]));
		found[m] = x[j];
		m += (int)(l->mark[at >> 5] >> (at & 31) & 1);
	}
	for (int i = 0; i < m; i++)
		part_take(l->t, tally_place(&f, tally_key(found[i])), tally_key(found[i]), to);
}
#endif
#ifdef AM_MASS_ORDER
#include AM_MASS_ORDER
#endif

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
static void mass_settle_equal(mass_wants *w, int i, int n, double each)
{
	int m = n;
	if (w->k[i] < INT_MAX) {
		m = w->k[i] - w->passed[i];
	} else {
		m = (int)fmin(fmax(ceil((w->next[i] - w->sum[i]) / each), 1), n);
		while (m > 1 && w->sum[i] + (m - 1) * each >= w->next[i])
			m--;
		while (m < n && w->sum[i] + m * each < w->next[i])
			m++;
	}
	w->passed[i] += m;
	w->sum[i] += m * each;
	w->bound[i] = m < n ? NAN : (float)each;
}

static void mass_settle(mass_wants *w, mass_level *l, const float *x, int n, void *scratch);

/* Settles wants that fall among these n weights, those of one large bucket, in any order. */
static void mass_descend(mass_wants *w, const float *x, int n, void *scratch)
{
	int32_t low, high;
	tally_range(x, n, &low, &high);
	if (low == high) {
		for (int i = 0; i < w->n; i++)
			mass_settle_equal(w, i, n, (double)x[0]);
		return;
	}
	mass_level *l = scratch;
	tally *t = mass_align(l + 1);
	tally_open(t, n, low, high);
	tally_fill(t, x, n);
	int passed = w->passed[0];
	level_open(l, t, passed, w->sum[0]);
	level_find(w, l, passed + n);
	mass_settle(w, l, x, n, mass_align(t + 1));
}

/* Settles a want in a column, one of those sorted with `rows`. */
static void mass_settle_column(mass_wants *w, int i, int rows, const float *weight, const int32_t *sum)
{
	int octave = tally_key(weight[0]) >> 23, size = w->size[i];
	double unit = tally_unit(octave ? octave : 1);
	if (w->k[i] < INT_MAX) {
		int m = w->k[i] - w->passed[i];
		float last = weight[(m - 1) * LANES];
		w->bound[i] = m < size && weight[m * LANES] == last ? NAN : last;
		w->sum[i] += sum[(m - 1) * LANES] * unit;
		return;
	}
	/* All where a rounding leaves them short of it. */
	double left = ceil((w->next[i] - w->sum[i]) / unit);
	int32_t count = 1, to = left < 1 ? 1 : left < INT32_MAX ? (int32_t)left : INT32_MAX;
	for (int j = 0; j < rows; j++)
		count += sum[j * LANES] < to;
	w->passed[i] += count < size ? count : size;
}

static void mass_unsettled(mass_open *o, const mass_wants *w)
{
	o->n = o->slots = o->columns = o->longest = o->large = 0;
	for (int i = 0; i < w->n; i++) {
		o->want[o->n] = i;
		o->n += !w->settled[i];
	}
}

/* Marks the buckets; each gets, instead of its count and sum, where its next weight goes (a
 * number of floats from the first column) and how far from there the one after it. */
static void mass_mark(mass_open *o, mass_wants *w, mass_level *l)
{
	for (int i = 0; i < o->n; i++) {
		int want = o->want[i], slot = w->slot[want], size = w->size[want];
		uint32_t *word = &l->mark[slot >> 5], bit = (uint32_t)1 << (slot & 31);
		uint64_t *to = &l->t->bucket[slot];
		if (!(*word & bit)) {
			o->slot[o->slots++] = slot;
			if (size <= COLUMN_MOST) {
				*to = (uint64_t)(o->columns / LANES * COLUMN_MOST * LANES + o->columns % LANES) | (uint64_t)LANES << 32;
				o->longest = size > o->longest ? size : o->longest;
				o->columns++;
			} else {
				*to = (uint64_t)(sizeof(mass_parts) / sizeof(float) + (size_t)o->large) | (uint64_t)1 << 32;
				o->large += size;
			}
		}
		*word |= bit;
		w->start[want] = (int)(uint32_t)*to;
	}
}

/* What is left of the marked buckets is a tally again. */
static void mass_unmark(const mass_open *o, const mass_wants *w, mass_level *l)
{
	for (int i = 0; i < o->n; i++) {
		int slot = w->slot[o->want[i]];
		l->mark[slot >> 5] = 0;
		l->t->bucket[slot] = w->bucket[o->want[i]];
	}
}

static void mass_settle_columns(const mass_open *o, mass_wants *w, columns *c)
{
	column_sums sums[MASS_WANTS / LANES];
	int rows = columns_rows(o->longest);
	for (int i = 0; i * LANES < o->columns; i++)
		columns_sort(&c[i], o->columns - i * LANES, rows, &sums[i]);
	for (int i = 0; i < o->n; i++) {
		int want = o->want[i], start = w->start[want];
		if (w->size[want] <= COLUMN_MOST)
			mass_settle_column(w, want, rows, c[0].weight[0] + start, sums[0].sum[0] + start);
	}
}

/* Settles want[m], all in the same large bucket: in a set of their own. */
static void mass_settle_alike(mass_wants *w, const int *want, int m, const float *parts, void *scratch)
{
	mass_wants own;
	own.n = m;
	own.ks = 0;
	for (int i = 0; i < m; i++) {
		own.k[i] = w->k[want[i]];
		own.ks += own.k[i] < INT_MAX;
		own.next[i] = w->next[want[i]];
		own.passed[i] = w->passed[want[i]];
		own.sum[i] = w->sum[want[i]];
	}
	mass_descend(&own, parts + w->start[want[0]], w->size[want[0]], scratch);
	for (int i = 0; i < m; i++) {
		w->passed[want[i]] = own.passed[i];
		w->sum[want[i]] = own.sum[i];
		w->bound[want[i]] = own.bound[i];
	}
}

static void mass_settle_large(const mass_open *o, mass_wants *w, const float *parts, void *scratch)
{
	for (int i = 0, m; i < o->n; i += m) {
		const int *want = o->want + i;
		for (m = 1; i + m < o->n && w->slot[want[m]] == w->slot[want[0]];)
			m++;
		if (w->size[want[0]] > COLUMN_MOST)
			mass_settle_alike(w, want, m, parts, scratch);
	}
}

/* Settles wants inside buckets of n weights x. */
static void mass_settle(mass_wants *w, mass_level *l, const float *x, int n, void *scratch)
{
#ifdef AM_MASS_ORDER
	if (mass_order(w, l, x, n, scratch))
		return;
#endif
	mass_open o;
	mass_unsettled(&o, w);
	if (!o.n)
		return;
	mass_mark(&o, w, l);
	mass_parts *p = scratch;
	float *first = p->column[0].weight[0];
	char *behind = mass_align(p->large + o.large);
	for (int i = 0; i * LANES < o.columns; i++)
		columns_clear(&p->column[i], o.columns - i * LANES, columns_rows(o.longest));
	mass_part(l, &o, x, n, first, behind);
	if (w->n == MASS_WANTS) /* more may follow */
		mass_unmark(&o, w, l);
	mass_settle_columns(&o, w, p->column);
	if (o.large)
		mass_settle_large(&o, w, first, behind);
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

/* Adds wants to w while it has room; returns how many. */
static int mass_want_counts(mass_wants *w, const int *k, int n)
{
	int m = n < MASS_WANTS - w->n ? n : MASS_WANTS - w->n;
	for (int i = 0; i < m; i++) {
		w->k[w->n + i] = k[i];
		w->next[w->n + i] = INFINITY;
	}
	w->n += m;
	w->ks = w->n;
	return m;
}

static int mass_want_sums(mass_wants *w, const double *tau, int n, double total)
{
	int m = n < MASS_WANTS - w->n ? n : MASS_WANTS - w->n;
	for (int i = 0; i < m; i++) {
		double next = (tau[i] - 1e-12) * total;
		w->k[w->n + i] = INT_MAX;
		w->next[w->n + i] = next > 0 ? next : DBL_MIN; /* one weight at least */
	}
	w->n += m;
	return m;
}

static void tally_mass(const float *weight, int n, void *tallied, const int *k, int n_k, const double *tau, int n_tau,
                       float *mass, float *bound, int32_t *count, void *scratch)
{
	n_k = mass_whole(n, k, n_k, mass, bound);
	mass_level *l = scratch;
	double total = level_open(l, tallied, 0, 0);
	mass_wants w;
	for (int ks = 0, taus = 0, a, b; ks < n_k || taus < n_tau; ks += a, taus += b) {
		w.n = 0;
		a = mass_want_counts(&w, k + ks, n_k - ks);
		b = mass_want_sums(&w, tau + taus, n_tau - taus, total);
		level_find(&w, l, n);
		mass_settle(&w, l, weight, n, mass_align(l + 1));
		for (int i = 0; i < a; i++)
			mass[ks + i] = (float)(w.sum[i] / total);
		if (bound && a)
			memcpy(bound + ks, w.bound, (size_t)a * sizeof *bound);
		if (b)
			memcpy(count + taus, w.passed + a, (size_t)b * sizeof *count);
	}
}

static void row_mass(const float *weight, int n, const int *k, int n_k, const double *tau, int n_tau, float *mass,
                     float *bound, int32_t *count, void *scratch)
{
	tally *t = scratch;
	tally_weights(t, weight, n);
	tally_mass(weight, n, t, k, n_k, tau, n_tau, mass, bound, count, mass_align(t + 1));
}

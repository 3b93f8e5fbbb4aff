/* Mass of the k largest weights and the count for a mass, without sorting the row;
 * included by <isa>/row.c, which may define AM_MASS_FILL or AM_MASS_GATHER and bring
 * its own mass_fill or mass_gather before it.
 *
 * Weights are not negative, so their bits order like the numbers. One pass adds
 * each weight to a bucket of equal width in bits between the least and the largest
 * weight. A bucket is one 64-bit integer: the count above, the sum in fixed point
 * below. Walking the buckets down, every wanted k and tau falls into one; only the
 * weights of those are gathered and sorted (done again in the same way, finer, where
 * a bucket is large). Integer sums do not depend on the order of addition, so every
 * ISA gives the same bytes. */
#include "kernels/generic/mass_code.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { MASS_BUCKETS = 2048, MASS_SORTED = 32, MASS_GROUP = 16 };

#ifndef AM_MASS_FILL
/* bucket[(key - low) >> shift] += addend, for every weight. Blocks of 16, so that
 * the compiler vectorises all but the additions themselves. */
static void mass_fill(const float *x, int n, int32_t low, int shift, mass_code c, uint64_t *bucket)
{
	int j = 0;
	for (; j + 16 <= n; j += 16) {
		int32_t at[16];
		uint64_t add[16];
		for (int i = 0; i < 16; i++) {
			at[i] = (mass_key(x[j + i]) - low) >> shift;
			add[i] = mass_encode(c, x[j + i]);
		}
		for (int i = 0; i < 16; i++)
			bucket[at[i]] += add[i];
	}
	for (; j < n; j++)
		bucket[(mass_key(x[j]) - low) >> shift] += mass_encode(c, x[j]);
}
#endif

#ifndef AM_MASS_GATHER
/* The weights of marked buckets, in order; returns how many. `to` has room for all
 * marked weights and 16 more. */
static int mass_gather(const float *x, int n, int32_t low, int shift, const uint32_t *mark, float *to)
{
	int m = 0;
	for (int j = 0; j < n; j++) {
		uint32_t at = (uint32_t)(mass_key(x[j]) - low) >> shift;
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
		int32_t key = mass_key(x[j]);
		least = key < least ? key : least;
		most = key > most ? key : most;
	}
	*low = least;
	*high = most;
}

/* A wanted k or tau, in the order the descending walk meets them. */
typedef struct mass_walk {
	mass_code code;
	const int *k;
	int n_k, n_tau, i_k, i_tau;
	const double *tau;
	uint64_t total;   /* fixed point sum of the row */
	int passed;       /* weights passed so far, and their sum */
	uint64_t sum;
	uint64_t next;    /* sum that reaches tau[i_tau] */
	float *mass;
	int32_t *count;
} mass_walk;

static void mass_next_tau(mass_walk *w)
{
	w->next = UINT64_MAX;
	if (w->i_tau < w->n_tau)
		w->next = (uint64_t)ceil((w->tau[w->i_tau] - 1e-12) * (double)w->total);
}

/* The top level sets the total, from all weights added up. */
static void mass_set_total(mass_walk *w, uint64_t bucket)
{
	if (w->total)
		return;
	w->total = bucket & (((uint64_t)1 << w->code.shift_count) - 1);
	mass_next_tau(w);
}

static int mass_done(const mass_walk *w)
{
	return w->i_k == w->n_k && w->i_tau == w->n_tau;
}

/* Settles every k and tau that the walk has come to. */
static void mass_reached(mass_walk *w)
{
	while (w->i_k < w->n_k && w->k[w->i_k] == w->passed)
		w->mass[w->i_k++] = (float)((double)w->sum / (double)w->total);
	while (w->sum >= w->next) {
		w->count[w->i_tau++] = w->passed;
		mass_next_tau(w);
	}
}

/* Passes a bucket or a single weight, and settles what is reached at its end. */
static inline void mass_pass(mass_walk *w, uint64_t bucket)
{
	w->passed += (int)(bucket >> w->code.shift_count);
	w->sum += bucket & (((uint64_t)1 << w->code.shift_count) - 1);
	if ((w->i_k == w->n_k || w->k[w->i_k] != w->passed) && w->sum < w->next)
		return;
	mass_reached(w);
}

/* Does a wanted k or tau lie before the end of this bucket? */
static int mass_inside(const mass_walk *w, uint64_t bucket)
{
	int count = (int)(bucket >> w->code.shift_count);
	uint64_t sum = bucket & (((uint64_t)1 << w->code.shift_count) - 1);
	return count > 1 && ((w->i_k < w->n_k && w->k[w->i_k] < w->passed + count) || w->sum + sum >= w->next);
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
		mass_pass(w, mass_encode(w->code, x[j]));
}

/* A bucket with something wanted inside, and the walk as it stood before it. */
typedef struct mass_stop {
	uint64_t sum;
	int passed, bucket, count, i_k, i_tau, start;
} mass_stop;

enum { MASS_STOPS = 64 };

/* One level of buckets, in the caller's scratch. */
typedef struct mass_level {
	uint64_t bucket[MASS_BUCKETS];
	uint64_t group[MASS_BUCKETS / MASS_GROUP]; /* sums of 16 buckets, to walk faster */
	mass_stop stop[MASS_STOPS];
	uint32_t mark[MASS_BUCKETS / 32];
	int32_t low;
	int shift, n_buckets, at; /* the walk has come down to bucket `at` */
} mass_level;

/* With the gaps of rounding to 64 bytes. */
_Static_assert(sizeof(mass_level) + 192 <= AM_SELECT_LEVEL, "AM_SELECT_SCRATCH is too small");

static void mass_descend(mass_walk *w, const float *x, int n, void *scratch);

/* Goes past a bucket whose inner k and tau are left to a stop. */
static void mass_skip(mass_walk *w, uint64_t bucket)
{
	w->passed += (int)(bucket >> w->code.shift_count);
	w->sum += bucket & (((uint64_t)1 << w->code.shift_count) - 1);
	while (w->i_k < w->n_k && w->k[w->i_k] <= w->passed)
		w->i_k++;
	while (w->sum >= w->next) {
		w->i_tau++;
		mass_next_tau(w);
	}
}

/* Goes down from bucket l->at past all that holds nothing wanted, 16 buckets at a
 * time where it can; l->at is -1 when it comes to the end. */
static void mass_pass_idle(mass_walk *w, mass_level *l)
{
	int at = l->at, bits = w->code.shift_count, k = w->i_k < w->n_k ? w->k[w->i_k] : INT32_MAX;
	uint64_t mask = ((uint64_t)1 << bits) - 1, sum = w->sum;
	int passed = w->passed;
	while (at >= 0) {
		int whole = at % MASS_GROUP == MASS_GROUP - 1;
		uint64_t b = whole ? l->group[at / MASS_GROUP] : l->bucket[at];
		if (whole && (passed + (int)(b >> bits) >= k || sum + (b & mask) >= w->next)) {
			whole = 0;
			b = l->bucket[at];
		}
		if (passed + (int)(b >> bits) >= k || sum + (b & mask) >= w->next)
			break;
		passed += (int)(b >> bits);
		sum += b & mask;
		at -= whole ? MASS_GROUP : 1;
	}
	l->at = at;
	w->passed = passed;
	w->sum = sum;
}

/* Walks on until everything is settled or MASS_STOPS buckets are marked; returns
 * how many are. Marked buckets get the place of their weights instead of sums. */
static int mass_collect(mass_walk *w, mass_level *l)
{
	int n = 0, wanted = 0;
	while (n < MASS_STOPS && !mass_done(w)) {
		mass_pass_idle(w, l);
		if (l->at < 0)
			break;
		uint64_t b = l->bucket[l->at];
		if (mass_inside(w, b)) {
			int count = (int)(b >> w->code.shift_count);
			l->stop[n++] = (mass_stop){w->sum, w->passed, l->at, count, w->i_k, w->i_tau, wanted};
			l->mark[l->at >> 5] |= (uint32_t)1 << (l->at & 31);
			l->bucket[l->at] = (uint64_t)wanted;
			wanted += count;
			mass_skip(w, b);
		} else {
			mass_pass(w, b);
		}
		l->at--;
	}
	return n;
}

/* Settles what lies inside the marked buckets. */
static void mass_settle(const mass_walk *w, mass_level *l, int n_stops, const float *x, int n, void *scratch)
{
	const mass_stop *last = &l->stop[n_stops - 1];
	int m = last->start + last->count;
	float *mixed = scratch, *apart = mixed + m + 16;
	void *deeper = (char *)scratch + ((size_t)(2 * m + 16) * sizeof *mixed + 63) / 64 * 64;
	m = mass_gather(x, n, l->low, l->shift, l->mark, mixed);
	for (int i = 0; i < m; i++)
		apart[l->bucket[(mass_key(mixed[i]) - l->low) >> l->shift]++] = mixed[i];
	for (int i = 0; i < n_stops; i++) {
		const mass_stop *stop = &l->stop[i];
		mass_walk inner = *w;
		inner.sum = stop->sum;
		inner.passed = stop->passed;
		inner.i_k = stop->i_k;
		inner.i_tau = stop->i_tau;
		if (i + 1 < n_stops) {
			inner.n_k = l->stop[i + 1].i_k;
			inner.n_tau = l->stop[i + 1].i_tau;
		} else {
			inner.n_k = w->i_k;
			inner.n_tau = w->i_tau;
		}
		mass_next_tau(&inner);
		mass_descend(&inner, apart + stop->start, stop->count, deeper);
		l->mark[stop->bucket >> 5] &= ~((uint32_t)1 << (stop->bucket & 31));
	}
}

/* Settles every k and tau that lies among these n weights, the next ones down. */
static void mass_descend(mass_walk *w, const float *x, int n, void *scratch)
{
	int32_t low, high;
	if (n <= MASS_SORTED) {
		memcpy(scratch, x, (size_t)n * sizeof *x);
		mass_pass_sorted(w, scratch, n);
		return;
	}
	mass_key_range(x, n, &low, &high);
	if (low == high) {
		uint64_t each = mass_encode(w->code, x[0]);
		mass_set_total(w, (uint64_t)n * each);
		for (int j = 0; j < n && !mass_done(w); j++)
			mass_pass(w, each);
		return;
	}
	mass_level *l = scratch;
	l->low = low;
	l->shift = 0;
	int limit = n < 512 ? MASS_BUCKETS / 8 : n < 2048 ? MASS_BUCKETS / 2 : MASS_BUCKETS;
	while ((high - low) >> l->shift >= limit)
		l->shift++;
	l->n_buckets = ((high - low) >> l->shift) + 1;
	l->at = l->n_buckets - 1;
	int groups = (l->n_buckets + MASS_GROUP - 1) / MASS_GROUP;
	memset(l->bucket, 0, (size_t)(groups * MASS_GROUP) * sizeof *l->bucket);
	memset(l->mark, 0, sizeof l->mark);
	mass_fill(x, n, low, l->shift, w->code, l->bucket);
	uint64_t all = 0;
	for (int g = 0; g < groups; g++) {
		l->group[g] = 0;
		for (int i = 0; i < MASS_GROUP; i++)
			l->group[g] += l->bucket[g * MASS_GROUP + i];
		all += l->group[g];
	}
	mass_set_total(w, all);
	for (int stops; (stops = mass_collect(w, l)) > 0;)
		mass_settle(w, l, stops, x, n, l + 1);
}

static void row_mass(const float *weight, int n, double z, const int *k, int n_k, const double *tau, int n_tau,
                     float *mass, int32_t *count, void *scratch)
{
	while (n_k && k[n_k - 1] >= n)
		mass[--n_k] = 1; /* the whole row: exactly 1 */
	mass_walk w = {.code = mass_code_for(n, z), .k = k, .n_k = n_k, .tau = tau, .n_tau = n_tau,
	               .mass = mass, .count = count};
	uint64_t all = 0;
	for (int j = 0; j < n && n <= MASS_SORTED; j++)
		all += mass_encode(w.code, weight[j]);
	mass_set_total(&w, all);
	mass_descend(&w, weight, n, scratch);
}

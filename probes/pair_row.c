#include "probes/pair_row.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { ABSENT = -1 };

bool am_pair_scratch_init(am_pair_scratch *w, int capacity)
{
	size_t n = (size_t)capacity;
	*w = (am_pair_scratch){
		.p = am_alloc(n, sizeof *w->p), .q = am_alloc(n, sizeof *w->q), .score = am_alloc(n, sizeof *w->score),
		.a = am_alloc(AM_SET_BUDGETS * AM_SET_WORDS(n), sizeof *w->a),
		.b = am_alloc(AM_SET_BUDGETS * AM_SET_WORDS(n), sizeof *w->b),
		.select = am_alloc(AM_SELECT_SCRATCH(n), 1),
	};
	bool ok = w->p && w->q && w->score && w->a && w->b && w->select;
	if (!ok)
		am_pair_scratch_fini(w);
	return ok;
}

void am_pair_scratch_fini(am_pair_scratch *w)
{
	void *own[] = {w->p, w->q, w->score, w->a, w->b, w->select};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	*w = (am_pair_scratch){0};
}

size_t am_pair_scratch_bytes(int capacity)
{
	size_t n = (size_t)capacity;
	return n * (2 * sizeof(double) + sizeof(float)) + 2 * AM_SET_BUDGETS * AM_SET_WORDS(n) * sizeof(uint64_t) +
	       AM_SELECT_SCRATCH(n);
}

static bool keeps(const am_rescored *r, int j)
{
	return !r->kept || r->kept[j];
}

/* x[j] = probability of the key `shift` places after position 0 of the row, ABSENT where the row
 * does not keep it; returns the log-sum-exp of the kept scores. */
static double probabilities(const am_rescored *r, int skip, double *x)
{
	double max = -INFINITY, z = 0;
	for (int j = 0; j < r->n; j++)
		if (keeps(r, j) && (double)r->score[j] > max)
			max = (double)r->score[j];
	for (int j = 0; j < skip; j++)
		x[j] = ABSENT;
	for (int j = 0; j < r->n; j++) {
		x[skip + j] = keeps(r, j) ? exp((double)r->score[j] - max) : ABSENT;
		z += keeps(r, j) ? x[skip + j] : 0;
	}
	for (int j = 0; j < r->n; j++)
		x[skip + j] = keeps(r, j) ? x[skip + j] / z : ABSENT;
	return max + log(z);
}

/* p ln(p / m) where a side has all of the mass of m = p / 2. */
static double alone(double p)
{
	return p * 0.69314718055994530942;
}

static double within(double x, double high)
{
	return x < 0 ? 0 : x > high ? high : x;
}

void am_pair_distances(const am_rescored *a, const am_rescored *b, am_pair_scratch *w, am_pair_values *out)
{
	int first = a->first_key < b->first_key ? a->first_key : b->first_key, n = a->n > b->n ? a->n : b->n;
	int skip_a = a->first_key - first, skip_b = b->first_key - first;
	double lse_a = probabilities(a, skip_a, w->p), lse_b = probabilities(b, skip_b, w->q);
	double ab = 0, ba = 0, js = 0, tv = 0, lost = 0, gained = 0;
	bool a_alone = false, b_alone = false;
	for (int j = 0; j < n; j++) {
		double p = w->p[j], q = w->q[j];
		if (p >= 0 && q >= 0) {
			double ln_p = (double)a->score[j - skip_a] - lse_a, ln_q = (double)b->score[j - skip_b] - lse_b;
			ab += p * (ln_p - ln_q);
			ba += q * (ln_q - ln_p);
			tv += fabs(p - q);
			if (p != q) { /* so neither both are 0, nor is a term left over by rounding */
				double ln_m = log((p + q) / 2);
				js += (p > 0 ? p * (ln_p - ln_m) : 0) + (q > 0 ? q * (ln_q - ln_m) : 0);
			}
		} else if (p >= 0) {
			a_alone = true;
			lost += p;
			js += alone(p);
		} else if (q >= 0) {
			b_alone = true;
			gained += q;
			js += alone(q);
		}
	}
	*out = (am_pair_values){
		.kl = a_alone ? INFINITY : fmax(ab, 0), .kl_reverse = b_alone ? INFINITY : fmax(ba, 0),
		.js = within(js / 2, alone(1)), .tv = within((tv + lost + gained) / 2, 1),
		.lost = within(lost, 1), .gained = within(gained, 1),
	};
}

/* Sets of the row's best kept keys among n places, its keys from place `skip` on. Returns how
 * many are kept. */
static int find_sets(const am_kernels *kernels, const am_rescored *r, int skip, int n, const int *k, int n_k,
                     am_pair_scratch *w, uint64_t *set)
{
	int kept = 0, at_most[AM_SET_BUDGETS];
	for (int j = 0; j < n; j++) {
		bool there = j >= skip && j < skip + r->n && (!r->kept || r->kept[j - skip]);
		w->score[j] = there ? r->score[j - skip] : -INFINITY;
		kept += there;
	}
	/* So that none of the others is taken. */
	for (int i = 0; i < n_k; i++)
		at_most[i] = k[i] < kept ? k[i] : kept;
	kernels->row_sets(w->score, n, at_most, n_k, set, w->select);
	return kept;
}

void am_pair_overlaps(const am_kernels *kernels, const am_rescored *a, const am_rescored *b, const int32_t *k, int n_k,
                      am_pair_scratch *w, float *out)
{
	int first = a->first_key < b->first_key ? a->first_key : b->first_key, n = a->n > b->n ? a->n : b->n;
	int32_t common[AM_SET_BUDGETS];
	for (int at = 0, m; at < n_k; at += m) {
		m = n_k - at < AM_SET_BUDGETS ? n_k - at : AM_SET_BUDGETS;
		int kept_a = find_sets(kernels, a, a->first_key - first, n, k + at, m, w, w->a);
		int kept_b = find_sets(kernels, b, b->first_key - first, n, k + at, m, w, w->b);
		int most = kept_a > kept_b ? kept_a : kept_b;
		kernels->set_counts(w->a, w->b, n, m, common);
		for (int i = 0; i < m; i++)
			out[at + i] = (float)common[i] / (float)(k[at + i] < most ? k[at + i] : most);
	}
}

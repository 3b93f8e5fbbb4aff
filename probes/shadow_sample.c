/* What is taken on sampled rows only: ties and gaps at the border of the best keys, rank
 * correlation, what sets have in common with each other. */
#include "probes/shadow_internal.h"

#include <math.h>
#include <string.h>

/* ---- rank correlation ------------------------------------------------------- */

/* Exact: |rank| < n, so that sums of n products fit 64 bits up to n = 2^20, and float64 up to 2^17. */
static double product(const int32_t *x, const int32_t *y, int n)
{
	int64_t sum = 0;
	if (n <= 1 << 17) {
		double part[4] = {0};
		int i = 0;
		for (; i + 4 <= n; i += 4)
			for (int c = 0; c < 4; c++)
				part[c] += (double)x[i + c] * (double)y[i + c];
		for (; i < n; i++)
			part[0] += (double)x[i] * (double)y[i];
		return (part[0] + part[1]) + (part[2] + part[3]);
	}
	for (int i = 0; i < n; i++)
		sum += (int64_t)x[i] * y[i];
	return (double)sum;
}

/* NaN where either is constant; xx and yy are their products with themselves. */
static double correlation(const int32_t *x, double xx, const int32_t *y, double yy, int n)
{
	return xx > 0 && yy > 0 ? fmax(-1, fmin(1, product(x, y, n) / sqrt(xx * yy))) : NAN;
}

/* ---- the border of the best keys -------------------------------------------- */

/* Least score within and largest beyond, under each budget, from keys that am_shadow_mid_ranks has sorted, and
 * their gap over `whole`; NaN where nothing lies beyond. */
static void find_borders(const am_shadow *s, am_shadow_scratch *w, am_ranking *r, int n, double whole, double *gap)
{
	for (int b = 0; b < am_shadow_budgets(s); b++) {
		int k = w->budgets.k[b] < n ? w->budgets.k[b] : n;
		float beyond = k < n ? am_shadow_score_of(w->sort[n - k - 1]) : NAN;
		r->border[b] = am_shadow_score_of(w->sort[n - k]);
		r->tied[b] = r->border[b] == beyond;
		/* -inf against -inf has no gap either. */
		gap[b] = r->tied[b] ? 0 : ((double)r->border[b] - (double)beyond) / whole;
		gap[b] = gap[b] < INFINITY ? gap[b] : NAN;
	}
}

static void rank_scores(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int sample, am_run_reference r, int second,
                        int index, double whole)
{
	double gap[AM_SELECT_BUDGETS];
	am_ranking *ranking = &w->ranking[index];
	int32_t *rank = w->rank + (size_t)index * s->stride;
	am_shadow_mid_ranks(ranking->score, row->n, w->sort, w->sort + s->stride, rank);
	ranking->square = product(rank, rank, row->n);
	find_borders(s, w, ranking, row->n, whole, gap);
	if (second >= 0)
		am_shadow_put(s, am_reference_field(AM_REFERENCE_GAP, r, false), am_shadow_sample_at(s, second, sample), w->place, gap);
}

void am_shadow_sample_reference(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int sample)
{
	int group = s->heads / s->kv_heads;
	for (int h = 0; h < s->heads; h++)
		rank_scores(s, w, row, sample, AM_RUN_HEAD, s->c->head_index[h], h, 1);
	for (int g = 0; g < s->kv_heads; g++)
		rank_scores(s, w, row, sample, AM_RUN_GROUP, g, am_ranking_of(s, AM_RUN_GROUP, g), group * s->share);
	rank_scores(s, w, row, sample, AM_RUN_SUM, 0, am_ranking_of(s, AM_RUN_SUM, 0), s->heads * s->share);
	rank_scores(s, w, row, sample, AM_RUN_MAX, 0, am_ranking_of(s, AM_RUN_MAX, 0), s->share);
}

/* ---- recall with ties ------------------------------------------------------- */

/* Any keys equal to the last one within may stand for it. */
static double tied(const uint64_t *set, const am_ranking *r, int n, int b, int k)
{
	int above = 0, found = 0, equal = 0;
	for (int j = 0; j < n; j++) {
		bool in = am_set_holds(set, n, b, j);
		above += r->score[j] > r->border[b];
		found += in && r->score[j] > r->border[b];
		equal += in && r->score[j] == r->border[b];
	}
	return (double)(found + (equal < k - above ? equal : k - above)) / k;
}

/* Adds a set's shares over `count`. Where no key beyond the border equals the last one within,
 * it is plain recall. */
static void add_tied(am_shadow *s, am_shadow_scratch *w, const uint64_t *set, const am_ranking *r, int n, int count,
                     double *out)
{
	int32_t common[AM_SELECT_BUDGETS];
	s->c->kernels->set_counts(set, r->set, n, am_shadow_budgets(s), common);
	for (int b = 0; b < am_shadow_budgets(s); b++) {
		int k = w->budgets.k[b] < n ? w->budgets.k[b] : n;
		out[b] += (r->tied[b] ? tied(set, r, n, b, k) : (double)common[b] / k) / count;
	}
}

/* ---- a selector -------------------------------------------------------------- */

/* Ranks of the scores of a set's keys, of whichever selector, and their product with themselves. */
static const int32_t *ranks_of(am_shadow *s, am_shadow_scratch *w, int worker, const am_select_row *row,
                               const am_shadowed *a, int set, double *square)
{
	if (a->alias >= 0) {
		int ranking = am_ranking_of(s, (am_run_reference)a->alias, set);
		*square = w->ranking[ranking].square;
		return w->rank + (size_t)ranking * s->stride;
	}
	int32_t *own = w->rank + (size_t)s->rankings * s->stride;
	if (w->ranked != a || w->ranked_set != set) {
		const float *score = am_selector_scores(a->selector, worker, row, set, w->score);
		am_shadow_mid_ranks(score, row->n, w->sort, w->sort + s->stride, own);
		w->square = product(own, own, row->n);
		w->ranked = a;
		w->ranked_set = set;
	}
	*square = w->square;
	return own;
}

/* ---- sets against each other ------------------------------------------------ */

/* Mean over the pairs of sets of the share of the smaller that is in both. */
static void put_pairs(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int sample, int selector)
{
	const am_shadowed *a = &s->item[selector];
	const am_kernels *kernels = s->c->kernels;
	const uint64_t *const *set = w->set + a->first_set;
	int n_k = am_shadow_budgets(s), n = row->n;
	int32_t in_x[AM_SELECT_BUDGETS], in_y[AM_SELECT_BUDGETS], both[AM_SELECT_BUDGETS];
	double sum[AM_SELECT_BUDGETS] = {0}, pairs = a->sets * (a->sets - 1) / 2.0;
	for (int x = 0; x < a->sets; x++) {
		kernels->set_counts(set[x], set[x], n, n_k, in_x);
		for (int y = 0; y < x; y++) {
			kernels->set_counts(set[y], set[y], n, n_k, in_y);
			kernels->set_counts(set[x], set[y], n, n_k, both);
			for (int b = 0; b < n_k; b++) {
				int least = in_x[b] < in_y[b] ? in_x[b] : in_y[b];
				sum[b] += least ? (double)both[b] / least / pairs : 0;
			}
		}
	}
	for (int b = 0; b < n_k && a->sets == 1; b++)
		sum[b] = 1;
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_OVERLAP_HEADS, AM_RUN_HEAD, false), am_shadow_sample_at(s, 0, sample),
	              w->place, sum);
}

/* Keys in the sets of any query head of a key/value head. */
static void put_unions(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int sample, int selector)
{
	int n_k = am_shadow_budgets(s), group = s->heads / s->kv_heads;
	size_t words = (size_t)n_k * AM_SET_WORDS(row->n);
	const uint64_t *const *set = w->set + s->item[selector].first_set;
	uint64_t *joined = w->sets + (size_t)(s->rankings + s->all_sets) * (size_t)n_k * AM_SET_WORDS(s->c->sequences->longest);
	for (int g = 0; g < s->kv_heads; g++) {
		int32_t count[AM_SELECT_BUDGETS];
		double value[AM_SELECT_BUDGETS];
		memset(joined, 0, words * sizeof *joined);
		for (int i = 0; i < group; i++)
			for (size_t j = 0; j < words; j++)
				joined[j] |= set[g * group + i][j];
		s->c->kernels->set_counts(joined, joined, row->n, n_k, count);
		for (int b = 0; b < n_k; b++)
			value[b] = count[b];
		am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_UNION, AM_RUN_HEAD, false),
		              am_shadow_sample_at(s, g, sample), w->place, value);
	}
}

/* Sets first .. first + count - 1 against one ranking, on average. */
static void put_against(am_shadow *s, am_shadow_scratch *w, int worker, const am_select_row *row, int sample, int selector,
                        am_run_reference r, int second, int ranking, int first, int count)
{
	const am_shadowed *a = &s->item[selector];
	const am_ranking *to = &w->ranking[ranking];
	size_t at = am_shadow_sample_at(s, second, sample);
	double value[AM_SELECT_BUDGETS] = {0}, rho = 0;
	float *out = s->field[am_shadow_field(selector, AM_SHADOW_RANK_CORRELATION, r, false) - AM_FIELD_COUNT];
	for (int i = first; i < first + count; i++) {
		add_tied(s, w, w->set[a->first_set + i], to, row->n, count, value);
		if (!out)
			continue;
		double square;
		const int32_t *own = ranks_of(s, w, worker, row, a, i, &square);
		rho += correlation(own, square, w->rank + (size_t)ranking * s->stride, to->square, row->n) / count;
	}
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_RECALL_TIED, r, false), at, w->place, value);
	if (out)
		out[at] = (float)rho;
}

void am_shadow_sample_selector(am_shadow *s, am_shadow_scratch *w, int worker, const am_select_row *row, int sample,
                               int selector)
{
	const am_shadowed *a = &s->item[selector];
	int per_group = a->sets == s->heads ? s->heads / s->kv_heads : 1;
	w->ranked = NULL;
	if (a->sets == s->heads && a->about.sets == AM_AXIS_HEAD)
		put_unions(s, w, row, sample, selector);
	if (a->about.sets != AM_AXIS_LAYER)
		put_pairs(s, w, row, sample, selector);
	for (int i = 0; i < s->c->axes.n_head; i++)
		put_against(s, w, worker, row, sample, selector, AM_RUN_HEAD, i, s->c->heads[i],
		            am_set_of_head(s, a, s->c->heads[i]), 1);
	for (int g = 0; g < s->kv_heads; g++)
		put_against(s, w, worker, row, sample, selector, AM_RUN_GROUP, g, am_ranking_of(s, AM_RUN_GROUP, g),
		            a->sets == 1 ? 0 : g * per_group, per_group);
	for (int r = AM_RUN_SUM; r <= AM_RUN_MAX; r++)
		put_against(s, w, worker, row, sample, selector, (am_run_reference)r, 0, am_ranking_of(s, (am_run_reference)r, 0), 0,
		            a->sets);
}

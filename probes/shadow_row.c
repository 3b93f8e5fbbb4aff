/* One query row: the rankings it is judged by, once for all selectors, then each
 * selector's sets against them. A set is one bit a key, so that an intersection is counted 64
 * keys at a time, and the masses of several rows are added up in one pass. */
#include "probes/shadow_internal.h"

#include <math.h>
#include <string.h>

enum { LINE = 64 }; /* bytes */

/* ---- places ----------------------------------------------------------------- */

size_t am_shadow_at(const am_shadow *s, int second, int slot)
{
	return (size_t)second * (size_t)s->c->n_rows + (size_t)slot;
}

size_t am_shadow_sample_at(const am_shadow *s, int second, int sample)
{
	return (size_t)second * (size_t)s->n_sampled + (size_t)sample;
}

/* The line behind is fetched for the rows that come next: a row writes to hundreds of arrays, more than the processor
 * follows by itself. */
static inline void put_values(void *to, bool count, size_t at, size_t n, const int *place, const double *value)
{
	float *x = (float *)to + at * n;
	int32_t *c = (int32_t *)to + at * n;
	__builtin_prefetch((const void *)((uintptr_t)x + LINE), 1);
	if (count)
		for (size_t j = 0; j < n; j++)
			c[j] = (int32_t)value[place ? place[j] : (int)j];
	else if (place)
		for (size_t j = 0; j < n; j++)
			x[j] = (float)value[place[j]];
	else
		for (size_t j = 0; j < n; j++)
			x[j] = (float)value[j];
}

void am_shadow_put(am_shadow *s, am_field first, size_t at, const int *place, const double *value)
{
	size_t n_k = (size_t)s->c->axes.n_k, n_ratio = (size_t)s->c->axes.n_ratio;
	void *const *to = s->field + (first - AM_FIELD_COUNT);
	bool count = s->counts[first - AM_FIELD_COUNT];
	if (n_k)
		put_values(to[0], count, at, n_k, place, value);
	if (n_ratio)
		put_values(to[1], count, at, n_ratio, place ? place + n_k : NULL, value + (place ? 0 : n_k));
}

/* Budgets of the row, and the way back from the order of -k, then --ratio. */
static void set_budgets(const am_shadow *s, am_shadow_scratch *w, int n)
{
	am_budgets_set(s->c, &w->budgets, n);
	bool moved = false;
	for (int i = 0; i < am_shadow_budgets(s); i++) {
		w->places[w->budgets.origin[i]] = i;
		moved = moved || w->budgets.origin[i] != i;
	}
	w->place = moved ? w->places : NULL;
}

/* ---- rankings --------------------------------------------------------------- */

void am_shadow_bounds(am_shadow *s, const am_attn_row *row, const am_budgets *b)
{
	size_t n_k = (size_t)am_shadow_budgets(s), at = (size_t)row->row * (size_t)s->heads + (size_t)row->head;
	memcpy(s->bound + at * 2 * n_k, b->bound, n_k * sizeof *s->bound);
	memcpy(s->bound + at * 2 * n_k + n_k, b->mass, n_k * sizeof *s->bound);
	s->bound_layer[at] = row->layer;
}

/* The best of the smallest set. */
static int best_of(const uint64_t *set, const float *score, int n)
{
	int best = -1;
	for (int w = 0; 64 * w < n; w++)
		for (uint64_t bits = set[w]; bits; bits &= bits - 1) {
			int j = 64 * w + __builtin_ctzll(bits);
			best = best < 0 || score[j] > score[best] ? j : best;
		}
	return best;
}

/* Budgets up to an eighth of the keys, of which counting does without a ranking's sets: their own
 * keys are looked up instead. */
static int first_large(const am_shadow *s, const am_shadow_scratch *w, int n)
{
	enum { LARGE = 512 };
	int b = 0, most = n / 8 < LARGE ? n / 8 : LARGE;
	while (b < am_shadow_budgets(s) && w->budgets.k[b] <= most)
		b++;
	return b;
}

/* Best keys of a ranking, of which score and weight are known, as those whose weights reach the bounds,
 * as sets from the r->from-th budget on. False where ties leave no bound. */
static bool rank_by_bounds(am_shadow *s, const am_shadow_scratch *w, am_ranking *r, int n, const float *bound)
{
	const am_kernels *kernels = s->c->kernels;
	int n_k = am_shadow_budgets(s);
	for (int b = 0; b < n_k; b++)
		if (!(bound[b] >= 0))
			return false;
	size_t at = (size_t)r->from * AM_SET_WORDS(n);
	r->bounded = true;
	memcpy(r->bound, bound, (size_t)n_k * sizeof *bound);
	kernels->reach_sets(r->weight, n, bound + r->from, n_k - r->from, r->set + at);
	if (r->from > 0 && w->budgets.k[0] == 1) {
		r->best = kernels->first_reach(r->weight, n, bound[0]);
	} else {
		if (r->from > 0)
			kernels->reach_sets(r->weight, n, bound, 1, r->set);
		r->best = best_of(r->set, r->score, n);
	}
	return true;
}

/* By the scores themselves. */
static void rank(am_shadow *s, am_shadow_scratch *w, am_ranking *r, int n)
{
	int n_k = am_shadow_budgets(s);
	r->from = 0;
	r->bounded = false;
	r->best = s->c->kernels->row_sets(r->score, n, w->budgets.k, n_k, r->set, w->select);
	s->c->kernels->set_sums(r->set, n, n_k, &r->weight, 1, r->mass);
}

/* Weights order like scores. Their bounds are there for captured heads; not where the row was scored again
 * by products that may round otherwise. */
static void rank_head(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int head)
{
	am_ranking *r = &w->ranking[head];
	size_t n_k = (size_t)am_shadow_budgets(s), at = (size_t)row->row * (size_t)s->heads + (size_t)head;
	const float *bound = s->bound + at * 2 * n_k;
	r->score = row->score + head * row->stride;
	r->weight = row->weight + head * row->stride;
	double z = row->sums[head].z;
	if (s->bound_layer[at] != row->block->layer || !s->c->kernels->gemm_nt || !rank_by_bounds(s, w, r, row->n, bound)) {
		rank(s, w, r, row->n);
		return;
	}
	for (size_t b = 0; b < n_k; b++)
		r->mass[b] = w->budgets.k[b] < row->n ? (double)bound[n_k + b] * z : z;
}

static void rank_shares(am_shadow *s, am_shadow_scratch *w, am_ranking *r, const float *share, int n)
{
	float bound[AM_SELECT_BUDGETS];
	r->score = r->weight = share;
	s->c->kernels->row_best(share, n, w->budgets.k, am_shadow_budgets(s), &r->guess, r->mass, bound, w->select);
	if (!rank_by_bounds(s, w, r, n, bound))
		rank(s, w, r, n);
}

/* Rankings of which every set is looked at: selectors have them for their own, and the layer's maxima
 * tell the probability that theirs hold. */
static bool needs_sets(const am_shadow *s, am_run_reference r)
{
	bool needed = r == AM_RUN_MAX;
	for (int i = 0; i < s->n; i++)
		needed = needed || s->item[i].alias == (int)r;
	return needed;
}

static void plan_sets(const am_shadow *s, am_shadow_scratch *w, int n, bool sampled)
{
	int large = sampled ? 0 : first_large(s, w, n);
	for (int r = AM_RUN_HEAD; r <= AM_RUN_MAX; r++) {
		int count = r == AM_RUN_HEAD ? s->heads : r == AM_RUN_GROUP ? s->kv_heads : 1;
		int from = needs_sets(s, (am_run_reference)r) ? 0 : large;
		for (int i = 0; i < count; i++)
			w->ranking[am_ranking_of(s, (am_run_reference)r, i)].from = from;
	}
}

static void rank_all(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, bool sampled)
{
	plan_sets(s, w, row->n, sampled);
	int n = row->n, group = s->heads / s->kv_heads;
	float *sum = w->shares + (size_t)s->kv_heads * s->stride, *most = sum + s->stride;
	for (int h = 0; h < s->heads; h++)
		w->inv_z[h] = (float)(s->share / row->sums[h].z);
	s->c->kernels->row_shares(row->weight, row->stride, s->heads, group, w->inv_z, n, w->shares, (int64_t)s->stride, sum,
	                          most);
	for (int h = 0; h < s->heads; h++)
		rank_head(s, w, row, h);
	for (int g = 0; g < s->kv_heads; g++)
		rank_shares(s, w, &w->ranking[am_ranking_of(s, AM_RUN_GROUP, g)], w->shares + (size_t)g * s->stride, n);
	rank_shares(s, w, &w->ranking[am_ranking_of(s, AM_RUN_SUM, 0)], sum, n);
	rank_shares(s, w, &w->ranking[am_ranking_of(s, AM_RUN_MAX, 0)], most, n);
}

/* What sets are measured by, as factors: there are more sets than rankings. */
static void invert(const am_shadow *s, am_shadow_scratch *w, int n)
{
	int n_k = am_shadow_budgets(s);
	for (int b = 0; b < n_k; b++)
		w->per_key[b] = 1.0 / (w->budgets.k[b] < n ? w->budgets.k[b] : n);
	for (int i = 0; i < s->rankings; i++)
		for (int b = 0; b < n_k; b++)
			w->ranking[i].per_mass[b] = 1 / w->ranking[i].mass[b];
}

static double at_most_1(double x)
{
	return x > 1 ? 1 : x;
}

/* Probability that the references' own sets hold, as a mean over their heads. */
static void put_reference_mass(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot)
{
	int n_k = am_shadow_budgets(s), group = s->heads / s->kv_heads;
	const float *sum = w->shares + (size_t)s->kv_heads * s->stride;
	double value[AM_SELECT_BUDGETS];
	for (int g = 0; g < s->kv_heads; g++) {
		for (int b = 0; b < n_k; b++)
			value[b] = at_most_1(w->ranking[am_ranking_of(s, AM_RUN_GROUP, g)].mass[b] / s->share / group);
		am_shadow_put(s, am_reference_field(AM_REFERENCE_MASS, AM_RUN_GROUP, false),
		              am_shadow_at(s, g, slot), w->place, value);
	}
	for (int r = AM_RUN_SUM; r <= AM_RUN_MAX; r++) {
		const am_ranking *ranking = &w->ranking[am_ranking_of(s, (am_run_reference)r, 0)];
		if (r == AM_RUN_SUM)
			memcpy(value, ranking->mass, sizeof value);
		else if (ranking->bounded)
			s->c->kernels->reach_sums(ranking->weight, sum, row->n, ranking->bound, n_k, value);
		else
			s->c->kernels->set_sums(ranking->set, row->n, n_k, &sum, 1, value);
		for (int b = 0; b < n_k; b++)
			value[b] = at_most_1(value[b] / s->share / s->heads);
		am_shadow_put(s, am_reference_field(AM_REFERENCE_MASS, (am_run_reference)r, false),
		              am_shadow_at(s, 0, slot), w->place, value);
	}
}

/* ---- one selector ----------------------------------------------------------- */

static void find_sets(am_shadow *s, am_shadow_scratch *w, int worker, const am_select_row *row, const am_shadowed *a)
{
	const am_kernels *kernels = s->c->kernels;
	int n_k = am_shadow_budgets(s);
	size_t words = (size_t)n_k * AM_SET_WORDS(s->c->sequences->longest);
	if (a->alias < 0 && !a->ranks)
		am_selector_select(a->selector, worker, row, w->budgets.k, n_k, w->member, (int64_t)s->stride);
	for (int i = 0; i < a->sets; i++) {
		int at = a->first_set + i;
		uint64_t *own = w->sets + (size_t)(s->rankings + at) * words;
		w->set[at] = own;
		if (a->alias >= 0) {
			w->set[at] = w->ranking[am_ranking_of(s, (am_run_reference)a->alias, i)].set;
		} else if (a->ranks) {
			const float *score = am_selector_scores(a->selector, worker, row, i, w->score);
			kernels->row_sets(score, row->n, w->budgets.k, n_k, own, w->select);
		} else {
			kernels->member_sets(w->member + (size_t)i * s->stride, row->n, n_k, own);
		}
	}
}

/* Sizes, and what as many random keys would find, for each captured head. */
static void put_plain(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector)
{
	const am_shadowed *a = &s->item[selector];
	int n_k = am_shadow_budgets(s);
	am_field kept = am_shadow_field(selector, AM_SHADOW_KEPT, AM_RUN_HEAD, false);
	double value[AM_SELECT_BUDGETS];
	for (int i = 0, sets = am_stored_sets(s, a); i < sets; i++) {
		const int32_t *size = w->size + (a->first_set + am_stored_set(s, a, i)) * n_k;
		for (int b = 0; b < n_k; b++)
			value[b] = size[b];
		am_shadow_put(s, kept, am_shadow_at(s, i, slot), w->place, value);
	}
	for (int i = 0, last = -1; i < s->c->axes.n_head; i++) {
		int set = am_set_of_head(s, a, s->c->heads[i]);
		const int32_t *size = w->size + (a->first_set + set) * n_k;
		size_t at = am_shadow_at(s, i, slot);
		for (int b = 0; b < n_k && set != last; b++)
			value[b] = (double)size[b] / row->n;
		last = set;
		am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_CHANCE, AM_RUN_HEAD, false), at, w->place, value);
	}
}

/* Heads that have set i of a selector. */
static int first_head(const am_shadow *s, const am_shadowed *a, int i)
{
	return i * (s->heads / a->sets);
}

/* The rankings that judge set i: those of the heads that have it and of their key/value heads, the
 * layer's two. The kernel adds up masses of the first *direct and of the maxima; the others add up
 * probabilities of heads that all have the set. It counts keys for those before the maxima, of which all sets are
 * known; behind come the sums where theirs are. */
static int judges_of(const am_shadow *s, const am_shadow_scratch *w, const am_shadowed *a, int i, int *judge, int *direct)
{
	int sums = am_ranking_of(s, AM_RUN_SUM, 0);
	int n = 0, group = s->heads / s->kv_heads, per_set = s->heads / a->sets, first = first_head(s, a, i);
	bool whole_groups = per_set % group == 0, whole_layer = a->sets == 1, last = whole_layer && !w->ranking[sums].from;
	for (int h = first; h < first + per_set; h++)
		judge[n++] = am_ranking_of(s, AM_RUN_HEAD, h);
	for (int derived = 0; derived < 2; derived++) {
		*direct = derived ? n : 0;
		for (int g = first / group; g <= (first + per_set - 1) / group && whole_groups == derived; g++)
			judge[n++] = am_ranking_of(s, AM_RUN_GROUP, g);
		if (whole_layer == derived && !last)
			judge[n++] = sums;
	}
	judge[n++] = am_ranking_of(s, AM_RUN_MAX, 0);
	if (last)
		judge[n++] = sums;
	return n;
}

/* Where the kernel leaves what set i of a selector holds. */
static am_key_sets weighed(const am_shadow *s, const am_shadow_scratch *w, int selector, int i)
{
	int n_k = am_shadow_budgets(s), set = s->item[selector].first_set + i;
	size_t at = (size_t)selector * (size_t)s->rankings * (size_t)n_k;
	return (am_key_sets){w->set[set], w->sums + at, w->common + at, w->size + set * n_k};
}

/* Masses of the rankings by[direct .. n - 1] but the maxima, at by[counted], from those of heads first and on. */
static void derive_sums(const am_shadow *s, const am_shadow_scratch *w, int first, const int *by, int n, int direct, int counted,
                        double *sums)
{
	size_t n_k = (size_t)am_shadow_budgets(s);
	int group = s->heads / s->kv_heads;
	for (int j = direct; j < n; j++) {
		bool all = by[j] == am_ranking_of(s, AM_RUN_SUM, 0);
		if (j == counted)
			continue;
		int from = all ? 0 : (by[j] - s->heads) * group - first, heads = all ? s->heads : group;
		double *sum = sums + (size_t)j * n_k;
		memset(sum, 0, n_k * sizeof *sum);
		for (int h = from; h < from + heads; h++)
			for (size_t b = 0; b < n_k; b++)
				sum[b] += sums[(size_t)h * n_k + b] * (double)w->inv_z[first + h];
	}
}

/* Of set i of each of these selectors, which have equally many sets: its keys, masses that it holds of the rankings
 * that judge it, and keys that it shares with those of them that tell their best keys by bounds. */
static void weigh_sets(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, const int *selector, int selectors, int i)
{
	const am_shadowed *a = &s->item[selector[0]];
	am_key_sets sets[AM_SET_FAMILIES];
	int direct, n = judges_of(s, w, a, i, w->judge, &direct), most = am_ranking_of(s, AM_RUN_MAX, 0);
	am_set_rows rows = {.row = w->rows, .summed = direct, .bound = w->bounds};
	for (int j = 0; !rows.rows; j++) {
		const am_ranking *r = &w->ranking[w->judge[j]];
		if (w->judge[j] == most)
			rows.counted = j, rows.rows = j + 1;
		w->rows[j] = r->weight;
		w->bounds[j] = r->from ? r->bound : NULL;
		rows.n_bound = r->from > rows.n_bound ? r->from : rows.n_bound;
	}
	for (int f = 0; f < selectors; f++)
		sets[f] = weighed(s, w, selector[f], i);
	s->c->kernels->weigh_sets(sets, selectors, row->n, am_shadow_budgets(s), &rows);
	for (int f = 0; f < selectors; f++)
		derive_sums(s, w, first_head(s, a, i), w->judge, n, direct, rows.counted, sets[f].sum);
}

/* Selectors of one set a layer, a few in one pass over the rows. */
static void weigh_layer_sets(am_shadow *s, am_shadow_scratch *w, const am_select_row *row)
{
	int selector[AM_SET_FAMILIES], n = 0;
	for (int i = 0; i < s->n; i++) {
		if (s->item[i].sets == 1)
			selector[n++] = i;
		if (n && (n == AM_SET_FAMILIES || i == s->n - 1)) {
			weigh_sets(s, w, row, selector, n, 0);
			n = 0;
		}
	}
}

/* Sets that a ranking judges. */
static int judged_by(const am_shadow *s, const am_shadowed *a, int ranking)
{
	if (ranking >= s->heads + s->kv_heads)
		return a->sets;
	return ranking >= s->heads && a->sets == s->heads ? s->heads / s->kv_heads : 1;
}

/* Adds part of the values to what there is, nothing at the first. */
static void add_share(double *restrict to, bool first, const double *restrict value, double part, int n)
{
	for (int b = 0; b < n; b++)
		to[b] = (first ? 0 : to[b]) + value[b] * part;
}

/* One set's share in the verdict of a ranking; `sum` are the masses it holds, `common` the keys of both
 * under the first budgets. */
static void judge(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, const uint64_t *set, const am_ranking *r,
                  const double *sum, int32_t *common, int count, am_verdict *v)
{
	int n_k = am_shadow_budgets(s);
	size_t at = (size_t)r->from * AM_SET_WORDS(row->n);
	bool first = v->sets++ == 0;
	am_verdict one, *to = count == 1 ? v : &one; /* mostly 1 */
	const uint64_t *top = set + r->best / 64;
	for (int b = 0; b < n_k; b++, top += AM_SET_WORDS(row->n))
		to->hit[b] = (double)(*top >> (r->best & 63) & 1);
	if (set != r->set)
		s->c->kernels->set_counts(set + at, r->set + at, row->n, n_k - r->from, common + r->from);
	for (int b = 0; b < n_k; b++) {
		to->recall[b] = set == r->set ? 1 : (double)common[b] * w->per_key[b];
		to->of_mass[b] = set == r->set ? 1 : sum[b] * r->per_mass[b];
	}
	if (count > 1) {
		add_share(v->hit, first, one.hit, 1.0 / count, n_k);
		add_share(v->recall, first, one.recall, 1.0 / count, n_k);
		add_share(v->of_mass, first, one.of_mass, 1.0 / count, n_k);
	}
}

static void put_retained(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector, int head,
                         const double *sum)
{
	double value[AM_SELECT_BUDGETS], per_z = 1 / row->sums[head].z;
	for (int b = 0; b < am_shadow_budgets(s); b++)
		value[b] = at_most_1(sum[b] * per_z);
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false),
	              am_shadow_at(s, s->c->head_index[head], slot), w->place, value);
}

/* Against heads the set of each, against what heads share each of the selector's sets there. */
static void judge_all(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector)
{
	const am_shadowed *a = &s->item[selector];
	int n_k = am_shadow_budgets(s), *by = w->judge;
	for (int r = 0; r < s->rankings; r++)
		w->verdict[r].sets = 0;
	for (int i = 0; i < a->sets; i++) {
		int direct, n = judges_of(s, w, a, i, by, &direct);
		am_key_sets own = weighed(s, w, selector, i);
		if (a->sets > 1)
			weigh_sets(s, w, row, &selector, 1, i);
		for (int j = 0; j < n; j++) {
			const double *sum = own.sum + (size_t)j * (size_t)n_k;
			judge(s, w, row, own.set, &w->ranking[by[j]], sum, own.count + j * n_k, judged_by(s, a, by[j]), &w->verdict[by[j]]);
			if (by[j] < s->heads && s->c->head_index[by[j]] >= 0)
				put_retained(s, w, row, slot, selector, by[j], sum);
		}
	}
}

static void put_verdict(am_shadow *s, am_shadow_scratch *w, int selector, am_run_reference r, int set, size_t at)
{
	const am_verdict *v = &w->verdict[am_ranking_of(s, r, set)];
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_RECALL, r, false), at, w->place, v->recall);
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_MASS_RECALL, r, false), at, w->place, v->of_mass);
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_TOP1_HIT, r, false), at, w->place, v->hit);
}

static void put_verdicts(am_shadow *s, am_shadow_scratch *w, int slot, int selector)
{
	for (int i = 0; i < s->c->axes.n_head; i++)
		put_verdict(s, w, selector, AM_RUN_HEAD, s->c->heads[i], am_shadow_at(s, i, slot));
	for (int g = 0; g < s->kv_heads; g++)
		put_verdict(s, w, selector, AM_RUN_GROUP, g, am_shadow_at(s, g, slot));
	for (int r = AM_RUN_SUM; r <= AM_RUN_MAX; r++)
		put_verdict(s, w, selector, (am_run_reference)r, 0, am_shadow_at(s, 0, slot));
}

static bool nested(const uint64_t *set, int n, int n_k)
{
	uint64_t lost = 0;
	size_t words = AM_SET_WORDS(n);
	for (size_t i = 0; i + words < (size_t)n_k * words; i++)
		lost |= set[i] & ~set[i + words];
	return !lost;
}

/* Positions of the keys under the largest -k; those of smaller sets first where they nest. */
static void put_index(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector)
{
	const am_shadowed *a = &s->item[selector];
	int32_t *to = s->field[am_shadow_field(selector, AM_SHADOW_INDEX, AM_RUN_HEAD, false) - AM_FIELD_COUNT];
	int last = 0, ranks = s->c->axes.n_rank, n_k = am_shadow_budgets(s);
	size_t words = AM_SET_WORDS(row->n);
	while (w->budgets.origin[last] != s->c->axes.n_k - 1)
		last++;
	for (int i = 0, sets = am_stored_sets(s, a); to && i < sets; i++) {
		const uint64_t *set = w->set[a->first_set + am_stored_set(s, a, i)];
		int32_t *out = to + am_shadow_at(s, i, slot) * (size_t)ranks;
		int m = 0, first = nested(set, row->n, n_k) ? 0 : last;
		for (int b = first; b <= last; b++)
			for (size_t j = 0; j < words; j++) {
				uint64_t bits = set[(size_t)b * words + j];
				bits &= b > first ? ~set[(size_t)(b - 1) * words + j] : bits;
				for (; bits && m < ranks; bits &= bits - 1)
					out[m++] = row->first_key + (int)(64 * j) + __builtin_ctzll(bits);
			}
		for (; m < ranks; m++)
			out[m] = -1;
	}
}

void am_shadow_observe(am_shadow *s, int worker, const am_select_row *row)
{
	am_shadow_scratch *w = &s->scratch[worker];
	int slot = s->c->slot[row->row], sample = s->sample[row->row];
	set_budgets(s, w, row->n);
	rank_all(s, w, row, sample >= 0);
	invert(s, w, row->n);
	if (slot >= 0)
		put_reference_mass(s, w, row, slot);
	if (sample >= 0)
		am_shadow_sample_reference(s, w, row, sample);
	for (int i = 0; i < s->n; i++) {
		find_sets(s, w, worker, row, &s->item[i]);
		am_shadow_keep(s, row, &w->budgets, i, w->set + s->item[i].first_set);
	}
	if (slot < 0)
		return;
	weigh_layer_sets(s, w, row);
	for (int i = 0; i < s->n; i++) {
		judge_all(s, w, row, slot, i);
		put_plain(s, w, row, slot, i);
		put_verdicts(s, w, slot, i);
		if (s->item[i].about.index)
			put_index(s, w, row, slot, i);
		if (sample >= 0)
			am_shadow_sample_selector(s, w, worker, row, sample, i);
	}
}

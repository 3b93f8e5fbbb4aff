/* One query row: the rankings it is judged by, once for all selectors, then each
 * selector's sets against them. Sets under all budgets are one byte a key (levels), so
 * that an intersection is one pass whatever the number of budgets. */
#include "probes/shadow_internal.h"

#include "select/spec.h"

#include <math.h>
#include <string.h>

/* ---- places ----------------------------------------------------------------- */

size_t am_shadow_at(const am_shadow *s, int layer, int width, int second, int slot)
{
	size_t l = (size_t)s->c->layer_index[layer];
	return (l * (size_t)width + (size_t)second) * (size_t)s->c->n_rows + (size_t)slot;
}

void am_shadow_put(am_shadow *s, am_field first, size_t at, const am_budgets *b, const double *value)
{
	size_t n_k = (size_t)s->c->axes.n_k, n_ratio = (size_t)s->c->axes.n_ratio;
	void *k = s->field[first - AM_FIELD_COUNT], *ratio = s->field[first + 1 - AM_FIELD_COUNT];
	bool count = s->spec[first].type == AM_TYPE_I32;
	for (size_t i = 0; i < n_k + n_ratio; i++) {
		size_t from = b ? (size_t)b->origin[i] : i;
		void *to = from < n_k ? k : ratio;
		size_t j = from < n_k ? at * n_k + from : at * n_ratio + from - n_k;
		if (count)
			((int32_t *)to)[j] = (int32_t)value[i];
		else
			((float *)to)[j] = (float)value[i];
	}
}

/* ---- sets ------------------------------------------------------------------- */

/* Keys of the set that the ranking has among its own best, under each budget. */
static void common(const am_shadow *s, const am_key_sets *set, const uint8_t *level, int n, int n_k, double *out)
{
	int32_t count[AM_SELECT_BUDGETS];
	if (set->level) {
		s->c->kernels->level_counts(set->level, level, n, n_k, count);
	} else {
		for (int b = 0; b < n_k; b++) {
			int32_t sum = 0;
			for (int j = 0; j < n; j++)
				sum += (int32_t)(set->member[j] >> b & 1) & (level[j] <= b);
			count[b] = sum;
		}
	}
	for (int b = 0; b < n_k; b++)
		out[b] = count[b];
}

static void kept(const am_shadow *s, const am_key_sets *set, int n, int n_k, double *out)
{
	int32_t count[AM_SELECT_BUDGETS];
	if (set->level)
		s->c->kernels->level_counts(set->level, set->level, n, n_k, count);
	else
		am_mask_counts(set->member, NULL, n, n_k, count);
	for (int b = 0; b < n_k; b++)
		out[b] = count[b];
}

static void mass(const am_shadow *s, const am_key_sets *set, const float *weight, int n, int n_k, double *out)
{
	if (set->level) {
		s->c->kernels->level_sums(set->level, weight, n, n_k, out);
		return;
	}
	for (int b = 0; b < n_k; b++) {
		double sum = 0;
		for (int j = 0; j < n; j++)
			sum += set->member[j] >> b & 1 ? (double)weight[j] : 0;
		out[b] = sum;
	}
}

static bool holds(const am_key_sets *set, int key, int b)
{
	return set->level ? set->level[key] <= b : set->member[key] >> b & 1;
}

/* ---- rankings --------------------------------------------------------------- */

static void rank(am_shadow *s, am_shadow_scratch *w, int index, const float *score, const float *weight, int n)
{
	am_ranking *r = &w->ranking[index];
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio;
	r->score = score;
	r->best = s->c->kernels->row_levels(score, n, w->budgets.k, n_k, r->level, w->select);
	s->c->kernels->level_sums(r->level, weight, n, n_k, r->mass);
}

static void rank_all(am_shadow *s, am_shadow_scratch *w, const am_select_row *row)
{
	int n = row->n, group = s->heads / s->kv_heads;
	float *sum = w->shares + (size_t)s->kv_heads * s->stride, *most = sum + s->stride;
	for (int h = 0; h < s->heads; h++)
		w->inv_z[h] = (float)(1 / row->sums[h].z);
	s->c->kernels->row_shares(row->weight, row->stride, s->heads, group, w->inv_z, n, w->shares, (int64_t)s->stride, sum,
	                          most);
	for (int h = 0; h < s->heads; h++)
		rank(s, w, h, row->score + h * row->stride, row->weight + h * row->stride, n);
	for (int i = 0; i < s->kv_heads + 2; i++) {
		const float *score = w->shares + (size_t)i * s->stride;
		rank(s, w, s->heads + i, score, score, n);
	}
}

/* Probability that the references' own sets hold, as a mean over their heads. */
static void put_reference_mass(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot)
{
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio, group = s->heads / s->kv_heads, layer = row->block->layer;
	double value[AM_SELECT_BUDGETS];
	for (int g = 0; g < s->kv_heads; g++) {
		for (int b = 0; b < n_k; b++)
			value[b] = fmin(w->ranking[am_ranking_of(s, AM_RUN_GROUP, g)].mass[b] / group, 1);
		am_shadow_put(s, am_reference_field(AM_REFERENCE_MASS, AM_RUN_GROUP, false),
		              am_shadow_at(s, layer, s->kv_heads, g, slot), &w->budgets, value);
	}
	for (int r = AM_RUN_SUM; r <= AM_RUN_MAX; r++) {
		am_key_sets set = {.level = w->ranking[am_ranking_of(s, (am_run_reference)r, 0)].level};
		mass(s, &set, w->shares + (size_t)s->kv_heads * s->stride, row->n, n_k, value);
		for (int b = 0; b < n_k; b++)
			value[b] = fmin(value[b] / s->heads, 1);
		am_shadow_put(s, am_reference_field(AM_REFERENCE_MASS, (am_run_reference)r, false),
		              am_shadow_at(s, layer, 1, 0, slot), &w->budgets, value);
	}
}

/* ---- one selector ----------------------------------------------------------- */

static void find_sets(am_shadow *s, am_shadow_scratch *w, int worker, const am_select_row *row, const am_shadowed *a)
{
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio;
	uint8_t *level = w->level + (size_t)s->rankings * s->stride;
	bool ranked = a->alias < 0 && a->ranks;
	for (int i = 0; i < a->sets && a->alias >= 0; i++)
		w->set[i] = (am_key_sets){.level = w->ranking[am_ranking_of(s, (am_run_reference)a->alias, i)].level};
	for (int i = 0; i < a->sets && ranked; i++) {
		(void)!am_selector_scores(a->selector, worker, row, i, w->score);
		s->c->kernels->row_levels(w->score, row->n, w->budgets.k, n_k, level + (size_t)i * s->stride, w->select);
		w->set[i] = (am_key_sets){.level = level + (size_t)i * s->stride};
	}
	if (a->alias >= 0 || ranked)
		return;
	am_selector_select(a->selector, worker, row, w->budgets.k, n_k, w->member, (int64_t)s->stride);
	for (int i = 0; i < a->sets; i++) {
		const uint32_t *member = w->member + (size_t)i * s->stride;
		uint8_t *own = level + (size_t)i * s->stride;
		bool nested = s->c->kernels->mask_levels(member, row->n, n_k, own);
		w->set[i] = (am_key_sets){.level = nested ? own : NULL, .member = member};
	}
}

/* Sizes; of a captured head what it retains, and what as many random keys would find. */
static void put_plain(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector)
{
	const am_shadowed *a = &s->item[selector];
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio, layer = row->block->layer;
	double size[AM_SELECT_BUDGETS], value[AM_SELECT_BUDGETS];
	am_field size_field = am_shadow_field(selector, AM_SHADOW_KEPT, AM_RUN_HEAD, false);
	for (int i = 0, sets = am_stored_sets(s, a); i < sets; i++) {
		kept(s, &w->set[am_stored_set(s, a, i)], row->n, n_k, size);
		am_shadow_put(s, size_field, am_shadow_at(s, layer, sets, i, slot), &w->budgets, size);
	}
	for (int i = 0; i < s->c->axes.n_head; i++) {
		int h = s->c->heads[i];
		const am_key_sets *set = &w->set[am_set_of_head(s, a, h)];
		size_t at = am_shadow_at(s, layer, s->c->axes.n_head, i, slot);
		if (i == 0 || a->sets > 1)
			kept(s, set, row->n, n_k, size);
		for (int b = 0; b < n_k; b++)
			value[b] = size[b] / row->n;
		am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_CHANCE, AM_RUN_HEAD, false), at, &w->budgets, value);
	}
}

/* Recall, mass recall and hit of the sets first .. first + count - 1, on average,
 * against one ranking; `weight` is what its masses are of. */
static void judge(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, const am_shadowed *a, int first, int count,
                  const am_ranking *r, const float *weight, double *recall, double *of_mass, double *hit, double *retained)
{
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio;
	double value[AM_SELECT_BUDGETS];
	for (int b = 0; b < n_k; b++)
		recall[b] = of_mass[b] = hit[b] = 0;
	for (int i = first; i < first + count; i++) {
		const am_key_sets *set = &w->set[a->sets == 1 ? 0 : i];
		common(s, set, r->level, row->n, n_k, value);
		for (int b = 0; b < n_k; b++) {
			int k = w->budgets.k[b] < row->n ? w->budgets.k[b] : row->n;
			recall[b] += value[b] / k / count;
			hit[b] += holds(set, r->best, b) / (double)count;
		}
		if (set->level == r->level)
			memcpy(value, r->mass, sizeof value);
		else
			mass(s, set, weight, row->n, n_k, value);
		for (int b = 0; b < n_k; b++)
			of_mass[b] += value[b] / r->mass[b] / count;
		if (retained)
			memcpy(retained, value, sizeof value);
	}
}

static void put_judged(am_shadow *s, const am_budgets *b, int selector, am_run_reference r, size_t at, const double *recall,
                       const double *of_mass, const double *hit)
{
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_RECALL, r, false), at, b, recall);
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_MASS_RECALL, r, false), at, b, of_mass);
	am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_TOP1_HIT, r, false), at, b, hit);
}

static void judge_heads(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector)
{
	const am_shadowed *a = &s->item[selector];
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio;
	double recall[AM_SELECT_BUDGETS], of_mass[AM_SELECT_BUDGETS], hit[AM_SELECT_BUDGETS], retained[AM_SELECT_BUDGETS];
	for (int i = 0; i < s->c->axes.n_head; i++) {
		int h = s->c->heads[i];
		size_t at = am_shadow_at(s, row->block->layer, s->c->axes.n_head, i, slot);
		judge(s, w, row, a, am_set_of_head(s, a, h), 1, &w->ranking[h], row->weight + h * row->stride, recall, of_mass, hit,
		      retained);
		put_judged(s, &w->budgets, selector, AM_RUN_HEAD, at, recall, of_mass, hit);
		for (int b = 0; b < n_k; b++)
			retained[b] = fmin(retained[b] / row->sums[h].z, 1);
		am_shadow_put(s, am_shadow_field(selector, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false), at, &w->budgets, retained);
	}
}

/* Against what heads share: each of the selector's sets there counts alike. */
static void judge_shared(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector)
{
	const am_shadowed *a = &s->item[selector];
	int layer = row->block->layer, per_group = a->sets == s->heads ? s->heads / s->kv_heads : 1;
	double recall[AM_SELECT_BUDGETS], of_mass[AM_SELECT_BUDGETS], hit[AM_SELECT_BUDGETS];
	for (int g = 0; g < s->kv_heads; g++) {
		judge(s, w, row, a, g * per_group, per_group, &w->ranking[am_ranking_of(s, AM_RUN_GROUP, g)],
		      w->shares + (size_t)g * s->stride, recall, of_mass, hit, NULL);
		put_judged(s, &w->budgets, selector, AM_RUN_GROUP, am_shadow_at(s, layer, s->kv_heads, g, slot), recall, of_mass, hit);
	}
	for (int r = AM_RUN_SUM; r <= AM_RUN_MAX; r++) {
		const am_ranking *ranking = &w->ranking[am_ranking_of(s, (am_run_reference)r, 0)];
		judge(s, w, row, a, 0, a->sets, ranking, ranking->score, recall, of_mass, hit, NULL);
		put_judged(s, &w->budgets, selector, (am_run_reference)r, am_shadow_at(s, layer, 1, 0, slot), recall, of_mass, hit);
	}
}

/* Positions of the keys under the largest -k; those of smaller sets first where they nest. */
static void put_index(am_shadow *s, am_shadow_scratch *w, const am_select_row *row, int slot, int selector)
{
	const am_shadowed *a = &s->item[selector];
	int32_t *to = s->field[am_shadow_field(selector, AM_SHADOW_INDEX, AM_RUN_HEAD, false) - AM_FIELD_COUNT];
	int last = 0, ranks = s->c->axes.n_rank;
	while (w->budgets.origin[last] != s->c->axes.n_k - 1)
		last++;
	for (int i = 0, sets = am_stored_sets(s, a); to && i < sets; i++) {
		const am_key_sets *set = &w->set[am_stored_set(s, a, i)];
		int32_t *out = to + am_shadow_at(s, row->block->layer, sets, i, slot) * (size_t)ranks;
		int m = 0;
		for (int b = set->level ? 0 : last; b <= last; b++)
			for (int j = 0; j < row->n && m < ranks; j++)
				if (set->level ? set->level[j] == b : set->member[j] >> b & 1)
					out[m++] = row->first_key + j;
	}
}

void am_shadow_observe(am_shadow *s, int worker, const am_select_row *row)
{
	am_shadow_scratch *w = &s->scratch[worker];
	int slot = s->c->slot[row->row];
	bool sampled = slot >= 0 && s->sampled[row->position];
	am_budgets_set(s->c, &w->budgets, row->n);
	rank_all(s, w, row);
	if (slot >= 0)
		put_reference_mass(s, w, row, slot);
	if (sampled)
		am_shadow_sample_reference(s, w, row, slot);
	for (int i = 0; i < s->n; i++) {
		find_sets(s, w, worker, row, &s->item[i]);
		am_shadow_keep(s, row, &w->budgets, i, w->set);
		if (slot < 0)
			continue;
		put_plain(s, w, row, slot, i);
		judge_heads(s, w, row, slot, i);
		judge_shared(s, w, row, slot, i);
		if (s->item[i].about.index)
			put_index(s, w, row, slot, i);
		if (sampled)
			am_shadow_sample_selector(s, w, worker, row, slot, i);
	}
}

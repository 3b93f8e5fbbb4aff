/* Top-k statistics of a row: mass at counts and ratios, count for a mass, the best
 * keys themselves and the output they give. */
#include "base/mem.h"
#include "probes/capture_internal.h"
#include "probes/shadow.h"
#include "select/spec.h"

#include <math.h>
#include <string.h>

static int n_budgets(const am_capture *c)
{
	return c->axes.n_k + c->axes.n_ratio;
}

bool am_coverage_new(am_capture *c)
{
	const am_run_axes *a = &c->axes;
	size_t lhb = (size_t)a->n_layer * (size_t)a->n_head * (size_t)c->block;
	size_t longest = (size_t)c->sequences->longest, d = (size_t)c->config->head_dim;
	bool ok = true;
	if (a->n_k)
		c->field[AM_FIELD_MASS_AT_K] = am_capture_take(c, &ok, lhb * (size_t)a->n_k, 4);
	if (a->n_ratio)
		c->field[AM_FIELD_MASS_AT_RATIO] = am_capture_take(c, &ok, lhb * (size_t)a->n_ratio, 4);
	if (a->n_mass)
		c->field[AM_FIELD_K_AT_MASS] = am_capture_take(c, &ok, lhb * (size_t)a->n_mass, 4);
	int ranks = c->o->dist == AM_DIST_TOPK ? a->n_rank : 0;
	if (ranks) {
		c->field[AM_FIELD_TOPK_INDEX] = am_capture_take(c, &ok, lhb * (size_t)a->n_rank, 4);
		c->field[AM_FIELD_TOPK_PROB] = am_capture_take(c, &ok, lhb * (size_t)a->n_rank, 4);
	}
	c->best = ranks;
	if (c->o->output_error && a->n_k) {
		c->field[AM_FIELD_OUTPUT_ERROR] = am_capture_take(c, &ok, lhb * (size_t)a->n_k, 4);
		if (a->k[a->n_k - 1] > c->best)
			c->best = a->k[a->n_k - 1];
	}
	if ((size_t)c->best > longest)
		c->best = (int)longest;
	for (int i = 0; ok && i < c->workers; i++) {
		am_probe_scratch *s = &c->scratch[i];
		s->budgets.k = am_capture_take(c, &ok, (size_t)n_budgets(c), sizeof(int));
		s->budgets.origin = am_capture_take(c, &ok, (size_t)n_budgets(c), sizeof(int));
		s->budgets.mass = am_capture_take(c, &ok, (size_t)n_budgets(c), sizeof(float));
		s->budgets.bound = am_capture_take(c, &ok, (size_t)n_budgets(c), sizeof(float));
		s->budgets.count = am_capture_take(c, &ok, (size_t)a->n_mass, sizeof(int32_t));
		s->select = am_capture_take(c, &ok, AM_SELECT_SCRATCH(longest), 1);
		s->index = am_capture_take(c, &ok, (size_t)c->best, sizeof *s->index);
		s->partial = am_capture_take(c, &ok, d, sizeof *s->partial);
	}
	return ok;
}

void am_coverage_free(am_capture *c)
{
	for (int i = 0; c->scratch && i < c->workers; i++) {
		am_probe_scratch *s = &c->scratch[i];
		void *own[] = {s->budgets.k, s->budgets.origin, s->budgets.mass, s->budgets.bound, s->budgets.count, s->select,
		               s->index, s->partial};
		for (size_t j = 0; j < sizeof own / sizeof own[0]; j++)
			am_free(own[j]);
	}
}

void am_budgets_set(const am_capture *c, am_budgets *b, int n)
{
	const am_run_axes *a = &c->axes;
	if (b->n == n)
		return;
	b->n = n;
	for (int i = 0; i < n_budgets(c); i++) {
		int k = i < a->n_k ? a->k[i] : am_budget_of_ratio(a->ratio[i - a->n_k], n);
		int j = i;
		for (; j > 0 && b->k[j - 1] > k; j--) {
			b->k[j] = b->k[j - 1];
			b->origin[j] = b->origin[j - 1];
		}
		b->k[j] = k;
		b->origin[j] = i;
	}
}

void am_masses_row(am_capture *c, am_probe_scratch *s, const am_attn_row *row)
{
	const am_run_axes *a = &c->axes;
	am_budgets *b = &s->budgets;
	size_t at = am_capture_at(c, row);
	am_budgets_set(c, b, row->n);
	if (row->tally)
		c->kernels->tally_mass(row->weight, row->n, row->tally, b->k, n_budgets(c), a->mass, a->n_mass, b->mass,
		                       b->bound, b->count, s->select);
	else
		c->kernels->row_mass(row->weight, row->n, b->k, n_budgets(c), a->mass, a->n_mass, b->mass,
		                     b->bound, b->count, s->select);
	if (c->shadow)
		am_shadow_bounds(c->shadow, row, b);
	for (int i = 0; i < n_budgets(c); i++) {
		int from = b->origin[i];
		if (from < a->n_k)
			((float *)c->field[AM_FIELD_MASS_AT_K])[at * (size_t)a->n_k + (size_t)from] = b->mass[i];
		else
			((float *)c->field[AM_FIELD_MASS_AT_RATIO])[at * (size_t)a->n_ratio + (size_t)(from - a->n_k)] =
				b->mass[i];
	}
	if (a->n_mass)
		memcpy((int32_t *)c->field[AM_FIELD_K_AT_MASS] + at * (size_t)a->n_mass, b->count,
		       (size_t)a->n_mass * sizeof *b->count);
}

static void store_best(am_capture *c, const am_attn_row *row, size_t at, const int32_t *index, int n)
{
	size_t ranks = (size_t)c->axes.n_rank;
	int32_t *to = (int32_t *)c->field[AM_FIELD_TOPK_INDEX] + at * ranks;
	float *prob = (float *)c->field[AM_FIELD_TOPK_PROB] + at * ranks;
	for (size_t i = 0; i < ranks; i++) {
		bool there = i < (size_t)n;
		to[i] = there ? (int32_t)(row->first_key + index[i]) : -1;
		prob[i] = there ? (float)((double)row->weight[index[i]] / row->sums->z) : NAN;
	}
}

/* |o_k - o| / |o| for ascending k, o_k the output over the k best keys alone. */
static void output_errors(am_capture *c, const am_attn_row *row, size_t at, const int32_t *index, int n,
                          double *partial)
{
	const am_run_axes *a = &c->axes;
	float *error = (float *)c->field[AM_FIELD_OUTPUT_ERROR] + at * (size_t)a->n_k;
	memset(partial, 0, (size_t)row->head_dim * sizeof *partial);
	double z = 0;
	int taken = 0;
	for (int i = 0; i < a->n_k; i++) {
		if (a->k[i] >= row->n) {
			error[i] = 0;
			continue;
		}
		for (; taken < a->k[i] && taken < n; taken++) {
			double w = (double)row->weight[index[taken]];
			const float *v = row->value + index[taken] * row->value_stride;
			z += w;
			for (int d = 0; d < row->head_dim; d++)
				partial[d] += w * (double)v[d];
		}
		double off = 0, norm = 0;
		for (int d = 0; d < row->head_dim; d++) {
			double o = (double)row->output[d], e = partial[d] / z - o;
			off += e * e;
			norm += o * o;
		}
		error[i] = (float)sqrt(off / norm);
	}
}

void am_best_row(am_capture *c, am_probe_scratch *s, const am_attn_row *row)
{
	size_t at = am_capture_at(c, row);
	if (!c->best)
		return;
	int n = c->best < row->n ? c->best : row->n;
	c->kernels->row_topk(row->score, row->n, n, true, s->index, s->select);
	if (c->field[AM_FIELD_TOPK_INDEX])
		store_best(c, row, at, s->index, n < c->axes.n_rank ? n : c->axes.n_rank);
	if (c->field[AM_FIELD_OUTPUT_ERROR])
		output_errors(c, row, at, s->index, n, s->partial);
}

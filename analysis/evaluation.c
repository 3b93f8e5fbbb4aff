#include "analysis/evaluation.h"

#include "analysis/bootstrap.h"
#include "analysis/equivalence.h"
#include "analysis/proportion.h"
#include "analysis/trend.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

const char *am_sweep_name(am_sweep s)
{
	static const char *const names[] = {NULL, "k", "ratio", "precision"};
	return names[s];
}

static const double *at_point(const am_evaluation *e, const double *value, int point)
{
	return value + (size_t)point * (size_t)e->n_samples;
}

double am_evaluation_level(const am_evaluation *e, int point)
{
	const am_evaluation_point *p = &e->point[point];
	switch (e->sweep) {
	case AM_SWEEP_K: return p->k > 0 ? p->k : NAN;
	case AM_SWEEP_RATIO: return p->ratio;
	case AM_SWEEP_PRECISION: return p->precision;
	default: return NAN;
	}
}

double am_evaluation_mean(const am_evaluation *e, const double *value, int group)
{
	if (group < 0)
		return am_bootstrap_estimate(value, e->group, e->n_samples, e->n_groups);
	double sum = 0;
	int n = 0;
	for (int i = 0; i < e->n_samples; i++)
		if (e->group[i] == group && !isnan(value[i])) {
			sum += value[i];
			n++;
		}
	return n ? sum / n : NAN;
}

static int group_size(const am_evaluation *e, int group, int point, int *hits)
{
	const double *accuracy = at_point(e, e->accuracy, point);
	int n = 0;
	*hits = 0;
	for (int i = 0; i < e->n_samples; i++)
		if (group < 0 || e->group[i] == group) {
			*hits += accuracy[i] > 0.5;
			n++;
		}
	return n;
}

am_status am_evaluation_interval(const am_evaluation *e, int point, int group, double *low, double *high, am_error *err)
{
	am_interval ci;
	int hits, n = group_size(e, group, point, &hits);
	am_status s = AM_OK;
	if (group >= 0 || e->n_groups == 1)
		ci = am_wilson(hits, n);
	else
		s = am_bootstrap_intervals(at_point(e, e->accuracy, point), 1, e->group, e->n_samples, e->n_groups, e->resamples,
		                           e->seed, &ci, err);
	if (!s) {
		*low = ci.low;
		*high = ci.high;
	}
	return s;
}

/* --- rows ----------------------------------------------------------------------- */

static am_status no_memory(am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "table: out of memory");
}

static bool put_text(am_cell *c, const char *s)
{
	c->s = am_strdup(s);
	return c->s != NULL;
}

/* task, length of a group into the first two cells. */
static bool put_group(const am_evaluation *e, int group, am_cell *c)
{
	c[1].i = e->length[group];
	return put_text(&c[0], e->task[group]);
}

static bool put_point(const am_evaluation_point *p, am_cell *c)
{
	c[1].i = p->k > 0 ? p->k : INT64_MIN;
	c[2].x = p->ratio;
	c[3].x = p->precision;
	return put_text(&c[0], p->attention);
}

static am_status put_values(const am_evaluation *e, int point, int group, am_cell *c, am_error *err)
{
	int hits;
	c[0].x = am_evaluation_mean(e, at_point(e, e->accuracy, point), group);
	c[3].x = am_evaluation_mean(e, at_point(e, e->score, point), group);
	c[4].x = am_evaluation_mean(e, at_point(e, e->retained, point), group);
	c[5].i = group_size(e, group, point, &hits);
	return am_evaluation_interval(e, point, group, &c[1].x, &c[2].x, err);
}

#define POINT_COLUMNS \
	{"attention", AM_COL_TEXT, 0, false}, {"k", AM_COL_INT, 0, false}, {"ratio", AM_COL_REAL, 4, false}, \
		{"precision", AM_COL_REAL, 2, false}
#define VALUE_COLUMNS \
	{"accuracy", AM_COL_REAL, 3, false}, {"ci_low", AM_COL_REAL, 3, false}, {"ci_high", AM_COL_REAL, 3, false}, \
		{"score", AM_COL_REAL, 3, false}, {"retained_mass", AM_COL_REAL, 4, false}, {"n", AM_COL_INT, 0, false}

static am_status finish(am_status s, am_table *t, am_table *out)
{
	if (s)
		am_table_fini(t);
	else
		*out = *t;
	return s;
}

am_status am_evaluation_table(const am_evaluation *e, am_table *out, am_error *err)
{
	static const am_column columns[] = {
		{"task", AM_COL_TEXT, 0, false}, {"length", AM_COL_INT, 0, false}, POINT_COLUMNS, VALUE_COLUMNS};
	am_table t;
	am_status s = am_table_init(&t, columns, COUNT(columns), err);
	if (s)
		return s;
	for (int g = 0; g < e->n_groups && !s; g++)
		for (int p = 0; p < e->n_points && !s; p++) {
			am_cell *c = am_table_add(&t);
			if (!c || !put_group(e, g, c) || !put_point(&e->point[p], c + 2))
				s = no_memory(err);
			else
				s = put_values(e, p, g, c + 6, err);
		}
	t.n_sequences = e->n_samples;
	return finish(s, &t, out);
}

am_status am_evaluation_overall(const am_evaluation *e, am_table *out, am_error *err)
{
	static const am_column columns[] = {POINT_COLUMNS, VALUE_COLUMNS};
	am_table t;
	am_status s = am_table_init(&t, columns, COUNT(columns), err);
	if (s)
		return s;
	for (int p = 0; p < e->n_points && !s; p++) {
		am_cell *c = am_table_add(&t);
		if (!c || !put_point(&e->point[p], c))
			s = no_memory(err);
		else
			s = put_values(e, p, -1, c + 4, err);
	}
	return finish(s, &t, out);
}

/* --- pairs ------------------------------------------------------------------------ */

static int reference_point(const am_evaluation *e)
{
	int best = e->n_points - 1;
	for (int p = 0; p < e->n_points; p++) {
		if (!strcmp(e->point[p].attention, "dense"))
			return p;
		double level = am_evaluation_level(e, p), top = am_evaluation_level(e, best);
		if (level > top || (isnan(top) && !isnan(level)))
			best = p;
	}
	return best;
}

/* Accuracy at `point` less that at `reference`, of the group's samples. */
static am_status put_difference(const am_evaluation *e, int group, int point, int reference, double *change, am_cell *c,
                                am_error *err)
{
	const double *a = at_point(e, e->accuracy, reference), *b = at_point(e, e->accuracy, point);
	int n = 0, gained = 0, lost = 0;
	for (int i = 0; i < e->n_samples; i++) {
		if (e->group[i] != group)
			continue;
		gained += b[i] > a[i];
		lost += b[i] < a[i];
		change[n++] = b[i] - a[i];
	}
	am_interval ci;
	int *one_task = am_calloc((size_t)n, sizeof *one_task);
	if (!one_task)
		return no_memory(err);
	am_status s = am_bootstrap_intervals(change, 1, one_task, n, 1, e->resamples, e->seed, &ci, err);
	if (!s) {
		c[0].x = am_bootstrap_estimate(change, one_task, n, 1);
		c[1].x = ci.low;
		c[2].x = ci.high;
		c[3].x = am_mcnemar(gained, lost);
		c[4].i = n;
	}
	am_free(one_task);
	return s;
}

am_status am_evaluation_pairs(const am_evaluation *e, am_table *out, am_error *err)
{
	static const am_column columns[] = {
		{"task", AM_COL_TEXT, 0, false},        {"length", AM_COL_INT, 0, false},
		{"attention", AM_COL_TEXT, 0, false},   {"reference", AM_COL_TEXT, 0, false},
		{"change", AM_COL_REAL, 3, false},      {"ci_low", AM_COL_REAL, 3, false},
		{"ci_high", AM_COL_REAL, 3, false},     {"p_mcnemar", AM_COL_REAL, 4, false},
		{"n", AM_COL_INT, 0, false}};
	am_table t;
	am_status s = am_table_init(&t, columns, COUNT(columns), err);
	if (s)
		return s;
	double *change = am_alloc((size_t)e->n_samples, sizeof *change);
	int reference = reference_point(e);
	s = change ? AM_OK : no_memory(err);
	for (int g = 0; g < e->n_groups && !s; g++)
		for (int p = 0; p < e->n_points && !s; p++) {
			am_cell *c = p == reference ? NULL : am_table_add(&t);
			if (p == reference)
				continue;
			if (!c || !put_group(e, g, c) || !put_text(&c[2], e->point[p].attention) ||
			    !put_text(&c[3], e->point[reference].attention))
				s = no_memory(err);
			else
				s = put_difference(e, g, p, reference, change, c + 4, err);
		}
	am_free(change);
	return finish(s, &t, out);
}

/* --- trends ------------------------------------------------------------------------- */

/* Points in the order of the sweep, dense ones left out. */
static int ordered_points(const am_evaluation *e, int *order)
{
	int n = 0;
	for (int p = 0; p < e->n_points; p++) {
		double level = am_evaluation_level(e, p);
		if (isnan(level))
			continue;
		int at = n++;
		for (; at > 0 && am_evaluation_level(e, order[at - 1]) > level; at--)
			order[at] = order[at - 1];
		order[at] = p;
	}
	return n;
}

typedef struct trend_scratch {
	int *order;
	double *level, *mean, *mass; /* [n_points] */
	double *value;               /* [n_points][n_samples] */
} trend_scratch;

/* value[n][samples of the group], the points in their order; how many samples. */
static int gather_group(const am_evaluation *e, int group, int n, trend_scratch *w)
{
	int samples = 0;
	for (int j = 0; j < n; j++) {
		const double *accuracy = at_point(e, e->accuracy, w->order[j]);
		samples = 0;
		int size = group_size(e, group, w->order[j], &(int){0});
		for (int i = 0; i < e->n_samples; i++)
			if (e->group[i] == group)
				w->value[(size_t)j * (size_t)size + (size_t)samples++] = accuracy[i];
		w->level[j] = am_evaluation_level(e, w->order[j]);
		w->mean[j] = am_evaluation_mean(e, accuracy, group);
		w->mass[j] = am_evaluation_mean(e, at_point(e, e->retained, w->order[j]), group);
	}
	return samples;
}

static am_status put_trend(const am_evaluation *e, int group, trend_scratch *w, am_cell *c, am_error *err)
{
	int n = ordered_points(e, w->order), samples = gather_group(e, group, n, w);
	am_spearman level, mass = {NAN, NAN, false};
	am_jonckheere j;
	am_status s = am_spearman_test(w->level, w->mean, n, e->resamples, e->seed, &level, err);
	bool known = true;
	for (int i = 0; i < n; i++)
		known = known && !isnan(w->mass[i]);
	if (!s && known)
		s = am_spearman_test(w->mass, w->mean, n, e->resamples, e->seed, &mass, err);
	if (!s)
		s = am_jonckheere_test(w->value, n, samples, e->resamples, e->seed, &j, err);
	if (s)
		return s;
	c[0].x = level.rho;
	c[1].x = level.p;
	c[2].x = mass.rho;
	c[3].x = mass.p;
	c[4].x = j.statistic;
	c[5].x = j.z;
	c[6].x = j.p;
	c[7].x = j.p_paired;
	c[8].i = n;
	c[9].i = samples;
	return AM_OK;
}

am_status am_evaluation_trends(const am_evaluation *e, am_table *out, am_error *err)
{
	static const am_column columns[] = {
		{"task", AM_COL_TEXT, 0, false},          {"length", AM_COL_INT, 0, false},
		{"over", AM_COL_TEXT, 0, false},          {"spearman", AM_COL_REAL, 3, false},
		{"p_spearman", AM_COL_REAL, 4, false},    {"spearman_mass", AM_COL_REAL, 3, false},
		{"p_mass", AM_COL_REAL, 4, false},        {"jonckheere", AM_COL_REAL, 1, false},
		{"z", AM_COL_REAL, 2, false},             {"p_jonckheere", AM_COL_REAL, 4, true},
		{"p_paired", AM_COL_REAL, 4, false},      {"n_points", AM_COL_INT, 0, false},
		{"n", AM_COL_INT, 0, false}};
	am_table t;
	am_status s = am_table_init(&t, columns, COUNT(columns), err);
	if (s)
		return s;
	size_t n = (size_t)e->n_points;
	trend_scratch w = {am_alloc(n, sizeof(int)), am_alloc(n, sizeof(double)), am_alloc(n, sizeof(double)),
	                   am_alloc(n, sizeof(double)), am_alloc(n * (size_t)e->n_samples, sizeof(double))};
	s = w.order && w.level && w.mean && w.mass && w.value ? AM_OK : no_memory(err);
	int ordered = s ? 0 : ordered_points(e, w.order);
	for (int g = 0; g < e->n_groups && !s && ordered >= 2; g++) {
		am_cell *c = am_table_add(&t);
		if (!c || !put_group(e, g, c) || !put_text(&c[2], am_sweep_name(e->sweep)))
			s = no_memory(err);
		else
			s = put_trend(e, g, &w, c + 3, err);
	}
	am_free(w.order);
	am_free(w.level);
	am_free(w.mean);
	am_free(w.mass);
	am_free(w.value);
	return finish(s, &t, out);
}

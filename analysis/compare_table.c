/* The table of changes: families of cells, their contrasts, their rows. */
#include "analysis/compare_job.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define LEVELS 3
static const char *const level_names[LEVELS] = {"head", "layer", "overall"};

/* Cells of one metric: strata are the tasks (by_task), then all of them. */
typedef struct family {
	am_compare_job *j;
	const double *value[2]; /* [cells][n_sequence of the run] */
	int n_stratum;
	am_contrast *of[LEVELS]; /* [n_stratum][n_bin][width] */
} family;

static int width_of(const am_aggregate *a, int level)
{
	return level == AM_LEVEL_HEAD ? a->n_layer * a->n_head : level == AM_LEVEL_LAYER ? a->n_layer : 1;
}

static int first_cell(const am_aggregate *a, int bin, int level)
{
	return level == AM_LEVEL_OVERALL ? am_aggregate_cell(a, bin, -1, -1)
	                                 : am_aggregate_cell(a, bin, 0, level == AM_LEVEL_HEAD ? 0 : -1);
}

/* --- contrasts ------------------------------------------------------------ */

/* A run's values of the strata [from, to) at a level, those of other tasks NaN. */
static double *gather(const family *f, int run, int level, int from, int to)
{
	const am_aggregate *a = run ? &f->j->b : &f->j->a;
	const int *task = run ? f->j->task_b : f->j->a.task;
	size_t S = (size_t)a->n_sequence, W = (size_t)width_of(a, level), B = (size_t)a->n_bin;
	double *out = am_alloc((size_t)(to - from) * B * W, S * sizeof *out);
	for (int s = from; s < to && out; s++)
		for (size_t b = 0; b < B; b++)
			for (size_t c = 0; c < W; c++) {
				const double *v = f->value[run] + ((size_t)first_cell(a, (int)b, level) + c) * S;
				double *to_cell = out + (((size_t)(s - from) * B + b) * W + c) * S;
				for (size_t i = 0; i < S; i++)
					to_cell[i] = s == f->n_stratum - 1 || task[i] == s ? v[i] : NAN;
			}
	return out;
}

static am_status contrast(const family *f, int level, int from, int to, am_contrast *out, am_error *err)
{
	const am_compare_job *j = f->j;
	am_contrast_options o = am_compare_contrast_options(j->o);
	double *va = gather(f, 0, level, from, to), *vb = gather(f, 1, level, from, to);
	int n = (to - from) * j->a.n_bin * width_of(&j->a, level);
	am_sample a = {va, j->a.task, j->a.n_sequence}, b = {vb, j->task_b, j->b.n_sequence};
	am_status s;
	if (!va || !vb)
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(j->run[0]));
	else if (j->o->unpaired)
		s = am_contrast_unpaired(&o, &a, &b, j->n_task, n, out, err);
	else
		s = am_contrast_paired(&o, &a, &b, j->n_task, n, out, err);
	am_free(va);
	am_free(vb);
	return s;
}

/* Tasks are corrected together, and apart from all of them as one. */
static am_status family_fill(family *f, int first_level, am_error *err)
{
	const am_aggregate *a = &f->j->a;
	am_status s = AM_OK;
	for (int level = first_level; level < LEVELS && !s; level++) {
		size_t one = (size_t)a->n_bin * (size_t)width_of(a, level), tasks = (size_t)f->n_stratum - 1;
		f->of[level] = am_alloc(one * (tasks + 1), sizeof *f->of[level]);
		if (!f->of[level])
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
		if (tasks)
			s = contrast(f, level, 0, (int)tasks, f->of[level], err);
		if (!s)
			s = contrast(f, level, (int)tasks, (int)tasks + 1, f->of[level] + one * tasks, err);
	}
	return s;
}

/* --- rows ----------------------------------------------------------------- */

static const am_column lead[] = {
	{"task", AM_COL_TEXT, 0, false}, {"position_low", AM_COL_INT, 0, false},
	{"position_high", AM_COL_INT, 0, false}, {"metric", AM_COL_TEXT, 0, false},
	{"layer", AM_COL_INT, 0, false}, {"head", AM_COL_INT, 0, false},
};
static const am_column body[] = {
	{"mean_a", AM_COL_REAL, 4, false}, {"mean_b", AM_COL_REAL, 4, false}, {"change", AM_COL_REAL, 4, false},
	{"ci_low", AM_COL_REAL, 4, false}, {"ci_high", AM_COL_REAL, 4, false}, {"percent", AM_COL_REAL, 1, false},
	{"hl", AM_COL_REAL, 4, true}, {"hl_low", AM_COL_REAL, 4, true}, {"hl_high", AM_COL_REAL, 4, true},
	{"p_wilcoxon", AM_COL_REAL, -2, false}, {"p_permutation", AM_COL_REAL, -2, true},
	{"q_bh", AM_COL_REAL, -2, false}, {"q_by", AM_COL_REAL, -2, true}, {"p_maxt", AM_COL_REAL, -2, false},
	{"rank_biserial", AM_COL_REAL, 2, false}, {"d_z", AM_COL_REAL, 2, true},
};
static const am_column margin[] = {
	{"p_equivalent", AM_COL_REAL, -2, false}, {"p_not_lower", AM_COL_REAL, -2, true},
	{"p_not_higher", AM_COL_REAL, -2, true},
};
static const am_column last = {"n_sequences", AM_COL_INT, 0, true};
#define COUNT(x) ((int)(sizeof(x) / sizeof(x)[0]))

static am_status table_begin(const am_compare_options *o, am_table *out, am_error *err)
{
	am_column all[AM_MAX_COLUMNS];
	int n = 0;
	for (int i = 0; i < COUNT(lead); i++)
		if ((i || o->by_task) && ((i != 1 && i != 2) || o->aggregate.position_bins > 0))
			all[n++] = lead[i];
	for (int i = 0; i < COUNT(body); i++)
		all[n++] = body[i];
	for (int i = 0; i < COUNT(margin) && o->margin > 0; i++)
		all[n++] = margin[i];
	all[n++] = last;
	return am_table_init(out, all, n, err);
}

static void put_body(const am_contrast *x, bool with_margin, am_cell *c)
{
	const double values[] = {
		x->mean_a, x->mean_b, x->change, x->ci.low, x->ci.high, x->percent,
		x->shift.estimate, x->shift.low, x->shift.high, x->p_wilcoxon, x->p_permutation,
		x->q_bh, x->q_by, x->p_max, x->biserial, x->d_z,
		x->margin.p, x->margin.p_not_lower, x->margin.p_not_higher,
	};
	int n = COUNT(values) - (with_margin ? 0 : COUNT(margin));
	for (int i = 0; i < n; i++)
		c[i].x = values[i];
	c[n].i = x->n;
}

static am_status put_row(const family *f, const am_metric *m, int stratum, int bin, int level, int i,
                         const am_contrast *x, am_table *t, am_error *err)
{
	const am_aggregate *a = &f->j->a;
	am_cell *c = am_table_add(t);
	if (!c)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	bool failed = false;
	if (f->j->o->by_task) {
		if (stratum < f->n_stratum - 1)
			failed = !(c->s = am_strdup(f->j->task_name[stratum]));
		c++;
	}
	if (a->options.position_bins > 0) {
		(c++)->i = a->bin_edge[bin];
		(c++)->i = a->bin_edge[bin + 1];
	}
	c->s = am_strdup(m->name);
	failed = failed || !c->s;
	if (level != AM_LEVEL_OVERALL)
		c[1].i = (int64_t)am_run_axis_values(a->run, AM_AXIS_LAYER)[level == AM_LEVEL_HEAD ? i / a->n_head : i];
	if (level == AM_LEVEL_HEAD)
		c[2].i = (int64_t)am_run_axis_values(a->run, AM_AXIS_HEAD)[i % a->n_head];
	put_body(x, f->j->o->margin > 0, c + 3);
	return failed ? am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run)) : AM_OK;
}

/* Bins and cells without a sequence in both runs have no row. */
static am_status put_rows(const family *f, const am_metric *m, am_table *t, am_error *err)
{
	const am_aggregate *a = &f->j->a;
	am_status s = AM_OK;
	bool any = false;
	for (int stratum = 0; stratum < f->n_stratum; stratum++)
		for (int bin = 0; bin < a->n_bin; bin++)
			for (int level = (int)a->options.level; level < LEVELS; level++) {
				int W = width_of(a, level);
				const am_contrast *x = f->of[level] + ((size_t)stratum * a->n_bin + bin) * W;
				for (int i = 0; i < W && !s; i++)
					if (x[i].n)
						s = put_row(f, m, stratum, bin, level, i, &x[i], t, err);
				any = any || x[0].n;
			}
	if (!any)
		am_text_printf(f->j->warnings, "%s: no sequence has a value in both runs\n", m->name);
	return s;
}

static am_status put_corrected(const family *f, const am_metric *m, am_table *t, am_error *err)
{
	const am_aggregate *a = &f->j->a;
	for (int level = 0; level < LEVELS; level++)
		for (int all = f->n_stratum == 1; all < 2; all++) {
			int one = a->n_bin * width_of(a, level), from = all ? one * (f->n_stratum - 1) : 0;
			int to = all ? from + one : one * (f->n_stratum - 1), n = 0, bh = 0, maxt = 0;
			for (int i = from; i < to; i++) {
				const am_contrast *x = &f->of[level][i];
				n += x->n > 0;
				bh += x->q_bh < 0.05;
				maxt += x->p_max < 0.05;
			}
			if (!n)
				continue;
			am_cell *c = am_table_add(t);
			if (!c || !(c[0].s = am_strdup(m->name)) || !(c[1].s = am_strdup(level_names[level])) ||
			    (!all && !(c[2].s = am_strdup("task"))))
				return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
			c[3].i = n;
			c[4].i = bh;
			if (!f->j->o->unpaired)
				c[5].i = maxt;
		}
	return AM_OK;
}

/* Where the rows of a metric go: any may be NULL. */
typedef struct outputs {
	am_table *table, *corrected, *controls;
} outputs;

static am_status put_control(const family *f, const am_metric *m, am_table *t, am_error *err)
{
	am_contrast x = *f->of[AM_LEVEL_OVERALL];
	if (!f->j->o->margin_relative) /* it is in the unit of another metric */
		x.margin = (am_equivalence){NAN, NAN, NAN};
	if (!x.n) {
		am_text_printf(f->j->warnings, "%s: no sequence has a value in both runs\n", m->name);
		return AM_OK;
	}
	return put_row(f, m, 0, 0, AM_LEVEL_OVERALL, 0, &x, t, err);
}

static am_status add_metric(am_compare_job *j, const am_metric *m, const am_compare_values *v, int which,
                            const outputs *to, am_error *err)
{
	family f = {.j = j, .n_stratum = j->o->by_task ? j->n_task + 1 : 1};
	size_t cells = (size_t)am_aggregate_cells(&j->a) * (size_t)which;
	f.value[0] = v->value[0] + cells * (size_t)j->a.n_sequence;
	f.value[1] = v->value[1] + cells * (size_t)j->b.n_sequence;
	am_status s = family_fill(&f, to->table ? AM_LEVEL_HEAD : AM_LEVEL_OVERALL, err);
	if (!s && to->table)
		s = put_rows(&f, m, to->table, err);
	if (!s && to->table && to->corrected)
		s = put_corrected(&f, m, to->corrected, err);
	if (!s && to->controls)
		s = put_control(&f, m, to->controls, err);
	for (int level = 0; level < LEVELS; level++)
		am_free(f.of[level]);
	return s;
}

/* The metrics asked for and, among or behind them, the controls. */
typedef struct plan {
	int n;
	am_metric metric[AM_COMPARE_METRICS + 2];
	bool in_table[AM_COMPARE_METRICS + 2], in_controls[AM_COMPARE_METRICS + 2];
} plan;

/* Normalised goes next to entropy, so that one pass gives both. */
static void plan_control(plan *p, const am_metric *m)
{
	int at = p->n;
	for (int i = 0; i < p->n; i++)
		if (!strcmp(p->metric[i].name, m->name)) {
			p->in_controls[i] = true;
			return;
		}
	for (int i = 0; i < p->n; i++)
		if (p->metric[i].field == m->field)
			at = i + 1;
	for (int i = p->n++; i > at; i--) {
		p->metric[i] = p->metric[i - 1];
		p->in_table[i] = p->in_table[i - 1];
		p->in_controls[i] = p->in_controls[i - 1];
	}
	p->metric[at] = *m;
	p->in_table[at] = false;
	p->in_controls[at] = true;
}

static am_status make_plan(const am_compare_job *j, bool controls, plan *p, am_error *err)
{
	static const char *const names[] = {"nll", "normalised"};
	*p = (plan){.n = j->o->n_metric};
	for (int i = 0; i < p->n; i++) {
		p->metric[i] = j->o->metric[i];
		p->in_table[i] = true;
	}
	for (int i = 0; i < 2 && controls; i++) {
		am_metric m;
		am_status s = am_metric_parse(names[i], &m, err);
		if (s)
			return s;
		if (am_metric_has(&m, j->run[0]) && am_metric_has(&m, j->run[1]))
			plan_control(p, &m);
	}
	return AM_OK;
}

static am_status fill_tables(am_compare_job *j, const plan *p, const outputs *to, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0, n; i < p->n && !s; i += n) {
		am_compare_values v = {0};
		n = am_compare_group(p->metric + i, p->n - i);
		s = am_compare_read(j, p->metric + i, n, &v, err);
		for (int k = i; k < i + n && !s; k++) {
			outputs mine = {p->in_table[k] ? to->table : NULL, to->corrected, p->in_controls[k] ? to->controls : NULL};
			s = add_metric(j, &p->metric[k], &v, k - i, &mine, err);
		}
		am_compare_values_fini(&v);
	}
	return s;
}

am_status am_compare_table(am_compare_job *j, am_table *table, am_table *corrected, am_table *controls,
                           am_error *err)
{
	static const am_column families[] = {
		{"metric", AM_COL_TEXT, 0, false}, {"level", AM_COL_TEXT, 0, false}, {"by", AM_COL_TEXT, 0, false},
		{"tests", AM_COL_INT, 0, false}, {"below_bh", AM_COL_INT, 0, false}, {"below_maxt", AM_COL_INT, 0, false},
	};
	plan p;
	am_status s = make_plan(j, controls != NULL, &p, err);
	if (!s)
		s = table_begin(j->o, table, err);
	if (!s && corrected)
		s = am_table_init(corrected, families, COUNT(families), err);
	if (!s && controls)
		s = table_begin(j->o, controls, err);
	return s ? s : fill_tables(j, &p, &(outputs){table, corrected, controls}, err);
}

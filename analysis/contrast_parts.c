#include "analysis/contrast_parts.h"

#include "analysis/multiplicity.h"
#include "base/mem.h"

#include <math.h>

void am_contrast_means(am_contrast *c, double mean_a, double mean_b)
{
	c->mean_a = mean_a;
	c->mean_b = mean_b;
	c->change = mean_b - mean_a;
	c->percent = mean_a != 0 ? 100 * (mean_b / mean_a - 1) : NAN;
}

void am_contrast_margin(const am_contrast_options *o, const double *value, const int *task, int n, int n_task,
                        am_contrast *c)
{
	double margin = o->margin_relative ? o->margin * fabs(c->mean_a) : o->margin, error, freedom;
	c->margin = (am_equivalence){NAN, NAN, NAN};
	if (!(margin > 0))
		return;
	am_bootstrap_error(value, task, n, n_task, &error, &freedom);
	c->margin = am_equivalence_test(c->change, error, freedom, margin);
}

am_status am_contrast_intervals(const am_contrast_options *o, const double *value, const int *task, int n,
                                int n_task, int n_cell, am_contrast *out, am_error *err)
{
	am_interval *ci = am_alloc((size_t)n_cell, sizeof *ci);
	if (!ci)
		return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	am_status s = am_bootstrap_intervals_by(o->interval, value, n_cell, task, n, n_task, o->resamples, o->seed,
	                                        ci, err);
	for (int c = 0; c < n_cell && !s; c++)
		out[c].ci = ci[c];
	am_free(ci);
	return s;
}

am_status am_contrast_adjust(int n_cell, am_contrast *out, am_error *err)
{
	double *p = am_alloc(3 * (size_t)n_cell, sizeof *p);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	for (int c = 0; c < n_cell; c++)
		p[c] = out[c].p_wilcoxon;
	am_status s = am_adjust_fdr(p, n_cell, p + n_cell, p + 2 * (size_t)n_cell, err);
	for (int c = 0; c < n_cell && !s; c++) {
		out[c].q_bh = p[n_cell + c];
		out[c].q_by = p[2 * n_cell + c];
	}
	am_free(p);
	return s;
}

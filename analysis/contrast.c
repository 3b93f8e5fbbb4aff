/* Paired runs. */
#include "analysis/contrast_parts.h"

#include "analysis/sign_flip.h"
#include "base/mem.h"

#include <math.h>

/* Room for one family: [n_cell][n] each, but for `kept`. */
typedef struct work {
	double *d;        /* differences, NaN where either lacks a value */
	double *a, *b;    /* values of the same sequences */
	double *weighted; /* differences times their weight in the estimate */
	double *kept;     /* [n] differences of one cell without gaps */
} work;

static void work_fini(work *w)
{
	am_free(w->d);
	am_free(w->a);
	am_free(w->b);
	am_free(w->weighted);
	am_free(w->kept);
}

static am_status work_init(work *w, int n_cell, int n, am_error *err)
{
	size_t cells = (size_t)n_cell, row = (size_t)n * sizeof(double);
	*w = (work){am_alloc(cells, row), am_alloc(cells, row), am_alloc(cells, row), am_alloc(cells, row),
	            am_alloc(1, row)};
	if (w->d && w->a && w->b && w->weighted && w->kept)
		return AM_OK;
	work_fini(w);
	return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory for %d cells of %d sequences", n_cell, n);
}

static void take_differences(work *w, const am_sample *a, const am_sample *b, size_t n_cell)
{
	for (size_t i = 0; i < n_cell * (size_t)a->n_sequence; i++) {
		bool both = !isnan(a->value[i]) && !isnan(b->value[i]);
		w->a[i] = both ? a->value[i] : NAN;
		w->b[i] = both ? b->value[i] : NAN;
		w->d[i] = both ? b->value[i] - a->value[i] : NAN;
	}
}

/* Equal weight to tasks, and to the sequences of a task. */
static am_status weigh(const double *d, const int *task, int n, int n_task, double *out, am_error *err)
{
	int *count = am_calloc((size_t)n_task, sizeof *count);
	if (!count)
		return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	int n_group = 0;
	for (int i = 0; i < n; i++)
		if (!isnan(d[i]))
			n_group += !count[task[i]]++;
	for (int i = 0; i < n; i++)
		out[i] = isnan(d[i]) ? NAN : d[i] / ((double)n_group * count[task[i]]);
	am_free(count);
	return AM_OK;
}

static double standardised(const double *d, int n)
{
	double mean = 0, squares = 0;
	for (int i = 0; i < n; i++) {
		double off = d[i] - mean;
		mean += off / (i + 1);
		squares += off * (d[i] - mean);
	}
	return n > 1 && squares > 0 ? mean / sqrt(squares / (n - 1)) : NAN;
}

/* What concerns one cell alone. */
static am_status fill_cell(const am_contrast_options *o, work *w, int cell, const int *task, int n,
                           int n_task, am_contrast *c, am_error *err)
{
	const double *d = w->d + (size_t)cell * n;
	am_rank_test rank;
	c->n = 0;
	for (int i = 0; i < n; i++)
		if (!isnan(d[i]))
			w->kept[c->n++] = d[i];
	am_contrast_means(c, am_bootstrap_estimate(w->a + (size_t)cell * n, task, n, n_task),
	                  am_bootstrap_estimate(w->b + (size_t)cell * n, task, n, n_task));
	c->d_z = standardised(w->kept, c->n);
	am_contrast_margin(o, d, task, n, n_task, c);
	am_status s = am_shift_paired(w->kept, c->n, AM_BOOTSTRAP_LEVEL, &c->shift, err);
	if (!s)
		s = am_signed_rank_test(w->kept, c->n, o->zeros, &rank, err);
	if (s)
		return s;
	c->p_wilcoxon = c->n ? rank.p : NAN;
	c->biserial = c->n ? rank.biserial : NAN;
	return weigh(d, task, n, n_task, w->weighted + (size_t)cell * n, err);
}

static am_status permute(const am_contrast_options *o, const work *w, int n_cell, int n, am_contrast *out,
                         am_error *err)
{
	double *p = am_alloc(2 * (size_t)n_cell, sizeof *p);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	am_status s = am_sign_flip(w->weighted, n_cell, n, o->resamples, o->seed, p, p + n_cell, err);
	for (int c = 0; c < n_cell && !s; c++) {
		out[c].p_permutation = p[c];
		out[c].p_max = p[n_cell + c];
	}
	am_free(p);
	return s;
}

am_status am_contrast_paired(const am_contrast_options *o, const am_sample *a, const am_sample *b, int n_task,
                             int n_cell, am_contrast *out, am_error *err)
{
	work w;
	int n = a->n_sequence;
	am_status s = work_init(&w, n_cell, n, err);
	if (s)
		return s;
	take_differences(&w, a, b, (size_t)n_cell);
	for (int c = 0; c < n_cell && !s; c++)
		s = fill_cell(o, &w, c, a->task, n, n_task, &out[c], err);
	if (!s)
		s = am_contrast_intervals(o, w.d, a->task, n, n_task, n_cell, out, err);
	if (!s)
		s = permute(o, &w, n_cell, n, out, err);
	if (!s)
		s = am_contrast_adjust(n_cell, out, err);
	work_fini(&w);
	return s;
}

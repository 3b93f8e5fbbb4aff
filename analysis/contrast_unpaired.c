/* Runs of different sequences. */
#include "analysis/contrast_parts.h"

#include "analysis/shift.h"
#include "base/mem.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <string.h>

/* Both samples as one of twice as many tasks, 2 t + 1 for b: with the values of a
 * negated and both doubled, the mean over tasks of the joint sample is the change. */
typedef struct joint {
	int n;
	double *value; /* [n_cell][n] */
	int *task;     /* [n] */
	double *a, *b; /* [n] values of a cell without gaps */
	gsl_rng *rng;
} joint;

static void joint_fini(joint *j)
{
	am_free(j->value);
	am_free(j->task);
	am_free(j->a);
	am_free(j->b);
	if (j->rng)
		gsl_rng_free(j->rng);
}

static am_status joint_init(joint *j, const am_sample *a, const am_sample *b, int n_cell, am_error *err)
{
	size_t n = (size_t)a->n_sequence + (size_t)b->n_sequence;
	*j = (joint){.n = (int)n, .value = am_alloc((size_t)n_cell, n * sizeof(double)),
	             .task = am_alloc(n, sizeof(int)), .a = am_alloc(n, sizeof(double)),
	             .b = am_alloc(n, sizeof(double)), .rng = gsl_rng_alloc(gsl_rng_mt19937)};
	if (!j->value || !j->task || !j->a || !j->b || !j->rng) {
		joint_fini(j);
		return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory for %zu sequences", n);
	}
	for (int i = 0; i < a->n_sequence; i++)
		j->task[i] = 2 * a->task[i];
	for (int i = 0; i < b->n_sequence; i++)
		j->task[a->n_sequence + i] = 2 * b->task[i] + 1;
	for (int c = 0; c < n_cell; c++) {
		double *v = j->value + (size_t)c * n;
		for (int i = 0; i < a->n_sequence; i++)
			v[i] = -2 * a->value[(size_t)c * a->n_sequence + i];
		for (int i = 0; i < b->n_sequence; i++)
			v[a->n_sequence + i] = 2 * b->value[(size_t)c * b->n_sequence + i];
	}
	return AM_OK;
}

/* A task that only one run has in this cell would compare two different things. */
static void drop_lone_tasks(joint *j, double *v, int n_task)
{
	for (int t = 0; t < n_task; t++) {
		bool has[2] = {false, false};
		for (int i = 0; i < j->n; i++)
			if (j->task[i] / 2 == t && !isnan(v[i]))
				has[j->task[i] % 2] = true;
		for (int i = 0; i < j->n && has[0] != has[1]; i++)
			if (j->task[i] / 2 == t)
				v[i] = NAN;
	}
}

static int gather(const joint *j, const double *v, int side, double *out)
{
	int n = 0;
	for (int i = 0; i < j->n; i++)
		if (j->task[i] % 2 == side && !isnan(v[i]))
			out[n++] = (side ? 0.5 : -0.5) * v[i];
	return n;
}

static double mean_of(const double *x, int n, double *squares)
{
	double mean = 0;
	*squares = 0;
	for (int i = 0; i < n; i++) {
		double off = x[i] - mean;
		mean += off / (i + 1);
		*squares += off * (x[i] - mean);
	}
	return mean;
}

static double pooled_d(const double *a, int na, const double *b, int nb)
{
	double sa, sb, difference = mean_of(b, nb, &sb) - mean_of(a, na, &sa);
	double variance = na + nb > 2 ? (sa + sb) / (na + nb - 2) : 0;
	return na && nb && variance > 0 ? difference / sqrt(variance) : NAN;
}

/* --- exchanged labels ----------------------------------------------------- */

/* Values of a cell by task, those of a first, and how many each run has. */
typedef struct strata {
	double *x; /* [n] */
	int *first, *of_a; /* [n_task + 1], [n_task] */
	int n_group; /* tasks with values */
} strata;

static void sort_strata(const joint *j, const double *v, int n_task, strata *s)
{
	int n = 0;
	s->n_group = 0;
	for (int t = 0; t < n_task; t++) {
		s->first[t] = n;
		for (int side = 0; side < 2; side++) {
			for (int i = 0; i < j->n; i++)
				if (j->task[i] == 2 * t + side && !isnan(v[i]))
					s->x[n++] = (side ? 0.5 : -0.5) * v[i];
			if (!side)
				s->of_a[t] = n - s->first[t];
		}
		s->n_group += n > s->first[t];
	}
	s->first[n_task] = n;
}

/* The change were the first of_a values of each task those of a. */
static double labelled_change(const strata *s, int n_task)
{
	double total = 0;
	for (int t = 0; t < n_task; t++) {
		int m = s->of_a[t], n = s->first[t + 1] - s->first[t];
		double a = 0, b = 0;
		for (int i = 0; i < n; i++)
			*(i < m ? &a : &b) += s->x[s->first[t] + i];
		total += n ? b / (n - m) - a / m : 0;
	}
	return total / s->n_group;
}

static double exchange(const joint *j, strata *s, int n_task, int resamples)
{
	double observed = labelled_change(s, n_task), size = 0;
	int extreme = 0;
	for (int i = 0; i < s->first[n_task]; i++)
		size = fmax(size, fabs(s->x[i]));
	for (int r = 0; r < resamples; r++) {
		for (int t = 0; t < n_task; t++) {
			size_t n = (size_t)(s->first[t + 1] - s->first[t]);
			if (n) /* gsl counts down from n - 1 */
				gsl_ran_shuffle(j->rng, s->x + s->first[t], n, sizeof *s->x);
		}
		extreme += fabs(labelled_change(s, n_task)) >= fabs(observed) - 1e-12 * size;
	}
	return (1.0 + extreme) / (1.0 + resamples);
}

static am_status permute(const am_contrast_options *o, const joint *j, const double *v, int n_task, am_contrast *c,
                         am_error *err)
{
	strata s = {.x = am_alloc((size_t)j->n, sizeof *s.x), .first = am_alloc((size_t)n_task + 1, sizeof *s.first),
	            .of_a = am_alloc((size_t)n_task, sizeof *s.of_a)};
	am_status st = AM_OK;
	if (s.x && s.first && s.of_a) {
		sort_strata(j, v, n_task, &s);
		gsl_rng_set(j->rng, (unsigned long)(uint32_t)(o->seed ^ o->seed >> 32));
		c->p_permutation = s.n_group ? exchange(j, &s, n_task, o->resamples) : NAN;
	} else {
		st = am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
	}
	am_free(s.x);
	am_free(s.first);
	am_free(s.of_a);
	return st;
}

/* --- cells ---------------------------------------------------------------- */

/* Mean over the tasks of one side. */
static double mean_of_side(const joint *j, const double *v, int side, int n_task)
{
	double total = 0;
	int n_group = 0;
	for (int t = 0; t < n_task; t++) {
		double sum = 0;
		int n = 0;
		for (int i = 0; i < j->n; i++)
			if (j->task[i] == 2 * t + side && !isnan(v[i])) {
				sum += (side ? 0.5 : -0.5) * v[i];
				n++;
			}
		total += n ? sum / n : 0;
		n_group += n > 0;
	}
	return n_group ? total / n_group : NAN;
}

static am_status fill_cell(const am_contrast_options *o, joint *j, double *v, int n_task, am_contrast *c,
                           am_error *err)
{
	am_rank_test rank;
	drop_lone_tasks(j, v, n_task);
	int na = gather(j, v, 0, j->a), nb = gather(j, v, 1, j->b);
	c->n = na + nb;
	am_contrast_means(c, mean_of_side(j, v, 0, n_task), mean_of_side(j, v, 1, n_task));
	c->d_z = pooled_d(j->a, na, j->b, nb);
	c->p_max = NAN;
	am_contrast_margin(o, v, j->task, j->n, 2 * n_task, c);
	am_status s = am_shift_groups(j->a, na, j->b, nb, AM_BOOTSTRAP_LEVEL, &c->shift, err);
	if (!s)
		s = am_rank_sum_test(j->a, na, j->b, nb, &rank, err);
	if (s)
		return s;
	c->p_wilcoxon = rank.p;
	c->biserial = rank.biserial;
	return permute(o, j, v, n_task, c, err);
}

/* A small sample on one side has no interval, however large the other. */
static void drop_intervals(const joint *j, int n_cell, am_contrast *out)
{
	for (int c = 0; c < n_cell; c++) {
		const double *v = j->value + (size_t)c * j->n;
		int na = gather(j, v, 0, j->a), nb = gather(j, v, 1, j->b);
		if ((na < nb ? na : nb) < AM_BOOTSTRAP_MIN_SEQUENCES)
			out[c].ci = (am_interval){NAN, NAN};
	}
}

am_status am_contrast_unpaired(const am_contrast_options *o, const am_sample *a, const am_sample *b,
                               int n_task, int n_cell, am_contrast *out, am_error *err)
{
	joint j;
	am_status s = joint_init(&j, a, b, n_cell, err);
	if (s)
		return s;
	for (int c = 0; c < n_cell && !s; c++)
		s = fill_cell(o, &j, j.value + (size_t)c * j.n, n_task, &out[c], err);
	if (!s)
		s = am_contrast_intervals(o, j.value, j.task, j.n, 2 * n_task, n_cell, out, err);
	if (!s)
		drop_intervals(&j, n_cell, out);
	if (!s)
		s = am_contrast_adjust(n_cell, out, err);
	joint_fini(&j);
	return s;
}

/* Accuracy against k, ratio, precision or retained mass. */
#include "analysis/evaluation.h"
#include "analysis/plot_picture.h"

#include <math.h>
#include <string.h>

/* What stands on the x axis. */
typedef struct axis {
	const char *name;  /* of the picture */
	const char *label, *unit;
	bool mass;
} axis;

static const axis levels[] = {
	[AM_SWEEP_K] = {"accuracy-k", "k (keys kept, log scale)", "k [keys]", false},
	[AM_SWEEP_RATIO] = {"accuracy-ratio", "share of the keys kept (log scale)", "ratio [1]", false},
	[AM_SWEEP_PRECISION] = {"accuracy-precision", "precision of the set (share of the exact keys)", "precision [1]", false},
};

static double x_of(const am_evaluation *e, const axis *a, int point, int group)
{
	if (!a->mass)
		return am_evaluation_level(e, point);
	if (isnan(am_evaluation_level(e, point)))
		return NAN;
	return am_evaluation_mean(e, e->retained + (size_t)point * (size_t)e->n_samples, group);
}

/* Points in the order of their x, those without one left out. */
static int order_points(const am_evaluation *e, const axis *a, int group, int *order)
{
	int n = 0;
	for (int p = 0; p < e->n_points; p++) {
		double x = x_of(e, a, p, group);
		if (isnan(x))
			continue;
		int at = n++;
		for (; at > 0 && x_of(e, a, order[at - 1], group) > x; at--)
			order[at] = order[at - 1];
		order[at] = p;
	}
	return n;
}

/* The line of a group, of the mean over groups with -1. */
static am_status put_line(am_picture *pic, const am_evaluation *e, const axis *a, int group, int *order, double range[2],
                          am_error *err)
{
	int n = order_points(e, a, group, order);
	for (int i = 0; i < n; i++) {
		double low, high, x = x_of(e, a, order[i], group);
		am_status s = am_evaluation_interval(e, order[i], group, &low, &high, err);
		if (s)
			return s;
		range[0] = fmin(range[0], x);
		range[1] = fmax(range[1], x);
		am_text_puts(&pic->data, group < 0 ? "all" : e->task[group]);
		if (group >= 0)
			am_picture_cell(pic, e->length[group]);
		else
			am_text_puts(&pic->data, "\t");
		am_picture_cell(pic, x);
		am_picture_cell(pic, am_evaluation_mean(e, e->accuracy + (size_t)order[i] * (size_t)e->n_samples, group));
		am_picture_cell(pic, low);
		am_picture_cell(pic, high);
		am_picture_end_row(pic);
	}
	am_picture_end_row(pic);
	return AM_OK;
}

/* A task's name as a string of gnuplot: quotes doubled, control characters blank. */
static void put_name(am_text *t, const char *name, int length)
{
	am_text_puts(t, "'");
	for (const char *c = name; *c; c++) {
		if (*c == '\'')
			am_text_puts(t, "''");
		else
			am_text_append(t, (unsigned char)*c < ' ' || *c == 127 ? " " : c, 1);
	}
	am_text_printf(t, " %d'", length);
}

static void put_names(am_picture *pic, const am_evaluation *e)
{
	am_text names = {0};
	for (int g = 0; g < e->n_groups; g++) {
		am_text_puts(&names, g ? ", " : "");
		put_name(&names, e->task[g], e->length[g]);
	}
	am_picture_word(pic, "names", "%s", am_text_str(&names));
	am_picture_word(pic, "tasks", "%d", e->n_groups);
	am_picture_word(pic, "overall", "%d", e->n_groups > 1);
	am_text_free(&names);
}

static void put_axes(am_picture *pic, const am_evaluation *e, const axis *a, const double range[2])
{
	bool share = a->mass || e->sweep == AM_SWEEP_PRECISION;
	if (share)
		am_picture_word(pic, "axes", "set xrange [%.6g:1.01]\nset xtics autofreq", range[0] > 0.5 ? range[0] - 0.02 : -0.01);
	else
		am_picture_word(pic, "axes", "set logscale x %d\nset xrange [%.6g:%.6g]%s", range[1] < 64 * range[0] ? 2 : 4,
		                range[0] / 1.25, range[1] * 1.25,
		                e->sweep == AM_SWEEP_RATIO ? "\nset xtics (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)" : "");
}

/* Letters of the longest title: a task and its length. */
static size_t longest_name(const am_evaluation *e)
{
	size_t longest = 0;
	for (int g = 0; g < e->n_groups; g++) {
		size_t n = strlen(e->task[g]) + 7;
		longest = n > longest ? n : longest;
	}
	return longest;
}

static double dense_accuracy(const am_evaluation *e)
{
	for (int p = 0; p < e->n_points; p++)
		if (!strcmp(e->point[p].attention, "dense"))
			return am_evaluation_mean(e, e->accuracy + (size_t)p * (size_t)e->n_samples, -1);
	return -1;
}

static am_status put_data(am_picture *pic, const am_evaluation *e, const axis *a, am_error *err)
{
	double range[2] = {INFINITY, -INFINITY};
	int order[AM_EVALUATION_POINTS];
	am_text_printf(&pic->data, "task\tlength [tokens]\t%s\taccuracy [1]\tci_low [1]\tci_high [1]\n", a->unit);
	for (int g = 0; g < e->n_groups + (e->n_groups > 1); g++) {
		am_status s = put_line(pic, e, a, g < e->n_groups ? g : -1, order, range, err);
		if (s)
			return s;
	}
	put_axes(pic, e, a, range);
	return AM_OK;
}

static am_status draw(const am_plot_job *job, const am_evaluation *e, const axis *a, am_error *err)
{
	am_picture pic;
	am_picture_init(&pic, a->name);
	am_status s = put_data(&pic, e, a, err);
	if (!s) {
		put_names(&pic, e);
		am_picture_word(&pic, "summary", "Accuracy against %s", a->label);
		am_picture_word(&pic, "dense", "%.9g", dense_accuracy(e));
		am_picture_string(&pic, "title", "Task accuracy");
		am_picture_string(&pic, "subtitle", "%d sample%s; bars are 95 %% intervals (Wilson; bootstrap for the mean)",
		                  e->n_samples, e->n_samples == 1 ? "" : "s");
		am_picture_string(&pic, "x_label", "%s", a->label);
		am_picture_key_of(&pic, job, e->n_groups + (e->n_groups > 1) + (dense_accuracy(e) >= 0), longest_name(e));
		am_picture_size(&pic, job->page->narrow ? 150 : 282, "");
		s = am_picture_draw(&pic, job, "accuracy", err);
	}
	am_picture_fini(&pic);
	return s;
}

static bool has_mass(const am_evaluation *e)
{
	for (size_t i = 0; i < (size_t)e->n_points * (size_t)e->n_samples; i++)
		if (!isnan(e->retained[i]))
			return true;
	return false;
}

am_status am_plot_check_sweep(const am_plot_job *job, am_error *err)
{
	const am_evaluation *e = job->evaluation;
	bool mass = !strcmp(job->kind->name, "accuracy-mass");
	if (e->sweep == AM_SWEEP_NONE || e->n_points > AM_EVALUATION_POINTS)
		return am_fail(err, AM_ERR_USAGE, "plot: expected a sweep of at most %d points", AM_EVALUATION_POINTS);
	if (mass ? has_mass(e) : !strcmp(job->kind->name, levels[e->sweep].name))
		return AM_OK;
	return am_fail(err, AM_ERR_FORMAT, "%s: these results are of a sweep over %s%s", job->kind->name,
	               am_sweep_name(e->sweep), mass ? " without retained mass" : "");
}

am_status am_plot_accuracy_sweep(const am_plot_job *job, am_error *err)
{
	return draw(job, job->evaluation, &levels[job->evaluation->sweep], err);
}

am_status am_plot_accuracy_mass(const am_plot_job *job, am_error *err)
{
	static const axis mass = {"accuracy-mass", "attention mass on the kept keys (mean of decoded rows)", "retained_mass [1]", true};
	return draw(job, job->evaluation, &mass, err);
}

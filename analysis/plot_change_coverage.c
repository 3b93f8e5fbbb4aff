/* Mass of the k largest keys before and after against k, and the difference. */
#include "analysis/compare_job.h"
#include "analysis/plot_changes.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct curves {
	const am_plot_job *job;
	am_compare_options o;
	am_metric metric[AM_COMPARE_METRICS]; /* mass at each k that both runs have */
	int n;
	am_compare_job pair;
	am_compare_values values;
	am_contrast *whole; /* [n] of all layers */
	am_text warnings;
} curves;

static void find_metrics(curves *c)
{
	const double *k = am_run_axis_values(c->job->run, AM_AXIS_K);
	for (int64_t i = 0; i < am_run_axis_length(c->job->run, AM_AXIS_K) && c->n < AM_COMPARE_METRICS; i++) {
		char name[32];
		snprintf(name, sizeof name, "mass@%.0f", k[i]);
		am_metric *m = &c->metric[c->n];
		if (!am_metric_parse(name, m, NULL) && am_metric_has(m, c->job->after))
			c->n++;
	}
}

am_status am_plot_check_counts(const am_plot_job *job, am_error *err)
{
	curves c = {.job = job};
	find_metrics(&c);
	return c.n ? AM_OK
	           : am_fail(err, AM_ERR_FORMAT, "%s and %s: have no k in common, which the picture %s needs; %s",
	                     am_run_path(job->run), am_run_path(job->after), job->kind->name, job->kind->hint);
}

/* Values of a cell of a metric by sequence. */
static const double *of_cell(const curves *c, int run, int metric, int layer)
{
	const am_aggregate *a = run && c->o.unpaired ? &c->pair.b : &c->pair.a;
	size_t cell = (size_t)metric * (size_t)am_aggregate_cells(a) + (size_t)am_aggregate_cell(a, 0, layer, -1);
	return c->values.value[run] + cell * (size_t)a->n_sequence;
}

/* Contrast of all layers together, as the table of compare has it. */
static am_status contrast_whole(curves *c, am_error *err)
{
	am_contrast_options o = am_compare_contrast_options(&c->o);
	const int S[] = {c->pair.a.n_sequence, c->o.unpaired ? c->pair.b.n_sequence : c->pair.a.n_sequence};
	double *v[] = {am_alloc((size_t)c->n * (size_t)S[0], sizeof(double)), am_alloc((size_t)c->n * (size_t)S[1], sizeof(double))};
	c->whole = am_calloc((size_t)c->n, sizeof *c->whole);
	am_status s = v[0] && v[1] && c->whole ? AM_OK : am_fail(err, AM_ERR_MEMORY, "change-coverage: out of memory");
	for (int r = 0; r < 2 && !s; r++)
		for (int i = 0; i < c->n; i++)
			memcpy(v[r] + (size_t)i * (size_t)S[r], of_cell(c, r, i, -1), (size_t)S[r] * sizeof(double));
	am_sample a = {v[0], c->pair.a.task, S[0]}, b = {v[1], c->pair.task_b, S[1]};
	if (!s)
		s = c->o.unpaired ? am_contrast_unpaired(&o, &a, &b, c->pair.n_task, c->n, c->whole, err)
		                  : am_contrast_paired(&o, &a, &b, c->pair.n_task, c->n, c->whole, err);
	am_free(v[0]);
	am_free(v[1]);
	return s;
}

static am_status read_curves(curves *c, am_error *err)
{
	c->o = *c->job->compare;
	c->o.aggregate.position_bins = 0;
	c->o.by_task = false;
	c->o.margin = 0;
	am_status s = am_compare_job_open(&c->pair, c->job->run, c->job->after, &c->o, &c->warnings, err);
	if (!s)
		s = am_compare_read(&c->pair, c->metric, c->n, &c->values, err);
	return s ? s : contrast_whole(c, err);
}

static void widen(double range[2], double x)
{
	range[0] = fmin(range[0], x); /* which passes over NaN */
	range[1] = fmax(range[1], x);
}

static void put_layer(const curves *c, int place, am_picture *p, double range[2])
{
	const am_compare_job *j = &c->pair;
	int layer = c->job->layers->index[place];
	int S = c->o.unpaired ? j->b.n_sequence : j->a.n_sequence;
	for (int i = 0; i < c->n; i++) {
		double a = am_bootstrap_estimate(of_cell(c, 0, i, layer), j->a.task, j->a.n_sequence, j->n_task);
		double b = am_bootstrap_estimate(of_cell(c, 1, i, layer), j->task_b, S, j->n_task);
		am_picture_cell(p, c->job->layers->id[place]);
		am_picture_cell(p, c->metric[i].at);
		am_picture_cell(p, a);
		am_picture_cell(p, b);
		am_picture_cell(p, b - a);
		am_text_puts(&p->data, "\t\t");
		am_picture_end_row(p);
		widen(range, b - a);
	}
	am_picture_end_row(p); /* a blank line ends a curve */
}

static void put_data(const curves *c, am_picture *p)
{
	double range[] = {0, 0};
	am_text_puts(&p->data, "layer\tk [keys]\tmass_a [1]\tmass_b [1]\tchange [1]\tci_low [1]\tci_high [1]\n");
	for (int i = 0; i < c->job->layers->n; i++)
		put_layer(c, i, p, range);
	for (int i = 0; i < c->n; i++) {
		const am_contrast *x = &c->whole[i];
		const double cells[] = {c->metric[i].at, x->mean_a, x->mean_b, x->change, x->ci.low, x->ci.high};
		am_text_puts(&p->data, "all");
		for (int j = 0; j < 6; j++)
			am_picture_cell(p, cells[j]);
		am_picture_end_row(p);
		for (int j = 3; j < 6; j++)
			widen(range, cells[j]);
	}
	double edge = range[1] > range[0] ? 0.08 * (range[1] - range[0]) : 0.01;
	am_picture_word(p, "change_range", "%.6g:%.6g", range[0] - edge, range[1] + edge);
	double low = c->metric[0].at, high = c->metric[c->n - 1].at;
	am_picture_word(p, "axes", "set logscale x %d\nset xrange [%.6g:%.6g]", high < 64 * low ? 2 : 4, low / 1.25, high * 1.25);
}

static am_status draw(const curves *c, am_picture *p, am_error *err)
{
	const am_plot_job *job = c->job;
	bool interval = !isnan(c->whole[0].ci.low);
	am_text rows = {0};
	am_plot_describe_rows(&c->pair.a, &rows);
	put_data(c, p);
	am_picture_layers(p, job);
	am_picture_word(p, "summary", "Attention mass of the k largest keys before and after");
	am_picture_string(p, "title", "Top-k mass coverage before and after");
	am_picture_string(p, "subtitle", "Means over all heads and %s; below: b - a%s", am_text_str(&rows),
	                  interval ? " with 95 % intervals" : "; intervals need 5 sequences");
	am_picture_string(p, "x_label", "k (largest keys kept, log scale)");
	am_picture_key(p, job, 1, 1);
	am_picture_size(p, job->page->narrow ? 230 : 364, "Rows with at most k visible keys count as 1. Thin lines: single layers.");
	am_text_free(&rows);
	return am_picture_draw(p, job, "change_coverage", err);
}

am_status am_plot_change_coverage(const am_plot_job *job, am_error *err)
{
	curves c = {.job = job};
	am_picture p;
	am_picture_init(&p, "change-coverage");
	find_metrics(&c);
	am_status s = read_curves(&c, err);
	if (!s)
		s = draw(&c, &p, err);
	am_picture_fini(&p);
	am_compare_values_fini(&c.values);
	am_compare_job_close(&c.pair);
	am_text_free(&c.warnings);
	am_free(c.whole);
	return s;
}

/* A metric against query position, before and after, with the interval of each run and of
 * the change. */
#include "analysis/compare_job.h"
#include "analysis/plot_changes.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* By bin of positions; NaN where undefined. */
typedef struct bands {
	int n;                /* bins */
	int64_t *edge;        /* [n + 1] */
	am_interval *band[2]; /* [n] of the mean of either run */
	double *control;      /* [n] mean of the control run, NULL without one */
} bands;

static void bands_fini(bands *b)
{
	am_free(b->edge);
	am_free(b->band[0]);
	am_free(b->band[1]);
	am_free(b->control);
}

static am_status bands_init(bands *b, const am_aggregate *a, am_error *err)
{
	b->n = a->n_bin;
	size_t n = (size_t)b->n;
	b->edge = am_calloc(n + 1, sizeof *b->edge);
	b->band[0] = am_calloc(n, sizeof **b->band);
	b->band[1] = am_calloc(n, sizeof **b->band);
	if (!b->edge || !b->band[0] || !b->band[1])
		return am_fail(err, AM_ERR_MEMORY, "change-position: out of memory");
	for (int i = 0; i <= b->n; i++)
		b->edge[i] = a->bin_edge[i];
	return AM_OK;
}

/* Bootstrap over the sequences of each run alone, as the table of that run has it. */
static am_status fill_bands(bands *b, const am_compare_job *j, const am_compare_values *v, am_error *err)
{
	am_status s = AM_OK;
	am_interval_method method = j->o->interval == AM_INTERVAL_AUTO ? AM_INTERVAL_BCA : j->o->interval;
	for (int r = 0; r < 2; r++) {
		const am_aggregate *a = r && j->o->unpaired ? &j->b : &j->a;
		const int *task = r ? j->task_b : j->a.task;
		for (int i = 0; i < b->n && !s; i++)
			s = am_bootstrap_intervals_by(method, v->value[r] + (size_t)am_aggregate_cell(a, i, -1, -1) * (size_t)a->n_sequence,
			                              1, task, a->n_sequence, j->n_task, j->o->aggregate.resamples,
			                              j->o->aggregate.seed, &b->band[r][i], err);
	}
	return s;
}

static am_status fill_control(bands *b, const am_compare_job *j, const am_compare_values *v, am_error *err)
{
	const am_aggregate *a = &j->a;
	b->control = am_alloc((size_t)b->n, sizeof *b->control);
	if (!b->control)
		return am_fail(err, AM_ERR_MEMORY, "change-position: out of memory");
	for (int i = 0; i < b->n; i++)
		b->control[i] = am_bootstrap_estimate(v->value[1] + (size_t)am_aggregate_cell(a, i, -1, -1) * (size_t)a->n_sequence,
		                                      a->task, a->n_sequence, j->n_task);
	return AM_OK;
}

/* Reads the metric of both runs by sequence and bin. */
static am_status read_bins(const am_plot_job *job, am_run *other, bands *b, bool control, am_error *err)
{
	am_compare_options o = am_changes_options(job, AM_CHANGES_POSITION);
	am_metric m = o.metric[0];
	am_text warnings = {0};
	am_compare_job j;
	am_compare_values v = {0};
	am_status s = am_compare_job_open(&j, job->run, other, &o, &warnings, err);
	if (!s)
		s = am_compare_read(&j, &m, 1, &v, err);
	if (!s && !control)
		s = bands_init(b, &j.a, err);
	if (!s)
		s = control ? fill_control(b, &j, &v, err) : fill_bands(b, &j, &v, err);
	am_compare_values_fini(&v);
	am_compare_job_close(&j);
	am_text_free(&warnings);
	return s;
}

static void widen(double range[2], double x)
{
	range[0] = fmin(range[0], x); /* which passes over NaN */
	range[1] = fmax(range[1], x);
}

static void put_row(const am_changes *c, const bands *b, int r, double means[2], double changes[2], am_picture *p)
{
	static const char *const columns[] = {"mean_a", "mean_b", "change", "ci_low", "ci_high"};
	int64_t low = am_changes_whole(c, r, "position_low");
	int bin = 0;
	while (bin + 1 < b->n && b->edge[bin] != low)
		bin++;
	am_picture_cell(p, (double)low);
	am_picture_cell(p, (double)am_changes_whole(c, r, "position_high"));
	am_picture_cell(p, (double)am_changes_whole(c, r, "n_sequences"));
	for (int i = 0; i < 5; i++) {
		double x = am_changes_value(c, r, columns[i]);
		am_picture_cell(p, x);
		widen(i < 2 ? means : changes, x);
	}
	const double rest[] = {b->band[0][bin].low, b->band[0][bin].high, b->band[1][bin].low, b->band[1][bin].high,
	                       b->control ? b->control[bin] : NAN};
	for (int i = 0; i < (b->control ? 5 : 4); i++) {
		am_picture_cell(p, rest[i]);
		widen(means, rest[i]);
	}
	am_picture_end_row(p);
}

static void put_range(am_picture *p, const char *key, const double range[2])
{
	double edge = range[1] > range[0] ? 0.06 * (range[1] - range[0]) : 0.5;
	am_picture_word(p, key, "%.6g:%.6g", range[0] - edge, range[1] + edge);
}

static void put_data(const am_changes *c, const bands *b, am_picture *p)
{
	double means[] = {INFINITY, -INFINITY}, changes[] = {0, 0};
	bool banded = false;
	am_text_printf(&p->data, "position_low\tposition_high\tsequences\tmean_a\tmean_b\tchange\tci_low\tci_high\ta_low\ta_high\t"
	               "b_low\tb_high%s\n", b->control ? "\tcontrol" : "");
	for (int r = 0; r < c->t->n_rows; r++)
		put_row(c, b, r, means, changes, p);
	for (int i = 0; i < b->n; i++)
		banded = banded || !isnan(b->band[0][i].low) || !isnan(b->band[1][i].low);
	put_range(p, "y_range", means);
	put_range(p, "change_range", changes);
	am_picture_word(p, "banded", "%d", banded);
	char title[128];
	snprintf(title, sizeof title, "Change of %s against query position", c->metric->name);
	am_changes_put_words(c, p, title, banded ? "All heads, means and their change with 95 % intervals over sequences"
	                                         : "All heads, means and their change; intervals need 5 sequences");
}

am_status am_plot_change_position(const am_plot_job *job, am_error *err)
{
	am_changes changes, *c = &changes;
	bands b = {0};
	am_picture p;
	am_picture_init(&p, "change-position");
	am_status s = am_changes_get(job, AM_CHANGES_POSITION, c, err);
	if (!s)
		s = read_bins(job, job->after, &b, false, err);
	if (!s && job->control)
		s = read_bins(job, job->control, &b, true, err);
	if (!s) {
		put_data(c, &b, &p);
		am_picture_word(&p, "control", "%d", job->control != NULL);
		am_picture_word(&p, "x_low", "%" PRId64, am_changes_whole(c, 0, "position_low"));
		am_picture_word(&p, "x_high", "%" PRId64, am_changes_whole(c, c->t->n_rows - 1, "position_high"));
		am_picture_string(&p, "y_label", "%s (%s)", c->metric->name, c->metric->unit);
		am_picture_key(&p, job, 1, 1);
		am_picture_size(&p, job->page->narrow ? 220 : 344, "");
		s = am_picture_draw(&p, job, "change_position", err);
	}
	bands_fini(&b);
	am_picture_fini(&p);
	return s;
}

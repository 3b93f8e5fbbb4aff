/* Densities of a metric's rows before and after, a lane a layer. */
#include "analysis/aggregate.h"
#include "analysis/density.h"
#include "analysis/pairing.h"
#include "analysis/plot_changes.h"
#include "analysis/rows.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>

#define MOST_LANES 12
#define LANE 46        /* units; narrow: */
#define LANE_NARROW 30

typedef struct ridge {
	const am_plot_job *job;
	am_metric metric[2]; /* in either run: the index of a k may differ */
	int n_lane, lane[MOST_LANES]; /* indices of layers */
	am_density *of[2];   /* [n_lane], of either run */
	am_density_grid grid;
} ridge;

/* Rows of one run, layer by layer, that are not left out. */
typedef struct source {
	am_aggregate a;
	am_rows rows;
	int32_t *visible; /* [block], of one layer */
} source;

static void source_close(source *x)
{
	am_rows_close(&x->rows);
	am_aggregate_close(&x->a);
	am_free(x->visible);
}

static am_status source_open(source *x, am_run *run, const am_plot_job *job, const am_metric *m, am_error *err)
{
	am_aggregate_options o;
	am_aggregate_options_init(&o);
	o.min_position = job->compare->aggregate.min_position;
	*x = (source){0};
	am_status s = am_aggregate_open(run, &o, &x->a, err);
	if (!s)
		s = am_rows_open(run, m->field, true, &x->rows, err);
	if (s)
		return s;
	x->visible = am_alloc((size_t)x->rows.block, sizeof *x->visible);
	return x->visible ? AM_OK : am_fail(err, AM_ERR_MEMORY, "change-densities: out of memory");
}

/* Gives the values of the heads to be shown to one of the passes. */
static void take(const ridge *g, const source *x, int run, int lane, const float *data, int64_t first, int64_t n, bool count)
{
	const am_metric *m = &g->metric[run];
	am_density *d = &g->of[run][lane];
	for (int h = 0; h < g->job->heads->n; h++) {
		const float *of_head = data + (int64_t)g->job->heads->index[h] * n * x->rows.inner;
		for (int64_t i = 0; i < n; i++) {
			double v = of_head[i * x->rows.inner + m->inner];
			if (x->a.row_sequence[first + i] < 0)
				continue;
			if (m->kind == AM_METRIC_NORMALISED)
				v = x->visible[i] > 1 ? v / log(x->visible[i]) : NAN;
			if (count)
				am_density_count(d, &g->grid, v);
			else
				am_density_measure(d, v);
		}
	}
}

static am_status pass(const ridge *g, source *x, int run, bool count, am_error *err)
{
	am_status s = AM_OK;
	for (int l = 0; l < g->n_lane && !s; l++)
		for (int64_t b = 0; b < x->rows.n_block && !s; b++) {
			const float *data;
			int64_t first, n;
			s = am_rows_get(&x->rows, g->lane[l], b, &data, &first, &n, err);
			int64_t start[] = {g->lane[l], first}, size[] = {1, n};
			if (!s && g->metric[run].kind == AM_METRIC_NORMALISED)
				s = am_run_read_i32(x->rows.run, AM_FIELD_ROW_VISIBLE, start, size, x->visible, err);
			if (!s)
				take(g, x, run, l, data, first, n, count);
		}
	return s;
}

/* What no value of the metric exceeds. */
static double upper_bound(const am_metric *m)
{
	bool share = m->kind == AM_METRIC_NORMALISED || m->field == AM_FIELD_MAX_PROB || m->field == AM_FIELD_MASS_AT_K ||
	             m->field == AM_FIELD_MASS_AT_RATIO || m->field == AM_FIELD_SINK_MASS || m->field == AM_FIELD_RECENT_MASS;
	return share ? 1 : INFINITY;
}

static void choose_grid(ridge *g)
{
	const am_density *all[2 * MOST_LANES];
	for (int i = 0; i < g->n_lane; i++) {
		all[i] = &g->of[0][i];
		all[g->n_lane + i] = &g->of[1][i];
	}
	g->grid = am_density_choose_grid(all, 2 * g->n_lane, upper_bound(&g->metric[0]));
}

static am_status read_both(ridge *g, am_error *err)
{
	source x[2] = {{.visible = NULL}, {.visible = NULL}};
	am_run *run[] = {g->job->run, g->job->after};
	am_status s = AM_OK;
	for (int r = 0; r < 2 && !s; r++) {
		s = source_open(&x[r], run[r], g->job, &g->metric[r], err);
		if (!s)
			s = pass(g, &x[r], r, false, err);
	}
	choose_grid(g);
	for (int r = 0; r < 2 && !s; r++)
		s = pass(g, &x[r], r, true, err);
	source_close(&x[0]);
	source_close(&x[1]);
	return s;
}

/* --- the picture -------------------------------------------------------------- */

static double put_lane(const ridge *g, am_picture *p, int lane)
{
	double y[2][AM_DENSITY_NODES], most = 0;
	const double width = (g->grid.high - g->grid.low) / AM_DENSITY_CELLS;
	const am_density *d[] = {&g->of[0][lane], &g->of[1][lane]};
	am_density_estimate(d[0], &g->grid, y[0]);
	am_density_estimate(d[1], &g->grid, y[1]);
	for (int i = 0; i < AM_DENSITY_NODES; i++) {
		am_picture_cell(p, am_run_axis_values(g->job->run, AM_AXIS_LAYER)[g->lane[lane]]);
		am_picture_cell(p, g->grid.low + i * width);
		am_picture_cell(p, y[0][i]);
		am_picture_cell(p, y[1][i]);
		for (int r = 0; r < 2; r++)
			am_picture_cell(p, am_density_quantile(d[r], &g->grid, 0.5));
		for (int r = 0; r < 2; r++)
			am_picture_cell(p, d[r]->n ? am_density_bandwidth(d[r], &g->grid) : NAN);
		for (int r = 0; r < 2; r++)
			am_picture_cell(p, (double)d[r]->n);
		am_picture_end_row(p);
		most = fmax(most, fmax(y[0][i], y[1][i]));
	}
	am_picture_end_row(p);
	return most;
}

static void put_words(const ridge *g, am_picture *p)
{
	const am_metric *m = &g->metric[0];
	char title[128], caption[160];
	snprintf(title, sizeof title, "Densities of %s before and after", m->name);
	am_picture_word(p, "summary", "%s", title);
	am_picture_string(p, "title", "%s", title);
	am_picture_string(p, "subtitle", "All rows of %s heads of a layer; vertical lines: medians",
	                  g->job->options->n_heads ? "the chosen" : "the");
	snprintf(caption, sizeof caption, "Gaussian kernels, bandwidth by Silverman's rule; every curve has the area 1.%s",
	         g->n_lane < g->job->layers->n ? " Not all layers are shown." : "");
	am_picture_string(p, "x_label", "%s (%s)", m->name, m->unit);
	am_picture_word(p, "lanes", "%d", g->n_lane);
	am_picture_word(p, "x_range", "%.6g:%.6g", g->grid.low, g->grid.high);
	am_picture_key(p, g->job, 1, 1);
	am_picture_size(p, (g->job->page->narrow ? LANE_NARROW : LANE) * (g->n_lane + 1), caption);
}

static void put_data(const ridge *g, am_picture *p)
{
	am_text names = {0};
	double most = 0;
	am_text_printf(&p->data, "layer\t%s [%s]\tdensity_a\tdensity_b\tmedian_a\tmedian_b\tbandwidth_a\tbandwidth_b\tvalues_a\tvalues_b\n",
	               g->metric[0].name, g->metric[0].unit);
	for (int i = 0; i < g->n_lane; i++) {
		most = fmax(most, put_lane(g, p, i));
		am_text_printf(&names, "%s'%.0f' %d", i ? ", " : "",
		               am_run_axis_values(g->job->run, AM_AXIS_LAYER)[g->lane[i]], -i);
	}
	am_picture_word(p, "lane_names", "%s", am_text_str(&names));
	am_picture_word(p, "scale", "%.6g", most > 0 ? 1.6 / most : 1);
	am_text_free(&names);
}

static am_status prepare(ridge *g, const am_plot_job *job, am_error *err)
{
	int L = job->layers->n;
	*g = (ridge){.job = job, .metric = {job->compare->metric[0], job->compare->metric[0]}, .n_lane = L < MOST_LANES ? L : MOST_LANES};
	for (int i = 0; i < g->n_lane; i++)
		g->lane[i] = job->layers->index[g->n_lane > 1 ? (int)lround((double)i * (L - 1) / (g->n_lane - 1)) : 0];
	for (int r = 0; r < 2; r++) {
		am_run *run = r ? job->after : job->run;
		am_status s = am_metric_find(&g->metric[r], run, err);
		g->of[r] = am_calloc((size_t)g->n_lane + 1, sizeof *g->of[r]);
		if (s)
			return s;
		if (!g->of[r])
			return am_fail(err, AM_ERR_MEMORY, "change-densities: out of memory");
	}
	return job->compare->unpaired ? am_pairing_check_heads(job->run, job->after, err)
	                              : am_pairing_check(job->run, job->after, err);
}

am_status am_plot_change_densities(const am_plot_job *job, am_error *err)
{
	ridge g;
	am_picture p;
	am_picture_init(&p, "change-densities");
	am_status s = prepare(&g, job, err);
	if (!s)
		s = read_both(&g, err);
	if (!s) {
		put_data(&g, &p);
		put_words(&g, &p);
		s = am_picture_draw(&p, job, "ridge", err);
	}
	am_picture_fini(&p);
	am_free(g.of[0]);
	am_free(g.of[1]);
	return s;
}

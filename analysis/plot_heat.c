/* Layer by head heat maps: normalised entropy, and k at a mass. */
#include "analysis/coverage.h"
#include "analysis/entropy.h"
#include "analysis/plot_picture.h"
#include "base/mem.h"

#include <math.h>
#include <stdint.h>

/* A layer x head grid of a picture. */
typedef struct heat {
	int L, H;
	const double *layers, *heads; /* [L], [H] ids */
	double *cells;                /* [L][H], NaN where undefined */
	double overall;               /* of all heads, NaN when undefined */
} heat;

static int index_of(const double *ids, int n, int64_t id)
{
	for (int i = 0; i < n; i++)
		if (ids[i] == (double)id)
			return i;
	return -1;
}

static am_status heat_init(heat *h, const am_plot_job *job, am_error *err)
{
	*h = (heat){.L = (int)am_run_axis_length(job->run, AM_AXIS_LAYER),
	            .H = (int)am_run_axis_length(job->run, AM_AXIS_HEAD),
	            .layers = am_run_axis_values(job->run, AM_AXIS_LAYER),
	            .heads = am_run_axis_values(job->run, AM_AXIS_HEAD),
	            .overall = NAN};
	if (!h->layers || !h->heads || h->L < 1 || h->H < 1)
		return am_fail(err, AM_ERR_FORMAT, "%s: no layer or head axis", am_run_path(job->run));
	h->cells = am_calloc((size_t)h->L * (size_t)h->H, sizeof *h->cells);
	if (!h->cells)
		return am_fail(err, AM_ERR_MEMORY, "heat map: out of memory");
	for (int64_t i = 0; i < (int64_t)h->L * h->H; i++)
		h->cells[i] = NAN;
	return AM_OK;
}

/* Takes `column` of the rows of a table, those with tau only when tau > 0. */
static void fill(heat *h, const am_table *t, const char *column, double tau)
{
	int c_layer = am_table_column(t, "layer"), c_head = am_table_column(t, "head");
	int c_tau = am_table_column(t, "tau"), c = am_table_column(t, column);
	for (int i = 0; i < t->n_rows; i++) {
		const am_cell *row = t->cells + (size_t)i * (size_t)t->n_columns;
		if (tau > 0 && !(row[c_tau].x == tau))
			continue;
		double x = t->columns[c].type == AM_COL_REAL ? row[c].x
		           : row[c].i == INT64_MIN           ? NAN
		                                             : (double)row[c].i;
		if (row[c_layer].i == INT64_MIN)
			h->overall = x;
		if (row[c_layer].i == INT64_MIN || row[c_head].i == INT64_MIN)
			continue;
		int l = index_of(h->layers, h->L, row[c_layer].i), k = index_of(h->heads, h->H, row[c_head].i);
		if (l >= 0 && k >= 0)
			h->cells[l * h->H + k] = x;
	}
}

static void put_data(const heat *h, am_picture *p, const char *header)
{
	am_text_printf(&p->data, "layer_index\thead_index\tlayer\thead\t%s\n", header);
	for (int l = 0; l < h->L; l++) {
		for (int k = 0; k < h->H; k++) {
			am_picture_cell(p, l);
			am_picture_cell(p, k);
			am_picture_cell(p, h->layers[l]);
			am_picture_cell(p, h->heads[k]);
			am_picture_cell(p, h->cells[l * h->H + k]);
			am_picture_end_row(p);
		}
	}
}

/* Cells as high as wide up to 34 units, at most 560 units in all. */
static int plot_height(const heat *h)
{
	double side = fmin(fmin(472.0 / h->H, 34), 560.0 / h->L);
	return (int)fmax(side * h->L, 170);
}

static void put_layout(const heat *h, am_picture *p, const char *cell_format)
{
	int height = plot_height(h);
	am_picture_word(p, "rows", "%d", h->L);
	am_picture_word(p, "columns", "%d", h->H);
	am_picture_ticks(p, "head_ticks", h->heads, h->H, 16);
	am_picture_ticks(p, "layer_ticks", h->layers, h->L, height / 14);
	am_picture_word(p, "cell_text", "%d", h->H <= 14 && height / h->L >= 15);
	am_picture_word(p, "cell_format", "%s", cell_format);
	bool blank = false;
	for (int i = 0; i < h->L * h->H; i++)
		blank |= !isfinite(h->cells[i]);
	am_picture_string(p, "caption", "%s", blank ? "Grey: undefined." : "");
}

static am_status start(heat *h, am_picture *p, const char *name, const am_plot_job *job, am_text *rows,
                       am_error *err)
{
	am_status s = heat_init(h, job, err);
	if (!s)
		s = am_plot_describe_rows(job, rows, err);
	am_picture_init(p, name, s ? 0 : plot_height(h) + 138);
	return s;
}

am_status am_plot_entropy_heads(const am_plot_job *job, am_error *err)
{
	heat h = {0};
	am_picture p;
	am_table t = {0};
	am_text rows = {0};
	am_aggregate_options a;
	am_aggregate_options_init(&a);
	a.resamples = 0;
	a.min_position = job->options->min_position;
	am_status s = start(&h, &p, "entropy-heads", job, &rows, err);
	if (!s)
		s = am_entropy_table(job->run, &a, &t, err);
	if (!s) {
		fill(&h, &t, "normalised", 0);
		put_data(&h, &p, "entropy_normalised [1]");
		put_layout(&h, &p, "%.2f");
		am_picture_word(&p, "summary", "Normalised attention entropy of every head");
		am_picture_string(&p, "title", "Normalised attention entropy H / ln n");
		am_picture_string(&p, "subtitle", "Mean over %s; all heads: %.3f. 0: one key, 1: uniform",
		                  am_text_str(&rows), h.overall);
		am_picture_string(&p, "value_label", "mean of H / ln n");
		am_picture_word(&p, "colour_scale", "set cbrange [0:1]\nset cbtics 0, 0.2, 1");
		am_picture_word(&p, "dark_test", "x < 0.55");
		s = am_picture_draw(&p, job, "heat", err);
	}
	am_table_fini(&t);
	am_text_free(&rows);
	am_picture_fini(&p);
	am_free(h.cells);
	return s;
}

/* The captured mass nearest to 0.95. */
static double nearest_tau(const am_run *r)
{
	const double *tau = am_run_axis_values(r, AM_AXIS_MASS);
	double best = tau[0];
	for (int64_t i = 1; i < am_run_axis_length(r, AM_AXIS_MASS); i++)
		if (fabs(tau[i] - 0.95) < fabs(best - 0.95))
			best = tau[i];
	return best;
}

static void put_k_scale(const heat *h, am_picture *p)
{
	double top = 2;
	for (int i = 0; i < h->L * h->H; i++)
		top = fmax(top, h->cells[i]); /* fmax passes over NaN */
	int base = top < 64 ? 2 : 4;
	am_picture_word(p, "colour_scale", "set logscale cb %d\nset format cb '%%.0f'\nset cbrange [1:%.9g]",
	                base, top);
	am_picture_word(p, "dark_test", "x < %.4g", pow(top, 0.55));
}

am_status am_plot_k_at_mass(const am_plot_job *job, am_error *err)
{
	heat h = {0};
	am_picture p;
	am_table t = {0};
	am_text rows = {0};
	am_aggregate_options a;
	am_aggregate_options_init(&a);
	a.resamples = 0;
	a.min_position = job->options->min_position;
	double tau = nearest_tau(job->run);
	am_status s = start(&h, &p, "k-at-mass", job, &rows, err);
	if (!s)
		s = am_coverage_table(job->run, &a, &t, err);
	if (!s) {
		fill(&h, &t, "k_median", tau);
		put_data(&h, &p, "k_median [keys]");
		put_layout(&h, &p, "%.0f");
		put_k_scale(&h, &p);
		am_picture_word(&p, "summary", "Keys needed for a mass of %.6g, every head", tau);
		am_picture_string(&p, "title", "Keys needed for %.6g %% of the attention mass", 100 * tau);
		am_picture_string(&p, "subtitle", "Median over %s; all heads: %.6g keys", am_text_str(&rows),
		                  h.overall);
		am_picture_string(&p, "value_label", "median k (keys, log scale)");
		s = am_picture_draw(&p, job, "heat", err);
	}
	am_table_fini(&t);
	am_text_free(&rows);
	am_picture_fini(&p);
	am_free(h.cells);
	return s;
}

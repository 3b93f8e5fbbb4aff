/* Entropy against query position: quantiles of all values of a bin of positions,
 * over all layers and for some layers alone. */
#include "analysis/plot_survey.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const double quantile_at[] = {0.05, 0.25, 0.5, 0.75, 0.95};

static void put_bin(const am_survey *v, am_picture *p, int panel, int b)
{
	const am_tally *t = &v->tallies[panel * v->n_bins + b];
	const double *layers = am_run_axis_values(v->job->run, AM_AXIS_LAYER);
	if (v->panel_layer[panel] < 0)
		am_text_puts(&p->data, "all");
	else
		am_text_printf(&p->data, "%.0f", layers[v->panel_layer[panel]]);
	am_picture_cell(p, (double)v->edge[b]);
	am_picture_cell(p, (double)v->edge[b + 1]);
	am_picture_cell(p, (double)t->rows);
	am_picture_cell(p, (double)t->values);
	for (size_t q = 0; q < sizeof quantile_at / sizeof *quantile_at; q++)
		am_picture_cell(p, am_tally_quantile(t, v->top[b], quantile_at[q]));
	am_picture_cell(p, t->rows ? t->sum_ln_n / (double)t->rows : NAN);
	am_picture_end_row(p);
}

static void put_data(const am_survey *v, am_picture *p)
{
	am_text_puts(&p->data, "layer\tposition_low [tokens]\tposition_high [tokens]\trows\tvalues\tp05 [nat]\t"
	                       "p25 [nat]\tmedian [nat]\tp75 [nat]\tp95 [nat]\tmean_ln_n [nat]\n");
	for (int panel = 0; panel < v->n_panels; panel++) {
		for (int b = 0; b < v->n_bins; b++)
			put_bin(v, p, panel, b);
		am_picture_end_row(p);
	}
}

/* Panels in a row, and the shape of one in units. */
typedef struct grid {
	int across, down, gap, width, height;
	int row_gap, name_gap;
} grid;

static grid lay_out(const am_plot_page *page, int panels)
{
	if (page->narrow) {
		int columns = panels < 2 ? 1 : 2;
		return (grid){columns, (panels + columns - 1) / columns, 14, columns == 1 ? 274 : 130, columns == 1 ? 150 : 86, 26, 13};
	}
	static const int heights[] = {250, 190, 150, 120};
	int across = panels <= 3 ? panels : panels == 4 ? 2 : panels <= 6 ? 3 : 4;
	int gap = 22;
	return (grid){across, (panels + across - 1) / across, gap, (566 - gap * (across - 1)) / across,
	              heights[across - 1], 34, 14};
}

/* Smallest base whose powers have room for their labels, of 7 units a digit. */
static int log_base(double low, double high, int width)
{
	int base = 2, digits = 1 + (int)log10(high);
	while (base < 256 && log(high / low) / log(base) * (7 * digits + 8) > width)
		base *= base < 4 ? 2 : 4;
	return base;
}

/* Step 1, 2 or 5 times a power of ten, whole, with room for the labels. */
static double linear_step(double span, double high, int width)
{
	double labels = width / (8 * (1 + log10(fmax(high, 1))) + 14), step = span / fmax(labels, 1);
	double power = pow(10, floor(log10(step))), lead = step / power;
	return fmax(1, power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10));
}

static void put_axes(const am_survey *v, am_picture *p, const grid *g)
{
	int64_t low = v->edge[0] + v->log_axis, high = v->edge[v->n_bins] + v->log_axis;
	double top = 0;
	for (int b = 0; b < v->n_bins; b++)
		top = fmax(top, v->top[b]);
	if (v->log_axis)
		am_picture_word(p, "axes", "set logscale x %d", log_base((double)low, (double)high, g->width));
	else
		am_picture_word(p, "axes", "set xtics %.6g", linear_step((double)(high - low), (double)high, g->width));
	am_picture_word(p, "shift", "%d", v->log_axis);
	am_picture_word(p, "x_low", "%" PRId64, low);
	am_picture_word(p, "x_high", "%" PRId64, high);
	am_picture_word(p, "y_high", "%.6g", top > 0 ? 1.04 * top : 1.0);
	am_picture_string(p, "x_label", "%s", v->log_axis ? "query position + 1 (tokens, log scale)"
	                                                  : "query position (tokens)");
}

static void put_grid(const am_survey *v, am_picture *p, const grid *g)
{
	am_text names = {0};
	const double *layers = am_run_axis_values(v->job->run, AM_AXIS_LAYER);
	for (int i = 0; i < v->n_panels; i++) {
		if (v->panel_layer[i] < 0 && v->rows.n_layer > 1)
			am_text_puts(&names, "\"all layers\"");
		else
			am_text_printf(&names, " \"layer %.0f\"", layers[i ? v->panel_layer[i] : 0]);
	}
	am_picture_word(p, "names", "%s", am_text_str(&names));
	am_text_free(&names);
	am_picture_word(p, "panels", "%d", v->n_panels);
	am_picture_word(p, "across", "%d", g->across);
	am_picture_word(p, "gap", "%d", g->gap);
	am_picture_word(p, "panel_width", "%d", g->width);
	am_picture_word(p, "panel_height", "%d", g->height);
	char caption[64] = "";
	if (v->n_panels - 1 < v->rows.n_layer && v->rows.n_layer > 1)
		snprintf(caption, sizeof caption, "%d of %d layers shown.", v->n_panels - 1, v->rows.n_layer);
	am_picture_word(p, "row_gap", "%d", g->row_gap);
	am_picture_key(p, v->job, 1, 2);
	am_picture_size(p, g->down * g->height + (g->down - 1) * g->row_gap + g->name_gap, caption);
}

static void put_words(const am_survey *v, am_picture *p)
{
	am_text rows = {0}, heads = {0};
	am_plot_describe_rows(&v->rows, &rows);
	am_plot_describe_heads(v->job, &heads);
	am_picture_word(p, "remarks",
	                "# Quantiles come from histograms of %d cells between 0 and ln n of a bin:\n"
	                "# they are off by at most one cell, %.2g nat.\n", AM_SURVEY_CELLS, v->top[v->n_bins - 1] / AM_SURVEY_CELLS);
	am_picture_word(p, "summary", "Attention entropy against query position");
	am_picture_string(p, "title", "Attention entropy against query position");
	am_picture_string(p, "subtitle", "%s, %s; quantiles over all heads and rows of a bin of positions",
	                  am_text_str(&heads), am_text_str(&rows));
	am_text_free(&rows);
	am_text_free(&heads);
}

am_status am_plot_entropy_position(const am_plot_job *job, am_error *err)
{
	am_survey v;
	am_picture p;
	am_picture_init(&p, "entropy-position");
	am_status s = am_survey_open(&v, job, err);
	if (!s)
		s = am_survey_take(&v, err);
	if (!s) {
		put_data(&v, &p);
		grid g = lay_out(job->page, v.n_panels);
		put_axes(&v, &p, &g);
		put_grid(&v, &p, &g);
		put_words(&v, &p);
		s = am_picture_draw(&p, job, "position", err);
	}
	am_survey_close(&v);
	am_picture_fini(&p);
	return s;
}

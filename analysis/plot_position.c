/* Entropy against query position: quantiles of all values of a bin of positions,
 * over all layers and for some layers alone, from one pass over the rows. */
#include "analysis/plot_picture.h"
#include "analysis/rows.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define MOST_BINS 256 /* enough for 8 an octave of any int32 position */
#define MOST_PANELS 12 /* all layers together, and 11 layers */
#define CELLS 2048     /* of a histogram, from 0 to ln of the most visible keys of its bin */

static const double quantile_at[] = {0.05, 0.25, 0.5, 0.75, 0.95};

/* What a bin of a panel gathers. */
typedef struct tally {
	int64_t rows;    /* each layer's counted */
	int64_t values;  /* entropies that are numbers */
	double sum_ln_n; /* nat, over rows */
	uint32_t hist[CELLS];
} tally;

typedef struct survey {
	const am_plot_job *job;
	am_aggregate rows; /* which rows count */
	am_rows entropy;
	int n_panels, n_bins;
	int panel_layer[MOST_PANELS]; /* layer index, -1 for all */
	int64_t edge[MOST_BINS + 1];  /* bin b: positions [edge[b], edge[b + 1]) */
	double top[MOST_BINS];        /* nat: where the histograms of a bin end */
	bool log_axis;
	tally *tallies;    /* [n_panels][n_bins] */
	int32_t *position; /* [n_rows] */
	int32_t *visible;  /* [entropy.block], of one layer */
} survey;

static bool kept(const survey *v, int64_t row)
{
	return v->rows.row_sequence[row] >= 0;
}

static am_status read_visible(survey *v, int layer, int64_t first, int64_t n, am_error *err)
{
	int64_t start[] = {layer, first}, count[] = {1, n};
	return am_run_read_i32(v->job->run, AM_FIELD_ROW_VISIBLE, start, count, v->visible, err);
}

static int bin_of(const survey *v, int64_t position)
{
	int low = 0, high = v->n_bins;
	while (high - low > 1) {
		int mid = (low + high) / 2;
		if (v->edge[mid] <= position)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Log axis: eight bins an octave of position + 1, single positions at the start;
 * linear axis: at most 128 bins of equal width. Either stays below MOST_BINS. */
static void place_bins(survey *v)
{
	int64_t first = INT32_MAX, end = 0;
	for (int64_t i = 0; i < v->rows.n_rows; i++) {
		if (!kept(v, i))
			continue;
		first = v->position[i] < first ? v->position[i] : first;
		end = v->position[i] >= end ? (int64_t)v->position[i] + 1 : end;
	}
	am_plot_scale scale = v->job->options->position;
	v->log_axis = scale == AM_PLOT_LOG || (scale == AM_PLOT_AUTO && end >= 16 * (first + 1));
	int64_t width = (end - first + 127) / 128;
	for (int64_t at = first; at < end;) {
		v->edge[v->n_bins++] = at;
		int64_t next = (int64_t)ceil((double)(at + 1) * exp2(0.125)) - 1;
		at = !v->log_axis ? at + width : next > at + 1 ? next : at + 1;
	}
	v->edge[v->n_bins] = end;
}

/* ln of the most keys seen by a row of each bin, in any layer. */
static am_status find_tops(survey *v, am_error *err)
{
	for (int l = 0; l < v->rows.n_layer; l++)
		for (int64_t at = 0; at < v->rows.n_rows; at += v->entropy.block) {
			int64_t left = v->rows.n_rows - at, n = left < v->entropy.block ? left : v->entropy.block;
			am_status s = read_visible(v, l, at, n, err);
			if (s)
				return s;
			for (int64_t i = 0; i < n; i++) {
				int b = kept(v, at + i) ? bin_of(v, v->position[at + i]) : -1;
				if (b >= 0 && v->visible[i] > 1)
					v->top[b] = fmax(v->top[b], log(v->visible[i]));
			}
		}
	return AM_OK;
}

static void count_value(tally *t, double top, float h)
{
	if (!isfinite(h))
		return;
	double cell = top > 0 ? (double)h / top * CELLS : 0;
	int c = cell < CELLS - 1 ? (int)cell : CELLS - 1;
	t->hist[c < 0 ? 0 : c]++;
	t->values++;
}

/* A row of a layer in panel: entropies h[n_head], the next head `stride` further. */
static void count_row(survey *v, int panel, int b, int32_t n_visible, const float *h, int64_t stride)
{
	tally *t = &v->tallies[panel * v->n_bins + b];
	t->rows++;
	t->sum_ln_n += n_visible > 0 ? log(n_visible) : 0;
	for (int i = 0; i < v->rows.n_head; i++)
		count_value(t, v->top[b], h[i * stride]);
}

static am_status count_layer(survey *v, int l, int own_panel, am_error *err)
{
	for (int64_t block = 0; block < v->entropy.n_block; block++) {
		const float *h;
		int64_t first, n;
		am_status s = am_rows_get(&v->entropy, l, block, &h, &first, &n, err);
		if (!s)
			s = read_visible(v, l, first, n, err);
		if (s)
			return s;
		for (int64_t i = 0; i < n; i++) {
			if (!kept(v, first + i))
				continue;
			int b = bin_of(v, v->position[first + i]);
			count_row(v, 0, b, v->visible[i], h + i, n);
			if (own_panel > 0)
				count_row(v, own_panel, b, v->visible[i], h + i, n);
		}
	}
	return AM_OK;
}

/* The value of a rank counted from 0; the values of a cell are taken as spread
 * evenly over it. */
static double order_statistic(const tally *t, double top, int64_t rank)
{
	int64_t before = 0;
	int c = 0;
	while (before + t->hist[c] <= rank)
		before += t->hist[c++];
	return top * (c + ((double)(rank - before) + 0.5) / t->hist[c]) / CELLS;
}

/* Interpolated between order statistics at q (N - 1), as in the tables. NaN for
 * no values. */
static double quantile(const tally *t, double top, double q)
{
	if (t->values < 1)
		return NAN;
	double at = q * (double)(t->values - 1);
	int64_t rank = (int64_t)at, next = rank + 1 < t->values ? rank + 1 : rank;
	double low = order_statistic(t, top, rank);
	return low + (at - (double)rank) * (order_statistic(t, top, next) - low);
}

/* All layers first, then every layer, or 11 evenly spread over the depth. A run of
 * one layer has only the first. */
static void choose_panels(survey *v)
{
	int L = v->rows.n_layer, layers = L < 2 ? 0 : L < MOST_PANELS ? L : MOST_PANELS - 1;
	v->n_panels = 1 + layers;
	v->panel_layer[0] = -1;
	for (int i = 0; i < layers; i++)
		v->panel_layer[1 + i] = (int)lround((double)i * (L - 1) / (layers - 1));
}

static am_status survey_open(survey *v, const am_plot_job *job, am_error *err)
{
	*v = (survey){.job = job};
	am_status s = am_plot_aggregate_open(job, AM_LEVEL_OVERALL, &v->rows, err);
	if (!s)
		s = am_rows_open(job->run, AM_FIELD_ENTROPY, false, &v->entropy, err);
	if (s)
		return s;
	int64_t start = 0;
	v->position = am_alloc((size_t)v->rows.n_rows, sizeof *v->position);
	v->visible = am_alloc((size_t)v->entropy.block, sizeof *v->visible);
	if (!v->position || !v->visible)
		return am_fail(err, AM_ERR_MEMORY, "entropy-position: out of memory");
	if (v->rows.n_rows_used < 1)
		return am_fail(err, AM_ERR_RANGE, "%s: no row at position %d or later", am_run_path(job->run),
		               job->options->min_position);
	return am_run_read_i32(job->run, AM_FIELD_ROW_POSITION, &start, &v->rows.n_rows, v->position, err);
}

static void survey_close(survey *v)
{
	am_rows_close(&v->entropy);
	am_aggregate_close(&v->rows);
	am_free(v->position);
	am_free(v->visible);
	am_free(v->tallies);
}

static am_status take_survey(survey *v, am_error *err)
{
	choose_panels(v);
	place_bins(v);
	v->tallies = am_calloc((size_t)(v->n_panels * v->n_bins), sizeof *v->tallies);
	if (!v->tallies)
		return am_fail(err, AM_ERR_MEMORY, "entropy-position: out of memory");
	am_status s = find_tops(v, err);
	for (int l = 0, panel = 1; l < v->rows.n_layer && !s; l++) {
		bool own = panel < v->n_panels && v->panel_layer[panel] == l;
		s = count_layer(v, l, own ? panel : 0, err);
		panel += own;
	}
	return s;
}

static void put_bin(const survey *v, am_picture *p, int panel, int b)
{
	const tally *t = &v->tallies[panel * v->n_bins + b];
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
		am_picture_cell(p, quantile(t, v->top[b], quantile_at[q]));
	am_picture_cell(p, t->rows ? t->sum_ln_n / (double)t->rows : NAN);
	am_picture_end_row(p);
}

static void put_data(const survey *v, am_picture *p)
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
} grid;

static grid lay_out(int panels)
{
	static const int heights[] = {250, 190, 150, 120};
	int across = panels <= 3 ? panels : panels == 4 ? 2 : panels <= 6 ? 3 : 4;
	int gap = 22;
	return (grid){across, (panels + across - 1) / across, gap, (566 - gap * (across - 1)) / across,
	              heights[across - 1]};
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

static void put_axes(const survey *v, am_picture *p, const grid *g)
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

static void put_grid(const survey *v, am_picture *p, const grid *g)
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
	am_picture_word(p, "down", "%d", g->down);
	am_picture_word(p, "gap", "%d", g->gap);
	am_picture_word(p, "panel_width", "%d", g->width);
	am_picture_word(p, "panel_height", "%d", g->height);
	char caption[64] = "";
	if (v->rows.n_layer >= MOST_PANELS)
		snprintf(caption, sizeof caption, "%d of %d layers shown.", v->n_panels - 1, v->rows.n_layer);
	am_picture_size(p, 84 + g->down * (g->height + 34) + 36, caption);
}

static void put_words(const survey *v, am_picture *p)
{
	am_text rows = {0}, heads = {0};
	am_plot_describe_rows(&v->rows, &rows);
	am_plot_describe_heads(v->job, &heads);
	am_picture_word(p, "remarks",
	                "# Quantiles come from histograms of %d cells between 0 and ln n of a bin:\n"
	                "# they are off by at most one cell, %.2g nat.\n", CELLS, v->top[v->n_bins - 1] / CELLS);
	am_picture_word(p, "summary", "Attention entropy against query position");
	am_picture_string(p, "title", "Attention entropy against query position");
	am_picture_string(p, "subtitle", "%s, %s; quantiles over all heads and rows of a bin of positions",
	                  am_text_str(&heads), am_text_str(&rows));
	am_text_free(&rows);
	am_text_free(&heads);
}

am_status am_plot_entropy_position(const am_plot_job *job, am_error *err)
{
	survey v;
	am_picture p;
	am_picture_init(&p, "entropy-position");
	am_status s = survey_open(&v, job, err);
	if (!s)
		s = take_survey(&v, err);
	if (!s) {
		put_data(&v, &p);
		grid g = lay_out(v.n_panels);
		put_axes(&v, &p, &g);
		put_grid(&v, &p, &g);
		put_words(&v, &p);
		s = am_picture_draw(&p, job, "position", err);
	}
	survey_close(&v);
	am_picture_fini(&p);
	return s;
}

/* Entropy against query position: quantiles of all values of a bin of positions,
 * over all layers and for some layers alone, from one pass over the rows. */
#include "analysis/plot_picture.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MOST_BINS 200
#define MOST_PANELS 12      /* all layers together, and 11 layers */
#define CELLS 2048          /* of a histogram, from 0 to ln of the most visible keys */
#define BLOCK_VALUES 4194304 /* floats of entropy in memory at a time */

static const double quantile_at[] = {0.05, 0.25, 0.5, 0.75, 0.95};

/* What a bin of a panel gathers. */
typedef struct tally {
	int64_t rows;      /* of the bin, each layer's counted */
	int64_t values;    /* finite entropies */
	double sum_ln_n;   /* over rows */
	uint32_t hist[CELLS];
} tally;

typedef struct survey {
	const am_plot_job *job;
	int L, H, n_panels, n_bins;
	int panel_layer[MOST_PANELS]; /* layer index, -1 for all */
	int64_t edge[MOST_BINS + 1];  /* bin b: positions [edge[b], edge[b + 1]) */
	double top[MOST_BINS];        /* nat: where the histograms of a bin end */
	bool log_axis;
	int32_t first, last;          /* positions */
	tally *tallies;               /* [n_panels][n_bins] */
	int64_t block;                /* rows read at a time */
	int32_t *position, *visible;  /* [block], [L][block] */
	float *entropy;               /* [L][H][block] */
} survey;

static int64_t row_count(const survey *v)
{
	return am_run_axis_length(v->job->run, AM_AXIS_ROW);
}

static am_status read_positions(survey *v, int64_t at, int64_t n, am_error *err)
{
	int64_t start[] = {0, at}, count[] = {v->L, n};
	am_status s = am_run_read_i32(v->job->run, AM_FIELD_ROW_POSITION, &at, &n, v->position, err);
	return s ? s : am_run_read_i32(v->job->run, AM_FIELD_ROW_VISIBLE, start, count, v->visible, err);
}

static bool kept(const survey *v, int64_t i)
{
	return v->position[i] >= v->job->options->min_position;
}

/* Calls fn with each block of rows. */
static am_status each_block(survey *v, am_status (*fn)(survey *v, int64_t at, int64_t n, am_error *err),
                            am_error *err)
{
	am_status s = AM_OK;
	for (int64_t at = 0; at < row_count(v) && !s; at += v->block) {
		int64_t n = row_count(v) - at < v->block ? row_count(v) - at : v->block;
		s = read_positions(v, at, n, err);
		if (!s)
			s = fn(v, at, n, err);
	}
	return s;
}

static am_status find_range(survey *v, int64_t at, int64_t n, am_error *err)
{
	(void)at, (void)err;
	for (int64_t i = 0; i < n; i++) {
		if (!kept(v, i))
			continue;
		v->first = v->position[i] < v->first ? v->position[i] : v->first;
		v->last = v->position[i] > v->last ? v->position[i] : v->last;
	}
	return AM_OK;
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
	int64_t end = (int64_t)v->last + 1, span = end - v->first;
	int64_t width = (span + 127) / 128;
	am_plot_scale scale = v->job->options->position;
	v->log_axis = scale == AM_PLOT_LOG || (scale == AM_PLOT_AUTO && end >= 16 * ((int64_t)v->first + 1));
	v->n_bins = 0;
	for (int64_t at = v->first; at < end;) {
		v->edge[v->n_bins++] = at;
		double next = ceil((double)(at + 1) * exp2(0.125)) - 1;
		at = v->log_axis ? (next > (double)(at + 1) ? (int64_t)next : at + 1) : at + width;
	}
	v->edge[v->n_bins] = end;
}

static am_status find_tops(survey *v, int64_t at, int64_t n, am_error *err)
{
	(void)at, (void)err;
	for (int l = 0; l < v->L; l++)
		for (int64_t i = 0; i < n; i++) {
			double top = v->visible[l * n + i] > 1 ? log(v->visible[l * n + i]) : 0;
			int b = kept(v, i) ? bin_of(v, v->position[i]) : -1;
			if (b >= 0 && top > v->top[b])
				v->top[b] = top;
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

static void count_row(survey *v, int panel, int l, int64_t i, int64_t n, int b)
{
	tally *t = &v->tallies[panel * v->n_bins + b];
	t->rows++;
	if (v->visible[l * n + i] > 0)
		t->sum_ln_n += log(v->visible[l * n + i]);
	for (int h = 0; h < v->H; h++)
		count_value(t, v->top[b], v->entropy[(l * (int64_t)v->H + h) * n + i]);
}

static am_status count_block(survey *v, int64_t at, int64_t n, am_error *err)
{
	int64_t start[] = {0, 0, at}, count[] = {v->L, v->H, n};
	am_status s = am_run_read_f32(v->job->run, AM_FIELD_ENTROPY, start, count, v->entropy, err);
	if (s)
		return s;
	for (int64_t i = 0; i < n; i++) {
		if (!kept(v, i))
			continue;
		int b = bin_of(v, v->position[i]);
		for (int p = 0; p < v->n_panels; p++)
			for (int l = 0; l < v->L; l++)
				if (v->panel_layer[p] < 0 || v->panel_layer[p] == l)
					count_row(v, p, l, i, n, b);
	}
	return AM_OK;
}

/* The q-quantile of a tally: the value of rank q (N - 1) counted from 0, spread
 * evenly within its cell. NaN for no values. */
static double quantile(const tally *t, double top, double q)
{
	if (t->values < 1)
		return NAN;
	double rank = q * (double)(t->values - 1);
	int64_t before = 0;
	int c = 0;
	while (c < CELLS - 1 && (double)(before + t->hist[c]) <= rank)
		before += t->hist[c++];
	return top * (c + (rank - (double)before + 0.5) / (double)t->hist[c]) / CELLS;
}

/* All layers first, then every layer, or 11 evenly spread over the depth. A run of
 * one layer has only the first. */
static void choose_panels(survey *v)
{
	int layers = v->L < 2 ? 0 : v->L < MOST_PANELS ? v->L : MOST_PANELS - 1;
	v->n_panels = 1 + layers;
	v->panel_layer[0] = -1;
	for (int i = 0; i < layers; i++)
		v->panel_layer[1 + i] = (int)lround((double)i * (v->L - 1) / (layers > 1 ? layers - 1 : 1));
}

static am_status survey_init(survey *v, const am_plot_job *job, am_error *err)
{
	*v = (survey){.job = job,
	              .L = (int)am_run_axis_length(job->run, AM_AXIS_LAYER),
	              .H = (int)am_run_axis_length(job->run, AM_AXIS_HEAD),
	              .first = INT32_MAX, .last = -1};
	int64_t heads = (int64_t)v->L * v->H;
	v->block = BLOCK_VALUES / (heads ? heads : 1);
	v->block = v->block < 1 ? 1 : v->block > row_count(v) ? row_count(v) : v->block;
	v->position = am_alloc((size_t)v->block, sizeof *v->position);
	v->visible = am_alloc((size_t)(v->block * v->L), sizeof *v->visible);
	v->entropy = am_alloc((size_t)(v->block * heads), sizeof *v->entropy);
	if (!v->position || !v->visible || !v->entropy)
		return am_fail(err, AM_ERR_MEMORY, "entropy-position: out of memory");
	choose_panels(v);
	return AM_OK;
}

static void survey_fini(survey *v)
{
	am_free(v->position);
	am_free(v->visible);
	am_free(v->entropy);
	am_free(v->tallies);
}

/* Three passes: the range of positions, the end of each histogram, the counts.
 * Only the last reads entropies. */
static am_status take_survey(survey *v, am_error *err)
{
	am_status s = each_block(v, find_range, err);
	if (s)
		return s;
	if (v->last < 0)
		return am_fail(err, AM_ERR_RANGE, "%s: no row at position %d or later", am_run_path(v->job->run),
		               v->job->options->min_position);
	place_bins(v);
	v->tallies = am_calloc((size_t)(v->n_panels * v->n_bins), sizeof *v->tallies);
	if (!v->tallies)
		return am_fail(err, AM_ERR_MEMORY, "entropy-position: out of memory");
	s = each_block(v, find_tops, err);
	return s ? s : each_block(v, count_block, err);
}

static void put_bin(const survey *v, am_picture *p, int panel, int b)
{
	const tally *t = &v->tallies[panel * v->n_bins + b];
	const double *layers = am_run_axis_values(v->job->run, AM_AXIS_LAYER);
	if (!t->rows)
		return;
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
	am_picture_cell(p, t->sum_ln_n / (double)t->rows);
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

static void put_axes(const survey *v, am_picture *p)
{
	int64_t low = v->edge[0] + v->log_axis, high = v->edge[v->n_bins] + v->log_axis;
	double top = 0;
	for (int b = 0; b < v->n_bins; b++)
		top = fmax(top, v->top[b]);
	am_picture_word(p, "axes", "%s", v->log_axis ? high >= 64 * low ? "set logscale x 4" : "set logscale x 2"
	                                             : "unset logscale x");
	am_picture_word(p, "shift", "%d", v->log_axis);
	am_picture_word(p, "x_low", "%" PRId64, low);
	am_picture_word(p, "x_high", "%" PRId64, high);
	am_picture_word(p, "y_high", "%.6g", top > 0 ? 1.04 * top : 1.0);
	am_picture_string(p, "x_label", "%s", v->log_axis ? "query position + 1 (tokens, log scale)"
	                                                  : "query position (tokens)");
}

/* Grid of panels: height of the picture in units. */
static void put_grid(const survey *v, am_picture *p)
{
	int n = v->n_panels, across = n <= 1 ? 1 : n <= 4 ? 2 : n <= 6 ? 3 : 4;
	int down = (n + across - 1) / across, cell = across == 1 ? 250 : across == 2 ? 170 : 120;
	am_text names = {0};
	const double *layers = am_run_axis_values(v->job->run, AM_AXIS_LAYER);
	for (int i = 0; i < n; i++) {
		if (v->panel_layer[i] >= 0)
			am_text_printf(&names, " \"layer %.0f\"", layers[v->panel_layer[i]]);
		else if (v->L == 1)
			am_text_printf(&names, "\"layer %.0f\"", layers[0]);
		else
			am_text_puts(&names, "\"all layers\"");
	}
	am_picture_word(p, "names", "%s", am_text_str(&names));
	am_text_free(&names);
	am_picture_word(p, "panels", "%d", n);
	am_picture_word(p, "across", "%d", across);
	am_picture_word(p, "down", "%d", down);
	am_picture_word(p, "cell_height", "%d", cell);
	am_picture_word(p, "height", "%d", 84 + down * (cell + 34) + 60);
}

am_status am_plot_entropy_position(const am_plot_job *job, am_error *err)
{
	survey v;
	am_picture p;
	am_text rows = {0}, heads = {0};
	am_picture_init(&p, "entropy-position", 0);
	am_plot_describe_heads(job, &heads);
	am_status s = survey_init(&v, job, err);
	if (!s)
		s = am_plot_describe_rows(job, &rows, err);
	if (!s)
		s = take_survey(&v, err);
	if (!s) {
		put_data(&v, &p);
		put_axes(&v, &p);
		put_grid(&v, &p);
		am_picture_word(&p, "remarks",
		                "# Quantiles come from histograms of %d cells between 0 and ln n of a bin:\n"
		                "# they are off by at most one cell, %.2g nat.\n", CELLS, v.top[v.n_bins - 1] / CELLS);
		am_picture_word(&p, "summary", "Attention entropy against query position");
		am_picture_string(&p, "title", "Attention entropy against query position");
		am_picture_string(&p, "subtitle", "%s, %s; quantiles over all heads and rows of a bin of positions",
		                  am_text_str(&heads), am_text_str(&rows));
		am_picture_string(&p, "caption", v.n_panels - 1 < v.L && v.L > 1 ? "%d of %d layers shown." : "",
		                  v.n_panels - 1, v.L);
		s = am_picture_draw(&p, job, "position", err);
	}
	survey_fini(&v);
	am_text_free(&rows);
	am_text_free(&heads);
	am_picture_fini(&p);
	return s;
}

#include "analysis/plot_survey.h"

#include "base/mem.h"

#include <math.h>

static bool kept(const am_survey *v, int64_t row)
{
	return v->rows.row_sequence[row] >= 0;
}

static am_status read_visible(am_survey *v, int layer, int64_t first, int64_t n, am_error *err)
{
	int64_t start[] = {layer, first}, count[] = {1, n};
	return am_run_read_i32(v->job->run, AM_FIELD_ROW_VISIBLE, start, count, v->visible, err);
}

static int bin_of(const am_survey *v, int64_t position)
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
 * linear axis: at most 128 bins of equal width. Either stays below AM_SURVEY_BINS. */
static void place_bins(am_survey *v)
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
static am_status find_tops(am_survey *v, am_error *err)
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

static void count_value(am_tally *t, double top, float h)
{
	if (!isfinite(h))
		return;
	double cell = top > 0 ? (double)h / top * AM_SURVEY_CELLS : 0;
	int c = cell < AM_SURVEY_CELLS - 1 ? (int)cell : AM_SURVEY_CELLS - 1;
	t->hist[c < 0 ? 0 : c]++;
	t->values++;
}

/* A row of a layer in panel: entropies h[n_head], the next head `stride` further. */
static void count_row(am_survey *v, int panel, int b, int32_t n_visible, const float *h, int64_t stride)
{
	am_tally *t = &v->tallies[panel * v->n_bins + b];
	t->rows++;
	t->sum_ln_n += n_visible > 0 ? log(n_visible) : 0;
	for (int i = 0; i < v->rows.n_head; i++)
		count_value(t, v->top[b], h[i * stride]);
}

static am_status count_layer(am_survey *v, int l, int own_panel, am_error *err)
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
static double order_statistic(const am_tally *t, double top, int64_t rank)
{
	int64_t before = 0;
	int c = 0;
	while (before + t->hist[c] <= rank)
		before += t->hist[c++];
	return top * (c + ((double)(rank - before) + 0.5) / (double)t->hist[c]) / AM_SURVEY_CELLS;
}

double am_tally_quantile(const am_tally *t, double top, double q)
{
	if (t->values < 1)
		return NAN;
	double at = q * (double)(t->values - 1);
	int64_t rank = (int64_t)at, next = rank + 1 < t->values ? rank + 1 : rank;
	double low = order_statistic(t, top, rank);
	return low + (at - (double)rank) * (order_statistic(t, top, next) - low);
}

/* All layers first, then every layer that is to be shown, or 11 evenly spread over the depth. A run of
 * one layer has only the first. */
static void choose_panels(am_survey *v)
{
	int L = v->job->layers->n;
	int layers = v->rows.n_layer < 2 ? 0 : L < AM_SURVEY_PANELS ? L : AM_SURVEY_PANELS - 1;
	v->n_panels = 1 + layers;
	v->panel_layer[0] = -1;
	for (int i = 0; i < layers; i++) {
		int at = layers > 1 ? (int)lround((double)i * (L - 1) / (layers - 1)) : 0;
		v->panel_layer[1 + i] = v->job->layers->index[at];
	}
}

am_status am_survey_open(am_survey *v, const am_plot_job *job, am_error *err)
{
	*v = (am_survey){.job = job};
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

void am_survey_close(am_survey *v)
{
	am_rows_close(&v->entropy);
	am_aggregate_close(&v->rows);
	am_free(v->position);
	am_free(v->visible);
	am_free(v->tallies);
}

am_status am_survey_take(am_survey *v, am_error *err)
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

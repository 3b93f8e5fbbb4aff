/* Binned maps of heads: mean attention by relative position of query and key. */
#include "analysis/plot_picture.h"
#include "base/mem.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A head to show, by index of layer and head. */
typedef struct panel {
	int layer, head;
	double entropy; /* mean normalised, NaN when undefined */
} panel;

/* The maps of a run. */
typedef struct grid {
	int stored, cells; /* cells each way, in the file and in the picture */
	float *map;        /* [stored][stored], of the head at hand */
} grid;

static int by_entropy(const void *a, const void *b)
{
	const panel *x = a, *y = b;
	if (isnan(x->entropy) != isnan(y->entropy))
		return isnan(x->entropy) ? 1 : -1;
	if (x->entropy != y->entropy)
		return x->entropy < y->entropy ? -1 : 1;
	return x->layer != y->layer ? x->layer - y->layer : x->head - y->head;
}

/* Every head, lowest entropy first, undefined last. `all` [L][H]; *n how many are
 * defined. */
static am_status rank_heads(const am_plot_job *job, panel *all, int *n, am_error *err)
{
	am_aggregate a;
	am_means m;
	am_status s = am_plot_aggregate_open(job, AM_LEVEL_HEAD, &a, err);
	if (s)
		return s;
	s = am_plot_means(&a, AM_FIELD_ENTROPY, AM_MEANS_NORMALISED, &m, err);
	if (!s) {
		int H = job->heads->n, heads = job->layers->n * H;
		*n = 0;
		for (int i = 0; i < heads; i++) {
			int layer = job->layers->index[i / H], head = job->heads->index[i % H];
			double x = am_plot_mean(&a, &m, 0, layer, head);
			all[i] = (panel){layer, head, x};
			*n += isfinite(x);
		}
		qsort(all, (size_t)heads, sizeof *all, by_entropy);
		am_means_fini(&m);
	}
	am_aggregate_close(&a);
	return s;
}

/* Lowest, median and highest of the n defined in `all`; fewer when there are
 * fewer, the first head when none is. */
static int pick(const panel *all, int n, panel out[3])
{
	int at[] = {0, n / 2, n - 1}, used = 0;
	for (int i = 0; i < 3; i++) {
		if (i && at[i] <= at[i - 1])
			continue;
		out[used++] = all[at[i]];
	}
	return used;
}

/* A text of T tokens fills only T of more cells each way. Where all texts are that
 * short, the cells of a map are put together to one a token of the longest. */
static am_status count_cells(const am_plot_job *job, int M, int *cells, am_error *err)
{
	int64_t n = am_run_axis_length(job->run, AM_AXIS_SEQUENCE), longest = 0;
	if (!am_run_has(job->run, AM_FIELD_SEQUENCE_LENGTH))
		n = 0;
	for (int64_t i = 0; i < n; i++) {
		int32_t length;
		am_status s = am_run_read_i32(job->run, AM_FIELD_SEQUENCE_LENGTH, &i, &(int64_t){1}, &length, err);
		if (s)
			return s;
		longest = length > longest ? length : longest;
	}
	*cells = longest > 0 && longest < M ? (int)longest : M;
	return AM_OK;
}

/* The cell of C that the token of cell i of M lies in: cell i begins with a token
 * p where i = floor(p M / C). */
static int folded(int i, int M, int C)
{
	return (int)((((int64_t)i + 1) * C - 1) / M);
}

/* Mass of a folded cell: sum over its keys, mean over its rows of cells that hold
 * rows; NaN without. map [M][M]. */
static double fold_cell(const float *map, int M, int C, int q, int k)
{
	double sum = 0;
	int rows = 0;
	for (int i = 0; i < M; i++) {
		if (folded(i, M, C) != q || isnan(map[i * M]))
			continue;
		rows++;
		for (int j = 0; j < M; j++)
			if (folded(j, M, C) == k)
				sum += map[i * M + j];
	}
	return rows ? sum / rows : NAN;
}

/* A panel's cells up to the diagonal, then a blank line. */
static am_status put_cells(am_picture *p, const am_plot_job *job, const panel *x, const grid *g, am_error *err)
{
	const double *layers = am_run_axis_values(job->run, AM_AXIS_LAYER);
	const double *heads = am_run_axis_values(job->run, AM_AXIS_HEAD);
	int64_t start[] = {x->layer, x->head, 0, 0}, count[] = {1, 1, g->stored, g->stored};
	am_status s = am_run_read_f32(job->run, AM_FIELD_PROFILE_MAP, start, count, g->map, err);
	if (s)
		return s;
	for (int q = 0; q < g->cells; q++) {
		for (int k = 0; k <= q; k++) {
			am_picture_cell(p, layers[x->layer]);
			am_picture_cell(p, heads[x->head]);
			am_picture_cell(p, q);
			am_picture_cell(p, k);
			am_picture_cell(p, g->cells == g->stored ? (double)g->map[q * g->stored + k]
			                                         : fold_cell(g->map, g->stored, g->cells, q, k));
			am_picture_end_row(p);
		}
	}
	am_picture_end_row(p);
	return AM_OK;
}

/* Picked heads are named in full, those of one layer by the head. */
static void put_names(am_picture *p, const am_plot_job *job, const panel *panels, int n)
{
	const double *layers = am_run_axis_values(job->run, AM_AXIS_LAYER);
	const double *heads = am_run_axis_values(job->run, AM_AXIS_HEAD);
	bool narrow = job->page->narrow;
	am_text names = {0};
	for (int i = 0; i < n; i++) {
		am_text_puts(&names, i ? ", '" : "'");
		if (!job->options->all_maps)
			am_text_printf(&names, narrow ? "L%.0f " : "layer %.0f ", layers[panels[i].layer]);
		am_text_printf(&names, narrow ? "H%.0f" : "head %.0f", heads[panels[i].head]);
		if (isfinite(panels[i].entropy))
			am_text_printf(&names, ": %.3f", panels[i].entropy);
		am_text_puts(&names, "'");
	}
	am_picture_word(p, "names", "%s", am_text_str(&names));
	am_text_free(&names);
}

/* Panels in a row, and the side of one in units. */
static void put_layout(am_picture *p, const am_plot_job *job, int n, int M)
{
	bool narrow = job->page->narrow;
	int across = narrow ? (n <= 2 ? n : n <= 4 ? 2 : 4) : n <= 3 ? n : n <= 16 ? 4 : 8;
	int gap = across <= 4 && !narrow ? 22 : 10, room = narrow ? 212 : 484;
	int side = across == 1 ? room * 2 / 3 : (room - gap * (across - 1)) / across;
	int down = (n + across - 1) / across, row_gap = narrow ? 28 : 34, name_gap = narrow ? 14 : 18;
	char caption[160];
	snprintf(caption, sizeof caption, "Above the diagonal: no keys. Cells: 1/%d of the text each way. "
	         "%s: no rows. Less than the scale: %s.", M, job->theme->undefined, job->theme->lowest);
	am_picture_size(p, down * side + (down - 1) * row_gap + name_gap, caption);
	am_picture_word(p, "row_gap", "%d", row_gap);
	am_picture_word(p, "panels", "%d", n);
	am_picture_word(p, "x_ticks", "%s", across <= (narrow ? 2 : 4) ? "0, 0.5, 1" : "0, 0.5"); /* room for no more */
	am_picture_word(p, "gap", "%d", gap);
	am_picture_word(p, "across", "%d", across);
	am_picture_word(p, "cells", "%d", M);
	am_picture_word(p, "panel_size", "%d", side);
	am_picture_word(p, "bar_height", "%d", down > 1 && side < 160 ? 160 : side);
	am_picture_word(p, "name_font", "%s", across > 4 ? "least" : "small");
	/* A decade or two below what uniform attention puts into a cell. */
	am_picture_word(p, "floor", "1e%d", (int)floor(-log10(M)) - 2);
}

/* One picture of n panels. */
static am_status draw_panels(am_picture *p, const am_plot_job *job, const panel *panels, int n,
                             const grid *g, am_error *err)
{
	am_text_puts(&p->data, "layer\thead\tquery_cell\tkey_cell\tmass [1]\n");
	am_status s = AM_OK;
	for (int i = 0; i < n && !s; i++)
		s = put_cells(p, job, &panels[i], g, err);
	if (s)
		return s;
	put_layout(p, job, n, g->cells);
	put_names(p, job, panels, n);
	am_picture_word(p, "summary", "Mean attention by relative position of query and key");
	return am_picture_draw(p, job, "map", err);
}

static am_status draw_picked(const am_plot_job *job, const panel *all, int n, const grid *g,
                             am_error *err)
{
	panel picked[3];
	int used = pick(all, n, picked);
	am_picture p;
	am_text heads = {0};
	am_plot_describe_heads(job, &heads);
	am_picture_init(&p, "attention-map");
	am_picture_string(&p, "title", "Where heads look: attention by relative position");
	am_picture_string(&p, "subtitle", used > 1 ? "%s normalised entropy (H / ln n) of %s"
	                                                : "Mean over all captured rows",
	                  used > 2 ? "Heads of lowest, median and highest" : "Heads of lowest and highest",
	                  am_text_str(&heads));
	am_status s = draw_panels(&p, job, picked, used, g, err);
	am_text_free(&heads);
	am_picture_fini(&p);
	return s;
}

/* Every head, a picture a layer: attention-map-layer-0, ... */
static am_status draw_layer(const am_plot_job *job, int layer, const grid *g, am_error *err)
{
	int H = job->heads->n;
	double id = am_run_axis_values(job->run, AM_AXIS_LAYER)[layer];
	panel *panels = am_calloc((size_t)H, sizeof *panels);
	if (!panels)
		return am_fail(err, AM_ERR_MEMORY, "attention map: out of memory");
	for (int h = 0; h < H; h++)
		panels[h] = (panel){layer, job->heads->index[h], NAN};
	char name[64];
	snprintf(name, sizeof name, "attention-map-layer-%.0f", id);
	am_picture p;
	am_picture_init(&p, name);
	am_picture_string(&p, "title", "Where the heads of layer %.0f look", id);
	am_picture_string(&p, "subtitle", "Mean attention by relative position, a panel a head, all captured rows");
	am_status s = draw_panels(&p, job, panels, H, g, err);
	am_picture_fini(&p);
	am_free(panels);
	return s;
}

static am_status draw_few(const am_plot_job *job, const grid *g, am_error *err)
{
	panel *all = am_calloc((size_t)job->layers->n * (size_t)job->heads->n, sizeof *all);
	if (!all)
		return am_fail(err, AM_ERR_MEMORY, "attention map: out of memory");
	int n;
	am_status s = rank_heads(job, all, &n, err);
	if (!s)
		s = draw_picked(job, all, n, g, err);
	am_free(all);
	return s;
}

am_status am_plot_attention_map(const am_plot_job *job, am_error *err)
{
	int64_t shape[AM_MAX_AXES];
	if (am_run_shape(job->run, AM_FIELD_PROFILE_MAP, shape) != 4 || shape[2] != shape[3] ||
	    shape[2] < 1 || shape[2] > 4096)
		return am_fail(err, AM_ERR_FORMAT, "%s: /profile/map: expected square maps of at most 4096 cells",
		               am_run_path(job->run));
	int M = (int)shape[2];
	grid g = {M, M, am_alloc((size_t)M * (size_t)M, sizeof *g.map)};
	if (!g.map)
		return am_fail(err, AM_ERR_MEMORY, "attention map: out of memory");
	am_status s = count_cells(job, M, &g.cells, err);
	if (!s && !job->options->all_maps)
		s = draw_few(job, &g, err);
	for (int i = 0; job->options->all_maps && i < job->layers->n && !s; i++)
		s = draw_layer(job, job->layers->index[i], &g, err);
	am_free(g.map);
	return s;
}

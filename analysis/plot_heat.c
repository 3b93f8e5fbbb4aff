/* Layer by head heat maps: normalised entropy, and k at a mass. */
#include "analysis/plot_picture.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>

/* A layer x head grid of a picture. */
typedef struct heat {
	int L, H;
	const am_plot_job *job;
	const am_plot_chosen *layers, *heads; /* L and H of them */
	double *cells;                /* [L][H], NaN where undefined */
	double overall;               /* of all heads, NaN when undefined */
	am_aggregate rows;
	am_picture picture;
} heat;

static am_status heat_open(heat *h, const am_plot_job *job, const char *name, am_error *err)
{
	*h = (heat){.L = job->layers->n, .H = job->heads->n, .job = job, .layers = job->layers, .heads = job->heads};
	am_picture_init(&h->picture, name);
	h->cells = am_alloc((size_t)h->L * (size_t)h->H, sizeof *h->cells);
	if (!h->cells)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", name);
	return am_plot_aggregate_open(job, AM_LEVEL_HEAD, &h->rows, err);
}

static void heat_close(heat *h)
{
	am_aggregate_close(&h->rows);
	am_picture_fini(&h->picture);
	am_free(h->cells);
}

static void put_data(heat *h, const char *header)
{
	am_picture *p = &h->picture;
	am_text_printf(&p->data, "layer_index\thead_index\tlayer\thead\t%s\n", header);
	for (int l = 0; l < h->L; l++) {
		for (int k = 0; k < h->H; k++) {
			am_picture_cell(p, l);
			am_picture_cell(p, k);
			am_picture_cell(p, h->layers->id[l]);
			am_picture_cell(p, h->heads->id[k]);
			am_picture_cell(p, h->cells[l * h->H + k]);
			am_picture_end_row(p);
		}
	}
}

int am_picture_grid(const am_plot_job *job, int layers, int heads, bool *text)
{
	bool narrow = job->page->narrow;
	double width = narrow ? 222 : 472; /* as the templates leave */
	double side = fmin(fmin(width / heads, narrow ? 26 : 34), (narrow ? 400.0 : 560.0) / layers);
	int height = (int)fmax(side * layers, narrow ? 120 : 170);
	*text = width / heads >= (narrow ? 24 : 33) && height / layers >= (narrow ? 12 : 15);
	return height;
}

/* cell_format: gnuplot expression of a cell's x; reason: why a cell may be
 * blank, for the caption. */
static void put_layout(heat *h, const char *cell_format, const char *reason)
{
	bool text;
	int height = am_picture_grid(h->job, h->L, h->H, &text);
	am_picture *p = &h->picture;
	am_picture_word(p, "rows", "%d", h->L);
	am_picture_word(p, "columns", "%d", h->H);
	am_picture_ticks(p, "head_ticks", h->heads->id, h->H, 16);
	am_picture_ticks(p, "layer_ticks", h->layers->id, h->L, height / 14);
	am_picture_word(p, "cell_text", "%d", text);
	am_picture_word(p, "cell_format", "%s", cell_format);
	bool blank = false;
	for (int i = 0; i < h->L * h->H; i++)
		blank |= !isfinite(h->cells[i]);
	char caption[128];
	snprintf(caption, sizeof caption, "%s: undefined (%s).", h->job->theme->undefined, reason);
	am_picture_size(p, height, blank ? caption : "");
}

static am_status fill_entropy(heat *h, am_error *err)
{
	am_means m;
	am_status s = am_plot_means(&h->rows, AM_FIELD_ENTROPY, AM_MEANS_NORMALISED, &m, err);
	if (s)
		return s;
	for (int l = 0; l < h->L; l++)
		for (int k = 0; k < h->H; k++)
			h->cells[l * h->H + k] = am_plot_mean(&h->rows, &m, 0, h->layers->index[l], h->heads->index[k]);
	h->overall = am_plot_mean(&h->rows, &m, 0, -1, -1);
	am_means_fini(&m);
	return AM_OK;
}

am_status am_plot_entropy_heads(const am_plot_job *job, am_error *err)
{
	heat h;
	am_text rows = {0};
	am_picture *p = &h.picture;
	am_status s = heat_open(&h, job, "entropy-heads", err);
	if (!s)
		s = fill_entropy(&h, err);
	if (!s) {
		am_plot_describe_rows(&h.rows, &rows);
		put_data(&h, "entropy_normalised [1]");
		put_layout(&h, "sprintf('%.2f', x)", "no row sees two keys or more, or not a number");
		am_picture_word(p, "summary", "Normalised attention entropy of every head");
		am_picture_string(p, "title", "Normalised attention entropy H / ln n");
		if (isfinite(h.overall))
			am_text_printf(&rows, "; all heads: %.3f", h.overall);
		am_picture_string(p, "subtitle", "Mean over %s. 0: one key, 1: uniform", am_text_str(&rows));
		am_picture_string(p, "value_label", "mean of H / ln n");
		am_picture_word(p, "colour_scale", "set cbrange [0:1]\nset cbtics 0, 0.2, 1");
		am_picture_word(p, "dark_test", "x < 0.55");
		s = am_picture_draw(p, job, "heat", err);
	}
	am_text_free(&rows);
	heat_close(&h);
	return s;
}

/* Index of the captured mass nearest to a share. */
static int nearest_mass(const am_run *r, double to)
{
	const double *tau = am_run_axis_values(r, AM_AXIS_MASS);
	int best = 0;
	for (int i = 1; i < (int)am_run_axis_length(r, AM_AXIS_MASS); i++)
		if (fabs(tau[i] - to) < fabs(tau[best] - to))
			best = i;
	return best;
}

static am_status fill_k(heat *h, int mass, am_error *err)
{
	double *k;
	am_status s = am_plot_medians(&h->rows, AM_FIELD_K_AT_MASS, &k, err);
	if (s)
		return s;
	const double *of_mass = k + (size_t)mass * (size_t)am_aggregate_cells(&h->rows);
	for (int l = 0; l < h->L; l++)
		for (int i = 0; i < h->H; i++)
			h->cells[l * h->H + i] = of_mass[am_aggregate_cell(&h->rows, 0, h->layers->index[l], h->heads->index[i])];
	h->overall = of_mass[am_aggregate_cell(&h->rows, 0, -1, -1)];
	am_free(k);
	return AM_OK;
}

static void put_k_scale(heat *h)
{
	double most = 2;
	for (int i = 0; i < h->L * h->H; i++)
		most = fmax(most, h->cells[i]); /* fmax passes over NaN */
	int base = most < 64 ? 2 : 4;
	double top = pow(base, ceil(log(most) / log(base) - 1e-9)); /* so that the last tick is named */
	am_picture_word(&h->picture, "colour_scale",
	                "set logscale cb %d\nset format cb '%%.0f'\nset cbrange [1:%.9g]", base, top);
	am_picture_word(&h->picture, "dark_test", "x < %.4g", pow(top, 0.55));
}

am_status am_plot_k_at_mass(const am_plot_job *job, am_error *err)
{
	heat h;
	am_text rows = {0};
	am_picture *p = &h.picture;
	double wanted = job->options->mass;
	int mass = nearest_mass(job->run, wanted > 0 ? wanted : 0.95);
	double tau = am_run_axis_values(job->run, AM_AXIS_MASS)[mass];
	if (wanted > 0 && fabs(tau - wanted) > 1e-9)
		return am_fail(err, AM_ERR_RANGE, "%s: holds no mass of %g; the nearest is %g", am_run_path(job->run), wanted, tau);
	am_status s = heat_open(&h, job, "k-at-mass", err);
	if (!s)
		s = fill_k(&h, mass, err);
	if (!s) {
		am_plot_describe_rows(&h.rows, &rows);
		put_data(&h, "k_median [keys]");
		put_layout(&h, "sprintf(x < 100 ? '%.3g' : '%.0f', x)",
		           "the mass was not reached, or not a number");
		put_k_scale(&h);
		am_picture_word(p, "summary", "Keys needed for a mass of %.6g, every head", tau);
		am_picture_string(p, "title", "Keys needed for %.6g %% of the attention mass", 100 * tau);
		if (isfinite(h.overall))
			am_text_printf(&rows, "; all heads: %.6g keys", h.overall);
		am_picture_string(p, "subtitle", "Median over %s", am_text_str(&rows));
		am_picture_string(p, "value_label", "median k (keys, log scale)");
		s = am_picture_draw(p, job, "heat", err);
	}
	am_text_free(&rows);
	heat_close(&h);
	return s;
}

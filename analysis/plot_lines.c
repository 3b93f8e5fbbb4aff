/* A line a layer: coverage curves and the distance profile. */
#include "analysis/plot_picture.h"
#include "base/mem.h"

#include <math.h>
#include <stdint.h>

/* Units between the header and the axis. */
static int lines_height(const am_plot_job *job)
{
	return job->page->narrow ? 150 : 282;
}

void am_picture_layers(am_picture *p, const am_plot_job *job)
{
	int n = job->layers->n;
	const double *ids = job->layers->id;
	am_text list = {0};
	for (int i = 0; i < n; i++)
		am_text_printf(&list, "%s%.0f", i ? " " : "", ids[i]);
	am_picture_word(p, "layers", "%s", am_text_str(&list));
	am_text_free(&list);
	bool overall = am_run_axis_length(job->run, AM_AXIS_LAYER) > 1;
	am_picture_word(p, "overall", "%d", overall);
	am_picture_word(p, "layer_titles", "%d", n <= MOST_IN_KEY);
	am_picture_ticks(p, "bar_ticks", ids, n, 12);
	am_picture_key(p, job, 0, ((n <= MOST_IN_KEY ? n : 0) + overall + 1 + 2) / 3);
}

/* The curve of a layer index, of all layers when it is -1. */
static void put_curve(am_picture *p, const am_aggregate *a, const am_means *mass, int layer)
{
	const double *k = am_run_axis_values(a->run, AM_AXIS_K);
	const double *layers = am_run_axis_values(a->run, AM_AXIS_LAYER);
	for (int j = 0; j < mass->inner; j++) {
		if (layer < 0)
			am_text_puts(&p->data, "all");
		else
			am_picture_cell(p, layers[layer]);
		am_picture_cell(p, k[j]);
		am_picture_cell(p, am_plot_mean(a, mass, j, layer, -1));
		am_picture_end_row(p);
	}
}

static void put_curves(am_picture *p, const am_plot_job *job, const am_aggregate *a, const am_means *mass)
{
	const double *k = am_run_axis_values(a->run, AM_AXIS_K);
	double low = k[0], high = k[mass->inner - 1];
	am_text_puts(&p->data, "layer\tk [keys]\tmass [1]\n");
	for (int i = 0; i < job->layers->n; i++) {
		put_curve(p, a, mass, job->layers->index[i]);
		am_picture_end_row(p); /* a blank line ends a curve */
	}
	put_curve(p, a, mass, -1);
	am_picture_word(p, "axes",
	                "set logscale x %d\nset xrange [%.6g:%.6g]\nset yrange [0:1]\nset ytics 0, 0.2, 1",
	                high < 64 * low ? 2 : 4, low / 1.25, high * 1.25);
}

static am_status draw_curves(am_picture *p, const am_plot_job *job, am_aggregate *a, am_error *err)
{
	am_means mass;
	am_status s = am_plot_means(a, AM_FIELD_MASS_AT_K, AM_MEANS_PLAIN, &mass, err);
	if (s)
		return s;
	am_text rows = {0}, heads = {0};
	am_plot_describe_rows(a, &rows);
	am_plot_describe_heads(job, &heads);
	am_picture_layers(p, job);
	put_curves(p, job, a, &mass);
	am_picture_word(p, "summary", "Attention mass of the k largest keys, a line a layer");
	am_picture_string(p, "title", "Top-k mass coverage");
	am_picture_string(p, "subtitle", "Mean over the heads of a layer and %s (%s)", am_text_str(&rows),
	                  am_text_str(&heads));
	am_picture_size(p, lines_height(job), "Rows with at most k visible keys count as 1.");
	am_picture_string(p, "x_label", "k (largest keys kept, log scale)");
	am_picture_string(p, "y_label", "attention mass kept");
	am_picture_word(p, "reference", "0.95"); /* has its place in the key of am_picture_layers */
	am_picture_word(p, "x", "2");
	am_picture_word(p, "y", "3");
	am_text_free(&rows);
	am_text_free(&heads);
	am_means_fini(&mass);
	return am_picture_draw(p, job, "lines", err);
}

am_status am_plot_coverage_curves(const am_plot_job *job, am_error *err)
{
	am_aggregate a;
	am_status s = am_plot_aggregate_open(job, AM_LEVEL_LAYER, &a, err);
	if (s)
		return s;
	am_picture p;
	am_picture_init(&p, "coverage-curves");
	s = draw_curves(&p, job, &a, err);
	am_picture_fini(&p);
	am_aggregate_close(&a);
	return s;
}

/* Mean over the finite values of n, NaN when there is none. */
static double mean_finite(const float *x, int64_t n)
{
	double sum = 0;
	int64_t used = 0;
	for (int64_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		sum += x[i];
		used++;
	}
	return used ? sum / (double)used : NAN;
}

/* Bin 0 is distance 0, bin b the distances [2^(b-1), 2^b). */
static void put_profile_row(am_picture *p, int64_t bin, double mass)
{
	am_picture_cell(p, (double)bin);
	am_picture_cell(p, bin ? ldexp(1, (int)bin - 1) : 0);
	am_picture_cell(p, bin ? ldexp(1, (int)bin) - 1 : 0);
	am_picture_cell(p, mass);
	am_picture_end_row(p);
}

/* Mean over heads, then over layers. profile [L][H][B], scratch [L * H]. */
static void put_profile(am_picture *p, const am_plot_job *job, const float *profile, float *scratch)
{
	int64_t L = am_run_axis_length(job->run, AM_AXIS_LAYER), H = am_run_axis_length(job->run, AM_AXIS_HEAD);
	int64_t B = am_run_axis_length(job->run, AM_AXIS_DISTANCE_BIN);
	am_text_puts(&p->data, "layer\tbin\tdistance_low [tokens]\tdistance_high [tokens]\tmass [1]\n");
	for (int i = 0; i < job->layers->n; i++) {
		int64_t l = job->layers->index[i];
		for (int64_t b = 0; b < B; b++) {
			for (int64_t h = 0; h < H; h++)
				scratch[h] = profile[(l * H + h) * B + b];
			am_text_printf(&p->data, "%.0f", job->layers->id[i]);
			put_profile_row(p, b, mean_finite(scratch, H));
		}
		am_picture_end_row(p);
	}
	for (int64_t b = 0; b < B; b++) {
		am_text_puts(&p->data, "all");
		for (int64_t i = 0; i < L * H; i++)
			scratch[i] = profile[i * B + b];
		put_profile_row(p, b, mean_finite(scratch, L * H));
	}
}

/* Bins are named by their lower ends, every second one (narrow: or fourth) when there are many. */
static void put_distance_axis(am_picture *p, const am_plot_job *job, int64_t bins)
{
	am_text ticks = {0};
	int step = bins > 12 ? 2 : 1;
	for (int64_t b = 0; b < bins; b += b ? job->page->narrow ? 2 * step : step : 1)
		am_text_printf(&ticks, "%s'%.0f' %d", b ? ", " : "", b ? ldexp(1, (int)b - 1) : 0, (int)b);
	am_picture_word(p, "axes", "set xtics (%s)\nset xrange [-0.5:%d.5]\nset yrange [0:*]",
	                am_text_str(&ticks), (int)bins - 1);
	am_text_free(&ticks);
}

am_status am_plot_distance_profile(const am_plot_job *job, am_error *err)
{
	int64_t shape[AM_MAX_AXES], start[AM_MAX_AXES] = {0};
	if (am_run_shape(job->run, AM_FIELD_PROFILE_DISTANCE, shape) != 3)
		return am_fail(err, AM_ERR_FORMAT, "%s: /profile/distance: expected 3 axes",
		               am_run_path(job->run));
	size_t heads = (size_t)(shape[0] * shape[1]);
	float *profile = am_alloc(heads * (size_t)shape[2], sizeof *profile);
	float *scratch = am_alloc(heads, sizeof *scratch);
	am_picture p;
	am_picture_init(&p, "distance-profile");
	am_text names = {0};
	am_plot_describe_heads(job, &names);
	am_status s = profile && scratch ? am_run_read_f32(job->run, AM_FIELD_PROFILE_DISTANCE, start, shape,
	                                                   profile, err)
	                                 : am_fail(err, AM_ERR_MEMORY, "distance profile: out of memory");
	if (!s) {
		am_picture_layers(&p, job);
		put_profile(&p, job, profile, scratch);
		put_distance_axis(&p, job, shape[2]);
		am_picture_word(&p, "summary", "Mean attention mass by distance from query to key");
		am_picture_string(&p, "title", "Attention mass by distance to the key");
		am_picture_string(&p, "subtitle", "Mean over the heads of a layer and all captured rows (%s)",
		                  am_text_str(&names));
		am_picture_size(&p, lines_height(job), "Bins are [1, 2), [2, 4), [4, 8), ... tokens, named by their lower "
		                "ends; early rows do not reach far bins.");
		am_picture_string(&p, "x_label", "distance from query to key (tokens, log2 bins)");
		am_picture_string(&p, "y_label", "mean attention mass in a bin");
		am_picture_word(&p, "reference", "-1");
		am_picture_word(&p, "x", "2");
		am_picture_word(&p, "y", "5");
		s = am_picture_draw(&p, job, "lines", err);
	}
	am_text_free(&names);
	am_picture_fini(&p);
	am_free(scratch);
	am_free(profile);
	return s;
}

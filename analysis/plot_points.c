/* Changes between two runs as points and lines: against how sure they are, after against
 * before, and against query position. */
#include "analysis/plot_changes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define MOST_LABELS 6 /* heads named in a volcano */

/* Ticks of a colour bar of layers. */
static void put_layers(const am_changes *c, am_picture *p)
{
	am_picture_ticks(p, "layer_ticks", am_run_axis_values(c->job->run, AM_AXIS_LAYER), c->n_layer, 12);
	am_picture_word(p, "last_layer", "%d", c->n_layer > 1 ? c->n_layer - 1 : 1);
}

/* --- volcano and scatter -------------------------------------------------- */

/* Among the MOST_LABELS of largest change, and away from the crowd at 0. */
static bool is_named(const am_changes *c, int row)
{
	int larger = 0;
	if (fabs(am_changes_value(c, row, "change")) < 0.2 * am_changes_widest(c))
		return false;
	for (int r = 0; r < c->n_cell; r++)
		larger += fabs(am_changes_value(c, r, "change")) > fabs(am_changes_value(c, row, "change"));
	return larger < MOST_LABELS;
}

static void put_q_ticks(am_picture *p, double top)
{
	am_text t = {0};
	int step = top > 24 ? 5 : top > 9 ? 2 : 1;
	for (int i = 0; i <= (int)top; i += step) {
		if (i < 4)
			am_text_printf(&t, "%s'%g' %d", i ? ", " : "", pow(10, -i), i);
		else
			am_text_printf(&t, ", '1e-%d' %d", i, i);
	}
	am_picture_word(p, "q_ticks", "%s", am_text_str(&t));
	am_text_free(&t);
}

am_status am_plot_change_volcano(const am_plot_job *job, am_error *err)
{
	am_changes changes, *c = &changes;
	am_status s = am_changes_get(job, false, c, err);
	if (s)
		return s;
	am_picture p;
	char title[128];
	double top = 2, most = am_changes_widest(c);
	bool any_named = false; /* gnuplot 5.4 crashes on labels that are all undefined */
	am_picture_init(&p, "change-volcano");
	am_text_puts(&p.data, "layer_index\thead_index\tlayer\thead\tchange\tminus_log10_q_bh\tname\tnamed\n");
	for (int r = 0; r < c->n_cell; r++) {
		double y = -log10(am_changes_value(c, r, "q_bh")) + 0.0;
		top = fmax(top, y);
		am_changes_put_ids(c, r, &p);
		am_picture_cell(&p, am_changes_value(c, r, "change"));
		am_picture_cell(&p, y);
		am_text_printf(&p.data, "\tL%" PRId64 " H%" PRId64, am_changes_whole(c, r, "layer"), am_changes_whole(c, r, "head"));
		am_picture_cell(&p, is_named(c, r));
		any_named = any_named || is_named(c, r);
		am_picture_end_row(&p);
	}
	snprintf(title, sizeof title, "Change of %s and how sure it is", c->metric->name);
	am_changes_put_words(c, &p, title, "A point a head");
	put_layers(c, &p);
	put_q_ticks(&p, top);
	am_picture_word(&p, "x_range", "%.6g:%.6g", -1.15 * most, 1.15 * most);
	am_picture_word(&p, "y_high", "%.6g", 1.06 * top);
	am_picture_word(&p, "any_named", "%d", any_named);
	am_picture_word(&p, "threshold", "%.6g", -log10(0.05));
	am_picture_string(&p, "x_label", "change of %s (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, 420, "Named: the heads that change most. With few sequences q has a least value, where points line up.");
	s = am_picture_draw(&p, job, "volcano", err);
	am_picture_fini(&p);
	return s;
}

am_status am_plot_change_scatter(const am_plot_job *job, am_error *err)
{
	am_changes changes, *c = &changes;
	am_status s = am_changes_get(job, false, c, err);
	if (s)
		return s;
	am_picture p;
	char title[128];
	double low = INFINITY, high = -INFINITY;
	am_picture_init(&p, "change-scatter");
	am_text_puts(&p.data, "layer_index\thead_index\tlayer\thead\tmean_a\tmean_b\n");
	for (int r = 0; r < c->n_cell; r++) {
		double a = am_changes_value(c, r, "mean_a"), b = am_changes_value(c, r, "mean_b");
		low = fmin(low, fmin(a, b));
		high = fmax(high, fmax(a, b));
		am_changes_put_ids(c, r, &p);
		am_picture_cell(&p, a);
		am_picture_cell(&p, b);
		am_picture_end_row(&p);
	}
	double edge = high > low ? 0.05 * (high - low) : 1;
	snprintf(title, sizeof title, "Heads before and after: %s", c->metric->name);
	am_changes_put_words(c, &p, title, "A point a head; dashed: no change");
	put_layers(c, &p);
	am_picture_word(&p, "x_range", "%.6g:%.6g", low - edge, high + edge);
	am_picture_string(&p, "x_label", "%s in a (%s)", c->metric->name, c->metric->unit);
	am_picture_string(&p, "y_label", "%s in b (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, 540, "");
	s = am_picture_draw(&p, job, "scatter", err);
	am_picture_fini(&p);
	return s;
}

/* --- position ------------------------------------------------------------- */

static void put_range(am_picture *p, const char *key, double low, double high)
{
	double edge = high > low ? 0.06 * (high - low) : 0.5;
	am_picture_word(p, key, "%.6g:%.6g", low - edge, high + edge);
}

am_status am_plot_change_position(const am_plot_job *job, am_error *err)
{
	static const char *const columns[] = {"mean_a", "mean_b", "change", "ci_low", "ci_high"};
	am_changes changes, *c = &changes;
	am_status s = am_changes_get(job, true, c, err);
	if (s)
		return s;
	am_picture p;
	char title[128];
	double low = INFINITY, high = -INFINITY, least = 0, most = 0;
	am_picture_init(&p, "change-position");
	am_text_puts(&p.data, "position_low\tposition_high\tsequences\tmean_a\tmean_b\tchange\tci_low\tci_high\n");
	for (int r = 0; r < c->t->n_rows; r++) {
		am_picture_cell(&p, (double)am_changes_whole(c, r, "position_low"));
		am_picture_cell(&p, (double)am_changes_whole(c, r, "position_high"));
		am_picture_cell(&p, (double)am_changes_whole(c, r, "n_sequences"));
		for (int i = 0; i < 5; i++) {
			double x = am_changes_value(c, r, columns[i]);
			am_picture_cell(&p, x);
			*(i < 2 ? &low : &least) = fmin(i < 2 ? low : least, x);
			*(i < 2 ? &high : &most) = fmax(i < 2 ? high : most, x);
		}
		am_picture_end_row(&p);
	}
	snprintf(title, sizeof title, "Change of %s against query position", c->metric->name);
	am_changes_put_words(c, &p, title, "All heads, means; below: b - a with 95 % intervals");
	am_picture_word(&p, "x_low", "%" PRId64, am_changes_whole(c, 0, "position_low"));
	am_picture_word(&p, "x_high", "%" PRId64, am_changes_whole(c, c->t->n_rows - 1, "position_high"));
	put_range(&p, "y_range", low, high);
	put_range(&p, "change_range", least, most);
	am_picture_string(&p, "y_label", "%s (%s)", c->metric->name, c->metric->unit);
	am_picture_string(&p, "name_a", "a");
	am_picture_string(&p, "name_b", "b");
	am_picture_size(&p, 460, "");
	s = am_picture_draw(&p, job, "change_position", err);
	am_picture_fini(&p);
	return s;
}

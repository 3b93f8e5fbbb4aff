/* Changes between two runs, a point a head: against how sure they are, and after against before. */
#include "analysis/plot_changes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define MOST_LABELS 6 /* heads named in a volcano */
#define LINE 11.0     /* units between lines of their names, as in the template */

/* Ticks of a colour bar of layers. */
static void put_layers(const am_changes *c, am_picture *p)
{
	am_picture_ticks(p, "layer_ticks", c->job->layers->id, c->n_layer, 12);
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
		larger += am_changes_is_shown(c, r) &&
		          fabs(am_changes_value(c, r, "change")) > fabs(am_changes_value(c, row, "change"));
	return larger < MOST_LABELS;
}

/* Row r stands right of row by less than `near`, at the same height. */
static bool is_right(const am_changes *c, int row, int r, double near)
{
	double far = am_changes_value(c, r, "change") - am_changes_value(c, row, "change");
	return (far > 0 || (far == 0 && r > row)) && far < near && am_changes_is_shown(c, r) &&
	       fabs(log10(am_changes_value(c, r, "q_bh") / am_changes_value(c, row, "q_bh"))) < 0.1;
}

/* Lines that the name of a row is set higher: above those of named points close to its left, and
 * above points that it would lie on. At most MOST_LABELS rows are named, which bounds the depth. */
static int lines_up(const am_changes *c, int row)
{
	bool narrow = c->job->page->narrow;
	double widest = am_changes_widest(c), near = (narrow ? 0.6 : 0.25) * widest, wide = (narrow ? 0.4 : 0.17) * widest;
	int n = 0;
	for (int r = 0; r < c->n_cell; r++) {
		if (is_right(c, row, r, wide) && n < 1)
			n = 1;
		if (is_right(c, r, row, near) && is_named(c, r)) {
			int above = lines_up(c, r) + 1;
			n = above > n ? above : n;
		}
	}
	return n;
}

/* The largest of 1, 2 and 5 times a power of ten up to x. */
static double round_step(double x)
{
	double power = pow(10, floor(log10(x))), lead = x / power;
	return power * (lead >= 5 ? 5 : lead >= 2 ? 2 : 1);
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
	am_status s = am_changes_get(job, AM_CHANGES_HEADS, c, err);
	if (s)
		return s;
	am_picture p;
	char title[128];
	double top = 2, highest = 0, most = am_changes_widest(c), height = job->page->narrow ? 180 : 304;
	bool any_named = false; /* gnuplot 5.4 crashes on labels that are all undefined */
	am_picture_init(&p, "change-volcano");
	am_text_puts(&p.data, "layer_index\thead_index\tlayer\thead\tchange\tminus_log10_q_bh\tname\tnamed\tlines_up\n");
	for (int r = 0; r < c->n_cell; r++) {
		if (!am_changes_is_shown(c, r))
			continue;
		double y = -log10(am_changes_value(c, r, "q_bh")) + 0.0;
		top = fmax(top, y);
		am_changes_put_ids(c, r, &p);
		am_picture_cell(&p, am_changes_value(c, r, "change"));
		am_picture_cell(&p, y);
		am_text_printf(&p.data, "\tL%" PRId64 " H%" PRId64, am_changes_whole(c, r, "layer"), am_changes_whole(c, r, "head"));
		am_picture_cell(&p, is_named(c, r));
		int up = is_named(c, r) ? lines_up(c, r) : 0;
		am_picture_cell(&p, up);
		highest = fmax(highest, y / (1 - LINE * (up + 1) / height)); /* room for the name above it */
		any_named = any_named || is_named(c, r);
		am_picture_end_row(&p);
	}
	snprintf(title, sizeof title, "Change of %s and how sure it is", c->metric->name);
	am_changes_put_words(c, &p, title, "A point a head");
	put_layers(c, &p);
	put_q_ticks(&p, top);
	am_picture_word(&p, "x_range", "%.6g:%.6g", -(job->page->narrow ? 1.35 : 1.15) * most, (job->page->narrow ? 1.35 : 1.15) * most);
	am_picture_word(&p, "x_step", "%.6g", round_step(most));
	am_picture_word(&p, "y_high", "%.6g", fmax(highest, (job->page->narrow ? 1.25 : 1.12) * top));
	am_picture_word(&p, "any_named", "%d", any_named);
	am_picture_word(&p, "threshold", "%.6g", -log10(0.05));
	am_picture_string(&p, "x_label", "change of %s (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, height, "Named: the heads that change most. With few sequences q has a least value, where points line up.");
	s = am_picture_draw(&p, job, "volcano", err);
	am_picture_fini(&p);
	return s;
}

/* Means of the heads, with those of the control where there is one. */
static void put_points(const am_changes *c, const am_changes *control, am_picture *p)
{
	double low = INFINITY, high = -INFINITY;
	am_text_printf(&p->data, "layer_index\thead_index\tlayer\thead\tmean_a\tmean_b%s\n", control ? "\tmean_control" : "");
	for (int r = 0; r < c->n_cell; r++) {
		if (!am_changes_is_shown(c, r))
			continue;
		double x[] = {am_changes_value(c, r, "mean_a"), am_changes_value(c, r, "mean_b"),
		              control ? am_changes_value(control, r, "mean_b") : NAN};
		am_changes_put_ids(c, r, p);
		for (int i = 0; i < (control ? 3 : 2); i++) {
			low = fmin(low, x[i]); /* which passes over NaN */
			high = fmax(high, x[i]);
			am_picture_cell(p, x[i]);
		}
		am_picture_end_row(p);
	}
	double edge = high > low ? 0.05 * (high - low) : 1;
	am_picture_word(p, "x_range", "%.6g:%.6g", low - edge, high + edge);
}

am_status am_plot_change_scatter(const am_plot_job *job, am_error *err)
{
	am_changes changes, sharpened, *c = &changes;
	am_status s = am_changes_get(job, AM_CHANGES_HEADS, c, err);
	if (!s && job->control)
		s = am_changes_get(job, AM_CHANGES_CONTROL, &sharpened, err);
	if (s)
		return s;
	am_picture p;
	char title[128];
	am_picture_init(&p, "change-scatter");
	put_points(c, job->control ? &sharpened : NULL, &p);
	snprintf(title, sizeof title, "Heads before and after: %s", c->metric->name);
	am_changes_put_words(c, &p, title, job->control ? "Filled: b; rings: control; dashed: no change"
	                                                : "A point a head; dashed: no change");
	put_layers(c, &p);
	am_picture_word(&p, "control", "%d", job->control != NULL);
	am_picture_string(&p, "x_label", "%s in a (%s)", c->metric->name, c->metric->unit);
	am_picture_string(&p, "y_label", "%s in b (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, job->page->narrow ? 222 : 424, "");
	s = am_picture_draw(&p, job, "scatter", err);
	am_picture_fini(&p);
	return s;
}

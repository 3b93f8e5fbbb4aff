/* Changes of heads between two runs: layer by head, and with their intervals. */
#include "analysis/plot_changes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Heads in a forest. */
static int most_heads(const am_changes *c)
{
	return c->job->page->narrow ? 24 : 48;
}

/* --- map ------------------------------------------------------------------ */

am_status am_plot_change_map(const am_plot_job *job, am_error *err)
{
	am_changes changes, *c = &changes;
	am_status s = am_changes_get(job, AM_CHANGES_HEADS, c, err);
	if (s)
		return s;
	am_picture p;
	char title[128];
	double most = am_changes_widest(c);
	bool text;
	int height = am_picture_grid(job, c->n_layer, c->n_head, &text);
	text = text && height / c->n_layer >= 20 && c->n_head <= (job->page->narrow ? 6 : 12);
	am_picture_init(&p, "change-map");
	am_text_puts(&p.data, "layer_index\thead_index\tlayer\thead\tchange\tq_bh\tp_maxt\n");
	for (int r = 0; r < c->n_cell; r++) {
		if (!am_changes_is_shown(c, r))
			continue;
		am_changes_put_ids(c, r, &p);
		am_picture_cell(&p, am_changes_value(c, r, "change"));
		am_picture_cell(&p, am_changes_value(c, r, "q_bh"));
		am_picture_cell(&p, am_changes_value(c, r, "p_maxt"));
		am_picture_end_row(&p);
	}
	snprintf(title, sizeof title, "Change of %s in every head", c->metric->name);
	am_changes_put_words(c, &p, title, "Mean of b - a");
	am_picture_word(&p, "rows", "%d", c->n_layer);
	am_picture_word(&p, "columns", "%d", c->n_head);
	am_picture_ticks(&p, "head_ticks", job->heads->id, c->n_head, 16);
	am_picture_ticks(&p, "layer_ticks", job->layers->id, c->n_layer, height / 14);
	am_picture_word(&p, "cell_text", "%d", text);
	am_picture_word(&p, "cell_format", "%s", most >= 10 ? "%+.0f" : most >= 1 ? "%+.2f" : "%+.3f");
	am_picture_word(&p, "limit_value", "%.6g", most);
	am_picture_word(&p, "change_words", "%s", strcmp(job->options->theme, "print") ? "blue fell, orange rose" : "dark fell, light rose");
	am_picture_word(&p, "mark_size", "%g", text ? 0.35 : 0.5);
	am_picture_string(&p, "value_label", "change of %s (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, height, c->paired ? "Dot: max-T p < 0.05 over all heads. Ring: Benjamini-Hochberg q < 0.05 alone. Neither: no mark."
	                                         : "Ring: Benjamini-Hochberg q < 0.05 over all heads.");
	s = am_picture_draw(&p, job, "change_map", err);
	am_picture_fini(&p);
	return s;
}

/* --- forest --------------------------------------------------------------- */

/* Whether a head is among those of largest change; ties go to the earlier. */
static bool is_large(const am_changes *c, int row)
{
	int larger = 0;
	double mine = fabs(am_changes_value(c, row, "change"));
	for (int r = 0; r < c->n_cell; r++) {
		double x = fabs(am_changes_value(c, r, "change"));
		larger += am_changes_is_shown(c, r) && (x > mine || (x == mine && r < row));
	}
	return larger < most_heads(c);
}

static void put_forest_row(const am_changes *c, int row, int line, am_picture *p)
{
	static const char *const columns[] = {"change", "ci_low", "ci_high", "percent", "q_bh", "p_maxt"};
	bool head = row < c->n_cell;
	am_picture_cell(p, line);
	am_picture_cell(p, head ? (double)am_changes_whole(c, row, "layer") : NAN);
	am_picture_cell(p, head ? (double)am_changes_whole(c, row, "head") : NAN);
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		am_picture_cell(p, am_changes_value(c, row, columns[i]));
	am_picture_end_row(p);
}

/* Fills data and labels; returns the lines, and the ends of what is drawn. */
static int put_forest(const am_changes *c, am_picture *p, am_text *labels, double *low, double *high)
{
	int n = 0;
	am_text_puts(&p->data, "line\tlayer\thead\tchange\tci_low\tci_high\tpercent\tq_bh\tp_maxt\n");
	for (int r = 0; r < c->t->n_rows; r++) {
		bool last = r == c->t->n_rows - 1;
		if (!last && (r >= c->n_cell || !am_changes_is_shown(c, r) || !is_large(c, r)))
			continue;
		put_forest_row(c, r, n, p);
		if (last)
			am_text_printf(labels, "%s'all' %d", n ? ", " : "", n);
		else
			am_text_printf(labels, "%s'L%" PRId64 " H%" PRId64 "' %d", n ? ", " : "", am_changes_whole(c, r, "layer"),
			               am_changes_whole(c, r, "head"), n);
		*low = fmin(*low, fmin(am_changes_value(c, r, "change"), am_changes_value(c, r, "ci_low"))); /* fmin passes over NaN */
		*high = fmax(*high, fmax(am_changes_value(c, r, "change"), am_changes_value(c, r, "ci_high")));
		n++;
	}
	return n;
}

am_status am_plot_change_forest(const am_plot_job *job, am_error *err)
{
	am_changes changes, *c = &changes;
	am_status s = am_changes_get(job, AM_CHANGES_HEADS, c, err);
	if (s)
		return s;
	am_picture p;
	am_text labels = {0};
	char title[128], caption[96] = "";
	double low = 0, high = 0;
	am_picture_init(&p, "change-forest");
	int n = put_forest(c, &p, &labels, &low, &high), lines = job->page->narrow ? 12 : n > 24 ? 13 : 18;
	double edge = 0.04 * (high > low ? high - low : 1);
	snprintf(title, sizeof title, "Change of %s, head by head", c->metric->name);
	bool interval = !isnan(am_changes_value(c, c->t->n_rows - 1, "ci_low"));
	am_changes_put_words(c, &p, title, interval ? "Mean of b - a with 95 % intervals" : "Mean of b - a; intervals need 5 sequences");
	am_picture_word(&p, "sure", "%s", c->paired ? "maxt" : "bh");
	am_picture_word(&p, "sure_name", "%s", c->paired ? "max-T p < 0.05" : "BH q < 0.05");
	if (c->n_shown > most_heads(c))
		snprintf(caption, sizeof caption, "%d of %d heads: those that change most.", most_heads(c), c->n_shown);
	am_picture_word(&p, "rows", "%d", n);
	am_picture_word(&p, "head_labels", "%s", am_text_str(&labels));
	am_picture_word(&p, "tick_font", "%s", n > 24 ? "least" : "tiny");
	am_picture_word(&p, "x_range", "%.6g:%.6g", low - edge, high + edge);
	am_picture_string(&p, "x_label", "change of %s (%s)", c->metric->name, c->metric->unit);
	am_picture_key(&p, job, 1, 1);
	am_picture_size(&p, lines * n + 8, caption);
	s = am_picture_draw(&p, job, "forest", err);
	am_text_free(&labels);
	am_picture_fini(&p);
	return s;
}

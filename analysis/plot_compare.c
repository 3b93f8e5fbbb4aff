#include "analysis/plot_compare.h"

#include "analysis/plot_picture.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_HEADS 48  /* lines of a forest */
#define MOST_LABELS 6  /* heads named in a volcano */
#define BINS 16

/* One comparison and what all its pictures say. */
typedef struct changes {
	const am_plot_job *job;
	const am_metric *metric;
	const am_table *t;
	int n_layer, n_head, n_cell; /* the first n_cell rows of the table are heads */
	bool paired;
	char pairs[96];
} changes;

static double value(const changes *c, int row, const char *column)
{
	const am_table *t = c->t;
	return t->cells[(size_t)row * t->n_columns + am_table_column(t, column)].x;
}

static int64_t whole(const changes *c, int row, const char *column)
{
	const am_table *t = c->t;
	return t->cells[(size_t)row * t->n_columns + am_table_column(t, column)].i;
}

static void put_words(const changes *c, am_picture *p, const char *title, const char *subtitle)
{
	bool light = !strcmp(c->job->options->theme, "light");
	am_picture_word(p, "summary", "%s", title);
	am_picture_string(p, "title", "%s", title);
	am_picture_string(p, "subtitle", "%s; %s", subtitle, c->pairs);
	am_picture_word(p, "hue", "%s", light ? "#d55e00" : "#e69f00");
	am_picture_word(p, "band", "%s", light ? "#f6cfae" : "#5c4413");
}

/* Largest size of the heads' changes, at least a little. */
static double widest(const changes *c, int from, int to)
{
	double most = 0;
	for (int r = from; r < to; r++)
		most = fmax(most, fabs(value(c, r, "change")));
	return most > 0 ? most : 1;
}

static int index_of(const am_run *run, am_axis axis, int64_t id)
{
	const double *v = am_run_axis_values(run, axis);
	int i = 0;
	while ((int64_t)v[i] != id)
		i++;
	return i;
}

static void put_ids(const changes *c, int row, am_picture *p)
{
	int64_t layer = whole(c, row, "layer"), head = whole(c, row, "head");
	am_picture_cell(p, index_of(c->job->run, AM_AXIS_LAYER, layer));
	am_picture_cell(p, index_of(c->job->run, AM_AXIS_HEAD, head));
	am_picture_cell(p, (double)layer);
	am_picture_cell(p, (double)head);
}

/* Ticks of a colour bar of layers. */
static void put_layers(const changes *c, am_picture *p)
{
	am_picture_ticks(p, "layer_ticks", am_run_axis_values(c->job->run, AM_AXIS_LAYER), c->n_layer, 12);
	am_picture_word(p, "last_layer", "%d", c->n_layer > 1 ? c->n_layer - 1 : 1);
}

/* --- map ------------------------------------------------------------------ */

static am_status draw_map(const changes *c, am_error *err)
{
	am_picture p;
	char title[128];
	double most = widest(c, 0, c->n_cell);
	double side = fmin(fmin(472.0 / c->n_head, 34), 560.0 / c->n_layer);
	int height = (int)fmax(side * c->n_layer, 170);
	bool text = c->n_head <= 12 && height / c->n_layer >= 20;
	am_picture_init(&p, "change-map");
	am_text_puts(&p.data, "layer_index\thead_index\tlayer\thead\tchange\tq_bh\tp_maxt\n");
	for (int r = 0; r < c->n_cell; r++) {
		put_ids(c, r, &p);
		am_picture_cell(&p, value(c, r, "change"));
		am_picture_cell(&p, value(c, r, "q_bh"));
		am_picture_cell(&p, value(c, r, "p_maxt"));
		am_picture_end_row(&p);
	}
	snprintf(title, sizeof title, "Change of %s in every head", c->metric->name);
	put_words(c, &p, title, "Mean of b - a");
	am_picture_word(&p, "rows", "%d", c->n_layer);
	am_picture_word(&p, "columns", "%d", c->n_head);
	am_picture_ticks(&p, "head_ticks", am_run_axis_values(c->job->run, AM_AXIS_HEAD), c->n_head, 16);
	am_picture_ticks(&p, "layer_ticks", am_run_axis_values(c->job->run, AM_AXIS_LAYER), c->n_layer, height / 14);
	am_picture_word(&p, "cell_text", "%d", text);
	am_picture_word(&p, "cell_format", "%s", most >= 10 ? "%+.0f" : most >= 1 ? "%+.2f" : "%+.3f");
	am_picture_word(&p, "limit_value", "%.6g", most);
	am_picture_word(&p, "mark_size", "%g", text ? 0.35 : 0.5);
	am_picture_string(&p, "value_label", "change of %s (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, height + 116, c->paired ? "Dot: max-T p < 0.05 over all heads. Ring: Benjamini-Hochberg q < 0.05 alone. Neither: no mark."
	                                         : "Ring: Benjamini-Hochberg q < 0.05 over all heads.");
	am_status s = am_picture_draw(&p, c->job, "change_map", err);
	am_picture_fini(&p);
	return s;
}

/* --- forest --------------------------------------------------------------- */

/* Whether a head is among the MOST_HEADS of largest change; ties go to the earlier. */
static bool is_shown(const changes *c, int row)
{
	int larger = 0;
	double mine = fabs(value(c, row, "change"));
	for (int r = 0; r < c->n_cell; r++) {
		double x = fabs(value(c, r, "change"));
		larger += x > mine || (x == mine && r < row);
	}
	return larger < MOST_HEADS;
}

static void put_forest_row(const changes *c, int row, int line, am_picture *p)
{
	static const char *const columns[] = {"change", "ci_low", "ci_high", "percent", "q_bh", "p_maxt"};
	bool head = row < c->n_cell;
	am_picture_cell(p, line);
	am_picture_cell(p, head ? (double)whole(c, row, "layer") : NAN);
	am_picture_cell(p, head ? (double)whole(c, row, "head") : NAN);
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		am_picture_cell(p, value(c, row, columns[i]));
	am_picture_end_row(p);
}

/* Fills data and labels; returns the lines, and the ends of what is drawn. */
static int put_forest(const changes *c, am_picture *p, am_text *labels, double *low, double *high)
{
	int n = 0;
	am_text_puts(&p->data, "line\tlayer\thead\tchange\tci_low\tci_high\tpercent\tq_bh\tp_maxt\n");
	for (int r = 0; r < c->t->n_rows; r++) {
		bool last = r == c->t->n_rows - 1;
		if (!last && (r >= c->n_cell || !is_shown(c, r)))
			continue;
		put_forest_row(c, r, n, p);
		if (last)
			am_text_printf(labels, "%s'all' %d", n ? ", " : "", n);
		else
			am_text_printf(labels, "%s'L%" PRId64 " H%" PRId64 "' %d", n ? ", " : "", whole(c, r, "layer"),
			               whole(c, r, "head"), n);
		*low = fmin(*low, fmin(value(c, r, "change"), value(c, r, "ci_low"))); /* fmin passes over NaN */
		*high = fmax(*high, fmax(value(c, r, "change"), value(c, r, "ci_high")));
		n++;
	}
	return n;
}

static am_status draw_forest(const changes *c, am_error *err)
{
	am_picture p;
	am_text labels = {0};
	char title[128], caption[96] = "";
	double low = 0, high = 0;
	am_picture_init(&p, "change-forest");
	int n = put_forest(c, &p, &labels, &low, &high), lines = n > 24 ? 13 : 18;
	double edge = 0.04 * (high > low ? high - low : 1);
	snprintf(title, sizeof title, "Change of %s, head by head", c->metric->name);
	bool interval = !isnan(value(c, c->t->n_rows - 1, "ci_low"));
	put_words(c, &p, title, interval ? "Mean of b - a with 95 % intervals" : "Mean of b - a; intervals need 5 sequences");
	am_picture_word(&p, "sure", "%s", c->paired ? "maxt" : "bh");
	am_picture_word(&p, "sure_name", "%s", c->paired ? "max-T p < 0.05" : "BH q < 0.05");
	if (c->n_cell > MOST_HEADS)
		snprintf(caption, sizeof caption, "%d of %d heads: those that change most.", MOST_HEADS, c->n_cell);
	am_picture_word(&p, "rows", "%d", n);
	am_picture_word(&p, "head_labels", "%s", am_text_str(&labels));
	am_picture_word(&p, "tick_size", "%d", n > 24 ? 8 : 10);
	am_picture_word(&p, "x_range", "%.6g:%.6g", low - edge, high + edge);
	am_picture_string(&p, "x_label", "change of %s (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, 84 + 54 + lines * n + 8, caption);
	am_status s = am_picture_draw(&p, c->job, "forest", err);
	am_text_free(&labels);
	am_picture_fini(&p);
	return s;
}

/* --- volcano and scatter -------------------------------------------------- */

/* Among the MOST_LABELS of largest change, and away from the crowd at 0. */
static bool is_named(const changes *c, int row)
{
	int larger = 0;
	if (fabs(value(c, row, "change")) < 0.2 * widest(c, 0, c->n_cell))
		return false;
	for (int r = 0; r < c->n_cell; r++)
		larger += fabs(value(c, r, "change")) > fabs(value(c, row, "change"));
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

static am_status draw_volcano(const changes *c, am_error *err)
{
	am_picture p;
	char title[128];
	double top = 2, most = widest(c, 0, c->n_cell);
	bool any_named = false; /* gnuplot 5.4 crashes on labels that are all undefined */
	am_picture_init(&p, "change-volcano");
	am_text_puts(&p.data, "layer_index\thead_index\tlayer\thead\tchange\tminus_log10_q_bh\tname\tnamed\n");
	for (int r = 0; r < c->n_cell; r++) {
		double y = -log10(value(c, r, "q_bh")) + 0.0;
		top = fmax(top, y);
		put_ids(c, r, &p);
		am_picture_cell(&p, value(c, r, "change"));
		am_picture_cell(&p, y);
		am_text_printf(&p.data, "\tL%" PRId64 " H%" PRId64, whole(c, r, "layer"), whole(c, r, "head"));
		am_picture_cell(&p, is_named(c, r));
		any_named = any_named || is_named(c, r);
		am_picture_end_row(&p);
	}
	snprintf(title, sizeof title, "Change of %s and how sure it is", c->metric->name);
	put_words(c, &p, title, "A point a head");
	put_layers(c, &p);
	put_q_ticks(&p, top);
	am_picture_word(&p, "x_range", "%.6g:%.6g", -1.15 * most, 1.15 * most);
	am_picture_word(&p, "y_high", "%.6g", 1.06 * top);
	am_picture_word(&p, "any_named", "%d", any_named);
	am_picture_word(&p, "threshold", "%.6g", -log10(0.05));
	am_picture_string(&p, "x_label", "change of %s (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, 420, "Named: the heads that change most. With few sequences q has a least value, where points line up.");
	am_status s = am_picture_draw(&p, c->job, "volcano", err);
	am_picture_fini(&p);
	return s;
}

static am_status draw_scatter(const changes *c, am_error *err)
{
	am_picture p;
	char title[128];
	double low = INFINITY, high = -INFINITY;
	am_picture_init(&p, "change-scatter");
	am_text_puts(&p.data, "layer_index\thead_index\tlayer\thead\tmean_a\tmean_b\n");
	for (int r = 0; r < c->n_cell; r++) {
		double a = value(c, r, "mean_a"), b = value(c, r, "mean_b");
		low = fmin(low, fmin(a, b));
		high = fmax(high, fmax(a, b));
		put_ids(c, r, &p);
		am_picture_cell(&p, a);
		am_picture_cell(&p, b);
		am_picture_end_row(&p);
	}
	double edge = high > low ? 0.05 * (high - low) : 1;
	snprintf(title, sizeof title, "Heads before and after: %s", c->metric->name);
	put_words(c, &p, title, "A point a head; dashed: no change");
	put_layers(c, &p);
	am_picture_word(&p, "x_range", "%.6g:%.6g", low - edge, high + edge);
	am_picture_string(&p, "x_label", "%s in a (%s)", c->metric->name, c->metric->unit);
	am_picture_string(&p, "y_label", "%s in b (%s)", c->metric->name, c->metric->unit);
	am_picture_size(&p, 540, "");
	am_status s = am_picture_draw(&p, c->job, "scatter", err);
	am_picture_fini(&p);
	return s;
}

/* --- position ------------------------------------------------------------- */

static void put_range(am_picture *p, const char *key, double low, double high)
{
	double edge = high > low ? 0.06 * (high - low) : 0.5;
	am_picture_word(p, key, "%.6g:%.6g", low - edge, high + edge);
}

static am_status draw_position(const changes *c, am_error *err)
{
	static const char *const columns[] = {"mean_a", "mean_b", "change", "ci_low", "ci_high"};
	am_picture p;
	char title[128];
	double low = INFINITY, high = -INFINITY, least = 0, most = 0;
	am_picture_init(&p, "change-position");
	am_text_puts(&p.data, "position_low\tposition_high\tsequences\tmean_a\tmean_b\tchange\tci_low\tci_high\n");
	for (int r = 0; r < c->t->n_rows; r++) {
		am_picture_cell(&p, (double)whole(c, r, "position_low"));
		am_picture_cell(&p, (double)whole(c, r, "position_high"));
		am_picture_cell(&p, (double)whole(c, r, "n_sequences"));
		for (int i = 0; i < 5; i++) {
			double x = value(c, r, columns[i]);
			am_picture_cell(&p, x);
			*(i < 2 ? &low : &least) = fmin(i < 2 ? low : least, x);
			*(i < 2 ? &high : &most) = fmax(i < 2 ? high : most, x);
		}
		am_picture_end_row(&p);
	}
	snprintf(title, sizeof title, "Change of %s against query position", c->metric->name);
	put_words(c, &p, title, "All heads, means; below: b - a with 95 % intervals");
	am_picture_word(&p, "x_low", "%" PRId64, whole(c, 0, "position_low"));
	am_picture_word(&p, "x_high", "%" PRId64, whole(c, c->t->n_rows - 1, "position_high"));
	put_range(&p, "y_range", low, high);
	put_range(&p, "change_range", least, most);
	am_picture_string(&p, "y_label", "%s (%s)", c->metric->name, c->metric->unit);
	am_picture_string(&p, "name_a", "a");
	am_picture_string(&p, "name_b", "b");
	am_picture_size(&p, 460, "");
	am_status s = am_picture_draw(&p, c->job, "change_position", err);
	am_picture_fini(&p);
	return s;
}

/* --- all ------------------------------------------------------------------ */

static am_status compare_for(changes *c, am_run *a, am_run *b, const am_compare_options *o, int bins,
                             am_comparison *out, am_error *err)
{
	am_compare_options plain = *o;
	plain.metric = c->metric;
	plain.n_metric = 1;
	plain.by_task = false;
	plain.margin = 0;
	plain.aggregate.position_bins = bins;
	plain.aggregate.level = bins ? AM_LEVEL_OVERALL : AM_LEVEL_HEAD;
	am_status s = am_compare(a, b, NULL, &plain, out, err);
	if (s)
		return s;
	c->t = &out->table;
	c->n_cell = 0;
	while (c->n_cell < c->t->n_rows && !am_table_is_null(c->t, c->n_cell, am_table_column(c->t, "head")))
		c->n_cell++;
	c->paired = out->paired;
	if (out->paired)
		snprintf(c->pairs, sizeof c->pairs, "%" PRId64 " sequence%s, %" PRId64 " row%s of each head", out->n_sequences[0],
		         out->n_sequences[0] == 1 ? "" : "s", out->n_rows[0], out->n_rows[0] == 1 ? "" : "s");
	else
		snprintf(c->pairs, sizeof c->pairs, "unpaired: %" PRId64 " and %" PRId64 " sequences", out->n_sequences[0],
		         out->n_sequences[1]);
	return AM_OK;
}

static am_status draw_heads(const changes *c, am_error *err)
{
	static am_status (*const draw[])(const changes *, am_error *) = {draw_map, draw_forest, draw_volcano, draw_scatter};
	am_status s = AM_OK;
	for (size_t i = 0; i < sizeof draw / sizeof *draw && c->n_cell; i++) {
		am_status one = draw[i](c, s ? NULL : err); /* the others still leave their data */
		s = s ? s : one;
	}
	return s;
}

am_status am_plot_comparison(am_run *a, am_run *b, const am_compare_options *o, const am_plot_options *p,
                             const char *dir, am_text *files, am_error *err)
{
	am_plot_job job = {a, p, dir, files};
	changes c = {.job = &job, .metric = &o->metric[0],
	             .n_layer = (int)am_run_axis_length(a, AM_AXIS_LAYER),
	             .n_head = (int)am_run_axis_length(a, AM_AXIS_HEAD)};
	am_comparison x;
	am_status s = am_plot_prepare(a, p, dir, err);
	if (!s)
		s = compare_for(&c, a, b, o, 0, &x, err);
	if (s)
		return s;
	s = draw_heads(&c, err);
	am_comparison_fini(&x);
	am_status t = compare_for(&c, a, b, o, o->aggregate.position_bins > 0 ? o->aggregate.position_bins : BINS, &x,
	                          s ? NULL : err);
	if (t)
		return s ? s : t;
	t = c.t->n_rows ? draw_position(&c, s ? NULL : err) : AM_OK;
	am_comparison_fini(&x);
	return s ? s : t;
}

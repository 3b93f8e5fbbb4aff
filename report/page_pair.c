/* What changed from the first run to another. */
#include "analysis/bootstrap.h"
#include "analysis/sign_flip.h"
#include "report/html.h"
#include "report/page_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What fits a screen, and everything. */
#define CHANGES "mean_a mean_b change ci_low ci_high percent hl p_wilcoxon q_bh p_maxt rank_biserial p_equivalent"
#define ALL_CHANGES \
	"mean_a mean_b change ci_low ci_high percent hl hl_low hl_high p_wilcoxon p_permutation q_bh q_by p_maxt rank_biserial d_z " \
	"p_equivalent p_not_lower p_not_higher n_sequences"

/* --- which rows ----------------------------------------------------------- */

typedef struct rows_of {
	const char *metric;
	bool others; /* than the metric */
	am_html_keep *level;
} rows_of;

static const char *metric_of(const am_table *t, int row)
{
	return t->cells[(size_t)row * (size_t)t->n_columns + (size_t)am_table_column(t, "metric")].s;
}

static bool of_metric(const am_table *t, int row, const void *ctx)
{
	const rows_of *want = ctx;
	return !strcmp(metric_of(t, row), want->metric) != want->others && want->level(t, row, NULL);
}

/* The overall row of a metric is a family of its own: nothing to correct. */
static bool is_family(const am_table *t, int row, const void *ctx)
{
	(void)ctx;
	return strcmp(t->cells[(size_t)row * (size_t)t->n_columns + (size_t)am_table_column(t, "level")].s, "overall") != 0;
}

/* --- words ---------------------------------------------------------------- */

static const char *interval_name(am_interval_method m)
{
	return m == AM_INTERVAL_T ? "bootstrap-t" : m == AM_INTERVAL_BCA ? "BCa" : "percentile";
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void put_samples(const am_page *p, const am_page_pair *x, am_text *t)
{
	const am_comparison *c = &x->change;
	const am_aggregate_options *o = &p->compare.aggregate;
	int64_t least = c->paired || c->n_sequences[0] < c->n_sequences[1] ? c->n_sequences[0] : c->n_sequences[1];
	if (c->paired)
		am_text_printf(t, "<p>%" PRId64 " sequence%s, %" PRId64 " row%s of each head, paired by position and token. ",
		               c->n_sequences[0], plural(c->n_sequences[0]), c->n_rows[0], plural(c->n_rows[0]));
	else
		am_text_printf(t, "<p>Unpaired: %" PRId64 " sequence%s and %" PRId64 " row%s of each head in %s, %" PRId64 " and %" PRId64
		               " in %s. ", c->n_sequences[0], plural(c->n_sequences[0]), c->n_rows[0], plural(c->n_rows[0]),
		               x->a->label, c->n_sequences[1], c->n_rows[1], x->b->label);
	if (least < AM_BOOTSTRAP_MIN_SEQUENCES)
		am_text_puts(t, "Too few sequences for intervals; ");
	else
		am_text_printf(t, "Intervals: %g %%, %s, over sequences; ", 100 * AM_BOOTSTRAP_LEVEL, interval_name(c->interval));
	bool all = c->paired && c->n_sequences[0] <= AM_SIGN_FLIP_EXACT;
	am_text_printf(t, "%d resamples, seed %" PRIu64 "; %s. All tests are two-sided.", o->resamples, o->seed,
	               all ? "all sign flips gone through" : c->paired ? "sign flips drawn" : "labels exchanged");
	if (strcmp(x->b->label, "b"))
		am_text_printf(t, " In tables and pictures <i>b</i> stands for %s.", x->b->label);
	am_text_puts(t, "</p>\n");
}

static void put_accuracy(const am_accuracy_change *a, am_text *t)
{
	if (a->n)
		am_text_printf(t, "<p>Accuracy of %d scored sequences: %.4f before, %.4f after; right before alone %d, after alone %d; exact "
		               "McNemar p = %.2g.</p>\n", a->n, a->accuracy_a, a->accuracy_b, a->only_a, a->only_b, a->p);
}

/* --- tables --------------------------------------------------------------- */

static void put_levels(const am_page_pair *x, const am_metric *m, bool others, am_text *t)
{
	static const struct {
		const char *name, *columns, *others_columns;
		am_html_keep *keep;
	} levels[] = {
		{"layer", "layer " CHANGES, "metric layer " ALL_CHANGES, am_html_is_layer},
		{"head", "layer head " ALL_CHANGES, "metric layer head " ALL_CHANGES, am_html_is_head},
	};
	for (int i = 0; i < 2; i++) {
		char caption[96];
		rows_of want = {m->name, others, levels[i].keep};
		if (others)
			snprintf(caption, sizeof caption, "Change of the other metrics by %s", levels[i].name);
		else
			snprintf(caption, sizeof caption, "Change of %s (%s) by %s", m->name, m->unit, levels[i].name);
		am_html_put_table(t, &(am_html_table){.table = &x->change.table, .caption = caption, .folded = others || i,
		                                      .columns = others ? levels[i].others_columns : levels[i].columns,
		                                      .keep = of_metric, .ctx = &want});
	}
}

static void put_changes(const am_page *p, const am_page_pair *x, am_text *t)
{
	am_html_put_table(t, &(am_html_table){.table = &x->change.table, .caption = "All layers and heads together",
	                                      .columns = "metric " CHANGES, .keep = am_html_is_overall});
	put_levels(x, p->compare.metric, false, t);
	put_levels(x, p->compare.metric, true, t);
	am_html_put_table(t, &(am_html_table){.table = &x->change.corrected, .keep = is_family,
	                                      .caption = "Corrected together, and how many stay below 0.05"});
}

static void put_controls(const am_page *p, const am_page_pair *x, am_text *t)
{
	am_text_puts(t, "<h3>Controls</h3>\n<p>Lower entropy alone proves nothing about quality, nor about how a model was trained. "
	                "Beside it belong the change in likelihood and entropy as a share of ln n");
	am_text_puts(t, x->change.has_control ? ", and what a control run explains: <i>change_control</i> is control less a, "
	                                        "<i>remaining</i> b less control.</p>\n"
	                                      : ". A control run (<code>--control</code>), the first model sharpened to the other's "
	                                        "entropy, would show what sharpening alone explains.</p>\n");
	am_html_put_table(t, &(am_html_table){.table = &x->change.controls, .caption = "Likelihood, and entropy as a share of ln n",
	                                      .columns = "metric mean_a mean_b change ci_low ci_high percent p_wilcoxon rank_biserial "
	                                                 "p_equivalent p_not_higher n_sequences"});
	if (!x->change.has_control)
		return;
	am_text_puts(t, "<p>Control: <code>");
	am_html_text(t, am_run_path(p->control));
	am_text_puts(t, "</code></p>\n");
	am_html_put_table(t, &(am_html_table){.table = &x->change.control, .caption = "What the control explains",
	                                      .null_keys = "layer"});
}

void am_page_put_pair(const am_page *p, const am_page_pair *x, am_text *t)
{
	am_text_printf(t, "<section id=change-%s>\n<h2>Change from %s to %s</h2>\n", x->b->label, x->a->label, x->b->label);
	if (!x->compared) {
		am_text_puts(t, "<p class=refused>Not compared: ");
		am_html_text(t, x->refused);
		am_text_puts(t, ".</p>\n<p>Rows pair where both runs hold the same layers, heads, texts, positions and tokens. Capture both "
		                "with the same texts, <code>--rows</code>, <code>--layers</code> and <code>--heads</code>, or compare them "
		                "as samples with <code>--unpaired</code>.</p>\n</section>\n");
		return;
	}
	put_samples(p, x, t);
	put_accuracy(&x->change.accuracy, t);
	put_changes(p, x, t);
	am_page_put_pictures(&x->pictures, x->a->run, t);
	put_controls(p, x, t);
	am_text_puts(t, "</section>\n");
}

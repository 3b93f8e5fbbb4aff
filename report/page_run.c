/* One run: its tables and pictures, and the line of the page's beginning about it. */
#include "analysis/bootstrap.h"
#include "analysis/view.h"
#include "base/mem.h"
#include "report/html.h"
#include "report/page_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEYS "layer head"

/* --- pictures ------------------------------------------------------------- */

/* What a picture shows; those of a selector (recall-curves-s0) name it. */
static void put_caption(const char *name, const am_run *run, am_text *t)
{
	const am_plot_kind *kind = am_plot_kind_find(name);
	const char *id = strrchr(name, '-');
	int selector = -1;
	char stem[64];
	if (!kind && id && sscanf(id, "-s%d", &selector) == 1 && (size_t)(id - name) < sizeof stem) {
		snprintf(stem, sizeof stem, "%.*s", (int)(id - name), name);
		kind = am_plot_kind_find(stem);
	}
	am_html_text(t, kind ? kind->summary : name);
	if (kind && selector >= 0 && selector < am_run_selector_count(run)) {
		am_text_puts(t, ": ");
		am_html_element(t, "code", am_run_selector_at(run, selector)->spec);
	}
}

void am_page_put_pictures(const am_page_pictures *pictures, const am_run *run, am_text *t)
{
	static const char *const class[AM_PICTURE_THEMES] = {"light", "dark"};
	if (!pictures->n)
		return;
	am_text_puts(t, "<div class=pictures>\n");
	for (int i = 0; i < pictures->n; i++) {
		const am_page_picture *p = &pictures->item[i];
		bool both = p->svg[AM_PICTURE_LIGHT].size && p->svg[AM_PICTURE_DARK].size;
		am_text_puts(t, "<figure>");
		for (int theme = 0; theme < AM_PICTURE_THEMES; theme++) {
			if (!p->svg[theme].size)
				continue;
			am_text_printf(t, "<div class=\"picture%s%s\">", both ? " only-" : "", both ? class[theme] : "");
			am_text_append(t, am_text_str(&p->svg[theme]), p->svg[theme].size);
			am_text_puts(t, "</div>");
			t->failed |= p->svg[theme].failed;
		}
		am_text_puts(t, "<figcaption>");
		put_caption(p->name, run, t);
		am_text_puts(t, "</figcaption></figure>\n");
	}
	am_text_puts(t, "</div>\n");
}

/* --- at a glance ---------------------------------------------------------- */

/* Overall cells stand last. */
static const am_cell *overall(const am_table *t, const char *column)
{
	int c = am_table_column(t, column);
	for (int r = t->n_rows - 1; r >= 0 && c >= 0; r--)
		if (am_html_is_overall(t, r, NULL) && !am_table_is_null(t, r, c))
			return &t->cells[(size_t)r * (size_t)t->n_columns + (size_t)c];
	return NULL;
}

static void put_interval(const am_cell *low, const am_cell *high, int digits, am_text *t)
{
	if (low && high)
		am_text_printf(t, " <span class=interval>[%.*f, %.*f]</span>", digits, low->x, digits, high->x);
}

static void glance_run(const am_page *p, const am_page_run *r, am_text *t)
{
	const am_table *e = &r->entropy;
	const am_cell *mean = e->columns ? overall(e, "mean") : NULL;
	am_text_puts(t, "<li>");
	if (p->n_run > 1)
		am_text_printf(t, "<b>%s</b>: ", r->label);
	if (mean) {
		am_text_printf(t, "mean entropy <strong>%.3f nat</strong>", mean->x);
		put_interval(overall(e, "ci_low"), overall(e, "ci_high"), 3, t);
		am_text_printf(t, ", as if spread evenly over %.1f keys", overall(e, "effective_support")->x);
		if (overall(e, "normalised"))
			am_text_printf(t, "; %.1f %% of ln n", 100 * overall(e, "normalised")->x);
	} else {
		am_text_puts(t, "no entropy in this run");
	}
	am_text_puts(t, "</li>\n");
}

static void glance_change(const am_page_pair *x, const am_table *from, const char *metric, const char *unit, am_text *t)
{
	int name = am_table_column(from, "metric");
	char change[512];
	for (int r = 0; r < from->n_rows; r++) {
		const am_cell *c = &from->cells[(size_t)r * (size_t)from->n_columns];
		if (!am_html_is_overall(from, r, NULL) || strcmp(c[name].s, metric))
			continue;
		int low = am_table_column(from, "ci_low"), p = am_table_column(from, "p_wilcoxon");
		am_text_printf(t, "<li><b>%s</b> to <b>%s</b>: ", x->a->label, x->b->label);
		am_html_text(t, metric);
		snprintf(change, sizeof change, "%+.4f", c[am_table_column(from, "change")].x);
		bool none = !change[strspn(change, "+-0.")]; /* no sign of what rounds to nothing */
		am_text_printf(t, " <strong>%s%s</strong>", change + none, unit);
		if (!am_table_is_null(from, r, low))
			put_interval(&c[low], &c[low + 1], 4, t);
		if (!am_table_is_null(from, r, p))
			am_text_printf(t, ", %s p = %.2g", x->change.paired ? "signed-rank" : "rank-sum", c[p].x);
		am_text_puts(t, "</li>\n");
	}
}

void am_page_put_glance(const am_page *p, am_text *t)
{
	for (int i = 0; i < p->n_run; i++)
		glance_run(p, &p->run[i], t);
	for (int i = 0; i < p->n_pair; i++) {
		const am_page_pair *x = &p->pair[i];
		if (!x->compared)
			continue;
		glance_change(x, &x->change.table, "entropy", " nat", t);
		glance_change(x, &x->change.controls, "nll", " nat a token", t);
	}
}

/* --- tables --------------------------------------------------------------- */

static void put_entropy(const am_page_run *r, am_text *t)
{
	if (!r->entropy.columns)
		return;
	am_text_puts(t, "<h3>Entropy</h3>\n<p>In nat. <i>normalised</i> is the mean of H / ln n, <i>effective_support</i> exp of the "
	                "mean entropy, in keys.</p>\n");
	am_html_put_table(t, &(am_html_table){.table = &r->entropy, .caption = "Entropy by layer", .null_keys = KEYS,
	                                      .keep = am_html_is_above_heads});
	am_html_put_table(t, &(am_html_table){.table = &r->entropy, .caption = "Entropy by head", .keep = am_html_is_head,
	                                      .folded = true});
	am_page_put_pictures(&r->entropy_pictures, r->run, t);
}

static void put_view(const am_page_run *r, bool counts, const char *const caption[2], am_text *t)
{
	am_view v;
	am_error err;
	if (am_view_coverage(&r->coverage, counts, &v, &err)) {
		t->failed = true;
		return;
	}
	if (v.table.columns) {
		am_html_put_table(t, &(am_html_table){.table = &v.table, .caption = caption[0], .null_keys = KEYS,
		                                      .keep = am_html_is_above_heads});
		am_html_put_table(t, &(am_html_table){.table = &v.table, .caption = caption[1], .keep = am_html_is_head, .folded = true});
	}
	am_view_fini(&v);
}

static void put_coverage(const am_page_run *r, am_text *t)
{
	static const char *const masses[] = {"Mass by layer: M(k)", "Mass by head: M(k)"};
	static const char *const counts[] = {"Keys for a share of the mass, by layer", "Keys for a share of the mass, by head"};
	if (!r->coverage.columns)
		return;
	am_text_puts(t, "<h3>Coverage</h3>\n<p>M(k) is the mean mass of the k largest keys of a row, M(5%) that of the largest 5 % of "
	                "its visible keys; k(95%) the median number of keys that hold 95 % of the mass, p95 behind it the 95th "
	                "percentile.</p>\n");
	put_view(r, false, masses, t);
	put_view(r, true, counts, t);
	am_page_put_pictures(&r->coverage_pictures, r->run, t);
}

/* Lines with a value, of the reference that judges heads by themselves or of the others. */
static bool of_reference(const am_table *t, int row, const void *ctx)
{
	const bool *others = ctx;
	const am_cell *c = &t->cells[(size_t)row * (size_t)t->n_columns];
	return !am_table_is_null(t, row, am_table_column(t, "recall")) &&
	       !strcmp(c[am_table_column(t, "reference")].s, "head") != *others;
}

static void put_recall_lines(const am_page_run *r, am_text *t)
{
	static const char *const columns[] = {"recall", "ci_low", "ci_high", "chance", "recall_corrected", "mass_recall",
	                                      "retained_mass", "top1_hit", "p05", "worst", "n_rows", "n_rows_trivial"};
	static const bool head = false, others = true;
	am_view v;
	am_error err;
	if (am_view_recall_lines(&r->recall, columns, (int)(sizeof columns / sizeof *columns), true, &v, &err)) {
		t->failed = true;
		return;
	}
	am_html_put_table(t, &(am_html_table){.table = &v.table, .caption = "Recall of each head's best keys, all layers",
	                                      .columns = "selector k recall ci_low ci_high chance recall_corrected mass_recall "
	                                                 "retained_mass top1_hit worst",
	                                      .keep = of_reference, .ctx = &head});
	am_html_put_table(t, &(am_html_table){.table = &v.table, .caption = "Recall of the best keys that heads share, all layers",
	                                      .keep = of_reference, .ctx = &others, .folded = true});
	am_view_fini(&v);
}

static void put_recall(const am_page_run *r, am_text *t)
{
	am_view v;
	am_error err;
	if (!r->recall.columns)
		return;
	am_text_puts(t, "<h3>Recall</h3>\n<p>How many of a reference's k best keys a selector's set of k keys holds, over rows with more "
	                "than k visible keys. Read it beside chance. Exact and random sets stand with the selectors.</p>\n");
	put_recall_lines(r, t);
	if (am_view_recall(&r->recall, &v, &err)) {
		t->failed = true;
		return;
	}
	am_html_put_table(t, &(am_html_table){.table = &v.table, .caption = "Recall by layer: R(k)", .null_keys = KEYS,
	                                      .keep = am_html_is_above_heads, .folded = true});
	am_html_put_table(t, &(am_html_table){.table = &v.table, .caption = "Recall by head: R(k)", .keep = am_html_is_head,
	                                      .folded = true});
	am_view_fini(&v);
	am_page_put_pictures(&r->recall_pictures, r->run, t);
}

static void put_apart(const am_page_run *r, am_text *t)
{
	const char *model = "another model", *attention = "dense";
	if (!r->apart.columns)
		return;
	(void)am_run_attr_str(r->run, "pair_model", &model);
	(void)am_run_attr_str(r->run, "pair_attention", &attention);
	am_text_puts(t, "<h3>Rows of two models</h3>\n<p>This run's attention rows (P) beside those of ");
	am_html_element(t, "code", model);
	am_text_puts(t, " under ");
	am_html_element(t, "code", attention);
	am_text_puts(t, " attention (Q), over the same tokens. <i>kl</i> is KL(P||Q) and <i>kl_reverse</i> KL(Q||P) in nat, over the rows "
	                "where they are finite (the others, <i>n_infinite</i>, hold a key the other row lacks); <i>js</i> the Jensen-Shannon "
	                "divergence in nat, <i>tv</i> total variation, <i>lost</i> and <i>gained</i> the mass on keys that Q, or P, lacks; "
	                "<i>topk_overlap</i> the share of their k best keys in common, beside chance.</p>\n");
	am_html_put_table(t, &(am_html_table){.table = &r->apart, .caption = "Distances by layer", .null_keys = KEYS,
	                                      .keep = am_html_is_above_heads});
	am_html_put_table(t, &(am_html_table){.table = &r->apart, .caption = "Distances by head", .keep = am_html_is_head,
	                                      .folded = true});
}

void am_page_put_run(const am_page *p, const am_page_run *r, am_text *t)
{
	const am_table *any = r->entropy.columns ? &r->entropy : &r->coverage;
	am_text_printf(t, "<section id=run-%s>\n<h2>", r->label);
	if (p->n_run > 1) {
		am_text_printf(t, "Run %s: ", r->label);
		am_html_text(t, am_run_path(r->run));
	} else {
		am_text_puts(t, "Measurements");
	}
	am_text_printf(t, "</h2>\n<p>%" PRId64 " sequence%s, %" PRId64 " row%s of each head", any->n_sequences,
	               any->n_sequences == 1 ? "" : "s", any->n_source_rows, any->n_source_rows == 1 ? "" : "s");
	if (any->n_sequences >= AM_BOOTSTRAP_MIN_SEQUENCES)
		am_text_printf(t, "; intervals are %g %% bootstrap intervals over sequences", 100 * AM_BOOTSTRAP_LEVEL);
	am_text_puts(t, ".</p>\n");
	put_entropy(r, t);
	put_coverage(r, t);
	put_recall(r, t);
	put_apart(r, t);
	am_text_puts(t, "</section>\n");
}

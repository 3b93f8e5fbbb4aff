/* Tables. What a column means stands in its head's title; the methods say it at length. */
#include "report/html.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *column, *meaning;
} meanings[] = {
	{"mean", "mean over rows, then sequences, then tasks"},
	{"ci_low", "lower end of the 95 % interval over sequences"},
	{"ci_high", "upper end of the 95 % interval over sequences"},
	{"median", "over the pooled rows"},
	{"p05", "5th percentile of the pooled rows"},
	{"p95", "95th percentile of the pooled rows"},
	{"normalised", "mean of H / ln n"},
	{"effective_support", "exp of the mean entropy, in keys"},
	{"n_rows", "rows that count"},
	{"n_sequences", "sequences that count"},
	{"recall", "share of the reference's best keys in the set"},
	{"chance", "recall expected of random keys"},
	{"recall_corrected", "(recall - chance) / (1 - chance)"},
	{"mass_recall", "mass of the set over the mass of the best keys"},
	{"retained_mass", "probability of the keys in the set"},
	{"top1_hit", "share of rows whose best key is in the set"},
	{"worst", "least recall of any row"},
	{"worst_row", "sequence / position of that row"},
	{"n_rows_trivial", "rows with at most k visible keys, left out"},
	{"mean_a", "mean of the first run"},
	{"mean_b", "mean of the other run"},
	{"change", "mean over sequences of the other run less the first"},
	{"percent", "change of the ratio of means, in percent"},
	{"hl", "Hodges-Lehmann shift"},
	{"hl_low", "lower end of its interval"},
	{"hl_high", "upper end of its interval"},
	{"p_wilcoxon", "signed-rank test, two-sided, not corrected"},
	{"p_permutation", "sign flips, two-sided, not corrected"},
	{"q_bh", "after Benjamini-Hochberg over the family"},
	{"q_by", "after Benjamini-Yekutieli over the family"},
	{"p_maxt", "after step-down max-T over the family"},
	{"rank_biserial", "1: every sequence rose, -1: every one fell"},
	{"d_z", "mean difference over its standard deviation"},
	{"tests", "size of the family"},
	{"below_bh", "of them with q_bh below 0.05"},
	{"below_maxt", "of them with p_maxt below 0.05"},
	{"mean_control", "mean of the control run"},
	{"change_control", "control less the first run"},
	{"share", "change_control / change: what the control explains"},
	{"remaining", "the other run less the control: what it does not"},
	{"p_equivalent", "small: the change is within the margin"},
	{"nll", "negative log-likelihood, nat a token"},
};

static const char *meaning_of(const char *column)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (!strcmp(meanings[i].column, column))
			return meanings[i].meaning;
	return NULL;
}

/* Whether `names`, words with blanks between, holds the name. */
static bool is_named(const char *names, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = names; p && (p = strstr(p, name)); p += n)
		if ((p == names || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

/* --- rows ----------------------------------------------------------------- */

static bool has(const am_table *t, int row, const char *column)
{
	int c = am_table_column(t, column);
	return c >= 0 && !am_table_is_null(t, row, c);
}

bool am_html_is_overall(const am_table *t, int row, const void *ctx)
{
	(void)ctx;
	return !has(t, row, "layer") && !has(t, row, "head");
}

bool am_html_is_layer(const am_table *t, int row, const void *ctx)
{
	(void)ctx;
	return has(t, row, "layer") && !has(t, row, "head");
}

bool am_html_is_head(const am_table *t, int row, const void *ctx)
{
	(void)ctx;
	return has(t, row, "head");
}

bool am_html_is_above_heads(const am_table *t, int row, const void *ctx)
{
	return !am_html_is_head(t, row, ctx);
}

static bool kept(const am_html_table *h, int row)
{
	return !h->keep || h->keep(h->table, row, h->ctx);
}

/* --- columns -------------------------------------------------------------- */

static bool any_value(const am_html_table *h, int column)
{
	for (int r = 0; r < h->table->n_rows; r++)
		if (kept(h, r) && !am_table_is_null(h->table, r, column))
			return true;
	return false;
}

/* Columns shown, in their order; their number. */
static int choose(const am_html_table *h, int *column)
{
	const am_table *t = h->table;
	int n = 0;
	if (!h->columns)
		for (int c = 0; c < t->n_columns; c++)
			if (!t->columns[c].detail && any_value(h, c))
				column[n++] = c;
	for (const char *p = h->columns; p && *p;) {
		char name[64];
		size_t size = strcspn(p, " ");
		if (size < sizeof name) {
			memcpy(name, p, size);
			name[size] = 0;
			int c = am_table_column(t, name);
			if (c >= 0 && n < AM_MAX_COLUMNS && any_value(h, c))
				column[n++] = c;
		}
		p += size + (p[size] == ' ');
	}
	return n;
}

/* --- cells ---------------------------------------------------------------- */

/* A change that rounds to nothing has no sign. */
static void put_real(am_text *t, const am_column *c, double x)
{
	char text[512];
	snprintf(text, sizeof text, c->digits < 0 ? "%.*g" : "%.*f", abs(c->digits), x);
	am_text_puts(t, text + (text[0] == '-' && !text[strspn(text, "-0.")]));
}

static void put_cell(am_text *t, const am_html_table *h, int row, int column)
{
	const am_column *c = &h->table->columns[column];
	const am_cell *x = &h->table->cells[(size_t)row * (size_t)h->table->n_columns + (size_t)column];
	am_text_puts(t, c->type == AM_COL_TEXT ? "<td class=w>" : "<td>");
	if (am_table_is_null(h->table, row, column))
		am_text_puts(t, is_named(h->null_keys, c->name) ? "all" : "&ndash;");
	else if (c->type == AM_COL_INT)
		am_text_printf(t, "%" PRId64, x->i);
	else if (c->type == AM_COL_REAL)
		put_real(t, c, x->x);
	else
		am_html_text(t, x->s);
	am_text_puts(t, "</td>");
}

static void put_head(am_text *t, const am_html_table *h, const int *column, int n)
{
	am_text_puts(t, "<thead><tr>");
	for (int i = 0; i < n; i++) {
		const am_column *c = &h->table->columns[column[i]];
		const char *meaning = meaning_of(c->name);
		am_text_puts(t, c->type == AM_COL_TEXT ? "<th scope=col class=w" : "<th scope=col");
		if (meaning) {
			am_text_puts(t, " title=\"");
			am_html_text(t, meaning);
			am_text_puts(t, "\"");
		}
		am_text_puts(t, ">");
		am_html_text(t, c->name);
		am_text_puts(t, "</th>");
	}
	am_text_puts(t, "</tr></thead>\n");
}

bool am_html_put_table(am_text *t, const am_html_table *h)
{
	int column[AM_MAX_COLUMNS], n = choose(h, column), rows = 0;
	for (int r = 0; r < h->table->n_rows; r++)
		rows += kept(h, r);
	if (!n || !rows)
		return false;
	if (h->folded) {
		am_text_puts(t, "<details><summary>");
		am_html_text(t, h->caption);
		am_text_printf(t, " <span class=count>%d row%s</span></summary>\n", rows, rows == 1 ? "" : "s");
	} else {
		am_html_element(t, "p class=caption", h->caption);
	}
	am_text_puts(t, "<div class=box tabindex=0 role=region aria-label=\"");
	am_html_text(t, h->caption);
	am_text_puts(t, "\"><table class=sortable>\n");
	put_head(t, h, column, n);
	am_text_puts(t, "<tbody>\n");
	for (int r = 0; r < h->table->n_rows; r++) {
		if (!kept(h, r))
			continue;
		am_text_puts(t, "<tr>");
		for (int i = 0; i < n; i++)
			put_cell(t, h, r, column[i]);
		am_text_puts(t, "</tr>\n");
	}
	am_text_puts(t, h->folded ? "</tbody></table></div></details>\n" : "</tbody></table></div>\n");
	return true;
}

/* attnmeter recall. The text has one line a selector, reference and budget for the whole
 * run, then recall by layer (or head, or position) with a column a budget. */
#include "analysis/plot.h"
#include "analysis/recall.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/table_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 32
#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char *const references[] = {"head", "group", "sum", "max", "all", NULL};

typedef struct request {
	am_recall_options o;
	int reference;
	double least; /* --min-recall; below 0: none */
} request;

static const am_cell *at(const am_table *t, int row, const char *name)
{
	return &t->cells[(size_t)row * (size_t)t->n_columns + (size_t)am_table_column(t, name)];
}

static bool is_whole(const am_table *t, int row)
{
	return am_table_is_null(t, row, am_table_column(t, "layer")) &&
	       (am_table_column(t, "position_low") < 0 || at(t, row, "position_low")->i == at(t, 0, "position_low")->i);
}

/* "16" or "5%". */
static void budget_name(const am_table *t, int row, char *out, size_t room)
{
	if (am_table_is_null(t, row, am_table_column(t, "k")))
		snprintf(out, room, "%g%%", 100 * at(t, row, "ratio")->x);
	else
		snprintf(out, room, "%" PRId64, at(t, row, "k")->i);
}

/* Columns of the source shown as they are, behind selector, reference and budget. */
static void put_lines(const am_table *t, const char *title, const char *const *names, int n, bool with_worst, am_text *out)
{
	am_column columns[AM_MAX_COLUMNS] = {
		{"selector", AM_COL_TEXT, 0, false}, {"reference", AM_COL_TEXT, 0, false}, {"k", AM_COL_TEXT, 0, false},
	};
	am_table lines;
	am_error err;
	for (int i = 0; i < n; i++)
		columns[3 + i] = t->columns[am_table_column(t, names[i])];
	columns[3 + n] = (am_column){"worst_row", AM_COL_TEXT, 0, false};
	if (am_table_init(&lines, columns, 3 + n + with_worst, &err)) {
		out->failed = true;
		return;
	}
	for (int r = 0; r < t->n_rows; r++) {
		char text[NAME_SIZE];
		bool any = false;
		for (int i = 0; i < n; i++)
			any = any || !am_table_is_null(t, r, am_table_column(t, names[i]));
		am_cell *c = is_whole(t, r) && any ? am_table_add(&lines) : NULL;
		if (!c)
			continue;
		c[0].s = am_strdup(at(t, r, "selector")->s);
		c[1].s = am_strdup(at(t, r, "reference")->s);
		budget_name(t, r, text, sizeof text);
		c[2].s = am_strdup(text);
		for (int i = 0; i < n; i++)
			c[3 + i] = *at(t, r, names[i]);
		if (!with_worst || am_table_is_null(t, r, am_table_column(t, "worst_sequence")))
			continue;
		snprintf(text, sizeof text, "%" PRId64 "/%" PRId64, at(t, r, "worst_sequence")->i, at(t, r, "worst_position")->i);
		c[3 + n].s = am_strdup(text);
	}
	if (lines.n_rows) {
		am_text_printf(out, "\n%s\n\n", title);
		am_table_text(&lines, out);
	}
	am_table_fini(&lines);
}

/* ---- recall by cell, a column a budget ---------------------------------------- */

typedef struct wide {
	const am_table *t;
	int keys; /* columns before those of the budgets */
	int n;
	char name[AM_MAX_COLUMNS][NAME_SIZE];
	am_column columns[AM_MAX_COLUMNS];
	am_table out;
} wide;

/* Position, layer and head of the source come behind selector and reference. */
static int source_keys(const am_table *t)
{
	return am_table_column(t, "head") + 1;
}

static int column_of(wide *w, int row)
{
	char name[NAME_SIZE] = "R(";
	budget_name(w->t, row, name + 2, sizeof name - 3);
	strcat(name, ")");
	for (int i = 0; i < w->n; i++)
		if (strcmp(w->name[i], name) == 0)
			return w->keys + i;
	if (w->keys + w->n == AM_MAX_COLUMNS)
		return -1;
	memcpy(w->name[w->n], name, sizeof name);
	w->columns[w->keys + w->n] = (am_column){w->name[w->n], AM_COL_REAL, 3, false};
	return w->keys + w->n++;
}

static bool same_line(const am_table *t, int a, int b)
{
	size_t keys = (size_t)source_keys(t) * sizeof(am_cell), row = (size_t)t->n_columns;
	return !memcmp(t->cells + (size_t)a * row, t->cells + (size_t)b * row, keys) &&
	       !strcmp(at(t, a, "selector")->s, at(t, b, "selector")->s) &&
	       !strcmp(at(t, a, "reference")->s, at(t, b, "reference")->s);
}

/* The line of a source row: cells over k and over ratio lie apart in the source. */
static int line_of(const wide *w, const int *first, int row)
{
	for (int i = w->out.n_rows - 1; i >= 0; i--)
		if (same_line(w->t, first[i], row))
			return i;
	return -1;
}

static void fill_wide(wide *w, int *first)
{
	for (int r = 0; r < w->t->n_rows; r++) {
		if (am_table_is_null(w->t, r, am_table_column(w->t, "id")))
			continue; /* baselines are the same in every layer, or nearly */
		int column = column_of(w, r), line = line_of(w, first, r);
		if (line < 0) {
			am_cell *c = am_table_add(&w->out);
			if (!c)
				return;
			line = w->out.n_rows - 1;
			first[line] = r;
			c[0].s = am_strdup(at(w->t, r, "selector")->s);
			c[1].s = am_strdup(at(w->t, r, "reference")->s);
			memcpy(c + 2, w->t->cells + (size_t)r * (size_t)w->t->n_columns, (size_t)source_keys(w->t) * sizeof *c);
		}
		if (column >= 0)
			w->out.cells[(size_t)line * (size_t)w->out.n_columns + (size_t)column].x = at(w->t, r, "recall")->x;
	}
}

static void put_wide(const am_table *t, am_text *out)
{
	wide w = {.t = t, .keys = 2 + source_keys(t)};
	am_error err;
	int *first = am_alloc((size_t)t->n_rows + 1, sizeof *first);
	w.columns[0] = (am_column){"selector", AM_COL_TEXT, 0, false};
	w.columns[1] = (am_column){"reference", AM_COL_TEXT, 0, false};
	memcpy(w.columns + 2, t->columns, (size_t)source_keys(t) * sizeof *w.columns);
	for (int r = 0; r < t->n_rows; r++)
		column_of(&w, r);
	if (!first || am_table_init(&w.out, w.columns, w.keys + w.n, &err)) {
		out->failed = true;
	} else {
		fill_wide(&w, first);
		am_text_puts(out, "\nR(k): mean recall at k\n\n");
		am_table_text(&w.out, out);
		am_table_fini(&w.out);
	}
	am_free(first);
}

static void text(const am_table *t, am_text *out)
{
	static const char *const main_columns[] = {"recall", "ci_low", "ci_high", "chance", "recall_corrected", "mass_recall",
	                                           "retained_mass", "top1_hit", "p05", "worst", "n_rows", "n_rows_trivial"};
	static const char *const sampled[] = {"kept", "recall_tied", "gap", "rank_correlation", "overlap_heads",
	                                      "overlap_layer", "overlap_step", "union"};
	bool split = am_table_column(t, "position_low") >= 0;
	if (!split)
		put_lines(t, "All layers: recall of each reference's k best keys, rows with more than k visible keys\n"
		          "(worst_row: sequence/position)", main_columns, COUNT(main_columns), true, out);
	if (!split)
		put_lines(t, "All layers: size of the sets; ties, gap, rank correlation, overlaps and unions on sampled rows", sampled,
		          COUNT(sampled), false, out);
	put_wide(t, out);
}

/* ---- the command ---------------------------------------------------------------- */

static am_status table(void *ctx, am_run *r, const am_aggregate_options *o, am_table *out, am_error *err)
{
	request *q = ctx;
	q->o.aggregate = *o;
	q->o.reference = q->reference < AM_RUN_REFERENCES ? q->reference : -1;
	return am_recall_table(r, &q->o, out, err);
}

static am_status check(void *ctx, am_run *r, const am_aggregate_options *o, am_error *err)
{
	request *q = ctx;
	(void)o;
	return q->least >= 0 ? am_recall_check(r, &q->o, q->least, err) : AM_OK;
}

int am_cmd_recall(int argc, char **argv)
{
	request q = {.reference = AM_RUN_REFERENCES, .least = -1};
	const am_option options[] = {
		{.name = "selector", .type = AM_OPT_STRING, .target = &q.o.selector, .value = "ID|SPEC",
		 .help = "one selector alone, s0 or as given to --shadow, without baselines"},
		{.name = "reference", .type = AM_OPT_ENUM, .target = &q.reference, .names = references,
		 .help = "whose best keys are to be found: head, group, sum, max or all [all]"},
		{.name = "min-ratio", .type = AM_OPT_DOUBLE, .target = &q.o.min_ratio, .value = "R", .min = 0, .max = 1e9,
		 .help = "leave out rows with fewer than R k visible keys (those with k or fewer always are)"},
		{.name = "min-recall", .type = AM_OPT_DOUBLE, .target = &q.least, .value = "X", .min = 0, .max = 1,
		 .help = "exit with 3 where a layer's mean recall at any k is below X, by the reference that shares sets as the "
		         "selector does"},
	};
	const am_table_command command = {
		.name = "recall",
		.summary = "Tables of how well the sets of shadowed selectors (run --shadow) find the keys that attention puts most "
		           "weight on: recall beside chance, mass recall, mass retained, hits of the best key; against the best keys "
		           "of each head, of a key/value head (group), of the layer's summed and largest probability (sum, max).\n\n"
		           "Rows with at most k visible keys are counted apart, never averaged in. Means go from rows to "
		           "sequences to tasks with equal weight at each step; quantiles pool rows. Intervals are 95 % BCa bootstrap "
		           "intervals over sequences, none below 5. Exact and random sets stand in the table as baselines.",
		.notes = "Examples:\n"
		         "  attnmeter run -f book.txt --split --shadow random --shadow exact-sum -o run.h5\n"
		         "  attnmeter recall run.h5                            all selectors and references\n"
		         "  attnmeter recall run.h5 --selector s1 --by head    one of them, per head\n"
		         "  attnmeter recall run.h5 --min-recall 0.9           exit code 3 where a layer finds less\n",
		.text = text, .plots = AM_PLOT_SET_RECALL, .options = options, .n_options = COUNT(options), .ctx = &q,
		.with_table = table, .after = check,
	};
	return am_table_command_run(&command, argc, argv);
}

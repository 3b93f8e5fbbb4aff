/* attnmeter recall. The text has one line a selector, reference and budget for the whole
 * run, then recall by layer (or head, or position) with a column a budget. */
#include "analysis/plot.h"
#include "analysis/recall.h"
#include "analysis/view.h"
#include "cli/commands.h"
#include "cli/table_command.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char *const references[] = {"head", "group", "sum", "max", "all", NULL};

typedef struct request {
	am_recall_options o;
	int reference;
	double least; /* --min-recall; below 0: none */
} request;

static void put_lines(const am_table *t, const char *title, const char *const *names, int n, bool with_worst, am_text *out)
{
	am_view v;
	am_error err;
	if (am_view_recall_lines(t, names, n, with_worst, &v, &err)) {
		out->failed = true;
		return;
	}
	if (v.table.n_rows) {
		am_text_printf(out, "\n%s\n\n", title);
		am_table_text(&v.table, out);
	}
	am_view_fini(&v);
}

static void put_cells(const am_table *t, am_text *out)
{
	am_view v;
	am_error err;
	if (am_view_recall(t, &v, &err)) {
		out->failed = true;
		return;
	}
	am_text_puts(out, "\nR(k): mean recall at k\n\n");
	am_table_text(&v.table, out);
	am_view_fini(&v);
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
	put_cells(t, out);
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

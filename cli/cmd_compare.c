/* attnmeter compare. */
#include "analysis/compare.h"
#include "analysis/plot.h"
#include "analysis/run_notes.h"
#include "analysis/targets.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "cli/commands.h"
#include "cli/compare_output.h"
#include "cli/compare_values.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/table_options.h"

#include <assert.h>
#include <string.h>

#define MOST_OPTIONS 24
#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

enum { BY_HEAD, BY_LAYER, BY_OVERALL, BY_TASK, BY_POSITION, BY_DEFAULT };

typedef struct request {
	am_compare_paths path;
	const char *temperatures;
	am_table_options table;
	bool pratt;
	int by, interval;
	am_metric_list metrics;
	am_margin margin;
	am_compare_options compare;
} request;

static const char *const by_names[] = {"head", "layer", "overall", "task", "position", NULL};
static const char *const interval_names[] = {"auto", "bca", "t", "percentile", NULL};

/* --- options -------------------------------------------------------------- */

static void settle(request *q)
{
	am_compare_options *c = &q->compare;
	bool text = am_table_options_format(&q->table) == AM_FORMAT_TEXT;
	if (q->by == BY_DEFAULT && c->aggregate.position_bins)
		q->by = BY_POSITION;
	if (q->by == BY_POSITION)
		am_table_options_bins(&c->aggregate);
	c->by_task = q->by == BY_TASK;
	if (q->by == BY_POSITION || q->by == BY_TASK)
		c->aggregate.level = text ? AM_LEVEL_OVERALL : AM_LEVEL_HEAD;
	else if (q->by == BY_DEFAULT)
		c->aggregate.level = text ? AM_LEVEL_LAYER : AM_LEVEL_HEAD;
	else
		c->aggregate.level = (am_aggregate_level)q->by;
	c->pair_level = !text || q->by == BY_HEAD ? AM_LEVEL_HEAD : q->by == BY_LAYER ? AM_LEVEL_LAYER : AM_LEVEL_OVERALL;
	c->interval = (am_interval_method)q->interval;
	c->zeros = q->pratt ? AM_ZEROS_PRATT : AM_ZEROS_DROP;
	c->margin = q->margin.value;
	c->margin_relative = q->margin.relative;
	if (q->metrics.n) {
		c->metric = q->metrics.item;
		c->n_metric = q->metrics.n;
	}
}

static int check(const request *q)
{
	if (q->compare.unpaired && q->path.control)
		return am_report_usage("compare", "--control and --unpaired exclude each other: a control needs pairs");
	if (q->compare.unpaired && q->temperatures)
		return am_report_usage("compare", "--write-temperatures and --unpaired exclude each other: targets are of the same rows");
	if (q->compare.unpaired && q->pratt)
		return am_report_usage("compare", "--pratt and --unpaired exclude each other: Pratt's zeros are differences of pairs");
	return am_table_options_check(&q->table, "compare");
}

static const char summary[] =
	"What changed between two runs of the same texts: before and after fine-tuning, or dense and sparse "
	"attention. Rows pair by sequence, position and token; runs that do not pair are refused with the first "
	"difference.\n\n"
	"The unit is the sequence, never the row. change is the mean over sequences of B - A, with a bootstrap "
	"interval; p_wilcoxon comes from signed ranks, p_maxt and p_permutation from sign flips; q_bh, q_by and p_maxt "
	"are corrected over all heads, over all layers. Beside it stand the controls that a claim about entropy needs: "
	"the change in likelihood, entropy as a share of ln n, and what a --control run explains.";
static const char notes[] =
	"Examples:\n"
	"  attnmeter compare base.h5 tuned.h5                     layers and overall\n"
	"  attnmeter compare base.h5 tuned.h5 --by head           heads, corrected together\n"
	"  attnmeter compare base.h5 tuned.h5 --metric mass@64,error@64\n"
	"  attnmeter compare full.h5 sparse.h5 --metric nll --margin 2%   does it match?\n"
	"  attnmeter compare base.h5 tuned.h5 --control sharp.h5  what sharpening alone explains\n"
	"  attnmeter compare base.h5 tuned.h5 --write-temperatures t.json   then, for such a control,\n"
	"  attnmeter run -m BASE -f TEXT --temperatures t.json -o sharp.h5\n"
	"  attnmeter compare base.h5 tuned.h5 --plot plots        and pictures\n";

static int parse(request *q, int argc, char **argv)
{
	am_compare_options_init(&q->compare);
	q->by = BY_DEFAULT;
	am_aggregate_options *a = &q->compare.aggregate;
	const am_option own[] = {
		{.name = "metric", .type = AM_OPT_CALL, .target = &q->metrics, .call = am_parse_metrics, .value = "LIST",
		 .help = "what to compare, names with commas between (default entropy): " AM_METRIC_LIST_HELP},
		{.name = "control", .type = AM_OPT_STRING, .target = &q->path.control, .value = "RUN",
		 .help = "a run of A's model with the same texts, sharpened to B's entropy: what it explains of the changes"},
		{.name = "write-temperatures", .type = AM_OPT_STRING, .target = &q->temperatures, .value = "FILE",
		 .help = "also write B's mean entropies as targets for `run --temperatures FILE`, which makes such a control"},
		{.name = "by", .type = AM_OPT_ENUM, .target = &q->by, .names = by_names,
		 .help = "rows of the table: head is everything, layer leaves out the heads, overall is one row, task and "
		         "position split by task or query position (default: everything in CSV and JSON, layer in text)"},
		{.name = "unpaired", .type = AM_OPT_FLAG, .target = &q->compare.unpaired,
		 .help = "compare runs of different texts: rank sum and exchanged labels in place of pairs"},
		{.name = "margin", .type = AM_OPT_CALL, .target = &q->margin, .call = am_parse_margin, .value = "X",
		 .help = "also test that the change is smaller than X (two one-sided t tests): in the metric's unit, or with % of the mean of A"},
		{.name = "pratt", .type = AM_OPT_FLAG, .target = &q->pratt,
		 .help = "rank differences of 0 too and leave out their ranks (default: left out before ranking)"},
		{.name = "interval", .type = AM_OPT_ENUM, .target = &q->interval, .names = interval_names,
		 .help = "kind of bootstrap interval (default auto: t, studentised, below 30 sequences, else bca)"},
		{.name = "resamples", .type = AM_OPT_INT, .target = &a->resamples, .min = 100, .max = 1e6,
		 .help = "resamples of intervals and, above 20 sequences, sign flips (default 9999)"},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &a->seed, .help = "seed of both (default 0)"},
	};
	am_option table[MOST_OPTIONS];
	assert(COUNT(own) + AM_TABLE_OPTIONS <= MOST_OPTIONS);
	memcpy(table, own, sizeof own);
	int n = am_table_options_add(&q->table, a, table, COUNT(own));
	am_options o = {
		.command = "compare", .operands = "A B", .min_operands = 2, .max_operands = 2,
		.summary = summary, .notes = notes, .table = table, .n_table = n,
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0) {
		q->path.a = o.operand[0];
		q->path.b = o.operand[1];
		code = check(q);
	}
	am_options_fini(&o);
	settle(q);
	return code;
}

/* --- the command ---------------------------------------------------------- */

static am_status write_output(request *q, am_comparison *c, am_error *err)
{
	am_text t = am_report_text(q->table.output);
	am_table_format format = am_table_options_format(&q->table);
	if (format == AM_FORMAT_JSON)
		am_compare_json(&q->path, &q->compare, c, &t);
	else if (format == AM_FORMAT_CSV)
		am_table_csv(&c->table, &t);
	else
		am_compare_text(&q->path, &q->compare, c, &t);
	am_status s = am_report_write(q->table.output, q->table.force, &t, err);
	am_text_free(&t);
	return s;
}

static am_status check_outputs(const request *q, am_error *err)
{
	const char *const path[] = {q->path.a, q->path.b, q->path.control}, *const output[] = {q->table.output, q->temperatures};
	am_status s = AM_OK;
	for (int i = 0; i < 6 && !s; i++)
		s = am_outfile_apart(output[i % 2], path[i / 2], err);
	if (!s && output[0] && output[1] && !strcmp(output[0], output[1]))
		s = am_fail(err, AM_ERR_USAGE, "%s: expected another file for --write-temperatures than for --output", output[0]);
	return s;
}

/* A run of its own, though the same file as another: readers keep state. */
static am_status open_all(const request *q, am_threads *threads, am_run **run, am_error *err)
{
	const char *const path[] = {q->path.a, q->path.b, q->path.control};
	am_status s = AM_OK;
	for (int i = 0; i < 3 && !s; i++) {
		if (path[i])
			s = am_run_open(path[i], &run[i], err);
		if (run[i])
			am_run_use_threads(run[i], threads);
	}
	return s;
}

static void note_runs(am_run *const *run, am_comparison *c)
{
	for (int i = 0; i < 3; i++)
		if (run[i] && !(i && !strcmp(am_run_path(run[i]), am_run_path(run[i - 1]))))
			am_run_notes(run[i], &c->warnings);
}

static am_status draw(const request *q, am_run *const *run, am_error *err)
{
	am_text files = {0};
	am_plot_options o;
	am_plot_options_init(&o);
	o.theme = am_plot_theme_names()[q->table.theme];
	const am_plot_request what = {.run = {run[0], run[1]}, .control = run[2], .compare = &q->compare, .options = &o,
	                                 .dir = q->table.plot, .files = &files};
	am_status s = am_plot_draw_set(AM_PLOT_SET_COMPARE, &what, err);
	if (!q->table.quiet)
		am_report_files(am_text_str(&files));
	am_text_free(&files);
	return s;
}

static am_status write_targets(const request *q, am_run *const *run, am_error *err)
{
	am_text t = {0};
	am_status s = am_compare_targets(run[0], run[1], &q->compare, &t, err);
	if (!s)
		s = am_outfile_put(q->temperatures, q->table.force, &t, err);
	if (!s && !q->table.quiet)
		am_report_files(q->temperatures);
	am_text_free(&t);
	return s;
}

static am_status work(request *q, am_run *const *run, am_error *err)
{
	am_comparison c;
	am_status s = am_compare(run[0], run[1], run[2], &q->compare, &c, err);
	if (s)
		return s;
	q->path.run_a = run[0];
	note_runs(run, &c);
	if (!q->table.quiet)
		am_report_notes("compare", am_text_str(&c.warnings));
	s = write_output(q, &c, err);
	am_comparison_fini(&c);
	if (!s && q->temperatures)
		s = write_targets(q, run, err);
	return s || !q->table.plot ? s : draw(q, run, err);
}

/* Runs that do not pair are the commonest mistake here. */
static void suggest(const request *q, const am_error *err)
{
	if (!q->table.quiet && strstr(err->text, "do not pair"))
		am_report_notes("compare", "capture both with the same texts, --rows, --layers and --heads; --unpaired compares "
		                           "different texts of the same heads\n");
}

int am_cmd_compare(int argc, char **argv)
{
	request q = {0};
	int code = parse(&q, argc, argv);
	if (code >= 0)
		return code;
	am_error err = {0};
	am_run *run[3] = {NULL};
	am_threads *threads = NULL;
	am_status s = check_outputs(&q, &err);
	if (!s)
		s = am_table_options_threads(&q.table, &threads, &err);
	if (!s)
		s = open_all(&q, threads, run, &err);
	if (!s)
		s = work(&q, run, &err);
	for (int i = 0; i < 3; i++)
		am_run_close(run[i]);
	am_threads_free(threads);
	if (!s)
		return 0;
	code = am_report_error("compare", s, &err);
	suggest(&q, &err);
	return code;
}

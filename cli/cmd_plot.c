/* attnmeter plot: any kind of picture from run files. */
#include "analysis/plot.h"
#include "analysis/run_notes.h"
#include "analysis/table.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char command_name[] = "plot";

typedef struct request {
	bool list, json, force, quiet;
	int theme;
	const char *output, *control, *metric_text;
	const char *path[2];
	const am_plot_kind *kind;
	am_opt_ints layers, heads;
	am_metric metric;
	am_compare_options compare;
	am_plot_options plot;
	char *dir, *name; /* of the files; owned */
} request;

/* --- the list ----------------------------------------------------------------- */

static void put_takes(unsigned takes, am_text *out)
{
	static const char *const names[] = {"--layers", "--heads", "-k", "--mass", "--metric", "--control"};
	for (int i = 0; i < COUNT(names); i++)
		if (takes & 1u << i)
			am_text_printf(out, "%s%s", out->size ? " " : "", names[i]);
}

static void list_text(const am_plot_kind *kinds, int n, am_text *out)
{
	static const char *const runs[] = {"results of eval", "one run", "two runs, before and after"};
	for (int i = 0; i < n; i++) {
		if (!i || kinds[i].set != kinds[i - 1].set)
			am_text_printf(out, "%s%s (%s; all of these: attnmeter %s --plot DIR)\n", i ? "\n" : "",
			               am_plot_set_name(kinds[i].set), runs[kinds[i].n_runs], am_plot_set_name(kinds[i].set));
		am_text takes = {0};
		put_takes(kinds[i].takes, &takes);
		am_text_printf(out, "  %-18s %s%s%s%s\n", kinds[i].name, kinds[i].summary, takes.size ? " [" : "",
		               am_text_str(&takes), takes.size ? "]" : "");
		am_text_free(&takes);
	}
}

static void list_json(const am_plot_kind *kinds, int n, am_text *out)
{
	am_text_puts(out, "{\n  \"table\": [");
	for (int i = 0; i < n; i++) {
		am_text takes = {0};
		put_takes(kinds[i].takes, &takes);
		am_text_printf(out, "%s\n    {\"kind\": ", i ? "," : "");
		am_json_string(out, kinds[i].name);
		am_text_printf(out, ", \"command\": \"%s\", \"runs\": %d, \"options\": ", am_plot_set_name(kinds[i].set), kinds[i].n_runs);
		am_json_string(out, am_text_str(&takes));
		am_text_puts(out, ", \"summary\": ");
		am_json_string(out, kinds[i].summary);
		am_text_puts(out, "}");
		am_text_free(&takes);
	}
	am_text_puts(out, "\n  ]\n}\n");
}

static int list(const request *q)
{
	int n;
	const am_plot_kind *kinds = am_plot_kinds(&n);
	am_text t = {0};
	am_error err = {0};
	(q->json ? list_json : list_text)(kinds, n, &t);
	am_status s = am_report_write(NULL, false, &t, &err);
	am_text_free(&t);
	return am_report_finish(command_name, s ? am_report_error(command_name, s, &err) : 0);
}

/* --- options ------------------------------------------------------------------ */

static const char *name_of(const void *ctx, int i)
{
	return ((const am_plot_kind *)ctx)[i].name;
}

static int unknown_kind(const char *word)
{
	int n;
	const am_plot_kind *kinds = am_plot_kinds(&n);
	int near = am_nearest_name(word, n, name_of, kinds);
	return near >= 0 ? am_report_usage(command_name, "unknown kind '%s'; did you mean '%s'?", word, kinds[near].name)
	                 : am_report_usage(command_name, "unknown kind '%s'; attnmeter plot lists them all", word);
}

static am_status parse_metric(void *target, const char *text, am_error *err)
{
	request *q = target;
	am_status s = am_metric_parse(text, &q->metric, err);
	if (s)
		return s;
	q->metric_text = text;
	q->compare.metric = &q->metric;
	q->compare.n_metric = 1;
	return AM_OK;
}

/* "DIR", or "DIR/NAME.svg" or .png for one file of that name. */
static bool split_output(request *q)
{
	const char *o = q->output ? q->output : ".", *slash = strrchr(o, '/'), *dot = strrchr(o, '.');
	bool svg = dot && !strcmp(dot, ".svg"), png = dot && !strcmp(dot, ".png");
	if ((!svg && !png) || am_file_is_directory(o)) {
		q->dir = am_strdup(o);
		return q->dir != NULL;
	}
	const char *base = slash ? slash + 1 : o;
	q->plot.svg = svg;
	q->plot.png = png;
	q->dir = am_strdup(!slash ? "." : slash == o ? "/" : o);
	q->name = am_strdup(base);
	if (!q->dir || !q->name)
		return false;
	if (slash && slash != o)
		q->dir[slash - o] = 0;
	q->name[dot - base] = 0;
	q->plot.name = q->name;
	return true;
}

static int settle(request *q, const am_options *o)
{
	if (q->list || o->n_operand == 0)
		return o->n_operand ? am_report_usage(command_name, "--list takes no operands") : -1;
	q->kind = am_plot_kind_find(o->operand[0]);
	if (!q->kind)
		return unknown_kind(o->operand[0]);
	int runs = o->n_operand - 1;
	if (q->json)
		return am_report_usage(command_name, "--json is for --list; a picture's numbers are in its .tsv");
	if (q->kind->n_runs && runs != q->kind->n_runs)
		return am_report_usage(command_name, "%s: expected %s, found %d run%s", q->kind->name,
		                       q->kind->n_runs == 1 ? "one run" : "two runs, before and after", runs, runs == 1 ? "" : "s");
	if (q->metric_text && !(q->kind->takes & AM_PLOT_TAKES_METRIC))
		return am_report_usage(command_name, "%s: takes no --metric", q->kind->name);
	for (int i = 0; i < runs; i++)
		q->path[i] = o->operand[i + 1];
	q->plot.theme = am_plot_theme_names()[q->theme];
	q->plot.layers = q->layers.items;
	q->plot.n_layers = q->layers.n;
	q->plot.heads = q->heads.items;
	q->plot.n_heads = q->heads.n;
	q->compare.aggregate.min_position = q->plot.min_position;
	return -1;
}

static const char summary[] =
	"Draws a picture of a run file, or of two: before and after. Alone it lists the kinds of pictures, what each "
	"shows and how many runs it takes.\n\n"
	"A picture is an SVG and a PNG of the kind's name; the data (.tsv) and the gnuplot script (.gp) they were drawn "
	"from stay beside them. Theme print is a column of a paper, 3.35 inches wide, in greys.";
static const char notes[] =
	"Examples:\n"
	"  attnmeter plot                                         the kinds\n"
	"  attnmeter plot entropy-heads run.h5                    SVG, PNG, data and script here\n"
	"  attnmeter plot change-forest a.h5 b.h5 -o plots --metric mass@64\n"
	"  attnmeter plot coverage-curves run.h5 -o figure2.svg --theme print --layers 0,5\n";

/* --- the command -------------------------------------------------------------- */

static am_status open_all(const request *q, am_run **run, am_error *err)
{
	const char *const path[] = {q->path[0], q->path[1], q->control};
	am_status s = AM_OK;
	for (int i = 0; i < 3 && !s; i++)
		if (path[i])
			s = am_run_open(path[i], &run[i], err);
	return s;
}

static void tell(const request *q, am_run *const *run, const am_text *files)
{
	am_text lines = {0};
	for (int i = 0; i < 3; i++)
		if (run[i])
			am_run_notes(run[i], &lines);
	if (!q->quiet) {
		am_report_notes(command_name, am_text_str(&lines));
		am_report_files(am_text_str(files));
	}
	am_text_free(&lines);
}

static int draw(request *q)
{
	am_error err = {0};
	am_run *run[3] = {NULL};
	am_text files = {0};
	am_status s = split_output(q) ? AM_OK : am_fail(&err, AM_ERR_MEMORY, "out of memory");
	if (!s && q->name && !q->force && am_file_exists(q->output))
		s = am_fail(&err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", q->output);
	const char *const input[] = {q->path[0], q->path[1], q->control};
	for (int i = 0; i < 3 && !s && q->name; i++)
		s = am_outfile_apart(q->output, input[i], &err);
	if (!s)
		s = open_all(q, run, &err);
	if (!s) {
		const am_plot_request what = {.run = {run[0], run[1]}, .control = run[2], .compare = &q->compare,
		                              .options = &q->plot, .dir = q->dir, .files = &files};
		s = am_plot_draw(q->kind->name, &what, &err);
		tell(q, run, &files);
	}
	for (int i = 0; i < 3; i++)
		am_run_close(run[i]);
	am_text_free(&files);
	return s ? am_report_error(command_name, s, &err) : 0;
}

int am_cmd_plot(int argc, char **argv)
{
	request q = {0};
	am_compare_options_init(&q.compare);
	am_plot_options_init(&q.plot);
	am_aggregate_options *a = &q.compare.aggregate;
	const am_option table[] = {
		{.name = "list", .type = AM_OPT_FLAG, .target = &q.list, .help = "list the kinds and the options each heeds"},
		{.name = "json", .type = AM_OPT_FLAG, .target = &q.json, .help = "the list as one JSON object"},
		{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &q.output, .value = "DIR|FILE",
		 .help = "a folder, made when missing, where files of these names are replaced; or a file .svg or .png, with data "
		         "and script of its name beside it (default: here)"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &q.force, .help = "overwrite FILE"},
		{.name = "theme", .type = AM_OPT_ENUM, .target = &q.theme, .names = am_plot_theme_names(),
		 .help = "colours and page (default light)"},
		{.name = "width", .type = AM_OPT_INT, .target = &q.plot.png_width, .min = 320, .max = 8192,
		 .help = "pixels of the PNG (default 1280; print 2010, 600 an inch)"},
		{.name = "layers", .type = AM_OPT_RANGES, .target = &q.layers, .help = "layers to show, as 0,4-7 or all (default all)"},
		{.name = "layer", .type = AM_OPT_RANGES, .target = &q.layers, .help = "the same"},
		{.name = "heads", .type = AM_OPT_RANGES, .target = &q.heads, .help = "heads to show (default all)"},
		{.name = "head", .type = AM_OPT_RANGES, .target = &q.heads, .help = "the same"},
		{.short_name = 'k', .type = AM_OPT_INT, .target = &q.plot.k, .value = "N", .min = 1, .max = 1e9,
		 .help = "a number of keys of the run (default: the kind's choice)"},
		{.name = "mass", .type = AM_OPT_DOUBLE, .target = &q.plot.mass, .value = "SHARE", .min = 0, .max = 1,
		 .help = "a share of the mass of the run (default: the nearest to 0.95)"},
		{.name = "metric", .type = AM_OPT_CALL, .target = &q, .call = parse_metric, .value = "NAME",
		 .help = "what to compare, as compare has it (default entropy)"},
		{.name = "control", .type = AM_OPT_STRING, .target = &q.control, .value = "RUN",
		 .help = "a run of A's model with the same texts, sharpened to B's entropy, to draw beside B"},
		{.name = "unpaired", .type = AM_OPT_FLAG, .target = &q.compare.unpaired, .help = "compare runs of different texts"},
		{.name = "bins", .type = AM_OPT_INT, .target = &a->position_bins, .min = 1, .max = 10000,
		 .help = "position bins of change-position (default 16)"},
		{.name = "min-position", .type = AM_OPT_INT, .target = &q.plot.min_position,
		 .help = "leave out rows at earlier query positions (default 0)"},
		{.name = "resamples", .type = AM_OPT_INT, .target = &a->resamples, .min = 100, .max = 1e6,
		 .help = "resamples of intervals and sign flips (default 9999)"},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &a->seed, .help = "seed of both (default 0)"},
		{.short_name = 'q', .name = "quiet", .type = AM_OPT_FLAG, .target = &q.quiet, .help = "no notes on standard error"},
	};
	am_options o = {
		.command = command_name, .operands = "[KIND RUN [RUN2]]", .min_operands = 0, .max_operands = 3,
		.summary = summary, .notes = notes, .table = table, .n_table = COUNT(table),
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0)
		code = settle(&q, &o);
	if (code < 0)
		code = q.kind ? draw(&q) : list(&q);
	am_options_fini(&o);
	am_free(q.dir);
	am_free(q.name);
	return code;
}

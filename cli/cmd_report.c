/* attnmeter report. */
#include "report/page.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "cli/commands.h"
#include "cli/compare_values.h"
#include "cli/options.h"
#include "cli/report.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char command_name[] = "report";
static const char *const themes[] = {"auto", "light", "dark", NULL};
static const char *const interval_names[] = {"auto", "bca", "t", "percentile", NULL};

typedef struct request {
	const char *path[AM_PAGE_RUNS], *control, *dir;
	int n, theme, interval;
	bool no_pictures, pratt, force, quiet;
	am_metric_list metrics;
	am_margin margin;
	am_page_options page;
	am_text line;
} request;

/* --- options -------------------------------------------------------------- */

static const char summary[] =
	"One self-contained HTML page, DIR/index.html: warnings first, what was run, tables that sort, pictures, methods, and "
	"the commands that make it again. It needs no other file and no network.\n\n"
	"With one run: entropy and coverage, and recall where selectors were shadowed. With more, what changed from the first to "
	"each of the others too: paired changes with intervals and corrected tests, and their controls. Runs that do not pair "
	"are reported without what changed, and the page says why. The same files and options give the same bytes.";
static const char notes[] =
	"Examples:\n"
	"  attnmeter report run.h5 -o out                        one run\n"
	"  attnmeter report base.h5 tuned.h5 -o out              and what changed\n"
	"  attnmeter report base.h5 tuned.h5 --control sharp.h5 -o out\n"
	"  attnmeter report base.h5 a.h5 b.h5 -o out             each against the first\n";

static int check(const request *q)
{
	if (!q->dir)
		return am_report_usage(command_name, "no folder given: -o DIR");
	if (q->control && q->n != 2)
		return am_report_usage(command_name, "--control: expected two runs to explain the change of, found %d", q->n);
	if (q->page.compare.unpaired && q->control)
		return am_report_usage(command_name, "--control and --unpaired exclude each other: a control needs pairs");
	if (q->page.compare.unpaired && q->pratt)
		return am_report_usage(command_name, "--pratt and --unpaired exclude each other: Pratt's zeros are differences of pairs");
	return -1;
}

static void settle(request *q, int argc, char **argv)
{
	am_compare_options *c = &q->page.compare;
	am_options_line(argc, argv, &q->line);
	q->page.command_line = am_text_str(&q->line);
	q->page.theme = (am_page_theme)q->theme;
	q->page.pictures = !q->no_pictures;
	c->interval = (am_interval_method)q->interval;
	c->zeros = q->pratt ? AM_ZEROS_PRATT : AM_ZEROS_DROP;
	c->margin = q->margin.value;
	c->margin_relative = q->margin.relative;
	c->metric = q->metrics.item;
	c->n_metric = q->metrics.n;
}

static int parse(request *q, int argc, char **argv)
{
	am_page_options_init(&q->page);
	am_aggregate_options *a = &q->page.compare.aggregate;
	const am_option table[] = {
		{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &q->dir, .value = "DIR",
		 .help = "folder of the page, DIR/index.html; made when it is missing"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &q->force, .help = "replace an existing page"},
		{.name = "control", .type = AM_OPT_STRING, .target = &q->control, .value = "RUN",
		 .help = "a run of the first model with the same texts, sharpened to the second's entropy"},
		{.name = "metric", .type = AM_OPT_CALL, .target = &q->metrics, .call = am_parse_metrics, .value = "LIST",
		 .help = "what to compare, names with commas between (default entropy, and mass@K of every k): " AM_METRIC_LIST_HELP},
		{.name = "unpaired", .type = AM_OPT_FLAG, .target = &q->page.compare.unpaired,
		 .help = "compare runs of different texts: rank sum and exchanged labels in place of pairs"},
		{.name = "margin", .type = AM_OPT_CALL, .target = &q->margin, .call = am_parse_margin, .value = "X",
		 .help = "also test that changes are smaller than X: in the metric's unit, or with % of the first mean"},
		{.name = "pratt", .type = AM_OPT_FLAG, .target = &q->pratt,
		 .help = "rank differences of 0 too and leave out their ranks"},
		{.name = "interval", .type = AM_OPT_ENUM, .target = &q->interval, .names = interval_names,
		 .help = "kind of bootstrap interval of changes (default auto: t below 30 sequences, else bca)"},
		{.name = "min-position", .type = AM_OPT_INT, .target = &a->min_position,
		 .help = "leave out rows at earlier query positions (default 0)"},
		{.name = "resamples", .type = AM_OPT_INT, .target = &a->resamples, .min = 100, .max = 1e6,
		 .help = "resamples of intervals and, above 20 sequences, sign flips (default 9999)"},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &a->seed, .help = "seed of both (default 0)"},
		{.name = "theme", .type = AM_OPT_ENUM, .target = &q->theme, .names = themes,
		 .help = "colours: auto follows the reader's system, and holds every picture twice (default auto)"},
		{.name = "no-pictures", .type = AM_OPT_FLAG, .target = &q->no_pictures, .help = "tables alone; gnuplot is not needed"},
		{.short_name = 'q', .name = "quiet", .type = AM_OPT_FLAG, .target = &q->quiet, .help = "no notes on standard error"},
	};
	am_options o = {
		.command = command_name, .operands = "RUN...", .min_operands = 1, .max_operands = AM_PAGE_RUNS,
		.summary = summary, .notes = notes, .table = table, .n_table = COUNT(table),
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0) {
		q->n = o.n_operand;
		memcpy(q->path, o.operand, (size_t)o.n_operand * sizeof *q->path);
		code = check(q);
	}
	am_options_fini(&o);
	settle(q, argc, argv);
	return code;
}

/* --- the page ------------------------------------------------------------- */

/* A reader for every operand, though two name one file: readers keep state. */
static am_status open_all(const request *q, am_run **run, am_run **control, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0; i < q->n && !s; i++)
		s = am_run_open(q->path[i], &run[i], err);
	return s || !q->control ? s : am_run_open(q->control, control, err);
}

/* The folder with those above it; *made: it was not there. */
static am_status make_folder(const char *dir, bool *made, am_error *err)
{
	char *path = am_strdup(dir);
	if (!path)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", dir);
	for (char *p = path + 1; *path && *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(path, 0777); /* what cannot be made shows at the last step */
			*p = '/';
		}
	am_free(path);
	*made = mkdir(dir, 0777) == 0;
	int e = *made ? 0 : errno;
	if (*made || (e == EEXIST && am_file_is_directory(dir)))
		return AM_OK;
	return am_fail(err, AM_ERR_IO, "%s: cannot make the folder: %s", dir, strerror(e == EEXIST ? ENOTDIR : e));
}

/* The folder is made last, so that a page that cannot be made leaves nothing; one that was
 * made for a page that cannot be written goes again. */
static am_status write_page(const request *q, const char *path, const am_text *page, am_error *err)
{
	bool made;
	am_status s = make_folder(q->dir, &made, err);
	if (s)
		return s;
	s = am_report_write(path, q->force, page, err);
	if (s && made)
		rmdir(q->dir);
	return s;
}

static am_status work(const request *q, const char *path, am_run *const *run, am_run *control, am_error *err)
{
	am_text page = {0}, said = {0};
	am_status s = am_page_make(run, q->n, control, &q->page, &page, &said, err);
	if (!s)
		s = write_page(q, path, &page, err);
	if (!s && !q->quiet) {
		am_report_notes(command_name, am_text_str(&said));
		am_text_clear(&said);
		am_text_printf(&said, "%s\n", path);
		am_report_files(am_text_str(&said));
	}
	am_text_free(&page);
	am_text_free(&said);
	return s;
}

/* Before the work: a page takes its time. */
static am_status check_free(const request *q, const char *path, am_error *err)
{
	if (!path)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	if (!q->force && am_file_is_regular(path))
		return am_fail(err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", path);
	am_status s = am_outfile_apart(path, q->control, err);
	for (int i = 0; i < AM_PAGE_RUNS && !s; i++)
		s = am_outfile_apart(path, q->path[i], err);
	return s;
}

int am_cmd_report(int argc, char **argv)
{
	request q = {0};
	int code = parse(&q, argc, argv);
	if (code < 0) {
		am_error err = {0};
		am_run *run[AM_PAGE_RUNS] = {NULL}, *control = NULL;
		char *path = am_path_join(q.dir, "index.html");
		am_status s = check_free(&q, path, &err);
		if (!s)
			s = open_all(&q, run, &control, &err);
		if (!s)
			s = work(&q, path, run, control, &err);
		for (int i = 0; i < q.n; i++)
			am_run_close(run[i]);
		am_run_close(control);
		am_free(path);
		code = s ? am_report_error(command_name, s, &err) : 0;
	}
	am_text_free(&q.line);
	return code;
}

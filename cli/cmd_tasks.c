/* attnmeter tasks: generated task lines. */
#include "base/datadir.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "task/generate.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const size_t TEXT_LIMIT = (size_t)1 << 30;

typedef struct request {
	const char *model, *haystack, *output;
	bool force, quiet;
	am_generate_options o;
} request;

static am_status generate(request *q, const char *model, const char *haystack, am_error *err)
{
	char *prose = NULL;
	am_text out = {0};
	am_progress_bar bar;
	am_status s = am_file_read(haystack, TEXT_LIMIT, &prose, &q->o.prose_size, err);
	q->o.prose = prose;
	if (!s)
		s = am_tokenizer_open(model, &q->o.tokenizer, err);
	if (!s) {
		q->o.progress = am_progress_bar_begin(&bar, "samples", q->quiet);
		s = am_generate(&q->o, &out, err);
		am_progress_bar_end(&bar);
	}
	if (!s)
		s = am_report_write(q->output, q->force, &out, err);
	am_tokenizer_close(q->o.tokenizer);
	am_text_free(&out);
	am_free(prose);
	return s;
}

static int work(request *q)
{
	char *model = NULL, *haystack = NULL;
	am_error err = {0};
	am_status s = q->model ? AM_OK : am_data_path("models/base", &model, &err);
	if (!s && !q->haystack)
		s = am_data_path("data/time-machine.txt", &haystack, &err);
	if (!s && q->output && !q->force && am_file_is_regular(q->output)) /* before the work, not after it */
		s = am_fail(&err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", q->output);
	if (!s)
		s = am_outfile_apart(q->output, q->haystack, &err);
	if (!s)
		s = generate(q, q->model ? q->model : model, q->haystack ? q->haystack : haystack, &err);
	am_free(model);
	am_free(haystack);
	return s ? am_report_error("tasks", s, &err) : 0;
}

static void list_names(am_text *t)
{
	const char *name, *help;
	am_text_puts(t, "Tasks:\n");
	for (int i = 0; am_generate_name_at(i, &name, &help); i++)
		am_text_printf(t, "  %-16s %s\n", name, help);
	am_text_puts(t, "\nExamples:\n"
	                "  attnmeter tasks niah_single --length 4096 -n 50 -o niah.jsonl\n"
	                "  attnmeter tasks vt --length 2048 --chains 2 --hops 2 --no-example\n");
}

int am_cmd_tasks(int argc, char **argv)
{
	request q = {.o = {.length = 1024, .samples = 20}};
	const am_option table[] = {
		{.name = "length", .type = AM_OPT_INT, .target = &q.o.length, .min = 1, .max = 1 << 24,
		 .help = "tokens of prompt and answer budget, at most [1024]"},
		{.short_name = 'n', .name = "samples", .type = AM_OPT_INT, .target = &q.o.samples, .min = 1, .max = 1e6,
		 .help = "lines written [20]"},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &q.o.seed, .help = "another seed, other lines [0]"},
		{.short_name = 'm', .name = "model", .type = AM_OPT_STRING, .target = &q.model, .value = "DIR",
		 .help = "whose tokenizer counts the tokens [the embedded model]"},
		{.name = "haystack", .type = AM_OPT_STRING, .target = &q.haystack, .value = "TEXT",
		 .help = "prose of the filling, a paragraph a line [The Time Machine]"},
		{.name = "keys", .type = AM_OPT_INT, .target = &q.o.keys, .min = 1, .max = 512, .help = "niah: keys [by task]"},
		{.name = "values", .type = AM_OPT_INT, .target = &q.o.values, .min = 1, .max = 64,
		 .help = "niah: values of the key asked for [by task]"},
		{.name = "queries", .type = AM_OPT_INT, .target = &q.o.queries, .min = 1, .max = 64,
		 .help = "niah: keys asked for at once [by task]"},
		{.name = "chains", .type = AM_OPT_INT, .target = &q.o.chains, .min = 1, .max = 64, .help = "vt: chains [1]"},
		{.name = "hops", .type = AM_OPT_INT, .target = &q.o.hops, .min = 1, .max = 63,
		 .help = "vt: assignments after the first in a chain [4]"},
		{.name = "common", .type = AM_OPT_INT, .target = &q.o.common, .min = 1, .max = 64, .help = "cwe: words asked for [10]"},
		{.name = "alpha", .type = AM_OPT_DOUBLE, .target = &q.o.alpha, .min = 1.01, .max = 16,
		 .help = "fwe: exponent of the word counts [2]"},
		{.name = "no-example", .type = AM_OPT_FLAG, .target = &q.o.no_example,
		 .help = "vt, cwe: leave out the solved example in front"},
		{.name = "answer-tokens", .type = AM_OPT_INT, .target = &q.o.answer_tokens, .min = 1, .max = 65536,
		 .help = "answer budget counted in the length [niah 128, vt 30, cwe 120, fwe 50, kv 48]"},
		{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &q.output, .value = "FILE",
		 .help = "write to FILE instead of standard output"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &q.force, .help = "overwrite FILE"},
		{.short_name = 'q', .name = "quiet", .type = AM_OPT_FLAG, .target = &q.quiet, .help = "no progress bar"},
	};
	am_text notes = {0};
	list_names(&notes);
	am_options o = {
		.command = "tasks", .operands = "TASK", .min_operands = 1, .max_operands = 1,
		.summary = "Writes synthetic long-context tasks of RULER's families as JSON lines that eval and run read.",
		.notes = am_text_str(&notes), .table = table, .n_table = COUNT(table),
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0)
		q.o.task = o.operand[0];
	am_options_fini(&o);
	am_text_free(&notes);
	return am_report_finish("tasks", code < 0 ? work(&q) : code);
}

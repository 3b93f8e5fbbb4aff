/* attnmeter run: model and text in, run file out. */
#include "base/datadir.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "probes/run.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char *const rows_names[] = {"all", "last:N", "every:N", "sample:N", NULL};
static const char *const dist_names[] = {"none", "topk:N", "full", NULL};
static const char *const dtype_names[] = {"f32", NULL};
static const char *const device_names[] = {"cpu", NULL};
static const char *const attention_names[] = {"dense", NULL};

/* Inputs in the order given, whatever their kind. */
typedef struct input_list {
	am_input *item;
	int n, room;
} input_list;

static am_status add_input(void *target, const char *text, am_input_kind kind, am_error *err)
{
	input_list *l = target;
	if (l->n == l->room) {
		int room = l->room ? 2 * l->room : 8;
		am_input *p = am_grow(l->item, (size_t)l->n * sizeof *p, (size_t)room, sizeof *p);
		if (!p)
			return am_fail(err, AM_ERR_MEMORY, "out of memory");
		l->item = p;
		l->room = room;
	}
	l->item[l->n++] = (am_input){kind, text};
	return AM_OK;
}

static am_status add_file(void *target, const char *text, am_error *err)
{
	return add_input(target, text, AM_INPUT_FILE, err);
}

static am_status add_prompt(void *target, const char *text, am_error *err)
{
	return add_input(target, text, AM_INPUT_PROMPT, err);
}

static am_status add_tokens(void *target, const char *text, am_error *err)
{
	return add_input(target, text, AM_INPUT_TOKENS, err);
}

static am_status add_tasks(void *target, const char *text, am_error *err)
{
	return add_input(target, text, AM_INPUT_TASKS, err);
}

/* The command line as a shell would take it. */
static void join_arguments(am_text *t, int argc, char **argv)
{
	am_text_puts(t, "attnmeter");
	for (int i = 0; i < argc; i++) {
		bool plain = argv[i][0] && !argv[i][strcspn(argv[i], " \t\n\"'\\$`&|;<>()*?[]{}!#~")];
		am_text_puts(t, plain ? " " : " '");
		for (const char *p = argv[i]; *p; p++)
			am_text_append(t, *p == '\'' ? "'\\''" : p, *p == '\'' ? 4 : 1);
		if (!plain)
			am_text_puts(t, "'");
	}
}

static void print_size(am_text *t, double bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	int u = 0;
	for (; bytes >= 1000 && u < 4; u++)
		bytes /= 1000;
	am_text_printf(t, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

static void print_summary(am_text *t, const am_run_options *o, const am_run_summary *s, bool json)
{
	if (json) {
		am_text_puts(t, "{\"output\": ");
		am_json_string(t, o->output);
		am_text_printf(t, ", \"sequences\": %lld, \"tokens\": %lld, \"rows\": %lld, \"mean_nll\": ",
		               (long long)s->sequences, (long long)s->tokens, (long long)s->rows);
		am_json_real(t, s->mean_nll);
		am_text_printf(t, ", \"seconds\": %.3f, \"file_bytes\": %lld}\n", s->seconds, (long long)s->file_bytes);
		return;
	}
	am_text_printf(t, "%s: %lld sequence%s, %lld tokens, %lld rows a head, ", o->output, (long long)s->sequences,
	               s->sequences == 1 ? "" : "s", (long long)s->tokens, (long long)s->rows);
	if (s->mean_nll == s->mean_nll)
		am_text_printf(t, "mean NLL %.4f nat, ", s->mean_nll);
	print_size(t, (double)s->file_bytes);
	am_text_printf(t, ", %.1f s (%.0f tokens/s)\n", s->seconds, (double)s->tokens / s->seconds);
}

static void print_estimate(am_text *t, const am_run_estimate *e, bool json)
{
	if (json) {
		am_text_printf(t,
		               "{\"sequences\": %lld, \"tokens\": %lld, \"rows\": %lld, \"memory_bytes\": %.0f, "
		               "\"disk_bytes\": %.0f, \"seconds\": %.3f}\n",
		               (long long)e->sequences, (long long)e->tokens, (long long)e->rows, e->memory_bytes,
		               e->disk_bytes, e->seconds);
		return;
	}
	am_text_printf(t, "sequences  %lld (%lld tokens, %lld rows a head)\nmemory     ", (long long)e->sequences,
	               (long long)e->tokens, (long long)e->rows);
	print_size(t, e->memory_bytes);
	am_text_puts(t, " at the peak\ndisk       ");
	print_size(t, e->disk_bytes);
	am_text_printf(t, "\ntime       %.1f s\n", e->seconds);
}

static int dry_run(const am_run_options *o, bool json)
{
	am_error err = {0};
	am_run_estimate e;
	am_text out = {0};
	am_status s = am_run_estimate_cost(o, &e, &err);
	if (!s) {
		print_estimate(&out, &e, json);
		s = am_report_write(NULL, false, &out, &err);
	}
	am_text_free(&out);
	return s ? am_report_error("run", s, &err) : 0;
}

static int capture(am_run_options *o, bool quiet, bool json)
{
	am_error err = {0};
	am_run_summary summary = {0};
	am_progress_bar bar;
	am_text out = {0};
	o->progress = am_progress_bar_begin(&bar, "tokens", quiet);
	am_status s = am_run_capture(o, &summary, &err);
	am_progress_bar_end(&bar);
	if (!s) {
		am_report_notes("run", am_text_str(&summary.notes));
		if (json || !quiet)
			print_summary(&out, o, &summary, json);
		s = am_report_write(NULL, false, &out, &err);
	}
	am_text_free(&out);
	am_run_summary_fini(&summary);
	return s ? am_report_error("run", s, &err) : 0;
}

int am_cmd_run(int argc, char **argv)
{
	am_run_options o;
	am_run_options_init(&o);
	input_list inputs = {0};
	am_opt_ints layers = {0}, heads = {0}, k = {(int *)o.k, o.n_k};
	am_opt_doubles ratio = {(double *)o.ratio, o.n_ratio}, mass = {(double *)o.mass, o.n_mass};
	am_opt_choice rows = {0}, dist = {0};
	int dtype = 0, device = 0, attention = 0;
	bool dry = false, quiet = false, json = false, float16 = false;
	const am_option table[] = {
		{'m', "model", AM_OPT_STRING, &o.model, "DIR", "Hugging Face model directory [the embedded model]"},
		{'f', "file", AM_OPT_CALL, &inputs, "TEXT", "text file, one sequence; '-' is standard input", .call = add_file},
		{'p', "prompt", AM_OPT_CALL, &inputs, "STR", "the text itself, one sequence", .call = add_prompt},
		{0, "tokens", AM_OPT_CALL, &inputs, "FILE", "token ids separated by blanks, one sequence a line",
		 .call = add_tokens},
		{0, "tasks", AM_OPT_CALL, &inputs, "FILE", "JSON lines of tasks, one sequence a line (input, answer_prefix)",
		 .call = add_tasks},
		{0, "with-answer", AM_OPT_FLAG, &o.with_answer, NULL, "append each task's answer to its prompt"},
		{'c', "ctx", AM_OPT_INT, &o.ctx, "N", "use the first N tokens of each sequence [the model's context; longer is an error]",
		 .min = 1, .max = 1 << 24},
		{0, "split", AM_OPT_FLAG, &o.split, NULL, "cut longer texts into sequences of -c tokens instead"},
		{0, "limit", AM_OPT_INT, &o.limit, "N", "take at most N sequences", .min = 1},
		{'o', "output", AM_OPT_STRING, &o.output, "RUN.h5", "the run file to write"},
		{0, "force", AM_OPT_FLAG, &o.force, NULL, "replace the output if it exists"},
		{0, "layers", AM_OPT_RANGES, &layers, "LIST", "layers captured: 0,4-7 or all [all]", .max = 100000},
		{0, "heads", AM_OPT_RANGES, &heads, "LIST", "query heads captured [all]", .max = 100000},
		{0, "rows", AM_OPT_CHOICE, &rows, "POLICY", "query rows captured: all, last:N, every:N, sample:N [all]",
		 .names = rows_names},
		{'k', NULL, AM_OPT_INTS, &k, "LIST", "counts for top-k mass [1,4,16,64,256,1024]", .min = 1},
		{0, "ratio", AM_OPT_SHARES, &ratio, "LIST", "shares of the visible keys for top-k mass [1%,5%,10%]"},
		{0, "mass", AM_OPT_SHARES, &mass, "LIST", "masses whose smallest k is wanted [0.5,0.9,0.95,0.99]"},
		{0, "sink", AM_OPT_INT, &o.sink, "N", "first keys counted as sink [4]", .min = 1},
		{0, "recent", AM_OPT_INT, &o.recent, "N", "last keys counted as recent [64]", .min = 1},
		{0, "map", AM_OPT_INT, &o.map, "N", "cells each way of the binned map, 0 for none [64]", .max = 1024},
		{0, "output-error", AM_OPT_FLAG, &o.output_error, NULL, "error of the attention output under exact top-k, at each -k"},
		{0, "dist", AM_OPT_CHOICE, &dist, "KIND", "distributions stored: none, topk:N, full [none]", .names = dist_names},
		{0, "float16", AM_OPT_FLAG, &float16, NULL, "store --dist full as float16"},
		{0, "attention", AM_OPT_ENUM, &attention, "MODE", "attention the model runs with: dense [dense]",
		 .names = attention_names},
		{0, "block", AM_OPT_INT, &o.block, "N", "query rows a block [512, fewer where memory asks]", .min = 1, .max = 65536},
		{'t', "threads", AM_OPT_INT, &o.threads, "N", "threads [all processors]", .min = 1, .max = 4096},
		{0, "kernels", AM_OPT_STRING, &o.kernels, "NAME", "row kernels, see `attnmeter info` [the best this machine runs]"},
		{0, "dtype", AM_OPT_ENUM, &dtype, "TYPE", "arithmetic: f32 [f32]", .names = dtype_names},
		{0, "device", AM_OPT_ENUM, &device, "DEV", "where it runs: cpu [cpu]", .names = device_names},
		{0, "seed", AM_OPT_UINT64, &o.seed, "N", "seed of --rows sample [0]"},
		{0, "dry-run", AM_OPT_FLAG, &dry, NULL, "estimate memory, disk and time, write nothing"},
		{0, "json", AM_OPT_FLAG, &json, NULL, "print the summary or estimate as JSON"},
		{'q', "quiet", AM_OPT_FLAG, &quiet, NULL, "no progress bar, no summary"},
	};
	am_options options = {
		.command = "run",
		.summary = "Runs a model over texts and writes the statistics of every attention row to an HDF5 run file.",
		.notes = "Examples:\n"
		         "  attnmeter run -f book.txt -c 2048 --split --limit 8 -o run.h5\n"
		         "  attnmeter run -m MODEL --tasks niah.jsonl --rows last:32 -k 16,64 -o run.h5\n",
		.table = table, .n_table = COUNT(table),
	};
	am_text line = {0};
	char *embedded = NULL;
	am_error err = {0};
	int code = am_options_parse(&options, argc, argv);
	if (code < 0 && !o.output && !dry)
		code = am_report_usage("run", "no output given: -o RUN.h5");
	if (code < 0 && inputs.n == 0)
		code = am_report_usage("run", "no input given: -f TEXT, -p STR, --tokens FILE or --tasks FILE");
	if (code < 0 && !o.model) {
		am_status s = am_data_path("models/base", &embedded, &err);
		o.model = embedded;
		code = s ? am_report_error("run", s, &err) : code;
	}
	if (code < 0) {
		join_arguments(&line, argc, argv);
		o.command_line = am_text_str(&line);
		o.inputs = inputs.item;
		o.n_inputs = inputs.n;
		o.layers = layers.items, o.n_layers = layers.n;
		o.heads = heads.items, o.n_heads = heads.n;
		o.k = k.items, o.n_k = k.n;
		o.ratio = ratio.items, o.n_ratio = ratio.n;
		o.mass = mass.items, o.n_mass = mass.n;
		o.rows = (am_rows_kind)rows.index, o.rows_n = rows.n;
		o.dist = (am_dist_kind)dist.index, o.dist_k = dist.n, o.dist_float16 = float16;
		code = dry ? dry_run(&o, json) : capture(&o, quiet, json);
	}
	am_options_fini(&options);
	am_text_free(&line);
	am_free(embedded);
	am_free(inputs.item);
	return am_report_finish("run", code);
}

/* attnmeter run: model and text in, run file out. */
#include "base/datadir.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/stop.h"
#include "probes/run.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char *const rows_names[] = {"all", "last:N", "every:N", "sample:N", NULL};
static const char *const dist_names[] = {"none", "topk:N", "full", NULL};
static const char *const dtype_names[] = {"f32", "bf16", NULL};
static const char *const device_names[] = {"cpu", NULL};
static const char *const sparse_names[] = {"all", "decode", NULL};

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
		am_text_printf(t, "mean NLL %.4f nat a token, ", s->mean_nll);
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
	am_run_estimate e = {0};
	am_text out = {0};
	am_status s = am_run_estimate_cost(o, &e, &err);
	if (!s) {
		am_report_notes("run", am_text_str(&e.notes));
		print_estimate(&out, &e, json);
		s = am_report_write(NULL, false, &out, &err);
	}
	am_text_free(&out);
	am_run_estimate_fini(&e);
	return s ? am_report_error("run", s, &err) : 0;
}

static int capture(am_run_options *o, bool quiet, bool json)
{
	am_error err = {0};
	am_run_summary summary = {0};
	am_progress_bar bar;
	am_text out = {0};
	o->progress = am_progress_bar_begin(&bar, "tokens", quiet);
	o->stop = am_stop_listen();
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
	int code = s ? am_report_error("run", s, &err) : 0;
	return s == AM_ERR_STOPPED ? am_stop_exit_code(*o->stop) : code;
}

int am_cmd_run(int argc, char **argv)
{
	am_run_options o;
	am_run_options_init(&o);
	input_list inputs = {0};
	am_opt_ints layers = {0}, heads = {0}, k = {(int *)o.k, o.n_k};
	am_opt_doubles ratio = {(double *)o.ratio, o.n_ratio}, mass = {(double *)o.mass, o.n_mass};
	am_opt_choice rows = {0}, dist = {0};
	am_opt_strings shadows = {0};
	int dtype = 0, device = 0, sparse = -1;
	bool dry = false, quiet = false, json = false, float16 = false;
	const am_option table[] = {
		{.short_name = 'm', .name = "model", .type = AM_OPT_STRING, .target = &o.model,
		 .value = "DIR", .help = "Hugging Face model directory [the embedded model]"},
		{.short_name = 'f', .name = "file", .type = AM_OPT_CALL, .target = &inputs,
		 .value = "TEXT", .help = "text file, one sequence; '-' is standard input",
		 .call = add_file},
		{.short_name = 'p', .name = "prompt", .type = AM_OPT_CALL, .target = &inputs,
		 .value = "STR", .help = "the text itself, one sequence",
		 .call = add_prompt},
		{.name = "tokens", .type = AM_OPT_CALL, .target = &inputs,
		 .value = "FILE", .help = "token ids separated by blanks, one sequence a line, taken as they are (no BOS is added)",
		 .call = add_tokens},
		{.name = "tasks", .type = AM_OPT_CALL, .target = &inputs,
		 .value = "FILE", .help = "JSON lines of tasks, one sequence a line (input, answer_prefix)",
		 .call = add_tasks},
		{.name = "with-answer", .type = AM_OPT_FLAG, .target = &o.with_answer,
		 .help = "append each task's answer to its prompt"},
		{.short_name = 'c', .name = "ctx", .type = AM_OPT_INT, .target = &o.ctx,
		 .value = "N", .help = "use the first N tokens of each sequence [the model's context; longer is an error]",
		 .min = 1, .max = 1 << 24},
		{.name = "split", .type = AM_OPT_FLAG, .target = &o.split,
		 .help = "cut longer texts into sequences of -c tokens instead; a shorter rest is left out"},
		{.name = "limit", .type = AM_OPT_INT, .target = &o.limit,
		 .value = "N", .help = "take at most N sequences",
		 .min = 1},
		{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &o.output,
		 .value = "RUN.h5", .help = "the run file to write"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &o.force,
		 .help = "replace the output if it exists"},
		{.name = "layers", .type = AM_OPT_RANGES, .target = &layers,
		 .value = "LIST", .help = "layers captured: 0,4-7 or all [all]",
		 .max = 100000},
		{.name = "heads", .type = AM_OPT_RANGES, .target = &heads,
		 .value = "LIST", .help = "query heads captured [all]",
		 .max = 100000},
		{.name = "rows", .type = AM_OPT_CHOICE, .target = &rows,
		 .value = "POLICY", .help = "query rows captured: all, last:N, every:N, sample:N [all]",
		 .names = rows_names},
		{.short_name = 'k', .type = AM_OPT_INTS, .target = &k,
		 .value = "LIST", .help = "counts for top-k mass [1,4,16,64,256,1024]",
		 .min = 1},
		{.name = "ratio", .type = AM_OPT_SHARES, .target = &ratio,
		 .value = "LIST", .help = "shares of the visible keys for top-k mass [1%,5%,10%]"},
		{.name = "mass", .type = AM_OPT_SHARES, .target = &mass,
		 .value = "LIST", .help = "masses whose smallest k is wanted [0.5,0.9,0.95,0.99]"},
		{.name = "sink", .type = AM_OPT_INT, .target = &o.sink,
		 .value = "N", .help = "first keys counted as sink [4]",
		 .min = 1},
		{.name = "recent", .type = AM_OPT_INT, .target = &o.recent,
		 .value = "N", .help = "last keys counted as recent [64]",
		 .min = 1},
		{.name = "map", .type = AM_OPT_INT, .target = &o.map,
		 .value = "N", .help = "cells each way of the binned map, 0 for none [64]",
		 .max = 1024},
		{.name = "output-error", .type = AM_OPT_FLAG, .target = &o.output_error,
		 .help = "error of the attention output under exact top-k, at each -k"},
		{.name = "dist", .type = AM_OPT_CHOICE, .target = &dist,
		 .value = "KIND", .help = "distributions stored: none, topk:N, full [none]",
		 .names = dist_names},
		{.name = "float16", .type = AM_OPT_FLAG, .target = &float16,
		 .help = "store --dist full as float16"},
		{.name = "attention", .type = AM_OPT_STRING, .target = &o.attention,
		 .value = "SPEC", .help = "attention the model runs with: dense, topk:64, topk:1%, or a selector "
		                          "with its budget as exact-sum,k=64 or exact-sum,ratio=1% [dense]"},
		{.name = "sparse", .type = AM_OPT_ENUM, .target = &sparse,
		 .value = "ROWS", .help = "rows a selector decides on: all, or decode: those of answers "
		                          "(--with-answer), prompts stay dense [all]",
		 .names = sparse_names},
		{.name = "shadow", .type = AM_OPT_STRINGS, .target = &shadows,
		 .value = "SPEC", .help = "score a selector's sets at every -k and --ratio without changing the attention; may be given again"},
		{.name = "shadow-sample", .type = AM_OPT_INT, .target = &o.shadow_sample,
		 .value = "N", .help = "take the costly statistics of shadows on every N-th captured row [64]",
		 .min = 1},
		{.name = "block", .type = AM_OPT_INT, .target = &o.block,
		 .value = "N", .help = "query rows a block [512, fewer where memory asks]",
		 .min = 1, .max = 65536},
		{.short_name = 't', .name = "threads", .type = AM_OPT_INT, .target = &o.threads,
		 .value = "N", .help = "threads [all processors]",
		 .min = 1, .max = 4096},
		{.name = "kernels", .type = AM_OPT_STRING, .target = &o.kernels,
		 .value = "NAME", .help = "row kernels, see `attnmeter info` [$ATTNMETER_KERNELS, or the best here]"},
		{.name = "dtype", .type = AM_OPT_ENUM, .target = &dtype,
		 .value = "TYPE", .help = "arithmetic of the linear layers: f32, bf16 [f32]",
		 .names = dtype_names},
		{.name = "device", .type = AM_OPT_ENUM, .target = &device,
		 .value = "DEV", .help = "where it runs: cpu [cpu]",
		 .names = device_names},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &o.seed,
		 .value = "N", .help = "seed of --rows sample, and of selectors that draw [0]"},
		{.name = "dry-run", .type = AM_OPT_FLAG, .target = &dry,
		 .help = "estimate memory, disk and time, write nothing"},
		{.name = "json", .type = AM_OPT_FLAG, .target = &json,
		 .help = "print the summary or estimate as JSON"},
		{.short_name = 'q', .name = "quiet", .type = AM_OPT_FLAG, .target = &quiet,
		 .help = "no progress bar, no summary"},
	};
	am_options options = {
		.command = "run",
		.summary = "Runs a model over texts and writes the statistics of every attention row to an HDF5 run file.",
		.notes = "Examples:\n"
		         "  attnmeter run -f book.txt -c 2048 --split --limit 8 -o run.h5\n"
		         "  attnmeter run -m MODEL --tasks niah.jsonl --rows last:32 -k 16,64 -o run.h5\n"
		         "\n"
		         "Under --attention SPEC a row's output is softmax over the selected keys alone; a row with no\n"
		         "more visible keys than the budget is dense. What is stored of a row stays that of all its\n"
		         "visible keys, given the hidden states of the sparse model.\n"
		         "\n"
		         "While it runs, rows gather in RUN.h5.part. Ctrl-C (or SIGTERM) ends the run after the\n"
		         "block at hand with exit code 130 (143); the part keeps the rows before. A second one\n"
		         "ends it at once; the part then keeps what was flushed, within the last second.\n",
		.table = table, .n_table = COUNT(table),
	};
	am_text line = {0};
	char *embedded = NULL;
	am_error err = {0};
	int code = am_options_parse(&options, argc, argv);
	if (code < 0 && !o.output && !dry)
		code = am_report_usage("run", "no output given: -o RUN.h5");
	if (code < 0 && float16 && dist.index != AM_DIST_FULL)
		code = am_report_usage("run", "--float16 is for --dist full");
	if (code < 0 && sparse >= 0 && (!o.attention || !strcmp(o.attention, "dense")))
		code = am_report_usage("run", "--sparse is for an --attention with a selector");
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
		o.shadows = shadows.items, o.n_shadows = shadows.n;
		o.dtype = (am_compute)dtype;
		o.sparse_decode = sparse == 1;
		o.dist = (am_dist_kind)dist.index, o.dist_k = dist.n, o.dist_float16 = float16;
		code = dry ? dry_run(&o, json) : capture(&o, quiet, json);
	}
	am_options_fini(&options);
	am_text_free(&line);
	am_free(embedded);
	am_free(inputs.item);
	return am_report_finish("run", code);
}

/* attnmeter run: model and text in, run file out. */
#include "base/datadir.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/measure.h"
#include "cli/options.h"
#include "cli/report.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

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

static bool has_tasks(const input_list *l)
{
	for (int i = 0; i < l->n; i++)
		if (l->item[i].kind == AM_INPUT_TASKS)
			return true;
	return false;
}

static bool sparse_text(const char *attention)
{
	return attention && strcmp(attention, "dense") != 0;
}

int am_cmd_run(int argc, char **argv)
{
	am_measure m;
	am_measure_init(&m, "run");
	am_run_options *o = &m.o;
	input_list inputs = {0};
	int dtype = 0, device = 0, sparse = -1;
	const am_option own[] = {
		{.short_name = 'm', .name = "model", .type = AM_OPT_STRING, .target = &o->model,
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
		{.name = "with-answer", .type = AM_OPT_FLAG, .target = &o->with_answer,
		 .help = "append each task's answer to its prompt"},
		{.short_name = 'c', .name = "ctx", .type = AM_OPT_INT, .target = &o->ctx,
		 .value = "N", .help = "use the first N tokens of each sequence [the model's context; longer is an error]",
		 .min = 1, .max = 1 << 24},
		{.name = "split", .type = AM_OPT_FLAG, .target = &o->split,
		 .help = "cut longer texts into sequences of -c tokens instead; a shorter rest is left out"},
		{.name = "limit", .type = AM_OPT_INT, .target = &o->limit,
		 .value = "N", .help = "take at most N sequences",
		 .min = 1},
		{.name = "attention", .type = AM_OPT_STRING, .target = &o->attention,
		 .value = "SPEC", .help = "attention the model runs with: dense, topk:64, topk:1%, or a selector "
		                          "with its budget as exact-sum,k=64 or exact-sum,ratio=1% [dense]"},
		{.name = "sparse", .type = AM_OPT_ENUM, .target = &sparse,
		 .value = "ROWS", .help = "rows a selector decides on: all, or decode: those of answers "
		                          "(--with-answer), prompts stay dense [all]",
		 .names = sparse_names},
		{.name = "pair", .type = AM_OPT_STRING, .target = &o->pair,
		 .value = "DIR", .help = "a second model over the same tokens: stores how far its rows are from the first's "
		                         "(KL, JS, top-k overlap)"},
		{.name = "pair-attention", .type = AM_OPT_STRING, .target = &o->pair_attention,
		 .value = "SPEC", .help = "attention of the second model, as of --attention; without --pair that is the same "
		                          "model [dense]"},
		{.name = "temperatures", .type = AM_OPT_STRING, .target = &o->temperatures,
		 .value = "FILE", .help = "sharpen or flatten each head: target entropies of `compare --write-temperatures`, for which "
		                          "inverse temperatures are solved, or a run that has some"},
		{.name = "dtype", .type = AM_OPT_ENUM, .target = &dtype,
		 .value = "TYPE", .help = "arithmetic of the linear layers: f32, bf16 [f32]",
		 .names = dtype_names},
		{.name = "device", .type = AM_OPT_ENUM, .target = &device,
		 .value = "DEV", .help = "where it runs: cpu [cpu]",
		 .names = device_names},
	};
	am_option table[COUNT(own) + AM_MEASURE_OPTIONS];
	memcpy(table, own, sizeof own);
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
		.table = table, .n_table = am_measure_table(&m, table, COUNT(own)),
	};
	char *embedded = NULL;
	am_error err = {0};
	int code = am_options_parse(&options, argc, argv);
	if (code < 0)
		code = am_measure_check(&m);
	if (code < 0 && sparse >= 0 && !sparse_text(o->attention) && !sparse_text(o->pair_attention))
		code = am_report_usage("run", "--sparse is for an --attention or --pair-attention with a selector");
	if (code < 0 && o->with_answer && !has_tasks(&inputs))
		code = am_report_usage("run", "--with-answer is for --tasks");
	if (code < 0 && inputs.n == 0)
		code = am_report_usage("run", "no input given: -f TEXT, -p STR, --tokens FILE or --tasks FILE");
	if (code < 0 && !o->model) {
		am_status s = am_data_path("models/base", &embedded, &err);
		o->model = embedded;
		code = s ? am_report_error("run", s, &err) : code;
	}
	if (code < 0) {
		am_measure_settle(&m, argc, argv);
		o->inputs = inputs.item;
		o->n_inputs = inputs.n;
		o->dtype = (am_compute)dtype;
		o->sparse_decode = sparse == 1;
		code = am_measure_run(&m);
	}
	am_options_fini(&options);
	am_measure_fini(&m);
	am_free(embedded);
	am_free(inputs.item);
	return am_report_finish("run", code);
}

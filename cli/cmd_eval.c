/* attnmeter eval: task accuracy under an attention mode, or a sweep of them. */
#include "analysis/bootstrap.h"
#include "analysis/plot.h"
#include "base/clock.h"
#include "base/datadir.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "cli/commands.h"
#include "cli/eval_results.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/stop.h"
#include "kernels/gemm.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

enum { BLOCK = 512 };
static const size_t TEMPLATE_LIMIT = 1 << 20;

typedef struct request {
	const char *model, *attention, *sweep, *output, *plot, *kernels, *template;
	am_opt_strings tasks;
	int sparse, dtype, threads, limit, max_new, ctx, format, metric, resamples, theme;
	bool json, csv, quiet, force, cut;
	uint64_t seed;
} request;

/* Everything opened for one evaluation. */
typedef struct evaluation {
	const request *q;
	am_eval_points points;
	char *embedded, *template;
	const am_kernels *kernels;
	am_threads *threads;
	am_model *model;
	am_tokenizer *tokenizer;
	am_eval_set set;
	am_eval_results results;
	const volatile sig_atomic_t *stop;
	double seconds;
} evaluation;

static const char *const sparse_names[] = {"decode", "all", NULL};
static const char *const dtype_names[] = {"f32", "bf16", NULL};

/* --- opening --------------------------------------------------------------- */

static am_status read_items(evaluation *v, am_error *err)
{
	const request *q = v->q;
	const am_config *c = am_model_config(v->model);
	am_eval_read_options o = {
		.files = q->tasks.items, .n_files = q->tasks.n,
		.tasks = {.format = (am_task_format)q->format, .template = v->template, .limit = q->limit},
		.metric = q->metric - 1, .max_new_tokens = q->max_new, .context = q->ctx ? q->ctx : am_config_context(c),
		.cut = q->cut, .vocab = c->vocab,
	};
	return am_eval_read(&o, v->tokenizer, &v->set, err);
}

static am_status open_all(evaluation *v, am_error *err)
{
	const request *q = v->q;
	size_t n;
	am_status s = am_eval_points_parse(q->attention, q->sweep, &v->points, err);
	if (!s && !q->model)
		s = am_data_path("models/base", &v->embedded, err);
	if (!s)
		s = am_kernels_get(q->kernels, &v->kernels, err);
	if (!s && q->template)
		s = am_file_read(q->template, TEMPLATE_LIMIT, &v->template, &n, err);
	if (!s)
		s = am_threads_new(q->threads > 0 ? q->threads : am_threads_available(), &v->threads, err);
	if (!s)
		s = am_gemm_init(err);
	const char *model = q->model ? q->model : v->embedded;
	if (!s)
		s = am_model_open(model, &v->model, err);
	if (!s)
		s = am_tokenizer_open(model, &v->tokenizer, err);
	if (!s)
		s = read_items(v, err);
	if (!s)
		s = am_eval_results_init(&v->results, &v->set, &v->points, err);
	v->results.e.resamples = q->resamples;
	v->results.e.seed = q->seed;
	return s;
}

static void close_all(evaluation *v)
{
	am_eval_results_fini(&v->results);
	am_eval_set_fini(&v->set);
	am_tokenizer_close(v->tokenizer);
	am_model_close(v->model);
	am_threads_free(v->threads);
	am_eval_points_fini(&v->points);
	am_free(v->template);
	am_free(v->embedded);
}

/* --- running ---------------------------------------------------------------- */

static am_status run(evaluation *v, am_error *err)
{
	const request *q = v->q;
	am_progress_bar bar;
	double start = am_now();
	am_eval_options o = {
		.model = v->model, .tokenizer = v->tokenizer,
		.session = {.block = BLOCK, .threads = v->threads, .kernels = v->kernels, .dtype = (am_compute)q->dtype},
		.points = v->points.point, .n_points = v->points.n, .sparse_prefill = q->sparse == 1, .seed = q->seed,
		.progress = am_progress_bar_begin(&bar, "answers", q->quiet), .stop = v->stop,
		.result = am_eval_results_add, .ctx = &v->results,
	};
	am_status s = am_eval_run(&o, &v->set, err);
	am_progress_bar_end(&bar);
	v->seconds = am_now() - start;
	return s;
}

/* Results go out line by line; those before a wish to stop are kept. */
static am_status run_to_file(evaluation *v, am_error *err)
{
	am_error later = {0};
	am_status s = AM_OK;
	if (v->q->output)
		s = am_outfile_open(v->q->output, v->q->force, &v->results.lines, err);
	if (s)
		return s;
	s = run(v, err);
	if (!v->results.lines)
		return s;
	am_status closed = am_outfile_close(v->results.lines, !s || s == AM_ERR_STOPPED, &later);
	v->results.lines = NULL;
	if (closed && err)
		*err = later;
	return closed ? closed : s;
}

/* --- tables -------------------------------------------------------------------- */

typedef am_status (*table_maker)(const am_evaluation *e, am_table *out, am_error *err);

static const struct section {
	const char *key, *title;
	table_maker make;
} sections[] = {
	{"table", NULL, am_evaluation_table},
	{"overall", "Mean over the tasks", am_evaluation_overall},
	{"pairs", "Change against the reference, the same samples", am_evaluation_pairs},
	{"trends", "Trend", am_evaluation_trends},
};

static am_status render_json(const evaluation *v, am_text *t, am_error *err)
{
	am_text_puts(t, "{\n  \"model\": ");
	am_json_string(t, v->q->model ? v->q->model : "embedded");
	am_text_printf(t, ",\n  \"sparse\": \"%s\",\n  \"n_samples\": %d,\n", sparse_names[v->q->sparse], v->set.n);
	am_text_printf(t, "  \"interval\": {\"level\": %g, \"accuracy\": \"wilson\", \"change\": \"bca\", \"resamples\": %d, \"seed\": %" PRIu64 "}",
	               AM_BOOTSTRAP_LEVEL, v->q->resamples, v->q->seed);
	for (int i = 0; i < COUNT(sections); i++) {
		am_table table;
		am_status s = sections[i].make(&v->results.e, &table, err);
		if (s)
			return s;
		am_text_printf(t, ",\n  \"%s\": ", sections[i].key);
		am_table_json(&table, 2, t);
		am_table_fini(&table);
	}
	am_text_puts(t, "\n}\n");
	return AM_OK;
}

static am_status render_text(const evaluation *v, am_text *t, am_error *err)
{
	for (int i = 0; i < COUNT(sections); i++) {
		am_table table;
		if (i == 1 && v->results.e.n_groups == 1)
			continue;
		am_status s = sections[i].make(&v->results.e, &table, err);
		if (s)
			return s;
		if (table.n_rows) {
			if (sections[i].title)
				am_text_printf(t, "\n%s\n\n", sections[i].title);
			am_table_text(&table, t);
		}
		am_table_fini(&table);
	}
	return AM_OK;
}

static am_status print_tables(const evaluation *v, am_error *err)
{
	am_text t = am_report_text(NULL);
	am_table table;
	am_status s;
	if (v->q->json)
		s = render_json(v, &t, err);
	else if (!v->q->csv)
		s = render_text(v, &t, err);
	else if (!(s = am_evaluation_table(&v->results.e, &table, err))) {
		am_table_csv(&table, &t);
		am_table_fini(&table);
	}
	if (!s)
		s = am_report_write(NULL, false, &t, err);
	am_text_free(&t);
	return s;
}

static am_status draw(const evaluation *v, am_error *err)
{
	am_text files = {0};
	am_plot_options o;
	am_plot_options_init(&o);
	o.theme = am_plot_theme_names()[v->q->theme];
	const am_plot_request what = {.evaluation = &v->results.e, .options = &o, .dir = v->q->plot, .files = &files};
	am_status s = am_plot_draw_set(AM_PLOT_SET_EVAL, &what, err);
	if (!v->q->quiet)
		am_report_files(am_text_str(&files));
	am_text_free(&files);
	return s;
}

/* --- the command ------------------------------------------------------------------ */

static void tell(const evaluation *v)
{
	am_text notes = {0};
	int cut = 0;
	for (int i = 0; i < v->set.n; i++)
		cut += v->set.item[i].dropped > 0;
	if (cut)
		am_text_printf(&notes, "%d of %d prompts lost their middle\n", cut, v->set.n);
	am_text_printf(&notes, "%d prompts, %" PRId64 " answers, %" PRId64 " tokens decoded, %.1f s\n", v->set.n,
	               v->results.answers, v->results.tokens, v->seconds);
	am_report_notes("eval", am_text_str(&notes));
	am_text_free(&notes);
}

static int work(const request *q)
{
	evaluation v = {.q = q};
	am_error err = {0};
	am_status s = AM_OK;
	if (q->output && !q->force && am_file_is_regular(q->output)) /* before the work, not after it */
		s = am_fail(&err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", q->output);
	for (int i = 0; i < q->tasks.n && !s; i++)
		s = am_outfile_apart(q->output, q->tasks.items[i], &err);
	if (!s)
		s = open_all(&v, &err);
	v.stop = am_stop_listen(); /* from here on there are answers to keep */
	if (!s)
		s = run_to_file(&v, &err);
	if (!s && !q->quiet)
		tell(&v);
	if (!s)
		s = print_tables(&v, &err);
	if (!s && q->plot)
		s = draw(&v, &err);
	close_all(&v);
	int code = s ? am_report_error("eval", s, &err) : 0;
	return s == AM_ERR_STOPPED ? am_stop_exit_code(*v.stop) : code;
}

/* Names of formats and metrics for the option table; metric 0 is the format's own. */
static void fill_names(const char **formats, const char **metrics)
{
	for (int i = 0; i < AM_FORMAT_COUNT; i++)
		formats[i] = am_task_format_name((am_task_format)i);
	metrics[0] = "auto";
	for (int i = 0; i < AM_TASK_METRIC_COUNT; i++)
		metrics[i + 1] = am_task_metric_name((am_task_metric)i);
}

int am_cmd_eval(int argc, char **argv)
{
	request q = {.resamples = 9999};
	const char *formats[AM_FORMAT_COUNT + 1] = {0}, *metrics[AM_TASK_METRIC_COUNT + 2] = {0};
	fill_names(formats, metrics);
	const am_option table[] = {
		{.short_name = 'm', .name = "model", .type = AM_OPT_STRING, .target = &q.model, .value = "DIR",
		 .help = "Hugging Face model directory [the embedded model]"},
		{.name = "tasks", .type = AM_OPT_STRINGS, .target = &q.tasks, .value = "FILE",
		 .help = "task file, gzip or plain, repeatable: RULER, HELMET, LongBench v2, key-value records"},
		{.name = "limit", .type = AM_OPT_INT, .target = &q.limit, .min = 1, .help = "take the first N samples of each file"},
		{.name = "format", .type = AM_OPT_ENUM, .target = &q.format, .value = "NAME", .names = formats,
		 .help = "format of the task files [by their fields]"},
		{.name = "metric", .type = AM_OPT_ENUM, .target = &q.metric, .value = "NAME", .names = metrics,
		 .help = "score: recall, any, prefix, substring, exact, f1, rouge-l, ndcg, choice [the format's]"},
		{.name = "template", .type = AM_OPT_STRING, .target = &q.template, .value = "FILE",
		 .help = "prompt with $DOC$, $Q$ and so on, for formats whose prompts are made here"},
		{.name = "attention", .type = AM_OPT_STRING, .target = &q.attention, .value = "SPEC",
		 .help = "dense, topk:64, topk:1% or a selector with its budget: SELECTOR,k=64 [dense]"},
		{.name = "sparse", .type = AM_OPT_ENUM, .target = &q.sparse, .names = sparse_names,
		 .help = "which rows are sparse: those decoded, or the prompt's too [decode]"},
		{.name = "sweep", .type = AM_OPT_STRING, .target = &q.sweep, .value = "LIST",
		 .help = "k=1,2,4 or ratio=1%,5% of --attention [exact], or precision=0.5,1 at its budget; dense is a value too"},
		{.name = "max-new-tokens", .type = AM_OPT_INT, .target = &q.max_new, .min = 1, .max = 1 << 20,
		 .help = "tokens decoded at most [by the task]; the model's end token ends an answer"},
		{.short_name = 'c', .name = "ctx", .type = AM_OPT_INT, .target = &q.ctx, .min = 2, .max = 1 << 24,
		 .help = "tokens of prompt and answer at most [the model's context]"},
		{.name = "cut-middle", .type = AM_OPT_FLAG, .target = &q.cut,
		 .help = "prompts that are too long lose their middle, as LongBench's do; else they are an error"},
		{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &q.output, .value = "FILE.jsonl",
		 .help = "write every answer as a line of JSON"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &q.force, .help = "overwrite FILE.jsonl"},
		{.name = "csv", .type = AM_OPT_FLAG, .target = &q.csv, .help = "print CSV"},
		{.name = "json", .type = AM_OPT_FLAG, .target = &q.json, .help = "print one JSON object"},
		{.name = "plot", .type = AM_OPT_STRING, .target = &q.plot, .value = "DIR",
		 .help = "draw accuracy against what is swept and against retained mass"},
		{.name = "theme", .type = AM_OPT_ENUM, .target = &q.theme, .names = am_plot_theme_names(),
		 .help = "of the pictures: light, dark, or print, a column of a paper in greys (default light)"},
		{.name = "resamples", .type = AM_OPT_INT, .target = &q.resamples, .min = 100, .max = 1e6,
		 .help = "resamples of intervals and permutations [9999]"},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &q.seed, .help = "seed of the resampling and of selectors that draw [0]"},
		{.short_name = 't', .name = "threads", .type = AM_OPT_INT, .target = &q.threads, .min = 1, .max = 4096,
		 .help = "threads [all processors]"},
		{.name = "kernels", .type = AM_OPT_STRING, .target = &q.kernels, .value = "NAME",
		 .help = "row kernels, see `attnmeter info` [$ATTNMETER_KERNELS, or the best here]"},
		{.name = "dtype", .type = AM_OPT_ENUM, .target = &q.dtype, .value = "TYPE", .names = dtype_names,
		 .help = "arithmetic of the linear layers: f32, bf16 [f32]"},
		{.short_name = 'q', .name = "quiet", .type = AM_OPT_FLAG, .target = &q.quiet, .help = "no progress bar, no notes"},
	};
	am_options o = {
		.command = "eval",
		.summary = "Decodes the answers to task prompts greedily under an attention mode and scores them. A sweep runs "
		           "every prompt once and decodes from there under each of its points.",
		.notes = "Examples:\n"
		         "  attnmeter eval --tasks niah.jsonl\n"
		         "  attnmeter eval --tasks niah.jsonl --attention topk:64 --json\n"
		         "  attnmeter eval --tasks niah.jsonl --sweep k=1,4,16,64,256,dense --plot plots -o answers.jsonl\n"
		         "  attnmeter eval --tasks niah.jsonl --attention topk:64 --sweep precision=0.25,0.5,0.75,1\n",
		.table = table, .n_table = COUNT(table),
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0 && q.tasks.n == 0)
		code = am_report_usage("eval", "no tasks given: --tasks FILE");
	if (code < 0 && q.json && q.csv)
		code = am_report_usage("eval", "--csv and --json exclude each other");
	if (code < 0 && q.plot && !q.sweep)
		code = am_report_usage("eval", "--plot needs a --sweep");
	code = code < 0 ? work(&q) : code;
	am_options_fini(&o);
	return am_report_finish("eval", code);
}

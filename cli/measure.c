#include "cli/measure.h"

#include "base/json.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/stop.h"

#include <assert.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char *const rows_names[] = {"all", "last:N", "every:N", "sample:N", NULL};
static const char *const dist_names[] = {"none", "topk:N", "full", NULL};

void am_measure_init(am_measure *m, const char *command)
{
	*m = (am_measure){.command = command};
	am_run_options_init(&m->o);
	m->k = (am_opt_ints){(int *)m->o.k, m->o.n_k};
	m->ratio = (am_opt_doubles){(double *)m->o.ratio, m->o.n_ratio};
	m->mass = (am_opt_doubles){(double *)m->o.mass, m->o.n_mass};
}

int am_measure_table(am_measure *m, am_option *table, int n)
{
	const am_option common[] = {
		{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &m->o.output,
		 .value = "RUN.h5", .help = "the run file to write"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &m->o.force,
		 .help = "replace the output if it exists"},
		{.name = "layers", .type = AM_OPT_RANGES, .target = &m->layers,
		 .value = "LIST", .help = "layers captured: 0,4-7 or all [all]",
		 .max = 100000},
		{.name = "heads", .type = AM_OPT_RANGES, .target = &m->heads,
		 .value = "LIST", .help = "query heads captured [all]",
		 .max = 100000},
		{.name = "rows", .type = AM_OPT_CHOICE, .target = &m->rows,
		 .value = "POLICY", .help = "query rows captured: all, last:N, every:N, sample:N [all]",
		 .names = rows_names},
		{.short_name = 'k', .type = AM_OPT_INTS, .target = &m->k,
		 .value = "LIST", .help = "counts for top-k mass [1,4,16,64,256,1024]",
		 .min = 1},
		{.name = "ratio", .type = AM_OPT_SHARES, .target = &m->ratio,
		 .value = "LIST", .help = "shares of the visible keys for top-k mass [1%,5%,10%]"},
		{.name = "mass", .type = AM_OPT_SHARES, .target = &m->mass,
		 .value = "LIST", .help = "masses whose smallest k is wanted [0.5,0.9,0.95,0.99]"},
		{.name = "sink", .type = AM_OPT_INT, .target = &m->o.sink,
		 .value = "N", .help = "first keys counted as sink [4]",
		 .min = 1},
		{.name = "recent", .type = AM_OPT_INT, .target = &m->o.recent,
		 .value = "N", .help = "last keys counted as recent [64]",
		 .min = 1},
		{.name = "map", .type = AM_OPT_INT, .target = &m->o.map,
		 .value = "N", .help = "cells each way of the binned map, 0 for none [64]",
		 .max = 1024},
		{.name = "output-error", .type = AM_OPT_FLAG, .target = &m->o.output_error,
		 .help = "error of the attention output under exact top-k, at each -k"},
		{.name = "dist", .type = AM_OPT_CHOICE, .target = &m->dist,
		 .value = "KIND", .help = "distributions stored: none, topk:N, full [none]",
		 .names = dist_names},
		{.name = "float16", .type = AM_OPT_FLAG, .target = &m->float16,
		 .help = "store --dist full as float16"},
		{.name = "shadow", .type = AM_OPT_STRINGS, .target = &m->shadows,
		 .value = "SPEC", .help = "score a selector's sets at every -k and --ratio without changing the attention; may be given again"},
		{.name = "shadow-sample", .type = AM_OPT_INT, .target = &m->o.shadow_sample,
		 .value = "N", .help = "rank correlation, ties and gaps at the border, overlaps and unions of shadows on every N-th captured row; 1: on all [64]",
		 .min = 1},
		{.name = "block", .type = AM_OPT_INT, .target = &m->o.block,
		 .value = "N", .help = "query rows a block [512, fewer where memory asks]",
		 .min = 1, .max = 65536},
		{.short_name = 't', .name = "threads", .type = AM_OPT_INT, .target = &m->o.threads,
		 .value = "N", .help = "threads [all processors]",
		 .min = 1, .max = 4096},
		{.name = "kernels", .type = AM_OPT_STRING, .target = &m->o.kernels,
		 .value = "NAME", .help = "row kernels, see `attnmeter info` [$ATTNMETER_KERNELS, or the best here]"},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &m->o.seed,
		 .value = "N", .help = "seed of --rows sample, and of selectors that draw [0]"},
		{.name = "dry-run", .type = AM_OPT_FLAG, .target = &m->dry,
		 .help = "estimate memory, disk and time, write nothing (with --json as JSON)"},
		{.name = "json", .type = AM_OPT_FLAG, .target = &m->json,
		 .help = "print the summary as JSON"},
		{.short_name = 'q', .name = "quiet", .type = AM_OPT_FLAG, .target = &m->quiet,
		 .help = "no progress bar, no summary"},
	};
	assert(COUNT(common) <= AM_MEASURE_OPTIONS);
	memcpy(table + n, common, sizeof common);
	return n + COUNT(common);
}

int am_measure_check(am_measure *m)
{
	if (!m->dry && !m->o.output)
		return am_report_usage(m->command, "no output given: -o RUN.h5");
	if (m->float16 && m->dist.index != AM_DIST_FULL)
		return am_report_usage(m->command, "--float16 is for --dist full");
	return -1;
}

void am_measure_settle(am_measure *m, int argc, char **argv)
{
	am_run_options *o = &m->o;
	am_options_line(argc, argv, &m->line);
	o->command_line = am_text_str(&m->line);
	o->layers = m->layers.items, o->n_layers = m->layers.n;
	o->heads = m->heads.items, o->n_heads = m->heads.n;
	o->k = m->k.items, o->n_k = m->k.n;
	o->ratio = m->ratio.items, o->n_ratio = m->ratio.n;
	o->mass = m->mass.items, o->n_mass = m->mass.n;
	o->shadows = m->shadows.items, o->n_shadows = m->shadows.n;
	o->rows = (am_rows_kind)m->rows.index, o->rows_n = m->rows.n;
	o->dist = (am_dist_kind)m->dist.index, o->dist_k = m->dist.n, o->dist_float16 = m->float16;
}

void am_print_size(am_text *t, double bytes)
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
	am_print_size(t, (double)s->file_bytes);
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
	am_print_size(t, e->memory_bytes);
	am_text_puts(t, " at the peak\ndisk       ");
	am_print_size(t, e->disk_bytes);
	am_text_printf(t, "\ntime       %.1f s\n", e->seconds);
}

static int dry_run(const am_measure *m)
{
	am_error err = {0};
	am_run_estimate e = {0};
	am_text out = {0};
	am_status s = am_run_estimate_cost(&m->o, &e, &err);
	if (!s) {
		am_report_notes(m->command, am_text_str(&e.notes));
		print_estimate(&out, &e, m->json);
		s = am_report_write(NULL, false, &out, &err);
	}
	am_text_free(&out);
	am_run_estimate_fini(&e);
	return s ? am_report_error(m->command, s, &err) : 0;
}

int am_measure_run(am_measure *m)
{
	am_run_options *o = &m->o;
	am_error err = {0};
	am_run_summary summary = {0};
	am_progress_bar bar;
	am_text out = {0};
	if (m->dry)
		return dry_run(m);
	o->progress = am_progress_bar_begin(&bar, "tokens", m->quiet);
	o->stop = am_stop_listen();
	am_status s = am_run_capture(o, &summary, &err);
	am_progress_bar_end(&bar);
	if (!s) {
		am_report_notes(m->command, am_text_str(&summary.notes));
		if (m->json || !m->quiet)
			print_summary(&out, o, &summary, m->json);
		s = am_report_write(NULL, false, &out, &err);
	}
	am_text_free(&out);
	am_run_summary_fini(&summary);
	int code = s ? am_report_error(m->command, s, &err) : 0;
	if (s == AM_ERR_IO && strstr(err.text, "/config.json: cannot open") && !m->quiet)
		am_report_notes(m->command, "-m takes a folder as Hugging Face lays it out: config.json, tokenizer.json, safetensors; without it "
		                            "the embedded model runs\n");
	return s == AM_ERR_STOPPED ? am_stop_exit_code(*o->stop) : code;
}

void am_measure_fini(am_measure *m)
{
	am_text_free(&m->line);
}

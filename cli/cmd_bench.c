/* attnmeter bench: speed beside its limits. */
#include "analysis/table.h"
#include "base/datadir.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "probes/bench.h"

#include <math.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char *const parts[] = {"attention", "forward", "decode", "selection", "write", NULL};

static const am_column columns[] = {
	{.name = "part", .type = AM_COL_TEXT}, {.name = "what", .type = AM_COL_TEXT},
	{.name = "value", .type = AM_COL_REAL, .digits = 2}, {.name = "unit", .type = AM_COL_TEXT},
	{.name = "limit", .type = AM_COL_TEXT}, {.name = "ratio", .type = AM_COL_REAL, .digits = 2},
};

static void add(void *ctx, const am_bench_figure *f)
{
	am_cell *row = am_table_add(ctx);
	if (!row)
		return;
	row[0].s = am_strdup(f->part);
	row[1].s = am_strdup(f->what);
	row[2].x = f->value;
	row[3].s = am_strdup(f->unit);
	row[4].s = f->limit ? am_strdup(f->limit) : NULL;
	row[5].x = f->limit ? f->ratio : NAN;
}

/* What the figures are of. */
static void begin(const am_bench_options *o, const am_bench_setting *m, bool json, am_text *out)
{
	if (!json) {
		am_text_printf(out, "%s, %d tokens, %d thread%s, kernels %s\n\n", o->model, m->tokens, m->threads,
		               m->threads == 1 ? "" : "s", m->kernels);
		return;
	}
	am_text_puts(out, "{\"model\": ");
	am_json_string(out, o->model);
	am_text_printf(out, ", \"tokens\": %d, \"threads\": %d, \"kernels\": \"%s\",\n \"table\": ", m->tokens, m->threads, m->kernels);
}

static am_status measure(const am_bench_options *o, bool json, am_error *err)
{
	am_table t;
	am_bench_setting setting;
	am_status s = am_table_init(&t, columns, COUNT(columns), err);
	if (s)
		return s;
	s = am_bench_run(o, add, &t, &setting, err);
	am_text out = am_report_text(NULL);
	if (!s) {
		begin(o, &setting, json, &out);
		if (json)
			am_table_json(&t, 2, &out);
		else
			am_table_text(&t, &out);
		am_text_puts(&out, json ? "}\n" : "");
		s = am_report_write(NULL, false, &out, err);
	}
	am_text_free(&out);
	am_table_fini(&t);
	return s;
}

int am_cmd_bench(int argc, char **argv)
{
	am_bench_options o = {0};
	bool json = false;
	int only = -1;
	const am_option table[] = {
		{.short_name = 'm', .name = "model", .type = AM_OPT_STRING, .target = &o.model,
		 .value = "DIR", .help = "model that is measured [the embedded model]"},
		{.short_name = 'c', .name = "ctx", .type = AM_OPT_INT, .target = &o.tokens,
		 .value = "N", .help = "context it is measured at [4096]", .min = 2, .max = 1 << 24},
		{.name = "only", .type = AM_OPT_ENUM, .target = &only,
		 .value = "PART", .help = "one part: attention, forward, decode, selection or write [all]", .names = parts},
		{.short_name = 't', .name = "threads", .type = AM_OPT_INT, .target = &o.threads,
		 .value = "N", .help = "threads [all processors]", .min = 1, .max = 4096},
		{.name = "kernels", .type = AM_OPT_STRING, .target = &o.kernels,
		 .value = "NAME", .help = "row kernels, see `attnmeter info` [$ATTNMETER_KERNELS, or the best here]"},
		{.name = "scratch", .type = AM_OPT_STRING, .target = &o.scratch,
		 .value = "DIR", .help = "folder on the disk that is measured [.]"},
		{.name = "seconds", .type = AM_OPT_DOUBLE, .target = &o.seconds,
		 .value = "S", .help = "least time for each figure [0.5]", .min = 0.01, .max = 60},
		{.name = "json", .type = AM_OPT_FLAG, .target = &json, .help = "print one JSON object"},
	};
	am_options options = {
		.command = "bench",
		.summary = "Measures attention, forward pass, decode, selection and file writing on this machine, each beside "
		           "the limit that bounds it: matrix products, memory or disk, measured in the same run.",
		.table = table, .n_table = COUNT(table),
	};
	char *embedded = NULL;
	am_error err = {0};
	int code = am_options_parse(&options, argc, argv);
	if (code < 0 && !o.model) {
		am_status s = am_data_path("models/base", &embedded, &err);
		o.model = embedded;
		code = s ? am_report_error("bench", s, &err) : code;
	}
	if (code < 0) {
		o.only = only >= 0 ? parts[only] : NULL;
		am_status s = measure(&o, json, &err);
		code = s ? am_report_error("bench", s, &err) : 0;
	}
	am_options_fini(&options);
	am_free(embedded);
	return am_report_finish("bench", code);
}

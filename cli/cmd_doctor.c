/* attnmeter doctor: is all there that attnmeter uses, and what to do where it is not. */
#include "analysis/plot.h"
#include "analysis/table.h"
#include "base/datadir.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "kernels/gemm.h"
#include "kernels/kernels.h"
#include "runfile/reader.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

/* Each says in `detail` what it found and returns AM_OK, or fails with what is missing. */

static am_status check_kernels(am_text *detail, am_error *err)
{
	const am_kernels *k;
	am_status s = am_kernels_get(NULL, &k, err);
	if (!s)
		am_text_printf(detail, "%s%s", k->name, k->gemm_bf16 ? " with bf16 products" : "");
	return s;
}

static am_status check_blas(am_text *detail, am_error *err)
{
	am_status s = am_gemm_init(err);
	if (!s)
		am_text_printf(detail, "%s, held to one thread; products are right", am_gemm_describe());
	return s;
}

static am_status check_threads(am_text *detail, am_error *err)
{
	am_threads *t;
	int n = am_threads_available();
	am_status s = am_threads_new(n, &t, err);
	if (s)
		return s;
	am_threads_free(t);
	am_text_printf(detail, "%d", n);
	return AM_OK;
}

static am_status check_hdf5(am_text *detail, am_error *err)
{
	am_status s = am_run_filters(err);
	if (!s)
		am_text_puts(detail, "filters deflate and shuffle are there");
	return s;
}

static am_status check_data(am_text *detail, am_error *err)
{
	char *model = NULL, *text = NULL;
	am_status s = am_data_path("models/base/model.safetensors", &model, err);
	if (!s)
		s = am_data_path("data/time-machine.txt", &text, err);
	if (!s)
		am_text_printf(detail, "%.*s", (int)(strrchr(model, '/') - model), model);
	am_free(model);
	am_free(text);
	return s;
}

static am_status check_gnuplot(am_text *detail, am_error *err)
{
	am_status s = am_plot_check(err);
	if (!s)
		am_text_puts(detail, "draws SVG and PNG");
	return s;
}

static am_status check_cuda(am_text *detail, am_error *err)
{
	(void)err;
	am_text_puts(detail, "not in this build; everything runs on the processor");
	return AM_OK;
}

static const struct {
	const char *name, *use;
	am_status (*check)(am_text *detail, am_error *err);
} checks[] = {
	{"kernels", "run, replay, eval, bench", check_kernels},
	{"blas", "run, replay, eval, bench", check_blas},
	{"threads", "run, replay, eval, bench", check_threads},
	{"hdf5", "every run file", check_hdf5},
	{"embedded data", "run without -m or a text", check_data},
	{"gnuplot", "--plot, plot, report", check_gnuplot},
	{"cuda", "nothing yet", check_cuda},
};

static const am_column columns[] = {
	{.name = "what", .type = AM_COL_TEXT}, {.name = "state", .type = AM_COL_TEXT},
	{.name = "used_by", .type = AM_COL_TEXT}, {.name = "detail", .type = AM_COL_TEXT},
};

/* Number of checks that failed, or -1 for want of memory. */
static int examine(am_table *t)
{
	int missing = 0;
	for (int i = 0; i < COUNT(checks); i++) {
		am_text detail = {0};
		am_error err = {0};
		am_status s = checks[i].check(&detail, &err);
		am_cell *row = am_table_add(t);
		missing += s != AM_OK;
		if (row) {
			row[0].s = am_strdup(checks[i].name);
			row[1].s = am_strdup(s ? "missing" : "ok");
			row[2].s = am_strdup(checks[i].use);
			row[3].s = am_strdup(s ? err.text : am_text_str(&detail));
		}
		am_text_free(&detail);
		if (!row || !row[0].s || !row[1].s || !row[2].s || !row[3].s)
			return -1;
	}
	return missing;
}

static am_status doctor(bool json, am_error *err)
{
	am_table t;
	am_text out = am_report_text(NULL);
	am_status s = am_table_init(&t, columns, COUNT(columns), err);
	if (s)
		return s;
	int missing = examine(&t);
	if (missing < 0)
		s = am_fail(err, AM_ERR_MEMORY, "out of memory");
	if (!s && json) {
		am_text_printf(&out, "{\"missing\": %d,\n \"table\": ", missing);
		am_table_json(&t, 1, &out);
		am_text_puts(&out, "}\n");
	} else if (!s) {
		am_table_text(&t, &out);
	}
	if (!s)
		s = am_report_write(NULL, false, &out, err);
	if (!s && missing)
		s = am_fail(err, AM_ERR_CHECK, "%d of %d missing", missing, COUNT(checks));
	am_text_free(&out);
	am_table_fini(&t);
	return s;
}

int am_cmd_doctor(int argc, char **argv)
{
	bool json = false;
	const am_option table[] = {
		{.name = "json", .type = AM_OPT_FLAG, .target = &json, .help = "print one JSON object"},
	};
	am_options o = {
		.command = "doctor",
		.summary = "Tries everything that attnmeter uses and says what is missing and what needs it: the kernels of this "
		           "processor, matrix products of the BLAS, threads, filters of HDF5, the embedded model, gnuplot. Exit "
		           "code 3 when something is missing.",
		.table = table, .n_table = COUNT(table),
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0) {
		am_error err = {0};
		am_status s = doctor(json, &err);
		code = s ? am_report_error(o.command, s, &err) : 0;
	}
	am_options_fini(&o);
	return code;
}

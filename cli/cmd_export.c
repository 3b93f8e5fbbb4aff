/* attnmeter export: a run file as CSV, JSON, NPZ or a notebook. */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "notebooks-export/export.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char command_name[] = "export";
static const char *const formats[] = {"csv", "json", "npz", "ipynb", NULL};

typedef struct request {
	const char *run;
	int format; /* -1: by the name of the output */
	am_opt_strings fields;
	am_field field[AM_FIELD_COUNT];
	am_export_options o;
} request;

static int format_of(const char *output)
{
	const char *dot = output ? strrchr(output, '.') : NULL;
	for (int i = 0; dot && formats[i]; i++)
		if (strcmp(dot + 1, formats[i]) == 0)
			return i;
	return -1;
}

/* What the options mean together; an exit code, or -1 to go on. */
static int settle(request *q)
{
	if (q->format < 0)
		q->format = q->o.output && strcmp(q->o.output, "-") ? format_of(q->o.output) : AM_EXPORT_CSV;
	if (q->format < 0)
		return am_report_usage(command_name, "--format: expected csv, json, npz or ipynb, and '%s' does not say which",
		                       q->o.output);
	q->o.format = (am_export_format)q->format;
	if (q->fields.n && q->o.format == AM_EXPORT_NOTEBOOK)
		return am_report_usage(command_name, "--field: not with ipynb, which opens the run itself");
	for (int i = 0; i < q->fields.n; i++) {
		if (q->o.n_field == AM_FIELD_COUNT || !am_export_field(q->fields.items[i], &q->field[q->o.n_field]))
			return am_report_usage(command_name, "--field: expected a field of a run file (attnmeter show), found '%s'",
			                       q->fields.items[i]);
		q->o.n_field++;
	}
	q->o.field = q->field;
	return -1;
}

static int parse(request *q, int argc, char **argv)
{
	const am_option table[] = {
		{'f', "format", AM_OPT_ENUM, &q->format, .names = formats,
		 .help = "form of the output; without it the output's name decides, csv on standard output"},
		{.name = "field", .type = AM_OPT_STRINGS, .target = &q->fields, .value = "NAME",
		 .help = "a field, as entropy or /stat/entropy; repeatable. Without it csv and json hold row_nll and all of "
		         "/stat and /pair, npz every field but /dist"},
		{'o', "output", AM_OPT_STRING, &q->o.output, "PATH", "file to write; without it standard output"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &q->o.force, .help = "replace an existing output"},
	};
	am_options o = {
		.command = command_name, .operands = "RUN", .min_operands = 1, .max_operands = 1,
		.summary = "Writes a run file in another form: tidy CSV (a line a value, with its coordinates), JSON, NumPy's "
		           "NPZ, or a Jupyter notebook that opens the run with h5py and xarray, draws its main pictures and explains them.",
		.notes = "Examples:\n"
		         "  attnmeter export run.h5 --field entropy -o entropy.csv\n"
		         "  attnmeter export run.h5 -o run.npz\n"
		         "  attnmeter export run.h5 -o run.ipynb\n",
		.table = table, .n_table = COUNT(table),
	};
	q->format = -1;
	int code = am_options_parse(&o, argc, argv);
	if (code < 0) {
		q->run = o.operand[0];
		code = settle(q);
	}
	am_options_fini(&o);
	return code;
}

int am_cmd_export(int argc, char **argv)
{
	request q = {0};
	int code = parse(&q, argc, argv);
	if (code >= 0)
		return code;
	am_error err = {0};
	am_run *run;
	am_status s = am_run_open(q.run, &run, &err);
	if (!s) {
		s = am_export(run, &q.o, &err);
		am_run_close(run);
	}
	return s ? am_report_error(command_name, s, &err) : 0;
}

/* attnmeter show: what is in a run file, and whether it is sound. */
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/show.h"
#include "runfile/reader.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char command_name[] = "show";

typedef struct request {
	const char *run;
	bool check, json;
} request;

static int parse(request *q, int argc, char **argv)
{
	const am_option table[] = {
		{.name = "check", .type = AM_OPT_FLAG, .target = &q->check,
		 .help = "validate structure and values instead; exit code 3 when there are problems"},
		{.name = "json", .type = AM_OPT_FLAG, .target = &q->json, .help = "print one JSON object"},
	};
	am_options o = {
		.command = command_name, .operands = "RUN", .min_operands = 1, .max_operands = 1,
		.summary = "Shows what a run file holds: how it was made, its sequences, axes and fields. Runs that "
		           "were interrupted (RUN.h5.part) can be shown too.",
		.table = table, .n_table = COUNT(table),
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0)
		q->run = o.operand[0];
	am_options_fini(&o);
	return code;
}

static am_status check(const request *q, am_run *run, am_error *err)
{
	am_text problems = {0}, out = {0};
	am_status s = am_run_check(run, &problems, err);
	if (!s || s == AM_ERR_CHECK) {
		am_status written;
		if (q->json)
			am_show_check_json(run, am_text_str(&problems), &out);
		else if (s)
			am_text_puts(&out, am_text_str(&problems));
		else
			am_text_printf(&out, "%s: no problems%s\n", q->run, am_run_complete(run) ? "" : " (not complete)");
		am_error write_err;
		written = am_report_write(NULL, false, &out, &write_err);
		if (written) {
			if (err)
				*err = write_err;
			s = written;
		}
	}
	am_text_free(&problems);
	am_text_free(&out);
	return s;
}

static am_status show(const request *q, am_run *run, am_error *err)
{
	am_text out = am_report_text(NULL);
	am_status s = q->json ? am_show_json(run, &out, err) : am_show_text(run, &out, err);
	if (!s)
		s = am_report_write(NULL, false, &out, err);
	am_text_free(&out);
	return s;
}

int am_cmd_show(int argc, char **argv)
{
	request q = {0};
	int code = parse(&q, argc, argv);
	if (code >= 0)
		return code;
	am_error err = {0};
	am_run *run;
	am_status s = am_run_open(q.run, &run, &err);
	if (s)
		return am_report_run_error(command_name, q.run, false, s, &err);
	s = (q.check ? check : show)(&q, run, &err);
	am_run_close(run);
	return s ? am_report_error(command_name, s, &err) : 0;
}

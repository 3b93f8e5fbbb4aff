/* attnmeter replay: captured tensors in, run file out. */
#include "cli/commands.h"
#include "cli/measure.h"
#include "cli/options.h"
#include "cli/report.h"

int am_cmd_replay(int argc, char **argv)
{
	am_measure m;
	am_measure_init(&m, "replay");
	am_option table[AM_MEASURE_OPTIONS];
	am_options options = {
		.command = "replay", .operands = "CAPTURE.h5", .min_operands = 1, .max_operands = 1,
		.summary = "Writes the same run file as `run` from queries and keys that another framework recorded. "
		           "--rows chooses among the recorded rows.",
		.notes = "Examples:\n"
		         "  attnmeter replay capture.h5 -o run.h5\n"
		         "  attnmeter replay capture.h5 --rows last:64 -k 64,2048 --output-error -o run.h5\n"
		         "\n"
		         "docs/capture-format.md tells what a capture file holds; the Python package attnmeter\n"
		         "records one from a Hugging Face model.\n",
		.table = table, .n_table = am_measure_table(&m, table, 0),
	};
	int code = am_options_parse(&options, argc, argv);
	if (code < 0)
		code = am_measure_check(&m);
	if (code < 0) {
		m.o.capture = options.operand[0];
		am_measure_settle(&m, argc, argv);
		code = am_measure_run(&m);
	}
	am_options_fini(&options);
	am_measure_fini(&m);
	return am_report_finish("replay", code);
}

/* attnmeter entropy. */
#include "analysis/entropy.h"
#include "cli/commands.h"
#include "cli/table_command.h"

static void text(const am_table *t, am_text *out)
{
	am_text_puts(out, "Entropy in nat; normalised: mean of H / ln n; effective_support: exp of the mean\n\n");
	am_table_text(t, out);
}

int am_cmd_entropy(int argc, char **argv)
{
	static const am_table_command command = {
		.name = "entropy",
		.summary = "Tables of the Shannon entropy of attention rows, per head, per layer and overall.\n\n"
		           "Means go from rows to sequences to tasks with equal weight at each step; median, p05 and "
		           "p95 pool rows. Intervals are 95 % BCa bootstrap intervals over sequences, none below 5. "
		           "normalised is the mean of H / ln n, effective_support exp of the mean entropy.",
		.notes = "Examples:\n"
		         "  attnmeter entropy run.h5                 layers and overall\n"
		         "  attnmeter entropy run.h5 --by head       heads too\n"
		         "  attnmeter entropy run.h5 --by position   against query position\n"
		         "  attnmeter entropy run.h5 --plot plots    and pictures\n",
		.table = am_entropy_table, .text = text, .plots = AM_PLOT_SET_ENTROPY,
	};
	return am_table_command_run(&command, argc, argv);
}

/* attnmeter coverage. The text turns the long table into one line a cell. */
#include "analysis/coverage.h"
#include "analysis/view.h"
#include "cli/commands.h"
#include "cli/table_command.h"

static void put_view(const am_table *t, bool counts, const char *title, am_text *out)
{
	am_view v;
	am_error err;
	if (am_view_coverage(t, counts, &v, &err)) {
		out->failed = true;
		return;
	}
	if (v.table.columns) {
		am_text_printf(out, "\n%s%s\n\n", title, v.cut ? " (not all; CSV and JSON hold the rest)" : "");
		am_table_text(&v.table, out);
	}
	am_view_fini(&v);
}

static void text(const am_table *t, am_text *out)
{
	put_view(t, false, "M(k): mean mass of the k largest keys of a row", out);
	put_view(t, true, "k(share): median number of keys that hold this share of the mass, and its 95th percentile",
	         out);
}

int am_cmd_coverage(int argc, char **argv)
{
	static const am_table_command command = {
		.name = "coverage",
		.summary = "Tables of how much attention mass the k largest keys of a row hold, and of how many keys "
		           "a share of the mass needs, per head, per layer and overall.\n\n"
		           "Means go from rows to sequences to tasks with equal weight at each step; k_median and k_p95 "
		           "pool rows. Intervals (CSV, JSON) are 95 % BCa bootstrap intervals over sequences, none "
		           "below 5.",
		.notes = "Examples:\n"
		         "  attnmeter coverage run.h5                layers and overall\n"
		         "  attnmeter coverage run.h5 --csv -o c.csv everything, with intervals\n"
		         "  attnmeter coverage run.h5 --plot plots   and pictures\n",
		.table = am_coverage_table, .text = text, .plots = AM_PLOT_SET_COVERAGE,
	};
	return am_table_command_run(&command, argc, argv);
}

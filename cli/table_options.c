#include "cli/table_options.h"

#include "analysis/plot.h"
#include "cli/report.h"

#include <string.h>

#define DEFAULT_BINS 16

int am_table_options_add(am_table_options *q, am_aggregate_options *a, am_option *table, int n)
{
	const am_option common[AM_TABLE_OPTIONS] = {
		{.name = "bins", .type = AM_OPT_INT, .target = &a->position_bins, .min = 1, .max = 10000,
		 .help = "position bins of equal width up to the longest sequence (16 with --by position, which --bins alone implies)"},
		{.name = "min-position", .type = AM_OPT_INT, .target = &a->min_position,
		 .help = "leave out rows at earlier query positions (default 0)"},
		{.short_name = 't', .name = "threads", .type = AM_OPT_INT, .target = &q->threads, .min = 1, .max = 1024, .value = "N",
		 .help = "threads for reading (default: all processors); the output does not depend on it"},
		{.name = "csv", .type = AM_OPT_FLAG, .target = &q->csv, .help = "print the table as CSV"},
		{.name = "json", .type = AM_OPT_FLAG, .target = &q->json, .help = "print one JSON object"},
		{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &q->output, .value = "FILE",
		 .help = "write to FILE instead of standard output"},
		{.name = "force", .type = AM_OPT_FLAG, .target = &q->force, .help = "overwrite files that exist"},
		{.name = "plot", .type = AM_OPT_STRING, .target = &q->plot, .value = "DIR",
		 .help = "also draw pictures; data and gnuplot scripts stay beside them"},
		{.name = "theme", .type = AM_OPT_ENUM, .target = &q->theme, .names = am_plot_theme_names(),
		 .help = "of the pictures: light, dark, or print, a column of a paper in greys (default light)"},
		{.short_name = 'q', .name = "quiet", .type = AM_OPT_FLAG, .target = &q->quiet, .help = "no notes on standard error"},
	};
	memcpy(table + n, common, sizeof common);
	return n + AM_TABLE_OPTIONS;
}

int am_table_options_check(const am_table_options *q, const char *command)
{
	return q->json && q->csv ? am_report_usage(command, "--csv and --json exclude each other") : -1;
}

am_table_format am_table_options_format(const am_table_options *q)
{
	return q->json ? AM_FORMAT_JSON : q->csv ? AM_FORMAT_CSV : AM_FORMAT_TEXT;
}

void am_table_options_bins(am_aggregate_options *a)
{
	if (!a->position_bins)
		a->position_bins = DEFAULT_BINS;
}

am_status am_table_options_threads(const am_table_options *q, am_threads **out, am_error *err)
{
	return am_threads_new(q->threads ? q->threads : am_threads_available(), out, err);
}

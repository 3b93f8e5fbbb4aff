/* What the commands that print a table of a run file share: their options, the
 * JSON around the table, the output, the pictures. */
#ifndef AM_CLI_TABLE_COMMAND_H
#define AM_CLI_TABLE_COMMAND_H

#include "analysis/aggregate_options.h"
#include "analysis/plot.h"
#include "analysis/table.h"
#include "cli/options.h"
#include "runfile/reader.h"

typedef struct am_table_command {
	const char *name;
	const char *summary, *notes; /* of the help page */
	am_status (*table)(am_run *r, const am_aggregate_options *o, am_table *out, am_error *err);
	/* The table for people, under a line that says what it was made from. */
	void (*text)(const am_table *t, am_text *out);
	am_plot_set plots; /* what --plot draws */

	/* For a command with options of its own: they go before the common ones; with_table
	 * takes the place of `table`, and `after`, where there is one, judges the run once
	 * everything is written. Both get ctx. */
	const am_option *options;
	int n_options;
	void *ctx;
	am_status (*with_table)(void *ctx, am_run *r, const am_aggregate_options *o, am_table *out, am_error *err);
	am_status (*after)(void *ctx, am_run *r, const am_aggregate_options *o, am_error *err);
} am_table_command;

/* The whole command; returns the exit code. */
int am_table_command_run(const am_table_command *c, int argc, char **argv);

#endif

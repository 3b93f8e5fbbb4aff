/* Options that the commands share which print tables of run files: table_command and
 * compare. */
#ifndef AM_CLI_TABLE_OPTIONS_H
#define AM_CLI_TABLE_OPTIONS_H

#include "analysis/aggregate_options.h"
#include "base/threads.h"
#include "cli/options.h"

#include <stdbool.h>

enum { AM_TABLE_OPTIONS = 10 }; /* how many am_table_options_add adds */

typedef enum { AM_FORMAT_TEXT, AM_FORMAT_CSV, AM_FORMAT_JSON } am_table_format;

typedef struct am_table_options {
	const char *output, *plot;
	bool csv, json, force, quiet;
	int theme;   /* of am_plot_theme_names */
	int threads; /* 0: as many as there are processors */
} am_table_options;

/* Puts them into table[n], with targets in *q and *a; returns how many there are then. */
int am_table_options_add(am_table_options *q, am_aggregate_options *a, am_option *table, int n);
/* What the parser cannot see: -1, or the exit code after a message. */
int am_table_options_check(const am_table_options *q, const char *command);
am_table_format am_table_options_format(const am_table_options *q);
/* Position bins where the rows of the table are by position and none were said. */
void am_table_options_bins(am_aggregate_options *a);
/* The threads asked for; am_threads_free. */
am_status am_table_options_threads(const am_table_options *q, am_threads **out, am_error *err) AM_MUST_CHECK;

#endif

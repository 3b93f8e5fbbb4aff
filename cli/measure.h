/* What the commands share that measure rows into a run file: the options of what is
 * measured, the job with its progress bar, the summary. */
#ifndef AM_CLI_MEASURE_H
#define AM_CLI_MEASURE_H

#include "base/text.h"
#include "cli/options.h"
#include "probes/run.h"

#include <stdbool.h>

enum { AM_MEASURE_OPTIONS = 29 }; /* room for the common options in a table */

typedef struct am_measure {
	const char *command;
	am_run_options o;
	/* Targets of options, taken into `o` by am_measure_settle. */
	am_opt_ints layers, heads, k;
	am_opt_doubles ratio, mass;
	am_opt_choice rows, dist;
	am_opt_strings shadows;
	bool float16, quiet, json, dry;
	am_text line; /* the command line */
} am_measure;

/* Defaults for the command of that name; am_measure_fini at the end. */
void am_measure_init(am_measure *m, const char *command);
void am_measure_fini(am_measure *m);
/* Adds the common options, whose targets lie in *m, at table[n]; returns how many there are then. */
int am_measure_table(am_measure *m, am_option *table, int n);
/* What the parser cannot see: -1, or the exit code after a message. */
int am_measure_check(am_measure *m);
/* Options to `o`, and the command line as a shell would take it. */
void am_measure_settle(am_measure *m, int argc, char **argv);
/* The job with progress bar and summary, or its estimate (--dry-run); the exit code. */
int am_measure_run(am_measure *m);

/* "12.3 MB" */
void am_print_size(am_text *t, double bytes);

#endif

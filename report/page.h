/* A report: one HTML page about one run, or about several and what changed from the first
 * to each of the others. It needs no other file and no network, and holds no time of its
 * making: the same files and options give the same bytes. docs/report.md describes it.
 *
 * Numbers are those of the tables (entropy.h, coverage.h, recall.h, compare.h), pictures
 * those of plot.h. */
#ifndef AM_REPORT_PAGE_H
#define AM_REPORT_PAGE_H

#include "analysis/compare.h"
#include "base/error.h"
#include "base/text.h"
#include "runfile/reader.h"

#include <stdbool.h>

#define AM_PAGE_RUNS 32 /* at most */

typedef enum { AM_PAGE_AUTO, AM_PAGE_LIGHT, AM_PAGE_DARK } am_page_theme;

typedef struct am_page_options {
	am_page_theme theme; /* AUTO: as the reader's system is set */
	bool pictures;       /* drawn by gnuplot */
	/* Metrics (none: entropy and mass@K of every k that all runs have), pairing,
	 * resamples, seed, min_position; the latter three are those of all tables. */
	am_compare_options compare;
	const char *command_line; /* that made the page; may be NULL */
} am_page_options;

/* AUTO, with pictures, no metrics, otherwise as am_compare_options_init. */
void am_page_options_init(am_page_options *o);

/* Appends the page about run[n] to `out`. Each comparison wants runs of its own: the same
 * file twice is opened twice. `control` (may be NULL) is for two runs. Runs that do not
 * pair are reported without what changed, which the page and `notes` (a line each) say.
 * AM_ERR_USAGE: no runs, too many, or a control that cannot be; otherwise as the tables
 * and am_plot_draw. Nothing is appended on failure. */
am_status am_page_make(am_run *const *run, int n, am_run *control, const am_page_options *o, am_text *out,
                       am_text *notes, am_error *err) AM_MUST_CHECK;

#endif

/* Pictures of a run file, drawn by gnuplot in a process of its own.
 *
 * A picture NAME leaves NAME.tsv (the numbers: a header line of column names
 * with units, empty cells for undefined values), NAME.gp (a complete script that
 * reads NAME.tsv beside it), NAME.svg and NAME.png in one directory, which is
 * made when it is missing. `cd DIR && gnuplot NAME.gp` draws it again. Files of
 * these names are replaced. The same run and options give the same .tsv and .gp,
 * byte for byte. docs/plots.md describes each picture and its columns.
 *
 * Numbers are those of the tables (entropy.h, coverage.h): rows -> sequence ->
 * task -> overall with equal weight; medians and percentiles pool rows. */
#ifndef AM_ANALYSIS_PLOT_H
#define AM_ANALYSIS_PLOT_H

#include "base/error.h"
#include "base/text.h"
#include "runfile/reader.h"

#include <stdbool.h>

typedef enum { AM_PLOT_AUTO, AM_PLOT_LOG, AM_PLOT_LINEAR } am_plot_scale;

typedef struct am_plot_options {
	const char *theme;      /* "light" or "dark" */
	int png_width;          /* pixels, 320 to 8192 */
	bool svg, png;          /* what gnuplot draws; with neither it is not started */
	am_plot_scale position; /* axis of query positions; AUTO: log over 16-fold spans */
	bool all_maps;          /* attention maps of every head, a picture a layer */
	int min_position;       /* rows at an earlier position are left out (not of profiles) */
	am_text *notes;         /* remarks for the user, a line each; may be NULL */
} am_plot_options;

/* light, 1280 pixels, SVG and PNG, AUTO, three maps, position 0, no notes. */
void am_plot_options_init(am_plot_options *o);

typedef enum { AM_PLOT_SET_ENTROPY, AM_PLOT_SET_COVERAGE, AM_PLOT_SET_RECALL } am_plot_set;

struct am_plot_job;

/* A kind of picture; one table of them, in the order of drawing. */
typedef struct am_plot_kind {
	const char *name; /* also the stem of its files */
	am_plot_set set;
	const char *summary; /* one line for listings */
	am_field needs[3];   /* fields without which it cannot be drawn */
	int n_needs;
	am_status (*draw)(const struct am_plot_job *job, am_error *err);
} am_plot_kind;

/* Draws one kind by name. `files` receives the paths written, a line each, also
 * those written before a failure. AM_ERR_USAGE: unknown kind or option value;
 * AM_ERR_FORMAT: the run lacks a field (named) or has no rows; AM_ERR_IO: the
 * directory, a file, or gnuplot (missing, or failed with its first error line);
 * data and script are in place even then. */
am_status am_plot_draw(am_run *r, const char *kind, const am_plot_options *o, const char *dir,
                       am_text *files, am_error *err) AM_MUST_CHECK;

/* Draws every kind of a set that the run has the data for; a kind left out gives
 * a note. Stops at the first failure. */
am_status am_plot_entropy(am_run *r, const am_plot_options *o, const char *dir, am_text *files,
                          am_error *err) AM_MUST_CHECK;
am_status am_plot_coverage(am_run *r, const am_plot_options *o, const char *dir, am_text *files,
                           am_error *err) AM_MUST_CHECK;
am_status am_plot_recall(am_run *r, const am_plot_options *o, const char *dir, am_text *files,
                         am_error *err) AM_MUST_CHECK;

/* Has gnuplot draw a small picture as SVG and PNG into a temporary folder. Fails as the others. */
am_status am_plot_check(am_error *err) AM_MUST_CHECK;

#endif

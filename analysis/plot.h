/* Pictures of run files, drawn by gnuplot in a process of its own.
 *
 * A picture NAME leaves NAME.tsv (the numbers: a header line of column names
 * with units, empty cells for undefined values), NAME.gp (a complete script that
 * reads NAME.tsv beside it), NAME.svg and NAME.png in one directory, which is
 * made when it is missing. `cd DIR && gnuplot NAME.gp` draws it again. Files of
 * these names are replaced. The same runs and options give the same .tsv and .gp,
 * byte for byte. docs/plots.md describes each picture and its columns.
 *
 * Numbers are those of the tables (entropy.h, coverage.h, recall.h, compare.h): rows ->
 * sequence -> task -> overall with equal weight; medians and percentiles pool rows. */
#ifndef AM_ANALYSIS_PLOT_H
#define AM_ANALYSIS_PLOT_H

#include "analysis/compare.h"
#include "base/error.h"
#include "base/text.h"
#include "runfile/reader.h"

#include <stdbool.h>

typedef enum { AM_PLOT_AUTO, AM_PLOT_LOG, AM_PLOT_LINEAR } am_plot_scale;

/* "light", "dark", "print", NULL. print is a column of a paper (3.35 inches) in greys. */
const char *const *am_plot_theme_names(void);

typedef struct am_plot_options {
	const char *theme;
	int png_width;          /* pixels, 320 to 8192; 0: 1280, for print 2010 (600 an inch) */
	bool svg, png;          /* what gnuplot draws; with neither it is not started */
	am_plot_scale position; /* axis of query positions; AUTO: log over 16-fold spans */
	bool all_maps;          /* attention maps of every head, a picture a layer */
	int min_position;       /* rows at an earlier position are left out (not of profiles) */
	/* What kinds that say so (takes) show of a run; "all layers" stays all of it. */
	const int *layers, *heads; /* [n_layers], [n_heads] ids */
	int n_layers, n_heads;     /* 0: all */
	int k;                     /* number of keys of the run; 0: the kind's choice */
	double mass;               /* share of the mass of the run; 0: the nearest to 0.95 */
	const char *name;       /* stem of the files in place of the kind's name; NULL: that */
	am_text *notes;         /* remarks for the user, a line each; may be NULL */
} am_plot_options;

/* light, SVG and PNG, AUTO, three maps, position 0, all layers and heads, no notes. */
void am_plot_options_init(am_plot_options *o);

/* What is drawn together: by the table command of that name. */
typedef enum {
	AM_PLOT_SET_ENTROPY,
	AM_PLOT_SET_COVERAGE,
	AM_PLOT_SET_RECALL,
	AM_PLOT_SET_COMPARE,
	AM_PLOT_SET_EVAL,
	AM_PLOT_SETS
} am_plot_set;

/* "entropy", ... */
const char *am_plot_set_name(am_plot_set set);

struct am_plot_job;
struct am_evaluation;

/* What of the options and requests a kind heeds beyond theme and files. */
enum {
	AM_PLOT_TAKES_LAYERS = 1,
	AM_PLOT_TAKES_HEADS = 2,
	AM_PLOT_TAKES_K = 4,
	AM_PLOT_TAKES_MASS = 8,
	AM_PLOT_TAKES_METRIC = 16,
	AM_PLOT_TAKES_CONTROL = 32
};

/* A kind of picture; one table of them, in the order of drawing. */
typedef struct am_plot_kind {
	const char *name; /* also the stem of its files; recall-curves adds -s0 and on */
	am_plot_set set;
	int n_runs;          /* 1, 2 (before, after), or 0: drawn from the results of eval */
	const char *summary; /* one line for listings */
	unsigned takes;      /* AM_PLOT_TAKES_ */
	am_field needs[3];   /* fields without which it cannot be drawn */
	int n_needs;
	const char *hint; /* what to do where one is missing */
	/* What else it needs, NULL for nothing; the detail as am_plot_draw's. */
	am_status (*check)(const struct am_plot_job *job, am_error *err);
	am_status (*draw)(const struct am_plot_job *job, am_error *err);
} am_plot_kind;

/* The registry, and one of it by name (NULL: none). */
const am_plot_kind *am_plot_kinds(int *n);
const am_plot_kind *am_plot_kind_find(const char *name);

/* What to draw from, and where to. Everything stays the caller's. */
typedef struct am_plot_request {
	am_run *run[2];                         /* [1] NULL where the kind takes one run */
	am_run *control;                        /* a third run that pairs with both, or NULL */
	const struct am_evaluation *evaluation; /* for the set EVAL alone */
	const am_compare_options *compare;      /* its first metric is drawn; NULL: am_compare_options_init */
	const am_plot_options *options;         /* NULL: am_plot_options_init */
	const char *dir;
	am_text *files; /* paths written, a line each, also those before a failure; may be NULL */
} am_plot_request;

/* Draws one kind by name. AM_ERR_USAGE: unknown kind or option value, an option that the
 * kind does not take, or too few runs; AM_ERR_FORMAT: a run lacks what the kind needs (named, with what to do) or has no rows;
 * AM_ERR_RANGE: runs that do not pair; AM_ERR_IO: the directory, a file, or gnuplot
 * (missing, or failed with its first error line); data and script are in place even then. */
am_status am_plot_draw(const char *kind, const am_plot_request *q, am_error *err) AM_MUST_CHECK;

/* Draws every kind of a set that there is data for; a kind left out for a missing field gives
 * a note. One that cannot be drawn does not keep the others from it; its failure is
 * returned. Runs are compared once for all kinds. */
am_status am_plot_draw_set(am_plot_set set, const am_plot_request *q, am_error *err) AM_MUST_CHECK;

/* Has gnuplot draw a small picture as SVG and PNG into a temporary folder. Fails as the others. */
am_status am_plot_check(am_error *err) AM_MUST_CHECK;

#endif

/* Internal to the pictures: the comparison that those of two runs draw from. */
#ifndef AM_ANALYSIS_PLOT_CHANGES_H
#define AM_ANALYSIS_PLOT_CHANGES_H

#include "analysis/compare.h"
#include "analysis/plot_picture.h"

/* What is compared: b with a, head by head or by position; the control with a. */
typedef enum { AM_CHANGES_HEADS, AM_CHANGES_POSITION, AM_CHANGES_CONTROL, AM_CHANGES } am_changes_of;

/* Comparisons made so far. */
typedef struct am_plot_changes {
	bool made[AM_CHANGES];
	am_comparison comparison[AM_CHANGES];
} am_plot_changes;

void am_plot_changes_fini(am_plot_changes *c);

/* One comparison and what all its pictures say. */
typedef struct am_changes {
	const am_plot_job *job;
	const am_metric *metric;
	const am_table *t;
	int n_cell; /* the first n_cell rows of the table are heads */
	int n_layer, n_head, n_shown; /* those to be shown */
	bool paired;
	char pairs[96]; /* "6 sequences, 120 rows of each head" */
} am_changes;

/* The first metric over all heads, or all heads together by position; compares unless it was
 * done before. Lives as long as the job's. */
am_status am_changes_get(const am_plot_job *job, am_changes_of what, am_changes *out, am_error *err) AM_MUST_CHECK;

#define AM_CHANGES_BINS 16 /* of positions, unless asked for otherwise */
/* How that is compared. */
am_compare_options am_changes_options(const am_plot_job *job, am_changes_of what);

/* A real or whole cell of the table. */
double am_changes_value(const am_changes *c, int row, const char *column);
int64_t am_changes_whole(const am_changes *c, int row, const char *column);
/* Whether the head of a row is to be shown. */
bool am_changes_is_shown(const am_changes *c, int row);
/* Largest size of change of the shown heads; 1 when nothing changed. */
double am_changes_widest(const am_changes *c);

/* Places among those shown and ids of the layer and head of a row, four cells. */
void am_changes_put_ids(const am_changes *c, int row, am_picture *p);
/* Summary, title and subtitle ("..; 6 sequences, ..."). */
void am_changes_put_words(const am_changes *c, am_picture *p, const char *title, const char *subtitle);

#endif

/* Internal to the pictures: the comparison that those of two runs draw from. */
#ifndef AM_ANALYSIS_PLOT_CHANGES_H
#define AM_ANALYSIS_PLOT_CHANGES_H

#include "analysis/compare.h"
#include "analysis/plot_picture.h"

/* Comparisons made so far: of all heads, and by position. */
typedef struct am_plot_changes {
	bool made[2];
	am_comparison comparison[2];
} am_plot_changes;

void am_plot_changes_fini(am_plot_changes *c);

/* One comparison and what all its pictures say. */
typedef struct am_changes {
	const am_plot_job *job;
	const am_metric *metric;
	const am_table *t;
	int n_layer, n_head, n_cell; /* the first n_cell rows of the table are heads */
	bool paired;
	char pairs[96]; /* "6 sequences, 120 rows of each head" */
} am_changes;

/* The first metric over all heads, or (by_position) all heads together by position; compares
 * unless it was done before. Lives as long as the job's. */
am_status am_changes_get(const am_plot_job *job, bool by_position, am_changes *out, am_error *err) AM_MUST_CHECK;

/* A real or whole cell of the table. */
double am_changes_value(const am_changes *c, int row, const char *column);
int64_t am_changes_whole(const am_changes *c, int row, const char *column);
/* Largest size of change of the heads; 1 when nothing changed. */
double am_changes_widest(const am_changes *c);

/* Indices and ids of the layer and head of a row, four cells. */
void am_changes_put_ids(const am_changes *c, int row, am_picture *p);
/* Summary, title and subtitle ("..; 6 sequences, ..."), and the colours of a change. */
void am_changes_put_words(const am_changes *c, am_picture *p, const char *title, const char *subtitle);

#endif

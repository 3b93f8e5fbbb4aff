/* Internal to recall: statistics of a run's selectors over the rows that a k leaves a
 * choice in. */
#ifndef AM_ANALYSIS_RECALL_STATS_H
#define AM_ANALYSIS_RECALL_STATS_H

#include "analysis/aggregate.h"
#include "analysis/recall.h"

/* What a row's value becomes: itself; what random or the best keys would have instead. */
typedef enum { AM_EDIT_PLAIN, AM_EDIT_CHANCE, AM_EDIT_CHANCE_SHARE, AM_EDIT_ONE } am_recall_edit;

/* A field and how it is taken; field -1: there is none. */
typedef struct am_recall_source {
	int field;
	am_recall_edit edit;
} am_recall_source;

/* Rows of one field with those left out as NaN. Open before use, close after. */
typedef struct am_recall_rows {
	am_rows rows;
	am_run *run;
	am_recall_edit edit;
	bool ratio, budgets; /* axis of the last index; there is one */
	double min_ratio;
} am_recall_rows;

/* Opens the rows of a source with AM_AXIS_RATIO or AM_AXIS_K last; `keep` as am_rows_open. The rows
 * must stay where they are until closed. */
am_status am_recall_rows_open(am_run *run, am_recall_source s, bool ratio, double min_ratio, bool keep, am_recall_rows *out,
                              am_error *err) AM_MUST_CHECK;
void am_recall_rows_close(am_recall_rows *r);
/* Keys asked for at index i of the last axis by a row with n visible ones; may exceed n. */
double am_recall_budget(const am_run *run, bool ratio, int i, int n);

/* Means with the width of the field's second axis. */
typedef struct am_recall_means {
	int width; /* 0: the run does not hold the field */
	am_means means;
} am_recall_means;
am_status am_recall_means_of(am_aggregate *a, am_recall_source s, bool ratio, double min_ratio, am_recall_means *out,
                             am_error *err) AM_MUST_CHECK;

/* Of pooled rows, [inner][cells]. */
typedef struct am_recall_extremes {
	int64_t *n_rows, *n_trivial;
	float *worst;       /* NaN without rows */
	int64_t *worst_row; /* the first with that value */
} am_recall_extremes;
am_status am_recall_extremes_of(am_aggregate *a, am_recall_rows *r, am_recall_extremes *out, am_error *err) AM_MUST_CHECK;
void am_recall_extremes_fini(am_recall_extremes *e);

#endif

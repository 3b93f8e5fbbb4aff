/* The long tables of coverage.h and recall.h as people read them: a line a cell, a
 * column a budget. */
#ifndef AM_ANALYSIS_VIEW_H
#define AM_ANALYSIS_VIEW_H

#include "analysis/table.h"
#include "base/error.h"

#include <stdbool.h>

#define AM_VIEW_NAME 32 /* bytes of a column's name */

/* Columns are named within the view, so it must stay where it is. am_view_fini after
 * success. */
typedef struct am_view {
	am_table table; /* no columns where the source holds nothing of the kind */
	int keys;       /* columns before those of the budgets */
	bool cut;       /* more budgets than a table takes: these are the first */
	char name[AM_MAX_COLUMNS][AM_VIEW_NAME];
	am_column columns[AM_MAX_COLUMNS];
} am_view;
void am_view_fini(am_view *v);

/* Of am_coverage_table: the keys of a cell and M(k), M(5%), ..., or with `counts`
 * k(95%), p95, ... */
am_status am_view_coverage(const am_table *t, bool counts, am_view *out, am_error *err) AM_MUST_CHECK;

/* Of am_recall_table: selector, reference, the keys of a cell and R(k) of each budget;
 * selectors that were shadowed, not the baselines. */
am_status am_view_recall(const am_table *t, am_view *out, am_error *err) AM_MUST_CHECK;
/* Of am_recall_table: selector, reference, k ("16" or "5%") and the columns names[n] of
 * all layers together, a line each where any has a value; with_worst adds worst_row,
 * "sequence/position". */
am_status am_view_recall_lines(const am_table *t, const char *const *names, int n, bool with_worst, am_view *out,
                               am_error *err) AM_MUST_CHECK;

#endif

/* The columns and cells that every aggregated table begins with. Private to
 * analysis. */
#ifndef AM_ANALYSIS_CELLS_H
#define AM_ANALYSIS_CELLS_H

#include "analysis/aggregate.h"
#include "analysis/table.h"

/* Starts a table with position_low, position_high (only with a position table),
 * layer, head, then columns[n]. */
am_status am_cells_begin(const am_aggregate *a, const am_column *columns, int n, am_table *out,
                         am_error *err) AM_MUST_CHECK;
/* Adds a row with those first columns filled; *rest is the cell after them. */
am_status am_cells_add(const am_aggregate *a, am_table *t, int bin, int layer, int head, am_cell **rest,
                       am_error *err) AM_MUST_CHECK;
/* Index of the first column after them. */
int am_cells_first(const am_aggregate *a);
/* Moves what the aggregate knows of its source into the table. */
void am_cells_end(am_aggregate *a, am_table *t);

#endif

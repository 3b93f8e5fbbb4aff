#include "analysis/cells.h"

#include <string.h>

static bool by_position(const am_aggregate *a)
{
	return a->options.position_bins > 0;
}

int am_cells_first(const am_aggregate *a)
{
	return by_position(a) ? 4 : 2;
}

am_status am_cells_begin(const am_aggregate *a, const am_column *columns, int n, am_table *out, am_error *err)
{
	static const am_column lead[] = {
		{"position_low", AM_COL_INT, 0, false}, {"position_high", AM_COL_INT, 0, false},
		{"layer", AM_COL_INT, 0, false}, {"head", AM_COL_INT, 0, false},
	};
	am_column all[AM_MAX_COLUMNS];
	int n_lead = am_cells_first(a);
	memcpy(all, lead + 4 - n_lead, (size_t)n_lead * sizeof *all);
	memcpy(all + n_lead, columns, (size_t)n * sizeof *all);
	return am_table_init(out, all, n_lead + n, err);
}

am_status am_cells_add(const am_aggregate *a, am_table *t, int bin, int layer, int head, am_cell **rest,
                       am_error *err)
{
	am_cell *cell = am_table_add(t);
	if (!cell)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	if (by_position(a)) {
		(cell++)->i = a->bin_edge[bin];
		(cell++)->i = a->bin_edge[bin + 1];
	}
	if (layer >= 0)
		cell[0].i = (int64_t)am_run_axis_values(a->run, AM_AXIS_LAYER)[layer];
	if (head >= 0)
		cell[1].i = (int64_t)am_run_axis_values(a->run, AM_AXIS_HEAD)[head];
	*rest = cell + 2;
	return AM_OK;
}

void am_cells_end(am_aggregate *a, am_table *t)
{
	t->n_sequences = a->n_sequences_used;
	t->n_source_rows = a->n_rows_used;
	t->warnings = a->warnings;
	a->warnings = (am_text){0};
}

#include "analysis/table.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

am_status am_table_init(am_table *t, const am_column *columns, int n, am_error *err)
{
	assert(n >= 1 && n <= AM_MAX_COLUMNS);
	am_column *copy = am_alloc((size_t)n, sizeof *copy);
	if (!copy)
		return am_fail(err, AM_ERR_MEMORY, "table: out of memory");
	memcpy(copy, columns, (size_t)n * sizeof *copy);
	*t = (am_table){.n_columns = n, .columns = copy};
	return AM_OK;
}

void am_table_fini(am_table *t)
{
	for (int c = 0; c < t->n_columns; c++)
		for (int r = 0; t->columns[c].type == AM_COL_TEXT && r < t->n_rows; r++)
			am_free(t->cells[(size_t)r * t->n_columns + c].s);
	am_free(t->columns);
	am_free(t->cells);
	am_free(t->omitted);
	am_text_free(&t->warnings);
	*t = (am_table){0};
}

static bool make_room(am_table *t)
{
	if (t->n_rows < t->room)
		return true;
	int room = t->room ? 2 * t->room : 16;
	size_t row = (size_t)t->n_columns * sizeof(am_cell), used = (size_t)t->n_rows;
	am_cell *cells = am_grow(t->cells, used * row, (size_t)room, row);
	if (!cells)
		return false;
	t->cells = cells;
	uint64_t *omitted = am_grow(t->omitted, used * sizeof *omitted, (size_t)room, sizeof *omitted);
	if (!omitted)
		return false;
	t->omitted = omitted;
	t->room = room;
	return true;
}

am_cell *am_table_add(am_table *t)
{
	if (!make_room(t))
		return NULL;
	am_cell *row = t->cells + (size_t)t->n_rows * t->n_columns;
	for (int c = 0; c < t->n_columns; c++)
		switch (t->columns[c].type) {
		case AM_COL_INT: row[c].i = INT64_MIN; break;
		case AM_COL_REAL: row[c].x = NAN; break;
		case AM_COL_TEXT: row[c].s = NULL; break;
		}
	t->omitted[t->n_rows++] = 0;
	return row;
}

void am_table_omit(am_table *t, int column)
{
	assert(t->n_rows > 0 && column >= 0 && column < t->n_columns);
	t->omitted[t->n_rows - 1] |= UINT64_C(1) << column;
}

int am_table_column(const am_table *t, const char *name)
{
	for (int c = 0; c < t->n_columns; c++)
		if (!strcmp(t->columns[c].name, name))
			return c;
	return -1;
}

bool am_table_is_null(const am_table *t, int row, int column)
{
	const am_cell *cell = &t->cells[(size_t)row * t->n_columns + column];
	switch (t->columns[column].type) {
	case AM_COL_INT: return cell->i == INT64_MIN;
	case AM_COL_REAL: return isnan(cell->x);
	default: return !cell->s;
	}
}

#include "analysis/view.h"

#include <stdio.h>
#include <string.h>

void am_view_fini(am_view *v)
{
	if (v->table.columns)
		am_table_fini(&v->table);
}

/* Columns that say which cell a row is about; these are the first of the table. */
static int key_columns(const am_table *t)
{
	return am_table_column(t, "head") + 1;
}

static const am_cell *row_at(const am_table *t, int row)
{
	return t->cells + (size_t)row * t->n_columns;
}

static bool same_cell(const am_table *t, int a, int b)
{
	return !memcmp(row_at(t, a), row_at(t, b), (size_t)key_columns(t) * sizeof(am_cell));
}

static void add_column(am_view *w, int at, int digits, const char *format, double x)
{
	if (at >= AM_MAX_COLUMNS)
		return;
	snprintf(w->name[at], AM_VIEW_NAME, format, x);
	w->columns[at] = (am_column){w->name[at], AM_COL_REAL, digits, false};
}

/* Columns as the rows of the first cell ask for them; their number. */
static int set_columns(const am_table *t, bool counts, am_view *w)
{
	int k = am_table_column(t, "k"), ratio = am_table_column(t, "ratio"), tau = am_table_column(t, "tau"), n = 0;
	w->keys = key_columns(t);
	memcpy(w->columns, t->columns, (size_t)w->keys * sizeof(am_column));
	for (int r = 0; r < t->n_rows && same_cell(t, 0, r); r++) {
		if (am_table_is_null(t, r, tau) == counts)
			continue;
		if (counts) {
			add_column(w, w->keys + n++, 1, "k(%g%%)", 100 * row_at(t, r)[tau].x);
			add_column(w, w->keys + n++, 1, "p95", 0);
		} else if (!am_table_is_null(t, r, k)) {
			add_column(w, w->keys + n++, 3, "M(%.0f)", (double)row_at(t, r)[k].i);
		} else {
			add_column(w, w->keys + n++, 3, "M(%g%%)", 100 * row_at(t, r)[ratio].x);
		}
	}
	w->cut = w->keys + n > AM_MAX_COLUMNS;
	return w->cut ? AM_MAX_COLUMNS - w->keys : n;
}

static am_status fill(const am_table *t, bool counts, int n, am_view *w, am_error *err)
{
	int mass = am_table_column(t, "mass"), median = am_table_column(t, "k_median");
	int tau = am_table_column(t, "tau"), at = 0;
	am_cell *cells = NULL;
	for (int r = 0; r < t->n_rows; r++) {
		if (!r || !same_cell(t, r, r - 1)) {
			cells = am_table_add(&w->table);
			if (!cells)
				return am_fail(err, AM_ERR_MEMORY, "coverage: out of memory");
			memcpy(cells, row_at(t, r), (size_t)w->keys * sizeof *cells);
			at = 0;
		}
		if (am_table_is_null(t, r, tau) == counts)
			continue;
		for (int i = 0; i < 1 + counts && at < n; i++)
			cells[w->keys + at++].x = row_at(t, r)[(counts ? median : mass) + i].x;
	}
	return AM_OK;
}

am_status am_view_coverage(const am_table *t, bool counts, am_view *out, am_error *err)
{
	*out = (am_view){0};
	int n = set_columns(t, counts, out);
	if (!n)
		return AM_OK;
	am_status s = am_table_init(&out->table, out->columns, out->keys + n, err);
	if (s)
		return s;
	s = fill(t, counts, n, out, err);
	if (s)
		am_view_fini(out);
	return s;
}

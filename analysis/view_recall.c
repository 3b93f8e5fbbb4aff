#include "analysis/view.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const am_cell *at(const am_table *t, int row, const char *name)
{
	return &t->cells[(size_t)row * (size_t)t->n_columns + (size_t)am_table_column(t, name)];
}

static am_status out_of_memory(am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "recall: out of memory");
}

/* "16" or "5%". */
static void budget_name(const am_table *t, int row, char *out, size_t room)
{
	if (am_table_is_null(t, row, am_table_column(t, "k")))
		snprintf(out, room, "%g%%", 100 * at(t, row, "ratio")->x);
	else
		snprintf(out, room, "%" PRId64, at(t, row, "k")->i);
}

/* ---- all layers, a line a budget ---------------------------------------------- */

static bool is_whole(const am_table *t, int row)
{
	return am_table_is_null(t, row, am_table_column(t, "layer")) &&
	       (am_table_column(t, "position_low") < 0 || at(t, row, "position_low")->i == at(t, 0, "position_low")->i);
}

static bool any_value(const am_table *t, int row, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (!am_table_is_null(t, row, am_table_column(t, names[i])))
			return true;
	return false;
}

static am_status put_line(const am_table *t, int r, const char *const *names, int n, bool with_worst, am_table *lines,
                          am_error *err)
{
	char text[2 * AM_VIEW_NAME];
	am_cell *c = am_table_add(lines);
	if (!c)
		return out_of_memory(err);
	budget_name(t, r, text, sizeof text);
	if (!(c[0].s = am_strdup(at(t, r, "selector")->s)) || !(c[1].s = am_strdup(at(t, r, "reference")->s)) ||
	    !(c[2].s = am_strdup(text)))
		return out_of_memory(err);
	for (int i = 0; i < n; i++)
		c[3 + i] = *at(t, r, names[i]);
	if (!with_worst || am_table_is_null(t, r, am_table_column(t, "worst_sequence")))
		return AM_OK;
	snprintf(text, sizeof text, "%" PRId64 "/%" PRId64, at(t, r, "worst_sequence")->i, at(t, r, "worst_position")->i);
	c[3 + n].s = am_strdup(text);
	return c[3 + n].s ? AM_OK : out_of_memory(err);
}

am_status am_view_recall_lines(const am_table *t, const char *const *names, int n, bool with_worst, am_view *out,
                               am_error *err)
{
	*out = (am_view){.keys = 3};
	out->columns[0] = (am_column){"selector", AM_COL_TEXT, 0, false};
	out->columns[1] = (am_column){"reference", AM_COL_TEXT, 0, false};
	out->columns[2] = (am_column){"k", AM_COL_TEXT, 0, false};
	for (int i = 0; i < n; i++)
		out->columns[3 + i] = t->columns[am_table_column(t, names[i])];
	out->columns[3 + n] = (am_column){"worst_row", AM_COL_TEXT, 0, false};
	am_status s = am_table_init(&out->table, out->columns, 3 + n + with_worst, err);
	if (s)
		return s;
	for (int r = 0; r < t->n_rows && !s; r++)
		if (is_whole(t, r) && any_value(t, r, names, n))
			s = put_line(t, r, names, n, with_worst, &out->table, err);
	if (s)
		am_view_fini(out);
	return s;
}

/* ---- recall by cell, a column a budget ---------------------------------------- */

/* Position, layer and head of the source come behind selector and reference. */
static int source_keys(const am_table *t)
{
	return am_table_column(t, "head") + 1;
}

/* Column of a row's budget, n + 1 of them when it is new; -1 without room. */
static int column_of(const am_table *t, am_view *w, int *n, int row)
{
	char name[AM_VIEW_NAME] = "R(";
	budget_name(t, row, name + 2, sizeof name - 3);
	strcat(name, ")");
	for (int i = 0; i < *n; i++)
		if (strcmp(w->name[i], name) == 0)
			return w->keys + i;
	if (w->keys + *n == AM_MAX_COLUMNS) {
		w->cut = true;
		return -1;
	}
	memcpy(w->name[*n], name, sizeof name);
	w->columns[w->keys + *n] = (am_column){w->name[*n], AM_COL_REAL, 3, false};
	return w->keys + (*n)++;
}

static bool same_line(const am_table *t, int a, int b)
{
	size_t keys = (size_t)source_keys(t) * sizeof(am_cell), row = (size_t)t->n_columns;
	return !memcmp(t->cells + (size_t)a * row, t->cells + (size_t)b * row, keys) &&
	       !strcmp(at(t, a, "selector")->s, at(t, b, "selector")->s) &&
	       !strcmp(at(t, a, "reference")->s, at(t, b, "reference")->s);
}

/* The line of a source row: cells over k and over ratio lie apart in the source. */
static int line_of(const am_table *t, const am_view *w, const int *first, int row)
{
	for (int i = w->table.n_rows - 1; i >= 0; i--)
		if (same_line(t, first[i], row))
			return i;
	return -1;
}

static am_status add_line(const am_table *t, int row, am_table *out, am_error *err)
{
	am_cell *c = am_table_add(out);
	if (!c || !(c[0].s = am_strdup(at(t, row, "selector")->s)) || !(c[1].s = am_strdup(at(t, row, "reference")->s)))
		return out_of_memory(err);
	memcpy(c + 2, t->cells + (size_t)row * (size_t)t->n_columns, (size_t)source_keys(t) * sizeof *c);
	return AM_OK;
}

static am_status fill(const am_table *t, am_view *w, int *n, int *first, am_error *err)
{
	am_status s = AM_OK;
	for (int r = 0; r < t->n_rows && !s; r++) {
		if (am_table_is_null(t, r, am_table_column(t, "id")))
			continue; /* baselines are the same in every layer, or nearly */
		int column = column_of(t, w, n, r), line = line_of(t, w, first, r);
		if (line < 0) {
			line = w->table.n_rows;
			first[line] = r;
			s = add_line(t, r, &w->table, err);
		}
		if (column >= 0 && !s)
			w->table.cells[(size_t)line * (size_t)w->table.n_columns + (size_t)column].x = at(t, r, "recall")->x;
	}
	return s;
}

am_status am_view_recall(const am_table *t, am_view *out, am_error *err)
{
	int n = 0, *first = am_alloc((size_t)t->n_rows + 1, sizeof *first);
	*out = (am_view){.keys = 2 + source_keys(t)};
	out->columns[0] = (am_column){"selector", AM_COL_TEXT, 0, false};
	out->columns[1] = (am_column){"reference", AM_COL_TEXT, 0, false};
	memcpy(out->columns + 2, t->columns, (size_t)source_keys(t) * sizeof *out->columns);
	for (int r = 0; r < t->n_rows; r++)
		column_of(t, out, &n, r);
	am_status s = first ? am_table_init(&out->table, out->columns, out->keys + n, err) : out_of_memory(err);
	if (!s) {
		s = fill(t, out, &n, first, err);
		if (s)
			am_view_fini(out);
	}
	am_free(first);
	return s;
}

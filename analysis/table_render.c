/* The renderings of a table. */
#include "analysis/table.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

static const am_cell *cell_at(const am_table *t, int row, int column)
{
	return &t->cells[(size_t)row * t->n_columns + column];
}

/* --- text ---------------------------------------------------------------- */

static void text_cell(const am_table *t, int row, int column, am_text *out)
{
	const am_cell *cell = cell_at(t, row, column);
	if (am_table_is_null(t, row, column))
		am_text_puts(out, "-");
	else if (t->columns[column].type == AM_COL_INT)
		am_text_printf(out, "%" PRId64, cell->i);
	else if (t->columns[column].type == AM_COL_REAL && t->columns[column].digits < 0)
		am_text_printf(out, "%.*g", -t->columns[column].digits, cell->x);
	else if (t->columns[column].type == AM_COL_REAL)
		am_text_printf(out, "%.*f", t->columns[column].digits, cell->x);
	else
		am_text_puts(out, cell->s);
}

/* Code points, which is the width of the names we print. */
static int width_of(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Width of a column, 0 when it is to be left out. */
static int column_width(const am_table *t, int column)
{
	if (t->columns[column].detail)
		return 0;
	int width = width_of(t->columns[column].name);
	bool any = t->n_rows == 0;
	am_text s = {0};
	for (int r = 0; r < t->n_rows; r++) {
		am_text_clear(&s);
		text_cell(t, r, column, &s);
		int w = width_of(am_text_str(&s));
		width = w > width ? w : width;
		any = any || !am_table_is_null(t, r, column);
	}
	am_text_free(&s);
	return any ? width : 0;
}

/* Numbers to the right, words to the left; no blanks at the end of a line. */
static void put_aligned(const am_column *column, const char *s, int width, bool first, am_text *line)
{
	int pad = width - width_of(s);
	if (!first)
		am_text_puts(line, "  ");
	if (column->type == AM_COL_TEXT)
		am_text_printf(line, "%s%*s", s, pad, "");
	else
		am_text_printf(line, "%*s%s", pad, "", s);
}

static void put_line(am_text *line, bool bold, am_text *out)
{
	while (line->size && line->data[line->size - 1] == ' ')
		line->data[--line->size] = 0;
	am_text_printf(out, "%s%s%s\n", bold ? "\033[1m" : "", am_text_str(line), bold ? "\033[0m" : "");
	out->failed = out->failed || line->failed;
	am_text_clear(line);
}

void am_table_text(const am_table *t, am_text *out)
{
	int width[AM_MAX_COLUMNS], first = -1;
	am_text line = {0}, cell = {0};
	for (int c = t->n_columns - 1; c >= 0; c--)
		if ((width[c] = column_width(t, c)) > 0)
			first = c;
	for (int r = -1; r < t->n_rows; r++) {
		for (int c = 0; c < t->n_columns; c++) {
			if (!width[c])
				continue;
			am_text_clear(&cell);
			if (r < 0)
				am_text_puts(&cell, t->columns[c].name);
			else
				text_cell(t, r, c, &cell);
			put_aligned(&t->columns[c], am_text_str(&cell), width[c], c == first, &line);
		}
		put_line(&line, r < 0 && out->styled, out);
	}
	am_text_free(&line);
	am_text_free(&cell);
}

/* --- CSV ----------------------------------------------------------------- */

void am_table_csv(const am_table *t, am_text *out)
{
	for (int c = 0; c < t->n_columns; c++) {
		am_text_puts(out, c ? "," : "");
		am_text_csv(out, t->columns[c].name);
	}
	am_text_puts(out, "\n");
	for (int r = 0; r < t->n_rows; r++) {
		for (int c = 0; c < t->n_columns; c++) {
			const am_cell *cell = cell_at(t, r, c);
			am_text_puts(out, c ? "," : "");
			if (am_table_is_null(t, r, c))
				continue;
			if (t->columns[c].type == AM_COL_INT)
				am_text_printf(out, "%" PRId64, cell->i);
			else if (t->columns[c].type == AM_COL_REAL)
				am_text_printf(out, "%.9g", cell->x);
			else
				am_text_csv(out, cell->s);
		}
		am_text_puts(out, "\n");
	}
}

/* --- JSON ---------------------------------------------------------------- */

static void json_row(const am_table *t, int row, am_text *out)
{
	const char *comma = "";
	am_text_puts(out, "{");
	for (int c = 0; c < t->n_columns; c++) {
		const am_cell *cell = cell_at(t, row, c);
		if (t->omitted[row] >> c & 1)
			continue;
		am_text_puts(out, comma);
		comma = ", ";
		am_json_string(out, t->columns[c].name);
		am_text_puts(out, ": ");
		if (t->columns[c].type == AM_COL_TEXT)
			am_json_string(out, cell->s);
		else if (t->columns[c].type == AM_COL_REAL)
			am_json_real(out, cell->x);
		else if (am_table_is_null(t, row, c))
			am_text_puts(out, "null");
		else
			am_text_printf(out, "%" PRId64, cell->i);
	}
	am_text_puts(out, "}");
}

void am_table_json(const am_table *t, int indent, am_text *out)
{
	am_text_puts(out, "[");
	for (int r = 0; r < t->n_rows; r++) {
		am_text_printf(out, "%s\n%*s", r ? "," : "", indent + 2, "");
		json_row(t, r, out);
	}
	if (t->n_rows)
		am_text_printf(out, "\n%*s", indent, "");
	am_text_puts(out, "]");
}

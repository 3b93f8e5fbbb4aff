/* A table of typed columns, and its three renderings. */
#ifndef AM_ANALYSIS_TABLE_H
#define AM_ANALYSIS_TABLE_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define AM_MAX_COLUMNS 64

typedef enum { AM_COL_INT, AM_COL_REAL, AM_COL_TEXT } am_col_type;

typedef struct am_column {
	const char *name; /* JSON key and CSV header; static */
	am_col_type type;
	int digits;  /* of a real in the text rendering: decimals, or -n for n significant ones */
	bool detail; /* not in the text rendering */
} am_column;

typedef union am_cell {
	int64_t i; /* INT64_MIN = null */
	double x;  /* NaN = null */
	char *s;   /* NULL = null; owned by the table (am_alloc) */
} am_cell;

typedef struct am_table {
	int n_columns, n_rows, room;
	am_column *columns;
	am_cell *cells;    /* [n_rows][n_columns] */
	uint64_t *omitted; /* [n_rows] bit c: column c does not apply to this row */

	/* What the table was computed from, where that applies: sequences and query
	 * rows used, and remarks on the data, a line each. */
	int64_t n_sequences, n_source_rows;
	am_text warnings;
} am_table;

/* At most AM_MAX_COLUMNS columns, copied. am_table_fini after success. */
am_status am_table_init(am_table *t, const am_column *columns, int n, am_error *err) AM_MUST_CHECK;
void am_table_fini(am_table *t);
/* A new row of nulls; its cells, or NULL when memory is short. Valid until the
 * next row is added. */
am_cell *am_table_add(am_table *t);
/* Marks a column as not applying to the last row: JSON leaves the key out, the
 * other renderings show a null. */
void am_table_omit(am_table *t, int column);
/* -1 when there is no such column. */
int am_table_column(const am_table *t, const char *name);
bool am_table_is_null(const am_table *t, int row, int column);

/* Aligned text for people: null as "-"; columns marked as detail and columns
 * without any value left out. */
void am_table_text(const am_table *t, am_text *out);
/* RFC 4180 quoting, lines ending in LF; a header line; null empty; reals with up
 * to 9 significant digits. */
void am_table_csv(const am_table *t, am_text *out);
/* A JSON array of objects, one a line: null as null, reals with up to 9
 * significant digits. `indent` blanks stand before the closing bracket. */
void am_table_json(const am_table *t, int indent, am_text *out);

#endif

/* A table of typed columns, and its three renderings. */
#ifndef AM_ANALYSIS_TABLE_H
#define AM_ANALYSIS_TABLE_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { AM_COL_INT, AM_COL_REAL, AM_COL_TEXT } am_col_type;

typedef struct am_column {
	const char *name; /* JSON key and CSV header; static */
	am_col_type type;
	int digits; /* decimals in the text rendering of a real */
} am_column;

typedef union am_cell {
	int64_t i; /* INT64_MIN = null */
	double x;  /* NaN = null */
	char *s;   /* NULL = null; owned by the table */
} am_cell;

typedef struct am_table {
	int n_columns, n_rows, room;
	am_column *columns;
	am_cell *cells; /* [n_rows][n_columns] */
} am_table;

am_status am_table_init(am_table *t, const am_column *columns, int n, am_error *err) AM_MUST_CHECK;
void am_table_fini(am_table *t);
/* A new row of nulls; its cells, or NULL when memory is short. */
am_cell *am_table_add(am_table *t);
/* -1 when there is no such column. */
int am_table_column(const am_table *t, const char *name);

/* Aligned text for people (null as "-"), RFC 4180 CSV (null empty), or a JSON
 * array of objects (null as null; reals with 9 significant digits). */
void am_table_text(const am_table *t, am_text *out);
void am_table_csv(const am_table *t, am_text *out);
void am_table_json(const am_table *t, am_text *out);

#endif

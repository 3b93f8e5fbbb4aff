/* attnmeter coverage. The text turns the long table into one line a cell. */
#include "analysis/coverage.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/table_command.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 32

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

/* One of the two wide tables: masses at k and ratio, or counts at tau. */
typedef struct wide {
	const am_table *t;
	bool counts;
	int n;   /* value columns */
	bool cut; /* there are more than a table takes */
	char name[AM_MAX_COLUMNS][NAME_SIZE];
	am_column columns[AM_MAX_COLUMNS];
	am_table out;
} wide;

static void add_column(wide *w, int at, int digits, const char *format, double x)
{
	if (at >= AM_MAX_COLUMNS)
		return;
	snprintf(w->name[at], NAME_SIZE, format, x);
	w->columns[at] = (am_column){w->name[at], AM_COL_REAL, digits, false};
}

/* Columns as the rows of the first cell ask for them. */
static void set_columns(wide *w)
{
	const am_table *t = w->t;
	int k = am_table_column(t, "k"), ratio = am_table_column(t, "ratio"), tau = am_table_column(t, "tau");
	int keys = key_columns(t);
	memcpy(w->columns, t->columns, (size_t)keys * sizeof(am_column));
	for (int r = 0; r < t->n_rows && same_cell(t, 0, r); r++) {
		if (am_table_is_null(t, r, tau) == w->counts)
			continue;
		if (w->counts) {
			add_column(w, keys + w->n++, 1, "k(%g%%)", 100 * row_at(t, r)[tau].x);
			add_column(w, keys + w->n++, 1, "p95", 0);
		} else if (!am_table_is_null(t, r, k)) {
			add_column(w, keys + w->n++, 3, "M(%.0f)", (double)row_at(t, r)[k].i);
		} else {
			add_column(w, keys + w->n++, 3, "M(%g%%)", 100 * row_at(t, r)[ratio].x);
		}
	}
	w->cut = keys + w->n > AM_MAX_COLUMNS;
	w->n = w->cut ? AM_MAX_COLUMNS - keys : w->n;
}

static void fill(wide *w, am_error *err)
{
	const am_table *t = w->t;
	int mass = am_table_column(t, "mass"), median = am_table_column(t, "k_median");
	int tau = am_table_column(t, "tau"), keys = key_columns(t), at = 0;
	am_cell *cells = NULL;
	for (int r = 0; r < t->n_rows; r++) {
		if (!r || !same_cell(t, r, r - 1)) {
			cells = am_table_add(&w->out);
			if (!cells)
				return (void)am_fail(err, AM_ERR_MEMORY, "out of memory");
			memcpy(cells, row_at(t, r), (size_t)keys * sizeof *cells);
			at = 0;
		}
		if (am_table_is_null(t, r, tau) == w->counts)
			continue;
		for (int i = 0; i < 1 + w->counts && at < w->n; i++)
			cells[keys + at++].x = row_at(t, r)[(w->counts ? median : mass) + i].x;
	}
}

static void put_wide(const am_table *t, bool counts, const char *title, am_text *out)
{
	wide w = {.t = t, .counts = counts};
	am_error err = {0};
	set_columns(&w);
	if (!w.n)
		return;
	if (!am_table_init(&w.out, w.columns, key_columns(t) + w.n, &err))
		fill(&w, &err);
	am_text_printf(out, "\n%s%s\n\n", title, w.cut ? " (not all; CSV and JSON hold the rest)" : "");
	am_table_text(&w.out, out);
	out->failed = out->failed || err.status;
	am_table_fini(&w.out);
}

static void text(const am_table *t, am_text *out)
{
	put_wide(t, false, "M(k): mean mass of the k largest keys of a row", out);
	put_wide(t, true, "k(share): median number of keys that hold this share of the mass, and its 95th percentile",
	         out);
}

int am_cmd_coverage(int argc, char **argv)
{
	static const am_table_command command = {
		.name = "coverage",
		.summary = "Tables of how much attention mass the k largest keys of a row hold, and of how many keys "
		           "a share of the mass needs, per head, per layer and overall.\n\n"
		           "Means go from rows to sequences to tasks with equal weight at each step; k_median and k_p95 "
		           "pool rows. Intervals (CSV, JSON) are 95 % BCa bootstrap intervals over sequences, none "
		           "below 5.",
		.notes = "Examples:\n"
		         "  attnmeter coverage run.h5                layers and overall\n"
		         "  attnmeter coverage run.h5 --csv -o c.csv everything, with intervals\n"
		         "  attnmeter coverage run.h5 --plot plots   and pictures\n",
		.table = am_coverage_table, .text = text, .plots = AM_PLOT_SET_COVERAGE,
	};
	return am_table_command_run(&command, argc, argv);
}

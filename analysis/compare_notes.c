/* What goes beside the table: how the runs differ, whether their rows see the same
 * keys, and the accuracy of scored sequences. */
#include "analysis/compare_job.h"

#include "analysis/equivalence.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- attributes ----------------------------------------------------------- */

static bool says_how(const char *name)
{
	/* What came of temperatures, and a second model beside, which has a table of its own. */
	static const char *const left_out[] = {"command_line", "created", "finished", "complete", "block_rows",
	                                       "temperature_passes", "temperature_worst"};
	if (!strncmp(name, "pair_", 5))
		return false;
	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		if (!strcmp(left_out[i], name))
			return false;
	return true;
}

static const char *attribute(const am_run *r, const char *name)
{
	for (int i = 0; i < am_run_attr_count(r); i++)
		if (!strcmp(am_run_attr_name(r, i), name))
			return am_run_attr_text(r, i);
	return NULL;
}

static am_status put_difference(am_table *t, const char *name, const char *a, const char *b, am_error *err)
{
	am_cell *c = am_table_add(t);
	if (c && (c[0].s = am_strdup(name)) && (!a || (c[1].s = am_strdup(a))) && (!b || (c[2].s = am_strdup(b))))
		return AM_OK;
	return am_fail(err, AM_ERR_MEMORY, "comparison: out of memory");
}

am_status am_compare_differences(const am_compare_job *j, am_table *out, am_error *err)
{
	static const am_column columns[] = {
		{"attribute", AM_COL_TEXT, 0, false}, {"a", AM_COL_TEXT, 0, false}, {"b", AM_COL_TEXT, 0, false},
	};
	am_status s = am_table_init(out, columns, 3, err);
	for (int side = 0; side < 2; side++)
		for (int i = 0; i < am_run_attr_count(j->run[side]) && !s; i++) {
			const char *name = am_run_attr_name(j->run[side], i);
			const char *a = attribute(j->run[0], name), *b = attribute(j->run[1], name);
			bool differ = !a || !b || strcmp(a, b);
			if (differ && says_how(name) && !(side && a)) /* once */
				s = put_difference(out, name, a, b, err);
		}
	return s;
}

/* --- visible keys --------------------------------------------------------- */

/* Rows at a time, of all layers, as the chunks of the file have them. */
#define VISIBLE_ROWS 16384

/* Visible keys of rows from `first` on: x[layer][*n]. */
static am_status read_visible(const am_aggregate *a, am_run *run, int64_t first, int64_t *n, int32_t *x, am_error *err)
{
	*n = a->n_rows - first < VISIBLE_ROWS ? a->n_rows - first : VISIBLE_ROWS;
	int64_t start[] = {0, first}, count[] = {a->n_layer, *n};
	return am_run_stream_i32(run, AM_FIELD_ROW_VISIBLE, start, count, x, err);
}

am_status am_compare_warn_visible(am_compare_job *j, am_error *err)
{
	const am_aggregate *a = &j->a;
	size_t size = (size_t)a->n_layer * VISIBLE_ROWS;
	int64_t n = 0, differ = 0;
	if (!am_run_has(j->run[0], AM_FIELD_ROW_VISIBLE) || !am_run_has(j->run[1], AM_FIELD_ROW_VISIBLE))
		return AM_OK;
	int32_t *x = am_alloc(2 * size, sizeof *x);
	if (!x)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(j->run[0]));
	am_status s = AM_OK;
	for (int64_t first = 0; first < a->n_rows && !s; first += n) {
		for (int r = 0; r < 2 && !s; r++)
			s = read_visible(a, j->run[r], first, &n, x + (size_t)r * size, err);
		for (int64_t i = 0; i < a->n_layer * n && !s; i++)
			differ += a->row_sequence[first + i % n] >= 0 && x[i] != x[size + (size_t)i];
	}
	am_free(x);
	if (!s && differ)
		am_text_printf(j->warnings,
		               "%" PRId64 " rows of a layer see different numbers of keys in the two runs: compare "
		               "normalised, not entropy\n", differ);
	return s;
}

/* Rows of the layers of one run, and how many of them see at most k keys. */
static am_status count_trivial(const am_aggregate *a, double k, int64_t *trivial, int64_t *all, am_error *err)
{
	int64_t n = 0;
	int32_t *x = am_alloc((size_t)a->n_layer * VISIBLE_ROWS, sizeof *x);
	am_status s = x ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	for (int64_t first = 0; first < a->n_rows && !s; first += n) {
		s = read_visible(a, a->run, first, &n, x, err);
		for (int64_t i = 0; i < a->n_layer * n && !s; i++) {
			bool used = a->row_sequence[first + i % n] >= 0;
			*all += used;
			*trivial += used && x[i] <= k;
		}
	}
	am_free(x);
	return s;
}

/* One note of all metrics that are fixed at the same value: names and counts in the order of the metrics. */
static void note_trivial(am_compare_job *j, int n, double k, int fixed, int64_t all, am_text *names, am_text *counts)
{
	if (n == 1)
		am_text_printf(j->warnings,
		               "%s: %s of %" PRId64 " rows see no more than %.0f keys (n <= k), where it is %d whatever attention "
		               "does; --min-position %.0f leaves them out\n", am_text_str(names), am_text_str(counts), all, k, fixed, k);
	else if (n)
		am_text_printf(j->warnings,
		               "%s: %s of %" PRId64 " rows see no more than k keys (n <= k), where they are %d whatever attention "
		               "does; --min-position leaves early rows out\n", am_text_str(names), am_text_str(counts), all, fixed);
	am_text_free(names);
	am_text_free(counts);
}

am_status am_compare_warn_trivial(am_compare_job *j, bool paired, am_error *err)
{
	am_status s = AM_OK;
	for (int fixed = 1; fixed >= 0; fixed--) { /* masses, then errors */
		am_text names = {0}, counts = {0};
		int64_t rows = 0;
		double k = 0;
		int n = 0;
		for (int i = 0; i < j->o->n_metric && !s; i++) {
			const am_metric *m = &j->o->metric[i];
			int64_t trivial = 0, all = 0;
			if (m->axis != AM_AXIS_K || m->field != (fixed ? AM_FIELD_MASS_AT_K : AM_FIELD_OUTPUT_ERROR))
				continue;
			for (int r = 0; r < (paired ? 1 : 2) && !s; r++)
				if (am_run_has(j->run[r], AM_FIELD_ROW_VISIBLE))
					s = count_trivial(r ? &j->b : &j->a, m->at, &trivial, &all, err);
			if (s || !trivial)
				continue;
			am_text_printf(&names, "%s%s", n ? ", " : "", m->name);
			am_text_printf(&counts, "%s%" PRId64, n++ ? ", " : "", trivial);
			rows = all;
			k = m->at;
		}
		note_trivial(j, s ? 0 : n, k, fixed, rows, &names, &counts);
	}
	return s;
}

/* --- accuracy ------------------------------------------------------------- */

static void count_scores(const float *a, const float *b, int64_t n, am_accuracy_change *out)
{
	int right_a = 0, right_b = 0;
	for (int64_t i = 0; i < n; i++) {
		if (isnan(a[i]) || isnan(b[i]))
			continue;
		bool ra = a[i] >= 1, rb = b[i] >= 1;
		out->n++;
		right_a += ra;
		right_b += rb;
		out->only_a += ra && !rb;
		out->only_b += rb && !ra;
	}
	if (!out->n)
		return;
	out->accuracy_a = (double)right_a / out->n;
	out->accuracy_b = (double)right_b / out->n;
	out->p = am_mcnemar(out->only_b, out->only_a);
}

am_status am_compare_accuracy(const am_compare_job *j, am_accuracy_change *out, am_error *err)
{
	am_accuracy_change c = {.accuracy_a = NAN, .accuracy_b = NAN, .p = NAN};
	int64_t start = 0, n = j->a.n_sequence;
	for (int r = 0; r < 2; r++)
		if (!am_run_has(j->run[r], AM_FIELD_SEQUENCE_SCORE) || am_run_axis_length(j->run[r], AM_AXIS_SEQUENCE) != n) {
			*out = c;
			return AM_OK;
		}
	float *x = am_alloc(2 * (size_t)n, sizeof *x);
	am_status s = x ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(j->run[0]));
	for (int r = 0; r < 2 && !s; r++)
		s = am_run_read_f32(j->run[r], AM_FIELD_SEQUENCE_SCORE, &start, &n, x + r * n, err);
	if (!s) {
		count_scores(x, x + n, n, &c);
		*out = c;
	}
	am_free(x);
	return s;
}

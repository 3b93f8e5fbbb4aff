#include "analysis/recall_stats.h"

#include "base/mem.h"

#include <math.h>

double am_recall_budget(const am_run *run, bool ratio, int i, int n)
{
	double x = am_run_axis_values(run, ratio ? AM_AXIS_RATIO : AM_AXIS_K)[i];
	return ratio ? fmax(1, ceil(x * n - 1e-9)) : x;
}

static float edited(const am_recall_rows *r, float x, double k, int n)
{
	if (isnan(x) || n <= k || n < r->min_ratio * k)
		return NAN;
	switch (r->edit) {
	case AM_EDIT_CHANCE: return (float)(k / n);
	case AM_EDIT_CHANCE_SHARE: return (float)(k / n / (double)x);
	case AM_EDIT_ONE: return 1;
	default: return x;
	}
}

/* Leaves out the rows whose keys are all asked for. */
static void edit(void *ctx, int layer, float *x, int n_head, int64_t first, int64_t count)
{
	am_recall_rows *r = ctx;
	int64_t start[] = {layer, first}, size[] = {1, count};
	if (!r->failed)
		r->failed = am_run_read_i32(r->run, AM_FIELD_ROW_VISIBLE, start, size, r->visible, &r->error);
	for (int h = 0; h < n_head && !r->failed; h++)
		for (int64_t i = 0; i < count; i++)
			for (int j = 0; j < r->rows.inner && r->budgets; j++, x++)
				*x = edited(r, *x, am_recall_budget(r->run, r->ratio, j, r->visible[i]), r->visible[i]);
}

am_status am_recall_rows_open(am_run *run, am_recall_source s, bool ratio, double min_ratio, bool keep, am_recall_rows *out,
                              am_error *err)
{
	*out = (am_recall_rows){.run = run, .edit = s.edit, .ratio = ratio, .min_ratio = min_ratio};
	const am_field_spec *spec = am_run_field(run, (am_field)s.field);
	am_axis last = spec->axes[spec->n_axes - 1];
	out->budgets = last == AM_AXIS_K || last == AM_AXIS_RATIO;
	am_status status = am_rows_open(run, (am_field)s.field, keep, &out->rows, err);
	if (status)
		return status;
	out->visible = am_alloc((size_t)out->rows.block, sizeof *out->visible);
	if (!out->visible) {
		am_rows_close(&out->rows);
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	}
	out->rows.edit = edit;
	out->rows.edit_ctx = out;
	return AM_OK;
}

void am_recall_rows_close(am_recall_rows *r)
{
	am_rows_close(&r->rows);
	am_free(r->visible);
	r->visible = NULL;
}

am_status am_recall_means_of(am_aggregate *a, am_recall_source s, bool ratio, double min_ratio, am_recall_means *out,
                             am_error *err)
{
	am_recall_rows r;
	*out = (am_recall_means){0};
	if (s.field < 0 || !am_run_has(a->run, (am_field)s.field))
		return AM_OK;
	am_status status = am_recall_rows_open(a->run, s, ratio, min_ratio, false, &r, err);
	if (status)
		return status;
	int before = a->n_head;
	a->n_head = r.rows.n_head;
	status = am_aggregate_means(a, &r.rows, AM_MEANS_QUIET, &out->means, err);
	a->n_head = before;
	if (!status && r.failed) {
		am_means_fini(&out->means);
		*err = r.error;
		status = r.failed;
	}
	if (!status)
		out->width = r.rows.n_head;
	am_recall_rows_close(&r);
	return status;
}

static void take(am_recall_extremes *e, size_t cell, float x, int64_t row, bool trivial)
{
	e->n_trivial[cell] += trivial;
	if (isnan(x))
		return;
	e->n_rows[cell]++;
	if (isnan(e->worst[cell]) || x < e->worst[cell] || (x == e->worst[cell] && row < e->worst_row[cell])) {
		e->worst[cell] = x;
		e->worst_row[cell] = row;
	}
}

static am_status sweep_layer(am_aggregate *a, am_recall_rows *r, int layer, am_recall_extremes *e, am_error *err)
{
	size_t cells = (size_t)am_aggregate_cells(a);
	for (int64_t b = 0; b < r->rows.n_block; b++) {
		const float *x;
		int64_t first, n;
		am_status s = am_rows_get(&r->rows, layer, b, &x, &first, &n, err);
		int64_t start[] = {layer, first}, size[] = {1, n};
		if (!s)
			s = am_run_read_i32(a->run, AM_FIELD_ROW_VISIBLE, start, size, r->visible, err);
		if (s)
			return s;
		for (int h = 0; h < a->n_head; h++)
			for (int64_t i = 0; i < n; i++, x += r->rows.inner) {
				int64_t row = first + i;
				if (a->row_sequence[row] < 0)
					continue;
				for (int j = 0; j < r->rows.inner; j++) {
					bool trivial = r->visible[i] <= am_recall_budget(a->run, r->ratio, j, r->visible[i]);
					size_t at = (size_t)j * cells;
					int bin = a->row_bin[row];
					take(e, at + (size_t)am_aggregate_cell(a, bin, layer, h), x[j], row, trivial);
					take(e, at + (size_t)am_aggregate_cell(a, bin, layer, -1), x[j], row, trivial);
					take(e, at + (size_t)am_aggregate_cell(a, bin, -1, -1), x[j], row, trivial);
				}
			}
	}
	return AM_OK;
}

am_status am_recall_extremes_of(am_aggregate *a, am_recall_rows *r, am_recall_extremes *out, am_error *err)
{
	size_t n = (size_t)am_aggregate_cells(a) * (size_t)r->rows.inner;
	am_recall_extremes e = {
		.n_rows = am_calloc(n, sizeof *e.n_rows), .n_trivial = am_calloc(n, sizeof *e.n_trivial),
		.worst = am_alloc(n, sizeof *e.worst), .worst_row = am_calloc(n, sizeof *e.worst_row),
	};
	am_status s = AM_OK;
	if (!e.n_rows || !e.n_trivial || !e.worst || !e.worst_row)
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	for (size_t i = 0; i < n && !s; i++)
		e.worst[i] = NAN;
	for (int l = 0; l < a->n_layer && !s; l++)
		s = sweep_layer(a, r, l, &e, err);
	if (s)
		am_recall_extremes_fini(&e);
	else
		*out = e;
	return s;
}

void am_recall_extremes_fini(am_recall_extremes *e)
{
	am_free(e->n_rows);
	am_free(e->n_trivial);
	am_free(e->worst);
	am_free(e->worst_row);
	*e = (am_recall_extremes){0};
}

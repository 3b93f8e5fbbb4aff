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
static void edit(void *ctx, int layer, float *x, int n_head, int64_t count, const int32_t *visible)
{
	const am_recall_rows *r = ctx;
	(void)layer;
	for (int h = 0; h < n_head; h++)
		for (int64_t i = 0; i < count; i++)
			for (int j = 0; j < r->rows.inner && r->budgets; j++, x++)
				*x = edited(r, *x, am_recall_budget(r->run, r->ratio, j, visible[i]), visible[i]);
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
	out->rows.edit = edit;
	out->rows.edit_ctx = out;
	status = am_rows_want_visible(&out->rows, err);
	if (status)
		am_rows_close(&out->rows);
	return status;
}

void am_recall_rows_close(am_recall_rows *r)
{
	am_rows_close(&r->rows);
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
	if (!status)
		out->width = r.rows.n_head;
	am_recall_rows_close(&r);
	return status;
}

static void take(am_recall_extremes *e, size_t cell, float x, int64_t row)
{
	if (isnan(e->worst[cell]) || x < e->worst[cell] || (x == e->worst[cell] && row < e->worst_row[cell])) {
		e->worst[cell] = x;
		e->worst_row[cell] = row;
	}
}

typedef struct hunt {
	const am_aggregate *a;
	const am_recall_rows *r;
	am_rows_view view;
	am_recall_extremes *e;
} hunt;

/* One head of a layer of the band: its own cells alone. */
static void take_head(void *ctx, int task, int worker)
{
	(void)worker;
	const hunt *w = ctx;
	const am_aggregate *a = w->a;
	const am_rows_view *v = &w->view;
	int inner = w->r->rows.inner, layer = task / a->n_head, head = task % a->n_head;
	const float *x = v->x + (size_t)task * (size_t)v->n * (size_t)inner;
	for (int64_t i = 0; i < v->n; i++, x += inner) {
		int n = v->visible[layer * v->n + i], bin = a->row_bin[v->first + i];
		if (a->row_sequence[v->first + i] < 0)
			continue;
		for (int j = 0; j < inner; j++) {
			size_t cell = (size_t)j * (size_t)am_aggregate_cells(a) + (size_t)am_aggregate_cell(a, bin, v->layer + layer, head);
			w->e->n_trivial[cell] += n <= am_recall_budget(a->run, w->r->ratio, j, n);
			if (isnan(x[j]))
				continue;
			w->e->n_rows[cell]++;
			take(w->e, cell, x[j], v->first + i);
		}
	}
}

static void merge(am_recall_extremes *e, size_t to, size_t from)
{
	e->n_rows[to] += e->n_rows[from];
	e->n_trivial[to] += e->n_trivial[from];
	if (e->n_rows[from])
		take(e, to, e->worst[from], e->worst_row[from]);
}

/* Layers and the whole from the heads. */
static void merge_cells(const am_aggregate *a, int inner, am_recall_extremes *e)
{
	for (int i = 0; i < inner * a->n_bin; i++) {
		size_t at = (size_t)(i / a->n_bin) * (size_t)am_aggregate_cells(a);
		int bin = i % a->n_bin;
		for (int l = 0; l < a->n_layer; l++) {
			size_t layer = at + (size_t)am_aggregate_cell(a, bin, l, -1);
			for (int h = 0; h < a->n_head; h++)
				merge(e, layer, at + (size_t)am_aggregate_cell(a, bin, l, h));
			merge(e, at + (size_t)am_aggregate_cell(a, bin, -1, -1), layer);
		}
	}
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
	hunt w = {.a = a, .r = r, .e = &e};
	for (int l = 0; l < a->n_layer && !s; l += r->rows.layers)
		for (int64_t b = 0; b < r->rows.n_block && !s; b++) {
			s = am_rows_band(&r->rows, l, b, &w.view, err);
			if (!s)
				am_rows_run(&r->rows, w.view.n_layer * a->n_head, take_head, &w);
		}
	if (s) {
		am_recall_extremes_fini(&e);
		return s;
	}
	merge_cells(a, r->rows.inner, &e);
	*out = e;
	return AM_OK;
}

void am_recall_extremes_fini(am_recall_extremes *e)
{
	am_free(e->n_rows);
	am_free(e->n_trivial);
	am_free(e->worst);
	am_free(e->worst_row);
	*e = (am_recall_extremes){0};
}

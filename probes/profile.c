/* Mean mass by distance and by cell of relative position. Rows count alike within a
 * sequence, sequences within a task, and tasks. */
#include "base/mem.h"
#include "probes/capture_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_task(const void *a, const void *b)
{
	return strcmp((*(const am_sequence *const *)a)->task, (*(const am_sequence *const *)b)->task);
}

/* Weight of every sequence: 1 / (tasks * sequences of its task). */
static bool set_weights(am_capture *c)
{
	size_t n = (size_t)c->sequences->n;
	int tasks = 0;
	const am_sequence **sorted = am_alloc(n, sizeof *sorted);
	if (!sorted)
		return false;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &c->sequences->item[i];
	qsort(sorted, n, sizeof *sorted, by_task);
	for (size_t from = 0, to; from < n; from = to, tasks++) {
		for (to = from + 1; to < n && by_task(&sorted[from], &sorted[to]) == 0;)
			to++;
		for (size_t i = from; i < to; i++)
			c->sequence_weight[sorted[i] - c->sequences->item] = 1.0 / (double)(to - from);
	}
	for (size_t i = 0; i < n; i++)
		c->sequence_weight[i] /= tasks;
	am_free(sorted);
	return true;
}

/* The edges are the marks and cells of am_row_edges: bins + 3 and map + 1. */
static bool new_edges(am_capture *c, am_probe_scratch *s, size_t bins, size_t map)
{
	bool ok = bins + 3 <= AM_MARKS;
	s->cell = am_capture_take(c, &ok, map + 1, sizeof *s->cell);
	s->prefix = am_capture_take(c, &ok, bins + map + 4, sizeof *s->prefix);
	s->of_cells = am_capture_take(c, &ok, map + 1, sizeof *s->of_cells);
	s->edges = am_capture_take(c, &ok, AM_EDGE_SETS, sizeof *s->edges);
	/* Those of a set lie together. */
	for (int i = 0; ok && i < AM_EDGE_SETS; i++) {
		am_row_edges *e = &s->edges[i];
		e->edge = am_capture_take(c, &ok, 2 * (bins + map + 4), sizeof *e->edge);
		if (!ok)
			break;
		e->of_mark = e->edge + bins + map + 4;
		e->of_cell = e->of_mark + bins + 3;
	}
	return ok;
}

bool am_profile_new(am_capture *c)
{
	size_t h = (size_t)c->axes.n_head, lh = (size_t)c->axes.n_layer * h, b = (size_t)c->block;
	size_t bins = (size_t)c->axes.n_distance_bin, map = (size_t)c->axes.n_map;
	bool ok = true;
	c->sequence_weight = am_capture_take(c, &ok, (size_t)c->sequences->n, sizeof *c->sequence_weight);
	c->row_distance = am_capture_take(c, &ok, h * b * bins, sizeof *c->row_distance);
	c->distance = am_capture_take(c, &ok, lh * bins, sizeof *c->distance);
	if (map) {
		c->row_map = am_capture_take(c, &ok, h * b * map, sizeof *c->row_map);
		c->map = am_capture_take(c, &ok, lh * map * map, sizeof *c->map);
		c->map_weight = am_capture_take(c, &ok, map, sizeof *c->map_weight);
		c->rows_in_map_q = am_capture_take(c, &ok, map, sizeof *c->rows_in_map_q);
		c->cell_begin = am_capture_take(c, &ok, map + 1, sizeof *c->cell_begin);
	}
	for (int i = 0; ok && i < c->workers; i++)
		ok = new_edges(c, &c->scratch[i], bins, map);
	return ok && set_weights(c);
}

void am_profile_free(am_capture *c)
{
	void *own[] = {c->sequence_weight, c->row_distance, c->distance, c->row_map, c->map, c->map_weight,
	               c->rows_in_map_q, c->cell_begin};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	for (int i = 0; c->scratch && i < c->workers; i++) {
		am_probe_scratch *s = &c->scratch[i];
		for (int j = 0; s->edges && j < AM_EDGE_SETS; j++)
			am_free(s->edges[j].edge);
		am_free(s->edges);
		am_free(s->of_cells);
		am_free(s->prefix);
		am_free(s->cell);
	}
}

static int map_cell(const am_capture *c, int64_t position)
{
	return (int)(position * c->axes.n_map / c->length);
}

void am_profile_begin_sequence(am_capture *c)
{
	const am_sequence *s = &c->sequences->item[c->sequence];
	c->rows_in_sequence = am_row_policy_count(c->o, am_sequence_rows(s));
	for (int i = 0; i < c->workers; i++)
		for (int j = 0; j < AM_EDGE_SETS; j++)
			c->scratch[i].edges[j].n = 0;
	if (!c->axes.n_map)
		return;
	/* The keys of cell i are the positions q with q * cells / length == i. */
	for (int64_t i = 0; i <= c->axes.n_map; i++)
		c->cell_begin[i] = (i * c->length + c->axes.n_map - 1) / c->axes.n_map;
	memset(c->rows_in_map_q, 0, (size_t)c->axes.n_map * sizeof *c->rows_in_map_q);
	for (int i = 0; i < am_sequence_rows(s); i++)
		if (am_row_policy_has(&c->rows, i))
			c->rows_in_map_q[map_cell(c, am_sequence_position(s, i))]++;
	for (int q = 0; q < c->axes.n_map; q++)
		if (c->rows_in_map_q[q])
			c->map_weight[q] += c->sequence_weight[c->sequence];
}

/* Index in the row of the key at `position`, clipped to what the row sees. */
static int clip(const am_attn_row *row, int64_t position)
{
	int64_t j = position - row->first_key;
	return j < 0 ? 0 : j > row->n ? row->n : (int)j;
}

/* Where bin b - 1 of the distance begins and bin b ends: the keys of bin b >= 1 are at distances
 * 2^(b-1) to 2^b - 1, those of bin 0 at 0. */
static int bin_edge(const am_attn_row *row, int b)
{
	return clip(row, row->position + 1 - (b ? (int64_t)1 << (b - 1) : 0));
}

/* Edges of the bins, which count back from the query, end of the sink, begin of the recent
 * keys; in no order. */
static int set_marks(const am_capture *c, const am_attn_row *row, int *mark)
{
	int bins = c->axes.n_distance_bin;
	for (int b = 0; b <= bins; b++)
		mark[b] = bin_edge(row, b);
	mark[bins + 1] = clip(row, c->o->sink);
	mark[bins + 2] = clip(row, row->position - c->o->recent + 1);
	return bins + 3;
}

/* Ranks of marks and cells among each other by counting, since no jump of a merge could be
 * foretold: marks before cells where they are equal. */
static void rank_edges(const int *mark, int marks, const int *cell, int cells, int *of_mark, int *of_cell)
{
	for (int i = 0; i < cells; i++)
		of_cell[i] = i;
	for (int b = 0; b < marks; b++) {
		int at = mark[b], behind = 0, before = 0;
		for (int i = 0; i < cells; i++) {
			of_cell[i] += at <= cell[i];
			behind += at <= cell[i];
		}
		for (int i = 0; i < marks; i++)
			before += i < b ? mark[i] <= at : mark[i] < at;
		of_mark[b] = before + cells - behind;
	}
}

/* Of the cells' edges that lie before the row or at its end one each is left. */
static void set_edges(const am_capture *c, int *cell, am_row_edges *e, const am_attn_row *row)
{
	int mark[AM_MARKS], marks = set_marks(c, row, mark), cells = c->axes.n_map ? c->axes.n_map + 1 : 0;
	int first = 0, last = cells - 1;
	for (int i = 0; i < cells; i++)
		cell[i] = clip(row, c->cell_begin[i]);
	while (first < last && cell[first + 1] == 0)
		first++;
	while (first < last && cell[last - 1] == row->n)
		last--;
	rank_edges(mark, marks, cell + first, last - first + 1, e->of_mark, e->of_cell + first);
	for (int b = 0; b < marks; b++)
		e->edge[e->of_mark[b]] = mark[b];
	for (int i = first; i <= last; i++)
		e->edge[e->of_cell[i]] = cell[i];
	for (int i = 0; i < first; i++)
		e->of_cell[i] = e->of_cell[first];
	for (int i = last + 1; i < cells; i++)
		e->of_cell[i] = e->of_cell[last];
	e->n = marks + last - first + 1;
	e->first_key = row->first_key;
	e->position = row->position;
	e->log_visible = log((double)row->n);
}

void am_profile_row(am_capture *c, am_probe_scratch *s, const am_attn_row *row, am_row_places *places)
{
	size_t at = (size_t)c->head_index[row->head] * (size_t)c->n_rows + (size_t)c->slot[row->row];
	int bins = c->axes.n_distance_bin, map = c->axes.n_map;
	float *d = c->row_distance + at * (size_t)bins, *m = map ? c->row_map + at * (size_t)map : NULL;
	double inverse = 1 / row->sums->z, *of_cells = s->of_cells, of_mark[AM_MARKS];
	am_row_edges *e = &s->edges[row->position % AM_EDGE_SETS];
	if (!e->n || e->first_key != row->first_key || e->position != row->position)
		set_edges(c, s->cell, e, row);
	c->kernels->prefix(row->weight, row->n, e->edge, e->n, s->prefix);
	for (int b = 0; b < bins + 3; b++)
		of_mark[b] = s->prefix[e->of_mark[b]] * inverse;
	for (int i = 0; m && i <= map; i++)
		of_cells[i] = s->prefix[e->of_cell[i]] * inverse;
	for (int b = 0; b < bins; b++)
		d[b] = (float)(of_mark[b] - of_mark[b + 1]);
	for (int i = 0; i < map; i++)
		m[i] = (float)(of_cells[i + 1] - of_cells[i]);
	*places = (am_row_places){of_mark[bins + 1], of_mark[0] - of_mark[bins + 2], e->log_visible};
}

static void add_rows(double *to, const float *from, size_t n, double weight)
{
	for (size_t i = 0; i < n; i++)
		to[i] += weight * (double)from[i];
}

/* In row order, so that the sums do not depend on the order rows were observed in. */
void am_profile_layer_done(am_capture *c, int layer_index)
{
	const int32_t *position = c->field[AM_FIELD_ROW_POSITION];
	size_t bins = (size_t)c->axes.n_distance_bin, map = (size_t)c->axes.n_map;
	double weight = c->sequence_weight[c->sequence];
	for (int h = 0; h < c->axes.n_head; h++) {
		size_t lh = (size_t)layer_index * (size_t)c->axes.n_head + (size_t)h;
		for (int i = 0; i < c->n_rows; i++) {
			size_t at = (size_t)h * (size_t)c->n_rows + (size_t)i;
			add_rows(c->distance + lh * bins, c->row_distance + at * bins, bins,
			         weight / (double)c->rows_in_sequence);
			if (!map)
				continue;
			size_t q = (size_t)map_cell(c, position[i]);
			add_rows(c->map + (lh * map + q) * map, c->row_map + at * map, map,
			         weight / (double)c->rows_in_map_q[q]);
		}
	}
}

am_status am_capture_finish(am_capture *c, am_run_writer *w, am_error *err)
{
	size_t lh = (size_t)c->axes.n_layer * (size_t)c->axes.n_head;
	size_t bins = (size_t)c->axes.n_distance_bin, map = (size_t)c->axes.n_map;
	float *out = am_alloc(lh * (bins > map * map ? bins : map * map), sizeof *out);
	if (!out)
		return am_fail(err, AM_ERR_MEMORY, "profile: out of memory");
	for (size_t i = 0; i < lh * bins; i++)
		out[i] = (float)c->distance[i];
	am_status status = am_run_writer_put(w, AM_FIELD_PROFILE_DISTANCE, 0, out, err);
	for (size_t i = 0; !status && i < lh * map * map; i++)
		out[i] = (float)(c->map[i] / c->map_weight[i / map % map]); /* NaN where no row lies */
	if (!status && map)
		status = am_run_writer_put(w, AM_FIELD_PROFILE_MAP, 0, out, err);
	am_free(out);
	return status;
}

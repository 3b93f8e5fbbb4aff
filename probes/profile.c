/* Mean mass by distance and by cell of relative position. Rows count alike within a
 * sequence, sequences within a task, and tasks. */
#include "base/mem.h"
#include "probes/capture_internal.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 2 }; /* behind the distance bins of a row: mass of recent keys, of the sink */

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

/* Bin 0 is the query's own key, bin b >= 1 those at distances 2^(b-1) to 2^b - 1; behind the bins
 * lie the recent keys and the sink, which begins with the row and whose end is each row's own. */
static bool set_back(am_capture *c, int bins)
{
	bool ok = true;
	c->back_from = am_capture_take(c, &ok, (size_t)(bins + PLACES), sizeof *c->back_from);
	for (int w = 0; ok && w < c->workers; w++) {
		int *to = c->scratch[w].back_to = am_capture_take(c, &ok, (size_t)(bins + PLACES), sizeof *to);
		for (int b = 1; ok && b < bins; b++)
			to[b] = -(1 << (b - 1));
	}
	for (int b = 0; ok && b < bins; b++)
		c->back_from[b] = b < 31 ? -(1 << b) : INT_MIN;
	if (ok) {
		c->back_from[bins] = -c->o->recent;
		c->back_from[bins + 1] = INT_MIN;
	}
	return ok;
}

bool am_profile_new(am_capture *c)
{
	size_t h = (size_t)c->axes.n_head, lh = (size_t)c->axes.n_layer * h, b = (size_t)c->block;
	size_t bins = (size_t)c->axes.n_distance_bin, map = (size_t)c->axes.n_map;
	bool ok = true;
	c->sequence_weight = am_capture_take(c, &ok, (size_t)c->sequences->n, sizeof *c->sequence_weight);
	c->row_distance = am_capture_take(c, &ok, h * b * (bins + PLACES), sizeof *c->row_distance);
	c->distance = am_capture_take(c, &ok, lh * bins, sizeof *c->distance);
	if (map) {
		c->row_map = am_capture_take(c, &ok, h * b * map, sizeof *c->row_map);
		c->map = am_capture_take(c, &ok, lh * map * map, sizeof *c->map);
		c->map_weight = am_capture_take(c, &ok, map, sizeof *c->map_weight);
		c->rows_in_map_q = am_capture_take(c, &ok, map, sizeof *c->rows_in_map_q);
		c->cell_begin = am_capture_take(c, &ok, map + 1, sizeof *c->cell_begin);
	}
	return ok && set_back(c, (int)bins) && set_weights(c);
}

void am_profile_free(am_capture *c)
{
	void *own[] = {c->sequence_weight, c->row_distance, c->distance, c->row_map, c->map, c->map_weight,
	               c->rows_in_map_q, c->cell_begin, c->back_from};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	for (int i = 0; c->scratch && i < c->workers; i++)
		am_free(c->scratch[i].back_to);
}

static int map_cell(const am_capture *c, int64_t position)
{
	return (int)(position * c->axes.n_map / c->length);
}

void am_profile_begin_sequence(am_capture *c)
{
	const am_sequence *s = &c->sequences->item[c->sequence];
	c->rows_in_sequence = am_row_policy_count(c->o, am_sequence_rows(s));
	if (!c->axes.n_map)
		return;
	/* The keys of cell i are the positions q with q * cells / length == i. */
	for (int64_t i = 0; i <= c->axes.n_map; i++)
		c->cell_begin[i] = (int)((i * c->length + c->axes.n_map - 1) / c->axes.n_map);
	memset(c->rows_in_map_q, 0, (size_t)c->axes.n_map * sizeof *c->rows_in_map_q);
	for (int i = 0; i < am_sequence_rows(s); i++)
		if (am_row_policy_has(&c->rows, i))
			c->rows_in_map_q[map_cell(c, am_sequence_position(s, i))]++;
	for (int q = 0; q < c->axes.n_map; q++)
		if (c->rows_in_map_q[q])
			c->map_weight[q] += c->sequence_weight[c->sequence];
}

void am_profile_row(am_capture *c, am_probe_scratch *s, const am_attn_row *row, am_row_places *places)
{
	size_t at = (size_t)c->head_index[row->head] * (size_t)c->n_rows + (size_t)c->slot[row->row];
	int bins = c->axes.n_distance_bin, map = c->axes.n_map;
	double inverse = 1 / row->sums->z;
	float *back = c->row_distance + at * (size_t)(bins + PLACES);
	s->back_to[bins + 1] = c->o->sink <= row->position ? (int)(c->o->sink - row->position - 1) : 0;
	c->kernels->spans(row->weight, row->lanes, row->n, -row->n, c->back_from, s->back_to, bins + PLACES, inverse, back);
	*places = (am_row_places){(double)back[bins + 1], (double)back[bins]};
	if (!map)
		return;
	int seen = map_cell(c, row->position) + 1; /* cells up to the row's own */
	float *cell = c->row_map + at * (size_t)map;
	c->kernels->spans(row->weight, row->lanes, row->n, (int)row->first_key, c->cell_begin, c->cell_begin + 1, seen, inverse, cell);
	memset(cell + seen, 0, (size_t)(map - seen) * sizeof *cell);
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
			add_rows(c->distance + lh * bins, c->row_distance + at * (bins + PLACES), bins,
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

/* A small run for the pictures, with numbers that can be worked out by hand.
 *
 * Two sequences of 4 and 2 tokens. Every row of sequence s, layer l and head h has
 * H = f ln n with f = 0.2 + 0.4 s + 0.1 h + 0.05 l, mass 0.5 + 0.2 s at k = 1 (0.1
 * more in layer 1) and 1 at k = 2, and needs row + 1 keys at mass 0.9. The last
 * head of the last layer is undefined where `gap` is set. */
#ifndef AM_TEST_PLOT_DATA_H
#define AM_TEST_PLOT_DATA_H

#include "base/mem.h"
#include "runfile/writer.h"

#include <math.h>
#include <stdint.h>

typedef struct plot_shape {
	int layers, heads, map;
	int sequence_length[2], sequences;
	bool gap;
} plot_shape;

static inline double plot_value(const plot_shape *x, am_field f, int l, int h, int row, int i)
{
	int s = row >= x->sequence_length[0], position = s ? row - x->sequence_length[0] : row;
	bool undefined = x->gap && l == x->layers - 1 && h == x->heads - 1;
	switch (f) {
	case AM_FIELD_ROW_SEQUENCE: return s;
	case AM_FIELD_ROW_POSITION: return position;
	case AM_FIELD_ROW_VISIBLE: return position + 1;
	case AM_FIELD_ENTROPY:
		return undefined ? NAN : (0.2 + 0.4 * s + 0.1 * h + 0.05 * l) * log(position + 1);
	case AM_FIELD_MASS_AT_K: return undefined ? NAN : i ? 1 : 0.5 + 0.2 * s + 0.1 * l;
	case AM_FIELD_K_AT_MASS: return undefined ? -1 : i ? row + 1 : 1;
	default: return 0;
	}
}

/* Rows of one field in axis order, [layer][head][row][i] as far as it has them. */
static inline void *plot_field(const plot_shape *x, am_field f, int rows)
{
	const am_field_spec *spec = &am_fields[f];
	int L = spec->n_axes > 1 ? x->layers : 1, H = spec->n_axes > 2 ? x->heads : 1, I = spec->n_axes > 3 ? 2 : 1;
	float *out = am_alloc((size_t)(L * H * rows * I), 4), *at = out;
	for (int l = 0; l < L; l++)
		for (int h = 0; h < H; h++)
			for (int r = 0; r < rows; r++)
				for (int i = 0; i < I; i++, at++) {
					double v = plot_value(x, f, l, h, r, i);
					if (spec->type == AM_TYPE_I32)
						*(int32_t *)(void *)at = (int32_t)v;
					else
						*at = (float)v;
				}
	return out;
}

static inline am_status plot_append(const plot_shape *x, am_run_writer *w, int rows, am_error *err)
{
	am_run_block b = {.n_rows = rows};
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (am_field_row_axis((am_field)f) >= 0)
			b.field[f] = plot_field(x, (am_field)f, rows);
	am_status s = am_run_writer_append(w, &b, err);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		am_free((void *)b.field[f]);
	return s;
}

/* Distance bins hold 0.5, 0.3 and 0.2; map cells 1/(q + 1) up to the diagonal, and
 * no rows in the second row of cells. */
static inline am_status plot_finish(const plot_shape *x, am_run_writer *w, am_error *err)
{
	static const float bins[] = {0.5f, 0.3f, 0.2f};
	static const char *const names[] = {"one", "it's `two`"};
	static const char *const tasks[] = {"", ""};
	static const float none[] = {NAN, NAN};
	int n = x->layers * x->heads, M = x->map;
	float *distance = am_alloc((size_t)n * 3, 4), *map = am_alloc((size_t)(n * M * M), 4);
	for (int i = 0; i < n * 3; i++)
		distance[i] = bins[i % 3];
	for (int i = 0; i < n * M * M; i++) {
		int q = i / M % M, k = i % M;
		map[i] = q == 1 ? NAN : k <= q ? 1 / (float)(q + 1) : 0;
	}
	const int64_t offset[] = {0, x->sequence_length[0], x->sequence_length[0] + x->sequence_length[1]};
	int32_t *token = am_calloc((size_t)offset[x->sequences], 4);
	const struct {
		am_field f;
		int64_t n;
		const void *data;
	} put[] = {
		{AM_FIELD_SEQUENCE_NAME, x->sequences, names}, {AM_FIELD_SEQUENCE_TASK, x->sequences, tasks},
		{AM_FIELD_SEQUENCE_LENGTH, x->sequences, x->sequence_length},
		{AM_FIELD_SEQUENCE_SCORE, x->sequences, none}, {AM_FIELD_SEQUENCE_NLL, x->sequences, none},
		{AM_FIELD_TOKEN_ID, offset[x->sequences], token}, {AM_FIELD_TOKEN_OFFSET, x->sequences, offset},
		{AM_FIELD_PROFILE_DISTANCE, 0, distance}, {AM_FIELD_PROFILE_MAP, 0, map},
	};
	am_status s = AM_OK;
	for (size_t i = 0; i < sizeof put / sizeof *put && !s; i++)
		if (put[i].f != AM_FIELD_PROFILE_MAP || M)
			s = am_run_writer_put(w, put[i].f, put[i].n, put[i].data, err);
	am_free(distance);
	am_free(map);
	am_free(token);
	return s;
}

static inline am_status plot_write(const plot_shape *x, const char *path, am_error *err)
{
	static const int32_t ids[] = {0, 1, 2, 3}, k[] = {1, 2};
	static const double mass[] = {0.5, 0.9};
	int rows = x->sequence_length[0] + x->sequence_length[1];
	am_run_axes axes = {.n_layer = x->layers, .layer = ids, .n_head = x->heads, .head = ids, .n_kv_head = 1,
	                    .kv_head = ids, .n_k = 2, .k = k, .n_mass = 2, .mass = mass, .n_distance_bin = 3,
	                    .n_map = x->map, .n_row = rows};
	am_run_contents contents = {.deflate = 4};
	am_run_writer *w;
	am_status s = am_run_writer_open(path, true, &axes, &contents, &w, err);
	if (s)
		return s;
	s = plot_append(x, w, rows, err);
	if (!s)
		s = plot_finish(x, w, err);
	if (!s)
		return am_run_writer_close(w, err);
	am_run_writer_abandon(w);
	return s;
}

#endif

/* A made-up run whose every value follows from its indices, for the tests of the
 * run file. */
#ifndef AM_TEST_RUNFILE_DATA_H
#define AM_TEST_RUNFILE_DATA_H

#include "base/mem.h"
#include "runfile/writer.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct sample {
	am_run_axes axes;
	am_run_contents contents;
	int64_t seq_length; /* tokens a sequence; row r is position r % seq_length */
	int64_t n_sequence;
	int shift;       /* another shift, other distributions */
	int token_shift; /* added to the last token of every sequence */
} sample;

static const int32_t sample_ids[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const int32_t sample_k[] = {1, 4, 16, 64};
static const double sample_ratio[] = {0.01, 0.05, 0.1};
static const double sample_mass[] = {0.5, 0.9, 0.99};

static inline sample sample_new(int n_layer, int n_head, int64_t seq_length, int64_t n_sequence)
{
	return (sample){
		.axes = {.n_layer = n_layer, .layer = sample_ids, .n_head = n_head, .head = sample_ids,
	                 .n_kv_head = 2, .kv_head = sample_ids, .n_k = 4, .k = sample_k, .n_ratio = 3,
	                 .ratio = sample_ratio, .n_mass = 3, .mass = sample_mass, .n_rank = 8,
	                 .n_distance_bin = 12, .n_map = 8, .n_row = seq_length * n_sequence},
		.contents = {.output_error = true, .deficit = true, .pair = true, .deflate = 4},
		.seq_length = seq_length,
		.n_sequence = n_sequence,
	};
}

/* Visible keys of a row. */
static inline int64_t sample_n(const sample *s, int64_t row)
{
	return row % s->seq_length + 1;
}

/* The row has weight a on one key and the rest spread evenly over the others: a
 * distribution with everything known in closed form. */
static inline double sample_peak(const sample *s, int64_t layer, int64_t head, int64_t row)
{
	int64_t n = sample_n(s, row);
	double share = 0.05 + 0.9 * (double)((layer * 7 + head * 3 + row + s->shift) % 31) / 31;
	return n == 1 ? 1 : fmax(share, 1.0 / (double)n);
}

static inline double sample_mass_of(double n, double peak, double k)
{
	return k >= n ? 1 : peak + (1 - peak) * (k - 1) / (n - 1);
}

static inline int32_t sample_token(const sample *s, int64_t row)
{
	bool last = row % s->seq_length == s->seq_length - 1;
	return (int32_t)(row * 13 % 997) + (last ? s->token_shift : 0);
}

/* Value of a row field; `x` the index along the axis after the rows. */
static inline double sample_value(const sample *s, am_field f, int64_t layer, int64_t head, int64_t row,
                                  int64_t x)
{
	double n = (double)sample_n(s, row), p = sample_peak(s, layer, head, row);
	double rest = n > 1 ? (1 - p) / (n - 1) : 0;
	double entropy = -p * log(p) - (n > 1 ? (1 - p) * log(rest) : 0);
	int64_t position = row % s->seq_length;
	switch (f) {
	case AM_FIELD_ROW_SEQUENCE: return (double)(row / s->seq_length);
	case AM_FIELD_ROW_POSITION: return (double)position;
	case AM_FIELD_ROW_TOKEN: return sample_token(s, row);
	case AM_FIELD_ROW_NLL: return position == s->seq_length - 1 ? NAN : 2 + (double)(row % 17) / 17;
	case AM_FIELD_ROW_VISIBLE: return n;
	case AM_FIELD_LSE: return (double)(layer + head) - 3;
	case AM_FIELD_ENTROPY: return fmax(entropy, 0);
	case AM_FIELD_SCORE_VARIANCE: return 0.5 * (double)(row % 5);
	case AM_FIELD_RENYI2: return fmax(-log(p * p + (n - 1) * rest * rest), 0);
	case AM_FIELD_MAX_PROB: return p;
	case AM_FIELD_SINK_MASS: return sample_mass_of(n, p, 4);
	case AM_FIELD_RECENT_MASS: return 1 - p * 0.5;
	case AM_FIELD_MEAN_DISTANCE: return (double)position / 4;
	case AM_FIELD_MASS_AT_K: return sample_mass_of(n, p, sample_k[x]);
	case AM_FIELD_MASS_AT_RATIO: return sample_mass_of(n, p, fmax(1, ceil(sample_ratio[x] * n)));
	case AM_FIELD_K_AT_MASS:
		return p >= sample_mass[x] ? 1 : fmin(n, ceil(1 + (sample_mass[x] - p) / rest - 1e-9));
	case AM_FIELD_OUTPUT_ERROR: return (double)sample_k[x] >= n ? 0 : 1 - sample_mass_of(n, p, sample_k[x]);
	case AM_FIELD_TOPK_INDEX: return (double)x < n ? (double)x : -1;
	case AM_FIELD_TOPK_PROB: return (double)x < n ? (x == 0 ? p : rest) : NAN;
	/* Rows of a pair that lie some way apart; every third keeps fewer keys. */
	case AM_FIELD_PAIR_TV: return (double)(row % 5) / 10;
	case AM_FIELD_PAIR_JS: return (double)(row % 5) / 20;
	case AM_FIELD_PAIR_LOST: return row % 3 ? 0 : (double)(row % 5) / 10;
	case AM_FIELD_PAIR_KL: return row % 3 == 0 && row % 5 ? INFINITY : (double)(row % 5) / 8 + (double)head;
	case AM_FIELD_PAIR_KL_REVERSE: return (double)(row % 5) / 8;
	case AM_FIELD_PAIR_OVERLAP: return 1 - (double)(row % 5) / 5;
	case AM_FIELD_PAIR_NLL: return position == s->seq_length - 1 ? NAN : 1 + (double)(row % 13) / 13;
	default: return 0;
	}
}

static inline int64_t sample_length(const sample *s, am_axis a)
{
	const am_run_axes *x = &s->axes;
	switch (a) {
	case AM_AXIS_LAYER: return x->n_layer;
	case AM_AXIS_HEAD: return x->n_head;
	case AM_AXIS_KV_HEAD: return x->n_kv_head;
	case AM_AXIS_ROW: return s->seq_length * s->n_sequence;
	case AM_AXIS_K: return x->n_k;
	case AM_AXIS_RATIO: return x->n_ratio;
	case AM_AXIS_MASS: return x->n_mass;
	case AM_AXIS_RANK: return x->n_rank;
	case AM_AXIS_DISTANCE_BIN: return x->n_distance_bin;
	case AM_AXIS_MAP_Q:
	case AM_AXIS_MAP_K: return x->n_map;
	case AM_AXIS_SEQUENCE: return s->n_sequence;
	case AM_AXIS_TOKEN: return s->seq_length * s->n_sequence;
	case AM_AXIS_TOKEN_EDGE: return s->n_sequence + 1;
	default: return 0;
	}
}

/* Lengths before, at and after the row axis. */
static inline void sample_shape(const sample *s, am_field f, int64_t *layers, int64_t *heads, int64_t *trail)
{
	const am_field_spec *spec = &am_fields[f];
	*layers = spec->n_axes > 1 ? s->axes.n_layer : 1;
	*heads = spec->n_axes > 2 ? s->axes.n_head : 1;
	*trail = spec->n_axes > 3 ? sample_length(s, spec->axes[3]) : 1;
}

/* Rows [from, from + n) of a field in a new array; am_free. */
static inline void *sample_rows(const sample *s, am_field f, int64_t from, int64_t n)
{
	int64_t layers, heads, trail;
	sample_shape(s, f, &layers, &heads, &trail);
	size_t count = (size_t)(layers * heads * n * trail), i = 0;
	float *x = am_alloc(count, 4);
	for (int64_t l = 0; l < layers; l++)
		for (int64_t h = 0; h < heads; h++)
			for (int64_t r = from; r < from + n; r++)
				for (int64_t t = 0; t < trail; t++, i++) {
					double v = sample_value(s, f, l, h, r, t);
					if (am_fields[f].type == AM_TYPE_I32)
						((int32_t *)(void *)x)[i] = (int32_t)v;
					else
						x[i] = (float)v;
				}
	return x;
}

static inline am_status sample_append(const sample *s, am_run_writer *w, int64_t from, int64_t n,
                                      am_error *err)
{
	am_run_block b = {.n_rows = n};
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (am_field_row_axis((am_field)f) >= 0)
			b.field[f] = sample_rows(s, (am_field)f, from, n);
	am_status status = am_run_writer_append(w, &b, err);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		am_free((void *)b.field[f]);
	return status;
}

/* Distributions of the same rows, [head][sum of n]. */
static inline am_status sample_append_dist(const sample *s, am_run_writer *w, int layer, int64_t from,
                                           int64_t n, am_error *err)
{
	int32_t *visible = am_alloc((size_t)n, sizeof *visible);
	int64_t sum = 0;
	for (int64_t r = 0; r < n; r++)
		sum += visible[r] = (int32_t)sample_n(s, from + r);
	float *p = am_alloc((size_t)(sum * s->axes.n_head), sizeof *p), *at = p;
	for (int h = 0; h < s->axes.n_head; h++)
		for (int64_t r = from; r < from + n; r++)
			for (int64_t j = 0; j < sample_n(s, r); j++) {
				double peak = sample_peak(s, layer, h, r);
				*at++ = (float)(j == 0 ? peak : (1 - peak) / (double)(sample_n(s, r) - 1));
			}
	am_status status = am_run_writer_append_dist(w, layer, n, visible, p, err);
	am_free(p);
	am_free(visible);
	return status;
}

/* The fields without rows, and the attributes am_run_check asks for. */
static inline am_status sample_finish(const sample *s, am_run_writer *w, am_error *err)
{
	static const char *const text[][2] = {
		{"command_line", "attnmeter run -o run.h5"}, {"model", "models/base"},
		{"model_family", "llama"}, {"model_digest", "sha256:00"}, {"kernel", "scalar"},
		{"attention", "dense"}, {"rope_layout", "half"}, {"dtype", "float32"}, {"row_policy", "all"},
	};
	static const char *const numbers[] = {
		"model_layers", "model_heads", "model_kv_heads", "model_head_dim", "model_hidden", "model_vocab",
		"seed", "sink_keys", "recent_keys",
	};
	am_status status = AM_OK;
	for (size_t i = 0; i < sizeof text / sizeof *text && !status; i++)
		status = am_run_writer_attr_str(w, text[i][0], text[i][1], err);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
		status = am_run_writer_attr_int(w, numbers[i], (int64_t)i + 4, err);
	if (!status)
		status = am_run_writer_attr_double(w, "scale", 0.125, err);

	if (!status && s->contents.pair)
		status = am_run_writer_attr_str(w, "pair_attention", "topk:64", err);
	if (!status && s->contents.pair)
		status = am_run_writer_attr_str(w, "temperatures", "t.json", err);

	int64_t S = s->n_sequence, T = S * s->seq_length, L = s->axes.n_layer, H = s->axes.n_head;
	const char **name = am_calloc((size_t)S, sizeof *name);
	int32_t *length = am_calloc((size_t)S, 4), *token = am_calloc((size_t)T, 4);
	float *nan = am_calloc((size_t)S, 4);
	int64_t *offset = am_calloc((size_t)S + 1, 8);
	for (int64_t i = 0; i < S; i++) {
		name[i] = i % 2 ? "zwei \xc3\xa4" : "one";
		length[i] = (int32_t)s->seq_length;
		offset[i + 1] = (i + 1) * s->seq_length;
		nan[i] = NAN;
	}
	for (int64_t i = 0; i < T; i++)
		token[i] = sample_token(s, i);
	int64_t bins = s->axes.n_distance_bin, cells = (int64_t)s->axes.n_map * s->axes.n_map;
	float *distance = am_alloc((size_t)(L * H * bins), 4), *map = am_alloc((size_t)(L * H * cells), 4);
	for (int64_t i = 0; i < L * H * bins; i++)
		distance[i] = 1 / (float)bins;
	for (int64_t i = 0; i < L * H * cells; i++)
		map[i] = i / s->axes.n_map % 3 ? 1 / (float)s->axes.n_map : NAN;
	const struct {
		am_field f;
		int64_t n;
		const void *data;
	} put[] = {
		{AM_FIELD_SEQUENCE_NAME, S, name}, {AM_FIELD_SEQUENCE_LENGTH, S, length},
		{AM_FIELD_SEQUENCE_TASK, S, name}, {AM_FIELD_SEQUENCE_SCORE, S, nan},
		{AM_FIELD_SEQUENCE_NLL, S, nan}, {AM_FIELD_TOKEN_ID, T, token},
		{AM_FIELD_TOKEN_OFFSET, S, offset}, {AM_FIELD_PROFILE_DISTANCE, 0, distance},
		{AM_FIELD_PROFILE_MAP, 0, map},
	};
	for (size_t i = 0; i < sizeof put / sizeof *put && !status; i++)
		status = am_run_writer_put(w, put[i].f, put[i].n, put[i].data, err);
	float *warm = am_alloc((size_t)(L * H), 4);
	for (int64_t i = 0; i < L * H; i++)
		warm[i] = 0.5f + (float)i;
	for (int f = AM_FIELD_TEMPERATURE_BETA; f <= AM_FIELD_TEMPERATURE_ENTROPY && s->contents.pair && !status; f++)
		status = am_run_writer_put(w, (am_field)f, 0, warm, err);
	if (!status && s->contents.pair)
		status = am_run_writer_put(w, AM_FIELD_TEMPERATURE_SEQUENCE, S, length, err);
	am_free(warm);
	am_free(name), am_free(length), am_free(token), am_free(nan), am_free(offset);
	am_free(distance), am_free(map);
	return status;
}

/* A whole run at `path`, appended in blocks of `block` rows. */
static inline am_status sample_write(const sample *s, const char *path, int64_t block, am_error *err)
{
	am_run_writer *w;
	am_status status = am_run_writer_open(path, true, &s->axes, &s->contents, &w, err);
	if (status)
		return status;
	int64_t rows = s->seq_length * s->n_sequence;
	for (int64_t r = 0; r < rows && !status; r += block) {
		int64_t n = r + block > rows ? rows - r : block;
		status = sample_append(s, w, r, n, err);
		for (int l = 0; s->contents.dist && l < s->axes.n_layer && !status; l++)
			status = sample_append_dist(s, w, l, r, n, err);
		if (!status)
			status = am_run_writer_flush(w, err);
	}
	if (!status)
		status = sample_finish(s, w, err);
	if (status) {
		am_run_writer_abandon(w);
		return status;
	}
	return am_run_writer_close(w, err);
}

/* A file's bytes, times ("2026-01-31T12:00:00Z") blanked out; NULL where it cannot be read. */
static inline char *read_timeless(const char *path, size_t *size)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	FILE *f = fopen(path, "rb");
	if (!f)
		return NULL;
	struct stat st;
	*size = fstat(fileno(f), &st) == 0 ? (size_t)st.st_size : 0;
	char *p = am_alloc(*size, 1);
	bool whole = p && fread(p, 1, *size, f) == *size;
	fclose(f);
	if (!whole) {
		am_free(p);
		return NULL;
	}
	for (size_t i = 0; i + sizeof form - 1 <= *size; i++) {
		size_t j = 0;
		while (form[j] && (form[j] == 'd' ? isdigit((unsigned char)p[i + j]) : p[i + j] == form[j]))
			j++;
		if (form[j])
			continue;
		memset(p + i, 'x', j);
	}
	return p;
}

#endif

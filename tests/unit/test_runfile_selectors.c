/* Fields of shadowed selectors: written, read back by id, validated; damaged groups and
 * values are refused or named. */
#include "runfile/reader.h"
#include "runfile_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <hdf5.h>

#define OUT AM_BINARY_DIR "/tests/tmp/selectors.h5"
#define SPARSE AM_BINARY_DIR "/tests/tmp/selectors_sparse.h5"

enum { LAYERS = 2, HEADS = 2, LENGTH = 40, SEQUENCES = 2, ROWS = LENGTH * SEQUENCES, STEP = 8, ALL = (1 << LAYERS) - 1 };

static am_error err;
static const am_run_selector selectors[] = {
	{.spec = "exact", .sets = AM_AXIS_HEAD, .scores = true},
	{.spec = "it's \xc3\xa4 spec,x=1", .sets = AM_AXIS_LAYER, .own_budget = true, .index = true},
};

/* Values of an unremarkable run: sets of k keys that find half of what they should. */
static double value_of(const sample *s, const am_field_spec *f, int selector, int64_t row, int64_t x)
{
	int64_t n = sample_n(s, row);
	am_axis last = f->axes[f->n_axes - 1];
	double k = last == AM_AXIS_K ? sample_k[x] : last != AM_AXIS_RATIO ? 1 : fmax(1, ceil(sample_ratio[x] * (double)n));
	bool whole = k >= (double)n;
	if (strstr(f->path, "index"))
		return x < n ? (double)x : -1;
	if (strstr(f->path, "kept"))
		return selector ? fmin(3, (double)n) : fmin(k, (double)n);
	if (strstr(f->path, "union"))
		return -1;
	if (strstr(f->path, "overlap") || strstr(f->path, "tied") || strstr(f->path, "gap") || strstr(f->path, "rank"))
		return row % STEP ? NAN : strstr(f->path, "tied") ? 1 : 0.25;
	if (strstr(f->path, "mass"))
		return whole ? 1 : 1 / (double)n;
	return whole ? 1 : 0.5;
}

static bool is_sampled(const am_field_spec *f)
{
	return strstr(f->path, "overlap") || strstr(f->path, "tied") || strstr(f->path, "gap") || strstr(f->path, "rank") ||
	       strstr(f->path, "union");
}

/* Rows first, first + step, ... before end, of one layer. */
static void *rows_of(const sample *s, const am_field_spec *f, int selector, int64_t first, int64_t end, int64_t step)
{
	int64_t outer = 1, trail = 1;
	int row = am_spec_row_axis(f);
	for (int a = 1; a < f->n_axes; a++)
		*(a < row ? &outer : &trail) *= a == row ? 1 : sample_length(s, f->axes[a]);
	float *x = am_calloc((size_t)(outer * (end - first) * trail), 4);
	for (int64_t o = 0, i = 0; o < outer; o++)
		for (int64_t r = first; r < end; r += step)
			for (int64_t t = 0; t < trail; t++, i++) {
				double v = value_of(s, f, selector, r, t);
				if (f->type == AM_TYPE_I32)
					((int32_t *)(void *)x)[i] = (int32_t)v;
				else
					x[i] = (float)v;
			}
	return x;
}

static sample new_sample(void)
{
	sample s = sample_new(LAYERS, HEADS, LENGTH, SEQUENCES);
	s.contents.n_selectors = 2;
	s.contents.selector = selectors;
	return s;
}

/* Appends a layer of rows [from, to); `sparse`: fields of sampled rows on these alone. */
static void append_layer(am_run_writer *w, const sample *s, int layer, int64_t from, int64_t to, bool sparse)
{
	am_field_spec *spec;
	int end = am_shadow_field_end(2) - AM_FIELD_COUNT, second = (int)am_shadow_field(1, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false);
	int64_t first = (from + STEP - 1) / STEP * STEP;
	int32_t sampled[ROWS];
	bool *of_sampled = am_calloc((size_t)end, sizeof *of_sampled);
	void **field = am_calloc((size_t)end, sizeof *field);
	am_run_layer l = {.n_rows = to - from, .field = (const void *const *)field, .sampled_field = sparse ? of_sampled : NULL,
	                  .sampled = sampled};
	assert_int_equal(am_field_specs_new(selectors, 2, &spec, &err), AM_OK);
	for (int i = 0; i < end; i++) {
		const am_field_spec *f = &spec[AM_FIELD_COUNT + i];
		bool thin = of_sampled[i] = f->n_axes && sparse && is_sampled(f);
		if (f->n_axes)
			field[i] = rows_of(s, f, AM_FIELD_COUNT + i >= second, thin && first < to ? first : from, to, thin ? STEP : 1);
	}
	for (int64_t r = first; r < to; r += STEP)
		sampled[l.n_sampled++] = (int32_t)(r - from);
	assert_int_equal(am_run_writer_append_layer(w, layer, &l, &err), AM_OK);
	for (int i = 0; i < end; i++)
		am_free(field[i]);
	am_free(field);
	am_free(of_sampled);
	am_free(spec);
}

/* Layers of `layers` have values of selectors. */
static void append(am_run_writer *w, const sample *s, unsigned layers, int64_t from, int64_t to, bool sparse)
{
	am_run_block b = {.n_rows = to - from};
	for (int l = 0; l < LAYERS; l++)
		if (layers >> l & 1)
			append_layer(w, s, l, from, to, sparse);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (am_field_row_axis((am_field)f) >= 0)
			b.field[f] = sample_rows(s, (am_field)f, from, to - from);
	assert_int_equal(am_run_writer_append(w, &b, &err), AM_OK);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		am_free((void *)b.field[f]);
}

static void write_to(const char *path, int deflate, int64_t block, bool sparse)
{
	sample s = new_sample();
	am_run_writer *w;
	s.contents.deflate = deflate;
	assert_int_equal(am_run_writer_open(path, true, &s.axes, &s.contents, &w, &err), AM_OK);
	for (int64_t from = 0; from < ROWS; from += block)
		append(w, &s, ALL, from, from + block < ROWS ? from + block : ROWS, sparse);
	assert_int_equal(sample_finish(&s, w, &err), AM_OK);
	assert_int_equal(am_run_writer_close(w, &err), AM_OK);
}

static void write_run(void)
{
	write_to(OUT, new_sample().contents.deflate, ROWS, false);
}

static int64_t read_all(am_run *r, int f, void *out, int64_t room)
{
	int64_t shape[AM_MAX_AXES], zero[AM_MAX_AXES] = {0}, n = 4;
	int rank = am_run_shape(r, (am_field)f, shape);
	for (int a = 0; a < rank; a++)
		n *= shape[a];
	assert_true(n <= room);
	if (am_run_field(r, (am_field)f)->type == AM_TYPE_I32)
		assert_int_equal(am_run_read_i32(r, (am_field)f, zero, shape, out, &err), AM_OK);
	else
		assert_int_equal(am_run_read_f32(r, (am_field)f, zero, shape, out, &err), AM_OK);
	return n;
}

/* Rows that fields of sampled rows do not have are missing, whatever the blocks and filters. */
static void sampled_rows_are_enough(void **state)
{
	(void)state;
	static const int64_t blocks[] = {ROWS, 45, 7, 3};
	static unsigned char want[1 << 20], got[1 << 20];
	write_run();
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
		am_run *a, *b;
		int compared = 0;
		write_to(SPARSE, (int[]){1, 0, 2, 9}[i], blocks[i], true);
		assert_int_equal(am_run_open(OUT, &a, &err), AM_OK);
		assert_int_equal(am_run_open(SPARSE, &b, &err), AM_OK);
		for (int f = AM_FIELD_COUNT; f < am_run_field_end(a); f++) {
			if (!am_run_has(a, (am_field)f))
				continue;
			int64_t n = read_all(a, f, want, sizeof want);
			assert_int_equal(read_all(b, f, got, sizeof got), n);
			assert_memory_equal(got, want, n);
			compared += is_sampled(am_run_field(a, (am_field)f));
		}
		assert_true(compared > 20);
		am_run_close(a);
		am_run_close(b);
	}
}

/* Value t of row r in a field as read, [layer][second][rows][trail]. */
static float value_at(const am_field_spec *f, const void *x, const int64_t *shape, int64_t layer, int64_t second, int64_t r, int64_t t)
{
	int row = am_spec_row_axis(f);
	int64_t width = row == 2 ? shape[1] : 1, rows = shape[row], trail = f->n_axes > row + 1 ? shape[row + 1] : 1;
	int64_t at = ((layer * width + second) * rows + r) * trail + t;
	return f->type == AM_TYPE_I32 ? (float)((const int32_t *)x)[at] : ((const float *)x)[at];
}

/* Rows [0, rows) of every field of selectors; has(row, layer): whether its values were given. */
static void expect_values(const char *path, const sample *s, int64_t rows, bool (*has)(int64_t row, int64_t layer))
{
	static unsigned char got[1 << 22];
	am_run *r;
	int compared = 0, second = (int)am_shadow_field(1, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false);
	assert_int_equal(am_run_open(path, &r, &err), AM_OK);
	assert_int_equal(am_run_axis_length(r, AM_AXIS_ROW), rows);
	for (int i = AM_FIELD_COUNT; i < am_run_field_end(r); i++) {
		const am_field_spec *f = am_run_field(r, (am_field)i);
		int64_t shape[AM_MAX_AXES];
		if (!am_run_has(r, (am_field)i))
			continue;
		read_all(r, i, got, sizeof got);
		am_run_shape(r, (am_field)i, shape);
		int row = am_spec_row_axis(f);
		for (int64_t l = 0; l < shape[0]; l++)
			for (int64_t h = 0; h < (row == 2 ? shape[1] : 1); h++)
				for (int64_t n = 0; n < rows; n++)
					for (int64_t t = 0; t < (f->n_axes > row + 1 ? shape[row + 1] : 1); t++) {
						float want = has(n, l) ? (float)value_of(s, f, i >= second, n, t) : f->type == AM_TYPE_I32 ? -1 : NAN;
						float x = value_at(f, got, shape, l, h, n, t);
						if (!(x == want || (isnan(x) && isnan(want))))
							fail_msg("%s, layer %d, row %d: %g, expected %g", f->path, (int)l, (int)n, (double)x, (double)want);
						compared++;
					}
	}
	assert_true(compared > 1000);
	am_run_close(r);
}

static bool all_given(int64_t row, int64_t layer)
{
	(void)row, (void)layer;
	return true;
}

/* Rows of the first block have their first layer alone, of the second none, of the third all, of the fourth the last. */
enum { QUARTER = ROWS / 4 };
static const unsigned given_layers[] = {1, 0, ALL, 1 << (LAYERS - 1)};

static bool given_in_part(int64_t row, int64_t layer)
{
	return given_layers[row / QUARTER] >> layer & 1;
}

static void layers_left_out_are_missing(void **state)
{
	(void)state;
	for (int64_t group = 16; group <= ROWS; group += ROWS - 16) { /* blocks of more than a group, and of less */
		sample s = new_sample();
		am_run_writer *w;
		s.axes.n_row = group;
		assert_int_equal(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err), AM_OK);
		for (int64_t b = 0; b < 4; b++)
			append(w, &s, given_layers[b], b * QUARTER, (b + 1) * QUARTER, b == 2);
		assert_int_equal(sample_finish(&s, w, &err), AM_OK);
		assert_int_equal(am_run_writer_close(w, &err), AM_OK);
		expect_values(OUT, &s, ROWS, given_in_part);
	}
}

/* A run that ends between a layer and the next keeps the rows before, and no others. */
static void half_a_block_is_dropped(void **state)
{
	(void)state;
	static const struct { int64_t group, whole; } cases[] = {{16, 40}, {16, 32}, {16, 8}, {ROWS, 40}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (int threads = 1; threads <= 3; threads += 2) {
			sample s = new_sample();
			am_run_writer *w;
			s.axes.n_row = cases[i].group;
			s.contents.threads = threads;
			assert_int_equal(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err), AM_OK);
			append(w, &s, ALL, 0, cases[i].whole, false);
			for (int l = 0; l < LAYERS - 1; l++)
				append_layer(w, &s, l, cases[i].whole, ROWS, false);
			assert_int_equal(am_run_writer_abandon(w), cases[i].whole);
			expect_values(OUT ".part", &s, cases[i].whole, all_given);
			remove(OUT ".part");
		}
}

/* Retained masses alone, each of which tells its place. */
static float mark(int64_t layer, int64_t head, int64_t row, int64_t k)
{
	return (float)(((layer * HEADS + head) * 1000 + row) * 4 + k);
}

static void append_some(am_run_writer *w, const sample *s, int64_t from, int64_t to)
{
	int end = am_shadow_field_end(1) - AM_FIELD_COUNT, at = (int)am_shadow_field(0, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false) - AM_FIELD_COUNT;
	int64_t n = to - from;
	const void **field = am_calloc((size_t)end, sizeof *field);
	float *x = am_alloc((size_t)(HEADS * n * 4), sizeof *x);
	field[at] = x;
	for (int l = 0; l < s->axes.n_layer; l++) {
		for (int64_t i = 0; i < HEADS * n * 4; i++)
			x[i] = mark(l, i / 4 / n, from + i / 4 % n, i % 4);
		am_run_layer layer = {.n_rows = n, .field = field};
		assert_int_equal(am_run_writer_append_layer(w, l, &layer, &err), AM_OK);
	}
	am_run_block nothing = {.n_rows = n};
	assert_int_equal(am_run_writer_append(w, &nothing, &err), AM_OK);
	am_free(x);
	am_free(field);
}

static void expect_marks(const sample *s, int64_t rows)
{
	am_run *r;
	int64_t start[AM_MAX_AXES] = {0}, shape[AM_MAX_AXES];
	am_field f = am_shadow_field(0, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false);
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	assert_int_equal(am_run_shape(r, f, shape), 4);
	assert_true(shape[0] == s->axes.n_layer && shape[1] == HEADS && shape[2] == rows && shape[3] == 4);
	assert_true(am_run_chunk_length(r, f, 0) < s->axes.n_layer); /* several chunks */
	float *x = am_alloc((size_t)(shape[0] * HEADS * rows * 4), sizeof *x);
	assert_int_equal(am_run_read_f32(r, f, start, shape, x, &err), AM_OK);
	for (int64_t i = 0; i < shape[0] * HEADS * rows * 4; i++)
		assert_float_equal(x[i], mark(i / 4 / rows / HEADS, i / 4 / rows % HEADS, i / 4 % rows, i % 4), 0);
	am_free(x);
	am_run_close(r);
}

/* So many layers that a group of rows is several chunks of a field: the last layer of each hands it over, whatever the
 * blocks; the same bytes for any number of threads. */
static void many_layers(void **state)
{
	(void)state;
	enum { MANY = 70, GROUP = 256, ROWS_HERE = 300 };
	static int32_t ids[MANY];
	static const int64_t blocks[] = {ROWS_HERE, 110};
	for (int i = 0; i < MANY; i++)
		ids[i] = i;
	for (int i = 0; i < 2; i++) {
		char *bytes[2];
		size_t size[2];
		for (int threads = 1; threads <= 3; threads += 2) {
			sample s = sample_new(MANY, HEADS, ROWS_HERE, 1);
			am_run_writer *w;
			s.axes.layer = ids;
			s.axes.n_row = GROUP;
			s.contents.n_selectors = 1;
			s.contents.selector = &selectors[1];
			s.contents.threads = threads;
			s.contents.deflate = 1;
			s.contents.flush_seconds = 1e9;
			assert_int_equal(am_run_writer_open(OUT, true, &s.axes, &s.contents, &w, &err), AM_OK);
			for (int64_t from = 0, to; from < ROWS_HERE; from = to) {
				to = from + blocks[i] < ROWS_HERE ? from + blocks[i] : ROWS_HERE;
				append_some(w, &s, from, to);
			}
			assert_int_equal(sample_finish(&s, w, &err), AM_OK);
			assert_int_equal(am_run_writer_close(w, &err), AM_OK);
			expect_marks(&s, ROWS_HERE);
			bytes[threads / 2] = read_timeless(OUT, &size[threads / 2]);
			assert_non_null(bytes[threads / 2]);
		}
		assert_int_equal(size[0], size[1]);
		assert_memory_equal(bytes[0], bytes[1], size[0]);
		am_free(bytes[0]);
		am_free(bytes[1]);
	}
}

static hid_t fresh(void)
{
	write_run();
	hid_t file = H5Fopen(OUT, H5F_ACC_RDWR, H5P_DEFAULT);
	assert_true(file >= 0);
	return file;
}

static void ids_are_distinct(void **state)
{
	(void)state;
	am_field_spec *spec;
	int end = am_shadow_field_end(2), held = 0;
	assert_int_equal(am_field_specs_new(selectors, 2, &spec, &err), AM_OK);
	for (int f = 0; f < end; f++) {
		held += spec[f].n_axes > 0;
		for (int g = 0; g < f && spec[f].n_axes; g++)
			assert_true(!spec[g].n_axes || strcmp(spec[f].path, spec[g].path) != 0);
	}
	/* References: mass of 3, gap of 4. First: no index; second: no union, heads, correlation. */
	int of_references = 2 * 7, first = 2 * 7 + 2 * 16 + 4, second = 2 * 5 + 1 + 2 * 16;
	assert_int_equal(held, AM_FIELD_COUNT + of_references + first + second);
	assert_int_equal(am_shadow_field_end(0), AM_FIELD_COUNT);
	assert_string_equal(spec[am_shadow_field(1, AM_SHADOW_RECALL, AM_RUN_SUM, true)].path, "/selector/s1/sum/recall_at_ratio");
	assert_string_equal(spec[am_reference_field(AM_REFERENCE_GAP, AM_RUN_HEAD, false)].unit, "nat");
	am_free(spec);
}

static void reads_back(void **state)
{
	(void)state;
	write_run();
	am_run *r = NULL;
	am_text report = {0};
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	assert_int_equal(am_run_selector_count(r), 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(am_run_selector_at(r, i)->spec, selectors[i].spec);
		assert_int_equal(am_run_selector_at(r, i)->sets, selectors[i].sets);
		assert_int_equal(am_run_selector_at(r, i)->own_budget, selectors[i].own_budget);
	}
	assert_true(am_run_has(r, am_shadow_field(1, AM_SHADOW_INDEX, AM_RUN_HEAD, false)));
	assert_false(am_run_has(r, am_shadow_field(0, AM_SHADOW_INDEX, AM_RUN_HEAD, false)));
	assert_false(am_run_has(r, am_shadow_field(7, AM_SHADOW_RECALL, AM_RUN_HEAD, false)));
	int64_t shape[AM_MAX_AXES], start[AM_MAX_AXES] = {1, 79, 2}, one[AM_MAX_AXES] = {1, 1, 1};
	assert_int_equal(am_run_shape(r, am_shadow_field(1, AM_SHADOW_KEPT, AM_RUN_HEAD, false), shape), 3);
	assert_true(shape[0] == LAYERS && shape[1] == ROWS && shape[2] == 4);
	int32_t kept;
	assert_int_equal(am_run_read_i32(r, am_shadow_field(1, AM_SHADOW_KEPT, AM_RUN_HEAD, false), start, one, &kept, &err), AM_OK);
	assert_int_equal(kept, 3);
	if (am_run_check(r, &report, &err) != AM_OK)
		fail_msg("%s\n%s", err.text, am_text_str(&report));
	am_text_free(&report);
	am_run_close(r);
}

static void set_value(hid_t file, const char *path, const int64_t *at, double value)
{
	hid_t d = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(d);
	hsize_t from[4] = {0}, one[4] = {1, 1, 1, 1};
	int rank = H5Sget_simple_extent_ndims(space);
	for (int a = 0; a < rank; a++)
		from[a] = (hsize_t)at[a];
	hid_t memory = H5Screate_simple(rank, one, NULL);
	assert_true(H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, one, NULL) >= 0);
	assert_true(H5Dwrite(d, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, &value) >= 0);
	H5Sclose(memory);
	H5Sclose(space);
	H5Dclose(d);
}

/* Row 30 sees 31 keys; row 2 sees 3, fewer than k = 4. */
static void broken_values(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		int64_t at[4];
		double value;
		const char *line;
	} values[] = {
		{"/selector/s0/retained_mass", {1, 0, 30, 1}, 1.01, "selector values are in range: layer 1, row 30: /selector/s0/retained_mass"},
		{"/selector/s0/retained_mass", {1, 0, 30, 1}, NAN, "selector values are in range: layer 1, row 30"},
		{"/selector/s0/retained_mass", {1, 0, 30, 1}, 0.999, "retained mass is at most that of the best keys: layer 1, row 30"},
		{"/selector/s0/retained_mass_at_ratio", {1, 0, 30, 1}, 0.999, "retained mass is at most that of the best keys: layer 1, row 30"},
		{"/selector/s0/chance", {0, 1, 30, 0}, -0.1, "selector values are in range: layer 0, row 30: /selector/s0/chance"},
		{"/selector/s0/kept", {0, 1, 30, 0}, 32, "sets hold visible keys: layer 0, row 30: /selector/s0/kept"},
		{"/selector/s0/head/recall_at_k", {0, 1, 30, 0}, 1.5, "selector values are in range: layer 0, row 30: /selector/s0/head/recall_at_k"},
		{"/selector/s0/head/recall_at_k", {0, 1, 2, 1}, 0.9, "rows of at most k keys are found whole: layer 0, row 2"},
		{"/selector/s0/sum/recall_at_k", {0, 2, 1}, 0.9, "rows of at most k keys are found whole: layer 0, row 2"},
		{"/selector/s0/max/mass_recall", {0, 30, 1}, 1.2, "selector values are in range: layer 0, row 30: /selector/s0/max/mass_recall"},
		{"/selector/s0/group/top1_hit", {1, 1, 30, 1}, NAN, "selector values are in range: layer 1, row 30: /selector/s0/group/top1_hit"},
		{"/selector/s0/group/recall_tied_at_k", {1, 1, 32, 1}, 0.2, "recall is at most recall with ties: layer 1, row 32"},
		{"/selector/s0/head/rank_correlation", {1, 1, 32}, -1.1, "selector values are in range: layer 1, row 32: /selector/s0/head/rank_correlation"},
		{"/selector/s0/overlap_step", {1, 1, 32, 0}, 1.1, "selector values are in range: layer 1, row 32: /selector/s0/overlap_step"},
		{"/selector/s1/index", {1, 30, 3}, 31, "selector index holds visible keys, then -1: layer 1, row 30"},
		{"/selector/s1/index", {1, 30, 3}, -1, "selector index holds visible keys, then -1: layer 1, row 30"},
		{"/reference/sum/mass_at_k", {1, 30, 0}, 1.5, "selector values are in range: layer 1, row 30: /reference/sum/mass_at_k"},
		{"/reference/head/gap_at_k", {1, 0, 32, 0}, -1, "selector values are in range: layer 1, row 32: /reference/head/gap_at_k"},
	};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		hid_t file = fresh();
		set_value(file, values[i].path, values[i].at, values[i].value);
		H5Fclose(file);
		am_run *r = NULL;
		am_text report = {0};
		assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
		am_status s = am_run_check(r, &report, &err);
		if (s != AM_ERR_CHECK || !strstr(am_text_str(&report), values[i].line))
			fail_msg("%s, value %zu: expected %s, found %d:\n%s", values[i].path, i, values[i].line, (int)s, am_text_str(&report));
		am_text_free(&report);
		am_run_close(r);
	}
	/* A set of its own size may gather more than the k best keys. */
	hid_t file = fresh();
	set_value(file, "/selector/s1/sum/mass_recall", (int64_t[]){0, 30, 0}, 1.2);
	H5Fclose(file);
	am_run *r = NULL;
	am_text report = {0};
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	assert_int_equal(am_run_check(r, &report, &err), AM_OK);
	am_text_free(&report);
	am_run_close(r);
}

static void expect_refused(const char *text)
{
	am_run *r = NULL;
	assert_int_equal(am_run_open(OUT, &r, &err), AM_ERR_FORMAT);
	if (!strstr(err.text, text))
		fail_msg("expected %s, found %s", text, err.text);
}

static void broken_groups(void **state)
{
	(void)state;
	hid_t file = fresh();
	assert_true(H5Adelete_by_name(file, "/selector/s1", "spec", H5P_DEFAULT) >= 0);
	H5Fclose(file);
	expect_refused("/selector/s1: attribute spec: expected text");
	file = fresh();
	assert_true(H5Adelete_by_name(file, "/selector/s0", "sets", H5P_DEFAULT) >= 0);
	H5Fclose(file);
	expect_refused("/selector/s0: attribute sets: expected head, group or layer, found nothing");
	/* Sets a layer are not those of heads. */
	file = fresh();
	assert_true(H5Lmove(file, "/selector/s0/kept", file, "/selector/s1/was", H5P_DEFAULT, H5P_DEFAULT) >= 0);
	assert_true(H5Lmove(file, "/selector/s1/kept", file, "/selector/s0/kept", H5P_DEFAULT, H5P_DEFAULT) >= 0);
	H5Fclose(file);
	expect_refused("/selector/s0/kept: expected 4 axes, found 3");
	file = fresh();
	assert_true(H5Lmove(file, "/selector/s0", file, "/gone", H5P_DEFAULT, H5P_DEFAULT) >= 0);
	assert_true(H5Lcreate_soft("/gone", file, "/selector/s0", H5P_DEFAULT, H5P_DEFAULT) >= 0);
	H5Fclose(file);
	am_run *r = NULL;
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK); /* a link is no group of ours */
	assert_int_equal(am_run_selector_count(r), 0);
	am_run_close(r);
	/* A dataset that has to be there. */
	file = fresh();
	assert_true(H5Ldelete(file, "/selector/s0/sum/recall_at_k", H5P_DEFAULT) >= 0);
	H5Fclose(file);
	am_text report = {0};
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	assert_int_equal(am_run_check(r, &report, &err), AM_ERR_CHECK);
	assert_non_null(strstr(am_text_str(&report), "dataset is there: /selector/s0/sum/recall_at_k"));
	am_text_free(&report);
	am_run_close(r);
}

static int close_hdf5(void **state)
{
	(void)state;
	remove(OUT);
	return H5close() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_distinct), cmocka_unit_test(reads_back), cmocka_unit_test(sampled_rows_are_enough),
		cmocka_unit_test(layers_left_out_are_missing), cmocka_unit_test(half_a_block_is_dropped), cmocka_unit_test(many_layers),
		cmocka_unit_test(broken_values), cmocka_unit_test(broken_groups),
	};
	return cmocka_run_group_tests(tests, NULL, close_hdf5);
}

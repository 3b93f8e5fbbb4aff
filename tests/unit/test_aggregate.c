/* The entropy and coverage tables of small runs, against sums done by hand. */
#include "analysis/coverage.h"
#include "analysis/entropy.h"
#include "base/mem.h"
#include "runfile/writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATH AM_BINARY_DIR "/tests/tmp/test_aggregate.h5"

/* A run of n_sequence sequences, every position a row; visible keys are position
 * + 1, at most window[layer] where there are windows. Arrays are in the order of the run file; NULL leaves a field missing. */
typedef struct small {
	int n_layer, n_head, n_sequence;
	const int32_t *length, *window;
	const char *const *task;
	const float *entropy, *mass_at_k, *mass_at_ratio;
	const int32_t *k_at_mass;
} small;

static const int32_t layer_ids[] = {3, 5}, head_ids[] = {0, 2}, ks[] = {1, 4};
static const double ratios[] = {0.25}, taus[] = {0.9};

static void append_rows(const small *s, am_run_writer *w, int n_row)
{
	int32_t sequence[64], position[64], visible[128];
	int i = 0;
	for (int q = 0; q < s->n_sequence; q++)
		for (int p = 0; p < s->length[q]; p++, i++) {
			sequence[i] = q;
			position[i] = p;
			for (int l = 0; l < s->n_layer; l++)
				visible[l * n_row + i] = s->window && p >= s->window[l] ? s->window[l] : p + 1;
		}
	am_run_block b = {.n_rows = n_row};
	b.field[AM_FIELD_ROW_SEQUENCE] = sequence;
	b.field[AM_FIELD_ROW_POSITION] = position;
	b.field[AM_FIELD_ROW_VISIBLE] = visible;
	b.field[AM_FIELD_ENTROPY] = s->entropy;
	b.field[AM_FIELD_MASS_AT_K] = s->mass_at_k;
	b.field[AM_FIELD_MASS_AT_RATIO] = s->mass_at_ratio;
	b.field[AM_FIELD_K_AT_MASS] = s->k_at_mass;
	assert_int_equal(am_run_writer_append(w, &b, NULL), AM_OK);
}

static am_run *make(const small *s)
{
	am_run_axes axes = {.n_layer = s->n_layer, .layer = layer_ids, .n_head = s->n_head, .head = head_ids,
	                    .n_kv_head = 1, .kv_head = head_ids};
	if (s->mass_at_k) {
		axes.n_k = 2, axes.k = ks;
		axes.n_ratio = 1, axes.ratio = ratios;
		axes.n_mass = 1, axes.mass = taus;
	}
	for (int q = 0; q < s->n_sequence; q++)
		axes.n_row += s->length[q];
	am_error err = {0};
	am_run_writer *w;
	assert_int_equal(am_run_writer_open(PATH, true, &axes, &(am_run_contents){.deflate = 1}, &w, &err), AM_OK);
	append_rows(s, w, (int)axes.n_row);
	assert_int_equal(am_run_writer_put(w, AM_FIELD_SEQUENCE_LENGTH, s->n_sequence, s->length, NULL), AM_OK);
	if (s->task)
		assert_int_equal(am_run_writer_put(w, AM_FIELD_SEQUENCE_TASK, s->n_sequence, s->task, NULL), AM_OK);
	if (am_run_writer_close(w, &err))
		fail_msg("%s", err.text);
	am_run *r;
	if (am_run_open(PATH, &r, &err))
		fail_msg("%s", err.text);
	return r;
}

static am_aggregate_options defaults(void)
{
	am_aggregate_options o;
	am_aggregate_options_init(&o);
	o.resamples = 500;
	return o;
}

static am_table entropy_of(const small *s, const am_aggregate_options *o)
{
	am_run *r = make(s);
	am_table t;
	am_error err = {0};
	if (am_entropy_table(r, o, &t, &err))
		fail_msg("%s", err.text);
	am_run_close(r);
	return t;
}

static const am_cell *at(const am_table *t, int row, const char *column)
{
	int c = am_table_column(t, column);
	assert_true(c >= 0 && row < t->n_rows);
	return &t->cells[row * t->n_columns + c];
}

static void near(const am_table *t, int row, const char *column, double want)
{
	double x = at(t, row, column)->x;
	if (!(fabs(x - want) <= 1e-6) && !(isnan(x) && isnan(want)))
		fail_msg("row %d, %s: %.9g, expected %.9g", row, column, x, want);
}

/* Two sequences of lengths 2 and 3: each weighs the same, its rows do not. */
static void test_unequal_lengths(void **state)
{
	(void)state;
	const int32_t length[] = {2, 3};
	const float entropy[] = {0, 0.6f, 0, 0.3f, 0.9f, /* head 0 */
	                         0, 0.2f, 0, 0.1f, 1.0f}; /* head 2 */
	const small s = {.n_layer = 1, .n_head = 2, .n_sequence = 2, .length = length, .entropy = entropy};
	am_aggregate_options o = defaults();
	am_table t = entropy_of(&s, &o);
	assert_int_equal(t.n_rows, 4); /* (3, 0), (3, 2), (3, null), (null, null) */
	assert_int_equal(at(&t, 0, "layer")->i, 3);
	assert_int_equal(at(&t, 1, "head")->i, 2);
	assert_true(am_table_is_null(&t, 2, 1) && !am_table_is_null(&t, 2, 0) && am_table_is_null(&t, 3, 0));
	double seq0[2] = {(0 + 0.6) / 2, (0 + 0.2) / 2}, seq1[2] = {1.2 / 3, 1.1 / 3};
	for (int h = 0; h < 2; h++) {
		near(&t, h, "mean", (seq0[h] + seq1[h]) / 2);
		near(&t, h, "effective_support", exp((seq0[h] + seq1[h]) / 2));
		near(&t, h, "ci_low", NAN);
		assert_int_equal(at(&t, h, "n_rows")->i, 5);
		assert_int_equal(at(&t, h, "n_sequences")->i, 2);
	}
	/* Rows with one visible key have no normalised entropy. */
	near(&t, 0, "normalised", (0.6 / log(2) + (0.3 / log(2) + 0.9 / log(3)) / 2) / 2);
	near(&t, 0, "median", 0.3);
	near(&t, 0, "p95", 0.6 + 0.8 * 0.3); /* 0 0 .3 .6 .9, at 3.8 */
	near(&t, 0, "p05", 0);
	for (int row = 2; row < 4; row++) {
		near(&t, row, "mean", (seq0[0] + seq1[0] + seq0[1] + seq1[1]) / 4);
		near(&t, row, "median", 0.15); /* 0 0 0 0 .1 .2 .3 .6 .9 1 */
		assert_int_equal(at(&t, row, "n_rows")->i, 10);
	}
	assert_int_equal(t.n_sequences, 2);
	assert_int_equal(t.n_source_rows, 5);
	assert_int_equal(t.warnings.size, 0);
	am_table_fini(&t);
}

/* Five sequences of task a, one of task b: each task is half of the mean. */
static void test_tasks(void **state)
{
	(void)state;
	const int32_t length[] = {1, 1, 1, 1, 1, 1};
	const char *const task[] = {"a", "a", "b", "a", "a", "a"};
	const float entropy[] = {0.1f, 0.2f, 2, 0.3f, 0.4f, 0.5f,  /* layer 3 */
	                         0.3f, 0.4f, 4, 0.5f, 0.6f, 0.7f}; /* layer 5 */
	const small s = {.n_layer = 2, .n_head = 1, .n_sequence = 6, .length = length, .task = task,
	                 .entropy = entropy};
	am_aggregate_options o = defaults();
	am_table t = entropy_of(&s, &o);
	assert_int_equal(t.n_rows, 5);
	near(&t, 0, "mean", (0.3 + 2) / 2);
	near(&t, 1, "mean", (0.5 + 4) / 2);
	near(&t, 4, "mean", ((0.3 + 2) / 2 + (0.5 + 4) / 2) / 2);
	near(&t, 4, "normalised", NAN);
	/* Task b is always there; task a varies between its extremes. */
	double low = at(&t, 0, "ci_low")->x, high = at(&t, 0, "ci_high")->x;
	assert_true((0.1 + 2) / 2 <= low && low < 1.15 && 1.15 < high && high <= (0.5 + 2) / 2);
	am_table_fini(&t);
	o.seed = 1;
	t = entropy_of(&s, &o);
	assert_true(at(&t, 0, "ci_low")->x != low || at(&t, 0, "ci_high")->x != high);
	am_table_fini(&t);
}

/* The visible keys are those of the row's own layer. */
static void test_windows(void **state)
{
	(void)state;
	const int32_t length[] = {3}, window[] = {3, 2};
	const float entropy[] = {0, 0.5f, 0.6f, 0, 0.1f, 0.2f};
	const small s = {.n_layer = 2, .n_head = 1, .n_sequence = 1, .length = length, .window = window,
	                 .entropy = entropy};
	am_aggregate_options o = defaults();
	am_table t = entropy_of(&s, &o);
	near(&t, 0, "normalised", (0.5 / log(2) + 0.6 / log(3)) / 2);
	near(&t, 1, "normalised", (0.1 / log(2) + 0.2 / log(2)) / 2);
	am_table_fini(&t);
}

static void test_nan_rows(void **state)
{
	(void)state;
	const int32_t length[] = {3, 2};
	const float entropy[] = {0, 0.5f, 0.7f, NAN, NAN, /* head 0: nothing of sequence 1 */
	                         0, NAN, 0.2f, 0, 0.6f};
	const small s = {.n_layer = 1, .n_head = 2, .n_sequence = 2, .length = length, .entropy = entropy};
	am_aggregate_options o = defaults();
	am_table t = entropy_of(&s, &o);
	near(&t, 0, "mean", 0.4);
	assert_int_equal(at(&t, 0, "n_rows")->i, 3);
	assert_int_equal(at(&t, 0, "n_sequences")->i, 1);
	near(&t, 1, "mean", (0.1 + 0.3) / 2);
	near(&t, 1, "normalised", (0.2 / log(3) + 0.6 / log(2)) / 2);
	near(&t, 2, "mean", ((0.4 + 0.1) / 2 + 0.3) / 2);
	near(&t, 2, "median", 0.2); /* 0 0 0 .2 .5 .6 .7 */
	assert_int_equal(at(&t, 2, "n_rows")->i, 7);
	assert_string_equal(am_text_str(&t.warnings),
	                    "/stat/entropy: 3 NaN rows left out, the first in layer 3, head 0\n");
	am_table_fini(&t);
}

static void test_position(void **state)
{
	(void)state;
	const int32_t length[] = {5, 2};
	const float entropy[] = {0, 0.5f, 0.6f, 0.7f, 0.8f, 0, 0.1f};
	const small s = {.n_layer = 1, .n_head = 1, .n_sequence = 2, .length = length, .entropy = entropy};
	am_aggregate_options o = defaults();
	o.position_bins = 2; /* positions 0 1 2, 3 4 */
	o.level = AM_LEVEL_OVERALL;
	am_table t = entropy_of(&s, &o);
	assert_int_equal(t.n_rows, 2);
	assert_int_equal(at(&t, 0, "position_low")->i, 0);
	assert_int_equal(at(&t, 0, "position_high")->i, 3);
	assert_int_equal(at(&t, 1, "position_high")->i, 5);
	near(&t, 0, "mean", (1.1 / 3 + 0.05) / 2);
	near(&t, 1, "mean", 0.75);
	assert_int_equal(at(&t, 1, "n_sequences")->i, 1);
	am_table_fini(&t);

	o.position_bins = 100; /* one for each position, less those too early */
	o.min_position = 1;
	t = entropy_of(&s, &o);
	assert_int_equal(t.n_rows, 4);
	assert_int_equal(at(&t, 0, "position_low")->i, 1);
	near(&t, 0, "mean", 0.3);
	near(&t, 3, "median", 0.8);
	assert_int_equal(t.n_source_rows, 5);
	am_table_fini(&t);

	o.position_bins = 0;
	o.min_position = 2;
	o.level = AM_LEVEL_LAYER;
	t = entropy_of(&s, &o);
	assert_int_equal(t.n_rows, 2);
	assert_int_equal(t.n_sequences, 1);
	near(&t, 1, "mean", 0.7);
	am_table_fini(&t);

	am_run *r = make(&s);
	am_error err;
	o.min_position = 5;
	assert_int_equal(am_entropy_table(r, &o, &t, &err), AM_ERR_RANGE);
	assert_string_equal(err.text, PATH ": holds no rows at position 5 or later");
	am_run_close(r);
}

static void test_coverage(void **state)
{
	(void)state;
	const int32_t length[] = {2, 1}, k_at_mass[] = {1, 2, -1};
	const float mass_at_k[] = {1, 1, 0.4f, 1, NAN, NAN}, mass_at_ratio[] = {1, 0.4f, 0.6f};
	const small s = {.n_layer = 1, .n_head = 1, .n_sequence = 2, .length = length, .mass_at_k = mass_at_k,
	                 .mass_at_ratio = mass_at_ratio, .k_at_mass = k_at_mass};
	am_run *r = make(&s);
	am_aggregate_options o = defaults();
	am_table t;
	assert_int_equal(am_coverage_table(r, &o, &t, NULL), AM_OK);
	assert_int_equal(t.n_rows, 12); /* (3, 0), (3, null), (null, null), each k 1, k 4, 25 %, tau 0.9 */
	for (int cell = 0; cell < 12; cell += 4) {
		assert_int_equal(at(&t, cell, "k")->i, 1);
		near(&t, cell, "mass", 0.7);
		near(&t, cell + 1, "mass", 1);
		near(&t, cell + 2, "ratio", 0.25);
		near(&t, cell + 2, "mass", (0.7 + 0.6) / 2);
		near(&t, cell + 3, "tau", 0.9);
		near(&t, cell + 3, "k_median", 1.5);
		near(&t, cell + 3, "k_p95", 1.95);
	}
	am_text json = {0};
	am_table_json(&t, 0, &json);
	assert_non_null(strstr(am_text_str(&json),
		"  {\"layer\": 3, \"head\": 0, \"k\": 1, \"mass\": 0.700000003, \"ci_low\": null, \"ci_high\": null},\n"));
	assert_non_null(strstr(am_text_str(&json),
		"  {\"layer\": 3, \"head\": null, \"ratio\": 0.25, \"mass\": 0.650000013, \"ci_low\": null, \"ci_high\": null},\n"));
	assert_non_null(strstr(am_text_str(&json),
		"  {\"layer\": null, \"head\": null, \"tau\": 0.9, \"k_median\": 1.5, \"k_p95\": 1.95}\n"));
	am_text_free(&json);
	assert_string_equal(am_text_str(&t.warnings),
	                    "/stat/mass_at_k: 1 NaN row left out, the first in layer 3, head 0\n"
	                    "/stat/k_at_mass: 1 NaN row left out, the first in layer 3, head 0\n");
	am_table_fini(&t);
	am_run_close(r);
}

static void test_missing_fields(void **state)
{
	(void)state;
	const int32_t length[] = {1};
	const float entropy[] = {0};
	const small s = {.n_layer = 1, .n_head = 1, .n_sequence = 1, .length = length, .entropy = entropy};
	am_run *r = make(&s);
	am_aggregate_options o = defaults();
	am_table t;
	am_error err;
	assert_int_equal(am_coverage_table(r, &o, &t, &err), AM_ERR_FORMAT);
	assert_string_equal(err.text,
	                    PATH ": has none of /stat/mass_at_k, /stat/mass_at_ratio and /stat/k_at_mass");
	am_run_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unequal_lengths), cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_windows),         cmocka_unit_test(test_nan_rows),
		cmocka_unit_test(test_position),        cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_missing_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

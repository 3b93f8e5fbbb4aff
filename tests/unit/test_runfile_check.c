/* Every rule of the validator is broken once, by HDF5 itself, and named. */
#include "runfile/reader.h"
#include "runfile_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <hdf5.h>

#define OUT AM_BINARY_DIR "/tests/tmp/check.h5"

static am_error err;

/* Sets one element of a dataset. */
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

/* A new run, opened for damage. */
static hid_t fresh_run(void)
{
	sample s = sample_new(2, 2, 60, 5);
	s.contents.dist = true;
	assert_int_equal(sample_write(&s, OUT, 64, &err), AM_OK);
	hid_t file = H5Fopen(OUT, H5F_ACC_RDWR, H5P_DEFAULT);
	assert_true(file >= 0);
	return file;
}

/* The report of the damaged run holds `line`, and the status says so. */
static void expect_problem(const char *line)
{
	am_run *r = NULL;
	am_text report = {0};
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	am_status s = am_run_check(r, &report, &err);
	if (s != AM_ERR_CHECK || !strstr(am_text_str(&report), line))
		print_error("expected %s, found %d:\n%s", line, s, am_text_str(&report));
	assert_int_equal(s, AM_ERR_CHECK);
	assert_non_null(strstr(am_text_str(&report), line));
	assert_non_null(strstr(err.text, "problem"));
	am_text_free(&report);
	am_run_close(r);
}

/* Row 100 is position 40 (n = 41) of sequence 1. */
static const struct {
	const char *path;
	int64_t at[4];
	double value;
	const char *line;
} values[] = {
	{"/row_sequence", {100}, 7, "row_sequence is a sequence: row 100: 7"},
	{"/row_sequence", {100}, -1, "row_sequence is a sequence: row 100"},
	{"/row_sequence", {100}, 0, "rows follow each other: row 100"},
	{"/row_position", {100}, 60, "row_position is below sequence_length: row 100: 60"},
	{"/row_position", {100}, 39, "rows follow each other: row 100"},
	{"/row_token", {100}, 1, "row_token is the token at its position: row 100: 1"},
	{"/row_token", {100}, -1, "row_token is not negative: row 100"},
	{"/row_nll", {100}, NAN, "row_nll is a number >= 0, missing on the last token only: row 100"},
	{"/row_nll", {100}, -1, "row_nll is a number >= 0"},
	{"/row_visible", {1, 100}, 42, "row_visible is at most position + 1: layer 1, row 100: 42"},
	{"/row_visible", {1, 100}, -1, "row_visible is at most position + 1: layer 1, row 100: -1"},
	{"/row_visible", {1, 100}, 0, "rows without visible keys have no statistics: layer 1, head 0, row 100"},
	{"/stat/lse", {0, 1, 100}, NAN, "lse is finite: layer 0, head 1, row 100"},
	{"/stat/entropy", {0, 1, 100}, 3.72, "entropy is in [0, ln n]: layer 0, head 1, row 100"},
	{"/stat/entropy", {0, 1, 100}, -1e-3, "entropy is in [0, ln n]: layer 0, head 1, row 100"},
	{"/stat/entropy", {0, 1, 100}, NAN, "entropy is in [0, ln n]: layer 0, head 1, row 100"},
	{"/stat/entropy", {0, 1, 100}, 0.01, "renyi2 is at most entropy: layer 0, head 1, row 100"},
	{"/stat/entropy", {0, 1, 100}, 0.01, "1 - mass is at most entropy / ln(k + 1): layer 0, head 1, row 100"},
	{"/stat/score_variance", {0, 1, 100}, -1, "score_variance is not negative: layer 0"},
	{"/stat/renyi2", {0, 1, 100}, -1, "renyi2 is in [0, ln n]: layer 0"},
	{"/stat/renyi2", {0, 1, 100}, 1e-3, "-ln max_prob is at most renyi2: layer 0"},
	{"/stat/max_prob", {0, 1, 100}, 0.01, "max_prob is in [1/n, 1]: layer 0"},
	{"/stat/max_prob", {0, 1, 100}, 0.99, "mass is between max_prob and k max_prob: layer 0"},
	{"/stat/sink_mass", {0, 1, 100}, 1.1, "sink_mass is in [0, 1]: layer 0"},
	{"/stat/recent_mass", {0, 1, 100}, -0.1, "recent_mass is in [0, 1]: layer 0"},
	{"/stat/mean_distance", {0, 1, 100}, 41, "mean_distance is in [0, position]: layer 0"},
	{"/stat/mass_at_k", {0, 1, 100, 1}, 0.9999, "mass does not fall with k: layer 0, head 1, row 100"},
	{"/stat/mass_at_k", {0, 1, 100, 3}, 0.999, "mass of k keys is in [k/n, 1]: layer 0, head 1, row 100"},
	{"/stat/mass_at_ratio", {0, 1, 100, 2}, NAN, "mass of k keys is in [k/n, 1]: layer 0, head 1, row 100"},
	{"/stat/k_at_mass", {0, 1, 100, 0}, 0, "k_at_mass is in [1, n]: layer 0, head 1, row 100: 0"},
	{"/stat/k_at_mass", {0, 1, 100, 0}, 41, "k_at_mass does not fall with mass: layer 0, head 1, row 100"},
	{"/stat/k_at_mass", {0, 1, 100, 2}, 2, "k_at_mass agrees with mass_at_k: layer 0, head 1, row 100"},
	{"/stat/output_error", {0, 1, 100, 0}, -1, "output_error is not negative: layer 0, head 1, row 100"},
	{"/topk/index", {0, 1, 100, 3}, 41, "topk/index is a visible key: layer 0, head 1, row 100: rank 3: key 41"},
	{"/topk/index", {0, 1, 1, 5}, 0, "topk is missing beyond n: layer 0, head 1, row 1: rank 5"},
	{"/topk/prob", {0, 1, 100, 3}, 0.9, "topk/prob does not rise with rank: layer 0, head 1, row 100"},
	{"/topk/prob", {0, 1, 100, 3}, NAN, "topk/prob does not rise with rank: layer 0, head 1, row 100"},
	/* Row 101 lies apart by tv 0.1, row 102 keeps fewer keys. */
	{"/pair/kl", {0, 1, 101}, -1, "kl is not negative: layer 0, head 1, row 101: /pair/kl is -1"},
	{"/pair/kl", {0, 1, 101}, NAN, "kl is not negative: layer 0, head 1, row 101"},
	{"/pair/kl_reverse", {0, 1, 101}, 0.01, "a divergence is at least 2 tv^2: layer 0, head 1, row 101: /pair/kl_reverse"},
	{"/pair/kl", {0, 1, 102}, 5, "a divergence is infinite where the other row lacks keys: layer 0, head 1, row 102"},
	{"/pair/gained", {0, 1, 102}, 0.1, "a divergence is infinite where the other row lacks keys: layer 0, head 1, row 102"},
	{"/pair/js", {0, 1, 101}, 0.7, "js is in [0, ln 2]: layer 0, head 1, row 101"},
	{"/pair/js", {0, 1, 101}, 0.08, "js is at most ln 2 tv: layer 0, head 1, row 101"},
	{"/pair/tv", {0, 1, 101}, 1.1, "tv is in [0, 1]: layer 0, head 1, row 101"},
	{"/pair/lost", {0, 1, 101}, 0.2, "lost and gained are in [0, tv]: layer 0, head 1, row 101"},
	{"/pair/topk_overlap", {0, 1, 101, 2}, NAN, "topk_overlap is in [0, 1]: layer 0, head 1, row 101: k 16"},
	{"/temperature/beta", {0, 1}, 0, "inverse temperatures are above 0: /temperature/beta[1] is 0"},
	{"/sequence_length", {2}, 0, "sequences are not empty: sequence 2: 0 tokens"},
	{"/sequence_nll", {2}, -1, "sequence_nll is not negative: sequence 2"},
	{"/token_id", {100}, -1, "token ids are not negative: token 100 is -1"},
	{"/token_offset", {2}, 119, "token_offset rises by sequence_length: sequence 1: 60 to 119"},
	{"/token_offset", {0}, 1, "token_offset spans the tokens: 1 to 300 of 300"},
	{"/profile/distance", {0, 1, 3}, -0.5, "profile is in [0, 1]: /profile/distance, row 1"},
	{"/profile/distance", {0, 1, 3}, 0.5, "profile sums to 1: /profile/distance, row 1"},
	{"/profile/map", {0, 1, 2, 3}, NAN, "profile sums to 1: /profile/map, row 10"},
	{"/k", {1}, 1, "coordinates are distinct: k: 1 twice"},
	{"/k", {1}, 0, "coordinates are in range: k[1] is 0"},
	{"/ratio", {1}, 1.5, "coordinates are in range: ratio[1] is 1.5"},
	{"/rank", {1}, 3, "coordinates follow their rule: rank[1] is 3"},
	{"/row", {100}, 3, "coordinates follow their rule: row[100] is 3"},
	{"/distance_bin", {3}, 3, "coordinates follow their rule: distance_bin[3] is 3"},
	{"/dist/1/offset", {100}, 1e6, "distributions are readable: " OUT ": /dist/1/offset: row"},
};

static void broken_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		hid_t file = fresh_run();
		set_value(file, values[i].path, values[i].at, values[i].value);
		if (strcmp(values[i].path, "/dist/1/offset") == 0) /* every row, to meet the sample */
			for (int64_t at = 1; at < 300; at++)
				set_value(file, values[i].path, &at, values[i].value);
		H5Fclose(file);
		expect_problem(values[i].line);
	}
}

/* Distributions are looked at in a sample of rows: all of one layer are damaged. */
static void broken_distributions(void **state)
{
	(void)state;
	hid_t file = fresh_run();
	for (int64_t e = 0; e < 9000; e += 3) {
		int64_t at[] = {0, e}, at1[] = {1, e};
		set_value(file, "/dist/0/prob", at, 0.5);
		set_value(file, "/dist/0/prob", at1, 0.5);
	}
	H5Fclose(file);
	expect_problem("distributions sum to 1: layer 0");
	expect_problem("distributions have the entropy stored: layer 0");
	file = fresh_run();
	for (int64_t row = 0; row < 300; row++) {
		int64_t at[] = {1, row};
		set_value(file, "/row_visible", at, 1);
	}
	H5Fclose(file);
	expect_problem("distributions have n entries: layer 1");
}

static void delete_attr(hid_t file, const char *path, const char *name)
{
	assert_true(H5Adelete_by_name(file, path, name, H5P_DEFAULT) >= 0);
}

static void broken_structure(void **state)
{
	(void)state;
	static const struct {
		const char *path, *attr, *line; /* attr NULL: the dataset goes */
	} gone[] = {
		{"/", "kernel", "attribute of the run: kernel: expected text"},
		{"/", "seed", "attribute of the run: seed: expected a number"},
		{"/", "finished", "attribute of the run: finished: expected text in a complete run"},
		{"/stat/entropy", "units", "attribute units: /stat/entropy: expected \"nat\", found \"\""},
		{"/k", "units", "attribute units: k: expected \"keys\", found \"\""},
		{"/topk/prob", "long_name", "attribute long_name: /topk/prob: expected text"},
		{"/layer", "CLASS", "axes are dimension scales: /layer"},
		{"/stat/lse", "DIMENSION_LIST", "dimension scales are attached: /stat/lse: layer"},
		{"/stat/lse", NULL, "dataset is there: /stat/lse"},
		{"/token_offset", NULL, "dataset is there: /token_offset"},
		{"/dist/1/prob", NULL, "dataset is there: /dist/1/prob"},
	};
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
		hid_t file = fresh_run();
		if (gone[i].attr)
			delete_attr(file, gone[i].path, gone[i].attr);
		else
			assert_true(H5Ldelete(file, gone[i].path, H5P_DEFAULT) >= 0);
		H5Fclose(file);
		expect_problem(gone[i].line);
	}
}

/* The same values as float64 with no fill value of ours. */
static void broken_type(void **state)
{
	(void)state;
	hid_t file = fresh_run();
	assert_true(H5Ldelete(file, "/row_nll", H5P_DEFAULT) >= 0);
	hsize_t n = 300;
	hid_t space = H5Screate_simple(1, &n, NULL);
	hid_t d = H5Dcreate2(file, "/row_nll", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(d >= 0);
	H5Dclose(d);
	H5Sclose(space);
	H5Fclose(file);
	expect_problem("type of the values: /row_nll: expected 4 bytes, found 8");
	expect_problem("fill value: /row_nll: expected NaN");
}

/* A report stays short: a few lines a rule, the others counted. */
static void report_is_short(void **state)
{
	(void)state;
	hid_t file = fresh_run();
	for (int64_t row = 0; row < 200; row++) {
		int64_t at[] = {0, 0, row};
		set_value(file, "/stat/sink_mass", at, 2);
		set_value(file, "/stat/lse", at, NAN);
	}
	H5Fclose(file);
	am_run *r = NULL;
	am_text report = {0};
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	assert_int_equal(am_run_check(r, &report, &err), AM_ERR_CHECK);
	assert_string_equal(err.text, OUT ": 400 problems");
	int lines = 0;
	for (const char *p = am_text_str(&report); *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 8);
	assert_non_null(strstr(am_text_str(&report), "sink_mass is in [0, 1]: 197 more\n"));
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
		cmocka_unit_test(broken_values), cmocka_unit_test(broken_distributions),
		cmocka_unit_test(broken_structure), cmocka_unit_test(broken_type),
		cmocka_unit_test(report_is_short),
	};
	return cmocka_run_group_tests(tests, NULL, close_hdf5);
}

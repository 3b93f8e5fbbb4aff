/* Files that are no run, or lie: an error that names file and dataset, never a
 * crash, a hang or memory beyond reason. */
#include "analysis/plot.h"
#include "runfile/reader.h"
#include "runfile_data.h"

#include "base/file.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#define DIR AM_BINARY_DIR "/tests/tmp"
#define OUT DIR "/hostile.h5"

static am_error err;

static void expect_refused(const char *path, am_status status, const char *text)
{
	am_run *r = NULL;
	am_status s = am_run_open(path, &r, &err);
	if (s != status || !strstr(err.text, text))
		print_error("expected %s, found %d %s\n", text, s, err.text);
	assert_int_equal(s, status);
	assert_non_null(strstr(err.text, text));
	assert_memory_equal(err.text, path, strlen(path));
	assert_null(r);
}

static void write_file(const void *data, size_t size)
{
	FILE *f = fopen(OUT, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	fclose(f);
}

static void no_hdf5_at_all(void **state)
{
	(void)state;
	expect_refused(DIR "/no-such-file.h5", AM_ERR_IO, "No such file or directory");
	expect_refused(DIR, AM_ERR_IO, "found a directory");
	expect_refused("/dev/null", AM_ERR_IO, "found a device");
	write_file("", 0);
	expect_refused(OUT, AM_ERR_FORMAT, "not a readable HDF5 file");
	write_file("\x89HDF\r\n\x1a\n", 8);
	expect_refused(OUT, AM_ERR_FORMAT, "not a readable HDF5 file");
	write_file("PK\3\4 something else", 20);
	expect_refused(OUT, AM_ERR_FORMAT, "not a readable HDF5 file");
}

static void truncated(void **state)
{
	(void)state;
	sample s = sample_new(2, 2, 50, 2);
	assert_int_equal(sample_write(&s, OUT, 64, &err), AM_OK);
	struct stat st;
	assert_int_equal(stat(OUT, &st), 0);
	for (int i = 1; i < 40; i++) {
		assert_int_equal(truncate(OUT, st.st_size - st.st_size * i / 40), 0);
		expect_refused(OUT, AM_ERR_FORMAT, "not a readable HDF5 file");
	}
}

static hid_t fresh_run(void)
{
	sample s = sample_new(2, 2, 60, 5);
	s.contents.dist = true;
	assert_int_equal(sample_write(&s, OUT, 64, &err), AM_OK);
	hid_t file = H5Fopen(OUT, H5F_ACC_RDWR, H5P_DEFAULT);
	assert_true(file >= 0);
	return file;
}

/* Puts a dataset in the place of another, or removes it (rank < 0). With a chunk
 * it is of any length and holds nothing. */
static void replace(hid_t file, const char *path, hid_t type, int rank, hsize_t n, hsize_t chunk)
{
	assert_true(H5Ldelete(file, path, H5P_DEFAULT) >= 0);
	if (rank < 0)
		return;
	hsize_t dims[] = {n, 2, 2, 2, 2}, chunks[] = {chunk, 1, 1, 1, 1};
	hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
	hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
	if (chunk)
		assert_true(H5Pset_chunk(dcpl, rank, chunks) >= 0);
	hid_t d = H5Dcreate2(file, path, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
	assert_true(d >= 0);
	H5Dclose(d);
	H5Pclose(dcpl);
	H5Sclose(space);
}

static void replaced_datasets(void **state)
{
	(void)state;
	const struct {
		const char *path;
		hid_t type;
		int rank;
		hsize_t n, chunk;
		const char *text;
	} cases[] = {
		{"/layer", 0, -1, 0, 0, "there is no axis /layer"},
		{"/row", 0, -1, 0, 0, "there is no axis /row"},
		{"/k", 0, -1, 0, 0, "/stat/mass_at_k: there is no axis /k"},
		{"/layer", H5T_NATIVE_INT, 2, 2, 0, "/layer: expected 1 axes, found 2"},
		{"/layer", H5T_NATIVE_INT, 0, 0, 0, "/layer: expected 1 axes, found 0"},
		{"/layer", H5T_NATIVE_DOUBLE, 1, 2, 0, "/layer: values of an unexpected type"},
		{"/layer", H5T_NATIVE_INT, 1, 3, 3, "/layer: 3 values, more than the file can hold"},
		{"/row", H5T_NATIVE_LLONG, 1, (hsize_t)1 << 40, 1024, "/row: 1099511627776 values, more than"},
		{"/token", H5T_NATIVE_LLONG, 1, (hsize_t)1 << 62, 1024, "/token: 4611686018427387904 values"},
		{"/stat/entropy", H5T_NATIVE_FLOAT, 2, 2, 0, "/stat/entropy: expected 3 axes, found 2"},
		{"/stat/entropy", H5T_NATIVE_INT, 3, 2, 0, "/stat/entropy: values of an unexpected type"},
		{"/stat/entropy", H5T_C_S1, 3, 2, 0, "/stat/entropy: values of an unexpected type"},
		{"/stat/entropy", H5T_NATIVE_FLOAT, 3, 5, 0,
	         "/stat/entropy: expected length 2 along layer, found 5"},
		{"/stat/mass_at_k", H5T_NATIVE_FLOAT, 4, 2, 0,
	         "/stat/mass_at_k: expected length 4 along k, found 2"},
		{"/token_id", H5T_NATIVE_INT, 1, (hsize_t)1 << 62, 1024, "/token_id: expected length 300 along token"},
		{"/sequence_name", H5T_NATIVE_INT, 1, 5, 0, "/sequence_name: values of an unexpected type"},
		{"/dist/1/prob", H5T_NATIVE_FLOAT, 1, 2, 0, "/dist/1/prob: expected 2 axes, found 1"},
		{"/dist/1/prob", H5T_NATIVE_FLOAT, 2, 7, 0, "/dist/1/prob: expected 2 heads, found 7"},
		{"/row_nll", H5T_NATIVE_FLOAT, 1, (hsize_t)1 << 40, 1024, "/row_nll: more values than the file can hold"},
		{"/dist/1/offset", 0, -1, 0, 0, "/dist/1/offset: missing or empty"},
		{"/dist/1/offset", H5T_NATIVE_LLONG, 1, 0, 1, "/dist/1/offset: missing or empty"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		hid_t file = fresh_run();
		replace(file, cases[i].path, cases[i].type, cases[i].rank, cases[i].n, cases[i].chunk);
		H5Fclose(file);
		expect_refused(OUT, AM_ERR_FORMAT, cases[i].text);
	}
}

/* A group where a dataset should be; datasets whose values are elsewhere. */
static void misleading_objects(void **state)
{
	(void)state;
	hid_t file = fresh_run();
	assert_true(H5Ldelete(file, "/stat/lse", H5P_DEFAULT) >= 0);
	H5Gclose(H5Gcreate2(file, "/stat/lse", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	H5Fclose(file);
	expect_refused(OUT, AM_ERR_FORMAT, "/stat/lse: cannot open");

	file = fresh_run();
	assert_true(H5Ldelete(file, "/row_nll", H5P_DEFAULT) >= 0);
	hsize_t n = 300;
	hid_t space = H5Screate_simple(1, &n, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE);
	assert_true(H5Pset_external(dcpl, "/etc/passwd", 0, 1200) >= 0);
	hid_t d = H5Dcreate2(file, "/row_nll", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
	assert_true(d >= 0);
	H5Dclose(d);
	H5Pclose(dcpl);
	H5Sclose(space);
	H5Fclose(file);
	expect_refused(OUT, AM_ERR_FORMAT, "/row_nll: data outside the file");
}

/* Links to other places count as absent. */
static void links_elsewhere(void **state)
{
	(void)state;
	hid_t file = fresh_run();
	assert_true(H5Ldelete(file, "/row_nll", H5P_DEFAULT) >= 0);
	assert_true(H5Lcreate_external("other.h5", "/row_nll", file, "/row_nll", H5P_DEFAULT, H5P_DEFAULT) >= 0);
	assert_true(H5Ldelete(file, "/stat/lse", H5P_DEFAULT) >= 0);
	assert_true(H5Lcreate_soft("/nowhere", file, "/stat/lse", H5P_DEFAULT, H5P_DEFAULT) >= 0);
	H5Fclose(file);
	am_run *r = NULL;
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	assert_false(am_run_has(r, AM_FIELD_ROW_NLL));
	assert_false(am_run_has(r, AM_FIELD_LSE));
	float x;
	int64_t start[3] = {0}, count[] = {1, 1, 1};
	assert_int_equal(am_run_read_f32(r, AM_FIELD_LSE, start, count, &x, &err), AM_ERR_FORMAT);
	assert_string_equal(err.text, OUT ": /stat/lse: the run does not have it");
	am_run_close(r);
}

static void set_int_attr(hid_t file, const char *name, int value)
{
	hid_t space = H5Screate(H5S_SCALAR);
	H5Adelete(file, name);
	hid_t a = H5Acreate2(file, name, H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(H5Awrite(a, H5T_NATIVE_INT, &value) >= 0);
	H5Aclose(a);
	H5Sclose(space);
}

static void other_formats(void **state)
{
	(void)state;
	hid_t file = fresh_run();
	set_int_attr(file, "format_version", AM_RUN_FORMAT_VERSION + 1);
	H5Fclose(file);
	expect_refused(OUT, AM_ERR_FORMAT, "format_version 2, this program reads up to 1");
	file = fresh_run();
	set_int_attr(file, "format_version", 0);
	H5Fclose(file);
	expect_refused(OUT, AM_ERR_FORMAT, "format_version: expected a number >= 1");
	file = fresh_run();
	set_int_attr(file, "format", 1);
	H5Fclose(file);
	expect_refused(OUT, AM_ERR_FORMAT, "not a run file: attribute format is missing");
	file = H5Fcreate(OUT, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	H5Fclose(file);
	expect_refused(OUT, AM_ERR_FORMAT, "not a run file: attribute format is missing");
}

/* Later versions add groups, datasets and attributes: they are passed over. */
static void unknown_objects(void **state)
{
	(void)state;
	hid_t file = fresh_run();
	hid_t lcpl = H5Pcreate(H5P_LINK_CREATE);
	H5Pset_create_intermediate_group(lcpl, 1);
	hsize_t n[] = {2, 3};
	hid_t space = H5Screate_simple(2, n, NULL);
	hid_t d = H5Dcreate2(file, "/later/s0/retained_mass", H5T_NATIVE_FLOAT, space, lcpl, H5P_DEFAULT,
	                     H5P_DEFAULT);
	hid_t a = H5Acreate2(file, "an array", H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(d >= 0 && a >= 0);
	H5Aclose(a);
	H5Dclose(d);
	H5Sclose(space);
	H5Pclose(lcpl);
	H5Fclose(file);
	am_run *r = NULL;
	am_text report = {0};
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	assert_int_equal(am_run_check(r, &report, &err), AM_OK);
	bool listed = false;
	for (int i = 0; i < am_run_attr_count(r); i++)
		listed = listed || strcmp(am_run_attr_text(r, i), "(6 values)") == 0;
	assert_true(listed);
	am_text_free(&report);
	am_run_close(r);
}

/* Axes without values are no reason to refuse a run, nor to draw what is not there. */
static void empty_axes(void **state)
{
	(void)state;
	const struct {
		const char *axis, *field, *picture;
		hid_t type, field_type;
	} cases[] = {
		{"/mass", "/stat/k_at_mass", "k-at-mass", H5T_NATIVE_DOUBLE, H5T_NATIVE_INT},
		{"/k", "/stat/mass_at_k", "coverage-curves", H5T_NATIVE_INT, H5T_NATIVE_FLOAT},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		hid_t file = fresh_run();
		replace(file, cases[i].axis, cases[i].type, 1, 0, 0);
		assert_true(H5Ldelete(file, "/stat/output_error", H5P_DEFAULT) >= 0);
		assert_true(H5Ldelete(file, "/pair/topk_overlap", H5P_DEFAULT) >= 0);
		assert_true(H5Ldelete(file, cases[i].field, H5P_DEFAULT) >= 0);
		const hsize_t dims[] = {2, 2, 300, 0};
		hid_t space = H5Screate_simple(4, dims, NULL);
		hid_t d = H5Dcreate2(file, cases[i].field, cases[i].field_type, space, H5P_DEFAULT, H5P_DEFAULT,
		                     H5P_DEFAULT);
		assert_true(d >= 0);
		H5Dclose(d);
		H5Sclose(space);
		H5Fclose(file);
		am_run *r = NULL;
		assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
		const am_plot_request q = {.run = {r}, .dir = DIR};
		assert_int_equal(am_plot_draw(cases[i].picture, &q, &err), AM_ERR_FORMAT);
		assert_non_null(strstr(err.text, cases[i].field));
		am_run_close(r);
	}
}

static void boxes_outside(void **state)
{
	(void)state;
	H5Fclose(fresh_run());
	am_run *r = NULL;
	float x[8];
	assert_int_equal(am_run_open(OUT, &r, &err), AM_OK);
	const int64_t boxes[][2][3] = {
		{{0, 0, 0}, {3, 1, 1}}, {{2, 0, 0}, {1, 1, 1}}, {{0, 0, 299}, {1, 1, 2}},
		{{-1, 0, 0}, {1, 1, 1}}, {{0, 0, 0}, {1, -1, 1}}, {{0, 0, INT64_MAX}, {1, 1, INT64_MAX}},
	};
	for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
		assert_int_equal(am_run_read_f32(r, AM_FIELD_LSE, boxes[i][0], boxes[i][1], x, &err), AM_ERR_RANGE);
		assert_non_null(strstr(err.text, "/stat/lse"));
	}
	const int64_t start[] = {0, 0, 300}, none[] = {1, 1, 0};
	assert_int_equal(am_run_read_f32(r, AM_FIELD_LSE, start, none, x, &err), AM_OK);
	am_run_close(r);
}

/* Damage in the values: the chunks lie before the last index, in the first half of
 * the file. HDF5's own structures are left alone, damage there is its affair. */
static void damaged_chunks(void **state)
{
	(void)state;
	H5Fclose(fresh_run());
	char *good, *bad;
	size_t size;
	assert_int_equal(am_file_read(OUT, (size_t)1 << 30, &good, &size, &err), AM_OK);
	bad = am_alloc(size, 1);
	am_rng rng = {7};
	int noticed = 0;
	for (int i = 0; i < 60; i++) {
		memcpy(bad, good, size);
		for (int k = 0; k < 400; k++)
			bad[512 + am_rng_below(&rng, size / 2)] ^= (char)(1 + am_rng_below(&rng, 255));
		write_file(bad, size);
		am_run *r = NULL;
		am_text report = {0};
		if (am_run_open(OUT, &r, &err) != AM_OK) {
			noticed++;
			continue;
		}
		noticed += am_run_check(r, &report, &err) == AM_ERR_CHECK;
		am_text_free(&report);
		am_run_close(r);
	}
	am_free(bad);
	am_free(good);
	assert_int_equal(noticed, 60);
}

static int close_hdf5(void **state)
{
	(void)state;
	remove(OUT);
	return H5close() < 0;
}

int main(void)
{
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_hdf5_at_all), cmocka_unit_test(truncated),
		cmocka_unit_test(replaced_datasets), cmocka_unit_test(misleading_objects),
		cmocka_unit_test(links_elsewhere), cmocka_unit_test(other_formats),
		cmocka_unit_test(unknown_objects), cmocka_unit_test(empty_axes), cmocka_unit_test(boxes_outside),
		cmocka_unit_test(damaged_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, close_hdf5);
}

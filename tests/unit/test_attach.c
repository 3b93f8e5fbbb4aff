/* Dimension scales attached all at once: the same attributes as H5DSattach_scale leaves, which are the oracle, and the
 * library's own questions about them answered alike. */
#include "runfile/attach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hdf5_hl.h>

enum { SCALES = 4, SETS = 40, RANK = 3 };

static const char *const scale_path[SCALES] = {"/a", "/b", "/c", "/unused"};

/* Scale of a dimension of a dataset, -1 for none. Datasets share scales, use one twice, leave dimensions or all out. */
static int scale_of(int set, int dimension)
{
	if (set % 5 == 4)
		return -1;
	if (set % 5 == 3)
		return dimension == 1 ? 1 : -1;
	return set % 2 ? (int[]){0, 1, 0}[dimension] : (int[]){2, 1, 0}[dimension];
}

static hid_t new_file(const char *name)
{
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
	assert_true(H5Pset_fapl_core(fapl, 1 << 16, 0) >= 0);
	hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
	assert_true(file >= 0);
	H5Pclose(fapl);
	return file;
}

static hid_t new_dataset(hid_t file, const char *path, int rank)
{
	hsize_t dims[RANK] = {2, 2, 2};
	hid_t space = H5Screate_simple(rank, dims, NULL);
	hid_t id = H5Dcreate2(file, path, H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(id >= 0);
	H5Sclose(space);
	return id;
}

static hid_t new_scale(hid_t file, int i)
{
	hid_t id = new_dataset(file, scale_path[i], 1);
	assert_true(H5DSset_scale(id, scale_path[i] + 1) >= 0);
	return id;
}

static hid_t new_set(hid_t file, int set)
{
	char path[16];
	snprintf(path, sizeof path, "/set%d", set);
	return new_dataset(file, path, RANK);
}

static hid_t attach_one_by_one(void)
{
	hid_t file = new_file("one by one"), scale[SCALES];
	for (int i = 0; i < SCALES; i++)
		scale[i] = new_scale(file, i);
	for (int set = 0; set < SETS; set++) {
		hid_t id = new_set(file, set);
		for (int d = 0; d < RANK; d++)
			if (scale_of(set, d) >= 0)
				assert_true(H5DSattach_scale(id, scale[scale_of(set, d)], (unsigned)d) >= 0);
		H5Dclose(id);
	}
	for (int i = 0; i < SCALES; i++)
		H5Dclose(scale[i]);
	return file;
}

static hid_t attach_at_once(void)
{
	hid_t file = new_file("at once");
	am_attach a;
	int found[SCALES];
	assert_true(am_attach_init(&a));
	for (int i = 0; i < SCALES; i++) {
		assert_int_equal(am_attach_find(&a, scale_path[i]), -1);
		assert_true(am_attach_add(&a, scale_path[i], new_scale(file, i)));
	}
	for (int i = 0; i < SCALES; i++)
		found[i] = am_attach_find(&a, scale_path[i]);
	for (int set = 0; set < SETS; set++) {
		int scale[RANK];
		hid_t id = new_set(file, set);
		for (int d = 0; d < RANK; d++)
			scale[d] = scale_of(set, d) < 0 ? -1 : found[scale_of(set, d)];
		assert_true(am_attach_all(&a, id, RANK, scale));
		H5Dclose(id);
	}
	assert_true(am_attach_finish(&a));
	am_attach_fini(&a);
	return file;
}

/* What a reference leads to. */
static void name_of(hid_t file, hobj_ref_t ref, char out[16])
{
	hid_t id = H5Rdereference2(file, H5P_DEFAULT, H5R_OBJECT, &ref);
	assert_true(id >= 0 && H5Iget_name(id, out, 16) > 0);
	H5Oclose(id);
}

static void same_reference(hid_t f, hobj_ref_t x, hid_t g, hobj_ref_t y)
{
	char a[16], b[16];
	name_of(f, x, a);
	name_of(g, y, b);
	assert_string_equal(a, b);
}

/* Opens an attribute in both files, of one type and one shape, with `n` elements; false where both lack it. */
static bool open_both(const hid_t *file, const char *path, const char *name, hid_t *attr, hid_t *type, hssize_t *n)
{
	hid_t space[2];
	htri_t has = H5Aexists_by_name(file[0], path, name, H5P_DEFAULT);
	assert_int_equal(has, H5Aexists_by_name(file[1], path, name, H5P_DEFAULT));
	if (has <= 0)
		return false;
	for (int i = 0; i < 2; i++) {
		attr[i] = H5Aopen_by_name(file[i], path, name, H5P_DEFAULT, H5P_DEFAULT);
		type[i] = H5Aget_type(attr[i]);
		space[i] = H5Aget_space(attr[i]);
	}
	assert_true(H5Tequal(type[0], type[1]) > 0 && H5Sextent_equal(space[0], space[1]) > 0);
	*n = H5Sget_simple_extent_npoints(space[0]);
	H5Sclose(space[0]);
	H5Sclose(space[1]);
	return true;
}

static void close_both(const hid_t *attr, const hid_t *type)
{
	for (int i = 0; i < 2; i++) {
		H5Tclose(type[i]);
		H5Aclose(attr[i]);
	}
}

/* The lists of scales in datasets; returns how many references there are. */
static int compare_lists(const hid_t *file, const char *path)
{
	hid_t attr[2], type[2];
	hssize_t n;
	hvl_t list[2][RANK];
	int sum = 0;
	if (!open_both(file, path, DIMENSION_LIST, attr, type, &n))
		return 0;
	assert_int_equal(n, RANK);
	for (int i = 0; i < 2; i++)
		assert_true(H5Aread(attr[i], type[i], list[i]) >= 0);
	for (int d = 0; d < RANK; d++) {
		assert_int_equal(list[0][d].len, list[1][d].len);
		for (size_t k = 0; k < list[0][d].len; k++, sum++)
			same_reference(file[0], ((hobj_ref_t *)list[0][d].p)[k], file[1], ((hobj_ref_t *)list[1][d].p)[k]);
	}
	for (int i = 0; i < 2; i++)
		for (int d = 0; d < RANK; d++)
			H5free_memory(list[i][d].p);
	close_both(attr, type);
	return sum;
}

/* Those of datasets in scales. */
static int compare_uses(const hid_t *file, const char *path)
{
	hid_t attr[2], type[2];
	hssize_t n;
	am_attach_use use[2][SETS * RANK];
	if (!open_both(file, path, REFERENCE_LIST, attr, type, &n))
		return 0;
	assert_true(n <= SETS * RANK);
	for (int i = 0; i < 2; i++)
		assert_true(H5Aread(attr[i], type[i], use[i]) >= 0);
	for (hssize_t k = 0; k < n; k++) {
		same_reference(file[0], use[0][k].dataset, file[1], use[1][k].dataset);
		assert_int_equal(use[0][k].dimension, use[1][k].dimension);
	}
	close_both(attr, type);
	return (int)n;
}

static void test_same_attributes(void **state)
{
	(void)state;
	hid_t file[2] = {attach_one_by_one(), attach_at_once()};
	char path[16];
	int lists = 0, uses = 0, want = 0;
	for (int set = 0; set < SETS; set++) {
		snprintf(path, sizeof path, "/set%d", set);
		lists += compare_lists(file, path);
		for (int d = 0; d < RANK; d++)
			want += scale_of(set, d) >= 0;
	}
	for (int i = 0; i < SCALES; i++)
		uses += compare_uses(file, scale_path[i]);
	assert_int_equal(lists, want);
	assert_int_equal(uses, want);
	H5Fclose(file[0]);
	H5Fclose(file[1]);
}

/* What the library finds, and that it can go on from there. */
static void test_library_agrees(void **state)
{
	(void)state;
	hid_t file = attach_at_once(), scale[SCALES];
	for (int i = 0; i < SCALES; i++)
		scale[i] = H5Dopen2(file, scale_path[i], H5P_DEFAULT);
	for (int set = 0; set < SETS; set++) {
		char path[16];
		snprintf(path, sizeof path, "/set%d", set);
		hid_t id = H5Dopen2(file, path, H5P_DEFAULT);
		for (unsigned d = 0; d < RANK; d++) {
			int of = scale_of(set, (int)d);
			assert_int_equal(H5DSget_num_scales(id, d), of >= 0);
			for (int i = 0; i < SCALES; i++)
				assert_int_equal(H5DSis_attached(id, scale[i], d), i == of);
			if (of < 0)
				continue;
			assert_true(H5DSdetach_scale(id, scale[of], d) >= 0);
			assert_int_equal(H5DSis_attached(id, scale[of], d), 0);
			assert_true(H5DSattach_scale(id, scale[of], d) >= 0);
			assert_int_equal(H5DSis_attached(id, scale[of], d), 1);
		}
		H5Dclose(id);
	}
	for (int i = 0; i < SCALES; i++)
		H5Dclose(scale[i]);
	H5Fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_attributes),
		cmocka_unit_test(test_library_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Where the embedded model and texts are looked for. The installed and the moved
 * prefix are tested by tests/install. */
#include "base/datadir.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int without_environment(void **state)
{
	(void)state;
	return unsetenv("ATTNMETER_DATA");
}

static void build_tree_uses_source_tree(void **state)
{
	(void)state;
	char *path = NULL;
	am_error err;
	assert_int_equal(am_data_path("models/base", &path, &err), AM_OK);
	assert_string_equal(path, AM_SOURCE_DIR "/models/base");
	am_free(path);
}

static void environment_comes_first(void **state)
{
	(void)state;
	char *path = NULL;
	am_error err;
	setenv("ATTNMETER_DATA", AM_SOURCE_DIR "/models/", 1);
	assert_int_equal(am_data_path("base", &path, &err), AM_OK);
	assert_string_equal(path, AM_SOURCE_DIR "/models/base");
	am_free(path);
}

static void environment_is_the_only_place_when_set(void **state)
{
	(void)state;
	char *path = NULL;
	am_error err;
	setenv("ATTNMETER_DATA", AM_SOURCE_DIR "/lib", 1);
	assert_int_equal(am_data_path("models/base", &path, &err), AM_ERR_IO);
	assert_string_equal(err.text, "models/base: not found in " AM_SOURCE_DIR
	                              "/lib (ATTNMETER_DATA names another folder)");
	assert_null(path);
}

static void empty_environment_counts_as_unset(void **state)
{
	setenv("ATTNMETER_DATA", "", 1);
	build_tree_uses_source_tree(state);
}

static void missing_names_all_places(void **state)
{
	(void)state;
	char *path = NULL;
	am_error err;
	assert_int_equal(am_data_path("models/none", &path, &err), AM_ERR_IO);
	assert_non_null(strstr(err.text, "models/none: not found in "));
	assert_non_null(strstr(err.text, "/../share/attnmeter, " AM_SOURCE_DIR ", "));
	assert_null(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(build_tree_uses_source_tree, without_environment),
		cmocka_unit_test_setup(environment_comes_first, without_environment),
		cmocka_unit_test_setup(environment_is_the_only_place_when_set, without_environment),
		cmocka_unit_test_setup(empty_environment_counts_as_unset, without_environment),
		cmocka_unit_test_setup(missing_names_all_places, without_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The tables are consistent, and docs/run-file.md says the same. */
#include "runfile/schema.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *type_name(am_type t)
{
	switch (t) {
	case AM_TYPE_I32: return "int32";
	case AM_TYPE_I64: return "int64";
	case AM_TYPE_F32: return "float32";
	case AM_TYPE_F64: return "float64";
	case AM_TYPE_STRING: return "string";
	}
	return "?";
}

static void tables_are_filled(void **state)
{
	(void)state;
	for (int a = 0; a < AM_AXIS_COUNT; a++) {
		assert_non_null(am_axes[a].name);
		assert_true(am_axes[a].unit && am_axes[a].unit[0] && am_axes[a].long_name && am_axes[a].long_name[0]);
		assert_true(am_type_size(am_axes[a].type) > 0);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(am_axes[a].name, am_axes[b].name);
	}
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		const am_field_spec *s = &am_fields[f];
		assert_true(s->path && s->path[0] == '/' && s->unit && s->unit[0] && s->long_name && s->long_name[0]);
		assert_in_range(s->n_axes, 1, AM_MAX_AXES);
		for (int g = 0; g < f; g++)
			assert_string_not_equal(s->path, am_fields[g].path);
	}
}

static void row_axis(void **state)
{
	(void)state;
	assert_int_equal(am_field_row_axis(AM_FIELD_ROW_NLL), 0);
	assert_int_equal(am_field_row_axis(AM_FIELD_ROW_VISIBLE), 1);
	assert_int_equal(am_field_row_axis(AM_FIELD_MASS_AT_K), 2);
	assert_int_equal(am_field_row_axis(AM_FIELD_PROFILE_MAP), -1);
	assert_int_equal(am_field_row_axis(AM_FIELD_TOKEN_OFFSET), -1);
}

/* The page has a row "| `name` | axes | type | unit |" for each field, and for each
 * axis one without axes. */
static void page_says_the_same(void **state)
{
	(void)state;
	char *page;
	size_t size;
	am_text row = {0};
	assert_int_equal(am_file_read(AM_SOURCE_DIR "/docs/run-file.md", 1 << 20, &page, &size, NULL), AM_OK);
	for (int a = 0; a < AM_AXIS_COUNT; a++) {
		am_text_clear(&row);
		am_text_printf(&row, "\n| `%s` | %s | %s | ", am_axes[a].name, type_name(am_axes[a].type),
		               am_axes[a].unit);
		if (!strstr(page, am_text_str(&row)))
			fail_msg("docs/run-file.md lacks %s", am_text_str(&row) + 1);
	}
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		const am_field_spec *s = &am_fields[f];
		am_text_clear(&row);
		am_text_printf(&row, "\n| `%s` | ", s->path);
		for (int a = 0; a < s->n_axes; a++)
			am_text_printf(&row, "%s%s", a ? ", " : "", am_axes[s->axes[a]].name);
		am_text_printf(&row, " | %s | %s | ", type_name(s->type), s->unit);
		if (!strstr(page, am_text_str(&row)))
			fail_msg("docs/run-file.md lacks %s", am_text_str(&row) + 1);
	}
	am_text_free(&row);
	am_free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_filled), cmocka_unit_test(row_axis),
		cmocka_unit_test(page_says_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

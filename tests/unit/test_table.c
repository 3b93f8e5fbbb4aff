/* Tables and their renderings, and the JSON values they use. */
#include "analysis/table.h"
#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const am_column columns[] = {
	{"name", AM_COL_TEXT, 0, false}, {"layer", AM_COL_INT, 0, false}, {"mass", AM_COL_REAL, 3, false}, {"ci_low", AM_COL_REAL, 2, false},
};

static void add(am_table *t, const char *name, int64_t layer, double mass)
{
	am_cell *c = am_table_add(t);
	assert_non_null(c);
	c[0].s = name ? am_strdup(name) : NULL;
	c[1].i = layer;
	c[2].x = mass;
}

static void setup(am_table *t)
{
	assert_int_equal(am_table_init(t, columns, 4, NULL), AM_OK);
	add(t, "plain", 3, 0.25);
	add(t, "a \"b\", c", INT64_MIN, 1.0f / 3);
	am_table_omit(t, 1);
	add(t, "two\nlines \xc3\xa9", -12, NAN);
	add(t, NULL, 0, 1e-10);
}

static void expect(const am_table *t, void (*render)(const am_table *, am_text *), const char *want)
{
	am_text out = {0};
	render(t, &out);
	assert_true(am_text_ok(&out));
	assert_string_equal(am_text_str(&out), want);
	am_text_free(&out);
}

static void json(const am_table *t, am_text *out)
{
	am_table_json(t, 2, out);
}

static void test_csv(void **state)
{
	(void)state;
	am_table t;
	setup(&t);
	expect(&t, am_table_csv,
	       "name,layer,mass,ci_low\n"
	       "plain,3,0.25,\n"
	       "\"a \"\"b\"\", c\",,0.333333343,\n"
	       "\"two\nlines \xc3\xa9\",-12,,\n"
	       ",0,1e-10,\n");
	am_table_fini(&t);
}

static void test_json(void **state)
{
	(void)state;
	am_table t;
	setup(&t);
	expect(&t, json,
	       "[\n"
	       "    {\"name\": \"plain\", \"layer\": 3, \"mass\": 0.25, \"ci_low\": null},\n"
	       "    {\"name\": \"a \\\"b\\\", c\", \"mass\": 0.333333343, \"ci_low\": null},\n"
	       "    {\"name\": \"two\\nlines \xc3\xa9\", \"layer\": -12, \"mass\": null, \"ci_low\": null},\n"
	       "    {\"name\": null, \"layer\": 0, \"mass\": 1e-10, \"ci_low\": null}\n"
	       "  ]");
	am_table_fini(&t);
}

static void test_text(void **state)
{
	(void)state;
	am_table t;
	assert_int_equal(am_table_init(&t, columns, 4, NULL), AM_OK);
	expect(&t, am_table_text, "name  layer  mass  ci_low\n");
	expect(&t, json, "[]");
	add(&t, "\xc3\xa9t\xc3\xa9", 3, 0.25);
	add(&t, "winter", INT64_MIN, 12.0004);
	expect(&t, am_table_text,
	       "name    layer    mass\n"
	       "\xc3\xa9t\xc3\xa9         3   0.250\n"
	       "winter      -  12.000\n");
	am_table_fini(&t);
}

static void test_columns(void **state)
{
	(void)state;
	am_table t;
	setup(&t);
	assert_int_equal(am_table_column(&t, "mass"), 2);
	assert_int_equal(am_table_column(&t, "mas"), -1);
	assert_true(am_table_is_null(&t, 1, 1));
	assert_false(am_table_is_null(&t, 2, 1));
	for (int i = 0; i < 1000; i++)
		add(&t, "x", i, i);
	assert_int_equal(t.n_rows, 1004);
	assert_int_equal(t.cells[1003 * 4 + 1].i, 999);
	assert_int_equal(t.omitted[1], 2);
	am_table_fini(&t);
}

static void test_json_values(void **state)
{
	(void)state;
	am_text t = {0};
	am_json_string(&t, "\x01\t\b\f\r/\\ \x7f");
	am_json_string(&t, NULL);
	am_json_string(&t, "\xff|\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|\xe2\x82|\xe2\x82\xac|\xf0\x9f\x98\x80");
	am_json_real(&t, INFINITY);
	am_json_real(&t, -0.1);
	assert_string_equal(am_text_str(&t),
	                    "\"\\u0001\\t\\b\\f\\r/\\\\ \x7f\"null"
	                    "\"\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
	                    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
	                    "\xe2\x82\xac|\xf0\x9f\x98\x80\"null-0.1");
	am_text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv),     cmocka_unit_test(test_json),        cmocka_unit_test(test_text),
		cmocka_unit_test(test_columns), cmocka_unit_test(test_json_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Expressions written for Oniguruma find the same in PCRE2 after translation. */
#include "base/text.h"
#include "model/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The matches in a text, empty ones left out, joined by '|'. */
static am_text matches_of(am_pattern *p, const char *text)
{
	am_matches it = {.pattern = p, .text = text, .n = strlen(text)};
	am_text all = {0};
	am_text_puts(&all, "");
	for (;;) {
		am_match m;
		am_error err = {0};
		if (am_matches_next(&it, &m, &err) != AM_OK)
			fail_msg("%s", err.text);
		if (!m.found)
			return all;
		if (m.from != m.to && all.size)
			am_text_puts(&all, "|");
		am_text_append(&all, text + m.from, m.to - m.from);
	}
}

/* Expression, text, and the matches that the `tokenizers` library reports. */
static const char *const expressions[][3] = {
	{"\\s+", "a\302\205b\341\240\216c\342\200\213d\343\200\200\342\200\250e\034f", "\302\205|\343\200\200\342\200\250"},
	{"\\S+", "a\302\205b\341\240\216c\302\240d", "a|b\341\240\216c|d"},
	{"[^\\S\\n]+", "a \n\tb\343\200\200", " |\t|\343\200\200"},
	{"\\w+", "a_b\314\201c\342\200\215d\302\262\302\275-e\342\223\220\331\243", "a_b\314\201c|d\302\262\302\275|e\342\223\220\331\243"},
	{"\\W+", "a-\302\262\342\200\215!b", "-|\342\200\215!"},
	{"\\bs\\w*", "so s\314\201a as \314\201s s", "so|s\314\201a|s"},
	{"a\\B", "ab a\314\201 a a-", "a|a"},
	{"\\p{Han}+", "\344\270\226\343\200\201\343\200\205\343\200\207\343\200\214\347\225\214", "\344\270\226|\343\200\205\343\200\207|\347\225\214"},
	{"\\P{Han}+", "\344\270\226\343\200\201\347\225\214", "\343\200\201"},
	{"\\p{^Han}+", "\344\270\226\343\200\201\347\225\214", "\343\200\201"},
	{"\\p{Greek}+", "\316\261\316\262\315\202x", "\316\261\316\262"},
	{"^b|b$", "b\nab\nb", "b|b|b"},
	{".+", "a\nb\rc", "a|b\rc"},
	{"(?i:'s|k)", "'S '\305\277 K\342\204\252", "'S|'\305\277|K|\342\204\252"},
	{"(?i)ab|c", "AB C", "AB|C"},
	{"x*", "axxb", "xx"},
	{"(?<=a)b|(?<!a)c", "ab ac bc", "b|c"},
	{"\\u4e00|\\x41|\\x{3042}", "\344\270\200A\343\201\202", "\344\270\200|A|\343\201\202"},
	{"\\d+", "1\331\243\302\262", "1\331\243"},
	{"a{2,}b?|c{1,2}?", "aaab ccc", "aaab|c|c|c"},
	{"(?>a+)b|a++c", "aab aac", "aab|aac"},
	{"\\s+(?!\\S)|\\s+", "a   b  ", "  | |  "},
};

static void expressions_match_as_in_oniguruma(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
		am_pattern *p = NULL;
		am_error err = {0};
		if (am_pattern_new(expressions[i][0], "test", &p, &err) != AM_OK)
			fail_msg("%s", err.text);
		am_text found = matches_of(p, expressions[i][1]);
		if (strcmp(found.data, expressions[i][2]) != 0)
			fail_msg("%s in %s: expected %s, found %s", expressions[i][0], expressions[i][1],
			         expressions[i][2], found.data);
		am_text_free(&found);
		am_pattern_free(p);
	}
	am_pattern_free(NULL);
}

static void literals_have_no_syntax(void **state)
{
	(void)state;
	am_pattern *p = NULL;
	am_error err = {0};
	assert_int_equal(am_pattern_new_literal("a.*[", "test", &p, &err), AM_OK);
	am_text found = matches_of(p, "a.*[ abc a.*[a.*[");
	assert_string_equal(found.data, "a.*[|a.*[|a.*[");
	am_text_free(&found);
	am_pattern_free(p);
}

/* An empty match is reported once between characters, not right after a match. */
static void empty_matches_advance(void **state)
{
	(void)state;
	am_pattern *p = NULL;
	am_error err = {0};
	assert_int_equal(am_pattern_new("x*", "test", &p, &err), AM_OK);
	am_matches it = {.pattern = p, .text = "\303\251xx\303\251a", .n = 7};
	const size_t expected[][2] = {{0, 0}, {2, 4}, {6, 6}, {7, 7}};
	for (size_t i = 0; i < 4; i++) {
		am_match m = {0};
		assert_int_equal(am_matches_next(&it, &m, &err), AM_OK);
		assert_true(m.found);
		assert_int_equal(m.from, expected[i][0]);
		assert_int_equal(m.to, expected[i][1]);
	}
	for (int again = 0; again < 2; again++) {
		am_match m = {.found = true};
		assert_int_equal(am_matches_next(&it, &m, &err), AM_OK);
		assert_false(m.found);
	}
	am_pattern_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_match_as_in_oniguruma),
		cmocka_unit_test(literals_have_no_syntax),
		cmocka_unit_test(empty_matches_advance),
	};
	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}

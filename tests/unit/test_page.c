/* Reports: text that is safe in HTML, tables, pictures made part of a page, whole pages. */
#include "report/html.h"
#include "report/page.h"
#include "report/svg.h"
#include "runfile_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER AM_BINARY_DIR "/tests/tmp/"

static const char *escaped(const char *s)
{
	static am_text t;
	am_text_free(&t);
	am_html_text(&t, s);
	return am_text_str(&t);
}

static void test_text(void **state)
{
	(void)state;
	assert_string_equal(escaped("<a href=\"x\">'&amp;'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;");
	assert_string_equal(escaped("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80"), "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
	/* Cut short, overlong, a surrogate, too large. */
	assert_string_equal(escaped("\xc3"), "\xef\xbf\xbd");
	assert_string_equal(escaped("\xc0\xbc" "a"), "\xef\xbf\xbd\xef\xbf\xbd" "a");
	assert_string_equal(escaped("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(escaped("\xff<"), "\xef\xbf\xbd&lt;");
	assert_string_equal(escaped("a\x01\x1b[31m\tb\nc\x7f"), "a  [31m b\nc ");
	assert_string_equal(escaped(NULL), "");
	assert_string_equal(escaped(""), "");
}

static void test_expand(void **state)
{
	(void)state;
	const char *words[] = {"a", "1", "ab", "@a@", "none", "", NULL};
	am_text t = {0};
	am_html_expand(&t, "@a@ @ab@x@none@ a@b @@ @A@ 50 % @", words);
	assert_string_equal(am_text_str(&t), "1 @a@x a@b @@ @A@ 50 % @");
	am_text_free(&t);
}

/* --- tables ----------------------------------------------------------------- */

static void put_row(am_table *t, int64_t layer, int64_t head, const char *name, double x, double p)
{
	am_cell *c = am_table_add(t);
	c[0].i = layer;
	c[1].i = head;
	c[2].s = name ? am_strdup(name) : NULL;
	c[3].x = x;
	c[4].x = p;
}

static void make_table(am_table *t)
{
	static const am_column columns[] = {
		{"layer", AM_COL_INT, 0, false}, {"head", AM_COL_INT, 0, false}, {"selector", AM_COL_TEXT, 0, false},
		{"mean", AM_COL_REAL, 3, false}, {"p_wilcoxon", AM_COL_REAL, -2, true},
	};
	am_error err;
	assert_int_equal(am_table_init(t, columns, 5, &err), AM_OK);
	put_row(t, 0, 1, "<x>", -0.0001, 0.000012345);
	put_row(t, 0, INT64_MIN, "y", -1.5, NAN);
	put_row(t, INT64_MIN, INT64_MIN, NULL, NAN, 0.5);
}

static void test_table(void **state)
{
	(void)state;
	am_table t;
	am_text out = {0};
	make_table(&t);
	assert_true(am_html_put_table(&out, &(am_html_table){.table = &t, .caption = "a & b", .null_keys = "layer head"}));
	assert_string_equal(am_text_str(&out),
		"<p class=caption>a &amp; b</p><div class=box tabindex=0 role=region aria-label=\"a &amp; b\"><table class=sortable>\n"
		"<thead><tr><th scope=col>layer</th><th scope=col>head</th><th scope=col class=w>selector</th>"
		"<th scope=col title=\"mean over rows, then sequences, then tasks\">mean</th></tr></thead>\n<tbody>\n"
		"<tr><td>0</td><td>1</td><td class=w>&lt;x&gt;</td><td>0.000</td></tr>\n"
		"<tr><td>0</td><td>all</td><td class=w>y</td><td>-1.500</td></tr>\n"
		"<tr><td>all</td><td>all</td><td class=w>&ndash;</td><td>&ndash;</td></tr>\n"
		"</tbody></table></div>\n");
	am_text_clear(&out);
	assert_true(am_html_put_table(&out, &(am_html_table){.table = &t, .caption = "c", .columns = "p_wilcoxon head nothing layer",
	                                                     .keep = am_html_is_head, .folded = true}));
	assert_non_null(strstr(am_text_str(&out), "<details><summary>c <span class=count>1 row</span></summary>"));
	assert_non_null(strstr(am_text_str(&out), "<tr><td>1.2e-05</td><td>1</td><td>0</td></tr>\n</tbody></table></div></details>\n"));
	/* A column that no row shown has is left out; so is a table without rows or columns. */
	am_text_clear(&out);
	assert_true(am_html_put_table(&out, &(am_html_table){.table = &t, .caption = "c", .keep = am_html_is_overall, .columns = "layer p_wilcoxon"}));
	assert_null(strstr(am_text_str(&out), "layer"));
	am_text_clear(&out);
	assert_false(am_html_put_table(&out, &(am_html_table){.table = &t, .caption = "c", .keep = am_html_is_layer, .columns = "p_wilcoxon"}));
	assert_int_equal(out.size, 0);
	am_text_free(&out);
	am_table_fini(&t);
}

/* --- pictures --------------------------------------------------------------- */

static const char picture[] =
	"<?xml version=\"1.0\"?>\n<!-- a <b> -->\n<svg \n width=\"640\" height=\"420\"\n viewBox=\"0 0 640 420\"\n"
	" xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"\n>\n<title>Gnuplot</title>\n"
	"<desc>Produced by GNUPLOT</desc>\n<defs>\n\t<circle id='dot' r='0.5'/>\n</defs>\n"
	"<g id=\"plot_1\" fill=\"none\"><title>plot_1</title>\n"
	"\t<use xlink:href='#dot' transform='translate(1,2)' color='rgb( 26,  8, 255)'/>\n"
	"\t<polygon fill = 'rgb(  0,   0,   0)' points = '1,2 3,4 '/>\n"
	"\t<g filter='url(#box)' font-family='\"DejaVu\"'><text>a &lt; b <tspan> c</tspan></text></g>\n</g>\n</svg>\n";

static void test_svg(void **state)
{
	(void)state;
	am_text out = {0};
	am_error err;
	assert_int_equal(am_svg_inline("p.svg", picture, "q-", "what & where", &out, &err), AM_OK);
	assert_string_equal(am_text_str(&out),
		"<svg role=\"img\" aria-label=\"what &amp; where\" viewBox=\"0 0 640 420\"><defs><circle id=\"q-dot\" r=\"0.5\"/></defs>"
		"<g id=\"q-plot_1\" fill=\"none\"><use href=\"#q-dot\" transform=\"translate(1,2)\" color=\"#1a08ff\"/>"
		"<polygon fill=\"#000000\" points=\"1,2 3,4\"/>"
		"<g filter=\"url(#q-box)\" font-family=\"&quot;DejaVu&quot;\"><text>a &lt; b <tspan> c</tspan></text></g></g></svg>");
	am_text_free(&out);
}

static void test_svg_refused(void **state)
{
	(void)state;
	static const char *const bad[][2] = {
		{"<svg><script>alert(1)</script></svg>", "the element script"},
		{"<svg><foreignObject/></svg>", "the element foreignObject"},
		{"<svg><image/></svg>", "the element image"},
		{"<svg onload='x'></svg>", "the attribute onload"},
		{"<svg><g style='background:url(http://x)'/></svg>", "the attribute style"},
		{"<svg><use href='http://x/#a'/></svg>", "the attribute href"},
		{"<svg><use xlink:href=''/></svg>", "the attribute xlink:href"},
		{"<svg><g id='<script>'/></svg>", "a tag within the attribute id"},
		{"<svg><g id=x/></svg>", "no value of the attribute id"},
		{"<svg><g id='x/></svg>", "no value of the attribute id"},
		{"<svg><g id", "a broken tag"},
		{"<svg><g/x></svg>", "a broken tag"},
		{"<svg><!-- x", "no -->"},
		{"<svg><title>x", "no </title>"},
		{"<svg></", "a broken tag"},
		{"<p>none</p>", "no <svg>"},
		{"", "no <svg>"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		am_text out = {0};
		am_error err = {0};
		assert_int_equal(am_svg_inline("p.svg", bad[i][0], "q-", "x", &out, &err), AM_ERR_FORMAT);
		if (!strstr(err.text, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], err.text);
		assert_int_equal(out.size, 0);
	}
}

/* --- pages ------------------------------------------------------------------ */

static am_run *open_sample(const char *path, int shift, int64_t length)
{
	am_error err = {0};
	am_run *r = NULL;
	sample s = sample_new(2, 2, length, 6);
	s.shift = shift;
	assert_int_equal(sample_write(&s, path, 64, &err), AM_OK);
	assert_int_equal(am_run_open(path, &r, &err), AM_OK);
	return r;
}

static void test_page(void **state)
{
	(void)state;
	am_run *run[] = {open_sample(FOLDER "page-a.h5", 0, 20), open_sample(FOLDER "page-b.h5", 5, 20),
	                 open_sample(FOLDER "page-c.h5", 0, 15)};
	am_page_options o;
	am_text page = {0}, again = {0}, notes = {0};
	am_error err = {0};
	am_page_options_init(&o);
	o.pictures = false;
	o.compare.aggregate.resamples = 200;
	assert_int_equal(am_page_make(run, 3, NULL, &o, &page, &notes, &err), AM_OK);
	assert_true(!strncmp(am_text_str(&page), "<!DOCTYPE html>", 15));
	assert_non_null(strstr(am_text_str(&page), "id=change-c"));
	assert_non_null(strstr(am_text_str(&notes), "do not pair"));
	assert_int_equal(am_page_make(run, 3, NULL, &o, &again, NULL, &err), AM_OK);
	assert_string_equal(am_text_str(&page), am_text_str(&again));

	/* What is there stays in front, and alone after a failure. */
	size_t size = again.size;
	assert_int_equal(am_page_make(run, 1, NULL, &o, &again, NULL, &err), AM_OK);
	assert_memory_equal(am_text_str(&again), am_text_str(&page), size);
	size = again.size;
	assert_int_equal(am_page_make(run, 0, NULL, &o, &again, NULL, &err), AM_ERR_USAGE);
	assert_int_equal(am_page_make(run, 1, run[1], &o, &again, NULL, &err), AM_ERR_USAGE);
	am_metric metric;
	assert_int_equal(am_metric_parse("mass@7", &metric, &err), AM_OK); /* the runs have no such k */
	o.compare.metric = &metric;
	o.compare.n_metric = 1;
	assert_int_equal(am_page_make(run, 2, NULL, &o, &again, NULL, &err), AM_ERR_FORMAT);
	assert_int_equal(again.size, size);
	for (int i = 0; i < 3; i++)
		am_run_close(run[i]);
	am_text_free(&page);
	am_text_free(&again);
	am_text_free(&notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_expand), cmocka_unit_test(test_table), cmocka_unit_test(test_svg),
		cmocka_unit_test(test_svg_refused), cmocka_unit_test(test_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Pictures of a comparison: their files, their numbers, and runs with little to draw. */
#include "analysis/plot.h"
#include "base/file.h"
#include "base/mem.h"
#include "runfile_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TMP AM_BINARY_DIR "/tests/tmp/plot_compare"
static const char *const kinds[] = {"change-map", "change-forest", "change-volcano", "change-scatter",
                                    "change-position"};
static const char *const suffixes[] = {"tsv", "gp", "svg", "png"};

static am_run *open_run(const char *path, int layers, int heads, int sequences, int shift)
{
	am_error err = {0};
	am_run *r = NULL;
	sample s = sample_new(layers, heads, 20, sequences);
	s.shift = shift;
	mkdir(AM_BINARY_DIR "/tests", 0777);
	mkdir(AM_BINARY_DIR "/tests/tmp", 0777);
	if (sample_write(&s, path, 64, &err) || am_run_open(path, &r, &err))
		fail_msg("%s", err.text);
	return r;
}

static am_status draw(am_run *a, am_run *b, const am_compare_options *o, bool pictures, const char *theme,
                      const char *dir, am_error *err)
{
	am_text files = {0};
	am_plot_options p;
	am_plot_options_init(&p);
	p.svg = p.png = pictures;
	p.theme = theme;
	const am_plot_request q = {.run = {a, b}, .compare = o, .options = &p, .dir = dir, .files = &files};
	am_status s = am_plot_draw_set(AM_PLOT_SET_COMPARE, &q, err);
	am_text_free(&files);
	return s;
}

static char *read_file(const char *dir, const char *kind, const char *suffix, size_t *size)
{
	char path[512], *data = NULL;
	am_error err = {0};
	snprintf(path, sizeof path, "%s/%s.%s", dir, kind, suffix);
	if (am_file_read(path, 1 << 26, &data, size, &err))
		fail_msg("%s", err.text);
	return data;
}

static void clear(const char *dir)
{
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 4; j++) {
			char path[512];
			snprintf(path, sizeof path, "%s/%s.%s", dir, kinds[i], suffixes[j]);
			unlink(path);
		}
}

static int count_lines(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Field `column` of line `line` as text up to the next separator. */
static double field(const char *tsv, int line, int column)
{
	for (; line; line--)
		tsv = strchr(tsv, '\n') + 1;
	for (; column; column--)
		tsv += strcspn(tsv, "\t\n") + 1;
	return *tsv == '\t' || *tsv == '\n' ? NAN : atof(tsv);
}

static void near(double x, double expected)
{
	if (!(fabs(x - expected) <= 1e-7 * fmax(1, fabs(expected))))
		fail_msg("%.9g, expected %.9g", x, expected);
}

static void numbers_are_those_of_the_table(void **state)
{
	(void)state;
	am_run *a = open_run(TMP "-a.h5", 3, 4, 8, 0), *b = open_run(TMP "-b.h5", 3, 4, 8, 11);
	am_compare_options o;
	am_compare_options_init(&o);
	am_comparison x;
	am_error err = {0};
	clear(TMP);
	assert_int_equal(draw(a, b, &o, true, "light", TMP, &err), AM_OK);
	assert_int_equal(am_compare(a, b, NULL, &o, &x, &err), AM_OK);
	static const struct {
		const char *kind;
		int lines, column;
		const char *of_table;
	} checks[] = {
		{"change-map", 13, 4, "change"}, {"change-map", 13, 5, "q_bh"}, {"change-map", 13, 6, "p_maxt"},
		{"change-forest", 14, 3, "change"}, {"change-forest", 14, 4, "ci_low"}, {"change-forest", 14, 8, "p_maxt"},
		{"change-volcano", 13, 4, "change"}, {"change-scatter", 13, 4, "mean_a"}, {"change-scatter", 13, 5, "mean_b"},
	};
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		size_t size;
		char *t = read_file(TMP, checks[i].kind, "tsv", &size);
		assert_int_equal(count_lines(t), checks[i].lines);
		int column = am_table_column(&x.table, checks[i].of_table);
		for (int r = 0; r < 12; r++)
			near(field(t, r + 1, checks[i].column), x.table.cells[(size_t)r * x.table.n_columns + column].x);
		am_free(t);
	}
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 4; j++) {
			size_t size;
			char *t = read_file(TMP, kinds[i], suffixes[j], &size);
			assert_true(size > (j < 2 ? 100 : 1000));
			assert_true(j > 2 || (!strstr(t, "nan") && !strstr(t, "inf")));
			am_free(t);
		}
	am_comparison_fini(&x);
	am_run_close(a);
	am_run_close(b);
}

/* One sequence, one head, no change; unpaired; and the same bytes twice. */
static void little_to_draw(void **state)
{
	(void)state;
	am_run *a = open_run(TMP "-one.h5", 1, 1, 1, 0), *b = open_run(TMP "-two.h5", 1, 1, 7, 3);
	am_compare_options o;
	am_compare_options_init(&o);
	am_error err = {0};
	if (draw(a, a, &o, true, "dark", TMP "-one", &err))
		fail_msg("%s", err.text);
	o.unpaired = true;
	if (draw(b, b, &o, true, "light", TMP "-drawn", &err))
		fail_msg("%s", err.text);
	assert_int_equal(draw(b, b, &o, false, "light", TMP "-unpaired", &err), AM_OK);
	assert_int_equal(draw(b, b, &o, false, "light", TMP "-again", &err), AM_OK);
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 2; j++) {
			size_t n, m;
			char *x = read_file(TMP "-unpaired", kinds[i], suffixes[j], &n);
			char *y = read_file(TMP "-again", kinds[i], suffixes[j], &m);
			assert_int_equal(n, m);
			assert_memory_equal(x, y, n);
			am_free(x);
			am_free(y);
		}
	am_run_close(a);
	am_run_close(b);
}

static void bad_requests(void **state)
{
	(void)state;
	am_run *a = open_run(TMP "-a.h5", 3, 4, 8, 0), *b = open_run(TMP "-deep.h5", 2, 4, 8, 0);
	am_compare_options o;
	am_compare_options_init(&o);
	am_error err = {0};
	assert_int_equal(draw(a, b, &o, false, "light", TMP, &err), AM_ERR_RANGE);
	assert_non_null(strstr(err.text, "do not pair: 3 layers in the first, 2 in the second"));
	assert_int_equal(draw(a, a, &o, false, "neon", TMP, &err), AM_ERR_USAGE);
	assert_int_equal(draw(a, a, &o, false, "light", TMP "-a.h5/x", &err), AM_ERR_IO);
	am_run_close(a);
	am_run_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_the_table),
		cmocka_unit_test(little_to_draw),
		cmocka_unit_test(bad_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

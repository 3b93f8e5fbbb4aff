#include "analysis/plot.h"
#include "analysis/plot_picture.h"
#include "base/file.h"
#include "base/mem.h"
#include "plot_data.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TMP AM_BINARY_DIR "/tests/tmp/plot"

static const char *const kinds[] = {"entropy-heads", "entropy-position", "distance-profile",
                                    "attention-map", "coverage-curves", "k-at-mass"};
static const plot_shape small = {.layers = 2, .heads = 2, .map = 4, .sequence_length = {4, 2}, .sequences = 2,
                                 .gap = true};

static am_run *open_run(const plot_shape *x)
{
	am_error err = {0};
	mkdir(AM_BINARY_DIR "/tests", 0777);
	mkdir(AM_BINARY_DIR "/tests/tmp", 0777);
	am_run *r = NULL;
	if (plot_write(x, TMP ".h5", &err) || am_run_open(TMP ".h5", &r, &err))
		fail_msg("%s", err.text);
	return r;
}

static am_status draw_one(am_run *r, const char *kind, const am_plot_options *o, const char *dir, am_text *files,
                          am_error *err)
{
	return am_plot_draw(kind, &(am_plot_request){.run = {r}, .options = o, .dir = dir, .files = files}, err);
}

static void draw_all(am_run *r, const am_plot_options *o, const char *dir, am_text *files)
{
	am_error err = {0};
	const am_plot_request q = {.run = {r}, .options = o, .dir = dir, .files = files};
	if (am_plot_draw_set(AM_PLOT_SET_ENTROPY, &q, &err) || am_plot_draw_set(AM_PLOT_SET_COVERAGE, &q, &err))
		fail_msg("%s", err.text);
}

static char *read_file(const char *dir, const char *name, const char *suffix, size_t *size)
{
	char path[512], *data = NULL;
	snprintf(path, sizeof path, "%s/%s.%s", dir, name, suffix);
	am_error err = {0};
	if (am_file_read(path, 1 << 26, &data, size, &err))
		fail_msg("%s", err.text);
	return data;
}

/* Column `column` of line `line` (0: the header) of a TSV, NaN when empty. */
static double cell(const char *tsv, int line, int column)
{
	for (; line; line--) {
		tsv = strchr(tsv, '\n');
		assert_non_null(tsv);
		tsv++;
	}
	for (; column; column--) {
		tsv += strcspn(tsv, "\t\n");
		assert_int_equal(*tsv, '\t');
		tsv++;
	}
	return *tsv == '\t' || *tsv == '\n' ? NAN : atof(tsv);
}

static void near(double x, double expected)
{
	if (!(fabs(x - expected) <= 1e-6))
		fail_msg("%.9g, expected %.9g", x, expected);
}

static const char *const suffixes[] = {"tsv", "gp", "svg", "png"};

/* What an earlier run of the test may have left. */
static void remove_files(const char *dir)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (int j = 0; j < 4; j++) {
			char path[512];
			snprintf(path, sizeof path, "%s/%s.%s", dir, kinds[i], suffixes[j]);
			unlink(path);
		}
}

static void leaves_four_files_a_picture(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	am_plot_options o;
	am_plot_options_init(&o);
	am_text files = {0};
	remove_files(TMP "-files/deep");
	draw_all(r, &o, TMP "-files/deep", &files);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		for (int j = 0; j < 4; j++) {
			char line[512];
			snprintf(line, sizeof line, TMP "-files/deep/%s.%s\n", kinds[i], suffixes[j]);
			assert_non_null(strstr(am_text_str(&files), line));
			size_t size;
			am_free(read_file(TMP "-files/deep", kinds[i], suffixes[j], &size));
			assert_true(size > (j < 2 ? 40 : 1000));
		}
	}
	am_text_free(&files);
	am_run_close(r);
}

static void data_only(am_run *r, const char *dir, const char *kind)
{
	am_plot_options o;
	am_plot_options_init(&o);
	o.svg = o.png = false;
	am_text files = {0};
	am_error err = {0};
	if (draw_one(r, kind, &o, dir, &files, &err))
		fail_msg("%s", err.text);
	assert_null(strstr(am_text_str(&files), ".svg"));
	am_text_free(&files);
}

static void entropy_heads_weights_sequences(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	data_only(r, TMP "-data", "entropy-heads");
	size_t size;
	char *t = read_file(TMP "-data", "entropy-heads", "tsv", &size);
	/* Three rows at 0.2 and one at 0.6: sequences weigh the same, so 0.4. */
	near(cell(t, 1, 4), 0.4);
	near(cell(t, 2, 4), 0.5);
	near(cell(t, 3, 4), 0.45);
	assert_true(isnan(cell(t, 4, 4)));
	near(cell(t, 3, 2), 1); /* layer */
	near(cell(t, 3, 3), 0); /* head */
	am_free(t);
	am_run_close(r);
}

static void entropy_position_pools_rows(void **state)
{
	(void)state;
	plot_shape one = small;
	one.layers = one.heads = 1;
	one.gap = false;
	am_run *r = open_run(&one);
	data_only(r, TMP "-data", "entropy-position");
	size_t size;
	char *t = read_file(TMP "-data", "entropy-position", "tsv", &size);
	const double cell_width = log(4) / 2048;
	near(cell(t, 2, 1), 1); /* position 1: one row of each sequence */
	near(cell(t, 2, 2), 2);
	near(cell(t, 2, 3), 2);
	static const double q[] = {0.05, 0.25, 0.5, 0.75, 0.95};
	for (int i = 0; i < 5; i++)
		assert_true(fabs(cell(t, 2, 5 + i) - (0.2 + 0.4 * q[i]) * log(2)) <= cell_width);
	near(cell(t, 2, 10), log(2));
	assert_true(fabs(cell(t, 4, 7) - 0.2 * log(4)) <= cell_width); /* position 3: one row */
	am_free(t);
	am_run_close(r);
}

static void coverage_and_profiles(void **state)
{
	(void)state;
	plot_shape whole = small;
	whole.gap = false;
	am_run *r = open_run(&whole);
	size_t size;
	data_only(r, TMP "-data", "coverage-curves");
	char *t = read_file(TMP "-data", "coverage-curves", "tsv", &size);
	near(cell(t, 1, 1), 1);
	near(cell(t, 1, 2), 0.6); /* 0.5 and 0.7, whatever the lengths */
	near(cell(t, 2, 2), 1);
	near(cell(t, 4, 2), 0.7);
	assert_memory_equal(t + strlen(t) - strlen("all\t2\t1\n"), "all\t2\t1\n", strlen("all\t2\t1\n"));
	near(cell(t, 7, 2), 0.65); /* all layers at k = 1 */
	am_free(t);

	data_only(r, TMP "-data", "k-at-mass");
	t = read_file(TMP "-data", "k-at-mass", "tsv", &size);
	near(cell(t, 1, 4), 3.5); /* median of 1 to 6 at the mass nearest to 0.95 */
	am_free(t);
	t = read_file(TMP "-data", "k-at-mass", "gp", &size);
	assert_non_null(strstr(t, "Keys needed for 90 % of the attention mass"));
	am_free(t);

	data_only(r, TMP "-data", "distance-profile");
	t = read_file(TMP "-data", "distance-profile", "tsv", &size);
	near(cell(t, 3, 2), 2); /* bin 2 holds distances 2 and 3 */
	near(cell(t, 3, 3), 3);
	near(cell(t, 3, 4), 0.2);
	am_free(t);

	data_only(r, TMP "-data", "attention-map");
	t = read_file(TMP "-data", "attention-map", "tsv", &size);
	near(cell(t, 1, 4), 1);
	assert_true(isnan(cell(t, 2, 4))); /* no rows in the second row of cells */
	near(cell(t, 4, 2), 2);            /* nothing above the diagonal: the third row follows */
	near(cell(t, 4, 4), 1.0 / 3);
	am_free(t);
	am_run_close(r);
}

static bool has_nan(const char *s)
{
	for (; *s; s++)
		if (tolower(s[0]) == 'n' && tolower(s[1]) == 'a' && tolower(s[2]) == 'n')
			return true;
	return false;
}

static void blanks_never_read_nan(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	am_plot_options o;
	am_plot_options_init(&o);
	o.png = false;
	am_text files = {0};
	draw_all(r, &o, TMP "-blank", &files);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t size;
		char *tsv = read_file(TMP "-blank", kinds[i], "tsv", &size);
		char *svg = read_file(TMP "-blank", kinds[i], "svg", &size);
		assert_false(has_nan(tsv));
		assert_false(has_nan(svg));
		am_free(tsv);
		am_free(svg);
	}
	am_text_free(&files);
	am_run_close(r);
}

static void copy(const char *from, const char *to, const char *name, const char *suffix)
{
	size_t size;
	char path[512], *data = read_file(from, name, suffix, &size);
	snprintf(path, sizeof path, "%s/%s.%s", to, name, suffix);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	am_free(data);
}

static void same(const char *a, const char *b, const char *name, const char *suffix)
{
	size_t n, m;
	char *x = read_file(a, name, suffix, &n), *y = read_file(b, name, suffix, &m);
	assert_int_equal(n, m);
	assert_memory_equal(x, y, n);
	am_free(x);
	am_free(y);
}

static void scripts_rerun_elsewhere(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	am_plot_options o;
	am_plot_options_init(&o);
	o.theme = "dark";
	am_text files = {0};
	draw_all(r, &o, TMP "-first", &files);
	mkdir(TMP "-moved", 0777);
	remove_files(TMP "-moved");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char script[64];
		am_error err = {0};
		snprintf(script, sizeof script, "%s.gp", kinds[i]);
		copy(TMP "-first", TMP "-moved", kinds[i], "gp");
		copy(TMP "-first", TMP "-moved", kinds[i], "tsv");
		if (am_gnuplot_run(TMP "-moved", script, &err))
			fail_msg("%s", err.text);
		same(TMP "-first", TMP "-moved", kinds[i], "svg");
		size_t size;
		char *gp = read_file(TMP "-moved", kinds[i], "gp", &size);
		assert_null(strstr(gp, AM_BINARY_DIR));
		am_free(gp);
	}
	am_text_free(&files);
	am_run_close(r);
}

static void same_input_same_bytes(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		data_only(r, TMP "-a", kinds[i]);
		data_only(r, TMP "-b", kinds[i]);
		same(TMP "-a", TMP "-b", kinds[i], "gp");
		same(TMP "-a", TMP "-b", kinds[i], "tsv");
	}
	am_run_close(r);
}

static void one_row_of_one_head(void **state)
{
	(void)state;
	am_run *r = open_run(&(plot_shape){.layers = 1, .heads = 1, .map = 1, .sequence_length = {1, 0},
	                                   .sequences = 1});
	am_plot_options o;
	am_plot_options_init(&o);
	am_text files = {0};
	draw_all(r, &o, TMP "-one", &files);
	size_t size;
	char *t = read_file(TMP "-one", "entropy-heads", "tsv", &size);
	assert_true(isnan(cell(t, 1, 4))); /* H / ln 1 */
	am_free(t);
	am_text_free(&files);
	am_run_close(r);
}

static void maps_of_all_heads(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	am_plot_options o;
	am_plot_options_init(&o);
	o.all_maps = true;
	am_text files = {0};
	am_error err = {0};
	assert_int_equal(draw_one(r, "attention-map", &o, TMP "-maps", &files, &err), AM_OK);
	assert_non_null(strstr(am_text_str(&files), "attention-map-layer-0.svg"));
	assert_non_null(strstr(am_text_str(&files), "attention-map-layer-1.png"));
	am_text_free(&files);
	am_run_close(r);
}

static void short_texts_fold_maps(void **state)
{
	(void)state;
	am_run *r = open_run(&(plot_shape){.layers = 1, .heads = 1, .map = 4, .sequence_length = {2, 0},
	                                   .sequences = 1});
	data_only(r, TMP "-data", "attention-map");
	size_t size;
	char *t = read_file(TMP "-data", "attention-map", "tsv", &size);
	near(cell(t, 1, 4), 1); /* of the first row of cells; the second holds no rows */
	near(cell(t, 2, 4), (2.0 / 3 + 1.0 / 2) / 2);
	near(cell(t, 3, 4), (1.0 / 3 + 1.0 / 2) / 2);
	am_free(t);
	am_run_close(r);
}

static void run_without_maps(void **state)
{
	(void)state;
	plot_shape x = small;
	x.map = 0;
	am_run *r = open_run(&x);
	am_text files = {0}, notes = {0};
	am_plot_options o;
	am_plot_options_init(&o);
	o.notes = &notes;
	o.svg = o.png = false;
	am_error err = {0};
	assert_int_equal(draw_one(r, "attention-map", &o, TMP "-data", &files, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "no /profile/map, which the picture attention-map needs"));
	draw_all(r, &o, TMP "-nomap", &files);
	assert_null(strstr(am_text_str(&files), "attention-map"));
	assert_string_equal(am_text_str(&notes), "picture attention-map left out: the run holds no /profile/map\n");
	am_text_free(&files);
	am_text_free(&notes);
	am_run_close(r);
}

static void refuses(am_run *r, const char *kind, am_plot_options o, const char *dir, am_status status,
                    const char *detail)
{
	am_text files = {0};
	am_error err = {0};
	assert_int_equal(draw_one(r, kind, &o, dir, &files, &err), status);
	if (!strstr(err.text, detail))
		fail_msg("\"%s\" does not say \"%s\"", err.text, detail);
	am_text_free(&files);
}

static void bad_requests(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	am_plot_options o, theme, width, late;
	am_plot_options_init(&o);
	theme = width = late = o;
	theme.theme = "neon";
	width.png_width = 100;
	late.min_position = 4;
	refuses(r, "pie", o, TMP "-data", AM_ERR_USAGE, "no picture named pie");
	refuses(r, "entropy-heads", theme, TMP "-data", AM_ERR_USAGE, "found neon");
	refuses(r, "entropy-heads", width, TMP "-data", AM_ERR_USAGE, "found 100");
	refuses(r, "entropy-position", late, TMP "-data", AM_ERR_RANGE, "position 4");
	refuses(r, "entropy-heads", o, TMP ".h5/x", AM_ERR_IO, "cannot make the directory");
	am_run_close(r);
}

static void gnuplot_missing(void **state)
{
	(void)state;
	am_run *r = open_run(&small);
	am_plot_options o;
	am_plot_options_init(&o);
	char *path = am_strdup(getenv("PATH"));
	remove_files(TMP "-missing");
	setenv("PATH", "", 1);
	refuses(r, "k-at-mass", o, TMP "-missing", AM_ERR_IO,
	        "gnuplot: not found; install gnuplot-nox; data and scripts are in " TMP "-missing");
	am_error err = {0};
	am_text files = {0};
	const am_plot_request q = {.run = {r}, .options = &o, .dir = TMP "-missing", .files = &files};
	assert_int_equal(am_plot_draw_set(AM_PLOT_SET_ENTROPY, &q, &err), AM_ERR_IO);
	assert_non_null(strstr(err.text, "gnuplot: not found"));
	am_text_free(&files);
	setenv("PATH", path, 1);
	am_free(path);
	size_t size;
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "distance-profile" : "k-at-mass";
		am_free(read_file(TMP "-missing", name, "tsv", &size));
		am_free(read_file(TMP "-missing", name, "gp", &size));
	}
	am_run_close(r);
}

static void gnuplot_failing(void **state)
{
	(void)state;
	mkdir(TMP "-bad", 0777);
	FILE *f = fopen(TMP "-bad/bad.gp", "wb");
	assert_non_null(f);
	fputs("x = 1\nplot nothing with\n", f);
	fclose(f);
	am_error err = {0};
	assert_int_equal(am_gnuplot_run(TMP "-bad", "bad.gp", &err), AM_ERR_IO);
	assert_non_null(strstr(err.text, "gnuplot: failed on bad.gp in " TMP "-bad: \"bad.gp\" line 2: "));
	assert_null(strchr(err.text, '\n'));
}

/* Text of a file can neither end a string nor start a command. */
static void strings_are_quoted(void **state)
{
	(void)state;
	am_picture p;
	am_picture_init(&p, "x");
	am_picture_string(&p, "title", "%s", "it's `date`\n$(x)");
	assert_string_equal(am_text_str(&p.words[p.n_words - 1].value), "'it''s `date` $(x)'");
	am_picture_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_four_files_a_picture),
		cmocka_unit_test(entropy_heads_weights_sequences),
		cmocka_unit_test(entropy_position_pools_rows),
		cmocka_unit_test(coverage_and_profiles),
		cmocka_unit_test(blanks_never_read_nan),
		cmocka_unit_test(scripts_rerun_elsewhere),
		cmocka_unit_test(same_input_same_bytes),
		cmocka_unit_test(one_row_of_one_head),
		cmocka_unit_test(maps_of_all_heads),
		cmocka_unit_test(short_texts_fold_maps),
		cmocka_unit_test(run_without_maps),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(gnuplot_missing),
		cmocka_unit_test(gnuplot_failing),
		cmocka_unit_test(strings_are_quoted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

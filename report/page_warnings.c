/* What stands first on a page: everything that keeps its numbers from meaning what they
 * seem to. */
#include "analysis/aggregate.h"
#include "analysis/bootstrap.h"
#include "analysis/run_notes.h"
#include "analysis/sign_flip.h"
#include "base/file.h"
#include "base/mem.h"
#include "report/html.h"
#include "report/page_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHARE_TOLD 0.01 /* of rows with n <= k; below, it changes nothing */
#define CHECK_LINES 3   /* of the checker's report */

/* --- gathering ------------------------------------------------------------ */

static am_page_warning *find(am_page *p, const char *text)
{
	for (int i = 0; i < p->n_warnings; i++)
		if (!strcmp(p->warning[i].text, text))
			return &p->warning[i];
	if (p->n_warnings == p->warning_room) {
		int room = p->warning_room ? 2 * p->warning_room : 16;
		am_page_warning *w = am_grow(p->warning, (size_t)p->n_warnings * sizeof *w, (size_t)room, sizeof *w);
		if (!w)
			return NULL;
		p->warning = w;
		p->warning_room = room;
	}
	am_page_warning *w = &p->warning[p->n_warnings];
	*w = (am_page_warning){.text = am_strdup(text)};
	p->n_warnings += w->text != NULL;
	return w->text ? w : NULL;
}

/* A line once, however many tables and runs say it. */
static void add(am_page *p, const char *label, const char *text)
{
	am_page_warning *w = find(p, text);
	const char *labels = w ? am_text_str(&w->labels) : "", *last = strrchr(labels, ' ');
	p->failed |= !w;
	if (w && label && strcmp(last ? last + 1 : labels, label))
		am_text_printf(&w->labels, "%s%s", w->labels.size ? ", " : "", label);
	p->failed |= w && !am_text_ok(&w->labels);
}

void am_page_put_warnings(const am_page *p, am_text *t)
{
	for (int i = 0; i < p->n_warnings; i++) {
		const am_page_warning *w = &p->warning[i];
		am_text_puts(t, "<li>");
		if (w->labels.size && p->n_run > 1) {
			am_html_element(t, "b", am_text_str(&w->labels));
			am_text_puts(t, ": ");
		}
		am_html_text(t, w->text);
		am_text_puts(t, "</li>\n");
	}
}

static void add_lines(am_page *p, const char *label, const am_text *lines, int most)
{
	const char *line = am_text_str(lines);
	for (int i = 0; *line && (most < 0 || i < most); i++) {
		size_t n = strcspn(line, "\n");
		char *one = am_strndup(line, n);
		if (one)
			add(p, label, one);
		p->failed |= !one;
		am_free(one);
		line += n + (line[n] == '\n');
	}
}

static void say(am_page *p, const char *label, const char *fmt, ...) AM_PRINTF(3, 4);
static void say(am_page *p, const char *label, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add(p, label, text);
}

/* --- the files ------------------------------------------------------------ */

/* The attributes that the checker wants come with the end of a run. */
static am_status warn_file(am_page *p, const char *label, am_run *run, am_error *err)
{
	am_text dropped = {0};
	am_run_note_dropped(run, &dropped);
	add_lines(p, label, &dropped, 1);
	am_text_free(&dropped);
	if (!am_run_complete(run)) {
		say(p, label, "%s: the run did not finish; this is what it had written (%" PRId64 " rows of each head)",
		    am_run_path(run), am_run_axis_length(run, AM_AXIS_ROW));
		return AM_OK;
	}
	am_text report = {0};
	am_status s = am_run_check(run, &report, err);
	if (s == AM_ERR_CHECK) {
		say(p, label, "%s does not keep to its format (attnmeter show --check):", am_run_path(run));
		add_lines(p, label, &report, CHECK_LINES);
		s = AM_OK;
	}
	am_text_free(&report);
	return s;
}

/* --- few sequences -------------------------------------------------------- */

static void warn_sequences(am_page *p, const am_page_run *r)
{
	const am_table *t = r->entropy.columns ? &r->entropy : &r->coverage;
	if (t->n_sequences < AM_BOOTSTRAP_MIN_SEQUENCES)
		say(p, r->label, "%" PRId64 " sequence%s: too few for intervals, which need %d", t->n_sequences,
		    t->n_sequences == 1 ? "" : "s", AM_BOOTSTRAP_MIN_SEQUENCES);
}

/* --- rows that leave no choice -------------------------------------------- */

/* count[i]: rows of all layers that see at most k[i] keys; the rows that count. */
static am_status count_trivial(am_run *run, const am_aggregate *a, int64_t *count, int64_t *rows, am_error *err)
{
	int n_k = (int)am_run_axis_length(run, AM_AXIS_K);
	const double *k = am_run_axis_values(run, AM_AXIS_K);
	int32_t *visible = am_alloc((size_t)a->n_rows, sizeof *visible);
	am_status s = visible ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	for (int l = 0; l < a->n_layer && !s; l++) {
		int64_t start[] = {l, 0}, shape[] = {1, a->n_rows};
		s = am_run_read_i32(run, AM_FIELD_ROW_VISIBLE, start, shape, visible, err);
		for (int64_t r = 0; r < a->n_rows && !s; r++) {
			if (a->row_sequence[r] < 0)
				continue;
			++*rows;
			for (int i = 0; i < n_k; i++)
				count[i] += visible[r] <= k[i];
		}
	}
	am_free(visible);
	return s;
}

static void say_trivial(am_page *p, const am_page_run *r, const int64_t *count, int64_t rows)
{
	const double *k = am_run_axis_values(r->run, AM_AXIS_K);
	am_text list = {0};
	for (int64_t i = 0; i < am_run_axis_length(r->run, AM_AXIS_K); i++)
		if (rows && (double)count[i] >= SHARE_TOLD * (double)rows)
			am_text_printf(&list, "%s%.0f (%.3g %%)", list.size ? ", " : "", k[i], 100 * (double)count[i] / (double)rows);
	if (list.size)
		say(p, r->label, "rows with n <= k visible keys have M(k) = 1 by construction, and raise the means at k = %s; "
		    "--min-position leaves early rows out", am_text_str(&list));
	p->failed |= list.failed;
	am_text_free(&list);
}

static am_status warn_trivial(am_page *p, const am_page_run *r, am_error *err)
{
	int64_t rows = 0, *count, n_k = am_run_axis_length(r->run, AM_AXIS_K);
	am_aggregate a;
	if (!n_k || !am_run_has(r->run, AM_FIELD_ROW_VISIBLE) || !r->coverage.columns)
		return AM_OK;
	am_status s = am_aggregate_open(r->run, &p->compare.aggregate, &a, err);
	if (s)
		return s;
	count = am_calloc((size_t)n_k, sizeof *count);
	s = count ? count_trivial(r->run, &a, count, &rows, err) : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(r->run));
	if (!s)
		say_trivial(p, r, count, rows);
	am_free(count);
	am_aggregate_close(&a);
	return s;
}

/* Budgets at which recall has no row to judge. */
static void warn_recall(am_page *p, const am_page_run *r)
{
	const am_table *t = &r->recall;
	if (!t->columns)
		return;
	int rows = am_table_column(t, "n_rows"), k = am_table_column(t, "k"), n = t->n_columns;
	for (int i = 0; i < t->n_rows; i++)
		if (am_html_is_overall(t, i, NULL) && !am_table_is_null(t, i, k) && t->cells[i * n + rows].i == 0)
			say(p, r->label, "recall at k = %" PRId64 ": no row sees more keys than that", t->cells[i * n + k].i);
}

/* --- differences between the runs ----------------------------------------- */

static const char *attribute(const am_run *r, const char *name)
{
	for (int i = 0; i < am_run_attr_count(r); i++)
		if (!strcmp(am_run_attr_name(r, i), name))
			return am_run_attr_text(r, i);
	return "none";
}

static void warn_differences(am_page *p)
{
	static const struct {
		const char *name, *means;
	} watched[] = {
		{"kernel", "another kernel rounds differently, within the bounds of the documentation"},
		{"dtype", "arithmetic of another precision"},
		{"weights_dtype", "weights of another precision"},
		{"attention", "the models ran with different attention"},
		{"sparse", "other rows were cut"},
		{"scale", "scores have another scale"},
		{"row_policy", "other rows were captured"},
		{"tie_rule", "equal scores are ordered differently"},
		{"sink_keys", "sink masses have another width"},
		{"recent_keys", "recent masses have another width"},
		{"attnmeter_version", "captured by another version"},
		{"format_version", "written in another version of the format"},
	};
	for (size_t w = 0; w < sizeof watched / sizeof *watched; w++)
		for (int i = 1; i < p->n_run; i++) {
			const char *a = attribute(p->run[0].run, watched[w].name), *b = attribute(p->run[i].run, watched[w].name);
			bool follows = !strcmp(watched[w].name, "sparse") && (!strcmp(a, "none") || !strcmp(b, "none"));
			if (strcmp(a, b) && !follows)
				say(p, NULL, "%s and %s differ in %s (%s, %s): %s", p->run[0].label, p->run[i].label, watched[w].name, a, b,
				    watched[w].means);
		}
}

static void warn_pair(am_page *p, const am_page_pair *x)
{
	const char *a = x->a->label, *b = x->b->label;
	if (am_file_is_same(am_run_path(x->a->run), am_run_path(x->b->run)))
		say(p, NULL, "%s and %s are the same file: nothing can have changed", a, b);
	if (!x->compared)
		say(p, NULL, "%s and %s are not compared: %s", a, b, x->refused);
	else if (x->control_left_out)
		say(p, NULL, "the control run is left out: %s", x->refused);
	if (!x->compared)
		return;
	if (!x->change.paired)
		say(p, NULL, "%s and %s are compared unpaired, as samples of different texts: weaker than pairs, and of no use where "
		    "the texts differ in kind", a, b);
	int64_t n = x->change.n_sequences[0];
	if (x->change.paired && n < AM_SIGN_FEW)
		say(p, NULL, "%s and %s: with %" PRId64 " sequence%s no paired test can fall below p = %.3g", a, b, n, n == 1 ? "" : "s",
		    am_sign_least_p(n));
	add_lines(p, NULL, &x->change.warnings, -1);
}

am_status am_page_warn(am_page *p, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0; i < p->n_run && !s; i++)
		s = warn_file(p, p->run[i].label, p->run[i].run, err);
	if (!s && p->control)
		s = warn_file(p, "control", p->control, err);
	for (int i = 0; i < p->n_pair; i++)
		warn_pair(p, &p->pair[i]);
	warn_differences(p);
	for (int i = 0; i < p->n_run && !s; i++) {
		const am_page_run *r = &p->run[i];
		warn_sequences(p, r);
		add_lines(p, r->label, &r->entropy.warnings, -1);
		add_lines(p, r->label, &r->coverage.warnings, -1);
		add_lines(p, r->label, &r->recall.warnings, -1);
		s = warn_trivial(p, r, err);
		warn_recall(p, r);
	}
	return s;
}

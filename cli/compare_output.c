#include "cli/compare_output.h"

#include "analysis/sign_flip.h"
#include "base/json.h"
#include "cli/pair_output.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *interval_name(am_interval_method m)
{
	return m == AM_INTERVAL_T ? "bootstrap-t" : m == AM_INTERVAL_BCA ? "bca" : "percentile";
}

static const am_cell *cell_of(const am_table *t, int row, const char *column)
{
	return &t->cells[(size_t)row * t->n_columns + am_table_column(t, column)];
}

/* --- JSON ----------------------------------------------------------------- */

static void json_key(am_text *t, const char *key)
{
	am_text_puts(t, ",\n  ");
	am_json_string(t, key);
	am_text_puts(t, ": ");
}

static void json_table(am_text *t, const char *key, const am_table *table)
{
	json_key(t, key);
	am_table_json(table, 2, t);
}

static void json_samples(const am_comparison *c, am_text *t)
{
	json_key(t, "paired");
	am_text_puts(t, c->paired ? "true" : "false");
	json_key(t, "pairs");
	if (c->paired)
		am_text_printf(t, "{\"sequences\": %" PRId64 ", \"rows\": %" PRId64 "}", c->n_sequences[0], c->n_rows[0]);
	else
		am_text_puts(t, "null");
	json_key(t, "samples");
	for (int i = 0; i < 2; i++)
		am_text_printf(t, "%s\"%c\": {\"sequences\": %" PRId64 ", \"rows\": %" PRId64 "}", i ? ", " : "{",
		               'a' + i, c->n_sequences[i], c->n_rows[i]);
	am_text_puts(t, "}");
}

static void json_methods(const am_compare_options *o, const am_comparison *c, am_text *t)
{
	json_key(t, "interval");
	am_text_printf(t, "{\"level\": %g, \"method\": \"%s\", \"unit\": \"sequence\", \"resamples\": %d, \"seed\": %" PRIu64 "}",
	               AM_BOOTSTRAP_LEVEL, interval_name(c->interval), o->aggregate.resamples, o->aggregate.seed);
	bool all = c->paired && c->n_sequences[0] <= AM_SIGN_FLIP_EXACT;
	json_key(t, "tests");
	am_text_printf(t, "{\"wilcoxon\": \"%s\", \"zeros\": \"%s\", \"permutation\": \"%s\", \"sides\": 2, \"draws\": ",
	               c->paired ? "signed rank" : "rank sum", o->zeros == AM_ZEROS_PRATT ? "pratt" : "dropped",
	               c->paired ? "sign flips" : "labels");
	if (all)
		am_text_puts(t, "\"all\"}");
	else
		am_text_printf(t, "%d}", o->aggregate.resamples);
	json_key(t, "margin");
	if (o->margin > 0)
		am_text_printf(t, "{\"value\": %.9g, \"relative\": %s}", o->margin, o->margin_relative ? "true" : "false");
	else
		am_text_puts(t, "null");
}

/* The cells of a row from a column on, as members of an object. */
static void json_members(const am_table *table, int row, const char *from, am_text *t)
{
	int first = am_table_column(table, from);
	for (int c = first; c < table->n_columns; c++) {
		const am_cell *x = &table->cells[(size_t)row * table->n_columns + c];
		am_text_puts(t, c > first ? ", " : "");
		am_json_string(t, table->columns[c].name);
		am_text_puts(t, ": ");
		if (am_table_is_null(table, row, c))
			am_text_puts(t, "null");
		else if (table->columns[c].type == AM_COL_INT)
			am_text_printf(t, "%" PRId64, x->i);
		else
			am_json_real(t, x->x);
	}
}

static void json_controls(const am_compare_paths *p, const am_comparison *c, am_text *t)
{
	json_key(t, "controls");
	am_text_puts(t, "{");
	for (int r = 0; r < c->controls.n_rows; r++) {
		am_text_puts(t, r ? ",\n    " : "\n    ");
		am_json_string(t, cell_of(&c->controls, r, "metric")->s);
		am_text_puts(t, ": {");
		json_members(&c->controls, r, "mean_a", t);
		am_text_puts(t, "}");
	}
	am_text_puts(t, c->controls.n_rows ? ",\n    \"control\": " : "\n    \"control\": ");
	if (c->has_control) {
		am_text_puts(t, "{\"run\": ");
		am_json_string(t, p->control);
		am_text_puts(t, ", \"table\": ");
		am_table_json(&c->control, 4, t);
		am_text_puts(t, "}");
	} else {
		am_text_puts(t, "null");
	}
	am_text_puts(t, "\n  }");
}

static void json_accuracy(const am_accuracy_change *x, am_text *t)
{
	json_key(t, "accuracy");
	if (!x->n) {
		am_text_puts(t, "null");
		return;
	}
	am_text_printf(t, "{\"n\": %d, \"accuracy_a\": ", x->n);
	am_json_real(t, x->accuracy_a);
	am_text_puts(t, ", \"accuracy_b\": ");
	am_json_real(t, x->accuracy_b);
	am_text_printf(t, ", \"only_a\": %d, \"only_b\": %d, \"p_mcnemar\": ", x->only_a, x->only_b);
	am_json_real(t, x->p);
	am_text_puts(t, "}");
}

void am_compare_json(const am_compare_paths *p, const am_compare_options *o, const am_comparison *c, am_text *out)
{
	am_text_puts(out, "{\n  \"a\": ");
	am_json_string(out, p->a);
	json_key(out, "b");
	am_json_string(out, p->b);
	json_samples(c, out);
	json_methods(o, c, out);
	json_table(out, "corrected", &c->corrected);
	json_table(out, "differences", &c->differences);
	json_key(out, "warnings");
	am_json_lines(out, am_text_str(&c->warnings));
	json_controls(p, c, out);
	json_accuracy(&c->accuracy, out);
	json_key(out, "pair");
	am_pair_json(p->run_a, c->has_pair ? &c->pair : NULL, 2, out);
	json_table(out, "table", &c->table);
	am_text_puts(out, "\n}\n");
}

/* --- text ----------------------------------------------------------------- */

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void text_samples(const am_compare_paths *p, const am_comparison *c, am_text *t)
{
	am_text_printf(t, "a: %s\nb: %s\n", p->a, p->b);
	if (c->paired)
		am_text_printf(t, "%" PRId64 " sequence%s, %" PRId64 " row%s of each head, paired by position and token\n",
		               c->n_sequences[0], plural(c->n_sequences[0]), c->n_rows[0], plural(c->n_rows[0]));
	else
		am_text_printf(t, "unpaired: %" PRId64 " sequence%s, %" PRId64 " row%s of each head in a; %" PRId64
		               " sequence%s, %" PRId64 " row%s in b\n", c->n_sequences[0], plural(c->n_sequences[0]),
		               c->n_rows[0], plural(c->n_rows[0]), c->n_sequences[1], plural(c->n_sequences[1]),
		               c->n_rows[1], plural(c->n_rows[1]));
}

static void text_methods(const am_compare_options *o, const am_comparison *c, am_text *t)
{
	int64_t least = c->paired || c->n_sequences[0] < c->n_sequences[1] ? c->n_sequences[0] : c->n_sequences[1];
	if (least < AM_BOOTSTRAP_MIN_SEQUENCES)
		am_text_printf(t, "no intervals: they need %d sequences; ", AM_BOOTSTRAP_MIN_SEQUENCES);
	else
		am_text_printf(t, "%g %% %s intervals over sequences; ", 100 * AM_BOOTSTRAP_LEVEL, interval_name(c->interval));
	am_text_printf(t, "%d resamples, seed %" PRIu64 "\n", o->aggregate.resamples, o->aggregate.seed);
	if (c->paired && least < AM_SIGN_FEW)
		am_text_printf(t, "with %" PRId64 " sequence%s no paired test can fall below p = %.3g\n", least, plural(least), am_sign_least_p(least));
	am_text_printf(t, "p_wilcoxon: %s; p_maxt: %s; all two-sided\n",
	               !c->paired ? "rank sum" : o->zeros == AM_ZEROS_PRATT ? "signed rank, zeros after Pratt" : "signed rank",
	               !c->paired ? "none" : c->n_sequences[0] <= AM_SIGN_FLIP_EXACT ? "all sign flips" : "drawn sign flips");
}

static void text_differences(const am_comparison *c, am_text *t)
{
	const am_table *d = &c->differences;
	am_text_puts(t, d->n_rows ? "differ in " : "differ in no attribute");
	for (int r = 0; r < d->n_rows; r++) {
		const am_cell *x = &d->cells[(size_t)r * 3];
		am_text_printf(t, "%s%s (%s, %s)", r ? ", " : "", x[0].s, x[1].s ? x[1].s : "none", x[2].s ? x[2].s : "none");
	}
	am_text_puts(t, "\n");
}

/* "entropy over 48 heads (q_bh < 0.05: 40, p_maxt < 0.05: 38), 6 layers (...)". */
static void text_corrected(const am_comparison *c, am_text *t)
{
	const am_table *f = &c->corrected;
	const char *metric = "";
	for (int r = 0; r < f->n_rows; r++) {
		const char *name = cell_of(f, r, "metric")->s, *by = cell_of(f, r, "by")->s;
		int64_t tests = cell_of(f, r, "tests")->i, maxt = cell_of(f, r, "below_maxt")->i;
		const char *level = cell_of(f, r, "level")->s;
		bool cells = strcmp(level, "overall") != 0;
		am_text_printf(t, "%s%s%s%" PRId64 " %s%s%s (q_bh < 0.05: %" PRId64,
		               !strcmp(metric, name) ? "; " : *metric ? "\ncorrected together: " : "corrected together: ",
		               !strcmp(metric, name) ? "" : name, !strcmp(metric, name) ? "" : ", ", tests, level,
		               cells && tests != 1 ? "s" : "", by ? " by task" : "", cell_of(f, r, "below_bh")->i);
		if (maxt != INT64_MIN)
			am_text_printf(t, ", p_maxt < 0.05: %" PRId64, maxt);
		am_text_puts(t, ")");
		metric = name;
	}
	am_text_puts(t, "\n");
}

static void mark_detail(am_table *t, const char *column)
{
	int c = am_table_column(t, column);
	if (c >= 0)
		t->columns[c].detail = true;
}

static void text_controls(const am_compare_paths *p, am_comparison *c, am_text *t)
{
	am_text_puts(t, "\nControls: likelihood, and entropy as a share of ln n\n\n");
	mark_detail(&c->controls, "q_bh");
	mark_detail(&c->controls, "p_maxt");
	am_table_text(&c->controls, t);
	if (!c->has_control)
		return;
	am_text_printf(t, "\nWhat the control run %s explains: change_control = control - a, remaining = b - control\n\n",
	               p->control);
	am_table_text(&c->control, t);
}

static void text_accuracy(const am_accuracy_change *x, am_text *t)
{
	if (x->n)
		am_text_printf(t, "\nAccuracy of %d scored sequences: %.4f in a, %.4f in b; right in a alone %d, in b alone %d; exact "
		               "McNemar p = %.2g\n", x->n, x->accuracy_a, x->accuracy_b, x->only_a, x->only_b, x->p);
}

void am_compare_text(const am_compare_paths *p, const am_compare_options *o, am_comparison *c, am_text *out)
{
	text_samples(p, c, out);
	text_methods(o, c, out);
	text_differences(c, out);
	text_corrected(c, out);
	if (o->n_metric == 1) {
		mark_detail(&c->table, "metric");
		am_text_printf(out, "\nChange of %s (%s): b - a, mean over sequences\n\n", o->metric->name, o->metric->unit);
	} else {
		am_text_puts(out, "\nChanges: b - a, mean over sequences\n\n");
	}
	am_table_text(&c->table, out);
	text_controls(p, c, out);
	if (c->has_pair)
		am_pair_text(p->run_a, &c->pair, out);
	text_accuracy(&c->accuracy, out);
}

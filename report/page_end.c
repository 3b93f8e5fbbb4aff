/* The end of a page: what the numbers mean, and how to make them again. */
#include "analysis/bootstrap.h"
#include "analysis/sign_flip.h"
#include "report/html.h"
#include "report/page_parts.h"

#include <inttypes.h>
#include <stdio.h>

/* --- methods -------------------------------------------------------------- */

static void put_methods_of(const am_page *p, const char *name, am_text *t)
{
	char resamples[16], seed[24], least[16], t_below[16], exact[16], position[96] = "";
	snprintf(resamples, sizeof resamples, "%d", p->compare.aggregate.resamples);
	snprintf(seed, sizeof seed, "%" PRIu64, p->compare.aggregate.seed);
	snprintf(least, sizeof least, "%d", AM_BOOTSTRAP_MIN_SEQUENCES);
	snprintf(t_below, sizeof t_below, "%d", AM_BOOTSTRAP_T_BELOW);
	snprintf(exact, sizeof exact, "%d", AM_SIGN_FLIP_EXACT);
	if (p->compare.aggregate.min_position > 0)
		snprintf(position, sizeof position, " Rows at query positions below %d are left out.", p->compare.aggregate.min_position);
	const char *words[] = {
		"resamples", resamples, "seed", seed, "least", least, "t_below", t_below, "exact", exact, "position", position,
		"zeros", p->compare.zeros == AM_ZEROS_PRATT ? "ranked too, and their ranks left out (Pratt)" : "left out before ranking",
		NULL,
	};
	am_html_expand(t, am_page_template(name), words);
}

void am_page_put_methods(const am_page *p, am_text *t)
{
	bool coverage = false, recall = false, compared = false, unpaired = false, control = false;
	for (int i = 0; i < p->n_run; i++) {
		coverage = coverage || p->run[i].coverage.columns;
		recall = recall || p->run[i].recall.columns;
	}
	for (int i = 0; i < p->n_pair; i++) {
		compared = compared || p->pair[i].compared;
		unpaired = unpaired || (p->pair[i].compared && !p->pair[i].change.paired);
		control = control || (p->pair[i].compared && p->pair[i].change.has_control);
	}
	am_text_puts(t, "<section id=methods>\n<h2>Methods</h2>\n");
	put_methods_of(p, "methods_rows", t);
	if (coverage)
		put_methods_of(p, "methods_coverage", t);
	if (recall)
		put_methods_of(p, "methods_recall", t);
	put_methods_of(p, "methods_means", t);
	if (compared)
		put_methods_of(p, unpaired ? "methods_unpaired" : "methods_compare", t);
	if (compared)
		put_methods_of(p, "methods_families", t);
	if (compared && p->compare.margin > 0)
		put_methods_of(p, "methods_margin", t);
	if (control)
		put_methods_of(p, "methods_control", t);
	am_text_puts(t, "</section>\n");
}

/* --- commands ------------------------------------------------------------- */

static void put_capture(const am_run *run, const char *label, am_text *t)
{
	const char *line;
	am_text_puts(t, label ? "# " : "# the run\n");
	if (label)
		am_text_printf(t, "run %s\n", label);
	if (am_run_attr_str(run, "command_line", &line) && *line)
		am_html_text(t, line);
	else
		am_text_puts(t, "# (the file does not say)");
	am_text_puts(t, "\n");
}

static void put_shell(const char *path, am_text *t)
{
	am_text word = {0};
	am_text_puts(&word, " ");
	am_text_shell(&word, path);
	am_html_text(t, am_text_str(&word));
	t->failed |= word.failed;
	am_text_free(&word);
}

/* Options that are not as the commands have them by themselves. */
static void put_options(const am_page *p, am_text *t)
{
	const am_aggregate_options *o = &p->compare.aggregate;
	am_aggregate_options plain;
	am_aggregate_options_init(&plain);
	if (o->min_position != plain.min_position)
		am_text_printf(t, " --min-position %d", o->min_position);
	if (o->resamples != plain.resamples)
		am_text_printf(t, " --resamples %d", o->resamples);
	if (o->seed != plain.seed)
		am_text_printf(t, " --seed %" PRIu64, o->seed);
	am_text_puts(t, " --json\n");
}

static void put_tables(const am_page *p, const am_page_run *r, am_text *t)
{
	const struct {
		const char *command;
		bool has;
	} tables[] = {{"entropy", r->entropy.columns}, {"coverage", r->coverage.columns}, {"recall", r->recall.columns}};
	for (int k = 0; k < 3; k++) {
		if (!tables[k].has)
			continue;
		am_text_printf(t, "attnmeter %s", tables[k].command);
		put_shell(am_run_path(r->run), t);
		put_options(p, t);
	}
}

static void put_comparison(const am_page *p, const am_page_pair *x, am_text *t)
{
	static const char *const intervals[] = {"auto", "bca", "t", "percentile"};
	if (!x->compared)
		return;
	am_text_puts(t, "attnmeter compare");
	put_shell(am_run_path(x->a->run), t);
	put_shell(am_run_path(x->b->run), t);
	if (x->change.has_control) {
		am_text_puts(t, " --control");
		put_shell(am_run_path(p->control), t);
	}
	for (int i = 0; i < p->compare.n_metric; i++)
		am_text_printf(t, "%s%s", i ? "," : " --metric ", p->compare.metric[i].name);
	am_text_puts(t, x->change.paired ? "" : " --unpaired");
	am_text_puts(t, p->compare.zeros == AM_ZEROS_PRATT ? " --pratt" : "");
	if (p->compare.interval != AM_INTERVAL_AUTO)
		am_text_printf(t, " --interval %s", intervals[p->compare.interval]);
	if (p->compare.margin > 0)
		am_text_printf(t, " --margin %.9g%s", p->compare.margin * (p->compare.margin_relative ? 100 : 1),
		               p->compare.margin_relative ? "%" : "");
	put_options(p, t);
}

void am_page_put_commands(const am_page *p, am_text *t)
{
	am_text_puts(t, "<section id=commands>\n<h2>Commands</h2>\n<p>These make the runs and this page again. Everything on it follows "
	                "from the run files alone.</p>\n<pre tabindex=0>");
	for (int i = 0; i < p->n_run; i++)
		put_capture(p->run[i].run, p->n_run > 1 ? p->run[i].label : NULL, t);
	if (p->control)
		put_capture(p->control, "control", t);
	if (p->o->command_line) {
		am_text_puts(t, "# this page\n");
		am_html_text(t, p->o->command_line);
		am_text_puts(t, "\n");
	}
	am_text_puts(t, "# its tables, for programs\n");
	for (int i = 0; i < p->n_run; i++)
		put_tables(p, &p->run[i], t);
	for (int i = 0; i < p->n_pair; i++)
		put_comparison(p, &p->pair[i], t);
	am_text_puts(t, "</pre>\n</section>\n");
}

/* What a page tells is computed by the tables of analysis; this calls them. */
#include "analysis/coverage.h"
#include "analysis/entropy.h"
#include "analysis/pair_table.h"
#include "analysis/recall.h"
#include "report/page_parts.h"

#include <stdio.h>
#include <string.h>

/* --- one run -------------------------------------------------------------- */

static bool has_coverage(const am_run *r)
{
	return am_run_has(r, AM_FIELD_MASS_AT_K) || am_run_has(r, AM_FIELD_MASS_AT_RATIO) || am_run_has(r, AM_FIELD_K_AT_MASS);
}

am_status am_page_measure(const am_page *p, am_page_run *r, am_error *err)
{
	const am_aggregate_options *o = &p->compare.aggregate;
	am_recall_options recall = {.aggregate = *o, .reference = -1};
	am_status s = am_sequence_list_read(r->run, &r->sequences, err);
	if (!s && am_run_has(r->run, AM_FIELD_ENTROPY))
		s = am_entropy_table(r->run, o, &r->entropy, err);
	if (!s && has_coverage(r->run))
		s = am_coverage_table(r->run, o, &r->coverage, err);
	if (!s && am_run_selector_count(r->run))
		s = am_recall_table(r->run, &recall, &r->recall, err);
	if (!s && am_pair_table_has(r->run))
		s = am_pair_table(r->run, o, &r->apart, err);
	if (!s && !r->entropy.columns && !r->coverage.columns)
		s = am_fail(err, AM_ERR_FORMAT, "%s: holds neither entropy nor masses to report", am_run_path(r->run));
	return s;
}

/* --- what changed --------------------------------------------------------- */

static void add_metric(am_page *p, const char *name)
{
	am_metric m;
	if (p->compare.n_metric == AM_COMPARE_METRICS || am_metric_parse(name, &m, NULL))
		return;
	for (int i = 0; i < p->n_run; i++)
		if (!am_metric_has(&m, p->run[i].run))
			return;
	p->metric[p->compare.n_metric++] = m;
}

static void choose_metrics(am_page *p)
{
	if (p->compare.n_metric)
		return;
	p->compare.metric = p->metric;
	add_metric(p, "entropy");
	const double *k = am_run_axis_values(p->run[0].run, AM_AXIS_K);
	for (int64_t i = 0; i < am_run_axis_length(p->run[0].run, AM_AXIS_K); i++) {
		char name[32];
		snprintf(name, sizeof name, "mass@%.0f", k[i]);
		add_metric(p, name);
	}
}

/* A refusal is told on the page: the runs are reported all the same. */
static am_status compare_pair(am_page *p, am_page_pair *x, am_run *control, am_error *err)
{
	am_error why = {0};
	am_status s = am_compare(x->a->run, x->b->run, control, &p->compare, &x->change, &why);
	x->compared = !s;
	if (s == AM_ERR_RANGE) {
		snprintf(x->refused, sizeof x->refused, "%s", why.text);
		return AM_OK;
	}
	return s ? am_fail(err, s, "%s", why.text) : AM_OK;
}

static am_status compare_one(am_page *p, am_page_pair *x, am_error *err)
{
	if (!p->compare.n_metric) {
		snprintf(x->refused, sizeof x->refused, "the runs have no statistic in common");
		return AM_OK;
	}
	am_status s = compare_pair(p, x, p->control, err);
	if (s || x->compared || !p->control)
		return s;
	char why[sizeof x->refused];
	memcpy(why, x->refused, sizeof why);
	s = compare_pair(p, x, NULL, err);
	x->control_left_out = x->compared;
	if (x->compared)
		memcpy(x->refused, why, sizeof why);
	return s;
}

am_status am_page_compare(am_page *p, am_error *err)
{
	am_status s = AM_OK;
	choose_metrics(p);
	for (int i = 1; i < p->n_run && !s; i++) {
		am_page_pair *x = &p->pair[p->n_pair++];
		*x = (am_page_pair){.a = &p->run[0], .b = &p->run[i]};
		s = compare_one(p, x, err);
		if (!s && !x->compared && p->notes)
			am_text_printf(p->notes, "%s\n", x->refused);
	}
	return s;
}

/* --- pictures ------------------------------------------------------------- */

static am_status draw_run(am_page *p, am_page_run *r, am_pictures_options *o, am_error *err)
{
	am_run *const run[2] = {r->run, NULL};
	char prefix[16];
	snprintf(prefix, sizeof prefix, "%s-", r->label);
	o->prefix = prefix;
	am_status s = AM_OK;
	if (r->entropy.columns)
		s = am_pictures_add(&r->entropy_pictures, o, AM_PLOT_SET_ENTROPY, run, &p->compare, err);
	if (!s && r->coverage.columns)
		s = am_pictures_add(&r->coverage_pictures, o, AM_PLOT_SET_COVERAGE, run, &p->compare, err);
	if (!s && r->recall.columns)
		s = am_pictures_add(&r->recall_pictures, o, AM_PLOT_SET_RECALL, run, &p->compare, err);
	return s;
}

static am_status draw_pair(am_page *p, am_page_pair *x, am_pictures_options *o, am_error *err)
{
	am_run *const run[2] = {x->a->run, x->b->run};
	char prefix[24];
	snprintf(prefix, sizeof prefix, "%s-%s-", x->a->label, x->b->label);
	o->prefix = prefix;
	o->control = x->compared && x->change.has_control ? p->control : NULL;
	return x->compared ? am_pictures_add(&x->pictures, o, AM_PLOT_SET_COMPARE, run, &p->compare, err) : AM_OK;
}

am_status am_page_draw(am_page *p, am_error *err)
{
	am_pictures_options o = {
		.theme = {p->o->theme != AM_PAGE_DARK, p->o->theme != AM_PAGE_LIGHT},
		.min_position = p->compare.aggregate.min_position,
	};
	am_status s = AM_OK;
	for (int i = 0; i < p->n_run && !s; i++)
		s = draw_run(p, &p->run[i], &o, err);
	for (int i = 0; i < p->n_pair && !s; i++)
		s = draw_pair(p, &p->pair[i], &o, err);
	return s;
}

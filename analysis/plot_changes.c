#include "analysis/plot_changes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void am_plot_changes_fini(am_plot_changes *c)
{
	for (int i = 0; i < AM_CHANGES; i++)
		if (c->made[i])
			am_comparison_fini(&c->comparison[i]);
}

am_compare_options am_changes_options(const am_plot_job *job, am_changes_of what)
{
	am_compare_options plain = *job->compare;
	int bins = plain.aggregate.position_bins > 0 ? plain.aggregate.position_bins : AM_CHANGES_BINS;
	bool by_position = what == AM_CHANGES_POSITION;
	plain.n_metric = 1;
	plain.by_task = false;
	plain.margin = 0;
	plain.aggregate.position_bins = by_position ? bins : 0;
	plain.aggregate.level = by_position ? AM_LEVEL_OVERALL : AM_LEVEL_HEAD;
	return plain;
}

static am_status compare(const am_plot_job *job, am_changes_of what, am_comparison *out, am_error *err)
{
	am_compare_options o = am_changes_options(job, what);
	return am_compare(job->run, what == AM_CHANGES_CONTROL ? job->control : job->after, NULL, &o, out, err);
}

static void describe(const am_comparison *x, am_changes *c)
{
	int64_t n = x->n_sequences[0], rows = x->n_rows[0];
	if (x->paired)
		snprintf(c->pairs, sizeof c->pairs, "%" PRId64 " sequence%s, %" PRId64 " row%s of each head", n,
		         n == 1 ? "" : "s", rows, rows == 1 ? "" : "s");
	else
		snprintf(c->pairs, sizeof c->pairs, "unpaired: %" PRId64 " and %" PRId64 " sequences", n, x->n_sequences[1]);
}

am_status am_changes_get(const am_plot_job *job, am_changes_of what, am_changes *out, am_error *err)
{
	am_plot_changes *all = job->changes;
	am_comparison *x = &all->comparison[what];
	am_status s = all->made[what] ? AM_OK : compare(job, what, x, err);
	if (s)
		return s;
	all->made[what] = true;
	*out = (am_changes){.job = job, .metric = &job->compare->metric[0], .t = &x->table, .paired = x->paired,
	                    .n_layer = job->layers->n, .n_head = job->heads->n};
	int head = am_table_column(out->t, "head");
	while (out->n_cell < out->t->n_rows && !am_table_is_null(out->t, out->n_cell, head))
		out->n_cell++;
	for (int r = 0; r < out->n_cell; r++)
		out->n_shown += am_changes_is_shown(out, r);
	describe(x, out);
	return AM_OK;
}

am_status am_plot_check_heads(const am_plot_job *job, am_error *err)
{
	const am_metric *m = &job->compare->metric[0];
	return m->kind == AM_METRIC_NLL ? am_fail(err, AM_ERR_FORMAT, "%s: expected a metric of heads, found %s; "
	                                          "change-position can draw it", job->kind->name, m->name)
	                                : AM_OK;
}

double am_changes_value(const am_changes *c, int row, const char *column)
{
	const am_table *t = c->t;
	return t->cells[(size_t)row * t->n_columns + am_table_column(t, column)].x;
}

int64_t am_changes_whole(const am_changes *c, int row, const char *column)
{
	const am_table *t = c->t;
	return t->cells[(size_t)row * t->n_columns + am_table_column(t, column)].i;
}

void am_changes_put_words(const am_changes *c, am_picture *p, const char *title, const char *subtitle)
{
	am_picture_word(p, "summary", "%s", title);
	am_picture_string(p, "title", "%s", title);
	am_picture_string(p, "subtitle", "%s; %s", subtitle, c->pairs);
}

double am_changes_widest(const am_changes *c)
{
	double most = 0;
	for (int r = 0; r < c->n_cell; r++)
		if (am_changes_is_shown(c, r))
			most = fmax(most, fabs(am_changes_value(c, r, "change")));
	return most > 0 ? most : 1;
}

/* -1: not among them. */
static int place_of(const am_plot_chosen *c, int64_t id)
{
	for (int i = 0; i < c->n; i++)
		if ((int64_t)c->id[i] == id)
			return i;
	return -1;
}

bool am_changes_is_shown(const am_changes *c, int row)
{
	return place_of(c->job->layers, am_changes_whole(c, row, "layer")) >= 0 &&
	       place_of(c->job->heads, am_changes_whole(c, row, "head")) >= 0;
}

void am_changes_put_ids(const am_changes *c, int row, am_picture *p)
{
	int64_t layer = am_changes_whole(c, row, "layer"), head = am_changes_whole(c, row, "head");
	am_picture_cell(p, place_of(c->job->layers, layer));
	am_picture_cell(p, place_of(c->job->heads, head));
	am_picture_cell(p, (double)layer);
	am_picture_cell(p, (double)head);
}

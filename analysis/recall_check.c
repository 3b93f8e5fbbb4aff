/* recall --min-recall: whether any layer finds too little. */
#include "analysis/recall.h"

#include <math.h>
#include <string.h>

static am_run_reference reference_of(const am_run_selector *s)
{
	return s->sets == AM_AXIS_HEAD ? AM_RUN_HEAD : s->sets == AM_AXIS_KV_HEAD ? AM_RUN_GROUP : AM_RUN_SUM;
}

static const am_cell *cell(const am_table *t, int row, const char *name)
{
	return &t->cells[(size_t)row * (size_t)t->n_columns + (size_t)am_table_column(t, name)];
}

/* Adds "layer 3 (0.412 at k 16)" for each layer below; *found counts them. */
static void judge(const am_run *r, const am_table *t, double least, am_text *names, int *found)
{
	bool counts = am_run_axis_length(r, AM_AXIS_K) > 0;
	const double *ids = am_run_axis_values(r, AM_AXIS_LAYER);
	for (int64_t l = 0; l < am_run_axis_length(r, AM_AXIS_LAYER); l++) {
		double lowest = INFINITY, at = 0;
		for (int i = 0; i < t->n_rows; i++) {
			bool is_k = cell(t, i, "k")->i != INT64_MIN;
			double recall = cell(t, i, "recall")->x;
			if (cell(t, i, "layer")->i != (int64_t)ids[l] || is_k != counts || !(recall < lowest))
				continue;
			lowest = recall;
			at = is_k ? (double)cell(t, i, "k")->i : cell(t, i, "ratio")->x;
		}
		if (lowest >= least && lowest < INFINITY)
			continue;
		am_text_printf(names, "%slayer %.0f ", (*found)++ ? ", " : "", ids[l]);
		if (lowest < INFINITY)
			am_text_printf(names, "(%.4g at %s %g)", lowest, counts ? "k" : "ratio", at);
		else
			am_text_puts(names, "(no row sees more than k keys)");
	}
}

am_status am_recall_check(am_run *r, const am_recall_options *o, double least, am_error *err)
{
	am_text text = {0};
	bool failed = false;
	am_status s = AM_OK;
	for (int i = 0; i < am_run_selector_count(r) && !s; i++) {
		const am_run_selector *sel = am_run_selector_at(r, i);
		am_text id = {0}, names = {0};
		am_text_printf(&id, "s%d", i);
		am_recall_options one = *o;
		am_table t = {0};
		int found = 0;
		bool chosen = !o->selector || strcmp(o->selector, am_text_str(&id)) == 0 || strcmp(o->selector, sel->spec) == 0;
		one.selector = am_text_str(&id);
		one.reference = (int)reference_of(sel);
		one.aggregate.level = AM_LEVEL_LAYER;
		one.aggregate.position_bins = 0;
		one.aggregate.resamples = 1; /* no interval is looked at */
		if (chosen)
			s = am_recall_table(r, &one, &t, err);
		if (chosen && !s) {
			judge(r, &t, least, &names, &found);
			if (found)
				am_text_printf(&text, "%s%s: %s", failed ? "; " : "", sel->spec, am_text_str(&names));
			failed = failed || found;
			am_table_fini(&t);
		}
		am_text_free(&id);
		am_text_free(&names);
	}
	if (!s && failed)
		s = am_fail(err, AM_ERR_CHECK, "recall below %g: %s", least, am_text_str(&text));
	am_text_free(&text);
	return s;
}

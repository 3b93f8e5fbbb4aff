#include "cli/eval_results.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Group of an item, a new one when there is none yet. */
static int group_of(am_eval_results *r, const am_eval_item *item)
{
	for (int g = 0; g < r->e.n_groups; g++) {
		const am_eval_item *first = NULL;
		for (int i = 0; i < r->set->n && !first; i++)
			if (r->group[i] == g)
				first = &r->set->item[i];
		/* Where no name has a length, files are what differs. */
		bool alike = first && first->length == item->length && (item->length || first->file == item->file);
		if (alike && !strcmp(first->task, item->task))
			return g;
	}
	r->task[r->e.n_groups] = item->task;
	return r->e.n_groups++;
}

static void find_groups(am_eval_results *r)
{
	for (int i = 0; i < r->set->n; i++)
		r->group[i] = -1;
	for (int i = 0; i < r->set->n; i++) {
		const am_eval_item *item = &r->set->item[i];
		int g = r->group[i] = group_of(r, item);
		int length = item->length ? item->length : item->n;
		r->length[g] = length > r->length[g] ? length : r->length[g];
	}
}

static void set_points(am_eval_results *r)
{
	for (int p = 0; p < r->points->n; p++) {
		const am_eval_point *from = &r->points->point[p];
		r->point[p] = (am_evaluation_point){from->text, from->spec.budget.k,
		                                    from->spec.budget.ratio > 0 ? from->spec.budget.ratio : NAN, from->precision};
	}
}

am_status am_eval_results_init(am_eval_results *r, const am_eval_set *set, const am_eval_points *points, am_error *err)
{
	size_t n = (size_t)set->n, values = n * (size_t)points->n;
	*r = (am_eval_results){.set = set, .points = points};
	r->accuracy = am_alloc(values, sizeof *r->accuracy);
	r->score = am_alloc(values, sizeof *r->score);
	r->retained = am_alloc(values, sizeof *r->retained);
	r->group = am_alloc(n, sizeof *r->group);
	r->length = am_calloc(n, sizeof *r->length);
	r->task = am_alloc(n, sizeof *r->task);
	r->point = am_alloc((size_t)points->n, sizeof *r->point);
	if (!r->accuracy || !r->score || !r->retained || !r->group || !r->length || !r->task || !r->point) {
		am_eval_results_fini(r);
		return am_fail(err, AM_ERR_MEMORY, "eval: out of memory");
	}
	for (size_t i = 0; i < values; i++)
		r->accuracy[i] = r->score[i] = r->retained[i] = NAN;
	find_groups(r);
	set_points(r);
	am_evaluation *e = &r->e;
	e->n_points = points->n, e->n_samples = set->n, e->sweep = points->sweep;
	e->point = r->point, e->task = r->task, e->length = r->length, e->group = r->group;
	e->accuracy = r->accuracy, e->score = r->score, e->retained = r->retained;
	return AM_OK;
}

void am_eval_results_fini(am_eval_results *r)
{
	void *own[] = {r->accuracy, r->score, r->retained, r->group, r->length, (void *)r->task, r->point};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	*r = (am_eval_results){0};
}

am_status am_eval_results_add(void *ctx, const am_eval_item *item, const am_eval_result *a, am_error *err)
{
	am_eval_results *r = ctx;
	size_t at = (size_t)a->point * (size_t)r->set->n + (size_t)a->item;
	r->accuracy[at] = a->score.accuracy;
	r->score[at] = a->score.score;
	r->retained[at] = a->retained;
	r->answers++;
	r->tokens += a->n_tokens;
	if (!r->lines)
		return AM_OK;
	am_text line = {0};
	am_eval_result_json(item, &r->points->point[a->point], a, &line);
	bool ok = am_text_ok(&line);
	am_outfile_write(r->lines, am_text_str(&line), line.size);
	am_text_free(&line);
	if (!ok)
		return am_fail(err, AM_ERR_MEMORY, "eval: out of memory");
	/* What went wrong is told when the file is closed. */
	return am_outfile_ok(r->lines) ? AM_OK : am_fail(err, AM_ERR_IO, "cannot write the results");
}

/* Task files to prompts of tokens. */
#include "base/mem.h"
#include "model/tokenizer.h"
#include "store/digest.h"
#include "task/evaluate.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_MARGIN = 8 };

typedef struct gather {
	const am_eval_read_options *o;
	am_tokenizer *tokenizer;
	am_eval_set set;
	const char *file;
	const char *task; /* of the file's name */
	int length;
} gather;

static am_status encode(gather *g, const am_task_sample *s, const char *text, size_t n, bool special, int32_t **ids,
                        size_t *n_ids, am_error *err)
{
	am_status status = am_tokenizer_encode(g->tokenizer, text, n, special, ids, n_ids, err);
	if (status)
		return status;
	for (size_t i = 0; i < *n_ids && !status; i++)
		if ((*ids)[i] < 0 || (*ids)[i] >= g->o->vocab)
			status = am_fail(err, AM_ERR_RANGE, "%s:%d: the tokenizer gives id %d; the model has ids from 0 to %d", g->file,
			                 s->line, (*ids)[i], g->o->vocab - 1);
	if (!status && *n_ids > INT_MAX / 2)
		status = am_fail(err, AM_ERR_RANGE, "%s:%d: expected at most %d tokens, found %zu", g->file, s->line, INT_MAX / 2,
		                 *n_ids);
	if (status) {
		am_free(*ids);
		*ids = NULL;
	}
	return status;
}

static am_status answer_budget(gather *g, const am_task_sample *s, int *out, am_error *err)
{
	*out = g->o->max_new_tokens > 0 ? g->o->max_new_tokens : s->max_new_tokens;
	if (*out > 0)
		return AM_OK;
	*out = 128;
	if (!s->answer)
		return AM_OK;
	int32_t *ids;
	size_t n;
	am_status status = encode(g, s, s->answer, strlen(s->answer), false, &ids, &n, err);
	if (!status) {
		am_free(ids);
		*out = (int)n + ANSWER_MARGIN;
	}
	return status;
}

/* Takes the middle out of a prompt that leaves no room, or refuses it. */
static am_status make_room(gather *g, const am_task_sample *s, am_eval_item *item, am_error *err)
{
	if (item->n < g->o->context)
		return AM_OK;
	int keep = (g->o->context - item->max_new) / 2;
	if (!g->o->cut && !s->cut_middle)
		return am_fail(err, AM_ERR_RANGE, "%s:%d: %d tokens leave no room for an answer in the context of %d; use -c for a "
		               "larger one or --cut-middle", g->file, s->line, item->n, g->o->context);
	if (keep < 1)
		return am_fail(err, AM_ERR_RANGE, "%s:%d: a context of %d leaves no room for a prompt beside %d new tokens", g->file,
		               s->line, g->o->context, item->max_new);
	memmove(item->ids + keep, item->ids + item->n - keep, (size_t)keep * sizeof *item->ids);
	item->dropped = item->n - 2 * keep;
	item->n = 2 * keep;
	return AM_OK;
}

static am_status fill_item(gather *g, const am_task_sample *s, am_eval_item *item, am_error *err)
{
	am_text prompt = {0};
	size_t n = 0;
	am_text_puts(&prompt, s->input);
	am_text_puts(&prompt, s->answer_prefix ? s->answer_prefix : "");
	am_status status = am_text_ok(&prompt) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s:%d: out of memory", g->file, s->line);
	if (!status)
		status = encode(g, s, am_text_str(&prompt), prompt.size, true, &item->ids, &n, err);
	if (!status && n == 0)
		status = am_fail(err, AM_ERR_RANGE, "%s:%d: the prompt is empty", g->file, s->line);
	if (!status)
		status = answer_budget(g, s, &item->max_new, err);
	item->sample = s;
	item->file = g->file;
	item->task = s->task ? s->task : g->task;
	item->length = g->length;
	item->n = (int)n;
	snprintf(item->id, sizeof item->id, "%016" PRIx64 "/%" PRId64,
	         am_fnv1a(AM_FNV_BASIS, am_text_str(&prompt), prompt.size), s->index);
	am_text_free(&prompt);
	return status ? status : make_room(g, s, item, err);
}

/* Scoring must not fail after the work is done. */
static am_status check_references(const gather *g, const am_task_sample *s, am_error *err)
{
	am_score ignored;
	am_status status = am_score_output(s, "", &ignored, err);
	return status ? am_fail_in(err, status, "%s:%d", g->file, s->line) : AM_OK;
}

static am_status add_item(gather *g, am_task_sample *s, am_error *err)
{
	am_eval_set *set = &g->set;
	if (set->n == set->room) {
		int room = set->room ? 2 * set->room : 64;
		am_eval_item *p = am_grow(set->item, (size_t)set->n * sizeof *p, (size_t)room, sizeof *p);
		if (!p)
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", g->file);
		set->item = p;
		set->room = room;
	}
	if (g->o->metric >= 0)
		s->metric = (am_task_metric)g->o->metric;
	am_status status = check_references(g, s, err);
	if (status)
		return status;
	am_eval_item *item = &set->item[set->n];
	*item = (am_eval_item){0};
	status = fill_item(g, s, item, err);
	set->n++;
	if (status)
		return status;
	int total = item->max_new < g->o->context - item->n ? item->n + item->max_new : g->o->context;
	set->longest = total > set->longest ? total : set->longest;
	return AM_OK;
}

static am_status add_file(gather *g, int i, am_error *err)
{
	char name[256];
	g->file = g->o->files[i];
	am_tasks *tasks = &g->set.tasks[i];
	am_status status = am_tasks_read(g->file, &g->o->tasks, tasks, err);
	if (status)
		return status;
	g->set.n_files++;
	am_task_of_path(g->file, name, sizeof name, &g->length);
	g->task = g->set.names[i] = am_strdup(name);
	if (!g->task)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", g->file);
	for (int j = 0; j < tasks->n && !status; j++)
		status = add_item(g, &tasks->sample[j], err);
	return status;
}

am_status am_eval_read(const am_eval_read_options *o, am_tokenizer *t, am_eval_set *out, am_error *err)
{
	gather g = {.o = o, .tokenizer = t};
	g.set.tasks = am_calloc((size_t)o->n_files, sizeof *g.set.tasks);
	g.set.names = am_calloc((size_t)o->n_files, sizeof *g.set.names);
	am_status status = g.set.tasks && g.set.names ? AM_OK : am_fail(err, AM_ERR_MEMORY, "eval: out of memory");
	for (int i = 0; i < o->n_files && !status; i++)
		status = add_file(&g, i, err);
	if (status) {
		am_eval_set_fini(&g.set);
		return status;
	}
	*out = g.set;
	return AM_OK;
}

void am_eval_set_fini(am_eval_set *s)
{
	for (int i = 0; i < s->n; i++)
		am_free(s->item[i].ids);
	for (int i = 0; i < s->n_files; i++) {
		am_tasks_fini(&s->tasks[i]);
		am_free(s->names[i]);
	}
	am_free(s->item);
	am_free(s->tasks);
	am_free(s->names);
	*s = (am_eval_set){0};
}

/* Task lines of RULER (and of our own files): the prompt is there whole. */
#include "base/mem.h"
#include "task/formats.h"

#include <string.h>

static bool begins(const char *task, const char *prefix)
{
	return task && !strncmp(task, prefix, strlen(prefix));
}

int am_ruler_new_tokens(const char *task)
{
	static const struct {
		const char *prefix;
		int tokens;
	} budgets[] = {{"niah", 128}, {"vt", 30}, {"cwe", 120}, {"fwe", 50}, {"qa", 32}};
	for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++)
		if (begins(task, budgets[i].prefix))
			return budgets[i].tokens;
	return 128;
}

am_status am_read_ruler(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	am_status status = am_task_field_text(o, "input", true, r->where, &s->input, err);
	if (!status)
		status = am_task_field_text(o, "answer_prefix", false, r->where, &s->answer_prefix, err);
	if (!status)
		status = am_task_field_text(o, "answer", false, r->where, &s->answer, err);
	if (!status)
		status = am_task_field_text(o, "task", false, r->where, &s->task, err);
	if (!status)
		status = am_task_field_strings(o, "outputs", false, false, r->where, &s->outputs, &s->n_outputs, err);
	if (!status)
		status = am_task_field_int(o, "index", r->where, &s->index, err);
	if (!status)
		status = am_task_field_int(o, "length", r->where, &s->length, err);
	const char *task = s->task ? s->task : r->task;
	s->metric = begins(task, "qa") ? AM_METRIC_ANY : begins(task, "copy") ? AM_METRIC_PREFIX : AM_METRIC_RECALL;
	s->max_new_tokens = s->answer ? 0 : am_ruler_new_tokens(task);
	return status;
}

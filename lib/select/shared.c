/* Sets that several query heads share, and the choice of who shares. */
#include "select/internal.h"

#include <string.h>

am_status am_select_read_share(am_selector *s, am_error *err)
{
	static const char *const names[] = {"head", "group", "layer", NULL};
	int scope = (int)s->scope;
	am_status status = am_spec_choice(s->spec, "share", names, &scope, err);
	if (!status)
		s->scope = (am_set_scope)scope;
	return status;
}

void am_select_kv_heads(const am_selector *s, int set, int *first, int *end)
{
	int group = s->shape.heads / s->shape.kv_heads;
	*first = s->scope == AM_SCOPE_HEAD ? set / group : s->scope == AM_SCOPE_GROUP ? set : 0;
	*end = s->scope == AM_SCOPE_LAYER ? s->shape.kv_heads : *first + 1;
}

void am_select_heads(const am_selector *s, int set, int g, int *first, int *end)
{
	int group = s->shape.heads / s->shape.kv_heads;
	*first = s->scope == AM_SCOPE_HEAD ? set : g * group;
	*end = s->scope == AM_SCOPE_HEAD ? set + 1 : (g + 1) * group;
}

void am_select_query(const am_selector *s, const am_select_row *row, int set, int g, float *q)
{
	size_t d = (size_t)s->shape.head_dim;
	const float *heads = row->block->q + (size_t)row->row * (size_t)s->shape.heads * d;
	int first, end;
	am_select_heads(s, set, g, &first, &end);
	memcpy(q, heads + (size_t)first * d, d * sizeof *q);
	for (int h = first + 1; h < end; h++)
		for (size_t c = 0; c < d; c++)
			q[c] += heads[(size_t)h * d + c];
}

void am_select_run(am_threads *threads, int n, am_task_fn *task, void *ctx)
{
	if (threads)
		am_threads_run(threads, n, task, ctx);
	else
		for (int i = 0; i < n; i++)
			task(ctx, i, 0);
}

#include "analysis/sequence_list.h"

#include "base/mem.h"

#include <math.h>

static am_status read_strings(am_run *r, am_field f, int64_t n, char **out, am_error *err)
{
	am_status s = AM_OK;
	for (int64_t i = 0; i < n && am_run_has(r, f) && !s; i++)
		s = am_run_read_string(r, f, i, &out[i], err);
	return s;
}

static am_status fill(am_run *r, am_sequence_list *q, am_error *err)
{
	int64_t start = 0;
	for (int64_t i = 0; i < q->n; i++) {
		q->length[i] = -1;
		q->nll[i] = NAN;
	}
	am_status s = read_strings(r, AM_FIELD_SEQUENCE_NAME, q->n, q->name, err);
	if (!s)
		s = read_strings(r, AM_FIELD_SEQUENCE_TASK, q->n, q->task, err);
	if (!s && q->n && am_run_has(r, AM_FIELD_SEQUENCE_LENGTH))
		s = am_run_read_i32(r, AM_FIELD_SEQUENCE_LENGTH, &start, &q->n, q->length, err);
	if (!s && q->n && am_run_has(r, AM_FIELD_SEQUENCE_NLL))
		s = am_run_read_f32(r, AM_FIELD_SEQUENCE_NLL, &start, &q->n, q->nll, err);
	return s;
}

am_status am_sequence_list_read(am_run *r, am_sequence_list *out, am_error *err)
{
	am_sequence_list q = {.n = am_run_axis_length(r, AM_AXIS_SEQUENCE)};
	size_t n = (size_t)q.n;
	q.name = am_calloc(n, sizeof *q.name);
	q.task = am_calloc(n, sizeof *q.task);
	q.length = am_alloc(n, sizeof *q.length);
	q.nll = am_alloc(n, sizeof *q.nll);
	am_status s;
	if (q.name && q.task && q.length && q.nll)
		s = fill(r, &q, err);
	else
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(r));
	if (s)
		am_sequence_list_fini(&q);
	else
		*out = q;
	return s;
}

void am_sequence_list_fini(am_sequence_list *s)
{
	for (int64_t i = 0; i < s->n && s->name; i++)
		am_free(s->name[i]);
	for (int64_t i = 0; i < s->n && s->task; i++)
		am_free(s->task[i]);
	am_free(s->name);
	am_free(s->task);
	am_free(s->length);
	am_free(s->nll);
	*s = (am_sequence_list){0};
}

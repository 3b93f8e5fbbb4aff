#include "task/eval_attention.h"

#include <math.h>
#include <string.h>

int am_eval_attention_most(const am_eval_options *o, int capacity)
{
	int most = 0;
	for (int i = 0; i < o->n_points; i++) {
		int k = o->points[i].spec.budget.k;
		most = k < capacity && k > most ? k : most;
	}
	return most;
}

am_status am_eval_attention_open(const am_eval_options *o, am_session *session, am_eval_attention *out, am_error *err)
{
	for (int i = 0; i < o->n_points; i++) {
		const am_select_spec *s = &o->points[i].spec;
		bool exact = !strcmp(s->name, "exact") && s->budget.k && !s->sink && !s->recent && !s->n_settings && !o->sparse_prefill;
		if (!exact && strcmp(s->name, "dense") != 0)
			return am_fail(err, AM_ERR_UNSUPPORTED, "--attention %s: expected dense or topk:K of decoded rows", o->points[i].text);
	}
	*out = (am_eval_attention){session, o};
	return AM_OK;
}

void am_eval_attention_close(am_eval_attention *a)
{
	*a = (am_eval_attention){0};
}

am_status am_eval_attention_begin(am_eval_attention *a, int point, am_error *err)
{
	(void)point;
	(void)err;
	am_session_set_decode_topk(a->session, 0);
	return AM_OK;
}

am_status am_eval_attention_set(am_eval_attention *a, int point, am_error *err)
{
	(void)err;
	am_session_set_decode_topk(a->session, a->o->points[point].spec.budget.k);
	return AM_OK;
}

double am_eval_attention_retained(const am_eval_attention *a, int point)
{
	(void)a;
	(void)point;
	return NAN;
}

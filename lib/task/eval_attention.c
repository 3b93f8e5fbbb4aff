#include "task/eval_attention.h"

#include "base/mem.h"
#include "select/selector.h"

#include <math.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Whether two specs differ in their budget at most. */
static bool same_selector(const am_select_spec *a, const am_select_spec *b)
{
	bool same = !strcmp(a->name, b->name) && same_text(a->argument, b->argument) && a->sink == b->sink &&
	            a->recent == b->recent && a->has_seed == b->has_seed && a->seed == b->seed &&
	            a->n_settings == b->n_settings;
	for (int i = 0; i < a->n_settings && same; i++)
		same = same_text(am_spec_text(b, a->setting[i].key), a->setting[i].value);
	return same;
}

static bool is_dense(const am_eval_attention *a, int point)
{
	return !strcmp(a->o->points[point].spec.name, "dense");
}

static am_status open_selector(am_eval_attention *a, int point, const am_select_shape *shape, am_error *err)
{
	const am_eval_point *p = &a->o->points[point];
	am_select_spec spec = p->spec; /* a view: the seed may differ */
	if (is_dense(a, point))
		return AM_OK;
	for (int i = 0; i < point && !a->selector[point]; i++)
		if (same_selector(&a->o->points[i].spec, &spec))
			a->selector[point] = a->selector[i];
	spec.seed = spec.has_seed ? spec.seed : a->o->seed;
	am_status s = a->selector[point] ? AM_OK : am_selector_open(&spec, shape, &a->selector[point], err);
	if (!s && !spec.budget.k && !(spec.budget.ratio > 0) && !am_selector_own_budget(a->selector[point]))
		s = am_fail(err, AM_ERR_USAGE, "expected a budget, as %s,k=64 or %s,ratio=1%%, found none", p->text, p->text);
	return s ? am_fail_in(err, s, "--attention %s", p->text) : AM_OK;
}

am_status am_eval_attention_open(const am_eval_options *o, am_session *session, am_eval_attention *out, am_error *err)
{
	am_select_shape shape;
	am_eval_attention a = {session, o, am_calloc((size_t)o->n_points, sizeof *a.selector)};
	if (!a.selector)
		return am_fail(err, AM_ERR_MEMORY, "eval: out of memory");
	am_session_shape(session, &shape);
	am_status s = AM_OK;
	for (int i = 0; i < o->n_points && !s; i++)
		s = open_selector(&a, i, &shape, err);
	if (s) {
		am_eval_attention_close(&a);
		return s;
	}
	*out = a;
	return AM_OK;
}

static bool is_first_use(const am_eval_attention *a, int point)
{
	for (int i = 0; i < point; i++)
		if (a->selector[i] == a->selector[point])
			return false;
	return a->selector[point] != NULL;
}

void am_eval_attention_close(am_eval_attention *a)
{
	if (a->session)
		am_session_forget(a->session, NULL);
	for (int i = a->o ? a->o->n_points - 1 : -1; i >= 0 && a->selector; i--)
		if (is_first_use(a, i))
			am_selector_close(a->selector[i]);
	am_free(a->selector);
	*a = (am_eval_attention){0};
}

am_status am_eval_attention_begin(am_eval_attention *a, int point, int prompt, am_error *err)
{
	if (point >= 0) {
		am_session_forget(a->session, NULL); /* what the other points need is theirs to follow */
		return am_eval_attention_set(a, point, err);
	}
	am_status s = am_session_set_attention(a->session, NULL, err);
	for (int i = 0; i < a->o->n_points && !s; i++)
		if (is_first_use(a, i)) {
			s = am_session_follow(a->session, a->selector[i], err);
			am_selector_skip(a->selector[i], prompt);
		}
	return s;
}

am_status am_eval_attention_set(am_eval_attention *a, int point, am_error *err)
{
	am_attention_policy p = {a->selector[point], a->o->points[point].spec.budget, a->o->sparse_prefill};
	return am_session_set_attention(a->session, &p, err);
}

double am_eval_attention_retained(const am_eval_attention *a, int point)
{
	if (!a->selector[point])
		return NAN;
	am_retained r = am_session_retained(a->session, -1);
	return r.rows ? r.sum / (double)r.rows : NAN;
}

/* The attention a run's model is given. */
#include "probes/attention.h"

#include "probes/job.h"
#include "probes/pair.h"

#include <string.h>

am_status am_attention_parse(const char *text, uint64_t seed, am_select_spec *out, am_error *err)
{
	if (!text || strcmp(text, "dense") == 0)
		return AM_OK;
	am_status s = am_select_spec_parse(text, out, err);
	if (!s && !out->has_seed)
		out->seed = seed;
	return s;
}

am_status am_job_read_attention(am_job *job, am_error *err)
{
	am_status s = am_attention_parse(job->o->attention, job->o->seed, &job->attention, err);
	return s ? am_fail_in(err, s, "--attention") : AM_OK;
}

/* Rows beyond the prompts are there only with answers. */
static am_status check_answers(const am_job *job, am_error *err)
{
	for (int i = 0; i < job->sequences.n; i++)
		if (job->sequences.item[i].answer > 0)
			return AM_OK;
	return am_fail(err, AM_ERR_USAGE, "--sparse decode: expected sequences with an answer after the prompt (--tasks and "
	               "--with-answer), found none; --sparse all takes every row");
}

/* As in eval, a budget that a selector has no use for is no error: one list of specs serves all. */
static am_status check_budget(const am_select_spec *spec, const am_selector *selector, am_text *notes, am_error *err)
{
	bool given = spec->budget.k > 0 || spec->budget.ratio > 0;
	if (am_selector_own_budget(selector) && given && !am_selector_takes_cap(selector))
		am_text_printf(notes, "%s: the sets of %s do not depend on a budget\n", spec->text, spec->name);
	if (!am_selector_own_budget(selector) && !given)
		return am_fail(err, AM_ERR_USAGE, "%s: expected a budget, as %s,k=64 or %s,ratio=1%%", spec->name, spec->text,
		               spec->text);
	return AM_OK;
}

am_status am_attention_set(const am_select_spec *spec, am_session *session, bool all, am_attention_policy *out,
                           am_text *notes, am_error *err)
{
	am_select_shape shape;
	if (!spec->text)
		return AM_OK;
	am_session_shape(session, &shape);
	am_status s = am_selector_open(spec, &shape, &out->selector, err);
	if (!s)
		s = check_budget(spec, out->selector, notes, err);
	out->budget = spec->budget;
	out->all = all;
	return s ? s : am_session_set_attention(session, out, err);
}

am_status am_job_set_attention(am_job *job, am_error *err)
{
	bool sparse = job->attention.text || job->o->pair_attention;
	am_status s = job->o->sparse_decode && sparse ? check_answers(job, err) : AM_OK;
	if (s)
		return s;
	s = am_attention_set(&job->attention, job->session, !job->o->sparse_decode, &job->policy, &job->notes, err);
	return s ? am_fail_in(err, s, "--attention") : AM_OK;
}

am_status am_job_start(am_job *job, int sequence, am_error *err)
{
	const am_sequence *q = &job->sequences.item[sequence];
	am_status s = am_session_start(job->session, sequence, q->n, q->n - q->answer, err);
	if (!s && job->policy.selector && !job->policy.all)
		am_selector_skip(job->policy.selector, q->n - q->answer);
	return s || !job->pair ? s : am_pair_start(job->pair, sequence, err);
}

am_status am_job_skip(am_job *job, int position, am_error *err)
{
	am_status s = am_session_skip(job->session, position, err);
	return s || !job->pair ? s : am_session_skip(am_pair_session(job->pair), position, err);
}

void am_job_rewind(am_job *job, int position)
{
	am_session_rewind(job->session, position);
	if (job->pair)
		am_session_rewind(am_pair_session(job->pair), position);
}

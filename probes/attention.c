/* The attention a run's model is given. */
#include "probes/job.h"

#include <string.h>

am_status am_job_read_attention(am_job *job, am_error *err)
{
	const char *text = job->o->attention;
	if (!text || strcmp(text, "dense") == 0)
		return AM_OK;
	am_status s = am_select_spec_parse(text, &job->attention, err);
	if (s)
		return am_fail_in(err, s, "--attention");
	if (!job->attention.has_seed)
		job->attention.seed = job->o->seed;
	return AM_OK;
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
		am_text_printf(notes, "--attention %s: the sets of %s do not depend on a budget\n", spec->text, spec->name);
	if (!am_selector_own_budget(selector) && !given)
		return am_fail(err, AM_ERR_USAGE, "%s: expected a budget, as %s,k=64 or %s,ratio=1%%", spec->name, spec->text,
		               spec->text);
	return AM_OK;
}

am_status am_job_set_attention(am_job *job, am_error *err)
{
	const am_select_spec *spec = &job->attention;
	am_select_shape shape;
	if (!spec->text)
		return AM_OK;
	if (job->o->sparse_decode) {
		am_status s = check_answers(job, err);
		if (s)
			return s;
	}
	am_session_shape(job->session, &shape);
	am_status s = am_selector_open(spec, &shape, &job->policy.selector, err);
	if (!s)
		s = check_budget(spec, job->policy.selector, &job->notes, err);
	job->policy.budget = spec->budget;
	job->policy.all = !job->o->sparse_decode;
	if (!s)
		s = am_session_set_attention(job->session, &job->policy, err);
	return s ? am_fail_in(err, s, "--attention") : AM_OK;
}

am_status am_job_start(am_job *job, int sequence, am_error *err)
{
	const am_sequence *q = &job->sequences.item[sequence];
	am_status s = am_session_start(job->session, sequence, q->n, q->n - q->answer, err);
	if (!s && job->policy.selector && !job->policy.all)
		am_selector_skip(job->policy.selector, q->n - q->answer);
	return s;
}

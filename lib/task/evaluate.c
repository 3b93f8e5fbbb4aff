#include "task/evaluate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "task/eval_attention.h"

#include <string.h>

typedef struct evaluation {
	const am_eval_options *o;
	const am_eval_set *set;
	const am_config *config;
	am_session *session;
	am_eval_attention attention;
	float *logits;  /* [vocab] of the last row */
	float *first;   /* [vocab] of the prompt's last row, kept for every point */
	int32_t *ids;   /* [longest] decoded */
} evaluation;

static int32_t best_id(const float *logits, int n)
{
	int best = 0;
	for (int i = 1; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	return best;
}

static bool is_end(const am_config *c, int32_t id)
{
	for (int i = 0; i < c->n_eos; i++)
		if (c->eos_ids[i] == id)
			return true;
	return false;
}

/* The whole prompt through the model; the last row's logits go to e->first. */
static am_status prefill(evaluation *e, int index, int point, am_error *err)
{
	const am_eval_item *item = &e->set->item[index];
	int block = e->o->session.block;
	am_status s = am_session_start(e->session, index, item->n + item->max_new, item->n, err);
	if (!s)
		s = am_eval_attention_begin(&e->attention, point, item->n, err);
	for (int at = 0; at < item->n && !s; at += block) {
		int n = item->n - at < block ? item->n - at : block;
		am_forward_io io = {.ids = item->ids + at, .logits = at + n == item->n ? e->first : NULL};
		s = am_session_forward(e->session, &io, n, err);
	}
	return s;
}

/* Greedy decoding after the prompt. */
static am_status decode(evaluation *e, const am_eval_item *item, am_eval_result *r, am_error *err)
{
	const float *logits = e->first;
	r->n_tokens = 0;
	for (;;) {
		int32_t id = best_id(logits, e->config->vocab);
		r->ended = AM_ENDED_EOS;
		if (is_end(e->config, id))
			return AM_OK;
		e->ids[r->n_tokens++] = id;
		r->ended = AM_ENDED_LIMIT;
		if (r->n_tokens == item->max_new)
			return AM_OK;
		r->ended = AM_ENDED_CONTEXT;
		if (item->n + r->n_tokens == e->set->longest)
			return AM_OK;
		am_forward_io io = {.ids = &id, .logits = e->logits};
		am_status s = am_session_forward(e->session, &io, 1, err);
		if (s)
			return s;
		logits = e->logits;
	}
}

static am_status answer(evaluation *e, int index, int point, am_error *err)
{
	const am_eval_item *item = &e->set->item[index];
	am_eval_result r = {.item = index, .point = point};
	double start = am_now();
	size_t n;
	am_status s;
	am_session_rewind(e->session, item->n); /* nothing to forget after a prefill of its own */
	s = am_eval_attention_set(&e->attention, point, err); /* the mass kept is counted from here */
	if (!s)
		s = decode(e, item, &r, err);
	r.seconds = am_now() - start;
	r.retained = am_eval_attention_retained(&e->attention, point);
	if (!s)
		s = am_tokenizer_decode(e->o->tokenizer, e->ids, (size_t)r.n_tokens, true, &r.output, &n, err);
	if (!s)
		s = am_score_output(item->sample, r.output, &r.score, err);
	if (!s)
		s = e->o->result(e->o->ctx, item, &r, err);
	am_free(r.output);
	return s;
}

static bool stopped(const evaluation *e)
{
	return e->o->stop && *e->o->stop;
}

static am_status run_item(evaluation *e, int index, am_error *err)
{
	int points = e->o->n_points;
	const am_eval_item *item = &e->set->item[index];
	am_status s = e->o->sparse_prefill ? AM_OK : prefill(e, index, -1, err);
	for (int p = 0; p < points && !s; p++) {
		if (stopped(e))
			return am_fail(err, AM_ERR_STOPPED, "stopped at prompt %d of %d", index + 1, e->set->n);
		if (e->o->sparse_prefill)
			s = prefill(e, index, p, err);
		if (!s)
			s = answer(e, index, p, err);
		am_progress_update(&e->o->progress, (double)index * points + p + 1, (double)e->set->n * points);
	}
	return s && s != AM_ERR_STOPPED ? am_fail_in(err, s, "%s:%d", item->file, item->sample->line) : s;
}

static am_status open_evaluation(evaluation *e, am_error *err)
{
	am_session_options so = e->o->session;
	e->config = am_model_config(e->o->model);
	so.capacity = e->set->longest;
	e->logits = am_alloc((size_t)e->config->vocab, sizeof *e->logits);
	e->first = am_alloc((size_t)e->config->vocab, sizeof *e->first);
	e->ids = am_alloc((size_t)e->set->longest, sizeof *e->ids);
	if (!e->logits || !e->first || !e->ids)
		return am_fail(err, AM_ERR_MEMORY, "eval: out of memory");
	am_status s = am_session_new(e->o->model, &so, &e->session, err);
	return s ? s : am_eval_attention_open(e->o, e->session, &e->attention, err);
}

am_status am_eval_run(const am_eval_options *o, const am_eval_set *set, am_error *err)
{
	evaluation e = {.o = o, .set = set};
	am_status s = open_evaluation(&e, err);
	for (int i = 0; i < set->n && !s; i++)
		s = run_item(&e, i, err);
	am_eval_attention_close(&e.attention);
	am_session_free(e.session);
	am_free(e.logits);
	am_free(e.first);
	am_free(e.ids);
	return s;
}

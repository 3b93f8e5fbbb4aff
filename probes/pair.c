#include "probes/pair_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/tokenizer.h"
#include "probes/attention.h"

#include <math.h>
#include <string.h>

enum { ROWS = 32 };
/* Scores of one model that a worker holds, at most; one row of all heads at least. */
#define SCORE_BYTES ((size_t)8 << 20)

/* ---- whether the models pair -------------------------------------------------- */

static am_status same_sizes(const am_job *job, const am_model *other, const char *path, am_error *err)
{
	const am_config *a = am_model_config(job->model), *b = am_model_config(other);
	const struct { const char *what; int a, b; } sizes[] = {
		{"layers", a->layers, b->layers}, {"query heads", a->heads, b->heads}, {"tokens in the vocabulary", a->vocab, b->vocab},
	};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		if (sizes[i].a != sizes[i].b)
			return am_fail(err, AM_ERR_RANGE, "--pair: %s: expected %d %s as %s has, found %d", path, sizes[i].a,
			               sizes[i].what, job->o->model, sizes[i].b);
	return AM_OK;
}

static am_status same_tokens(const am_job *job, const am_tokenizer *a, const am_tokenizer *b, const char *path,
                             am_error *err)
{
	int na = am_tokenizer_size(a), nb = am_tokenizer_size(b);
	if (na != nb)
		return am_fail(err, AM_ERR_RANGE, "--pair: %s: tokenizer: expected %d tokens as %s has, found %d", path, na,
		               job->o->model, nb);
	for (int i = 0; i < na; i++) {
		const char *ta = am_tokenizer_token(a, i), *tb = am_tokenizer_token(b, i);
		if ((ta || tb) && (!ta || !tb || strcmp(ta, tb)))
			return am_fail(err, AM_ERR_RANGE, "--pair: %s: tokenizer: expected token %d to be '%s' as in %s, found '%s'",
			               path, i, ta ? ta : "(none)", job->o->model, tb ? tb : "(none)");
	}
	return AM_OK;
}

static bool has_tokenizer(const char *dir)
{
	char *path = am_path_join(dir, "tokenizer.json");
	bool found = path && am_file_exists(path);
	am_free(path);
	return found;
}

/* The same ids must mean the same; how a text is cut does not matter, since both get the same ids. */
static am_status check_tokenizers(am_job *job, const char *path, am_error *err)
{
	am_tokenizer *a = NULL, *b = NULL;
	if (!has_tokenizer(job->o->model) || !has_tokenizer(path)) {
		am_text_printf(&job->notes, "%s: no tokenizer to compare; token ids are taken to mean the same in both models\n", path);
		return AM_OK;
	}
	am_status s = am_tokenizer_open(job->o->model, &a, err);
	if (!s)
		s = am_tokenizer_open(path, &b, err);
	if (!s)
		s = same_tokens(job, a, b, path, err);
	am_tokenizer_close(a);
	am_tokenizer_close(b);
	return s;
}

static am_status check_length(const am_job *job, const am_model *other, const char *path, am_error *err)
{
	int context = am_config_context(am_model_config(other));
	if (job->sequences.longest > context && job->o->ctx <= 0)
		return am_fail(err, AM_ERR_RANGE, "--pair: %s: expected a context of %d tokens, the longest sequence, found %d; "
		               "-c %d takes the first ones", path, job->sequences.longest, context, context);
	return AM_OK;
}

static am_status open_model(am_pair *p, am_error *err)
{
	am_job *job = p->job;
	const char *path = job->o->pair;
	p->model = job->model;
	if (!path)
		return AM_OK;
	am_status s = am_model_open(path, &p->own, err);
	if (!s)
		s = same_sizes(job, p->own, path, err);
	if (!s)
		s = check_tokenizers(job, path, err);
	if (!s)
		s = check_length(job, p->own, path, err);
	p->model = p->own;
	return s;
}

/* ---- open, close -------------------------------------------------------------- */

static int choose_rows(const am_pair *p)
{
	int rows = ROWS < p->job->block ? ROWS : p->job->block;
	while (rows > 1 && am_rescore_bytes(p->session, rows) > SCORE_BYTES)
		rows /= 2;
	return rows;
}

static am_status open_workers(am_pair *p, am_error *err)
{
	int n = am_threads_count(p->job->threads), capacity = p->job->sequences.longest;
	p->rows = choose_rows(p);
	p->worker = am_calloc((size_t)n, sizeof *p->worker);
	p->row = am_calloc((size_t)p->job->block, sizeof *p->row);
	p->nll = am_calloc((size_t)p->job->block, sizeof *p->nll);
	if (!p->worker || !p->row || !p->nll)
		return am_fail(err, AM_ERR_MEMORY, "pair: out of memory");
	am_status s = AM_OK;
	for (int i = 0; i < n && !s; i++) {
		struct am_pair_worker *w = &p->worker[i];
		s = am_rescore_new(p->job->session, p->rows, i, &w->a, err);
		if (!s)
			s = am_rescore_new(p->session, p->rows, i, &w->b, err);
		if (!s && !am_pair_scratch_init(&w->scratch, capacity))
			s = am_fail(err, AM_ERR_MEMORY, "pair: out of memory for rows of %d keys", capacity);
	}
	return s;
}

static am_status open_session(am_pair *p, am_error *err)
{
	am_job *job = p->job;
	am_session_options so = {.capacity = job->sequences.longest, .block = job->block, .threads = job->threads,
	                         .kernels = job->kernels, .dtype = job->o->dtype};
	am_status s = am_session_new(p->model, &so, &p->session, err);
	if (!s)
		s = am_attention_set(&p->attention, p->session, !job->o->sparse_decode, &p->policy, &job->notes, err);
	return s ? am_fail_in(err, s, "--pair-attention") : AM_OK;
}

am_status am_pair_open(am_job *job, am_pair **out, am_error *err)
{
	am_pair *p = am_calloc(1, sizeof *p);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "pair: out of memory");
	p->job = job;
	p->capture = job->capture;
	am_status s = am_attention_parse(job->o->pair_attention, job->o->seed, &p->attention, err);
	if (s)
		s = am_fail_in(err, s, "--pair-attention");
	if (!s)
		s = open_model(p, err);
	if (!s)
		s = open_session(p, err);
	if (!s)
		s = open_workers(p, err);
	if (s)
		am_pair_close(p);
	else
		*out = p;
	return s;
}

void am_pair_close(am_pair *p)
{
	if (!p)
		return;
	for (int i = 0; p->worker && i < am_threads_count(p->job->threads); i++) {
		am_rescore_free(p->worker[i].a);
		am_rescore_free(p->worker[i].b);
		am_pair_scratch_fini(&p->worker[i].scratch);
	}
	am_free(p->worker);
	am_free(p->row);
	am_free(p->nll);
	am_session_free(p->session);
	am_selector_close(p->policy.selector);
	am_select_spec_fini(&p->attention);
	am_model_close(p->own);
	am_free(p);
}

/* ---- what the run file says of it --------------------------------------------- */

am_status am_pair_describe(const am_pair *p, am_run_writer *w, am_error *err)
{
	const am_config *c = am_model_config(p->model);
	const struct { const char *name, *value; } texts[] = {
		{"pair_model", p->job->o->pair ? p->job->o->pair : p->job->o->model},
		{"pair_model_family", am_family_name(c->family)},
		{"pair_model_digest", am_model_digest(p->model)},
		{"pair_weights_dtype", am_model_dtype(p->model)},
		{"pair_attention", p->attention.text ? p->attention.text : "dense"},
	};
	am_status s = AM_OK;
	for (size_t i = 0; !s && i < sizeof texts / sizeof texts[0]; i++)
		s = am_run_writer_attr_str(w, texts[i].name, texts[i].value, err);
	if (!s && p->policy.selector)
		s = am_run_writer_attr_str(w, "pair_sparse", p->job->o->sparse_decode ? "decode" : "all", err);
	if (!s && p->policy.selector)
		s = am_run_writer_attr_int(w, "pair_attention_seed", (int64_t)p->attention.seed, err);
	return s;
}

am_status am_pair_finish(const am_pair *p, am_run_writer *w, am_error *err)
{
	am_status s = am_run_writer_attr_int(w, "pair_rows", p->compared, err);
	if (!s)
		s = am_run_writer_attr_int(w, "pair_kl_infinite", p->infinite, err);
	if (!s)
		s = am_run_writer_attr_int(w, "pair_kl_reverse_infinite", p->infinite_reverse, err);
	if (!s && p->predicted)
		s = am_run_writer_attr_double(w, "pair_mean_nll", p->nll_sum / (double)p->predicted, err);
	return s;
}

void am_pair_times(const am_pair *p, double *attention, double *total)
{
	am_session_times(p->session, attention, total);
	*attention += p->seconds;
	*total += p->seconds;
}

size_t am_pair_memory(const am_pair *p)
{
	size_t cache, scratch, n = (size_t)am_threads_count(p->job->threads);
	am_session_memory(p->session, &cache, &scratch);
	return cache + scratch + n * (am_rescore_bytes(p->job->session, p->rows) + am_rescore_bytes(p->session, p->rows) +
	                              am_pair_scratch_bytes(p->job->sequences.longest));
}

/* Which rows are sparse and what their selector has seen: the policy of a session and the
 * selectors that follow it. */
#include "base/mem.h"
#include "model/attention.h"

#include <math.h>
#include <string.h>

static am_status rope(void *ctx, int layer, int dims, int length, float *inv_freq, am_error *err)
{
	const am_config *c = &((const am_model *)ctx)->config;
	float scale;
	return am_rope_frequencies(&c->rope[layer], dims, c->max_positions, length, inv_freq, &scale, err);
}

void am_session_shape(const am_session *s, am_select_shape *out)
{
	const am_config *c = &s->model->config;
	*out = (am_select_shape){
		.layers = c->layers, .heads = c->heads, .kv_heads = c->kv_heads, .head_dim = c->head_dim,
		.hidden = c->hidden, .capacity = s->capacity, .block = s->block,
		.workers = am_threads_count(s->threads), .window = c->window, .kernels = s->kernels,
		.rope = rope, .rope_ctx = (void *)s->model,
	};
}

am_select_block am_select_block_of(const am_session *s, int layer, int start, int rows)
{
	const am_config *c = &s->model->config;
	size_t stride = (size_t)s->capacity * (size_t)c->head_dim;
	return (am_select_block){
		.layer = layer, .start = start, .rows = rows, .x = s->normed, .q = s->q,
		.k = s->keys + am_cache_at(s, layer, 0, 0), .k_stride = (int64_t)stride,
		.scale = am_score_scale(s, layer),
	};
}

/* ---- selectors that follow the session --------------------------------------- */

static struct am_followed *find(const am_session *s, const am_selector *selector)
{
	for (int i = 0; i < s->n_followed; i++)
		if (s->followed[i].selector == selector)
			return &s->followed[i];
	return NULL;
}

am_status am_session_follow(am_session *s, am_selector *selector, am_error *err)
{
	if (find(s, selector))
		return AM_OK;
	size_t n = (size_t)s->n_followed;
	struct am_followed *f = am_grow(s->followed, n * sizeof *f, n + 1, sizeof *f);
	if (!f)
		return am_fail(err, AM_ERR_MEMORY, "session: out of memory");
	s->followed = f;
	am_status status = am_selector_start(selector, s->index, s->length, s->prompt, err);
	if (status)
		return status;
	s->followed[s->n_followed++] = (struct am_followed){.selector = selector};
	return AM_OK;
}

void am_session_forget(am_session *s, const am_selector *selector)
{
	int kept = 0;
	for (int i = 0; i < s->n_followed; i++)
		if (selector && s->followed[i].selector != selector)
			s->followed[kept++] = s->followed[i];
	s->n_followed = kept;
	if (!selector || s->policy.selector == selector)
		s->policy = (am_attention_policy){0};
}

am_status am_followed_start(am_session *s, am_error *err)
{
	am_status status = AM_OK;
	for (int i = 0; i < s->n_followed && !status; i++) {
		s->followed[i].position = 0;
		status = am_selector_start(s->followed[i].selector, s->index, s->length, s->prompt, err);
	}
	return status;
}

void am_followed_rewind(am_session *s)
{
	for (int i = 0; i < s->n_followed; i++)
		if (s->followed[i].position > s->position) {
			am_selector_rewind(s->followed[i].selector, s->position);
			s->followed[i].position = s->position;
		}
}

am_status am_followed_begin(am_session *s, am_error *err)
{
	for (int i = 0; i < s->n_followed; i++) {
		struct am_followed *f = &s->followed[i];
		bool policy = f->selector == s->policy.selector;
		if (policy && f->position != s->position)
			return am_fail(err, AM_ERR_USAGE, "attention: expected a selector that has taken in all %d positions, "
			               "found one with %d: follow it from the sequence's start", s->position, f->position);
		f->fed = f->position == s->position && (policy || s->position < s->prompt);
	}
	return AM_OK;
}

am_status am_followed_prepare(am_session *s, const am_select_block *block, am_error *err)
{
	am_status status = AM_OK;
	for (int i = 0; i < s->n_followed && !status; i++)
		if (s->followed[i].fed)
			status = am_selector_prepare(s->followed[i].selector, block, s->threads, err);
	return status;
}

void am_followed_end(am_session *s, int rows, bool ok)
{
	for (int i = 0; i < s->n_followed; i++) {
		struct am_followed *f = &s->followed[i];
		if (f->fed && ok)
			f->position += rows;
		else if (f->fed) /* layers before the failure had taken the block in */
			am_selector_rewind(f->selector, f->position);
		f->fed = false;
	}
}

/* Blocks of repeated keys; queries and hidden states are those of the last block run. */
am_status am_followed_skip(am_session *s, int position, am_error *err)
{
	const am_config *c = &s->model->config;
	am_status status = am_followed_begin(s, err);
	if (!status && s->n_followed && s->position == 0) { /* no block has run */
		memset(s->normed, 0, (size_t)s->block * (size_t)c->hidden * sizeof *s->normed);
		memset(s->q, 0, (size_t)s->block * (size_t)c->heads * (size_t)c->head_dim * sizeof *s->q);
	}
	for (int at = s->position; s->n_followed && at < position && !status; at += s->block) {
		int rows = position - at < s->block ? position - at : s->block;
		for (int l = 0; l < c->layers && !status; l++) {
			am_select_block block = am_select_block_of(s, l, at, rows);
			status = am_followed_prepare(s, &block, err);
		}
	}
	am_followed_end(s, position - s->position, !status);
	if (!status)
		s->position = position;
	return status;
}

/* ---- the policy --------------------------------------------------------------- */

static void *room(am_session *s, void *p, bool *ok, size_t n, size_t size)
{
	if (p)
		return p;
	p = am_alloc(n, size);
	*ok = *ok && p;
	s->scratch_bytes += p ? n * size : 0;
	return p;
}

/* What sparse rows need, from the first policy on. */
static bool allocate(am_session *s)
{
	const am_config *c = &s->model->config;
	size_t n = (size_t)s->capacity, sets = (size_t)c->heads;
	bool ok = true;
	s->decode_member = room(s, s->decode_member, &ok, sets * n, sizeof *s->decode_member);
	for (int i = 0; i < am_threads_count(s->threads); i++) {
		struct am_worker_scratch *w = &s->worker[i];
		w->member = room(s, w->member, &ok, sets * n, sizeof *w->member);
		w->select = room(s, w->select, &ok, AM_SELECT_SCRATCH(n), 1);
		w->index = room(s, w->index, &ok, n, sizeof *w->index);
		w->picked_weight = room(s, w->picked_weight, &ok, AM_PICKED, sizeof(float));
	}
	return ok;
}

am_status am_session_set_attention(am_session *s, const am_attention_policy *p, am_error *err)
{
	am_attention_policy next = p ? *p : (am_attention_policy){0};
	if (next.selector && !am_selector_own_budget(next.selector) && next.budget.k < 1 && !(next.budget.ratio > 0))
		return am_fail(err, AM_ERR_USAGE, "attention: expected a budget of keys, found none");
	if (next.selector && !allocate(s))
		return am_fail(err, AM_ERR_MEMORY, "session: out of memory for sparse attention over %d positions", s->capacity);
	am_status status = next.selector ? am_session_follow(s, next.selector, err) : AM_OK;
	if (status)
		return status;
	s->policy = next;
	memset(s->retained, 0, (size_t)s->model->config.layers * sizeof *s->retained);
	return AM_OK;
}

bool am_policy_applies(const am_session *s, int position)
{
	return s->policy.selector && (s->policy.all || position >= s->prompt);
}

/* The row's budget; all of its keys where the selector has its own. */
int am_policy_budget(const am_session *s, int n)
{
	return am_selector_own_budget(s->policy.selector) ? n : am_budget_of(s->policy.budget, n);
}

bool am_policy_sparse(const am_session *s, int layer, int position)
{
	if (!am_policy_applies(s, position))
		return false;
	int n = position - am_first_key(&s->model->config, layer, position) + 1;
	if (!am_selector_own_budget(s->policy.selector))
		return am_policy_budget(s, n) < n;
	int least, most;
	am_selector_bounds(s->policy.selector, layer, position, n, &least, &most);
	return least < n;
}

bool am_policy_may_be_whole(const am_session *s, int layer, int position)
{
	int least, most, n = position - am_first_key(&s->model->config, layer, position) + 1;
	if (!am_policy_applies(s, position) || !am_selector_own_budget(s->policy.selector))
		return false;
	am_selector_bounds(s->policy.selector, layer, position, n, &least, &most);
	return most >= n;
}

bool am_policy_whole(const uint32_t *member, int n)
{
	for (int j = 0; j < n; j++)
		if (!member[j])
			return false;
	return true;
}

void am_policy_select(const am_session *s, int worker, const am_select_row *row, uint32_t *member, int64_t stride)
{
	int k = am_policy_budget(s, row->n);
	am_selector_select(s->policy.selector, worker, row, &k, 1, member, stride);
}

void am_policy_select_set(const am_session *s, int worker, const am_select_row *row, int set, uint32_t *member)
{
	int k = am_policy_budget(s, row->n);
	am_selector_select_set(s->policy.selector, worker, row, set, &k, 1, member);
}

int am_policy_set(const am_session *s, int head)
{
	am_set_scope scope = am_selector_scope(s->policy.selector);
	int group = s->model->config.heads / s->model->config.kv_heads;
	return scope == AM_SCOPE_HEAD ? head : scope == AM_SCOPE_GROUP ? head / group : 0;
}

void am_policy_account(am_session *s, int layer, int rows)
{
	int heads = s->model->config.heads;
	am_retained *r = &s->retained[layer];
	for (int i = 0; i < rows; i++) {
		if (!am_policy_applies(s, s->position + i))
			continue;
		bool sparse = am_policy_sparse(s, layer, s->position + i);
		for (int h = 0; h < heads; h++)
			r->sum += sparse ? s->retained_row[(size_t)i * (size_t)heads + (size_t)h] : 1;
		r->rows += heads;
	}
}

am_retained am_session_retained(const am_session *s, int layer)
{
	am_retained all = {0};
	for (int l = 0; l < s->model->config.layers; l++)
		if (layer < 0 || l == layer) {
			all.sum += s->retained[l].sum;
			all.rows += s->retained[l].rows;
		}
	return all;
}

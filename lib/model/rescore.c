#include "model/rescore.h"

#include "base/mem.h"
#include "model/attention.h"

#include <string.h>

struct am_rescore {
	am_session *s;
	int worker, rows;
	int layer, count, key0, keys; /* of the last run */
	const int *row;
	size_t stride;
	float *score;  /* [heads][count][stride] */
	float *query;  /* [group * rows + 1][head_dim] */
	/* Of the row at hand, where it is sparse. */
	int at, lo, n;
	bool sparse;
	float *weight; /* [heads][count][stride], the row's alone are set */
	am_row_sums *sums; /* [heads] */
	uint32_t *member;  /* [sets][capacity] */
};

static size_t score_floats(const am_session *s, int rows)
{
	/* One more row beside, as score_group may need. */
	return ((size_t)s->model->config.heads * (size_t)rows + 1) * (size_t)am_attention_stride(s->capacity);
}

static size_t query_floats(const am_session *s, int rows)
{
	const am_config *c = &s->model->config;
	return ((size_t)(c->heads / c->kv_heads) * (size_t)rows + 1) * (size_t)c->head_dim;
}

size_t am_rescore_bytes(const am_session *s, int rows)
{
	size_t floats = score_floats(s, rows) * (s->policy.selector ? 2 : 1) + query_floats(s, rows);
	size_t heads = (size_t)s->model->config.heads;
	return floats * sizeof(float) +
	       (s->policy.selector ? heads * (sizeof(am_row_sums) + (size_t)s->capacity * sizeof(uint32_t)) : 0);
}

am_status am_rescore_new(am_session *s, int rows, int worker, am_rescore **out, am_error *err)
{
	size_t heads = (size_t)s->model->config.heads;
	am_rescore *r = am_calloc(1, sizeof *r);
	bool ok = r;
	if (ok) {
		*r = (am_rescore){.s = s, .worker = worker, .rows = rows};
		ok = (r->score = am_alloc(score_floats(s, rows), sizeof(float)));
		ok = ok && (r->query = am_alloc(query_floats(s, rows), sizeof(float)));
	}
	if (ok && s->policy.selector) {
		ok = (r->weight = am_alloc(score_floats(s, rows), sizeof(float)));
		ok = ok && (r->sums = am_alloc(heads, sizeof *r->sums));
		ok = ok && (r->member = am_alloc(heads * (size_t)s->capacity, sizeof *r->member));
	}
	if (!ok) {
		am_rescore_free(r);
		return am_fail(err, AM_ERR_MEMORY, "attention: out of memory to score rows again, %zu MB",
		               am_rescore_bytes(s, rows) >> 20);
	}
	*out = r;
	return AM_OK;
}

void am_rescore_free(am_rescore *r)
{
	if (!r)
		return;
	am_free(r->score);
	am_free(r->query);
	am_free(r->weight);
	am_free(r->sums);
	am_free(r->member);
	am_free(r);
}

static size_t row_at(const am_rescore *r, int head, int i)
{
	return ((size_t)head * (size_t)r->count + (size_t)i) * r->stride;
}

/* The rows' queries of a key/value head, scaled, [heads of the group][count][head_dim]. */
static int gather_queries(const am_rescore *r, int g)
{
	const am_config *c = &r->s->model->config;
	int group = c->heads / c->kv_heads, d = c->head_dim;
	float scale = am_score_scale(r->s, r->layer), *to = r->query;
	for (int h = 0; h < group; h++)
		for (int i = 0; i < r->count; i++, to += d) {
			const float *q = r->s->q + ((size_t)r->row[i] * (size_t)c->heads + (size_t)(g * group + h)) * (size_t)d;
			for (int j = 0; j < d; j++)
				to[j] = q[j] * scale;
		}
	if (group * r->count > 1)
		return group * r->count;
	memcpy(to, r->query, (size_t)d * sizeof *to); /* a product of one row has other bits */
	return 2;
}

void am_rescore_run(am_rescore *r, int layer, const int *row, int count)
{
	am_session *s = r->s;
	const am_config *c = &s->model->config;
	r->layer = layer;
	r->row = row;
	r->count = count;
	r->key0 = am_first_key(c, layer, s->position + row[0]);
	r->keys = s->position + row[count - 1] + 1 - r->key0;
	r->stride = (size_t)am_attention_stride(r->keys);
	for (int g = 0; g < c->kv_heads; g++) {
		int group = c->heads / c->kv_heads, m = gather_queries(r, g);
		am_product_nt(s->kernels, m, r->keys, c->head_dim, r->query, c->head_dim,
		              s->keys + am_cache_at(s, layer, g, r->key0), c->head_dim, r->score + row_at(r, g * group, 0),
		              (int)r->stride);
	}
	for (int i = 0; i < count; i++)
		for (int h = 0; h < c->heads; h++)
			am_soft_cap(s, layer, r->score + row_at(r, h, i), s->position + row[i] + 1 - r->key0);
}

/* The sets of the row at hand, by its weights as the forward pass forms them. */
static void select_keys(am_rescore *r)
{
	am_session *s = r->s;
	size_t at = row_at(r, 0, r->at) + (size_t)(r->lo - r->key0), head = (size_t)r->count * r->stride;
	am_select_block block = am_select_block_of(s, r->layer, s->position, r->row[r->count - 1] + 1);
	am_select_row row = {.block = &block, .row = r->row[r->at], .position = s->position + r->row[r->at],
	                     .first_key = r->lo, .n = r->n, .score = r->score + at, .weight = r->weight + at,
	                     .sums = r->sums, .stride = (int64_t)head};
	for (int h = 0; h < s->model->config.heads; h++)
		s->kernels->row_softmax(row.score + (size_t)h * head, r->n, r->weight + at + (size_t)h * head, &r->sums[h]);
	am_policy_select(s, r->worker, &row, r->member, s->capacity);
}

void am_rescore_keep(am_rescore *r, int i)
{
	int position = r->s->position + r->row[i];
	r->at = i;
	r->lo = am_first_key(&r->s->model->config, r->layer, position);
	r->n = position - r->lo + 1;
	r->sparse = am_policy_sparse(r->s, r->layer, position);
	if (r->sparse)
		select_keys(r);
}

am_rescored am_rescore_head(const am_rescore *r, int head)
{
	am_rescored x = {.first_key = r->lo, .n = r->n,
	                 .score = r->score + row_at(r, head, r->at) + (size_t)(r->lo - r->key0)};
	if (r->sparse)
		x.kept = r->member + (size_t)am_policy_set(r->s, head) * (size_t)r->s->capacity;
	return x;
}

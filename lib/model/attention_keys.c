/* Scores of tiles. All tiles of a block meet the same keys, so these are turned to columns once a
 * layer and block: a tile may then have few rows, whose scores stay in the cache. */
#include "model/attention.h"

enum { CHUNKS = 16 }; /* packed by one task */

static int chunks_of(int keys)
{
	return (keys + AM_PACKED - 1) / AM_PACKED;
}

size_t am_packed_floats(const am_session *s)
{
	return (size_t)chunks_of(s->capacity) * AM_PACKED * (size_t)s->model->config.head_dim;
}

static float *chunk_of(const am_session *s, int g, int key)
{
	return s->packed_keys + (size_t)g * am_packed_floats(s) +
	       (size_t)(key / AM_PACKED) * AM_PACKED * (size_t)s->model->config.head_dim;
}

typedef struct pack_step {
	const am_attention_step *a;
	int first, end; /* keys, the first of a chunk */
} pack_step;

static void pack_task(void *ctx, int task, int worker)
{
	(void)worker;
	const pack_step *step = ctx;
	am_session *s = step->a->s;
	const am_config *c = &s->model->config;
	int g = task % c->kv_heads, key = step->first + task / c->kv_heads * CHUNKS * AM_PACKED;
	int n = step->end - key < CHUNKS * AM_PACKED ? step->end - key : CHUNKS * AM_PACKED;
	s->kernels->pack_rows(n, c->head_dim, s->keys + am_cache_at(s, step->a->layer, g, key), c->head_dim, chunk_of(s, g, key));
}

void am_pack_keys(const am_attention_step *a)
{
	am_session *s = a->s;
	if (!s->packed_keys)
		return;
	int first = am_first_key(&s->model->config, a->layer, s->position) / AM_PACKED * AM_PACKED;
	pack_step step = {a, first, s->position + a->rows};
	int tasks = (chunks_of(step.end - first) + CHUNKS - 1) / CHUNKS;
	am_threads_run(s->threads, tasks * s->model->config.kv_heads, pack_task, &step);
}

void am_score_keys(const am_attention_step *a, int g, int key0, int keys, int m, const float *q, float *score, size_t stride)
{
	const am_session *s = a->s;
	int d = s->model->config.head_dim;
	if (!s->packed_keys) {
		am_product_nt(s->kernels, m, keys, d, q, d, s->keys + am_cache_at(s, a->layer, g, key0), d, score, (int)stride);
		return;
	}
	for (int at = 0, n; at < keys; at += n) {
		int skip = (key0 + at) % AM_PACKED;
		n = AM_PACKED - skip < keys - at ? AM_PACKED - skip : keys - at;
		s->kernels->gemm_nn(m, n, d, q, d, chunk_of(s, g, key0 + at) + skip, AM_PACKED, false, score + at, (int)stride);
	}
}

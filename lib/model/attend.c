#include "model/attend.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kernels/gemm.h"
#include "model/attention.h"

#include <string.h>

am_status am_model_bare(am_config *config, am_model **out, am_error *err)
{
	am_model *m = am_calloc(1, sizeof *m);
	if (!m) {
		am_config_fini(config);
		return am_fail(err, AM_ERR_MEMORY, "model: out of memory");
	}
	m->config = *config;
	*config = (am_config){0};
	*out = m;
	return AM_OK;
}

float *am_session_keys(am_session *s, int layer, int g)
{
	return s->keys + am_cache_at(s, layer, g, 0);
}

float *am_session_values(am_session *s, int layer, int g)
{
	return s->values + am_cache_at(s, layer, g, 0);
}

static am_select_block block_of(const am_session *s, int layer, int start, int rows, const am_attend_input *in)
{
	am_select_block b = am_select_block_of(s, layer, start, rows);
	b.x = in->x;
	b.compressed = in->compressed;
	b.compressed_dim = in->compressed_dim;
	b.index_q = in->index_q;
	b.index_k = in->index_k;
	b.index_w = in->index_w;
	b.index_heads = in->index_heads;
	b.index_dim = in->index_dim;
	return b;
}

am_status am_session_attend(am_session *s, int layer, int start, int rows, const am_attend_input *in, const am_tap *tap,
                            am_error *err)
{
	const am_config *c = &s->model->config;
	if (rows < 1 || rows > s->block || start < 0 || rows > s->capacity - start)
		return am_fail(err, AM_ERR_USAGE, "attention: %d rows from %d exceed blocks of %d or the cache of %d", rows,
		               start, s->block, s->capacity);
	double begin = am_now();
	am_status status = AM_OK;
	if (s->total_seconds == 0) /* as the forward pass does */
		status = am_gemm_room(am_threads_count(s->threads) - 1, err);
	if (status)
		return status;
	atomic_store(&s->bad, false);
	s->position = start;
	size_t bytes = (size_t)rows * (size_t)c->heads * (size_t)c->head_dim * sizeof *s->q;
	if (in->q)
		memcpy(s->q, in->q, bytes);
	else
		memset(s->q, 0, bytes);
	am_select_block block = block_of(s, layer, start, rows, in);
	if (tap && tap->layer_begin)
		status = tap->layer_begin(tap->ctx, &block, s->threads, err);
	if (!status && in->q)
		status = am_attention(s, &block, tap, err);
	if (!status && atomic_load(&s->bad))
		status = am_fail(err, AM_ERR_NUMERIC, "layer %d: attention scores are not finite", layer);
	if (!status && in->q && tap && tap->layer_done)
		status = tap->layer_done(tap->ctx, layer, err);
	double taken = am_now() - begin;
	s->attention_seconds += taken;
	s->total_seconds += taken;
	return status;
}

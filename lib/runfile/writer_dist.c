#include "base/mem.h"
#include "runfile/writer_state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define LEAST_ELEMENTS 256

/* binary32 to binary16, to nearest, ties to even; p in [0, 1] or NaN. */
static uint16_t to_half(float p)
{
	if (isnan(p))
		return 0x7e00;
	uint32_t u;
	memcpy(&u, &p, sizeof u);
	if (p < 0x1p-14f) { /* subnormal: a multiple of 2^-24 */
		float scaled = p * 0x1p24f;
		return (uint16_t)nearbyintf(scaled);
	}
	uint32_t rounded = u + 0xfff + (u >> 13 & 1);
	return (uint16_t)((rounded >> 13) - (112u << 10));
}

static am_status open_layer(am_run_writer *w, am_dist_layer *l, bool half, am_error *err)
{
	am_stored *d = &l->prob;
	d->type = AM_TYPE_F32;
	d->half = half;
	d->rank = 2;
	d->unlimited = 1u << 1;
	d->dims[0] = d->chunk[0] = w->length[AM_AXIS_HEAD];
	size_t n = CHUNK_BYTES / ((size_t)d->dims[0] * am_stored_element(d));
	d->chunk[1] = (int64_t)(n < LEAST_ELEMENTS ? LEAST_ELEMENTS : n);
	l->room = w->expected_rows > 0 ? w->expected_rows + 1 : 1024;
	l->offset = am_calloc((size_t)l->room, sizeof *l->offset);
	if (!l->offset)
		return am_fail(err, AM_ERR_MEMORY, "out of memory for distributions");
	return AM_OK;
}

am_status am_writer_dist_open(am_run_writer *w, bool half, am_error *err)
{
	int n = (int)w->length[AM_AXIS_LAYER];
	w->dist = am_calloc((size_t)n, sizeof *w->dist);
	if (!w->dist)
		return am_fail(err, AM_ERR_MEMORY, "out of memory for distributions");
	w->n_dist = n;
	am_status s = AM_OK;
	for (int i = 0; i < n && !s; i++)
		s = open_layer(w, &w->dist[i], half, err);
	return s;
}

static am_status add_rows(am_dist_layer *l, int64_t n_rows, const int32_t *n, am_error *err)
{
	int64_t need = l->n_rows + n_rows + 1;
	if (need > l->room) {
		int64_t room = 2 * need;
		int64_t *p = am_grow(l->offset, (size_t)(l->n_rows + 1) * sizeof *p, (size_t)room, sizeof *p);
		if (!p)
			return am_fail(err, AM_ERR_MEMORY, "out of memory for distributions");
		l->offset = p;
		l->room = room;
	}
	for (int64_t i = 0; i < n_rows; i++)
		l->offset[l->n_rows + i + 1] = l->offset[l->n_rows + i] + n[i];
	l->n_rows += n_rows;
	return AM_OK;
}

/* Copies elements [from, from + n) of each head to `at` of the open chunk. */
static void copy_elements(am_dist_layer *l, int64_t at, const float *prob, int64_t stride, int64_t from,
                          int64_t n)
{
	int64_t width = l->prob.chunk[1];
	for (int64_t h = 0; h < l->prob.dims[0]; h++) {
		const float *p = prob + h * stride + from;
		if (!l->prob.half) {
			memcpy((float *)(void *)l->chunk + h * width + at, p, (size_t)n * sizeof *p);
			continue;
		}
		uint16_t *to = (uint16_t *)(void *)l->chunk + h * width + at;
		for (int64_t i = 0; i < n; i++)
			to[i] = to_half(p[i]);
	}
}

/* `end` elements are in: hands over the chunk that holds the last of them. */
static am_status hand_open_chunk(am_run_writer *w, am_dist_layer *l, int64_t end, am_error *err)
{
	int64_t at[AM_MAX_AXES] = {0, (end - 1) / l->prob.chunk[1] * l->prob.chunk[1]};
	am_status s = am_packer_hand(w->packer, &l->prob, at, l->chunk, err);
	l->chunk = NULL;
	return w->failed = s;
}

am_status am_run_writer_append_dist(am_run_writer *w, int layer_index, int64_t n_rows, const int32_t *n,
                                    const float *prob, am_error *err)
{
	assert(layer_index >= 0 && layer_index < w->n_dist);
	am_dist_layer *l = &w->dist[layer_index];
	int64_t begin = l->offset[l->n_rows], width = l->prob.chunk[1];
	am_status s = am_writer_ready(w, err);
	if (!s)
		s = add_rows(l, n_rows, n, err);
	if (s)
		return s;
	int64_t end = l->offset[l->n_rows];
	for (int64_t e = begin; e < end && !s;) {
		int64_t at = e % width, count = width - at;
		if (count > end - e)
			count = end - e;
		if (!l->chunk && !(l->chunk = am_packer_take(w->packer, am_stored_chunk_bytes(&l->prob))))
			return w->failed = am_fail(err, AM_ERR_MEMORY, "out of memory for distributions");
		copy_elements(l, at, prob, end - begin, e - begin, count);
		e += count;
		if (e % width == 0)
			s = hand_open_chunk(w, l, e, err);
	}
	return s;
}

/* Elements of the open chunk, those that were not appended made missing. */
static int64_t clear_rest(am_dist_layer *l)
{
	int64_t width = l->prob.chunk[1], used = l->offset[l->n_rows] % width;
	for (int64_t h = 0; h < l->prob.dims[0] && used; h++)
		am_stored_fill(&l->prob, l->chunk + (size_t)(h * width + used) * am_stored_element(&l->prob),
		               (size_t)(width - used));
	return used;
}

am_status am_writer_dist_finish(am_run_writer *w, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0; i < w->n_dist && !s; i++)
		if (clear_rest(&w->dist[i]))
			s = hand_open_chunk(w, &w->dist[i], w->dist[i].offset[w->dist[i].n_rows], err);
	return s;
}

int64_t am_writer_dist_pending(am_run_writer *w)
{
	int64_t sum = 0;
	for (int i = 0; i < w->n_dist; i++)
		if (clear_rest(&w->dist[i]))
			sum += am_stored_filtered_size(&w->dist[i].prob, &w->filter, w->dist[i].chunk);
	return sum;
}

int64_t am_writer_dist_rows(const am_run_writer *w, int64_t rows)
{
	for (int i = 0; i < w->n_dist; i++) {
		const am_dist_layer *l = &w->dist[i];
		const am_stored *d = &l->prob;
		int64_t elements = d->n_chunks ? d->chunks[d->n_chunks - 1].at[1] + d->chunk[1] : 0;
		if (rows > l->n_rows)
			rows = l->n_rows;
		while (rows > 0 && l->offset[rows] > elements)
			rows--;
	}
	return rows;
}

void am_writer_dist_fini(am_run_writer *w)
{
	for (int i = 0; i < w->n_dist; i++) {
		am_stored_fini(&w->dist[i].prob);
		am_free(w->dist[i].chunk);
		am_free(w->dist[i].offset);
	}
	am_free(w->dist);
}

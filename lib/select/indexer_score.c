/* Kept keys, and scores against them. */
#include "select/indexer.h"

#include <assert.h>
#include <string.h>

bool am_index_paired(const am_index_form *f, const am_kernels *kernels)
{
	bool exact = f->precision == AM_INDEX_BF16 || (f->precision == AM_INDEX_FP8 && f->dim <= AM_FP8_BLOCK);
	return exact && kernels->index_scores_bf16;
}

void am_index_pair(const am_index_form *f, const am_kernels *kernels, const float *q, size_t count, uint16_t *to)
{
	size_t dim = (size_t)f->dim;
	if (dim % 2 == 0) {
		kernels->f32_to_bf16(q, count * dim, to);
		return;
	}
	for (size_t i = 0; i < count; i++, q += dim, to += dim + 1) {
		kernels->f32_to_bf16(q, dim, to);
		to[dim] = 0;
	}
}

size_t am_index_key_floats(const am_index_form *f, const am_kernels *kernels, int positions)
{
	size_t chunks = ((size_t)positions + AM_INDEX_KEYS - 1) / AM_INDEX_KEYS;
	size_t rows = am_index_paired(f, kernels) ? ((size_t)f->dim + 1) / 2 : (size_t)f->dim;
	return chunks * AM_INDEX_KEYS * rows;
}

/* Where position p starts; its numbers are AM_INDEX_KEYS floats apart, or words of two numbers. */
static float *key_at(int rows, int p, float *chunks)
{
	return chunks + (size_t)(p / AM_INDEX_KEYS) * AM_INDEX_KEYS * (size_t)rows + p % AM_INDEX_KEYS;
}

static void keep_pairs(const am_kernels *kernels, int dim, const float *k, int start, int rows, float *chunks)
{
	uint16_t number[AM_INDEX_MAX_DIM];
	for (int r = 0; r < rows; r++) {
		unsigned char *to = (unsigned char *)key_at((dim + 1) / 2, start + r, chunks);
		kernels->f32_to_bf16(k + (size_t)r * (size_t)dim, (size_t)dim, number);
		for (int i = 0; i < dim; i++)
			memcpy(to + (size_t)(i / 2) * AM_INDEX_KEYS * sizeof *chunks + (size_t)(i % 2) * sizeof *number, number + i, sizeof *number);
	}
}

void am_index_keep_keys(const am_index_form *f, const am_kernels *kernels, const float *k, int start, int rows, float *chunks)
{
	int dim = f->dim;
	if (am_index_paired(f, kernels)) {
		keep_pairs(kernels, dim, k, start, rows, chunks);
		return;
	}
	for (int r = 0; r < rows; r++) {
		float *to = key_at(dim, start + r, chunks);
		for (int i = 0; i < dim; i++)
			to[(size_t)i * AM_INDEX_KEYS] = k[(size_t)r * (size_t)dim + (size_t)i];
	}
}

/* Heads at .. at + heads - 1 of the query against a chunk's positions first .. first + n - 1. */
static void score_chunk(const am_index_form *f, const am_kernels *kernels, const am_index_query *query, size_t at, int heads,
                        const float *keys, const float *k_scale, int first, int n, float *out)
{
	const float *w = query->w + at, *scale = query->q_scale + at;
	int64_t dim = f->dim, even = dim + dim % 2;
	if (am_index_paired(f, kernels))
		kernels->index_scores_bf16(query->pairs + at * (size_t)even, even, heads, f->dim, w, scale, f->relu, keys, k_scale, first, n, out);
	else
		kernels->index_scores(query->q + at * (size_t)dim, dim, heads, f->dim, w, scale, f->relu, keys, k_scale, first, n, out);
}

void am_index_scores(const am_index_form *f, const am_kernels *kernels, const am_index_query *query, int rows,
                     int group, int groups, const float *chunks, const float *k_scale, int first, int n, float *out,
                     size_t stride)
{
	int share = f->heads / f->groups;
	assert(rows == 1 || groups == f->groups);
	/* A chunk of keys stays in the cache for all rows. */
	for (int at = first, end = first + n, count; at < end; at += count) {
		int skip = at % AM_INDEX_KEYS, chunk = at - skip;
		count = AM_INDEX_KEYS - skip < end - at ? AM_INDEX_KEYS - skip : end - at;
		const float *keys = chunks + am_index_key_floats(f, kernels, chunk);
		for (int r = 0; r < rows; r++) {
			int own = end - (rows - 1 - r) - at; /* keys up to the row's own */
			for (int g = 0; g < groups && own > 0; g++)
				score_chunk(f, kernels, query, (size_t)(r * f->heads + (group + g) * share), share, keys, k_scale + chunk, skip,
				            own < count ? own : count, out + ((size_t)r * (size_t)groups + (size_t)g) * stride + (at - first));
		}
	}
}

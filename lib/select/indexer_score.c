/* Kept keys, and scores against them. */
#include "kernels/gemm.h"
#include "select/indexer.h"

#include <assert.h>

size_t am_index_key_floats(int dim, int positions)
{
	size_t chunks = ((size_t)positions + AM_INDEX_KEYS - 1) / AM_INDEX_KEYS;
	return chunks * AM_INDEX_KEYS * (size_t)dim;
}

void am_index_keep_keys(int dim, const float *k, int start, int rows, float *chunks)
{
	for (int r = 0; r < rows; r++) {
		int position = start + r;
		float *to = chunks + (size_t)(position / AM_INDEX_KEYS) * AM_INDEX_KEYS * (size_t)dim + position % AM_INDEX_KEYS;
		for (int i = 0; i < dim; i++)
			to[(size_t)i * AM_INDEX_KEYS] = k[(size_t)r * (size_t)dim + (size_t)i];
	}
}

void am_index_scores(const am_index_form *f, const am_kernels *kernels, const am_index_query *query, int rows,
                     int group, int groups, const float *chunks, const float *k_scale, int first, int n, float *dots,
                     float *out, size_t stride)
{
	int share = f->heads / f->groups, heads = share * groups, from = group * share, m = rows * heads;
	const float *q = query->q + (size_t)from * (size_t)f->dim;
	assert(rows == 1 || groups == f->groups);
	for (int at = first, end = first + n; at < end;) {
		/* Whole chunks are multiplied, also where only a part of one is asked for or yet
		 * filled: a product of full width reads keys in place. */
		int skip = at % AM_INDEX_KEYS;
		int count = AM_INDEX_KEYS - skip < end - at ? AM_INDEX_KEYS - skip : end - at;
		const float *keys = chunks + (size_t)(at / AM_INDEX_KEYS) * AM_INDEX_KEYS * (size_t)f->dim;
		if (kernels->gemm_nn)
			kernels->gemm_nn(m, AM_INDEX_KEYS, f->dim, q, f->dim, keys, AM_INDEX_KEYS, false, dots, AM_INDEX_KEYS);
		else
			am_gemm_nn(m, AM_INDEX_KEYS, f->dim, 1, q, f->dim, keys, AM_INDEX_KEYS, 0, dots, AM_INDEX_KEYS);
		for (int i = 0; i < rows * groups; i++) {
			int head = from + i * share;
			kernels->index_heads(dots + (size_t)i * (size_t)share * AM_INDEX_KEYS + skip, AM_INDEX_KEYS, share,
			                     query->w + head, query->q_scale + head, f->relu, k_scale + at, count,
			                     out + (size_t)i * stride + (at - first));
		}
		at += count;
	}
}

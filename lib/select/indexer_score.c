/* Kept keys, and scores against them. */
#include "kernels/gemm.h"
#include "select/indexer.h"

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

/* The order of additions is part of the result: head by head. */
static void add_heads(const am_index_form *f, const am_index_query *query, int first_head, int heads,
                      const float *dots, const float *k_scale, int n, float *out)
{
	for (int j = 0; j < n; j++)
		out[j] = 0;
	for (int h = 0; h < heads; h++) {
		const float *z = dots + h * AM_INDEX_KEYS;
		float w = query->w[first_head + h] * query->q_scale[first_head + h];
		if (f->relu)
			for (int j = 0; j < n; j++)
				out[j] += w * (z[j] > 0 ? z[j] : 0);
		else
			for (int j = 0; j < n; j++)
				out[j] += w * z[j];
	}
	for (int j = 0; j < n; j++)
		out[j] = k_scale[j] * out[j] + 0.0f;
}

void am_index_scores(const am_index_form *f, const am_kernels *kernels, const am_index_query *query, int group,
                     const float *chunks, const float *k_scale, int first, int n, float *dots, float *out)
{
	int heads = f->heads / f->groups, first_head = group * heads, end = first + n;
	const float *q = query->q + (size_t)first_head * (size_t)f->dim;
	for (int at = first; at < end;) {
		/* Whole chunks are multiplied, also where only a part of one is asked for or yet
		 * filled: a product of full width reads keys in place. */
		int chunk = at / AM_INDEX_KEYS, skip = at % AM_INDEX_KEYS;
		int m = AM_INDEX_KEYS - skip < end - at ? AM_INDEX_KEYS - skip : end - at;
		const float *keys = chunks + (size_t)chunk * AM_INDEX_KEYS * (size_t)f->dim;
		if (kernels->gemm_nn)
			kernels->gemm_nn(heads, AM_INDEX_KEYS, f->dim, q, f->dim, keys, AM_INDEX_KEYS, false, dots, AM_INDEX_KEYS);
		else
			am_gemm_nn(heads, AM_INDEX_KEYS, f->dim, 1, q, f->dim, keys, AM_INDEX_KEYS, 0, dots, AM_INDEX_KEYS);
		add_heads(f, query, first_head, heads, dots + skip, k_scale + at, m, out + (at - first));
		at += m;
	}
}

/* Scores of an indexer: products of its heads with a chunk of keys, weighed and added up while
 * they are in registers. Included by gemm.c of an ISA after tile.h or in its manner: needs
 * AM_VW, NV, AM_A, AM_STEP, vf_spread and vf_fma as there, and AM_INDEX_SCORES, the name it gives.
 *
 * A tile is some heads by NV vectors of keys, a step one broadcast a head. Sums of the heads are
 * added in their order, each step rounded. */
enum { INDEX_HEADS = 4 };

/* sum[] += weight_h head_scale_h f(q_h . keys) of some heads. */
INLINE void index_tile(const int heads, const AM_A *q, int64_t ldq, int steps, const float *keys, const float *weight,
                       const float *head_scale, bool relu, vf *sum)
{
	vf acc[INDEX_HEADS][NV] = {{{0}}};
	for (ptrdiff_t p = 0; p < steps; p++) {
		vf v[NV];
#pragma GCC unroll 4
		for (int j = 0; j < NV; j++)
			v[j] = vf_load(keys + p * AM_PACKED + j * AM_VW);
#pragma GCC unroll 4
		for (int h = 0; h < heads; h++) {
			vf x = vf_spread(q + h * ldq + p * AM_STEP);
#pragma GCC unroll 4
			for (int j = 0; j < NV; j++)
				acc[h][j] = vf_fma(x, v[j], acc[h][j]);
		}
	}
#pragma GCC unroll 4
	for (int h = 0; h < heads; h++) {
		vf factor = vf_set(weight[h] * head_scale[h]);
#pragma GCC unroll 4
		for (int j = 0; j < NV; j++) {
			vf z = acc[h][j];
			if (relu)
				z = (vf)((vi)z & (z > vf_set(0)));
			sum[j] += z * factor;
		}
	}
}

/* NV vectors of keys. */
INLINE void index_block(const AM_A *q, int64_t ldq, int heads, int steps, const float *keys, const float *weight,
                        const float *head_scale, bool relu, const float *scale, float *out)
{
	vf sum[NV] = {{0}};
	int h = 0;
	for (; h + INDEX_HEADS <= heads; h += INDEX_HEADS)
		index_tile(INDEX_HEADS, q + h * ldq, ldq, steps, keys, weight + h, head_scale + h, relu, sum);
	switch (heads - h) {
	case 3: index_tile(3, q + h * ldq, ldq, steps, keys, weight + h, head_scale + h, relu, sum); break;
	case 2: index_tile(2, q + h * ldq, ldq, steps, keys, weight + h, head_scale + h, relu, sum); break;
	case 1: index_tile(1, q + h * ldq, ldq, steps, keys, weight + h, head_scale + h, relu, sum); break;
	}
#pragma GCC unroll 4
	for (int j = 0; j < NV; j++)
		vf_store(out + j * AM_VW, sum[j] * vf_load(scale + j * AM_VW) + (vf){0}); /* -0 becomes 0 */
}

void AM_INDEX_SCORES(const AM_A *q, int64_t ldq, int heads, int dim, const float *weight, const float *head_scale, bool relu,
                     const float *keys, const float *scale, int first, int n, float *out)
{
	const int width = NV * AM_VW, steps = (dim + AM_STEP - 1) / AM_STEP;
	for (int j = first / width * width; j < first + n; j += width) {
		int from = first > j ? first - j : 0, to = first + n - j < width ? first + n - j : width;
		float factor[NV * AM_VW] = {0}, block[NV * AM_VW];
		bool whole = from == 0 && to == width;
		if (!whole)
			memcpy(factor + from, scale + j + from, (size_t)(to - from) * sizeof *factor);
		index_block(q, ldq, heads, steps, keys + j, weight, head_scale, relu, whole ? scale + j : factor, whole ? out + (j - first) : block);
		if (!whole)
			memcpy(out + (j + from - first), block + from, (size_t)(to - from) * sizeof *out);
	}
}

/* Scores of an indexer from the products of its heads, included by <isa>/row.c after
 * generic/vec.h. */

/* Some vectors of keys. In the order of the heads, each step rounded, so that every ISA gives the
 * same bits. */
static inline __attribute__((always_inline)) void heads_block(const int vectors, const float *dot, int64_t stride, int heads,
                                                              const float *weight, const float *head_scale, bool relu,
                                                              const float *scale, float *out)
{
	vf sum[4];
	for (int u = 0; u < vectors; u++)
		sum[u] = vf_set(0);
	for (int h = 0; h < heads; h++, dot += stride) {
		vf factor = vf_set(weight[h] * head_scale[h]);
		for (int u = 0; u < vectors; u++) {
			vf z = vf_load(dot + u * AM_VW);
			if (relu)
				z = (vf)((vi)z & (z > vf_set(0)));
			sum[u] += z * factor;
		}
	}
	for (int u = 0; u < vectors; u++)
		vf_store(out + u * AM_VW, sum[u] * vf_load(scale + u * AM_VW) + (vf){0}); /* -0 becomes 0 */
}

static void index_heads(const float *dot, int64_t stride, int heads, const float *weight, const float *head_scale,
                        bool relu, const float *scale, int n, float *out)
{
	int j = 0;
	for (; j + 4 * AM_VW <= n; j += 4 * AM_VW)
		heads_block(4, dot + j, stride, heads, weight, head_scale, relu, scale + j, out + j);
	for (; j + AM_VW <= n; j += AM_VW)
		heads_block(1, dot + j, stride, heads, weight, head_scale, relu, scale + j, out + j);
	for (; j < n; j++) {
		float sum = 0;
		for (int h = 0; h < heads; h++) {
			float z = dot[h * stride + j];
			sum += (weight[h] * head_scale[h]) * (relu && !(z > 0) ? 0 : z);
		}
		out[j] = scale[j] * sum + 0.0f;
	}
}

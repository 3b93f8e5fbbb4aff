/* Scores of an indexer from the products of its heads, included by <isa>/row.c after
 * generic/vec.h. */

/* In the order of the heads, each step rounded, so that every ISA gives the same bits. */
static void index_heads(const float *dot, int64_t stride, int heads, const float *weight, const float *head_scale,
                        bool relu, const float *scale, int n, float *out)
{
	int j = 0;
	for (; j + AM_VW <= n; j += AM_VW) {
		vf sum = vf_set(0);
		for (int h = 0; h < heads; h++) {
			vf z = vf_load(dot + h * stride + j);
			if (relu)
				z = (vf)((vi)z & (z > vf_set(0)));
			sum += z * (weight[h] * head_scale[h]);
		}
		sum *= vf_load(scale + j);
		vf_store(out + j, sum + (vf){0}); /* -0 becomes 0 */
	}
	for (; j < n; j++) {
		float sum = 0;
		for (int h = 0; h < heads; h++) {
			float z = dot[h * stride + j];
			sum += (weight[h] * head_scale[h]) * (relu && !(z > 0) ? 0 : z);
		}
		out[j] = scale[j] * sum + 0.0f;
	}
}

/* Weighted sums of rows, included by <isa>/row.c after generic/row.h. Every element is
 * one chain over the rows in their order, rounded after each product and each addition. */
enum { COMBINE_VECTORS = 4 };

static void combine_rows(const float *weight, int m, const float *x, int64_t stride, int n, bool add, float *out)
{
	enum { STEP = COMBINE_VECTORS * AM_VW };
	int j = 0;
	for (; j + STEP <= n; j += STEP) {
		vf sum[COMBINE_VECTORS];
		for (int u = 0; u < COMBINE_VECTORS; u++)
			sum[u] = add ? vf_load(out + j + u * AM_VW) : vf_set(0);
		for (int i = 0; i < m; i++)
			for (int u = 0; u < COMBINE_VECTORS; u++)
				sum[u] += vf_load(x + i * stride + j + u * AM_VW) * weight[i];
		for (int u = 0; u < COMBINE_VECTORS; u++)
			vf_store(out + j + u * AM_VW, sum[u]);
	}
	for (; j < n; j++) {
		float sum = add ? out[j] : 0;
		for (int i = 0; i < m; i++)
			sum += x[i * stride + j] * weight[i];
		out[j] = sum;
	}
}

/* Probabilities of a row shared by heads, included by <isa>/row.c after generic/row.h. */
#include "kernels/kernels.h"

enum { SHARES = AM_VW == 16 ? 8 : 4 }; /* vectors at a time */

/* A few vectors of keys: all heads while sum and largest are in registers. Several at a time,
 * since rows at a stride of a power of two compete for the same places in the nearest cache. */
INLINE void shares_block(const int vectors, const float *weight, int64_t stride, int heads, int group, const float *inv_z,
                         float *of_group, int64_t group_stride, float *sum, float *largest)
{
	vf s[SHARES], m[SHARES];
	for (int u = 0; u < vectors; u++)
		s[u] = m[u] = vf_set(0);
	for (int h = 0; h < heads; of_group += group_stride) {
		vf part[SHARES];
		for (int u = 0; u < vectors; u++)
			part[u] = vf_set(0);
		for (int end = h + group; h < end; h++, weight += stride)
			for (int u = 0; u < vectors; u++) {
				vf p = vf_load(weight + u * AM_VW) * inv_z[h];
				part[u] += p;
				s[u] += p;
				m[u] = vf_max(p, m[u]);
			}
		for (int u = 0; u < vectors; u++)
			vf_store(of_group + u * AM_VW, part[u]);
	}
	for (int u = 0; u < vectors; u++) {
		vf_store(sum + u * AM_VW, s[u]);
		vf_store(largest + u * AM_VW, m[u]);
	}
}

static void row_shares(const float *weight, int64_t stride, int heads, int group, const float *inv_z, int n,
                       float *of_group, int64_t group_stride, float *sum, float *largest)
{
	int j = 0;
	for (; j + SHARES * AM_VW <= n; j += SHARES * AM_VW)
		shares_block(SHARES, weight + j, stride, heads, group, inv_z, of_group + j, group_stride, sum + j, largest + j);
	for (; j + AM_VW <= n; j += AM_VW)
		shares_block(1, weight + j, stride, heads, group, inv_z, of_group + j, group_stride, sum + j, largest + j);
	for (; j < n; j++) {
		sum[j] = largest[j] = 0;
		for (int h = 0; h < heads; h++) {
			float p = weight[h * stride + j] * inv_z[h], *g = of_group + h / group * group_stride + j;
			*g = (h % group ? *g : 0) + p;
			sum[j] += p;
			largest[j] = p > largest[j] ? p : largest[j];
		}
	}
}

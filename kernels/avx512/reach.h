/* generic/reach.h and what generic/best.h asks for, in intrinsics. Compressed in a register: a compressing store is slow on
 * some processors. */
#ifndef AM_KERNELS_AVX512_REACH_H
#define AM_KERNELS_AVX512_REACH_H

#include <immintrin.h>
#include <stdint.h>

static int reach(const float *score, int n, float bound, int32_t *index)
{
	const __m512 vbound = _mm512_set1_ps(bound);
	const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	int m = 0;
	for (int j = 0; j < n; j += 16) {
		__mmask16 there = n - j < 16 ? (__mmask16)((1u << (n - j)) - 1) : (__mmask16)0xffff;
		__m512 x = _mm512_maskz_loadu_ps(there, score + j);
		__mmask16 hit = _mm512_mask_cmp_ps_mask(there, x, vbound, _CMP_GE_OQ);
		if (!hit)
			continue;
		_mm512_storeu_si512(index + m, _mm512_maskz_compress_epi32(hit, _mm512_add_epi32(lane, _mm512_set1_epi32(j))));
		m += __builtin_popcount(hit);
	}
	return m;
}

/* Of generic/best.h. Four registers are compressed before any is stored: where the next goes has to be waited for. */
static int pack(const float *x, int n, float bound, float *to)
{
	const __m512 vbound = _mm512_set1_ps(bound);
	int m = 0, j = 0;
	for (; j + 64 <= n; j += 64) {
		__m512 v[4];
		int count[4];
		for (int u = 0; u < 4; u++) {
			v[u] = _mm512_loadu_ps(x + j + 16 * u);
			__mmask16 hit = _mm512_cmp_ps_mask(v[u], vbound, _CMP_GE_OQ);
			count[u] = __builtin_popcount(hit);
			v[u] = _mm512_maskz_compress_ps(hit, v[u]);
		}
		for (int u = 0; u < 4; m += count[u++])
			_mm512_storeu_ps(to + m, v[u]);
	}
	for (; j < n; j++) {
		to[m] = x[j];
		m += x[j] >= bound;
	}
	return m;
}

static void reach_keys(const int32_t *key, int n, int32_t bound, int32_t *index)
{
	const __m512i vbound = _mm512_set1_epi32(bound);
	int m = 0;
	for (int j = 0; j < n; j += 16) {
		__mmask16 hit = _mm512_cmpge_epi32_mask(_mm512_loadu_si512(key + j), vbound);
		_mm512_storeu_si512(index + m, _mm512_maskz_compress_epi32(hit, _mm512_loadu_si512(index + j)));
		m += __builtin_popcount(hit);
	}
}

#endif

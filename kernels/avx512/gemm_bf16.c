/* Products of bfloat16 pairs (AVX512_BF16): tiles of 6 x 64, two elements of k a
 * step. A panel holds pairs along k: rows of B transposed as 32-bit words. */
#define AM_VW 16
#define NV 4
#define AM_A uint16_t
#define AM_STEP 2
#define AM_INDEX_SCORES am_index_scores_bf16_avx512
#include "kernels/generic/number.h"
#include "kernels/avx512/transpose.h"

static inline vf vf_spread(const uint16_t *a)
{
	int32_t pair;
	memcpy(&pair, a, sizeof pair);
	return (vf)_mm512_set1_epi32(pair);
}

static inline void transpose(vf *r)
{
	transpose_512((__m512 *)r);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
	return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
}

/* 32 numbers as 16 pairs; with n < 32 zeros behind the first n. */
static inline vf load_b(am_number type, const unsigned char *p, int n)
{
	if (type == AM_BF16) {
		vf pairs = {0};
		if (n == 32)
			return load(AM_F32, p);
		memcpy(&pairs, p, (size_t)n * 2);
		return pairs;
	}
	const int size = type == AM_F32 ? 4 : 2;
	vf low = n >= 16 ? load(type, p) : load_part(type, p, n);
	vf high = n == 32 ? load(type, p + 16 * size) : n > 16 ? load_part(type, p + 16 * size, n - 16) : vf_set(0);
	return (vf)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
}

static inline vf load_a(const uint16_t *p, int n)
{
	return load_b(AM_BF16, (const unsigned char *)p, n);
}

#include "kernels/generic/tile.h"

#include "kernels/generic/dots.h"
#include "kernels/generic/index.h"

/* to[steps][NR] = B[cols][k]^T in pairs, columns past the last 0. */
INLINE void pack(const am_number type, const unsigned char *b, ptrdiff_t ldb, int cols, int k, float *to)
{
	const ptrdiff_t size = type == AM_F32 ? 4 : 2;
	for (int j = 0; j < cols; j += AM_VW)
		for (int p = 0; p < k; p += 32) {
			vf r[AM_VW];
			int depth = k - p < 32 ? k - p : 32;
#pragma GCC unroll 16
			for (int i = 0; i < AM_VW; i++)
				r[i] = j + i < cols ? load_b(type, b + ((j + i) * ldb + p) * size, depth) : vf_set(0);
			transpose(r);
#pragma GCC unroll 16
			for (int i = 0; i < AM_VW; i++)
				if (2 * i < depth)
					vf_store(to + (p / 2 + i) * NR + j, r[i]);
		}
}

static void pack_panel(am_number type, const unsigned char *b, ptrdiff_t ldb, int cols, int k, float *to)
{
	switch (type) {
	case AM_F32: pack(AM_F32, b, ldb, cols, k, to); break;
	case AM_F16: pack(AM_F16, b, ldb, cols, k, to); break;
	case AM_BF16: pack(AM_BF16, b, ldb, cols, k, to); break;
	}
}

void am_gemm_bf16_avx512(int m, int n, int k, const uint16_t *a, int lda, const void *b, am_number type, int ldb,
                         bool add, float *c, int ldc)
{
	_Alignas(64) float panel[KC * NR];
	const ptrdiff_t size = type == AM_F32 ? 4 : 2;
	if (m == 1) {
		row_product(type, n, k, a, b, ldb, add, c);
		return;
	}
	if (k == 0 && !add)
		clear(m, n, c, ldc);
	for (int j = 0; j < n; j += NR)
		for (int p = 0; p < k; p += 2 * KC) {
			int cols = n - j < NR ? n - j : NR, depth = k - p < 2 * KC ? k - p : 2 * KC;
			pack_panel(type, (const unsigned char *)b + ((ptrdiff_t)j * ldb + p) * size, ldb, cols, depth, panel);
			panel_product(m, depth, a + p, lda, panel, NR, cols, add || p, c + j, ldc, NULL);
		}
}

/* Float32 products on tiles: B transposed into a panel on the stack where its rows run
 * along k, read where it lies where they run along C's. AM_GEMM_NT, AM_GEMM_NN,
 * AM_GEMM_NN_TALLY, AM_PACK_ROWS, AM_INDEX_SCORES: the names it gives. The rest as tile.h asks. */
#include <limits.h>

#define AM_A float
#define AM_STEP 1

static inline vf vf_spread(const float *a)
{
	return vf_set(*a);
}

static inline vf load_b(am_number type, const unsigned char *p, int n)
{
	return n == AM_VW ? load(type, p) : load_part(type, p, n);
}

static inline vf load_a(const float *p, int n)
{
	return load_b(AM_F32, (const unsigned char *)p, n);
}

#include "kernels/generic/tile.h"

#include "kernels/generic/dots.h"
#include "kernels/generic/index.h"

/* to[k][width] = B[cols][k]^T as float32, columns past the last 0 up to a whole vector. */
INLINE void pack(const am_number type, const int width, const unsigned char *b, ptrdiff_t ldb, int cols, int k, float *to)
{
	const ptrdiff_t size = type == AM_F32 ? 4 : 2;
	for (int j = 0; j < cols; j += AM_VW)
		for (int p = 0; p < k; p += AM_VW) {
			vf r[AM_VW];
			int depth = k - p < AM_VW ? k - p : AM_VW;
#pragma GCC unroll 16
			for (int i = 0; i < AM_VW; i++) {
				const unsigned char *from = b + ((j + i) * ldb + p) * size;
				r[i] = j + i < cols ? load_b(type, from, depth) : vf_set(0);
			}
			transpose(r);
#pragma GCC unroll 16
			for (int i = 0; i < AM_VW; i++)
				if (i < depth)
					vf_store(to + (p + i) * width + j, r[i]);
		}
}

static void pack_panel(am_number type, const unsigned char *b, ptrdiff_t ldb, int cols, int k, float *to)
{
	switch (type) {
	case AM_F32: pack(AM_F32, NR, b, ldb, cols, k, to); break;
	case AM_F16: pack(AM_F16, NR, b, ldb, cols, k, to); break;
	case AM_BF16: pack(AM_BF16, NR, b, ldb, cols, k, to); break;
	}
}

void AM_PACK_ROWS(int n, int k, const float *b, int ldb, float *to)
{
	for (int j = 0; j < n; j += AM_PACKED, to += (ptrdiff_t)AM_PACKED * k)
		pack(AM_F32, AM_PACKED, (const unsigned char *)(b + (ptrdiff_t)j * ldb), ldb, n - j < AM_PACKED ? n - j : AM_PACKED, k, to);
}

void AM_GEMM_NT(int m, int n, int k, const float *a, int lda, const void *b, am_number type, int ldb, bool add,
                    float *c, int ldc)
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
		for (int p = 0; p < k; p += KC) {
			int cols = n - j < NR ? n - j : NR, depth = k - p < KC ? k - p : KC;
			pack_panel(type, (const unsigned char *)b + ((ptrdiff_t)j * ldb + p) * size, ldb, cols, depth, panel);
			panel_product(m, depth, a + p, lda, panel, NR, cols, add || p, c + j, ldc, NULL);
		}
}

/* A panel whose last vector is not whole, copied with zeros behind. */
static void pad_panel(const float *b, ptrdiff_t ldb, int cols, int k, float *to)
{
	memset(to, 0, (size_t)k * NR * sizeof *to);
	for (int p = 0; p < k; p++)
		memcpy(to + p * NR, b + p * ldb, (size_t)cols * sizeof *to);
}

INLINE void product_nn(int m, int n, int k, const float *a, int lda, const float *b, int ldb, bool add, float *c,
                       int ldc, beside *s)
{
	_Alignas(64) float panel[KC * NR];
	if (k == 0 && !add)
		clear(m, n, c, ldc);
	for (int j = 0; j < n; j += NR)
		for (int p = 0; p < k; p += KC) {
			int cols = n - j < NR ? n - j : NR, depth = k - p < KC ? k - p : KC;
			const float *from = b + (ptrdiff_t)p * ldb + j;
			bool whole = cols % AM_VW == 0;
			if (!whole)
				pad_panel(from, ldb, cols, depth, panel);
			panel_product(m, depth, a + p, lda, whole ? from : panel, whole ? ldb : NR, cols, add || p, c + j, ldc, s);
		}
}

void AM_GEMM_NN(int m, int n, int k, const float *a, int lda, const float *b, int ldb, bool add, float *c, int ldc)
{
	product_nn(m, n, k, a, lda, b, ldb, add, c, ldc, NULL);
}

void AM_GEMM_NN_TALLY(int m, int n, int k, const float *a, int lda, const float *b, int ldb, bool add, float *c,
                      int ldc, const am_tally_rows *rows)
{
	beside s = {.rows = rows};
	beside_open(&s);
	beside_turn(&s, NR / 8);
	product_nn(m, n, k, a, lda, b, ldb, add, c, ldc, &s);
	beside_turn(&s, INT_MAX);
}

/* Tiles of a matrix product in the manner of BLIS, included after number.h with AM_VW,
 * NV (vectors a tile is wide), AM_A (type of an element of A), AM_STEP (elements of
 * k a step takes) and
 *   vf vf_spread(const AM_A *a)      AM_STEP elements of A in every lane
 *   vf vf_fma(vf a, vf b, vf c)      c + a . b, a lane of b holding AM_STEP elements
 *   void transpose(vf r[AM_VW])      row i, lane j <-> row j, lane i
 *
 * A tile of C is MR rows by NV vectors in registers; a step of k is one broadcast
 * of A a row and one load of B a vector. A is read where it lies: MR streams. A
 * panel of B, [steps][NR] lanes, serves all rows of C. Panels hold KC steps, so an
 * element of C is one chain over at most KC steps, chains added in order: it does
 * not depend on tile or vector width. */
#include "kernels/generic/beside.h"
#include "kernels/products.h"

#define MR AM_PRODUCT_ROWS
#define NR (NV * AM_VW)
#define KC 256
#define INLINE static inline __attribute__((always_inline))

/* Edge of a tile: rows x cols of it go to C. */
static void store_edge(const vf *acc, int rows, int cols, bool add, float *c, ptrdiff_t ldc)
{
	float x[MR][NR];
	memcpy(x, acc, sizeof x);
	for (int i = 0; i < rows; i++)
		for (int j = 0; j < cols; j++)
			c[i * ldc + j] = add ? c[i * ldc + j] + x[i][j] : x[i][j];
}

/* One step of k: adds its terms to a tile. */
INLINE void tile_step(const int nv, const AM_A *const *row, ptrdiff_t p, const float *b, vf (*acc)[NV])
{
	vf v[NV];
#pragma GCC unroll 8
	for (int j = 0; j < nv; j++)
		v[j] = vf_load(b + j * AM_VW);
#pragma GCC unroll 8
	for (int i = 0; i < MR; i++) {
		vf x = vf_spread(row[i] + p);
#pragma GCC unroll 8
		for (int j = 0; j < nv; j++)
			acc[i][j] = vf_fma(x, v[j], acc[i][j]);
	}
}

/* A product's steps while there are weights to tally; returns how many of the k elements they took. Rows are found
 * from two places, which leaves registers for the tally. */
INLINE ptrdiff_t tile_tally(const int nv, ptrdiff_t k, const AM_A *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,
                            vf (*acc)[NV], beside *s)
{
	/* Weights a step: rather more than a product has keys for each. */
	const int each = nv * AM_VW < 8 ? 1 : nv * AM_VW / 8;
	ptrdiff_t p = 0;
	while (p < k && s->left >= each) {
		int steps = s->left / each, most = (int)((k - p + AM_STEP - 1) / AM_STEP);
		steps = steps < most ? steps : most;
		uint64_t *origin = s->origin, one = s->one;
		const float *at = s->at, *end = at + steps * each;
		const AM_A *low = a + p, *high = low + MR / 2 * lda;
		int shift = s->shift;
		for (; at < end; low += AM_STEP, high += AM_STEP, b += ldb, at += each) {
			const AM_A *row[MR];
#pragma GCC unroll 8
			for (int i = 0; i < MR; i++)
				row[i] = i < MR / 2 ? low + i * lda : high + (i - MR / 2) * lda;
			tile_step(nv, row, 0, b, acc);
			tally_plain(each, origin, shift, one, at);
		}
		p += (ptrdiff_t)steps * AM_STEP;
		s->at = at;
		s->left -= steps * each;
		beside_turn(s, each);
	}
	return p;
}

/* C[rows][cols] = A[rows][k] . B[steps][nv vectors] + (add ? C : 0), rows <= MR. Rows
 * past the last repeat it: one loop serves every height. */
INLINE void tile(const int nv, int k, const AM_A *a, ptrdiff_t lda, int rows, const float *b, ptrdiff_t ldb,
                 int cols, bool add, float *c, ptrdiff_t ldc, beside *s)
{
	vf acc[MR][NV] = {{{0}}};
	const AM_A *row[MR];
#pragma GCC unroll 8
	for (int i = 0; i < MR; i++)
		row[i] = a + (i < rows ? i : rows - 1) * lda;
	ptrdiff_t p = s && rows == MR ? tile_tally(nv, k, a, lda, b, ldb, acc, s) : 0;
	for (b += p / AM_STEP * ldb; p < k; p += AM_STEP, b += ldb)
		tile_step(nv, row, p, b, acc);
	if (rows < MR || cols < nv * AM_VW) {
		store_edge(acc[0], rows, cols, add, c, ldc);
		return;
	}
#pragma GCC unroll 8
	for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
		for (int j = 0; j < nv; j++) {
			float *to = c + i * ldc + j * AM_VW;
			vf_store(to, add ? vf_load(to) + acc[i][j] : acc[i][j]);
		}
}

#define TILES(nv)                                                                                       \
	INLINE void tiles_##nv(int m, int k, const AM_A *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,   \
	                       int cols, bool add, float *c, ptrdiff_t ldc, beside *s)                      \
	{                                                                                                   \
		for (int i = 0; i < m; i += MR)                                                                 \
			tile(nv, k, a + i * lda, lda, m - i < MR ? m - i : MR, b, ldb, cols, add, c + i * ldc, ldc, s); \
	}

TILES(1)
TILES(2)
#if NV > 2
TILES(3)
TILES(4)
#endif

/* All rows of C against one panel of B, cols <= NR wide. s: rows to be tallied meanwhile, or NULL. */
INLINE void panel_product(int m, int k, const AM_A *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, int cols,
                          bool add, float *c, ptrdiff_t ldc, beside *s)
{
	switch ((cols + AM_VW - 1) / AM_VW) {
	case 1: tiles_1(m, k, a, lda, b, ldb, cols, add, c, ldc, s); break;
	case 2: tiles_2(m, k, a, lda, b, ldb, cols, add, c, ldc, s); break;
#if NV > 2
	case 3: tiles_3(m, k, a, lda, b, ldb, cols, add, c, ldc, s); break;
	case 4: tiles_4(m, k, a, lda, b, ldb, cols, add, c, ldc, s); break;
#endif
	}
}

/* No terms: the sum is 0. */
static void clear(int m, int n, float *c, ptrdiff_t ldc)
{
	for (int i = 0; i < m; i++)
		memset(c + i * ldc, 0, (size_t)n * sizeof *c);
}

/* A single row of C (decode), included after tile.h: B is read once, along its rows,
 * STREAMS of them at a time. Beside what tile.h asks for it needs
 *   vf load_a(const AM_A *p, int n), vf load_b(am_number type, const unsigned char *p, int n)
 * AM_VW steps of k, with n < AM_VW * AM_STEP elements zeros behind.
 *
 * An element of C is 16 chains, joined pairwise, whatever the vector width. */
#define STREAMS 4
#define WIDTH (AM_VW * AM_STEP)

static float join_lanes(const vf *acc)
{
	float x[LANES];
	memcpy(x, acc, sizeof x);
	for (int half = LANES / 2; half; half /= 2)
		for (int i = 0; i < half; i++)
			x[i] += x[i + half];
	return x[0];
}

/* 16 steps from element p on, of which `left` elements are there. */
INLINE void dot_step(const am_number type, ptrdiff_t p, int left, const AM_A *a, const unsigned char *const *row,
                     vf (*acc)[UNROLL])
{
	const ptrdiff_t size = type == AM_F32 ? 4 : 2;
#pragma GCC unroll 4
	for (int u = 0; u < UNROLL; u++) {
		int n = left - u * WIDTH < WIDTH ? left - u * WIDTH : WIDTH;
		if (n <= 0)
			continue;
		ptrdiff_t at = p + u * WIDTH;
		vf x = load_a(a + at, n);
#pragma GCC unroll 4
		for (int i = 0; i < STREAMS; i++)
			acc[i][u] = vf_fma(load_b(type, row[i] + at * size, n), x, acc[i][u]);
	}
}

INLINE void dots(const am_number type, int n, int k, const AM_A *a, const unsigned char *b, ptrdiff_t ldb, bool add,
                 float *c)
{
	const ptrdiff_t size = type == AM_F32 ? 4 : 2;
	const int whole = LANES * AM_STEP;
	for (int j = 0; j < n; j += STREAMS) {
		vf acc[STREAMS][UNROLL] = {{{0}}};
		const unsigned char *row[STREAMS];
		for (int i = 0; i < STREAMS; i++)
			row[i] = b + (j + i < n ? j + i : n - 1) * ldb * size;
		int p = 0;
		for (; p + whole <= k; p += whole)
			dot_step(type, p, whole, a, row, acc);
		if (p < k)
			dot_step(type, p, k - p, a, row, acc);
		for (int i = 0; i < STREAMS && j + i < n; i++)
			c[j + i] = join_lanes(acc[i]) + (add ? c[j + i] : 0);
	}
}

static void row_product(am_number type, int n, int k, const AM_A *a, const unsigned char *b, ptrdiff_t ldb, bool add,
                        float *c)
{
	switch (type) {
	case AM_F32: dots(AM_F32, n, k, a, b, ldb, add, c); break;
	case AM_F16: dots(AM_F16, n, k, a, b, ldb, add, c); break;
	case AM_BF16: dots(AM_BF16, n, k, a, b, ldb, add, c); break;
	}
}

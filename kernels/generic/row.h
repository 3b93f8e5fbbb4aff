/* Row reductions, included by <isa>/row.c with AM_VW defined. */
#include "kernels/generic/vec.h"
#include "kernels/products.h"
#include "kernels/row.h"

#include <math.h>

#define STRIP 512 /* floats summed in float32 lanes before they go to double */

static float lanes_max(const vf *m)
{
	float best = -INFINITY, lane[LANES];
	memcpy(lane, m, sizeof lane);
	for (int i = 0; i < LANES; i++)
		best = lane[i] > best ? lane[i] : best;
	return best;
}

static float row_max(const float *s, int n)
{
	vf m[UNROLL];
	for (int u = 0; u < UNROLL; u++)
		m[u] = vf_set(-INFINITY);
	int j = 0;
	for (; j + LANES <= n; j += LANES)
		for (int u = 0; u < UNROLL; u++) {
			vf x = vf_load(s + j + u * AM_VW);
			m[u] = vf_pick(x > m[u], x, m[u]);
		}
	float best = lanes_max(m);
	for (; j < n; j++)
		best = s[j] > best ? s[j] : best;
	return best;
}

/* A row without a finite maximum: all masked, or holding NaN or +inf. */
static void row_degenerate(const float *s, int n, float max, float *e, am_row_sums *out)
{
	float bad = max - max; /* NaN for +inf, NaN for -inf */
	int masked = max == -INFINITY;
	for (int j = 0; j < n; j++)
		masked = masked && s[j] == -INFINITY;
	memset(e, 0, (size_t)n * sizeof *e);
	*out = (am_row_sums){.max = max};
	if (!masked)
		out->z = out->a = out->b = out->z2 = out->d = (double)bad;
}

typedef struct strip_sums {
	vf z[UNROLL], a[UNROLL], b[UNROLL], z2[UNROLL], d[UNROLL];
} strip_sums;

/* One block of 16 scores; `at` is the index of its first score in the strip. */
static inline void block_stats(const float *s, float max, float at, float *e, strip_sums *t)
{
	static const float iota[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	for (int i = 0; i < UNROLL; i++) {
		vf u = vf_load(s + i * AM_VW) - max;
		u = vf_pick(u < EXP_MIN, vf_set(EXP_MIN), u);
		vf w = vf_exp(u), wu = w * u;
		vf_store(e + i * AM_VW, w);
		t->z[i] += w;
		t->a[i] += wu;
		t->b[i] += wu * u;
		t->z2[i] += w * w;
		t->d[i] += w * (vf_load(iota + i * AM_VW) + at);
	}
}

static inline void block_softmax(const float *s, float max, float *e, vf *z)
{
	for (int i = 0; i < UNROLL; i++) {
		vf u = vf_load(s + i * AM_VW) - max;
		vf w = vf_exp(vf_pick(u < EXP_MIN, vf_set(EXP_MIN), u));
		vf_store(e + i * AM_VW, w);
		z[i] += w;
	}
}

/* The last n % 16 scores as a block padded with -inf (weight 0, adds nothing). */
static inline int pad_tail(const float *s, int n, float *block)
{
	int rest = n % LANES;
	for (int i = 0; i < LANES; i++)
		block[i] = i < rest ? s[n - rest + i] : -INFINITY;
	return rest;
}

static void row_stats(const float *s, int n, float *e, am_row_sums *out)
{
	float max = row_max(s, n);
	if (!(max - max == 0)) {
		row_degenerate(s, n, max, e, out);
		return;
	}
	am_row_sums r = {.max = max};
	for (int j0 = 0; j0 < n; j0 += STRIP) {
		int m = n - j0 < STRIP ? n - j0 : STRIP, j = 0;
		strip_sums t = {0};
		for (; j + LANES <= m; j += LANES)
			block_stats(s + j0 + j, max, (float)j, e + j0 + j, &t);
		if (j < m) {
			float x[LANES], w[LANES];
			int rest = pad_tail(s, n, x);
			block_stats(x, max, (float)j, w, &t);
			memcpy(e + n - rest, w, (size_t)rest * sizeof *w);
		}
		double z = vf_sum(t.z);
		r.z += z;
		r.a += vf_sum(t.a);
		r.b += vf_sum(t.b);
		r.z2 += vf_sum(t.z2);
		r.d += z * (double)(n - 1 - j0) - vf_sum(t.d);
	}
	*out = r;
}

static void row_softmax(const float *s, int n, float *e, am_row_sums *out)
{
	float max = row_max(s, n);
	if (!(max - max == 0)) {
		row_degenerate(s, n, max, e, out);
		return;
	}
	am_row_sums r = {.max = max};
	for (int j0 = 0; j0 < n; j0 += STRIP) {
		int m = n - j0 < STRIP ? n - j0 : STRIP, j = 0;
		vf z[UNROLL] = {0};
		for (; j + LANES <= m; j += LANES)
			block_softmax(s + j0 + j, max, e + j0 + j, z);
		if (j < m) {
			float x[LANES], w[LANES];
			int rest = pad_tail(s, n, x);
			block_softmax(x, max, w, z);
			memcpy(e + n - rest, w, (size_t)rest * sizeof *w);
		}
		r.z += vf_sum(z);
	}
	*out = r;
}

/* Adds the last `rest` < 16 of n >= 16 floats: the last block of the row, less the
 * lanes that were added before. */
static inline void add_rest(const float *x, int n, int rest, vf *z)
{
	static const int32_t keep[2 * LANES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	                                        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
	for (int i = 0; i < UNROLL; i++) {
		vi mask;
		memcpy(&mask, keep + rest + i * AM_VW, sizeof mask);
		z[i] += (vf)(mask & (vi)vf_load(x + n - LANES + i * AM_VW));
	}
}

static double sum(const float *x, int n)
{
	double total = 0;
	if (n < LANES) {
		for (int j = 0; j < n; j++)
			total += (double)x[j];
		return total;
	}
	for (int j0 = 0; j0 < n; j0 += STRIP) {
		int m = n - j0 < STRIP ? n - j0 : STRIP, j = 0;
		vf z[UNROLL] = {0};
		for (; j + LANES <= m; j += LANES)
			for (int i = 0; i < UNROLL; i++)
				z[i] += vf_load(x + j0 + j + i * AM_VW);
		if (j < m)
			add_rest(x, n, m - j, z);
		total += vf_sum(z);
	}
	return total;
}

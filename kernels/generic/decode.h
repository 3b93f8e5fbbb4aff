/* One query position over a KV cache: scores and outputs for the heads that share
 * a key/value head, each key and value read once. Included by <isa>/row.c after
 * generic/row.h. */
#include "kernels/generic/fold.h"


/* The first `lanes` floats at p, zeros behind. */
static inline vf vf_load_part(const float *p, int lanes)
{
	float x[AM_VW] = {0};
	memcpy(x, p, (size_t)lanes * sizeof *x);
	return vf_load(x);
}

/* Scores of AM_VW keys for one head; `count` of them exist. */
static inline vf keys_score(const float *q, const float *k, int count, int d)
{
	vf sum[AM_VW];
	for (int j = 0; j < AM_VW; j++)
		sum[j] = vf_set(0);
	int i = 0;
	for (; i + AM_VW <= d; i += AM_VW) {
		vf x = vf_load(q + i);
		for (int j = 0; j < count; j++)
			sum[j] += x * vf_load(k + (size_t)j * (size_t)d + i);
	}
	if (i < d) {
		vf x = vf_load_part(q + i, d - i);
		for (int j = 0; j < count; j++)
			sum[j] += x * vf_load_part(k + (size_t)j * (size_t)d + i, d - i);
	}
	return fold_lanes(sum);
}

static void decode_scores(const float *q, int heads, int d, const float *k, int n, float *score, int stride)
{
	int j = 0;
	for (; j + AM_VW <= n; j += AM_VW)
		for (int h = 0; h < heads; h++)
			vf_store(score + (size_t)h * (size_t)stride + j,
			         keys_score(q + (size_t)h * (size_t)d, k + (size_t)j * (size_t)d, AM_VW, d));
	for (int h = 0; h < heads && j < n; h++) {
		vf s = keys_score(q + (size_t)h * (size_t)d, k + (size_t)j * (size_t)d, n - j, d);
		memcpy(score + (size_t)h * (size_t)stride + j, &s, (size_t)(n - j) * sizeof *score);
	}
}

enum { DECODE_VECTORS = 4 }; /* of the output kept in registers at a time */

/* out[0 .. 4 vectors) += sum over keys of w_j v_j */
static inline void values_block(const float *w, int n, const float *v, int stride, float *out)
{
	vf sum[DECODE_VECTORS];
	for (int i = 0; i < DECODE_VECTORS; i++)
		sum[i] = vf_load(out + i * AM_VW);
	for (int j = 0; j < n; j++)
		for (int i = 0; i < DECODE_VECTORS; i++)
			sum[i] += vf_load(v + (size_t)j * (size_t)stride + i * AM_VW) * w[j];
	for (int i = 0; i < DECODE_VECTORS; i++)
		vf_store(out + i * AM_VW, sum[i]);
}

static void decode_values(const float *w, int stride, int heads, int d, const float *v, int n, float *out)
{
	enum { STEP = DECODE_VECTORS * AM_VW, KEYS = 64 };
	/* A few keys at a time, so that every head finds their values in the cache. */
	for (int at = 0; at < n; at += KEYS) {
		int m = n - at < KEYS ? n - at : KEYS;
		const float *rows = v + (size_t)at * (size_t)d;
		for (int h = 0; h < heads; h++) {
			const float *wh = w + (size_t)h * (size_t)stride + at;
			float *o = out + (size_t)h * (size_t)d;
			int i = 0;
			for (; i + STEP <= d; i += STEP)
				values_block(wh, m, rows + i, d, o + i);
			for (int j = 0; j < m; j++)
				for (int c = i; c < d; c++)
					o[c] += wh[j] * rows[(size_t)j * (size_t)d + c];
		}
	}
}

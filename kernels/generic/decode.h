/* One query position over a KV cache: scores and outputs for the heads that share
 * a key/value head, each key and value read once. Included by <isa>/row.c after
 * generic/row.h.
 *
 * A key or value serves several heads while it is in registers. What lies in a row the
 * processor fetches ahead by itself; values that are picked out it has to be told of. */
#include "kernels/generic/fold.h"

enum {
	DECODE_HEADS = AM_VW == 16 ? 4 : 3, /* at a time, as registers allow */
	DECODE_KEYS = 4,                    /* at a time */
	DECODE_VECTORS = 4,                 /* of an output at a time */
	DECODE_RUN = 64,                    /* values that stay in the cache for the next heads */
	DECODE_AHEAD = 24,                  /* picked values on their way */
	DECODE_LINE = 16,                   /* floats of a cache line */
};

/* The first `lanes` floats at p, zeros behind. */
static inline vf vf_load_part(const float *p, int lanes)
{
	float x[AM_VW] = {0};
	memcpy(x, p, (size_t)lanes * sizeof *x);
	return vf_load(x);
}

INLINE vf decode_load(const float *p, int lanes)
{
	return lanes == AM_VW ? vf_load(p) : vf_load_part(p, lanes);
}

/* Keeps a vector in its register, which the compiler may find not worth it. */
#if defined(__x86_64__)
#define DECODE_HOLD(x) __asm__("" : "+v"(x))
#elif defined(__aarch64__)
#define DECODE_HOLD(x) __asm__("" : "+w"(x))
#else
#define DECODE_HOLD(x) (void)(x)
#endif

/* ---- scores ----------------------------------------------------------------- */

/* sum[h][j] += q_h . key_j over AM_VW elements, or the `lanes` there are. */
INLINE void scores_step(const int heads, const float *q, int d, const float *const *key, int at, int lanes,
                        vf (*sum)[DECODE_KEYS])
{
	vf x[DECODE_HEADS];
#pragma GCC unroll 4
	for (int h = 0; h < heads; h++) {
		x[h] = decode_load(q + h * d + at, lanes);
		DECODE_HOLD(x[h]);
	}
#pragma GCC unroll 4
	for (int j = 0; j < DECODE_KEYS; j++) {
		vf k = decode_load(key[j] + at, lanes);
		DECODE_HOLD(k);
#pragma GCC unroll 4
		for (int h = 0; h < heads; h++)
			sum[h][j] = vf_fma(x[h], k, sum[h][j]);
	}
}

/* Of four keys, as far as fold_four goes: quad[h][at]. */
INLINE void scores_four(const int heads, const float *q, int d, const float *const *key, int at, vf (*quad)[AM_VW / 4])
{
	vf sum[DECODE_HEADS][DECODE_KEYS] = {{{0}}};
	int i = 0;
	for (; i + AM_VW <= d; i += AM_VW)
		scores_step(heads, q, d, key, i, AM_VW, sum);
	if (i < d)
		scores_step(heads, q, d, key, i, d - i, sum);
#pragma GCC unroll 4
	for (int h = 0; h < heads; h++)
		quad[h][at] = fold_four(sum[h]);
}

/* Scores of AM_VW keys, of which `count` exist. */
INLINE void scores_block(const int heads, const float *q, int d, const float *k, int count, float *score, int stride)
{
	vf quad[DECODE_HEADS][AM_VW / 4];
	for (int j = 0; j < AM_VW; j += DECODE_KEYS) {
		const float *key[DECODE_KEYS];
		for (int i = 0; i < DECODE_KEYS; i++)
			key[i] = k + (ptrdiff_t)(j + i < count ? j + i : count - 1) * d;
		scores_four(heads, q, d, key, j / DECODE_KEYS, quad);
	}
#pragma GCC unroll 4
	for (int h = 0; h < heads; h++) {
		vf s = fold_quads(quad[h]);
		if (count == AM_VW)
			vf_store(score + (ptrdiff_t)h * stride, s);
		else
			memcpy(score + (ptrdiff_t)h * stride, &s, (size_t)count * sizeof *score);
	}
}

static void decode_scores(const float *q, int heads, int d, const float *k, int n, float *score, int stride)
{
	for (int j = 0; j < n; j += AM_VW) {
		int count = n - j < AM_VW ? n - j : AM_VW;
		const float *key = k + (ptrdiff_t)j * d;
		for (int h = 0; h < heads; h += DECODE_HEADS) {
			const float *qh = q + (ptrdiff_t)h * d;
			float *to = score + (ptrdiff_t)h * stride + j;
			switch (heads - h) {
			default: scores_block(DECODE_HEADS, qh, d, key, count, to, stride); break;
#if AM_VW == 16
			case 3: scores_block(3, qh, d, key, count, to, stride); break;
#endif
			case 2: scores_block(2, qh, d, key, count, to, stride); break;
			case 1: scores_block(1, qh, d, key, count, to, stride); break;
			}
		}
	}
}

/* ---- values ----------------------------------------------------------------- */

/* Rows of values: those of `index`, or all where that is NULL. */
typedef struct decode_rows {
	const float *v;
	const int32_t *index;
	int n, d;
} decode_rows;

INLINE const float *decode_row(const decode_rows *r, int j)
{
	return r->v + (ptrdiff_t)(r->index ? r->index[j] : j) * r->d;
}

/* Has a row brought to the second cache: the first cannot wait for as many. */
INLINE void decode_fetch(const decode_rows *r, int j)
{
	if (j < r->n)
		for (int i = 0; i < r->d; i += DECODE_LINE)
			__builtin_prefetch(decode_row(r, j) + i, 0, 2);
}

/* out[h][at .. at + vectors) += sum of w[h][j] row_j; a single vector has `lanes` elements. */
INLINE void values_block(const int heads, const int vectors, const float *w, int stride, const decode_rows *r, int at,
                         int lanes, float *out)
{
	vf sum[DECODE_HEADS][DECODE_VECTORS];
#pragma GCC unroll 4
	for (int h = 0; h < heads; h++)
#pragma GCC unroll 4
		for (int i = 0; i < vectors; i++)
			sum[h][i] = decode_load(out + h * r->d + at + i * AM_VW, lanes);
	for (int j = 0; r->index && at == 0 && j < DECODE_AHEAD; j++)
		decode_fetch(r, j);
	for (int j = 0; j < r->n; j++) {
		const float *x = decode_row(r, j) + at;
		if (r->index && at == 0)
			decode_fetch(r, j + DECODE_AHEAD);
#pragma GCC unroll 4
		for (int i = 0; i < vectors; i++) {
			vf y = decode_load(x + i * AM_VW, lanes);
#pragma GCC unroll 4
			for (int h = 0; h < heads; h++)
				sum[h][i] = vf_fma(y, vf_set(w[(ptrdiff_t)h * stride + j]), sum[h][i]);
		}
	}
#pragma GCC unroll 4
	for (int h = 0; h < heads; h++)
#pragma GCC unroll 4
		for (int i = 0; i < vectors; i++)
			memcpy(out + h * r->d + at + i * AM_VW, &sum[h][i], (size_t)lanes * sizeof *out);
}

/* All elements of the rows for some heads. */
INLINE void values_rows(const int heads, const float *w, int stride, const decode_rows *r, float *out)
{
	int i = 0;
	for (; i + 4 * AM_VW <= r->d; i += 4 * AM_VW)
		values_block(heads, 4, w, stride, r, i, AM_VW, out);
	for (; i + 2 * AM_VW <= r->d; i += 2 * AM_VW)
		values_block(heads, 2, w, stride, r, i, AM_VW, out);
	for (; i + AM_VW <= r->d; i += AM_VW)
		values_block(heads, 1, w, stride, r, i, AM_VW, out);
	if (i < r->d)
		values_block(heads, 1, w, stride, r, i, r->d - i, out);
}

static void decode_values(const float *w, int stride, int heads, int d, const float *v, int n, float *out)
{
	for (int at = 0; at < n; at += DECODE_RUN) {
		decode_rows r = {v + (ptrdiff_t)at * d, NULL, n - at < DECODE_RUN ? n - at : DECODE_RUN, d};
		for (int h = 0; h < heads; h += DECODE_HEADS) {
			const float *wh = w + (ptrdiff_t)h * stride + at;
			float *to = out + (ptrdiff_t)h * d;
			switch (heads - h) {
			default: values_rows(DECODE_HEADS, wh, stride, &r, to); break;
#if AM_VW == 16
			case 3: values_rows(3, wh, stride, &r, to); break;
#endif
			case 2: values_rows(2, wh, stride, &r, to); break;
			case 1: values_rows(1, wh, stride, &r, to); break;
			}
		}
	}
}

static void decode_picked(const float *w, const int32_t *index, int k, int d, const float *v, float *out)
{
	decode_rows r = {v, index, k, d};
	values_rows(1, w, k, &r, out);
}

/* Sums of many spans of a row, included by <isa>/row.c after generic/row.h. 16 spans are taken at a
 * time: their lanes are kept, then folded together. Most have up to 64 floats, and where they stand tells
 * how many, so that few jumps are mispredicted.
 *
 * <isa>/row.c may define AM_SPANS, a header with its own
 *   span_group    the sums of 16 spans of up to SPAN floats
 *   span_sums     the same of spans given by their bounds */
#include "kernels/generic/fold.h"

#ifdef AM_SPANS
#include AM_SPANS
#else
/* Adds so many blocks of 16 and the first `rest` < 16 floats behind them to the lanes. */
INLINE void span_blocks(const int blocks, const float *x, int rest, vf *z)
{
	static const int32_t ones[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
#pragma GCC unroll 4
	for (int i = 0; i < UNROLL; i++) {
		vf block[4] = {0};
#pragma GCC unroll 4
		for (int b = 0; b < blocks; b++)
			block[b] = vf_load(x + b * LANES + i * AM_VW);
		if (blocks < 4) {
			vi mask;
			memcpy(&mask, ones + LANES - rest + i * AM_VW, sizeof mask);
			block[blocks & 3] = (vf)(mask & (vi)vf_load(x + blocks * LANES + i * AM_VW));
		}
		z[i] += (block[0] + block[1]) + (block[2] + block[3]);
	}
}

/* Adds `count` <= 64 floats to the lanes; 16 more are there. */
static inline void span_tail(const float *x, int count, vf *z)
{
	switch (count / LANES) {
	case 0: span_blocks(0, x, count, z); break;
	case 1: span_blocks(1, x, count - LANES, z); break;
	case 2: span_blocks(2, x, count - 2 * LANES, z); break;
	case 3: span_blocks(3, x, count - 3 * LANES, z); break;
	default: span_blocks(4, x, 0, z); break;
	}
}

/* The same at the end of a row. */
static __attribute__((noinline)) void span_last(const float *x, int count, vf *z)
{
	float padded[TAIL] = {0};
	memcpy(padded, x, (size_t)count * sizeof *x);
	span_tail(padded, count, z);
}

/* Lanes of whole blocks of TAIL floats, those of PART floats before they are added to others. */
static inline void span_blocks_lanes(const float *x, int blocks, vf *lanes)
{
	for (int i = 0; i < UNROLL; i++)
		lanes[i] = vf_set(0);
	for (int left = blocks; left > 0; left -= PART / TAIL) {
		vf z[UNROLL] = {0};
		for (int b = 0; b < left && b < PART / TAIL; b++, x += TAIL)
			for (int i = 0; i < UNROLL; i++) {
				const float *y = x + i * AM_VW;
				z[i] += (vf_load(y) + vf_load(y + LANES)) + (vf_load(y + 2 * LANES) + vf_load(y + 3 * LANES));
			}
		for (int i = 0; i < UNROLL; i++)
			lanes[i] += z[i];
	}
}

/* whole[i] = sum of the first min(count[i], SPAN) floats from x[at[i]] on. */
static void span_group(const float *x, int n, const int *at, const int *count, float *whole)
{
	vf lanes[SPANS][UNROLL];
	for (int i = 0; i < SPANS; i++) {
		int taken = count[i] < SPAN ? count[i] : SPAN, blocks = taken ? (taken - 1) / TAIL : 0, rest = taken - blocks * TAIL;
		int from = at[i] + blocks * TAIL;
		vf z[UNROLL] = {0};
		span_blocks_lanes(x + at[i], blocks, lanes[i]);
		if (rest + LANES > n - from)
			span_last(x + from, rest, z);
		else
			span_tail(x + from, rest, z);
		for (int u = 0; u < UNROLL; u++)
			lanes[i][u] += z[u];
	}
	fold_rows(lanes, whole);
}

/* Of m spans in the row the places and lengths, of 16 in all; returns whether one is longer than SPAN. */
static inline int span_clip(int n, int first, const int *from, const int *to, int m, int *at, int *count)
{
	const int end = first + n;
	int longer = 0;
	for (int i = 0; i < m; i++) {
		int low = from[i] > first ? from[i] : first, high = to[i] < end ? to[i] : end;
		low = low < end ? low : end;
		high = high > low ? high : low;
		at[i] = low - first;
		count[i] = high - low;
		longer |= count[i] > SPAN;
	}
	for (int i = m; i < SPANS; i++)
		at[i] = count[i] = 0;
	return longer;
}

/* whole[16] = the sums of m spans, 0 behind them; or returns 1 and where they lie, as one is longer than SPAN. */
static inline int span_sums(const float *x, int n, int first, const int *from, const int *to, int m, int *at, int *count, float *whole)
{
	if (span_clip(n, first, from, to, m, at, count))
		return 1;
	span_group(x, n, at, count, whole);
	return 0;
}
#endif

/* The same with such spans, in rounds. */
static __attribute__((noinline)) void span_rounds(const float *x, int n, int *at, int *count, double *total)
{
	for (int longer = 1; longer;) {
		float whole[SPANS];
		longer = 0;
		span_group(x, n, at, count, whole);
		for (int i = 0; i < SPANS; i++) {
			int taken = count[i] < SPAN ? count[i] : SPAN;
			total[i] += (double)whole[i];
			at[i] += taken;
			count[i] -= taken;
			longer |= count[i] > 0;
		}
	}
}

/* Up to 16 of them. */
static inline void span_shares(const float *x, int n, int first, const int *from, const int *to, int m, double factor, float *share)
{
	_Alignas(64) int at[SPANS], count[SPANS];
	_Alignas(64) float whole[SPANS];
	if (span_sums(x, n, first, from, to, m, at, count, whole)) {
		double total[SPANS] = {0};
		span_rounds(x, n, at, count, total);
		for (int i = 0; i < m; i++)
			share[i] = (float)(total[i] * factor);
		return;
	}
	for (int i = 0; i < SPANS; i++)
		whole[i] = (float)((double)whole[i] * factor);
	if (m == SPANS) /* a size that compilers know: no call */
		memcpy(share, whole, sizeof whole);
	else
		memcpy(share, whole, (size_t)m * sizeof *whole);
}

static void spans(const float *x, int n, int first, const int *from, const int *to, int n_spans, double factor, float *share)
{
	for (int i = 0; i < n_spans; i += SPANS)
		span_shares(x, n, first, from + i, to + i, n_spans - i < SPANS ? n_spans - i : SPANS, factor, share + i);
}

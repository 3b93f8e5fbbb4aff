/* Sums of many spans of a row, included by <isa>/row.c after generic/row.h. 16 spans are taken at a
 * time: their lanes are kept, then folded together. Most have up to 64 floats, and where they stand tells
 * how many, so that few jumps are mispredicted.
 *
 * <isa>/row.c may define AM_SPANS, a header with its own
 *   span_group    the sums of 16 spans of up to SPAN floats */
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

/* Adds the lanes of x[0 .. count), count <= PART, of which `left` floats are there. */
static inline void span_part(const float *x, int left, int count, vf *lanes)
{
	vf z[UNROLL] = {0};
	for (; count > TAIL; count -= TAIL, left -= TAIL, x += TAIL)
		for (int i = 0; i < UNROLL; i++) {
			const float *y = x + i * AM_VW;
			z[i] += (vf_load(y) + vf_load(y + LANES)) + (vf_load(y + 2 * LANES) + vf_load(y + 3 * LANES));
		}
	if (count && count + LANES > left)
		span_last(x, count, z);
	else if (count)
		span_tail(x, count, z);
	for (int i = 0; i < UNROLL; i++)
		lanes[i] += z[i];
}

/* whole[i] = sum of the first min(count[i], SPAN) floats from x[at[i]] on. */
static void span_group(const float *x, int n, const int *at, const int *count, float *whole)
{
	vf lanes[SPANS][UNROLL] = {{{0}}};
	for (int i = 0; i < SPANS; i++)
		for (int from = 0, end = count[i] < SPAN ? count[i] : SPAN; from < end; from += PART)
			span_part(x + at[i] + from, n - at[i] - from, end - from < PART ? end - from : PART, lanes[i]);
	fold_rows(lanes, whole);
}
#endif

/* Places and lengths of 16 spans in the row; returns the largest length. */
static inline int span_clip(int n, int first, const int *from, const int *to, int *at, int *count)
{
	const int end = first + n;
	int most = 0;
	for (int i = 0; i < SPANS; i++) {
		int low = from[i] > first ? from[i] : first, high = to[i] < end ? to[i] : end;
		low = low < end ? low : end;
		high = high > low ? high : low;
		at[i] = low - first;
		count[i] = high - low;
	}
	for (int i = 0; i < SPANS; i++)
		most = count[i] > most ? count[i] : most;
	return most;
}

static inline void span_scale(const double *total, double factor, float *share)
{
	for (int i = 0; i < SPANS; i++)
		share[i] = (float)(total[i] * factor);
}

/* Shares of spans of which one at least is longer than SPAN. */
static __attribute__((noinline)) void span_rounds(const float *x, int n, int *at, int *count, int most, double factor, float *share)
{
	double total[SPANS] = {0};
	for (; most > 0; most -= SPAN) {
		float whole[SPANS];
		span_group(x, n, at, count, whole);
		for (int i = 0; i < SPANS; i++) {
			int taken = count[i] < SPAN ? count[i] : SPAN;
			total[i] += (double)whole[i];
			at[i] += taken;
			count[i] -= taken;
		}
	}
	span_scale(total, factor, share);
}

/* 16 spans. */
static inline void span_shares(const float *x, int n, int first, const int *from, const int *to, double factor, float *share)
{
	_Alignas(64) int at[SPANS], count[SPANS];
	_Alignas(64) float whole[SPANS];
	double total[SPANS];
	int most = span_clip(n, first, from, to, at, count);
	if (most > SPAN) {
		span_rounds(x, n, at, count, most, factor, share);
		return;
	}
	span_group(x, n, at, count, whole);
	for (int i = 0; i < SPANS; i++)
		total[i] = (double)whole[i];
	span_scale(total, factor, share);
}

static void spans(const float *x, int n, int first, const int *from, const int *to, int n_spans, double factor, float *share)
{
	int i = 0, low[SPANS] = {0}, high[SPANS] = {0};
	float some[SPANS];
	for (; i + SPANS <= n_spans; i += SPANS)
		span_shares(x, n, first, from + i, to + i, factor, share + i);
	if (i == n_spans)
		return;
	for (int j = 0; j < SPANS; j++) { /* the last ones hold nothing */
		low[j] = j < n_spans - i ? from[i + j] : first;
		high[j] = j < n_spans - i ? to[i + j] : first;
	}
	span_shares(x, n, first, low, high, factor, some);
	memcpy(share + i, some, (size_t)(n_spans - i) * sizeof *some);
}

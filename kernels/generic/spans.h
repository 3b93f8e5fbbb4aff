/* Sums of many spans of a row, included by <isa>/row.c after generic/row.h. 16 spans are taken at a
 * time: their lanes are kept, then folded together. Most have up to 64 floats, and where they stand tells
 * how many, so that few jumps are mispredicted. Longer ones have a head up to the row's next block of 64, whole
 * blocks, whose lanes a sweep over the row may have kept, and a tail.
 *
 * <isa>/row.c may define AM_SPANS, a header with its own
 *   span_group    the sums of 16 spans of up to SPAN floats
 *   span_sums     the same of spans given by their bounds
 *   span_put      what becomes of them */
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
		vf sum = vf_set(0);
#pragma GCC unroll 4
		for (int b = 0; b < blocks; b++)
			sum += vf_load(x + b * LANES + i * AM_VW);
		if (blocks < 4) {
			vi mask;
			memcpy(&mask, ones + LANES - rest + i * AM_VW, sizeof mask);
			sum += (vf)(mask & (vi)vf_load(x + blocks * LANES + i * AM_VW));
		}
		z[i] += sum;
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

/* The same of floats of which `there` are behind x. */
static inline void span_part(const float *x, int there, int count, vf *z)
{
	if (count + LANES <= there) {
		span_tail(x, count, z);
	} else {
		float padded[TAIL] = {0};
		memcpy(padded, x, (size_t)count * sizeof *x);
		span_tail(padded, count, z);
	}
}

/* Adds to the lanes whole blocks of a row from x on, those of PART floats before they are added to
 * others; kept: where their lanes are, NULL where they are not. */
static inline void span_blocks_lanes(const float *x, const float *kept, int blocks, vf *lanes)
{
	for (int left = blocks; left > 0; left -= PART / TAIL) {
		vf z[UNROLL] = {0};
		for (int b = 0; b < left && b < PART / TAIL; b++, x += TAIL) {
			if (!kept)
				span_blocks(4, x, 0, z);
			for (int i = 0; kept && i < UNROLL; i++)
				z[i] += vf_load(kept + i * AM_VW);
			kept += kept ? LANES : 0;
		}
		for (int i = 0; i < UNROLL; i++)
			lanes[i] += z[i];
	}
}

/* whole[i] = sum of the first min(count[i], SPAN) floats from x[at[i]] on. */
static void span_group(const float *x, const float *kept, int n, const int *at, const int *count, float *whole)
{
	vf lanes[SPANS][UNROLL] = {{{0}}};
	for (int i = 0; i < SPANS; i++) {
		int taken = count[i] < SPAN ? count[i] : SPAN, head = taken > TAIL ? -at[i] & (TAIL - 1) : 0;
		int blocks = taken > TAIL ? (taken - head) / TAIL : 0, from = at[i] + head, tail = from + blocks * TAIL;
		span_part(x + tail, n - tail, at[i] + taken - tail, lanes[i]);
		span_part(x + at[i], n - at[i], head, lanes[i]);
		span_blocks_lanes(x + from, kept ? kept + from / TAIL * LANES : NULL, blocks, lanes[i]);
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
static inline int span_sums(const float *x, const float *kept, int n, int first, const int *from, const int *to, int m, int *at, int *count, float *whole)
{
	if (span_clip(n, first, from, to, m, at, count))
		return 1;
	span_group(x, kept, n, at, count, whole);
	return 0;
}

/* share[m] = whole[m] times the factor; 16 are there. */
static inline void span_put(float *whole, int m, double factor, float *share)
{
	for (int i = 0; i < SPANS; i++)
		whole[i] = (float)((double)whole[i] * factor);
	if (m == SPANS) /* a size that compilers know: no call */
		memcpy(share, whole, SPANS * sizeof *whole);
	else
		memcpy(share, whole, (size_t)m * sizeof *whole);
}
#endif

/* The same with such spans, in rounds. */
static __attribute__((noinline)) void span_rounds(const float *x, const float *kept, int n, int *at, int *count, double *total)
{
	for (int longer = 1; longer;) {
		float whole[SPANS];
		longer = 0;
		span_group(x, kept, n, at, count, whole);
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
static inline void span_shares(const float *x, const float *kept, int n, int first, const int *from, const int *to, int m, double factor, float *share)
{
	_Alignas(64) int at[SPANS], count[SPANS];
	_Alignas(64) float whole[SPANS];
	if (span_sums(x, kept, n, first, from, to, m, at, count, whole)) {
		double total[SPANS] = {0};
		span_rounds(x, kept, n, at, count, total);
		for (int i = 0; i < m; i++)
			share[i] = (float)(total[i] * factor);
		return;
	}
	span_put(whole, m, factor, share);
}

static void spans(const float *x, const float *kept, int n, int first, const int *from, const int *to, int n_spans, double factor, float *share)
{
	for (int i = 0; i < n_spans; i += SPANS)
		span_shares(x, kept, n, first, from + i, to + i, n_spans - i < SPANS ? n_spans - i : SPANS, factor, share + i);
}

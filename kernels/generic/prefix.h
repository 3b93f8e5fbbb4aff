/* Sums of a row up to many places in one pass, included by <isa>/row.c after
 * generic/row.h. What lies between two places is a piece (several where it is long); its 16
 * lanes are kept, and those of 16 pieces folded together. Most pieces have up to 64 floats, and where they
 * stand tells how many, so that few jumps are mispredicted.
 *
 * <isa>/row.c may define AM_PIECES, a header with its own
 *   pieces_sum    the sums up to as many places as pieces, of up to 16 pieces where none is longer than PART */
#include "kernels/generic/fold.h"

enum { TAIL = 4 * LANES };

/* Pieces not folded yet, each with the place it leads to or up to. */
typedef struct prefix_state {
	vf lanes[PIECES][UNROLL];
	int place[PIECES], pieces;
	double total;
} prefix_state;

/* Adds so many blocks of 16 and the first `rest` < 16 floats behind them to the lanes. */
INLINE void piece_blocks(const int blocks, const float *x, int rest, vf *z)
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
static inline void piece_tail(const float *x, int count, vf *z)
{
	switch (count / LANES) {
	case 0: piece_blocks(0, x, count, z); break;
	case 1: piece_blocks(1, x, count - LANES, z); break;
	case 2: piece_blocks(2, x, count - 2 * LANES, z); break;
	case 3: piece_blocks(3, x, count - 3 * LANES, z); break;
	default: piece_blocks(4, x, 0, z); break;
	}
}

/* The same at the end of a row. */
static __attribute__((noinline)) void piece_last(const float *x, int count, vf *z)
{
	float padded[TAIL] = {0};
	memcpy(padded, x, (size_t)count * sizeof *x);
	piece_tail(padded, count, z);
}

/* z = lanes of x[0 .. count), n floats are there. */
static inline void piece_lanes(const float *x, int n, int count, vf *lanes)
{
	vf z[UNROLL] = {0};
	for (; count > TAIL; count -= TAIL, n -= TAIL, x += TAIL)
		for (int i = 0; i < UNROLL; i++) {
			const float *y = x + i * AM_VW;
			z[i] += (vf_load(y) + vf_load(y + LANES)) + (vf_load(y + 2 * LANES) + vf_load(y + 3 * LANES));
		}
	if (count && count + LANES > n)
		piece_last(x, count, z);
	else if (count)
		piece_tail(x, count, z);
	memcpy(lanes, z, sizeof z);
}

#ifdef AM_PIECES
#include AM_PIECES
#endif

static __attribute__((noinline)) void fold_pieces(prefix_state *p, double *sum)
{
	float whole[PIECES];
	double up_to[PIECES];
	memset(p->lanes + p->pieces, 0, (size_t)(PIECES - p->pieces) * sizeof p->lanes[0]);
	fold_rows(p->lanes, whole);
	p->total = pieces_up_to(whole, p->total, up_to);
	for (int i = 0; i < p->pieces; i++)
		sum[p->place[i]] = up_to[i]; /* of several pieces the last stays */
	p->pieces = 0;
}

/* The piece from `from` to at[place], in parts where it is long. */
static inline void prefix_place(prefix_state *p, const float *x, int n, int from, const int *at, int place, double *sum)
{
	do {
		int count = at[place] - from < PART ? at[place] - from : PART;
		piece_lanes(x + from, n - from, count, p->lanes[p->pieces]);
		p->place[p->pieces++] = place;
		from += count;
		if (p->pieces == PIECES)
			fold_pieces(p, sum);
	} while (from < at[place]);
}

static void prefix(const float *x, int n, const int *at, int n_at, double *sum)
{
	prefix_state p;
	p.pieces = 0;
	p.total = 0;
	for (int place = 0, from = 0; place < n_at; from = at[place - 1]) {
#ifdef AM_PIECES
		int count = n_at - place < PIECES ? n_at - place : PIECES;
		if (!p.pieces && pieces_sum(x, at + place, count, from, &p.total, sum + place)) {
			place += count;
			continue;
		}
#endif
		prefix_place(&p, x, n, from, at, place++, sum);
	}
	if (p.pieces)
		fold_pieces(&p, sum);
}

/* Sums of a row up to many places in one pass, included by <isa>/row.c after
 * generic/row.h. The row is cut at every place and every strip; the 16 lanes of a piece are
 * kept, and those of 16 pieces folded together. */
#include "kernels/generic/fold.h"

enum { PIECES = 16 };

/* Pieces not folded yet; a piece ends before place `end`. */
typedef struct prefix_state {
	vf lanes[PIECES][UNROLL];
	int end[PIECES], pieces, next; /* next place to be given */
	double total;
} prefix_state;

/* Lanes from .. to - 1 of the block of 16 at x, the others 0; n floats are there. */
static inline void add_part(const float *x, int n, int from, int to, vf *z)
{
	static const int32_t ones[3 * LANES] = {[LANES] = -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
	float padded[LANES] = {0};
	if (n < LANES)
		x = memcpy(padded, x, (size_t)n * sizeof *x);
	for (int i = 0; i < UNROLL; i++) {
		vi above, below;
		memcpy(&above, ones + LANES - from + i * AM_VW, sizeof above);
		memcpy(&below, ones + 2 * LANES - to + i * AM_VW, sizeof below);
		z[i] += (vf)(above & below & (vi)vf_load(x + i * AM_VW));
	}
}

/* z = lanes of x[from .. to), which lies in one strip. */
static inline void piece_lanes(const float *x, int n, int from, int to, vf *z)
{
	int j = from / LANES * LANES;
	for (int i = 0; i < UNROLL; i++)
		z[i] = vf_set(0);
	if (j < from) {
		add_part(x + j, n - j, from - j, to - j < LANES ? to - j : LANES, z);
		j += LANES;
	}
	for (; j + 4 * LANES <= to; j += 4 * LANES)
		for (int i = 0; i < UNROLL; i++) {
			const float *y = x + j + i * AM_VW;
			z[i] += (vf_load(y) + vf_load(y + LANES)) + (vf_load(y + 2 * LANES) + vf_load(y + 3 * LANES));
		}
	for (; j + LANES <= to; j += LANES)
		for (int i = 0; i < UNROLL; i++)
			z[i] += vf_load(x + j + i * AM_VW);
	if (j < to)
		add_part(x + j, n - j, 0, to - j, z);
}

static void fold_pieces(prefix_state *p, double *sum)
{
	float whole[PIECES];
	for (int i = 0; i < PIECES; i += AM_VW) {
		vf a[AM_VW];
		for (int k = 0; k < AM_VW; k++) {
			vf *l = p->lanes[i + k];
			for (int h = UNROLL / 2; h; h /= 2)
				for (int u = 0; u < h; u++)
					l[u] += l[u + h];
			a[k] = l[0];
		}
		vf_store(whole + i, fold_lanes(a));
	}
	for (int i = 0; i < p->pieces; i++) {
		p->total += (double)whole[i];
		while (p->next < p->end[i])
			sum[p->next++] = p->total;
	}
	p->pieces = 0;
}

static void prefix(const float *x, int n, const int *at, int n_at, double *sum)
{
	prefix_state p = {.pieces = 0};
	int from = 0, place = 0;
	while (place < n_at) {
		int strip = (from / STRIP + 1) * STRIP, to = at[place] < strip ? at[place] : strip;
		piece_lanes(x, n, from, to, p.lanes[p.pieces]);
		while (place < n_at && at[place] == to)
			place++;
		p.end[p.pieces++] = place;
		from = to;
		if (p.pieces == PIECES)
			fold_pieces(&p, sum);
	}
	fold_pieces(&p, sum);
}

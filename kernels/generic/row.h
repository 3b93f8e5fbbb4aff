/* Row reductions, included by <isa>/row.c after what exp.h asks for. */
#include "kernels/generic/exp.h"
#include "kernels/generic/fold.h"
#include "kernels/generic/tally.h"
#include "kernels/products.h"
#include "kernels/row.h"

#include <math.h>

/* Floats of a sweep that lanes add up in float32, and how many such strips are added up
 * likewise before they go to double: few terms, and little to convert. */
#define STRIP 512
#define STRIPS 8
#define INLINE static inline __attribute__((always_inline))

enum { CHAINS = 4 * UNROLL }; /* of maxima: more than one block, for their latency */

static float row_max(const float *s, int n)
{
	vf m[CHAINS];
	for (int u = 0; u < CHAINS; u++)
		m[u] = vf_set(-INFINITY);
	int j = 0;
	for (; j + 4 * LANES <= n; j += 4 * LANES)
		for (int u = 0; u < CHAINS; u++)
			m[u] = vf_max(vf_load(s + j + u * AM_VW), m[u]);
	for (; j + AM_VW <= n; j += AM_VW)
		m[0] = vf_max(vf_load(s + j), m[0]);
	if (j < n)
		m[0] = vf_max(vf_load_some(s + j, n - j, -INFINITY), m[0]);
	for (int u = 1; u < CHAINS; u++)
		m[0] = vf_max(m[u], m[0]);
	float best = -INFINITY;
	for (int i = 0; i < AM_VW; i++)
		best = m[0][i] > best ? m[0][i] : best;
	return best;
}

/* A chain of the scores' range. */
typedef struct range_part {
	vf most, least, odd; /* odd: 0 times what is not finite is NaN */
} range_part;

INLINE void range_add(range_part *r, vf x)
{
	r->most = vf_max(x, r->most);
	r->least = vf_min(x, r->least);
	r->odd = vf_fma(x, vf_set(0), r->odd);
}

/* The largest score as row_max forms it, and the least; NaN where one is not finite. Meanwhile a
 * tally is emptied, as loads of scores leave time for stores; NULL: there is none. */
INLINE float row_range(const float *s, int n, float *least, tally *t)
{
	enum { CLEARED = 32 }; /* buckets for every 4 blocks */
	range_part r[CHAINS];
#pragma GCC unroll 16
	for (int u = 0; u < CHAINS; u++)
		r[u] = (range_part){vf_set(-INFINITY), vf_set(INFINITY), vf_set(0)};
	int j = 0, cleared = 0;
	for (; j + 4 * LANES <= n; j += 4 * LANES) {
#pragma GCC unroll 16
		for (int u = 0; u < CHAINS; u++)
			range_add(&r[u], vf_load(s + j + u * AM_VW));
		if (t && cleared + CLEARED <= t->used) {
			memset(t->bucket + cleared, 0, CLEARED * sizeof t->bucket[0]);
			cleared += CLEARED;
		}
	}
	for (; j + AM_VW <= n; j += AM_VW)
		range_add(&r[0], vf_load(s + j));
	if (j < n)
		range_add(&r[0], vf_load_some(s + j, n - j, s[0]));
	if (t) {
		memset(t->bucket + cleared, 0, (size_t)(t->used - cleared) * sizeof t->bucket[0]);
		t->used = 0;
	}
#pragma GCC unroll 16
	for (int u = 1; u < CHAINS; u++) {
		r[0].most = vf_max(r[u].most, r[0].most);
		r[0].least = vf_min(r[u].least, r[0].least);
		r[0].odd += r[u].odd;
	}
	float best = -INFINITY, worst = INFINITY, rest = 0;
	for (int i = 0; i < AM_VW; i++) {
		best = r[0].most[i] > best ? r[0].most[i] : best;
		worst = r[0].least[i] < worst ? r[0].least[i] : worst;
		rest += r[0].odd[i];
	}
	*least = worst + rest;
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

/* What a sweep over a row forms beside the weights; in the last two these are known not to be 0. */
typedef enum { SWEEP_Z, SWEEP_SUMS, SWEEP_POSITIVE, SWEEP_TALLY } sweep_kind;

typedef struct strip_sums {
	vf z[UNROLL], a[UNROLL], b[UNROLL], z2[UNROLL];
	vf t[UNROLL]; /* sum of z after each block: a weight counts once for its block and each behind */
	vf c[UNROLL]; /* sum of the weights of up to TAIL keys that are not yet in z */
} strip_sums;

/* Sums of whole strips, a lane each. */
typedef struct row_lanes {
	vd z[UNROLL], a[UNROLL], b[UNROLL], z2[UNROLL], d[UNROLL];
} row_lanes;

/* Vector i of a block of which `count` floats are there. */
INLINE vf some_load(const float *s, int i, const int count)
{
	const int left = count - i * AM_VW;
	return left >= AM_VW ? vf_load(s + i * AM_VW) : vf_load_some(s + i * AM_VW, left > 0 ? left : 0, -INFINITY);
}

INLINE void some_store(float *e, int i, const int count, vf x)
{
	const int left = count - i * AM_VW;
	if (left >= AM_VW)
		vf_store(e + i * AM_VW, x);
	else if (left > 0)
		vf_store_some(e + i * AM_VW, left, x);
}

/* One block of 16 scores on its way to weights. */
typedef struct block_step {
	exp_step lane[UNROLL];
} block_step;

/* Of `count` scores and -inf behind (weight 0, adds nothing). */
INLINE block_step block_reduce(const sweep_kind kind, const float *s, const int count, vf max)
{
	block_step b;
#pragma GCC unroll 4
	for (int i = 0; i < UNROLL; i++) {
		vf u = some_load(s, i, count) - max;
		b.lane[i] = exp_reduce(kind >= SWEEP_POSITIVE && count == LANES ? u : vf_max(vf_set(EXP_MIN), u));
	}
	return b;
}

INLINE block_step block_series(block_step b)
{
#pragma GCC unroll 4
	for (int i = 0; i < UNROLL; i++)
		b.lane[i] = exp_series(b.lane[i]);
	return b;
}

/* Its weights and sums. */
INLINE void block_finish(const sweep_kind kind, block_step b, const int count, float *e, strip_sums *t)
{
#pragma GCC unroll 4
	for (int i = 0; i < UNROLL; i++) {
		vf w = exp_scale(b.lane[i]), u = b.lane[i].u;
		some_store(e, i, count, w);
		t->c[i] += w;
		if (kind == SWEEP_Z)
			continue;
		vf wu = w * u;
		t->a[i] += wu;
		t->b[i] = vf_fma(wu, u, t->b[i]);
		t->z2[i] = vf_fma(w, w, t->z2[i]);
		t->t[i] += t->c[i];
	}
}

/* After so many blocks, 4 but at the end of a row, what they add up to goes on, and to lanes. */
INLINE void blocks_close(const sweep_kind kind, int blocks, strip_sums *t, float *lanes)
{
	for (int i = 0; i < UNROLL; i++) {
		if (kind != SWEEP_Z)
			t->t[i] = vf_fma(t->z[i], vf_set((float)blocks), t->t[i]);
		if (lanes)
			vf_store(lanes + i * AM_VW, t->c[i]);
		t->z[i] += t->c[i];
		t->c[i] = vf_set(0);
	}
}

INLINE void sweep_block(const sweep_kind kind, const float *s, const int count, vf max, float *e, strip_sums *t)
{
	block_finish(kind, block_series(block_reduce(kind, s, count, max)), count, e, t);
}

INLINE void add_lanes(const vf *x, vd *to)
{
	for (int i = 0; i < UNROLL; i++)
		to[i] += __builtin_convertvector(x[i], vd);
}

/* Adds a strip of so many blocks to those before it. */
INLINE void add_strip(const sweep_kind kind, const strip_sums *t, int blocks, strip_sums *to)
{
	for (int i = 0; i < UNROLL; i++) {
		if (kind != SWEEP_Z) {
			to->a[i] += t->a[i];
			to->b[i] += t->b[i];
			to->z2[i] += t->z2[i];
			to->t[i] = vf_fma(to->z[i], vf_set((float)blocks), to->t[i] + t->t[i]);
		}
		to->z[i] += t->z[i];
	}
}

/* `after`: keys from the first behind the strips' blocks to the last of the row. */
INLINE void add_strips(const sweep_kind kind, const strip_sums *t, double after, row_lanes *r)
{
	add_lanes(t->z, r->z);
	if (kind == SWEEP_Z)
		return;
	add_lanes(t->a, r->a);
	add_lanes(t->b, r->b);
	add_lanes(t->z2, r->z2);
	vd lane;
	for (int i = 0; i < AM_VW; i++)
		lane[i] = i;
	for (int i = 0; i < UNROLL; i++) {
		vd z = __builtin_convertvector(t->z[i], vd), blocks = __builtin_convertvector(t->t[i], vd);
		r->d[i] += (after - i * AM_VW - lane) * z + LANES * blocks;
	}
}

INLINE double sum_lanes(const vd *x)
{
	double s[LANES];
	memcpy(s, x, sizeof s);
#pragma GCC unroll 4
	for (int h = LANES / 2; h; h /= 2)
		for (int i = 0; i < h; i++)
			s[i] += s[i + h];
	return s[0];
}

static double sum_block(const vf *v)
{
	vd lane[UNROLL] = {{0}};
	add_lanes(v, lane);
	return sum_lanes(lane);
}

/* A tally lags this much behind the weights, which are on their way to the cache. */
enum { LAG = 8 * LANES };

/* So many blocks go side by side, as registers permit; a divisor of STRIP / 16. */
#ifndef AM_SWEEP_BLOCKS
#define AM_SWEEP_BLOCKS 1
#endif
enum { GROUP = AM_SWEEP_BLOCKS, GROUP_LANES = GROUP * LANES };

/* What is left of a strip, less than a group. */
INLINE void strip_end(const sweep_kind kind, const float *s, int count, vf max, float *e, strip_sums *t)
{
	for (; count >= LANES; count -= LANES, s += LANES, e += LANES)
		sweep_block(kind, s, LANES, max, e, t);
	if (count)
		sweep_block(kind, s, count, max, e, t);
}

/* A row on its way to weights, and the tally if there is one. */
typedef struct sweep_work {
	const float *s;
	float *e;
	int whole; /* scores in whole groups */
	int tallied, shift;
	uint64_t *origin, one;
	vf max;
} sweep_work;

/* A weight takes a chain of some 20 operations, and a processor looks ahead no further than a
 * few blocks, so groups of them are on their way at two places of the chain. For the same reason
 * the stores of a tally are spread among them. */
INLINE void sweep_group(const sweep_kind kind, const sweep_work *w, int j, block_step *next, strip_sums *t)
{
	const int late = w->tallied && j >= LAG;
	const float *ahead = w->s + (j + GROUP_LANES < w->whole ? j + GROUP_LANES : j), *behind = late ? w->e + (j - LAG) : w->e;
#pragma GCC unroll 4
	for (int g = 0; g < GROUP; g++, ahead += LANES, behind += LANES) {
		if (late)
			tally_plain(5, w->origin, w->shift, w->one, behind);
		block_step last = block_series(next[g]);
		if (late)
			tally_plain(5, w->origin, w->shift, w->one, behind + 5);
		next[g] = block_reduce(kind, ahead, LANES, w->max);
		if (late)
			tally_plain(6, w->origin, w->shift, w->one, behind + 10);
		block_finish(kind, last, LANES, w->e + j + g * LANES, t);
	}
}

INLINE void sweep(const sweep_kind kind, const float *s, int n, float max, float *e, float *lanes, row_lanes *r, tally *tl)
{
	const int tallied = kind == SWEEP_TALLY;
	const sweep_work w = {.s = s, .e = e, .max = vf_set(max), .whole = n / GROUP_LANES * GROUP_LANES, .tallied = tallied,
	                      .shift = tallied ? tl->form.shift : 0, .origin = tallied ? tally_origin(tl) : NULL,
	                      .one = tallied ? (uint64_t)1 << tl->form.bits : 0};
	block_step next[GROUP] = {0};
	strip_sums strips = {0};
	for (int g = 0; w.whole && g < GROUP; g++)
		next[g] = block_reduce(kind, s + g * LANES, LANES, w.max);
	for (int j0 = 0, j = 0; j0 < n; j0 += STRIP) {
		strip_sums t = {0};
		int end = n - j0 < STRIP ? n : j0 + STRIP, groups = end < w.whole ? end : w.whole, blocks = (end - j0 + LANES - 1) / LANES;
		for (; j + TAIL <= groups; j += TAIL) {
#pragma GCC unroll 4
			for (int h = 0; h < TAIL; h += GROUP_LANES)
				sweep_group(kind, &w, j + h, next, &t);
			blocks_close(kind, TAIL / LANES, &t, lanes ? lanes + j / TAIL * LANES : NULL);
		}
		int open = blocks - (j - j0) / LANES;
		float *last = lanes ? lanes + j / TAIL * LANES : NULL;
		for (; j < groups; j += GROUP_LANES)
			sweep_group(kind, &w, j, next, &t);
		strip_end(kind, s + j, end - j, w.max, e + j, &t);
		if (open)
			blocks_close(kind, open, &t, last);
		add_strip(kind, &t, blocks, &strips);
		if (end == n || end % (STRIPS * STRIP) == 0) {
			add_strips(kind, &strips, n - 1 - j0 - blocks * LANES, r);
			strips = (strip_sums){0};
		}
	}
	int done = w.whole > LAG ? w.whole - LAG : 0;
	if (tallied)
		tally_fill(tl, e + done, n - done);
}

INLINE void reduce(const sweep_kind kind, const float *s, int n, float max, float *e, float *lanes, am_row_sums *out, tally *tl)
{
	if (!(max - max == 0)) {
		row_degenerate(s, n, max, e, out);
		return;
	}
	row_lanes r = {{{0}}, {{0}}, {{0}}, {{0}}, {{0}}};
	sweep(kind, s, n, max, e, lanes, &r, tl);
	*out = (am_row_sums){.max = max, .z = sum_lanes(r.z), .a = sum_lanes(r.a), .b = sum_lanes(r.b),
	                     .z2 = sum_lanes(r.z2), .d = sum_lanes(r.d)};
}

static void row_stats(const float *s, int n, float *e, float *lanes, am_row_sums *out)
{
	reduce(SWEEP_SUMS, s, n, row_max(s, n), e, lanes, out, NULL);
}

static void row_softmax(const float *s, int n, float *e, am_row_sums *out)
{
	reduce(SWEEP_Z, s, n, row_max(s, n), e, NULL, out, NULL);
}

/* The least key of a row's weights, up to 1 ulp off either way, given the least score less the largest; 0
 * where some weight may be 0 or is none. */
static int32_t least_key(float least)
{
	enum { DEEPEST = 80, MARGIN = 4 };
	return least >= -DEEPEST && least <= 0 ? tally_key(vf_exp(vf_set(least))[0]) - MARGIN : 0;
}

static int32_t row_weigh(const float *s, int n, float *e, float *lanes, am_row_sums *out)
{
	float least, max = row_range(s, n, &least, NULL);
	int32_t key = least_key(least - max);
	if (key)
		reduce(SWEEP_POSITIVE, s, n, max, e, lanes, out, NULL);
	else
		reduce(SWEEP_SUMS, s, n, max, e, lanes, out, NULL);
	return key;
}

/* As the weights are formed where their range is known beforehand. */
static void row_tally(const float *s, int n, float *e, float *lanes, am_row_sums *out, void *tallied)
{
	float least, max = row_range(s, n, &least, tallied);
	int32_t key = least_key(least - max);
	if (key) {
		tally_shape(tallied, n, key, TALLY_ONE);
		if (((tally *)tallied)->form.plain) {
			reduce(SWEEP_TALLY, s, n, max, e, lanes, out, tallied);
			return;
		}
	}
	reduce(SWEEP_SUMS, s, n, max, e, lanes, out, NULL);
	if (out->z > 0)
		tally_weights(tallied, e, n);
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
	for (int j0 = 0; j0 < n; j0 += PART) {
		int m = n - j0 < PART ? n - j0 : PART, j = 0;
		vf z[UNROLL] = {0};
		for (; j + LANES <= m; j += LANES)
			for (int i = 0; i < UNROLL; i++)
				z[i] += vf_load(x + j0 + j + i * AM_VW);
		if (j < m)
			add_rest(x, n, m - j, z);
		total += sum_block(z);
	}
	return total;
}

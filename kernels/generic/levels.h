/* Nested top-k sets of a row under several budgets, as one byte a key, and what is
 * counted over them; included by <isa>/row.c after generic/topk.h, which may define
 * AM_LEVEL_LANES and bring its own level_lanes before it.
 *
 * The level of a key is the first budget whose set holds it. Scores fall into buckets
 * by a map that never decreases in the score, so walking the buckets down finds the one
 * where each set ends; only the scores of those are put in order. */
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* Sum of a block's lanes in float64, four chains of additions wide. */
static inline double vf_sum(const vf *v)
{
	float x[LANES];
	double s[4] = {0};
	memcpy(x, v, sizeof x);
	for (int i = 0; i < LANES; i += 4)
		for (int j = 0; j < 4; j++)
			s[j] += (double)x[i + j];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

#ifndef LEVEL_GROUP
#define LEVEL_GROUP 12 /* budgets counted in one pass */
#endif

enum { LEVEL_BUCKETS = 2048, LEVEL_OCTAVES = 14, LEVEL_MARK = 0x80 };

/* y = clamp(x - low, 0, top), then linear in y, or in its bits down to top 2^-14. */
typedef struct level_map {
	float low, top, scale;
	int32_t floor;
	int shift, n; /* buckets 0 .. n - 1 */
	bool log;
} level_map;

typedef struct level_row {
	const float *score;
	const int *k; /* those below the length */
	int n, n_k;
	level_map map;
	float high; /* largest score */
	uint32_t *count; /* [LEVEL_BUCKETS]; of a marked bucket the place of its next key */
	uint16_t *at;    /* [n] bucket of each score */
	uint64_t *key;   /* [n] candidates of the marked buckets, one after another */
	int end[AM_LEVEL_BUDGETS];   /* bucket where the set ends */
	int need[AM_LEVEL_BUDGETS];  /* keys it takes from there */
	int start[AM_LEVEL_BUDGETS]; /* where the keys of that bucket begin in key[] */
	bool marked[AM_LEVEL_BUDGETS]; /* not all of them */
	uint8_t *level;
} level_row;

typedef uint8_t vb __attribute__((vector_size(4 * AM_VW)));
typedef uint16_t vs __attribute__((vector_size(4 * AM_VW)));
typedef uint16_t vs_half __attribute__((vector_size(2 * AM_VW)));
typedef uint8_t vb_half __attribute__((vector_size(2 * AM_VW)));
typedef uint8_t vb_quarter __attribute__((vector_size(AM_VW)));

/* Least and largest of the finite scores, and their mean above the least. */
static void level_range(const float *x, int n, float *low, float *high, double *sum)
{
	vf least[UNROLL], most[UNROLL], total[UNROLL];
	for (int u = 0; u < UNROLL; u++) {
		least[u] = vf_set(INFINITY);
		most[u] = vf_set(-INFINITY);
		total[u] = vf_set(0);
	}
	int j = 0;
	for (; j + LANES <= n; j += LANES)
		for (int u = 0; u < UNROLL; u++) {
			vf v = vf_load(x + j + u * AM_VW);
			vi there = v > vf_set(-INFINITY);
			least[u] = vf_pick(there & (v < least[u]), v, least[u]);
			most[u] = vf_pick(v > most[u], v, most[u]);
			total[u] += vf_pick(there, v, vf_set(0));
		}
	float a[LANES], b[LANES];
	memcpy(a, least, sizeof a);
	memcpy(b, most, sizeof b);
	*low = INFINITY;
	*high = -INFINITY;
	*sum = vf_sum(total);
	for (int i = 0; i < LANES; i++) {
		*low = a[i] < *low ? a[i] : *low;
		*high = b[i] > *high ? b[i] : *high;
	}
	for (; j < n; j++) {
		*high = x[j] > *high ? x[j] : *high;
		if (x[j] > -INFINITY) {
			*low = x[j] < *low ? x[j] : *low;
			*sum += (double)x[j];
		}
	}
}

static int32_t level_bits(float x)
{
	int32_t u;
	memcpy(&u, &x, sizeof u);
	return u;
}

/* False where no map is any use: all equal, or a range beyond float32. */
static bool level_map_for(const float *x, int n, level_map *m, float *high)
{
	double sum;
	level_range(x, n, &m->low, high, &sum);
	m->top = *high - m->low;
	if (!(m->top >= 0x1p-100f && m->top < 0x1p100f))
		return false;
	m->n = n < 128 ? 64 : n < 512 ? 256 : n < 2048 ? 1024 : LEVEL_BUCKETS;
	m->scale = (float)(m->n - 1) / m->top;
	/* A few keys that tower above all others would leave one bucket to the rest. */
	m->log = sum / n - (double)m->low < (double)m->top / 32;
	m->floor = level_bits(m->top) - (LEVEL_OCTAVES << 23);
	m->shift = 0;
	while ((LEVEL_OCTAVES << 23) >> m->shift >= m->n)
		m->shift++;
	return true;
}

/* Buckets of 16 scores. */
static inline void level_buckets(const level_map *m, const float *x, int32_t *at, uint16_t *narrow)
{
	for (int u = 0; u < UNROLL; u++) {
		vf y = vf_load(x + u * AM_VW) - m->low;
		y = vf_pick(y > vf_set(0), y, vf_set(0));
		vi b;
		if (m->log) {
			b = (vi)y - m->floor;
			b = (b & (b > 0)) >> m->shift;
		} else {
			b = __builtin_convertvector(y * m->scale, vi);
		}
		vs_half h = __builtin_convertvector(b, vs_half);
		memcpy(at + u * AM_VW, &b, sizeof b);
		memcpy(narrow + u * AM_VW, &h, sizeof h);
	}
	__asm__ volatile("" : : "r"(at) : "memory"); /* read back one by one, not picked out of registers */
}

static void level_fill(level_row *r)
{
	memset(r->count, 0, (size_t)r->map.n * sizeof *r->count);
	int32_t at[LANES];
	int j = 0;
	for (; j + LANES <= r->n; j += LANES) {
		level_buckets(&r->map, r->score + j, at, r->at + j);
#pragma GCC unroll 16
		for (int i = 0; i < LANES; i++)
			r->count[at[i]]++;
	}
	float tail[LANES] = {0};
	uint16_t narrow[LANES];
	memcpy(tail, r->score + j, (size_t)(r->n - j) * sizeof *tail);
	level_buckets(&r->map, tail, at, narrow);
	for (int i = 0; i < r->n - j; i++) {
		r->count[at[i]]++;
		r->at[j + i] = narrow[i];
	}
}

/* Goes down over whole groups of buckets that end no set. */
static int level_skip(const level_row *r, int bucket, int next, int *passed)
{
	while ((bucket & 15) == 15) {
		int sum = 0;
		for (int i = 0; i < 16; i++)
			sum += (int)r->count[bucket - i];
		if (*passed + sum >= next)
			break;
		*passed += sum;
		bucket -= 16;
	}
	return bucket;
}

/* Finds where each set ends, and gives the buckets that are cut room for their keys. */
static void level_walk(level_row *r)
{
	int passed = 0, b = 0, bucket = r->map.n - 1;
	uint32_t room = 0;
	for (; b < r->n_k; bucket--) {
		bucket = level_skip(r, bucket, r->k[b], &passed);
		int c = (int)r->count[bucket], first = b;
		bool cut = false;
		for (; b < r->n_k && r->k[b] <= passed + c; b++) {
			r->end[b] = bucket;
			r->need[b] = r->k[b] - passed;
			cut = cut || r->need[b] < c;
		}
		for (int i = first; i < b; i++) {
			r->marked[i] = cut;
			r->start[i] = (int)room;
		}
		if (cut) {
			r->count[bucket] = room;
			room += (uint32_t)c;
		}
		passed += c;
	}
}

/* Levels of keys outside the cut buckets; LEVEL_MARK inside. */
static void level_of_buckets(const level_row *r, int from, int to)
{
	for (int j = from; j < to; j++) {
		int level = 0, mark = 0;
		for (int b = 0; b < r->n_k; b++) {
			level += r->at[j] < r->end[b];
			mark |= r->marked[b] && r->at[j] == r->end[b];
		}
		r->level[j] = mark ? LEVEL_MARK : (uint8_t)level;
	}
}

static void level_of_all(const level_row *r)
{
	enum { STEP = 4 * AM_VW }; /* bytes of a vector */
	uint16_t end[AM_LEVEL_BUDGETS], cut[AM_LEVEL_BUDGETS];
	int n_cut = 0, j = 0;
	for (int b = 0; b < r->n_k; b++) {
		end[b] = (uint16_t)r->end[b];
		if (r->marked[b] && (!n_cut || cut[n_cut - 1] != end[b]))
			cut[n_cut++] = end[b];
	}
	for (; j + STEP <= r->n; j += STEP) {
		vs a, c;
		memcpy(&a, r->at + j, sizeof a);
		memcpy(&c, r->at + j + STEP / 2, sizeof c);
		vs la = {0}, lc = {0}, ma = {0}, mc = {0};
		for (int b = 0; b < r->n_k; b++) {
			la -= (vs)(a < end[b]);
			lc -= (vs)(c < end[b]);
		}
		for (int b = 0; b < n_cut; b++) {
			ma |= (vs)(a == cut[b]);
			mc |= (vs)(c == cut[b]);
		}
		la = (la & ~ma) | (ma & LEVEL_MARK);
		lc = (lc & ~mc) | (mc & LEVEL_MARK);
		vb_half pa = __builtin_convertvector(la, vb_half), pc = __builtin_convertvector(lc, vb_half);
		memcpy(r->level + j, &pa, sizeof pa);
		memcpy(r->level + j + STEP / 2, &pc, sizeof pc);
	}
	level_of_buckets(r, j, r->n);
}

/* Keys of cut buckets to their bucket's room; count[] then tells where it ends. */
static void level_gather(level_row *r)
{
	for (int j = 0; j < r->n; j += 8) {
		uint64_t eight = 0;
		memcpy(&eight, r->level + j, r->n - j < 8 ? (size_t)(r->n - j) : 8);
		if (!(eight & 0x8080808080808080u))
			continue;
		for (int i = j; i < j + 8 && i < r->n; i++)
			if (r->level[i] == LEVEL_MARK)
				r->key[r->count[r->at[i]]++] = topk_candidate(r->score[i], i);
	}
}

static void level_give(const level_row *r, const uint64_t *key, int from, int to, int level)
{
	for (int i = from; i < to; i++)
		r->level[0xffffffffu - (uint32_t)key[i]] = (uint8_t)level;
}

/* Sets first .. last - 1 end among these n keys. */
static void level_cut(const level_row *r, uint64_t *key, int n, int first, int last)
{
	/* Equal scores were gathered by rising index: best first already. */
	bool equal = true;
	for (int i = 1; i < n && equal; i++)
		equal = key[i] >> 32 == key[0] >> 32;
	for (int b = last - 1; b >= first; b--) {
		int m = r->need[b];
		if (!equal && m < n)
			select_first(key, n, m, sort_depth(n));
		level_give(r, key, m, n, b + 1);
		n = m;
	}
	level_give(r, key, 0, n, first);
}

/* Every score a candidate: short rows, and those no map spreads. */
static void level_directly(const level_row *r)
{
	level_row all = *r;
	for (int j = 0; j < r->n; j++)
		r->key[j] = topk_candidate(r->score[j], j);
	for (int b = 0; b < r->n_k; b++)
		all.need[b] = r->k[b];
	level_cut(&all, r->key, r->n, 0, r->n_k);
}

/* The first of the largest. */
static int level_best(const float *x, int n, float most)
{
	int j = 0;
	for (; j + 4 * LANES <= n; j += 4 * LANES) {
		vi found = {0};
		for (int u = 0; u < 4 * UNROLL; u++)
			found |= vf_load(x + j + u * AM_VW) == most;
		uint64_t word[sizeof found / 8], any = 0;
		memcpy(word, &found, sizeof found);
		for (size_t i = 0; i < sizeof found / 8; i++)
			any |= word[i];
		if (any)
			break;
	}
	while (j < n - 1 && !(x[j] == most))
		j++;
	return j;
}

static int row_levels(const float *score, int n, const int *k, int n_k, uint8_t *level, void *scratch)
{
	level_row r = {.score = score, .k = k, .n = n, .n_k = n_k, .level = level};
	if (n < 1)
		return -1;
	while (r.n_k && k[r.n_k - 1] >= n)
		r.n_k--;
	r.key = scratch;
	r.count = (uint32_t *)(r.key + n);
	r.at = (uint16_t *)(r.count + LEVEL_BUCKETS);
	if (r.n_k == 0)
		memset(level, 0, (size_t)n);
	bool mapped = level_map_for(score, n, &r.map, &r.high);
	if (r.n_k && (n < 48 || !mapped)) {
		level_directly(&r);
	} else if (r.n_k) {
		level_fill(&r);
		level_walk(&r);
		level_of_all(&r);
		level_gather(&r);
		for (int b = 0, last; b < r.n_k; b = last) {
			for (last = b + 1; last < r.n_k && r.end[last] == r.end[b];)
				last++;
			if (r.marked[b])
				level_cut(&r, r.key + r.start[b], (int)r.count[r.end[b]] - r.start[b], b, last);
		}
	}
	return level_best(score, n, r.high);
}

static int sum_bytes(vb v)
{
	uint8_t x[sizeof v];
	int sum = 0;
	memcpy(x, &v, sizeof x);
	for (size_t i = 0; i < sizeof x; i++)
		sum += x[i];
	return sum;
}

/* Counts for budgets first .. first + LEVEL_GROUP - 1 (fewer at the end). */
static void count_group(const uint8_t *a, const uint8_t *b, int n, int first, int n_k, int32_t *count)
{
	enum { STEP = 4 * AM_VW, MOST = 255 * STEP };
	int32_t total[LEVEL_GROUP] = {0};
	int j = 0;
	while (j + STEP <= n) {
		int end = n - j > MOST ? j + MOST : n;
		vb in[LEVEL_GROUP];
		for (int i = 0; i < LEVEL_GROUP; i++)
			in[i] = (vb){0};
		for (; j + STEP <= end; j += STEP) {
			vb x, y;
			memcpy(&x, a + j, sizeof x);
			memcpy(&y, b + j, sizeof y);
			vb larger = (vb)(x > y);
			x = (x & larger) | (y & ~larger);
#pragma GCC unroll 12
			for (int i = 0; i < LEVEL_GROUP; i++)
				in[i] -= (vb)(x <= (uint8_t)(first + i));
		}
		for (int i = 0; i < LEVEL_GROUP; i++)
			total[i] += sum_bytes(in[i]);
	}
	for (; j < n; j++) {
		int level = a[j] > b[j] ? a[j] : b[j];
		for (int i = 0; i < LEVEL_GROUP; i++)
			total[i] += level <= first + i;
	}
	for (int i = 0; i < LEVEL_GROUP && first + i < n_k; i++)
		count[first + i] = total[i];
}

static void level_counts(const uint8_t *a, const uint8_t *b, int n, int n_k, int32_t *count)
{
	for (int first = 0; first < n_k; first += LEVEL_GROUP)
		count_group(a, b, n, first, n_k, count);
}

#ifndef AM_LEVEL_LANES
/* Adds 512 weights at most to the lanes of one vector in 16: float32 there, float64
 * across, as in every sum of a row. */
static void level_lanes(const uint8_t *level, const float *w, int n, int first, vf *sum)
{
	for (int i = 0; i < LEVEL_GROUP; i++)
		sum[i] = vf_set(0);
	for (int j = 0; j + LANES <= n; j += LANES) {
		vb_quarter bytes;
		memcpy(&bytes, level + j, sizeof bytes);
		vi x = __builtin_convertvector(bytes, vi);
		vf v = vf_load(w + j);
#pragma GCC unroll 12
		for (int i = 0; i < LEVEL_GROUP; i++)
			sum[i] += (vf)((vi)v & (x <= first + i));
	}
}

#endif

static void sum_group(const uint8_t *level, const float *w, int n, int first, int n_k, double *sum)
{
	enum { PIECE = 512 };
	double total[LEVEL_GROUP] = {0};
	int whole = n / LANES * LANES;
	for (int j = 0; j < whole; j += PIECE) {
		int m = whole - j < PIECE ? whole - j : PIECE;
		vf part[UNROLL][LEVEL_GROUP], lanes[UNROLL];
		for (int u = 0; u < UNROLL; u++)
			level_lanes(level + j + u * AM_VW, w + j + u * AM_VW, m, first, part[u]);
		for (int i = 0; i < LEVEL_GROUP; i++) {
			for (int u = 0; u < UNROLL; u++)
				lanes[u] = part[u][i];
			total[i] += vf_sum(lanes);
		}
	}
	for (int j = whole; j < n; j++)
		for (int i = 0; i < LEVEL_GROUP; i++)
			total[i] += level[j] <= first + i ? (double)w[j] : 0;
	for (int i = 0; i < LEVEL_GROUP && first + i < n_k; i++)
		sum[first + i] = total[i];
}

static void level_sums(const uint8_t *level, const float *weight, int n, int n_k, double *sum)
{
	for (int first = 0; first < n_k; first += LEVEL_GROUP)
		sum_group(level, weight, n, first, n_k, sum);
}

/* A set of masks nested by budgets is a level: 2^n_k - mask = 2^level. */
static bool mask_levels(const uint32_t *mask, int n, int n_k, uint8_t *level)
{
	int32_t broken = 0;
	if (n_k > 30)
		return false;
	int32_t all = (int32_t)1 << n_k;
	int j = 0;
	for (; j + AM_VW <= n; j += AM_VW) {
		vi m;
		memcpy(&m, mask + j, sizeof m);
		m = all - m;
		vi odd = m & (m - 1);
		int32_t x[AM_VW], any = 0;
		memcpy(x, &odd, sizeof x);
		for (int i = 0; i < AM_VW; i++)
			any |= x[i];
		broken |= any;
		vf f = __builtin_convertvector(m, vf);
		vb_quarter b = __builtin_convertvector(((vi)f >> 23) - 127, vb_quarter);
		memcpy(level + j, &b, sizeof b);
	}
	for (; j < n; j++) {
		int32_t m = all - (int32_t)mask[j];
		broken |= m & (m - 1);
		level[j] = (uint8_t)((level_bits((float)m) >> 23) - 127);
	}
	return broken == 0;
}

static void row_shares(const float *weight, int64_t stride, int heads, int group, const float *inv_z, int n,
                       float *of_group, int64_t group_stride, float *sum, float *largest)
{
	for (int j = 0; j < n; j++)
		sum[j] = largest[j] = 0;
	for (int first = 0; first < heads; first += group) {
		float *g = of_group + first / group * group_stride;
		int j = 0;
		for (; j + AM_VW <= n; j += AM_VW) {
			vf s = vf_load(sum + j), m = vf_load(largest + j), part = vf_set(0);
			for (int h = first; h < first + group; h++) {
				vf p = vf_load(weight + h * stride + j) * inv_z[h];
				part += p;
				s += p;
				m = vf_pick(p > m, p, m);
			}
			vf_store(g + j, part);
			vf_store(sum + j, s);
			vf_store(largest + j, m);
		}
		for (; j < n; j++) {
			g[j] = 0;
			for (int h = first; h < first + group; h++) {
				float p = weight[h * stride + j] * inv_z[h];
				g[j] += p;
				sum[j] += p;
				largest[j] = p > largest[j] ? p : largest[j];
			}
		}
	}
}

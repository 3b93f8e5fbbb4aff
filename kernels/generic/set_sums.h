/* What is counted and added up over sets of keys, one bit a key; included by <isa>/row.c
 * after generic/sets.h. */
#include "kernels/generic/bits.h"
#include "kernels/generic/fold.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

static void set_counts(const uint64_t *a, const uint64_t *b, int n, int n_k, int32_t *count)
{
	size_t words = AM_SET_WORDS(n);
	for (int i = 0; i < n_k; i++)
		count[i] = bits_count(a + (size_t)i * words, b + (size_t)i * words, words);
}

/* A set of up to an eighth of the keys is a list, made once for all rows. Where it holds the
 * set before it, as nested sets do, only what is new to it is listed, and sums and counts run on.
 * Sums are float64 throughout, whatever came before and beside: equal sets have equal sums but
 * for roundings of float64. Larger sets are additions under their bits, float32 in the lanes of
 * 512 keys, float64 across. */
enum { SET_LISTED = 8, SET_LIST = 640, SET_PIECE = 512, SET_ROWS = 4, SET_GROUP = AM_VW == 16 ? 4 : 3 };

typedef struct set_sums_step {
	const am_key_sets *of;
	size_t words;
	int n, n_k;
	const am_set_rows *r;
} set_sums_step;

typedef struct set_list {
	const uint64_t *last; /* set that the list has reached, NULL for none */
	bool more;            /* the set that ends last has keys beyond the list */
	int from;             /* set whose sum the first key comes on top of, -1 for none */
	int keys, ends;
	int at[SET_LIST];     /* [keys] */
	int which[AM_SET_BUDGETS + 1]; /* [ends] sets that end in the list, or are cut by its end, */
	int end[AM_SET_BUDGETS + 1];   /* and before which of its keys */
} set_list;

static double set_sum_before(const set_sums_step *s, const set_list *l, int h)
{
	return l->from < 0 ? 0 : s->of->sum[(int64_t)h * s->n_k + l->from];
}

/* One row: sums of shells, in four chains. */
static void set_list_row(const set_sums_step *s, const set_list *l, int h)
{
	const float *x = s->r->row[h];
	double total = set_sum_before(s, l, h);
	for (int e = 0, i = 0; e < l->ends; e++) {
		double part[4] = {0};
		for (; i + 4 <= l->end[e]; i += 4)
			for (int c = 0; c < 4; c++)
				part[c] += (double)x[l->at[i + c]];
		for (; i < l->end[e]; i++)
			part[0] += (double)x[l->at[i]];
		total += (part[0] + part[1]) + (part[2] + part[3]);
		s->of->sum[(int64_t)h * s->n_k + l->which[e]] = total;
	}
}

typedef float vf_four __attribute__((vector_size(16)));
typedef float vf_eight __attribute__((vector_size(32)));
typedef double vd_four __attribute__((vector_size(32)));
typedef double vd_eight __attribute__((vector_size(64)));
typedef int32_t vi_four __attribute__((vector_size(16)));

/* Weights of the listed keys, SET_ROWS rows side by side, the first again for those that are
 * missing; zeros fill up the last vectors. */
static void set_list_fill(const set_sums_step *s, const set_list *l, int first, int rows, float *to)
{
	const float *x[SET_ROWS];
	for (int h = 0; h < SET_ROWS; h++)
		x[h] = s->r->row[first + (h < rows ? h : 0)];
	for (int i = 0; i < l->keys; i++) {
		int j = l->at[i];
		vf_four v = {x[0][j], x[1][j], x[2][j], x[3][j]};
		memcpy(to + SET_ROWS * i, &v, sizeof v);
	}
	memset(to + SET_ROWS * l->keys, 0, LANES * sizeof *to);
}

/* Shells of a list, four keys at a time, in as many chains. */
static void set_list_sums(const set_sums_step *s, const set_list *l, int first, int rows, const float *x)
{
	double total[SET_ROWS];
	for (int h = 0; h < SET_ROWS; h++)
		total[h] = set_sum_before(s, l, first + (h < rows ? h : 0));
	for (int e = 0, i = 0; e < l->ends; e++) {
		vd_eight a = {0}, b = {0};
		vd_four c = {0}, part[2];
		for (; i + 4 <= l->end[e]; i += 4) {
			vf_eight u, v;
			memcpy(&u, x + SET_ROWS * i, sizeof u);
			memcpy(&v, x + SET_ROWS * i + 8, sizeof v);
			a += __builtin_convertvector(u, vd_eight);
			b += __builtin_convertvector(v, vd_eight);
		}
		for (; i < l->end[e]; i++) {
			vf_four v;
			memcpy(&v, x + SET_ROWS * i, sizeof v);
			c += __builtin_convertvector(v, vd_four);
		}
		a += b;
		memcpy(part, &a, sizeof part);
		c += part[0] + part[1];
		for (int h = 0; h < SET_ROWS; h++)
			total[h] += c[h];
		for (int h = 0; h < rows; h++)
			s->of->sum[(int64_t)(first + h) * s->n_k + l->which[e]] = total[h];
	}
}

/* How many of the first `keys` listed reach the bound, in each of SET_ROWS rows. */
static vi_four set_list_reach(const float *x, int keys, vf_four bound)
{
	/* From lane 16 - 4 m on: m keys. */
	static const int32_t some[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
	int whole = SET_ROWS * keys / LANES * LANES, i = 0;
	const int32_t *left = some + LANES - (SET_ROWS * keys - whole);
	vi count[UNROLL] = {{0}}, in;
	vf limit[UNROLL];
	vi_four part[LANES / 4];
	for (int u = 0; u < LANES / 4; u++)
		memcpy((char *)limit + u * sizeof bound, &bound, sizeof bound);
	for (; i < whole; i += LANES)
		for (int u = 0; u < UNROLL; u++)
			count[u] -= vf_load(x + i + u * AM_VW) >= limit[u];
	for (int u = 0; u < UNROLL; u++) {
		memcpy(&in, left + u * AM_VW, sizeof in);
		count[u] -= (vf_load(x + i + u * AM_VW) >= limit[u]) & in;
	}
	memcpy(part, count, sizeof part);
	return (part[0] + part[1]) + (part[2] + part[3]);
}

/* Of sets that end in the list, and of those that may yet hold all of it. */
static void set_list_counts(const set_sums_step *s, const set_list *l, int first, int rows, const float *x)
{
	const float *const *bound = s->r->bound + first;
	int last = l->ends ? l->which[l->ends - 1] : s->r->n_bound, ends = l->ends;
	for (int e = 0; e < ends || (l->more && last + 1 + e - ends < s->r->n_bound); e++) {
		int b = e < ends ? l->which[e] : last + 1 + e - ends;
		if (b >= s->r->n_bound)
			return;
		vf_four least;
		for (int h = 0; h < SET_ROWS; h++)
			least[h] = h < rows && bound[h] ? bound[h][b] : NAN;
		vi_four count = set_list_reach(x, e < ends ? l->end[e] : l->keys, least);
		for (int h = 0; h < rows; h++)
			s->of->count[(int64_t)(first + h) * s->n_k + b] += count[h];
	}
}

static void set_list_rows(const set_sums_step *s, const set_list *l, int first, int rows, bool counted)
{
	float x[SET_ROWS * SET_LIST + LANES];
	int summed = counted && s->r->summed - first < rows ? s->r->summed - first : rows;
	if (rows == 1 && summed == 1 && !counted) {
		set_list_row(s, l, first);
		return;
	}
	set_list_fill(s, l, first, rows, x);
	if (summed > 0)
		set_list_sums(s, l, first, summed, x);
	if (counted)
		set_list_counts(s, l, first, rows, x);
}

/* Adds up what is listed. */
static void set_list_add(const set_sums_step *s, set_list *l)
{
	const am_set_rows *r = s->r;
	for (int h = 0; h < r->counted; h += SET_ROWS)
		set_list_rows(s, l, h, r->counted - h < SET_ROWS ? r->counted - h : SET_ROWS, true);
	for (int h = r->counted; h < r->rows; h += SET_ROWS)
		set_list_rows(s, l, h, r->rows - h < SET_ROWS ? r->rows - h : SET_ROWS, false);
	l->keys = l->ends = 0;
}

/* Makes room: set b, which has been listed so far, goes on from there. */
static void set_list_cut(const set_sums_step *s, set_list *l, int b)
{
	l->which[l->ends] = b;
	l->end[l->ends++] = l->keys;
	l->more = true;
	set_list_add(s, l);
	l->more = false;
	l->from = b;
}

/* Lists the keys of up to 64 words. A word gives four places at a time, those beyond its last
 * key overwritten by the next. */
static void set_list_words(const set_sums_step *s, set_list *l, int b, const uint64_t *set, const uint64_t *below,
                           int from, int words)
{
	uint64_t some = 0, top = (uint64_t)1 << 63;
	int *to = l->at + l->keys, *const full = l->at + SET_LIST - 64;
	__asm__("" : "+r"(top)); /* else compilers load it again for every key */
	for (int w = 0; w < words; w += 8)
		some |= (uint64_t)bits_some(set + w, below + w) << w;
	for (; some; some &= some - 1) {
		int w = __builtin_ctzll(some), *next;
		uint64_t bits = set[w], old = bits & below[w];
		__asm__("" : "+r"(old)); /* else they go through mask registers */
		bits ^= old;
		if (to > full) {
			l->keys = (int)(to - l->at);
			set_list_cut(s, l, b);
			to = l->at;
		}
		next = to + __builtin_popcountll(bits);
		for (; bits; to += 4)
			for (int i = 0; i < 4; i++, bits &= bits - 1) {
				to[i] = from + 64 * w + __builtin_ctzll(bits | top);
				__asm__("" : "+m"(to[i])); /* else the four gather in a vector first */
			}
		to = next;
	}
	l->keys = (int)(to - l->at);
}

/* Counts of set b and later ones have nothing yet. */
static void set_counts_none(const set_sums_step *s, int b)
{
	for (int h = 0; h < s->r->counted; h++)
		for (int i = b; i < s->r->n_bound; i++)
			s->of->count[(int64_t)h * s->n_k + i] = 0;
}

static void set_list_take(const set_sums_step *s, set_list *l, int b)
{
	static const uint64_t none[64];
	const uint64_t *set = s->of->set + (size_t)b * s->words;
	uint64_t lost = 0;
	for (size_t w = 0; l->last && w < s->words; w++)
		lost |= l->last[w] & ~set[w];
	if (lost) {
		set_list_add(s, l);
		set_counts_none(s, b);
		l->last = NULL;
		l->from = -1;
	}
	for (size_t w = 0; w < s->words; w += 64)
		set_list_words(s, l, b, set + w, l->last ? l->last + w : none, 64 * (int)w,
		               s->words - w < 64 ? (int)(s->words - w) : 64);
	l->which[l->ends] = b;
	l->end[l->ends++] = l->keys;
	l->last = set;
}

/* A set that is not listed; sum of the first row, those of the next n_k further each. */
typedef struct set_large {
	const uint64_t *set;
	double *sum;
} set_large;

/* Sums of pieces of 512 keys in rows and sets, in 16 lanes each, and what to add them to; folded 16 at a
 * time. */
typedef struct set_lanes {
	vf lane[LANES + SET_ROWS * SET_GROUP][UNROLL];
	double *to[LANES + SET_ROWS * SET_GROUP];
	int used;
} set_lanes;

static void set_fold(set_lanes *l)
{
	float whole[LANES];
	int some = l->used < LANES ? l->used : LANES, left = l->used - some;
	memset(l->lane[some], 0, (size_t)(LANES - some) * sizeof l->lane[0]);
	fold_rows(l->lane, whole);
	for (int i = 0; i < some; i++)
		*l->to[i] += (double)whole[i];
	memcpy(l->lane, l->lane + LANES, (size_t)left * sizeof l->lane[0]);
	memcpy(l->to, l->to + LANES, (size_t)left * sizeof l->to[0]);
	l->used = left;
}

/* A few rows that are added up, and their last n % 16 weights filled up with zeros. */
typedef struct set_some_rows {
	int rows, n;
	const float *row[SET_ROWS];
	float rest[SET_ROWS][LANES];
} set_some_rows;

/* One vector of every row, and the bits of its keys in every set. */
INLINE void set_add_step(const int rows, const int sets, const set_large *set, int key, int u, const float *const *row,
                         int at, vf *sum)
{
	vf x[SET_ROWS];
#pragma GCC unroll 4
	for (int h = 0; h < rows; h++)
		x[h] = bits_keep(vf_load(row[h] + at + u * AM_VW));
#pragma GCC unroll 4
	for (int i = 0; i < sets; i++) {
		const lane_bits in = bits_load((const char *)set[i].set + (unsigned)key / 8, u * AM_VW);
#pragma GCC unroll 4
		for (int h = 0; h < rows; h++) {
			vf *to = sum + h * sets + i;
			*to = (h + i) % 2 ? bits_add_fused(*to, in, x[h]) : bits_add(*to, in, x[h]);
		}
	}
}

/* Adds up to SET_PIECE weights from key `from` on. */
INLINE void set_add_piece(const int rows, const int sets, const set_large *set, const set_some_rows *r, int from,
                          vf (*to)[UNROLL])
{
	int end = r->n - from < SET_PIECE ? r->n : from + SET_PIECE, whole = end / LANES * LANES;
	const float *row[SET_ROWS], *rest[SET_ROWS];
	for (int h = 0; h < rows; h++) {
		row[h] = r->row[h];
		rest[h] = r->rest[h];
	}
#pragma GCC unroll 4
	for (int u = 0; u < UNROLL; u++) {
		vf sum[SET_ROWS * SET_GROUP];
#pragma GCC unroll 16
		for (int i = 0; i < rows * sets; i++)
			sum[i] = vf_set(0);
		for (int j = from; j < whole; j += LANES)
			set_add_step(rows, sets, set, j, u, row, j, sum);
		if (whole < end)
			set_add_step(rows, sets, set, whole, u, rest, 0, sum);
#pragma GCC unroll 16
		for (int i = 0; i < rows * sets; i++)
			to[i][u] = sum[i];
	}
}

INLINE void set_add_sets(const int rows, int sets, const set_large *set, const set_some_rows *r, int from, vf (*to)[UNROLL])
{
	if (sets == 1)
		set_add_piece(rows, 1, set, r, from, to);
	else if (sets == 2)
		set_add_piece(rows, 2, set, r, from, to);
	else if (sets == 3 || SET_GROUP == 3)
		set_add_piece(rows, 3, set, r, from, to);
	else
		set_add_piece(rows, SET_GROUP, set, r, from, to);
}

static void set_add_some(int sets, const set_large *set, const set_some_rows *r, int from, vf (*to)[UNROLL])
{
	if (r->rows == SET_ROWS)
		set_add_sets(SET_ROWS, sets, set, r, from, to);
	else if (r->rows == 2)
		set_add_sets(2, sets, set, r, from, to);
	else
		set_add_sets(1, sets, set, r, from, to);
}

/* The i-th of the rows that are added up. */
static int set_summed(const am_set_rows *r, int i)
{
	return i < r->summed ? i : r->counted + i - r->summed;
}

/* All large sets for the rows index[.], piece by piece, so that a piece is read from afar once. */
static void set_add_rows(const set_sums_step *s, const set_large *set, int sets, const int *index, set_some_rows *r)
{
	set_lanes l;
	int rest = s->n % LANES;
	l.used = 0;
	for (int h = 0; h < r->rows; h++) {
		r->row[h] = s->r->row[index[h]];
		memset(r->rest[h], 0, sizeof r->rest[h]);
		memcpy(r->rest[h], r->row[h] + s->n - rest, (size_t)rest * sizeof(float));
	}
	for (int from = 0; from < s->n; from += SET_PIECE)
		for (int i = 0, m; i < sets; i += m) {
			int groups = (sets - i + SET_GROUP - 1) / SET_GROUP;
			m = (sets - i + groups - 1) / groups;
			set_add_some(m, set + i, r, from, l.lane + l.used);
			for (int h = 0; h < r->rows; h++)
				for (int k = 0; k < m; k++)
					l.to[l.used++] = set[i + k].sum + (int64_t)index[h] * s->n_k;
			if (l.used >= LANES)
				set_fold(&l);
		}
	if (l.used)
		set_fold(&l);
}

/* The rows first .. first + rows - 1 of those that are added up. */
static void set_add_all(const set_sums_step *s, const set_large *set, int sets, int first, int rows)
{
	set_some_rows r = {.n = s->n};
	int index[SET_ROWS];
	for (int end = first + rows; sets && first < end; first += r.rows) {
		r.rows = end - first >= SET_ROWS ? SET_ROWS : end - first >= 2 ? 2 : 1;
		for (int h = 0; h < r.rows; h++)
			index[h] = set_summed(s->r, first + h);
		set_add_rows(s, set, sets, index, &r);
	}
}

typedef struct set_plan {
	uint64_t repeated; /* bit b: set b is the one before, not listed */
	set_list list;     /* what is left to add of small ones */
} set_plan;

/* Keys of a set that is not listed and that reach the rows' bounds. */
static void set_count_large(const set_sums_step *s, int b)
{
	const uint64_t *set = s->of->set + (size_t)b * s->words;
	for (int h = 0; h < s->r->counted; h++) {
		int32_t *count = s->of->count + (int64_t)h * s->n_k + b;
		*count = s->r->bound[h] ? reach_count(s->r->row[h], s->n, s->r->bound[h][b], set) : 0;
	}
}

static set_large set_take_large(const set_sums_step *s, int b)
{
	set_large l = {s->of->set + (size_t)b * s->words, s->of->sum + b};
	for (int h = 0; h < s->r->rows; h++)
		if (h < s->r->summed || h >= s->r->counted)
			l.sum[(int64_t)h * s->n_k] = 0;
	return l;
}

/* Adds the large sets to large[]; returns how many it has then. */
static int set_plan_make(const set_sums_step *s, set_plan *p, set_large *large, int n_large)
{
	int before = -1;
	set_counts_none(s, 0);
	p->list.keys = p->list.ends = 0;
	p->list.last = NULL;
	p->list.more = false;
	p->list.from = -1;
	p->repeated = 0;
	for (int b = 0; b < s->n_k; b++) {
		const uint64_t *one = s->of->set + (size_t)b * s->words;
		int count = bits_count(one, one, s->words);
		bool again = count == before && !memcmp(one, one - s->words, s->words * sizeof *one);
		before = count;
		if (s->of->size)
			s->of->size[b] = count;
		if (count <= s->n / SET_LISTED) {
			set_list_take(s, &p->list, b);
			continue;
		}
		if (again)
			p->repeated |= (uint64_t)1 << b;
		else
			large[n_large++] = set_take_large(s, b);
		if (b < s->r->n_bound)
			set_count_large(s, b);
	}
	return n_large;
}

/* Sets like the ones before have their sums. */
static void set_repeat(const set_sums_step *s, uint64_t repeated)
{
	for (; repeated; repeated &= repeated - 1)
		for (int h = 0, b = __builtin_ctzll(repeated); h < s->r->rows; h++) {
			double *sum = s->of->sum + (int64_t)h * s->n_k + b;
			if (h < s->r->summed || h >= s->r->counted)
				sum[0] = sum[-1];
		}
}

static void weigh_sets(const am_key_sets *sets, int families, int n, int n_k, const am_set_rows *r)
{
	set_sums_step s[AM_SET_FAMILIES];
	set_plan p[AM_SET_FAMILIES];
	set_large large[AM_SET_FAMILIES * AM_SET_BUDGETS];
	int n_large = 0, summed = r->summed + r->rows - r->counted;
	for (int f = 0; f < families; f++) {
		s[f] = (set_sums_step){sets + f, AM_SET_WORDS(n), n, n_k, r};
		n_large = set_plan_make(&s[f], &p[f], large, n_large);
	}
	for (int first = 0; first < summed || first < r->counted; first += SET_ROWS) {
		if (first < summed)
			set_add_all(s, large, n_large, first, summed - first < SET_ROWS ? summed - first : SET_ROWS);
		for (int f = 0; f < families && first < r->counted; f++)
			set_list_rows(&s[f], &p[f].list, first, r->counted - first < SET_ROWS ? r->counted - first : SET_ROWS, true);
	}
	for (int f = 0; f < families; f++) {
		for (int first = r->counted; first < r->rows; first += SET_ROWS)
			set_list_rows(&s[f], &p[f].list, first, r->rows - first < SET_ROWS ? r->rows - first : SET_ROWS, false);
		set_repeat(&s[f], p[f].repeated);
	}
}

static void set_sums(const uint64_t *set, int n, int n_k, const float *const *row, int rows, double *sum)
{
	const am_key_sets one = {.set = set, .sum = sum};
	const am_set_rows r = {.row = row, .rows = rows};
	weigh_sets(&one, 1, n, n_k, &r);
}

/* Weights of `other` that go with those reaching SET_ROWS bounds, piece by piece like sets. */
INLINE void reach_add(const float *x, const float *other, int n, const float *bound, double *sum)
{
	int whole = n / LANES * LANES;
	set_lanes l;
	l.used = 0;
	for (int from = 0; from < whole; from += SET_PIECE) {
		int to = whole - from < SET_PIECE ? whole : from + SET_PIECE;
#pragma GCC unroll 4
		for (int u = 0; u < UNROLL; u++) {
			vf part[SET_ROWS];
#pragma GCC unroll 4
			for (int i = 0; i < SET_ROWS; i++)
				part[i] = vf_set(0);
			for (int j = from + u * AM_VW; j < to; j += LANES)
#pragma GCC unroll 4
				for (int i = 0; i < SET_ROWS; i++)
					part[i] = bits_add_reach(part[i], vf_load(x + j), vf_set(bound[i]), vf_load(other + j));
#pragma GCC unroll 4
			for (int i = 0; i < SET_ROWS; i++)
				l.lane[l.used + i][u] = part[i];
		}
		for (int i = 0; i < SET_ROWS; i++)
			l.to[l.used++] = sum + i;
		if (l.used >= LANES)
			set_fold(&l);
	}
	if (l.used)
		set_fold(&l);
	for (int j = whole; j < n; j++)
		for (int i = 0; i < SET_ROWS; i++)
			sum[i] += x[j] >= bound[i] ? (double)other[j] : 0;
}

static void reach_sums(const float *weight, const float *other, int n, const float *bound, int n_k, double *sum)
{
	for (int i = 0; i < n_k; i += SET_ROWS) {
		size_t some = n_k - i < SET_ROWS ? (size_t)(n_k - i) : SET_ROWS;
		float limit[SET_ROWS] = {NAN, NAN, NAN, NAN};
		double part[SET_ROWS] = {0};
		memcpy(limit, bound + i, some * sizeof *limit);
		reach_add(weight, other, n, limit, part);
		memcpy(sum + i, part, some * sizeof *part);
	}
}

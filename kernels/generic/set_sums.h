/* What is counted and added up over sets of keys, one bit a key; included by <isa>/row.c
 * after generic/sets.h. Small sets are lists; larger ones are additions under their bits, float32 in
 * the lanes of 512 keys, float64 across. */
#include "kernels/generic/set_list.h"

static void set_counts(const uint64_t *a, const uint64_t *b, int n, int n_k, int32_t *count)
{
	size_t words = AM_SET_WORDS(n);
	for (int i = 0; i < n_k; i++)
		count[i] = bits_count(a + (size_t)i * words, b + (size_t)i * words, words);
}

enum { SET_PIECE = 512, SET_GROUP = AM_VW == 16 ? 4 : 3 };

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

/* Whether row h is added up. */
static bool set_sums_row(const am_set_rows *r, int h)
{
	return h < r->summed || h >= r->counted;
}

static set_large set_take_large(const set_sums_step *s, int b)
{
	set_large l = {s->of->set + (size_t)b * s->words, s->of->sum + b};
	for (int h = 0; h < s->r->rows; h++)
		if (set_sums_row(s->r, h))
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
			if (set_sums_row(s->r, h))
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

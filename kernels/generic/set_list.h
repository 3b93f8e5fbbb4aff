/* Small sets of keys as lists, for sums and counts over several rows; included by
 * generic/set_sums.h.
 *
 * A set of up to an eighth of the keys is a list, made once for all rows. Where it holds the
 * set before it, as nested sets do, only what is new to it is listed, and sums and counts run on.
 * Sums are float64 throughout, whatever came before and beside: equal sets have equal sums but
 * for roundings of float64. */
#include "kernels/generic/bits.h"
#include "kernels/generic/fold.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { SET_LISTED = 8, SET_LIST = 640, SET_ROWS = 4 };

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

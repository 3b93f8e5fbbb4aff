/* What is counted and added up over sets of keys, one bit a key; included by <isa>/row.c
 * after generic/sets.h. */
#include "kernels/generic/bits.h"
#include "kernels/kernels.h"

#include <string.h>

static int set_count(const uint64_t *a, const uint64_t *b, size_t words)
{
	int c[4] = {0};
	for (size_t w = 0; w < words; w += 4)
		for (size_t i = 0; i < 4; i++)
			c[i] += __builtin_popcountll(a[w + i] & b[w + i]);
	return (c[0] + c[1]) + (c[2] + c[3]);
}

static void set_counts(const uint64_t *a, const uint64_t *b, int n, int n_k, int32_t *count)
{
	size_t words = AM_SET_WORDS(n);
	for (int i = 0; i < n_k; i++)
		count[i] = set_count(a + (size_t)i * words, b + (size_t)i * words, words);
}

#ifndef SET_GROUP
#define SET_GROUP 3 /* sets that a pass adds up at a time, a multiple of 3 */
#endif
enum { SET_ROWS = 3, SET_PIECE = 512, SET_FEW = 16 };

/* The sums of a pass, a lane each. */
typedef struct set_lanes {
	double sum[SET_ROWS][SET_GROUP][LANES];
} set_lanes;

static inline void set_add_lanes(vf x, double *to)
{
	float lane[AM_VW];
	memcpy(lane, &x, sizeof lane);
	for (int i = 0; i < AM_VW; i++)
		to[i] += (double)lane[i];
}

/* Adds n weights, a multiple of 16 and at most SET_PIECE, from key `from` of the sets and
 * from the start of the rows: float32 in the lanes, float64 across pieces. */
INLINE void set_add_piece(const int rows, const int sets, const uint64_t *const *set, const float *const *row, int from,
                          int n, set_lanes *to)
{
	for (int u = 0; u < UNROLL; u++) {
		vf sum[SET_ROWS][SET_GROUP];
#pragma GCC unroll 4
		for (int h = 0; h < rows; h++)
#pragma GCC unroll 9
			for (int i = 0; i < sets; i++)
				sum[h][i] = vf_set(0);
		for (int j = 0; j < n; j += LANES) {
			vf x[SET_ROWS];
#pragma GCC unroll 4
			for (int h = 0; h < rows; h++)
				x[h] = vf_load(row[h] + j + u * AM_VW);
#pragma GCC unroll 9
			for (int i = 0; i < sets; i++) {
				uint16_t bits;
				memcpy(&bits, (const char *)set[i] + (from + j) / 8, sizeof bits);
#pragma GCC unroll 4
				for (int h = 0; h < rows; h++)
					sum[h][i] = bits_add(sum[h][i], (uint32_t)bits >> (u * AM_VW), x[h]);
			}
		}
#pragma GCC unroll 4
		for (int h = 0; h < rows; h++)
#pragma GCC unroll 9
			for (int i = 0; i < sets; i++)
				set_add_lanes(sum[h][i], to->sum[h][i] + u * AM_VW);
	}
}

INLINE void set_add(const int rows, const int sets, const uint64_t *const *set, const float *const *row, int n,
                    set_lanes *to)
{
	int whole = n / LANES * LANES, rest = n - whole;
	const float *at[SET_ROWS];
	float tail[SET_ROWS][LANES] = {0};
	memset(to, 0, (size_t)rows * sizeof to->sum[0]);
	for (int j = 0; j < whole; j += SET_PIECE) {
		for (int h = 0; h < rows; h++)
			at[h] = row[h] + j;
		set_add_piece(rows, sets, set, at, j, whole - j < SET_PIECE ? whole - j : SET_PIECE, to);
	}
	for (int h = 0; h < rows; h++) {
		memcpy(tail[h], row[h] + whole, (size_t)rest * sizeof *tail[h]);
		at[h] = tail[h];
	}
	if (rest)
		set_add_piece(rows, sets, set, at, whole, LANES, to);
}

typedef struct set_sums_step {
	const uint64_t *set;
	size_t words;
	const float *const *row;
	int n, n_k, rows;
	double *sum;
} set_sums_step;

/* A set of few keys: one by one. */
static void set_sum_few(const set_sums_step *s, int which, int count)
{
	const uint64_t *set = s->set + (size_t)which * s->words;
	int at[SET_FEW];
	for (int i = 0, w = 0; i < count; w++)
		for (uint64_t bits = set[w]; bits; bits &= bits - 1)
			at[i++] = 64 * w + __builtin_ctzll(bits);
	for (int h = 0; h < s->rows; h++) {
		double sum = 0;
		for (int i = 0; i < count; i++)
			sum += (double)s->row[h][at[i]];
		s->sum[h * s->n_k + which] = sum;
	}
}

/* Up to SET_GROUP sets, of indices which[m], for every row. */
static void set_sum_group(const set_sums_step *s, const int *which, int m)
{
	enum { THIRD = SET_GROUP / 3 };
	const uint64_t *set[SET_GROUP];
	set_lanes lanes;
	for (int i = 0; i < SET_GROUP; i++)
		set[i] = s->set + (size_t)which[i < m ? i : 0] * s->words;
	for (int first = 0, rows; first < s->rows; first += rows) {
		const float *const *row = s->row + first;
		rows = s->rows - first < SET_ROWS ? 1 : SET_ROWS;
		if (rows == 1 && m <= THIRD)
			set_add(1, THIRD, set, row, s->n, &lanes);
		else if (rows == 1 && m <= 2 * THIRD)
			set_add(1, 2 * THIRD, set, row, s->n, &lanes);
		else if (rows == 1)
			set_add(1, SET_GROUP, set, row, s->n, &lanes);
		else if (m <= THIRD)
			set_add(SET_ROWS, THIRD, set, row, s->n, &lanes);
		else if (m <= 2 * THIRD)
			set_add(SET_ROWS, 2 * THIRD, set, row, s->n, &lanes);
		else
			set_add(SET_ROWS, SET_GROUP, set, row, s->n, &lanes);
		for (int h = 0; h < rows; h++)
			for (int i = 0; i < m; i++)
				s->sum[(first + h) * s->n_k + which[i]] = sum_lanes(lanes.sum[h][i]);
	}
}

static void set_sums(const uint64_t *set, int n, int n_k, const float *const *row, int rows, double *sum)
{
	set_sums_step s = {set, AM_SET_WORDS(n), row, n, n_k, rows, sum};
	int which[SET_GROUP], m = 0, whole = -1;
	for (int b = 0; b < n_k; b++) {
		const uint64_t *one = set + (size_t)b * s.words;
		int count = set_count(one, one, s.words);
		if (count <= SET_FEW)
			set_sum_few(&s, b, count);
		else if (count < n || whole < 0)
			which[m++] = b;
		whole = count == n && whole < 0 && count > SET_FEW ? b : whole;
		if (m == SET_GROUP || (b == n_k - 1 && m)) {
			set_sum_group(&s, which, m);
			m = 0;
		}
	}
	for (int b = whole + 1; b < n_k && whole >= 0; b++) { /* the whole row again */
		const uint64_t *one = set + (size_t)b * s.words;
		for (int h = 0; h < rows && set_count(one, one, s.words) == n; h++)
			sum[h * n_k + b] = sum[h * n_k + whole];
	}
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

/* Sets of keys: row_sets against a full sort, reach_sets and what is counted and added up over sets against
 * plain loops, every result the same for every table (see same_bytes.c). */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BUDGETS = AM_SET_BUDGETS, HEADS = 6, GROUP = 3 };

typedef struct set_case {
	int n, n_k;
	int k[MOST_BUDGETS];
	float *score;
	int32_t *order;
	uint8_t *want; /* the first budget whose set holds the key */
	uint64_t *set, *other;
	guard in, out, scratch;
} set_case;

static const float *sorted_by;

static int by_score(const void *a, const void *b)
{
	int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
	if (sorted_by[i] != sorted_by[j])
		return sorted_by[i] > sorted_by[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

static void oracle(set_case *c)
{
	for (int i = 0; i < c->n; i++)
		c->order[i] = i;
	sorted_by = c->score;
	qsort(c->order, (size_t)c->n, sizeof *c->order, by_score);
	for (int rank = 0; rank < c->n; rank++) {
		int level = 0;
		while (level < c->n_k && c->k[level] <= rank)
			level++;
		c->want[c->order[rank]] = (uint8_t)level;
	}
}

static bool is_in(const uint64_t *set, int n, int i, int j)
{
	return set[(size_t)i * AM_SET_WORDS(n) + (size_t)j / 64] >> (j & 63) & 1;
}

/* Bits from n on. */
static bool is_padded(const uint64_t *set, int n, int n_k)
{
	for (int i = 0; i < n_k; i++)
		for (int j = n; j < 64 * (int)AM_SET_WORDS(n); j++)
			if (is_in(set, n, i, j))
				return false;
	return true;
}

static void sets_case(const am_kernels *k, set_case *c, place at)
{
	size_t bytes = (size_t)c->n_k * AM_SET_WORDS(c->n) * sizeof(uint64_t);
	float *x = guard_place(&c->in, (size_t)c->n * sizeof *x, sizeof *x, at);
	uint64_t *set = guard_place_aligned(&c->out, bytes);
	void *scratch = guard_place_aligned(&c->scratch, AM_SELECT_SCRATCH(c->n));
	memcpy(x, c->score, (size_t)c->n * sizeof *x);
	memset(set, 0xa5, bytes);
	int best = k->row_sets(x, c->n, c->k, c->n_k, set, scratch), wrong = -1;
	check_ok(best == (c->n ? c->order[0] : -1), "best = %d", best);
	for (int j = 0; j < c->n * c->n_k && wrong < 0; j++)
		wrong = is_in(set, c->n, j / c->n, j % c->n) == (c->want[j % c->n] <= j / c->n) ? -1 : j;
	check_ok(wrong < 0, "set %d of %d: key %d is%s in it", wrong / (c->n + !c->n), c->n_k, wrong % (c->n + !c->n),
	         wrong >= 0 && is_in(set, c->n, wrong / c->n, wrong % c->n) ? "" : " not");
	check_ok(c->n == 0 || is_padded(set, c->n, c->n_k), "bits behind the last key");
	check_ok(guard_intact(&c->out, set, bytes) && guard_intact(&c->scratch, scratch, AM_SELECT_SCRATCH(c->n)) &&
	         !memcmp(x, c->score, (size_t)c->n * sizeof *x), "wrote beside its results");
}

/* Ascending, some equal, some past the end. */
static void random_budgets(set_case *c, am_rng *r, int most)
{
	c->n_k = (int)am_rng_below(r, (uint64_t)most + 1);
	for (int i = 0; i < c->n_k; i++) {
		int k = 1 + (int)am_rng_below(r, am_rng_below(r, 2) ? (uint64_t)c->n + 2 : (uint64_t)c->n / 16 + 2), j = i;
		for (; j > 0 && c->k[j - 1] > k; j--)
			c->k[j] = c->k[j - 1];
		c->k[j] = k;
	}
}

/* Any sets, nested or not: the k-th of them about as large as the budget. */
static void random_sets(set_case *c, uint64_t *set, am_rng *r)
{
	memset(set, 0, (size_t)c->n_k * AM_SET_WORDS(c->n) * sizeof *set);
	for (int i = 0; i < c->n_k; i++)
		for (int j = 0; j < c->n; j++)
			if (am_rng_below(r, (uint64_t)c->n) < (uint64_t)c->k[i])
				set[(size_t)i * AM_SET_WORDS(c->n) + (size_t)j / 64] |= (uint64_t)1 << (j & 63);
}

/* Scores themselves, their neighbours and what compares oddly, in no order. */
static float random_bound(const set_case *c, am_rng *r)
{
	static const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f};
	if (c->n == 0 || am_rng_below(r, 8) == 0)
		return odd[am_rng_below(r, sizeof odd / sizeof *odd)];
	float x = c->score[am_rng_below(r, (uint64_t)c->n)];
	return am_rng_below(r, 2) ? x : nextafterf(x, am_rng_below(r, 2) ? INFINITY : -INFINITY);
}

/* What goes with the keys that reach bounds. */
static void check_reach_sums(const am_kernels *k, const set_case *c, const float *x, const float *bound)
{
	int n = c->n, n_k = c->n_k;
	guard rows;
	guard_open(&rows, ((size_t)n + 1) * sizeof(float));
	float *other = guard_place(&rows, (size_t)n * sizeof *other, sizeof *other, PLACE_END);
	double sum[MOST_BUDGETS + 1], worst = 0;
	for (int j = 0; j < n; j++)
		other[j] = (float)exp(fmin(0, (double)c->score[(j + 5) % n] - 3));
	sum[n_k] = -7;
	k->reach_sums(x, other, n, bound, n_k, sum);
	for (int i = 0; i < n_k; i++) {
		double want = 0;
		for (int j = 0; j < n; j++)
			want += x[j] >= bound[i] ? (double)other[j] : 0;
		worst = fmax(worst, fabs(sum[i] - want) - want * 40 * 0x1p-24);
	}
	check_ok(worst <= 0 && sum[n_k] == -7.0, "a sum beside what reaches a bound is off by %g more than 40 roundings", worst);
	guard_close(&rows);
}

static void reach_case(const am_kernels *k, set_case *c, place at, am_rng *r)
{
	int n = c->n, n_k = c->n_k, wrong = 0;
	size_t bytes = (size_t)n_k * AM_SET_WORDS(n) * sizeof(uint64_t);
	float bound[MOST_BUDGETS], *x = guard_place(&c->in, (size_t)n * sizeof *x, sizeof *x, at);
	uint64_t *set = guard_place_aligned(&c->out, bytes);
	memcpy(x, c->score, (size_t)n * sizeof *x);
	if (n && am_rng_below(r, 4) == 0)
		x[am_rng_below(r, (uint64_t)n)] = NAN;
	for (int i = 0; i < n_k; i++)
		bound[i] = random_bound(c, r);
	memset(set, 0x5a, bytes);
	k->reach_sets(x, n, bound, n_k, set);
	for (int i = 0; i < n_k; i++)
		for (int j = 0; j < n; j++)
			wrong += is_in(set, n, i, j) != (x[j] >= bound[i]);
	check_ok(wrong == 0, "%d bits of %d sets tell another order of key and bound", wrong, n_k);
	check_ok(is_padded(set, n, n_k) && guard_intact(&c->out, set, bytes), "bits behind the last key or set");
	check_reach_sums(k, c, x, bound);
	for (int i = 0; i < n_k; i++) {
		int first = 0, found = k->first_reach(x, n, bound[i]);
		while (first < n && !(x[first] >= bound[i]))
			first++;
		check_ok(found == first, "first that reaches %g: %d, expected %d", (double)bound[i], found, first);
	}
}

/* Sets as row_sets gives them, some of them twice. */
static void nested_sets(const set_case *c, uint64_t *set)
{
	memset(set, 0, (size_t)c->n_k * AM_SET_WORDS(c->n) * sizeof *set);
	for (int i = 0; i < c->n_k; i++)
		for (int j = 0; j < c->n; j++)
			if (c->want[j] <= i)
				set[(size_t)i * AM_SET_WORDS(c->n) + (size_t)j / 64] |= (uint64_t)1 << (j & 63);
}

/* Against sums in float64, and against those of each set by itself. */
static void check_sums(const am_kernels *k, const set_case *c, const float *const *row, int rows, const double *sum)
{
	int n = c->n, n_k = c->n_k;
	double worst = 0, apart = 0;
	for (int i = 0; i < rows * n_k; i++) {
		double mass = 0, alone;
		const uint64_t *set = c->other + (size_t)(i % n_k) * AM_SET_WORDS(n);
		for (int j = 0; j < n; j++)
			mass += is_in(set, n, 0, j) ? (double)row[i / n_k][j] : 0;
		k->set_sums(set, n, 1, row + i / n_k, 1, &alone);
		worst = fmax(worst, fabs(sum[i] - mass) - mass * 40 * 0x1p-24);
		apart = fmax(apart, fabs(sum[i] - alone) - mass * 0x1p-44);
	}
	check_ok(worst <= 0, "a sum is off by %g more than 40 roundings in 512", worst);
	check_ok(apart <= 0, "a set by itself has another sum, by %g", apart);
}

/* What is said of one family of sets. */
enum { WEIGHED = 10 };
typedef struct set_family {
	double sum[WEIGHED * MOST_BUDGETS + 1];
	int32_t count[WEIGHED * MOST_BUDGETS + 1], size[MOST_BUDGETS + 1];
} set_family;

static void check_family(const am_kernels *k, const set_case *c, const am_set_rows *a, const uint64_t *set, const set_family *f)
{
	static double plain[WEIGHED * MOST_BUDGETS];
	int n = c->n, n_k = c->n_k, wrong = 0;
	k->set_sums(set, n, n_k, a->row, a->rows, plain);
	for (int i = 0; i < n_k; i++) {
		int keys = 0;
		for (int j = 0; j < n; j++)
			keys += is_in(set, n, i, j);
		wrong += f->size[i] != keys;
		for (int h = 0; h < a->rows; h++) {
			double want = plain[h * n_k + i], found = f->sum[h * n_k + i];
			wrong += h < a->summed || h >= a->counted ? !(fabs(found - want) <= want * 0x1p-44) : found != -7.0;
		}
	}
	check_ok(wrong == 0, "%d sizes and sums differ", wrong);
	for (int i = 0; i < n_k; i++)
		for (int h = 0; h < a->rows; h++) {
			int want = h < a->counted && i < a->n_bound ? 0 : -7;
			for (int j = 0; want != -7 && a->bound[h] && j < n; j++)
				want += is_in(set, n, i, j) && a->row[h][j] >= a->bound[h][i];
			check_ok(f->count[h * n_k + i] == want, "row %d has %d keys of set %d, expected %d", h, (int)f->count[h * n_k + i], i,
			         want);
		}
	check_ok(f->sum[a->rows * n_k] == -7.0 && f->count[a->rows * n_k] == -7 && f->size[n_k] == -7,
	         "wrote past sums, counts or sizes");
}

/* Keys that sets share with what reaches bounds, for rows of which some are not counted, some not added up and some
 * without bounds; sums are those that set_sums gives. Nested sets, others and the same again in one pass. */
static void check_shared(const am_kernels *k, const set_case *c, const float *const *row, int rows, am_rng *r)
{
	static float bounds[WEIGHED][MOST_BUDGETS];
	static set_family out[AM_SET_FAMILIES];
	const float *bound[WEIGHED];
	am_key_sets sets[AM_SET_FAMILIES];
	int n = c->n, n_k = c->n_k, counted = (int)am_rng_below(r, (uint64_t)rows + 1);
	int summed = (int)am_rng_below(r, (uint64_t)counted + 1), families = 1 + (int)am_rng_below(r, AM_SET_FAMILIES);
	am_set_rows a = {row, rows, counted, summed, (int)am_rng_below(r, (uint64_t)n_k + 1), bound};
	for (int h = 0; h < rows; h++) {
		bound[h] = am_rng_below(r, 4) ? bounds[h] : NULL;
		for (int i = 0; i < a.n_bound; i++)
			bounds[h][i] = am_rng_below(r, 8) ? row[h][am_rng_below(r, (uint64_t)n)] : am_rng_below(r, 2) ? NAN : 0.0f;
	}
	for (int f = 0; f < families; f++) {
		for (int i = 0; i <= rows * n_k; i++)
			out[f].sum[i] = out[f].count[i] = -7;
		out[f].size[n_k] = -7;
		sets[f] = (am_key_sets){am_rng_below(r, 2) ? c->other : c->set, out[f].sum, out[f].count, out[f].size};
	}
	k->weigh_sets(sets, families, n, n_k, &a);
	for (int f = 0; f < families; f++)
		check_family(k, c, &a, sets[f].set, &out[f]);
}

/* Rows of different weights, as many as a table takes together and some more or less. */
static void sums_case(const am_kernels *k, set_case *c, am_rng *r)
{
	enum { ROWS = 10 };
	int n = c->n, n_k = c->n_k;
	static double sum[ROWS * MOST_BUDGETS + 1];
	guard rows;
	guard_open(&rows, ROWS * ((size_t)n + 1) * sizeof(float));
	float *x = guard_place(&rows, ROWS * (size_t)n * sizeof *x, sizeof *x, PLACE_END);
	const float *row[ROWS];
	for (int h = 0; h < ROWS; h++) {
		row[h] = x + h * n;
		for (int j = 0; j < n; j++) /* masses as after a softmax */
			x[h * n + j] = (float)exp(fmin(0, (double)c->score[(j + 7 * h) % n] - 3));
	}
	int count = n < 5000 ? 1 + (int)am_rng_below(r, ROWS) : 1;
	sum[count * n_k] = -7;
	k->set_sums(c->other, n, n_k, row, count, sum);
	check_ok(sum[count * n_k] == -7.0, "wrote past the sums");
	check_sums(k, c, row, count, sum);
	if (n < 600 || am_rng_below(r, 4) == 0)
		check_shared(k, c, row, count, r);
	guard_close(&rows);
}

static void counts_case(const am_kernels *k, set_case *c, am_rng *r)
{
	int32_t count[MOST_BUDGETS + 1];
	int n = c->n, n_k = c->n_k;
	random_sets(c, c->set, r);
	random_sets(c, c->other, r);
	count[n_k] = -7;
	k->set_counts(c->set, c->other, n, n_k, count);
	check_ok(count[n_k] == -7, "wrote past the counts");
	for (int i = 0; i < n_k; i++) {
		int want = 0;
		for (int j = 0; j < n; j++)
			want += is_in(c->set, n, i, j) && is_in(c->other, n, i, j);
		check_ok(count[i] == want, "count[%d] is %d, expected %d", i, (int)count[i], want);
	}
	if (n)
		sums_case(k, c, r);
	nested_sets(c, c->other);
	if (n)
		sums_case(k, c, r);
}

static void member_case(const am_kernels *k, set_case *c, am_rng *r)
{
	uint32_t *member = malloc(((size_t)c->n + 1) * sizeof *member);
	int n_k = c->n_k < 32 ? c->n_k : 32, wrong = 0;
	if (!member)
		abort();
	for (int j = 0; j < c->n; j++)
		member[j] = (uint32_t)(am_rng_below(r, (uint64_t)1 << 32) & (((uint64_t)1 << n_k) - 1));
	memset(c->set, 0xa5, (size_t)n_k * AM_SET_WORDS(c->n) * sizeof *c->set);
	k->member_sets(member, c->n, n_k, c->set);
	for (int j = 0; j < c->n; j++)
		for (int i = 0; i < n_k; i++)
			wrong += is_in(c->set, c->n, i, j) != (member[j] >> i & 1);
	check_ok(wrong == 0 && is_padded(c->set, c->n, n_k), "%d bits differ from the members", wrong);
	free(member);
}

static void shares_case(const am_kernels *k, int n, am_rng *r)
{
	size_t stride = (size_t)n + 5;
	float *w = malloc(stride * HEADS * sizeof *w), *out = malloc(stride * 4 * sizeof *out), inv[HEADS];
	if (!w || !out)
		abort();
	for (size_t i = 0; i < stride * HEADS; i++)
		w[i] = (float)am_rng_uniform(r);
	for (int h = 0; h < HEADS; h++)
		inv[h] = (float)(0.1 + am_rng_uniform(r));
	k->row_shares(w, (int64_t)stride, HEADS, GROUP, inv, n, out, (int64_t)stride, out + 2 * stride, out + 3 * stride);
	int wrong = 0;
	for (int j = 0; j < n; j++) {
		float part[HEADS / GROUP] = {0}, sum = 0, most = 0;
		for (int h = 0; h < HEADS; h++) {
			volatile float p = w[(size_t)h * stride + (size_t)j] * inv[h];
			part[h / GROUP] += p;
			sum += p;
			most = p > most ? p : most;
		}
		wrong += !(out[j] == part[0] && out[stride + (size_t)j] == part[1] &&
		           out[2 * stride + (size_t)j] == sum && out[3 * stride + (size_t)j] == most);
	}
	check_ok(wrong == 0, "%d sums of shares differ", wrong);
	free(w);
	free(out);
}

static void one_case(const am_kernels *k, set_case *c, am_rng *r, int most)
{
	random_budgets(c, r, most);
	oracle(c);
	sets_case(k, c, (place)am_rng_below(r, PLACE_COUNT));
	reach_case(k, c, (place)am_rng_below(r, PLACE_COUNT), r);
	counts_case(k, c, r);
	member_case(k, c, r);
}

/* What indexers give: many exact zeros, of both signs; and one key far above. */
static void fill_plateau(float *x, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		x[j] = am_rng_below(r, 3) ? (am_rng_below(r, 2) ? -0.0f : 0.0f) : (float)input_normal(r);
	if (n && am_rng_below(r, 2))
		x[am_rng_below(r, (uint64_t)n)] = 1e4f;
}

int test_sets(const am_kernels *k, const test_options *o)
{
	am_rng r = {o->seed};
	size_t words = AM_SET_WORDS(INPUT_MAX_N) * MOST_BUDGETS;
	set_case c = {.score = malloc(INPUT_MAX_N * sizeof *c.score), .order = malloc(INPUT_MAX_N * sizeof *c.order),
	              .want = malloc(INPUT_MAX_N), .set = malloc(words * sizeof *c.set), .other = malloc(words * sizeof *c.other)};
	if (!c.score || !c.order || !c.want || !c.set || !c.other)
		abort();
	guard_open(&c.in, ((size_t)input_longest() + 3) * sizeof(float));
	guard_open(&c.out, AM_SET_WORDS(input_longest()) * MOST_BUDGETS * sizeof(uint64_t));
	guard_open(&c.scratch, AM_SELECT_SCRATCH(input_longest()));
	check_group(k->name, "sets");
	for (int i = 0; i < input_count(); i++) {
		const input *in = input_at(i);
		if (in->poisoned)
			continue;
		for (int l = 0; (c.n = input_length(l)) >= 0 && c.n <= input_longest(); l++) {
			check_case(in->name, c.n);
			in->fill(c.score, c.n, &r);
			one_case(k, &c, &r, c.n > 5000 ? 12 : 40);
		}
	}
	for (int i = 0; i < o->rounds; i++) {
		c.n = input_random_length(&r);
		check_case("plateau", c.n);
		fill_plateau(c.score, c.n, &r);
		one_case(k, &c, &r, MOST_BUDGETS);
		shares_case(k, c.n, &r);
	}
	guard_close(&c.scratch);
	guard_close(&c.out);
	guard_close(&c.in);
	free(c.score), free(c.order), free(c.want), free(c.set), free(c.other);
	return check_group_end();
}

/* row_weigh, row_tally and tally_mass against row_stats and a full sort; spans against the oracle. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_K = 6, N_TAU = 6, MOST_PLACES = 200 };

typedef struct tally_case {
	int n;
	float *score, *weight, *lanes;
	int32_t *order;
	long double *prefix;
	unsigned char *tally; /* between rows */
	guard score_guard, weight_guard, lanes_guard, tally_guard, scratch_guard, out_guard;
} tally_case;

static void *room(size_t n, size_t size)
{
	void *p = malloc(n * size);
	if (!p)
		abort();
	return p;
}

static void case_open(tally_case *c)
{
	c->score = room(INPUT_MAX_N, sizeof *c->score);
	c->weight = room(INPUT_MAX_N, sizeof *c->weight);
	c->lanes = room(AM_ROW_LANES(INPUT_MAX_N), sizeof *c->lanes);
	c->order = room(INPUT_MAX_N, sizeof *c->order);
	c->prefix = room(INPUT_MAX_N + 1, sizeof *c->prefix);
	c->tally = memset(room(AM_TALLY, 1), 0, AM_TALLY);
	size_t row = ((size_t)input_longest() + 3) * sizeof(float);
	guard_open(&c->score_guard, row);
	guard_open(&c->weight_guard, row);
	guard_open(&c->lanes_guard, (AM_ROW_LANES(input_longest()) + 3) * sizeof(float));
	guard_open(&c->tally_guard, AM_TALLY);
	guard_open(&c->scratch_guard, AM_SELECT_SCRATCH(input_longest()));
	guard_open(&c->out_guard, MOST_PLACES * sizeof(float));
}

static void case_close(tally_case *c)
{
	guard_close(&c->out_guard);
	guard_close(&c->scratch_guard);
	guard_close(&c->tally_guard);
	guard_close(&c->lanes_guard);
	guard_close(&c->weight_guard);
	guard_close(&c->score_guard);
	free(c->tally);
	free(c->prefix);
	free(c->order);
	free(c->lanes);
	free(c->weight);
	free(c->score);
}

static void expect_masses(tally_case *c, const float *mass, const float *bound, const int *ks,
                          const int32_t *count, const double *tau)
{
	for (int i = 0; i < N_K; i++) {
		oracle_sum want = oracle_mass(c->prefix, c->n, ks[i]);
		check_near((double)mass[i], want.value, want.bound, "mass");
		check_ok(oracle_bound_ok(c->weight, c->n, c->order, ks[i], bound[i]), "bound = %.9g for k = %d", (double)bound[i], ks[i]);
	}
	for (int i = 0; i < N_TAU; i++)
		check_ok(oracle_count_ok(c->prefix, c->n, tau[i], count[i]), "count = %d for tau = %.15g", (int)count[i], tau[i]);
}

/* row_weigh gives what row_stats gave, in `want`, c->weight and c->lanes, and what it tells of the weights is true. */
static void weigh_row(const am_kernels *k, tally_case *c, place at, int in_place, const am_row_sums *want)
{
	int n = c->n;
	size_t bytes = (size_t)n * sizeof(float), kept = AM_ROW_LANES(n) * sizeof(float);
	float *lanes = guard_place(&c->lanes_guard, kept, sizeof(float), at);
	float *score = guard_place(&c->score_guard, bytes, sizeof(float), at);
	float *weight = in_place ? score : guard_place(&c->weight_guard, bytes, sizeof(float), (place)((at + 1) % PLACE_COUNT));
	am_row_sums sums;
	memcpy(score, c->score, bytes);
	int32_t least = k->row_weigh(score, n, weight, lanes, &sums);
	check_ok(same_sums(&sums, want), "row_weigh differs from row_stats");
	check_ok(guard_intact(&c->score_guard, score, bytes) && (in_place || guard_intact(&c->weight_guard, weight, bytes)) &&
	         guard_intact(&c->lanes_guard, lanes, kept), "row_weigh wrote beside its output");
	if (!(want->z > 0)) {
		check_ok(!least, "row_weigh knows a row without weights");
		return;
	}
	check_ok(!memcmp(weight, c->weight, bytes), "row_weigh weighs differently");
	check_ok(!memcmp(lanes, c->lanes, (size_t)(n + 63) / 64 * 16 * sizeof *lanes), "row_weigh has other partial sums");
	int32_t smallest = INT32_MAX;
	for (int j = 0; j < n; j++) {
		int32_t bits;
		memcpy(&bits, &weight[j], sizeof bits);
		smallest = bits < smallest ? bits : smallest;
	}
	check_ok(least >= 0 && (!least || (least <= smallest && smallest - least < 8)), "least = %d where it is %d", (int)least, (int)smallest);
}

static void tally_row(const am_kernels *k, tally_case *c, place at, int in_place)
{
	static const double tau[N_TAU] = {0.25, 0.5, 0.9, 0.99, 0.999999, 1};
	int n = c->n, half = n / 2 > 8 ? n / 2 : 8, ks[N_K] = {1, 3, 8, half, n > half ? n - 1 > half ? n - 1 : half : half, 1 << 30};
	size_t bytes = (size_t)n * sizeof(float), kept = AM_ROW_LANES(n) * sizeof(float);
	am_row_sums sums, want;
	k->row_stats(c->score, n, c->weight, c->lanes, &want);
	weigh_row(k, c, at, in_place, &want);
	float *lanes = guard_place(&c->lanes_guard, kept, sizeof(float), at);
	float *score = guard_place(&c->score_guard, bytes, sizeof(float), at);
	float *weight = in_place ? score : guard_place(&c->weight_guard, bytes, sizeof(float), (place)((at + 1) % PLACE_COUNT));
	void *tally = guard_place_aligned(&c->tally_guard, AM_TALLY);
	void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(n));
	memcpy(tally, c->tally, AM_TALLY);
	memcpy(score, c->score, bytes);
	k->row_tally(score, n, weight, lanes, &sums, tally);
	check_ok(same_sums(&sums, &want) && (!(want.z > 0) || !memcmp(weight, c->weight, bytes)), "differs from row_stats");
	if (sums.z > 0) {
		float mass[N_K], bound[N_K];
		int32_t count[N_TAU];
		oracle_order(c->weight, n, c->order);
		oracle_prefix(c->weight, n, c->order, c->prefix);
		k->tally_mass(weight, n, tally, ks, N_K, tau, N_TAU, mass, bound, count, scratch);
		expect_masses(c, mass, bound, ks, count, tau);
		check_ok(!memcmp(weight, c->weight, bytes), "changed the weights");
		check_ok(!memcmp(lanes, c->lanes, (size_t)(n + 63) / 64 * 16 * sizeof *lanes), "other partial sums than row_stats");
	}
	memcpy(c->tally, tally, AM_TALLY);
	check_ok(guard_intact(&c->score_guard, score, bytes), "wrote beside the scores");
	check_ok(in_place || guard_intact(&c->weight_guard, weight, bytes), "wrote beside the weights");
	check_ok(guard_intact(&c->lanes_guard, lanes, kept), "wrote beside the partial sums");
	check_ok(guard_intact(&c->tally_guard, tally, AM_TALLY), "wrote beside the tally");
	check_ok(guard_intact(&c->scratch_guard, scratch, AM_SELECT_SCRATCH(n)), "wrote beside the scratch memory");
}

int test_tally(const am_kernels *k, const test_options *o)
{
	tally_case c;
	am_rng r = am_rng_split(o->seed, 11);
	case_open(&c);
	check_group(k->name, "row_tally");
	for (int i = 0; input_at(i); i++)
		for (int l = 0; input_length(l) >= 0; l++) {
			c.n = input_length(l);
			input_at(i)->fill(c.score, c.n, &r);
			check_case(input_at(i)->name, c.n);
			tally_row(k, &c, (place)((i + l) % PLACE_COUNT), (i + l) / PLACE_COUNT % 2);
		}
	for (int i = 0; i < o->rounds; i++) {
		c.n = input_random_length(&r);
		check_case("random", c.n);
		input_gaussian(c.score, c.n, ldexp(1, i % 16 - 10), &r);
		tally_row(k, &c, (place)(i % PLACE_COUNT), i / PLACE_COUNT % 2);
	}
	case_close(&c);
	return check_group_end();
}

/* Spans of all sizes, many of them beyond the row or empty. */
static void spans_anywhere(int n, int first, int m, int *from, int *to, am_rng *r)
{
	for (int i = 0; i < m; i++) {
		int length = i % 2 ? (int)am_rng_below(r, 70) : i % 16 ? (int)am_rng_below(r, 800) : (int)am_rng_below(r, (uint64_t)n + 2);
		from[i] = first + (int)am_rng_below(r, (uint64_t)n + 20) - 10;
		to[i] = from[i] + length - 2;
	}
	for (int i = 0; i < m; i += 31)
		from[i] = INT_MIN, to[i] = i % 2 ? INT_MAX : to[i];
}

/* Cells of some width side by side: m, or often about as many as begin in the row. Returns how many. */
static int spans_beside(int n, int first, int m, int *from, int *to, am_rng *r)
{
	static const int width[] = {64, 128, 63, 60, 32, 64, 192, 65};
	int each = width[am_rng_below(r, sizeof width / sizeof width[0])], fit = n / each + (int)am_rng_below(r, 3);
	m = am_rng_below(r, 2) && fit < MOST_PLACES ? fit : m;
	for (int i = 0; i < m; i++) {
		from[i] = first + i * each;
		to[i] = from[i] + each;
	}
	return m;
}

/* Distance bins as profiles ask for them, recent keys and sink behind, sometimes one bound amiss. Returns how many. */
static int spans_back(int n, int *from, int *to, am_rng *r)
{
	int bins = 1 + (int)am_rng_below(r, 20), recent = am_rng_below(r, 4) ? 64 : (int)am_rng_below(r, 200);
	for (int i = 0; i < bins; i++) {
		from[i] = -(1 << i);
		to[i] = i ? -(1 << (i - 1)) : 0;
	}
	from[bins] = -recent, to[bins] = am_rng_below(r, 8) ? 0 : 3;
	from[bins + 1] = INT_MIN, to[bins + 1] = -n + (int)am_rng_below(r, am_rng_below(r, 4) ? 8 : 100);
	if (!am_rng_below(r, 4))
		(am_rng_below(r, 2) ? from : to)[am_rng_below(r, (uint64_t)bins)] -= 1;
	return bins + 2;
}

/* x[n]: the scores, or with partial sums their weights. */
static void spans_row(const am_kernels *k, tally_case *c, place at, int kept, am_rng *r)
{
	int n = c->n, from[MOST_PLACES], to[MOST_PLACES], m = (int)am_rng_below(r, MOST_PLACES + 1);
	int first = (int)am_rng_below(r, 3) * 100 - 100;
	double factor = am_rng_uniform(r) + 0.1;
	float without[MOST_PLACES];
	am_row_sums sums;
	int kind = (int)am_rng_below(r, 3);
	if (kind == 0)
		spans_anywhere(n, first, m, from, to, r);
	else if (kind == 1)
		m = spans_back(n, from, to, r), first = -n;
	else
		m = spans_beside(n, first, m, from, to, r);
	size_t bytes = (size_t)n * sizeof(float), out = (size_t)m * sizeof(float), lanes_bytes = AM_ROW_LANES(n) * sizeof(float);
	float *x = guard_place(&c->score_guard, bytes, sizeof(float), at);
	float *share = guard_place(&c->out_guard, out, sizeof(float), PLACE_END);
	float *lanes = guard_place(&c->lanes_guard, lanes_bytes, sizeof(float), at);
	if (kept)
		k->row_stats(c->score, n, c->score, lanes, &sums);
	memcpy(x, c->score, bytes);
	k->spans(x, kept ? lanes : NULL, n, first, from, to, m, factor, share);
	k->spans(x, NULL, n, first, from, to, m, factor, without);
	check_ok(!memcmp(share, without, out), "partial sums change the shares");
	for (int i = 0; i < m; i++) {
		int64_t low = (int64_t)from[i] - first, high = (int64_t)to[i] - first;
		low = low < 0 ? 0 : low;
		high = high > n ? n : high;
		oracle_sum want = high > low ? oracle_total(x + low, (int)(high - low)) : (oracle_sum){0, 0};
		/* Parts are added in float32, lanes folded in four more additions, the result rounded. */
		if (!check_near((double)share[i], want.value * factor,
		                want.bound * factor * 48 / 32 + fabs(want.value * factor) * 0x1p-24, "span"))
			break;
	}
	check_ok(guard_intact(&c->score_guard, x, bytes) && !memcmp(x, c->score, bytes), "changed its input");
	check_ok(guard_intact(&c->out_guard, share, out), "wrote beside the shares");
}

int test_spans(const am_kernels *k, const test_options *o)
{
	tally_case c;
	am_rng r = am_rng_split(o->seed, 12);
	case_open(&c);
	check_group(k->name, "spans");
	for (int l = 0; input_length(l) >= 0 && input_length(l) < 20000; l++)
		for (int at = 0; at < 4 * PLACE_COUNT; at++) {
			c.n = input_length(l);
			check_case("gaussian", c.n);
			input_gaussian(c.score, c.n, 1, &r);
			spans_row(k, &c, (place)(at / 4), at % 2, &r);
		}
	for (int i = 0; i < 4 * o->rounds; i++) {
		int most = i % 4 ? 700 : 9000;
		c.n = (int)am_rng_below(&r, (uint64_t)(most < input_longest() ? most : input_longest()));
		check_case("random", c.n);
		input_gaussian(c.score, c.n, 1, &r);
		spans_row(k, &c, (place)(i % PLACE_COUNT), i / PLACE_COUNT % 2, &r);
	}
	case_close(&c);
	return check_group_end();
}

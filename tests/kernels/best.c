/* row_best against a full sort: bounds part the k largest from the others, sums are those of a rule that
 * knows of no tally, to the bit, whatever the guess. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_K = 40, N_GUESSES = 12 };

typedef struct best_case {
	int n, n_k;
	int k[N_K];
	float *x;
	int32_t *order;
	guard x_guard, bound_guard, sum_guard, scratch_guard;
} best_case;

/* Octaves from the top in float64, each exact: sums of up to 2^29 weights of 24 bits. */
static double octave_sum(const best_case *c, int k)
{
	double sum = 0;
	int at = INT_MAX;
	int64_t units = 0;
	for (int i = 0; i <= k; i++) {
		int e = INT_MIN;
		float x = i < k ? c->x[c->order[i]] : 0;
		if (i < k && x > 0)
			frexpf(x, &e);
		e = i < k && e < -125 ? -125 : e; /* subnormals have the unit of the least normal numbers */
		if (e != at) {
			sum += ldexp((double)units, at - 24);
			units = 0;
		}
		at = e;
		units += i < k ? (int64_t)ldexp((double)x, 24 - e) : 0;
	}
	return sum;
}

/* Ascending, of every size, one past the end now and then. */
static void random_ks(best_case *c, am_rng *r)
{
	c->n_k = 1 + (int)am_rng_below(r, N_K);
	for (int i = 0; i < c->n_k; i++) {
		uint64_t most = am_rng_below(r, 8) == 0 ? (uint64_t)c->n + 2 : (uint64_t)c->n / (1 + am_rng_below(r, 6)) + 1;
		int k = 1 + (int)am_rng_below(r, most), j = i;
		for (; j > 0 && c->k[j - 1] > k; j--)
			c->k[j] = c->k[j - 1];
		c->k[j] = k;
	}
}

/* Too low, too high, garbage, and what parts about as many as are wanted, on the border and beside it. */
static float guess_at(const best_case *c, int i, am_rng *r)
{
	static const float odd[] = {0.0f, -0.0f, -1.0f, NAN, INFINITY, 1e-45f, 2.0f};
	int odds = (int)(sizeof odd / sizeof *odd), all = c->n_k - 1;
	if (i < odds)
		return odd[i];
	while (all > 0 && c->k[all] >= c->n)
		all--;
	float border = c->x[c->order[c->k[all] < c->n ? c->k[all] - 1 : c->n - 1]];
	switch (i - odds) {
	case 0: return border;
	case 1: return nextafterf(border, 2);
	case 2: return nextafterf(border, 0);
	case 3: return border * 0.9f;
	default: return c->x[am_rng_below(r, (uint64_t)c->n)];
	}
}

static void check_best(const am_kernels *k, best_case *c, place at, float *guess, const double *want)
{
	size_t bytes = (size_t)c->n * sizeof *c->x, bounds = (size_t)c->n_k * sizeof(float), sums = (size_t)c->n_k * sizeof(double);
	float *x = guard_place(&c->x_guard, bytes, sizeof *x, at);
	float *bound = guard_place(&c->bound_guard, bounds, sizeof *bound, PLACE_END);
	double *sum = guard_place(&c->sum_guard, sums, sizeof *sum, PLACE_END);
	void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(c->n));
	float asked = *guess;
	memcpy(x, c->x, bytes);
	k->row_best(x, c->n, c->k, c->n_k, guess, sum, bound, scratch);
	for (int i = 0; i < c->n_k; i++) {
		check_ok(!memcmp(&sum[i], &want[i], sizeof *want) || sum[i] == want[i], "sum of %d is %.17g, expected %.17g; guess %.9g",
		         c->k[i], sum[i], want[i], (double)asked);
		check_ok(oracle_bound_ok(x, c->n, c->order, c->k[i], bound[i]), "bound = %.9g for k = %d, guess %.9g", (double)bound[i],
		         c->k[i], (double)asked);
	}
	check_ok(guard_intact(&c->bound_guard, bound, bounds) && guard_intact(&c->sum_guard, sum, sums), "wrote beside its results");
	check_ok(!memcmp(x, c->x, bytes) && guard_intact(&c->x_guard, x, bytes), "changed its input");
	check_ok(guard_intact(&c->scratch_guard, scratch, AM_SELECT_SCRATCH(c->n)), "wrote beside the scratch memory");
}

static void best_row(const am_kernels *k, best_case *c, am_rng *r)
{
	double want[N_K];
	random_ks(c, r);
	oracle_order(c->x, c->n, c->order);
	for (int i = 0; i < c->n_k; i++)
		want[i] = c->k[i] < c->n ? octave_sum(c, c->k[i]) : k->sum(c->x, c->n);
	for (int i = 0; i < N_GUESSES; i++) {
		float guess = guess_at(c, i, r);
		place at = (place)(i % PLACE_COUNT);
		check_best(k, c, at, &guess, want);
		check_best(k, c, at, &guess, want); /* by its own guess */
	}
}

/* The same order of magnitude, many octaves, ties, zeros of both signs. */
static void fill(best_case *c, int kind, am_rng *r)
{
	double spread = kind % 4 == 0 ? 0.05 : kind % 4 == 1 ? 1 : kind % 4 == 2 ? 8 : 25;
	float scale = ldexpf(1, -(int)am_rng_below(r, 40));
	for (int j = 0; j < c->n; j++) {
		double x = exp(-fabs(spread * input_normal(r)));
		c->x[j] = (float)x * scale;
		if (kind % 8 >= 6)
			c->x[j] = (float)(floor(x * 64) / 64) * scale;
		if (kind % 3 == 0 && am_rng_below(r, 16) == 0)
			c->x[j] = am_rng_below(r, 2) ? 0.0f : -0.0f;
	}
	c->x[am_rng_below(r, (uint64_t)c->n)] = scale;
}

int test_best(const am_kernels *k, const test_options *o)
{
	am_rng r = am_rng_split(o->seed, 11);
	best_case c = {.x = malloc(INPUT_MAX_N * sizeof *c.x), .order = malloc(INPUT_MAX_N * sizeof *c.order)};
	if (!c.x || !c.order)
		abort();
	guard_open(&c.x_guard, ((size_t)input_longest() + 3) * sizeof(float));
	guard_open(&c.bound_guard, N_K * sizeof(float));
	guard_open(&c.sum_guard, N_K * sizeof(double));
	guard_open(&c.scratch_guard, AM_SELECT_SCRATCH(input_longest()));
	check_group(k->name, "row_best");
	for (int l = 0; input_length(l) >= 0; l++)
		for (int kind = 0; kind < 8 && input_length(l) > 0; kind++) {
			c.n = input_length(l);
			check_case("lengths", c.n);
			fill(&c, kind, &r);
			best_row(k, &c, &r);
		}
	for (int i = 0; i < 2 * o->rounds; i++) {
		c.n = input_random_length(&r);
		check_case("random", c.n);
		fill(&c, i, &r);
		best_row(k, &c, &r);
	}
	for (int n = 1; n <= 5000 && n <= input_longest(); n = n * 5 / 2 + 1) { /* flat: no bound but for all */
		c.n = n;
		check_case("flat", n);
		for (int j = 0; j < n; j++)
			c.x[j] = 0.125f;
		best_row(k, &c, &r);
	}
	guard_close(&c.scratch_guard);
	guard_close(&c.sum_guard);
	guard_close(&c.bound_guard);
	guard_close(&c.x_guard);
	free(c.order);
	free(c.x);
	return check_group_end();
}

/* row_mass and row_topk against a full sort. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_K = 512, MAX_TAU = 16 };

typedef struct select_case {
	int n;
	float *x; /* weights or scores */
	int32_t *order;
	long double *prefix;
	guard x_guard, out_guard, bound_guard, count_guard, scratch_guard;
} select_case;

static void case_open(select_case *c)
{
	c->x = malloc(INPUT_MAX_N * sizeof *c->x);
	c->order = malloc(INPUT_MAX_N * sizeof *c->order);
	c->prefix = malloc((INPUT_MAX_N + 1) * sizeof *c->prefix);
	if (!c->x || !c->order || !c->prefix)
		abort();
	guard_open(&c->x_guard, ((size_t)input_longest() + 3) * sizeof(float));
	guard_open(&c->out_guard, ((size_t)input_longest() + 3) * sizeof(float));
	guard_open(&c->bound_guard, MAX_K * sizeof(float));
	guard_open(&c->count_guard, MAX_TAU * sizeof(int32_t));
	guard_open(&c->scratch_guard, AM_SELECT_SCRATCH(input_longest()));
}

static void case_close(select_case *c)
{
	guard_close(&c->scratch_guard);
	guard_close(&c->count_guard);
	guard_close(&c->bound_guard);
	guard_close(&c->out_guard);
	guard_close(&c->x_guard);
	free(c->prefix);
	free(c->order);
	free(c->x);
}

static float *place_input(select_case *c, place at)
{
	size_t bytes = (size_t)c->n * sizeof *c->x;
	float *x = guard_place(&c->x_guard, bytes, sizeof *x, at);
	memcpy(x, c->x, bytes);
	return x;
}

static void expect_untouched(select_case *c, const float *x, const void *scratch)
{
	size_t bytes = (size_t)c->n * sizeof *x;
	check_ok(!memcmp(x, c->x, bytes) && guard_intact(&c->x_guard, x, bytes), "changed its input");
	check_ok(guard_intact(&c->scratch_guard, scratch, AM_SELECT_SCRATCH(c->n)),
	         "wrote beside the scratch memory");
}

static void mass_case(const am_kernels *k, select_case *c, const int *ks, int n_k,
                      const double *tau, int n_tau, place at)
{
	size_t mass_bytes = (size_t)n_k * sizeof(float), count_bytes = (size_t)n_tau * sizeof(int32_t);
	float *x = place_input(c, at);
	float *mass = guard_place(&c->out_guard, mass_bytes, sizeof *mass, at);
	int32_t *count = guard_place(&c->count_guard, count_bytes, sizeof *count, PLACE_END);
	void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(c->n));
	float *bound = guard_place(&c->bound_guard, mass_bytes, sizeof *bound, PLACE_END);
	k->row_mass(x, c->n, ks, n_k, tau, n_tau, mass, at == PLACE_START ? NULL : bound, count, scratch);
	for (int i = 0; i < n_k; i++) {
		oracle_sum want = oracle_mass(c->prefix, c->n, ks[i]);
		if (!check_near((double)mass[i], want.value, want.bound, "mass"))
			check_ok(0, "that was k = %d", ks[i]);
		if (at != PLACE_START)
			check_ok(oracle_bound_ok(x, c->n, c->order, ks[i], bound[i]), "bound = %.9g for k = %d", (double)bound[i], ks[i]);
	}
	for (int i = 0; i < n_tau; i++)
		check_ok(oracle_count_ok(c->prefix, c->n, tau[i], count[i]), "count = %d for tau = %.15g",
		         (int)count[i], tau[i]);
	check_ok(guard_intact(&c->out_guard, mass, mass_bytes), "wrote beside the masses");
	check_ok(guard_intact(&c->bound_guard, bound, mass_bytes), "wrote beside the bounds");
	check_ok(guard_intact(&c->count_guard, count, count_bytes), "wrote beside the counts");
	expect_untouched(c, x, scratch);
}

/* Ascending, with every border of an n-long row, one repeated, some past the end. */
static int list_k(int n, int *ks)
{
	int m = 0;
	for (int k = 1; k <= n + 1 && k < 66; k++)
		ks[m++] = k;
	for (int k = 66; k < n - 1; k += 1 + n / 64)
		ks[m++] = k;
	for (int k = n - 1; k <= n + 1; k++)
		if (k >= 1 && (!m || k >= ks[m - 1]))
			ks[m++] = k;
	ks[m++] = n + 100;
	ks[m++] = INT_MAX;
	return m;
}

static const double usual_tau[] = {1e-6, 0.25, 0.5, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1 - 1e-9, 1};
enum { N_TAU = (int)(sizeof usual_tau / sizeof usual_tau[0]) };

static int leading_bits(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	return (int)(u >> 19);
}

/* Values of tau whose limit is the mass of some k to the last bit, where k ends a
 * run of equal leading bits: the seams of a selection by buckets. */
static int list_border_tau(const select_case *c, am_rng *r, double *tau)
{
	int m = 0;
	for (int k = 1; m < MAX_TAU; k += 1 + (int)am_rng_below(r, (uint64_t)(c->n / 12) + 2)) {
		while (k < c->n &&
		       leading_bits(c->x[c->order[k - 1]]) == leading_bits(c->x[c->order[k]]))
			k++;
		double t = k < c->n ? (double)(c->prefix[k] / c->prefix[c->n]) + ORACLE_TAU_SLACK : 2;
		if (t > 1)
			break;
		tau[m++] = t;
	}
	return m;
}

static void mass_row(const am_kernels *k, select_case *c, am_rng *r)
{
	int ks[MAX_K], n_k = list_k(c->n, ks);
	double border[MAX_TAU];
	double tau[3] = {am_rng_uniform(r), 1, 1};
	tau[0] = tau[0] > 0 ? tau[0] : 0.5;
	tau[1] = tau[0] + (1 - tau[0]) * am_rng_uniform(r);
	oracle_order(c->x, c->n, c->order);
	oracle_prefix(c->x, c->n, c->order, c->prefix);
	for (int at = 0; at < PLACE_COUNT; at++)
		mass_case(k, c, ks, n_k, usual_tau, N_TAU, (place)at);
	mass_case(k, c, NULL, 0, tau, 3, PLACE_END);
	mass_case(k, c, ks, n_k, NULL, 0, PLACE_ODD);
	mass_case(k, c, ks + am_rng_below(r, (uint64_t)n_k), 1, tau, 1, PLACE_END);
	mass_case(k, c, NULL, 0, border, list_border_tau(c, r, border), PLACE_START);
}

/* Scores to the weights that row_softmax should give, a few zeros negative. 0 where
 * there are none. */
static int to_weights(float *x, int n)
{
	float max = -INFINITY;
	for (int j = 0; j < n; j++)
		max = x[j] > max ? x[j] : max;
	if (!isfinite(max))
		return 0;
	for (int j = 0; j < n; j++)
		x[j] = (float)exp((double)x[j] - (double)max);
	for (int j = 0; j < n; j += 3)
		x[j] = x[j] > 0 ? x[j] : -0.0f;
	return 1;
}

/* n equal weights: mass of k is k/n exactly, so the 1e-12 of the rule decides. */
static void check_tau_rule(const am_kernels *k, select_case *c, int n, float weight)
{
	c->n = n;
	for (int j = 0; j < n; j++)
		c->x[j] = weight;
	check_case("tau_rule", n);
	double half = (double)(n / 2) / n, tau[] = {half - 5e-13, half, half + 5e-13, half + 2e-12};
	int32_t count[4];
	float *x = place_input(c, PLACE_END);
	void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(n));
	k->row_mass(x, n, NULL, 0, tau, 4, NULL, NULL, count, scratch);
	for (int i = 0; i < 4; i++)
		check_ok(count[i] == n / 2 + (i == 3), "count = %d for tau = %d/%d %+.1e", (int)count[i], n / 2,
		         n, tau[i] - half);
}

/* A tau that the rule's 1e-12 makes nothing of: the largest weight reaches it. */
static void check_tau_tiny(const am_kernels *k, select_case *c, int n, am_rng *r)
{
	static const double tau[] = {1e-300, 1e-13, 1e-12, 1.001e-12};
	int32_t count[4];
	c->n = n;
	input_gaussian(c->x, n, 2, r);
	if (!to_weights(c->x, n))
		return;
	check_case("tau_tiny", n);
	float *x = place_input(c, PLACE_END);
	void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(n));
	k->row_mass(x, n, NULL, 0, tau, 4, NULL, NULL, count, scratch);
	for (int i = 0; i < 4; i++)
		check_ok(count[i] == 1, "count = %d for tau = %g", (int)count[i], tau[i]);
	expect_untouched(c, x, scratch);
}

/* Nearly all weights equal, below them one weight at a distance of every power of two
 * in bits: however buckets are cut, the large one stays large as they get finer. */
static void check_nested(const am_kernels *k, select_case *c, int n, am_rng *r)
{
	uint32_t most = 0x3f7fffffu;
	c->n = n;
	for (int j = 0; j < n; j++) {
		uint32_t u = j < 30 ? most - (1u << j) : most;
		memcpy(&c->x[j], &u, sizeof u);
	}
	input_shuffle(c->x, n, r);
	check_case("nested", n);
	mass_row(k, c, r);
}

int test_mass(const am_kernels *k, const test_options *o)
{
	select_case c;
	am_rng r = am_rng_split(o->seed, 3);
	case_open(&c);
	check_group(k->name, "row_mass");
	for (int i = 0; input_at(i); i++)
		for (int l = 0; !input_at(i)->poisoned && input_length(l) >= 0; l++) {
			c.n = input_length(l);
			input_at(i)->fill(c.x, c.n, &r);
			check_case(input_at(i)->name, c.n);
			if (to_weights(c.x, c.n))
				mass_row(k, &c, &r);
		}
	for (int i = 0; i < o->rounds; i++) {
		c.n = input_random_length(&r);
		check_case("random", c.n);
		input_gaussian(c.x, c.n, 12 * am_rng_uniform(&r), &r);
		int there = to_weights(c.x, c.n);
		float scale = ldexpf(1, -(i % 4) * (int)am_rng_below(&r, 46)); /* the largest need not be 1 */
		for (int j = 0; j < c.n && i % 4; j++)
			c.x[j] *= scale;
		if (there)
			mass_row(k, &c, &r);
	}
	for (int l = 0; input_length(l) >= 0; l++)
		if (input_length(l) > 0)
			check_nested(k, &c, input_length(l), &r);
	for (int l = 0; input_length(l) >= 0; l++)
		if (input_length(l) > 0)
			check_tau_tiny(k, &c, input_length(l), &r);
	for (int n = 10; n <= 40000 && n <= input_longest(); n *= 4)
		for (int e = 0; e <= 140; e += 35)
			check_tau_rule(k, &c, n, ldexpf(1, -e));
	case_close(&c);
	return check_group_end();
}

static int by_value(const void *a, const void *b)
{
	return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b);
}

/* Does a[n] hold the numbers of b[n] in rising order? */
static int same_rising(const int32_t *a, const int32_t *b, int n)
{
	size_t bytes = (size_t)n * sizeof *b;
	int32_t *y = malloc(bytes + 1);
	int same = y != NULL;
	if (same && n > 0) {
		memcpy(y, b, bytes);
		qsort(y, (size_t)n, sizeof *y, by_value);
		same = memcmp(a, y, bytes) == 0;
	}
	free(y);
	return same;
}

static void topk_case(const am_kernels *k, select_case *c, int count, place at)
{
	int m = count < c->n ? count : c->n;
	size_t bytes = (size_t)m * sizeof(int32_t);
	float *x = place_input(c, at);
	int32_t *index = guard_place(&c->out_guard, bytes, sizeof *index, (place)((at + 1) % PLACE_COUNT));
	void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(c->n));
	k->row_topk(x, c->n, count, true, index, scratch);
	int bad = 0;
	while (bad < m && index[bad] == c->order[bad])
		bad++;
	check_ok(bad == m, "k = %d: index[%d] differs from a stable sort", count, bad);
	k->row_topk(x, c->n, count, false, index, scratch);
	check_ok(same_rising(index, c->order, m), "k = %d: not the same keys in rising order", count);
	check_ok(guard_intact(&c->out_guard, index, bytes), "wrote beside the indices");
	expect_untouched(c, x, scratch);
}

static void topk_row(const am_kernels *k, select_case *c, am_rng *r)
{
	/* From n/4 down a bound is guessed. */
	int n = c->n, ks[] = {1, 2, 8, 64, n / 64, n / 16, n / 4, n / 4 + 1, n / 3, n / 2, n - 1, n, n + 1,
	                      INT_MAX, 1 + (int)am_rng_below(r, (uint64_t)n + 1)};
	oracle_order(c->x, n, c->order);
	for (int i = 0; i < (int)(sizeof ks / sizeof ks[0]); i++)
		if (ks[i] >= 1)
			topk_case(k, c, ks[i], (place)(i % PLACE_COUNT));
}

/* Between above and below, `equal` scores of one value around the k-th place, as zeros of
 * both signs when `zero`; what is below is masked in part. */
static void check_border(const am_kernels *k, select_case *c, int count, int equal, int zero, am_rng *r)
{
	int n = c->n, above = count - 1 - (int)am_rng_below(r, (uint64_t)(equal < count ? equal : count));
	for (int j = 0; j < n; j++) {
		float border = zero && am_rng_below(r, 2) ? -0.0f : zero ? 0.0f : -3.5f;
		float below = am_rng_below(r, 2) ? -INFINITY : -4 - (float)am_rng_uniform(r);
		c->x[j] = j < above ? 1 + (float)am_rng_uniform(r) : j < above + equal ? border : below;
	}
	input_shuffle(c->x, n, r);
	check_case(zero ? "border_zeros" : "border", n);
	oracle_order(c->x, n, c->order);
	topk_case(k, c, count, (place)am_rng_below(r, PLACE_COUNT));
}

static void check_borders(const am_kernels *k, select_case *c, am_rng *r)
{
	static const int lengths[] = {250, 256, 257, 319, 320, 1024, 1039, 4095, 4099};
	for (int l = 0; l < (int)(sizeof lengths / sizeof lengths[0]) && lengths[l] <= input_longest(); l++)
		for (int i = 0; i < 48; i++) {
			int n = c->n = lengths[l], border = i % 2 ? n / 64 : n / 4;
			int count = border - 2 + i / 2 % 4, most = i / 8 % 2 ? 4 : n - count;
			check_border(k, c, count > 0 ? count : 1, 1 + (int)am_rng_below(r, (uint64_t)most), i % 3 == 0, r);
		}
}

/* The scores that a guess is made from, spread over the row, are the largest of all, or the least. */
static void check_guess(const am_kernels *k, select_case *c, int n, int high, am_rng *r)
{
	enum { SPREAD = 256 };
	c->n = n;
	for (int j = 0; j < n; j++)
		c->x[j] = (float)am_rng_uniform(r);
	for (int i = 0; i < SPREAD; i++)
		c->x[(int64_t)n * i / SPREAD] += high ? 10 : -10;
	check_case(high ? "guess_high" : "guess_low", n);
	oracle_order(c->x, n, c->order);
	for (int count = 1; count <= n / 4; count += count / 2 + 1)
		topk_case(k, c, count, PLACE_END);
}

/* NaN of every sign and payload: some keys, all different, nothing written beside them. */
static void check_nan(const am_kernels *k, select_case *c, int n, int one_in, am_rng *r)
{
	static const uint32_t nan_bits[] = {0xffffffff, 0x7fffffff, 0x7fc00000, 0xffc00000, 0x7f800001};
	c->n = n;
	check_case("nan", n);
	input_gaussian(c->x, n, 1, r);
	for (int j = 0; j < n; j++)
		if (am_rng_below(r, (uint64_t)one_in) == 0)
			memcpy(&c->x[j], &nan_bits[am_rng_below(r, 5)], sizeof *c->x);
	for (int count = 1; count <= n; count += count / 2 + 1) {
		size_t bytes = (size_t)count * sizeof(int32_t);
		float *x = place_input(c, PLACE_END);
		int32_t *index = guard_place(&c->out_guard, bytes, sizeof *index, PLACE_END);
		void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(n));
		k->row_topk(x, n, count, false, index, scratch);
		int good = 0;
		while (good < count && index[good] < n && index[good] > (good ? index[good - 1] : -1))
			good++;
		check_ok(good == count, "k = %d: index[%d] is not that of another key", count, good);
		check_ok(guard_intact(&c->out_guard, index, bytes), "wrote beside the indices");
		expect_untouched(c, x, scratch);
	}
}

int test_topk(const am_kernels *k, const test_options *o)
{
	select_case c;
	am_rng r = am_rng_split(o->seed, 4);
	case_open(&c);
	check_group(k->name, "row_topk");
	for (int i = 0; input_at(i); i++)
		for (int l = 0; !strstr(input_at(i)->name, "nan") && input_length(l) >= 0; l++) {
			c.n = input_length(l);
			input_at(i)->fill(c.x, c.n, &r);
			check_case(input_at(i)->name, c.n);
			topk_row(k, &c, &r);
		}
	for (int i = 0; i < o->rounds; i++) {
		c.n = input_random_length(&r);
		check_case("random", c.n);
		input_gaussian(c.x, c.n, 3, &r);
		/* Coarser steps every round: from no ties to a handful of values. */
		float step = ldexpf(1, -(i % 12));
		for (int j = 0; j < c.n && i % 13; j++)
			c.x[j] = step * nearbyintf(c.x[j] / step);
		topk_row(k, &c, &r);
	}
	check_borders(k, &c, &r);
	for (int n = 1024; n <= input_longest() && n <= 8192; n = 3 * n + 1)
		for (int high = 0; high < 2; high++)
			check_guess(k, &c, n, high, &r);
	for (int n = 16; n <= input_longest() && n <= 4096; n *= 4)
		for (int one_in = 1; one_in <= 100; one_in *= 10)
			check_nan(k, &c, n + 3, one_in, &r);
	case_close(&c);
	return check_group_end();
}

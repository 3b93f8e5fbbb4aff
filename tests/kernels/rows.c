/* row_stats, row_softmax and sum against the oracle: every input at every length
 * and place, then random lengths. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct row_case {
	const input *in;
	int n;
	float *score;
	double *weight, *bound; /* oracle, one a score */
	oracle_row want;
	guard score_guard, weight_guard, sums_guard;
} row_case;

static void case_open(row_case *c)
{
	memset(c, 0, sizeof *c);
	c->score = malloc(INPUT_MAX_N * sizeof *c->score);
	c->weight = malloc(INPUT_MAX_N * sizeof *c->weight);
	c->bound = malloc(INPUT_MAX_N * sizeof *c->bound);
	if (!c->score || !c->weight || !c->bound)
		abort();
	guard_open(&c->score_guard, ((size_t)input_longest() + 3) * sizeof(float));
	guard_open(&c->weight_guard, ((size_t)input_longest() + 3) * sizeof(float));
	guard_open(&c->sums_guard, sizeof(am_row_sums));
}

static void case_close(row_case *c)
{
	guard_close(&c->sums_guard);
	guard_close(&c->weight_guard);
	guard_close(&c->score_guard);
	free(c->bound);
	free(c->weight);
	free(c->score);
}

static void case_fill(row_case *c, const input *in, int n, am_rng *r)
{
	c->in = in;
	c->n = n;
	in->fill(c->score, n, r);
	if (!in->poisoned || !n)
		oracle_row_stats(c->score, n, c->weight, c->bound, &c->want);
	check_case(in->name, n);
}

static void expect_sums(const row_case *c, const am_row_sums *got, int full)
{
	const oracle_row *w = &c->want;
	if (c->in->poisoned && c->n) {
		check_ok(isnan(got->z), "z = %g, expected NaN", got->z);
		return;
	}
	check_ok((double)got->max == w->max, "max = %.9g, expected %.9g", (double)got->max, w->max);
	check_near(got->z, w->z.value, w->z.bound, "z");
	check_near(got->a, full ? w->a.value : 0, full ? w->a.bound : 0, "a");
	check_near(got->b, full ? w->b.value : 0, full ? w->b.bound : 0, "b");
	check_near(got->z2, full ? w->z2.value : 0, full ? w->z2.bound : 0, "z2");
	check_near(got->d, full ? w->d.value : 0, full ? w->d.bound : 0, "d");
	if (full && w->z.value > 0) {
		oracle_sum h = oracle_entropy(w);
		check_near(log(got->z) - got->a / got->z, h.value, h.bound, "H");
	}
}

static void expect_weights(const row_case *c, const float *weight)
{
	if (c->in->poisoned)
		return;
	for (int j = 0; j < c->n; j++)
		if (!check_near((double)weight[j], c->weight[j], c->bound[j], "weight"))
			return; /* one a row is enough */
}

static void run_case(const am_kernels *k, row_case *c, int full, place at, int in_place)
{
	size_t bytes = (size_t)c->n * sizeof(float);
	float *score = guard_place(&c->score_guard, bytes, sizeof(float), at);
	memcpy(score, c->score, bytes);
	float *weight = score;
	if (!in_place)
		weight = guard_place(&c->weight_guard, bytes, sizeof(float), (place)((at + 1) % PLACE_COUNT));
	am_row_sums *sums = guard_place(&c->sums_guard, sizeof *sums, sizeof *sums, PLACE_END);
	if (full)
		k->row_stats(score, c->n, weight, NULL, sums);
	else
		k->row_softmax(score, c->n, weight, sums);
	expect_sums(c, sums, full);
	expect_weights(c, weight);
	check_ok(guard_intact(&c->score_guard, score, bytes), "wrote beside the scores");
	check_ok(in_place || !memcmp(score, c->score, bytes), "changed the scores");
	check_ok(in_place || guard_intact(&c->weight_guard, weight, bytes), "wrote beside the weights");
	check_ok(guard_intact(&c->sums_guard, sums, sizeof *sums), "wrote beside the sums");
}

static int test_kernel(const am_kernels *k, const char *name, int full, const test_options *o)
{
	row_case c;
	am_rng r = am_rng_split(o->seed, 1);
	case_open(&c);
	check_group(k->name, name);
	for (int i = 0; input_at(i); i++)
		for (int l = 0; input_length(l) >= 0; l++) {
			case_fill(&c, input_at(i), input_length(l), &r);
			for (int at = 0; at < 2 * PLACE_COUNT; at++)
				run_case(k, &c, full, (place)(at / 2), at % 2);
		}
	for (int i = 0; i < o->rounds; i++) {
		int n = input_random_length(&r);
		case_fill(&c, input_at((int)am_rng_below(&r, (uint64_t)input_count())), n, &r);
		run_case(k, &c, full, (place)am_rng_below(&r, PLACE_COUNT), (int)am_rng_below(&r, 2));
	}
	case_close(&c);
	return check_group_end();
}

int test_rows(const am_kernels *k, const test_options *o)
{
	return test_kernel(k, "row_stats", 1, o) + test_kernel(k, "row_softmax", 0, o);
}

static int is_finite_row(const float *x, int n)
{
	for (int j = 0; j < n; j++)
		if (!isfinite(x[j]))
			return 0;
	return 1;
}

static void sum_case(const am_kernels *k, row_case *c, place at)
{
	size_t bytes = (size_t)c->n * sizeof(float);
	float *x = guard_place(&c->score_guard, bytes, sizeof(float), at);
	memcpy(x, c->score, bytes);
	double got = k->sum(x, c->n);
	if (is_finite_row(x, c->n)) {
		oracle_sum want = oracle_total(x, c->n);
		check_near(got, want.value, want.bound, "sum");
	} else {
		/* -inf, +inf or NaN: what IEEE addition gives in any order. */
		double want = 0;
		for (int j = 0; j < c->n; j++)
			want += (double)x[j];
		check_ok(isnan(want) ? isnan(got) : got == want, "sum = %g, expected %g", got, want);
	}
	check_ok(guard_intact(&c->score_guard, x, bytes) && !memcmp(x, c->score, bytes),
	         "changed its input");
}

int test_sum(const am_kernels *k, const test_options *o)
{
	row_case c;
	am_rng r = am_rng_split(o->seed, 2);
	case_open(&c);
	check_group(k->name, "sum");
	for (int i = 0; input_at(i); i++)
		for (int l = 0; input_length(l) >= 0; l++) {
			c.n = input_length(l);
			input_at(i)->fill(c.score, c.n, &r);
			/* Lanes are float32: sums of +-FLT_MAX overflow by contract. */
			for (int j = 0; j < c.n; j++)
				c.score[j] = isfinite(c.score[j]) ? c.score[j] * 0x1p-8f : c.score[j];
			check_case(input_at(i)->name, c.n);
			for (int at = 0; at < PLACE_COUNT; at++)
				sum_case(k, &c, (place)at);
		}
	case_close(&c);
	return check_group_end();
}

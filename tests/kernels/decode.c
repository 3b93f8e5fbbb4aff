/* decode_scores, decode_values and decode_picked against sums in double: every number of heads
 * and head size at lengths around the vectors, gaps between rows, NaN and infinities. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <math.h>
#include <string.h>

enum { MAX_HEADS = 9, MAX_D = 256, LONG = 2048 };

static const int head_sizes[] = {1, 2, 15, 16, 32, 48, 63, 64, 80, 96, 128, MAX_D};
/* Around a vector of 4, 8 and 16 keys and a run of 64. */
static const int lengths[] = {0,  1,  2,  3,  4,  5,  7,  8,   9,   15,  16,  17,   31,
                              32, 33, 48, 63, 64, 65, 79, 127, 128, 129, 200, LONG, LONG + 3};

typedef struct decode_case {
	int heads, d, n, stride;
	place at;
	guard query, cache, row; /* q or out; k or v; scores or weights */
} decode_case;

static size_t row_bytes(const decode_case *c)
{
	return c->n ? ((size_t)(c->heads - 1) * (size_t)c->stride + (size_t)c->n) * sizeof(float) : 0;
}

static size_t query_bytes(const decode_case *c)
{
	return (size_t)(c->heads * c->d) * sizeof(float);
}

static size_t cache_bytes(const decode_case *c)
{
	return (size_t)(c->n * c->d) * sizeof(float);
}

static void case_open(decode_case *c)
{
	guard_open(&c->query, query_bytes(c) + 3 * sizeof(float));
	guard_open(&c->cache, cache_bytes(c) + 3 * sizeof(float));
	guard_open(&c->row, row_bytes(c) + 3 * sizeof(float));
}

static void case_close(decode_case *c)
{
	guard_close(&c->row);
	guard_close(&c->cache);
	guard_close(&c->query);
}

/* bytes of normal floats, one in four times with a NaN or infinity among them. */
static float *place_floats(guard *g, size_t bytes, place at, am_rng *r)
{
	static const float special[] = {NAN, INFINITY, -INFINITY, 0};
	int n = (int)(bytes / sizeof(float));
	float *x = guard_place(g, bytes, sizeof *x, at);
	input_gaussian(x, n, 1, r);
	if (n && am_rng_below(r, 4) == 0)
		x[am_rng_below(r, (uint64_t)n)] = special[am_rng_below(r, 4)];
	return x;
}

/* Now and then a zero of one operand on an infinity of the other: NaN, not skipped. */
static void zero_on_infinity(float *zero, float *infinity, am_rng *r)
{
	if (am_rng_below(r, 4))
		return;
	*zero = 0;
	*infinity = INFINITY;
}

static void expect(float got, oracle_sum want, const char *what)
{
	if (isfinite(want.value))
		check_near((double)got, want.value, want.bound, what);
	else
		check_ok(isnan(want.value) ? isnan(got) : (double)got == want.value, "%s = %g, expected %g", what,
		         (double)got, want.value);
}

/* Whether the floats between the rows still are what guard_place left. */
static int gaps_intact(const decode_case *c, const float *row)
{
	static const unsigned char poison[4] = {GUARD_POISON, GUARD_POISON, GUARD_POISON, GUARD_POISON};
	for (int h = 0; h + 1 < c->heads; h++)
		for (int j = c->n; j < c->stride; j++)
			if (c->n && memcmp(&row[(size_t)h * (size_t)c->stride + (size_t)j], poison, sizeof poison) != 0)
				return 0;
	return 1;
}

static void scores_case(const am_kernels *k, decode_case *c, am_rng *r)
{
	float *q = place_floats(&c->query, query_bytes(c), c->at, r);
	float *key = place_floats(&c->cache, cache_bytes(c), c->at, r);
	int h0 = (int)am_rng_below(r, (uint64_t)c->heads), i0 = (int)am_rng_below(r, (uint64_t)c->d);
	if (c->n)
		zero_on_infinity(&q[h0 * c->d + i0], &key[(int)am_rng_below(r, (uint64_t)c->n) * c->d + i0], r);
	float *score = guard_place(&c->row, row_bytes(c), sizeof *score, (place)((c->at + 1) % PLACE_COUNT));
	k->decode_scores(q, c->heads, c->d, key, c->n, score, c->stride);
	for (int h = 0; h < c->heads; h++)
		for (int j = 0; j < c->n; j++)
			expect(score[(size_t)h * (size_t)c->stride + (size_t)j],
			       oracle_dot(0, q + h * c->d, 1, key + j * c->d, 1, c->d), "score");
	check_ok(guard_intact(&c->row, score, row_bytes(c)) && gaps_intact(c, score), "wrote beside the scores");
	check_ok(guard_intact(&c->query, q, query_bytes(c)) && guard_intact(&c->cache, key, cache_bytes(c)),
	         "wrote beside its inputs");
}

static void values_case(const am_kernels *k, decode_case *c, am_rng *r)
{
	float start[MAX_HEADS * MAX_D];
	float *out = place_floats(&c->query, query_bytes(c), c->at, r);
	float *value = place_floats(&c->cache, cache_bytes(c), c->at, r);
	float *weight = place_floats(&c->row, row_bytes(c), (place)((c->at + 1) % PLACE_COUNT), r);
	for (int h = 0; h + 1 < c->heads && c->n; h++) /* between the rows is nothing to be read */
		for (int j = c->n; j < c->stride; j++)
			weight[(size_t)h * (size_t)c->stride + (size_t)j] = NAN;
	if (c->n) {
		int h0 = (int)am_rng_below(r, (uint64_t)c->heads), j0 = (int)am_rng_below(r, (uint64_t)c->n);
		int i0 = (int)am_rng_below(r, (uint64_t)c->d);
		zero_on_infinity(&weight[h0 * c->stride + j0], &value[j0 * c->d + i0], r);
	}
	memcpy(start, out, query_bytes(c));
	k->decode_values(weight, c->stride, c->heads, c->d, value, c->n, out);
	for (int h = 0; h < c->heads; h++)
		for (int i = 0; i < c->d; i++)
			expect(out[h * c->d + i],
			       oracle_dot(start[h * c->d + i], weight + (size_t)h * (size_t)c->stride, 1, value + i, c->d, c->n),
			       "output");
	check_ok(guard_intact(&c->query, out, query_bytes(c)), "wrote beside the outputs");
	check_ok(guard_intact(&c->row, weight, row_bytes(c)) && guard_intact(&c->cache, value, cache_bytes(c)),
	         "wrote beside its inputs");
}

/* As many picks as there are keys, some of them twice; weights of one row, outputs of one head. */
static void picked_case(const am_kernels *k, decode_case *c, am_rng *r)
{
	int32_t index[LONG + 3];
	float start[MAX_D], picked[LONG + 3];
	size_t bytes = (size_t)c->d * sizeof(float), row = (size_t)c->n * sizeof(float);
	float *out = place_floats(&c->query, bytes, c->at, r);
	float *value = place_floats(&c->cache, cache_bytes(c), c->at, r);
	float *weight = place_floats(&c->row, row, (place)((c->at + 1) % PLACE_COUNT), r);
	for (int i = 0; i < c->n; i++)
		index[i] = (int32_t)am_rng_below(r, (uint64_t)c->n);
	if (c->n)
		zero_on_infinity(&weight[0], &value[index[0] * c->d], r);
	memcpy(start, out, bytes);
	k->decode_picked(weight, index, c->n, c->d, value, out);
	for (int i = 0; i < c->d; i++) {
		for (int j = 0; j < c->n; j++)
			picked[j] = value[index[j] * c->d + i];
		expect(out[i], oracle_dot(start[i], weight, 1, picked, 1, c->n), "output");
	}
	check_ok(guard_intact(&c->query, out, bytes), "wrote beside the outputs");
	check_ok(guard_intact(&c->row, weight, row) && guard_intact(&c->cache, value, cache_bytes(c)),
	         "wrote beside its inputs");
}

typedef void decode_test(const am_kernels *k, decode_case *c, am_rng *r);

static int test_one(const am_kernels *k, const char *name, decode_test *test, int most, am_rng *r)
{
	check_group(k->name, name);
	for (int i = 0; i < (int)(sizeof head_sizes / sizeof head_sizes[0]); i++)
		for (int l = 0; l < (int)(sizeof lengths / sizeof lengths[0]) && lengths[l] <= input_longest(); l++)
			for (int heads = 1; heads <= most; heads += lengths[l] >= LONG ? 4 : 1) {
				decode_case c = {.heads = heads, .d = head_sizes[i], .n = lengths[l]};
				c.stride = c.n + (int)am_rng_below(r, 2) * 7;
				c.at = (place)am_rng_below(r, PLACE_COUNT);
				check_case("decode", c.n);
				case_open(&c);
				test(k, &c, r);
				case_close(&c);
			}
	return check_group_end();
}

int test_decode(const am_kernels *k, const test_options *o)
{
	am_rng r = am_rng_split(o->seed, 9);
	return test_one(k, "decode_scores", scores_case, MAX_HEADS, &r) +
	       test_one(k, "decode_values", values_case, MAX_HEADS, &r) + test_one(k, "decode_picked", picked_case, 1, &r);
}

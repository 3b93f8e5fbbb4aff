/* Scores of an indexer. Products of single heads against sums in double: a term passes at most d
 * roundings, 2 d in the product of bfloat16 pairs, so with u = 2^-24 they are within N u / (1 - N u)
 * sum |q k| for N of these (and 2^-126 a term that counts as 0). From the products on every step is
 * told in float32, and the same bits on all tables with fused products. Any part of a chunk of keys,
 * between guard pages. */
#include "base/half.h"
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEADS = 9, DIM = 200, KEYS = AM_PACKED };
static const int dims[] = {1, 2, 3, 8, 15, 16, 31, 32, 33, 64, 80, 128, 199, 200};

typedef struct problem {
	int heads, dim, first, n;
	int64_t ldq;
	bool relu, paired;
	float q[HEADS * DIM], key[DIM * KEYS]; /* [heads][dim], [dim][KEYS], numbers of bfloat16 where paired */
	float weight[HEADS], head_scale[HEADS], scale[KEYS];
	void *queries; /* as the kernel reads them, guarded */
	float *keys;
	guard q_guard, key_guard, out_guard;
} problem;

static float draw(am_rng *r, bool paired)
{
	float x = am_rng_below(r, 20) ? (float)input_normal(r) : 0;
	return paired ? am_bf16_to_f32(am_f32_to_bf16(x)) : x;
}

/* Puts number i of a row where a bfloat16 kernel has it. */
static void put_half(void *row, size_t at, float x)
{
	uint16_t half = am_f32_to_bf16(x);
	memcpy((unsigned char *)row + at * sizeof half, &half, sizeof half);
}

static void lay_out(problem *p, place where)
{
	int rows = p->paired ? (p->dim + 1) / 2 : p->dim, size = p->paired ? 2 : 4;
	size_t q_bytes = (size_t)((p->heads - 1) * p->ldq + (p->paired ? 2 * rows : p->dim)) * (size_t)size;
	size_t key_bytes = (size_t)(rows * KEYS) * sizeof *p->keys;
	p->queries = guard_place(&p->q_guard, q_bytes, (size_t)size, where);
	p->keys = guard_place(&p->key_guard, key_bytes, sizeof *p->keys, where);
	if (p->paired) {
		memset(p->queries, 0, q_bytes);
		memset(p->keys, 0, key_bytes);
	}
	for (int h = 0; h < p->heads; h++)
		for (int i = 0; i < p->dim; i++)
			if (p->paired)
				put_half(p->queries, (size_t)(h * p->ldq + i), p->q[h * DIM + i]);
			else
				((float *)p->queries)[h * p->ldq + i] = p->q[h * DIM + i];
	for (int i = 0; i < p->dim; i++)
		for (int j = 0; j < KEYS; j++)
			if (p->paired)
				put_half(p->keys, (size_t)(i / 2 * KEYS + j) * 2 + (size_t)(i % 2), p->key[i * KEYS + j]);
			else
				p->keys[i * KEYS + j] = p->key[i * KEYS + j];
}

static void set_problem(problem *p, am_rng *r)
{
	p->heads = 1 + (int)am_rng_below(r, HEADS);
	p->dim = dims[am_rng_below(r, sizeof dims / sizeof *dims)];
	p->ldq = (p->paired ? p->dim + p->dim % 2 : p->dim) + 2 * (int64_t)am_rng_below(r, 3);
	p->first = am_rng_below(r, 2) ? 0 : (int)am_rng_below(r, KEYS);
	p->n = am_rng_below(r, 2) ? KEYS - p->first : (int)am_rng_below(r, (uint64_t)(KEYS - p->first + 1));
	p->relu = am_rng_below(r, 2);
	for (int i = 0; i < HEADS * DIM; i++)
		p->q[i] = draw(r, p->paired);
	for (int i = 0; i < DIM * KEYS; i++)
		p->key[i] = draw(r, p->paired);
	for (int h = 0; h < HEADS; h++) {
		p->weight[h] = draw(r, false);
		p->head_scale[h] = draw(r, false);
	}
	for (int j = 0; j < KEYS; j++)
		p->scale[j] = draw(r, false);
	lay_out(p, (place)am_rng_below(r, PLACE_COUNT));
}

/* The kernel on heads from `head` on. */
static void run(const am_kernels *k, const problem *p, int head, int heads, const float *weight, const float *head_scale, bool relu,
                const float *scale, float *out)
{
	size_t at = (size_t)(head * p->ldq);
	if (p->paired)
		k->index_scores_bf16((uint16_t *)p->queries + at, p->ldq, heads, p->dim, weight, head_scale, relu, p->keys, scale, p->first, p->n, out);
	else
		k->index_scores((float *)p->queries + at, p->ldq, heads, p->dim, weight, head_scale, relu, p->keys, scale, p->first, p->n, out);
}

/* Plain products of one head. */
static void products(const am_kernels *k, const problem *p, int head, float *z)
{
	const float one = 1;
	float ones[KEYS];
	for (int j = 0; j < KEYS; j++)
		ones[j] = 1;
	run(k, p, head, 1, &one, &one, false, ones, z);
}

static void check_products(const problem *p, int head, const float *z)
{
	double roundings = (p->paired ? 2 : 1) * p->dim, u = 0x1p-24;
	for (int j = 0; j < p->n; j++) {
		double sum = 0, magnitude = 0;
		for (int i = 0; i < p->dim; i++) {
			double x = (double)p->q[head * DIM + i] * (double)p->key[i * KEYS + p->first + j];
			sum += x;
			magnitude += fabs(x);
		}
		check_near((double)z[j], sum, roundings * u / (1 - roundings * u) * magnitude + p->dim * 0x1p-126, "product");
	}
}

/* Each step rounded to float32. */
static float want(const problem *p, float (*z)[KEYS], int j)
{
	volatile float sum = 0;
	for (int h = 0; h < p->heads; h++) {
		volatile float w = p->weight[h] * p->head_scale[h];
		volatile float part = w * (p->relu && !(z[h][j] > 0) ? 0 : z[h][j]);
		sum = sum + part;
	}
	volatile float scaled = p->scale[p->first + j] * sum;
	return scaled + 0.0f;
}

static void check_tables(const am_kernels *k, const problem *p, const float *out)
{
	float other[KEYS];
	int usable;
	for (int i = 0; !p->paired && k->gemm_nt && am_kernels_at(i, &usable); i++) {
		const am_kernels *t = am_kernels_at(i, NULL);
		if (!usable || t == k || !t->gemm_nt)
			continue;
		run(t, p, 0, p->heads, p->weight, p->head_scale, p->relu, p->scale, other);
		check_ok(!memcmp(other, out, (size_t)p->n * sizeof *out), "differs from %s", t->name);
	}
}

static void check_problem(const am_kernels *k, problem *p, place where)
{
	float z[HEADS][KEYS];
	size_t bytes = (size_t)p->n * sizeof(float);
	float *out = guard_place(&p->out_guard, bytes, sizeof *out, where);
	for (int h = 0; h < p->heads; h++) {
		products(k, p, h, z[h]);
		check_products(p, h, z[h]);
	}
	run(k, p, 0, p->heads, p->weight, p->head_scale, p->relu, p->scale, out);
	for (int j = 0; j < p->n; j++) {
		float x = want(p, z, j);
		check_ok(memcmp(&x, out + j, sizeof x) == 0, "key %d, %d heads: %a, expected %a", j, p->heads, (double)out[j], (double)x);
	}
	check_ok(guard_intact(&p->out_guard, out, bytes), "wrote beside the output");
	check_tables(k, p, out);
}

static int test_form(const am_kernels *k, const test_options *o, bool paired)
{
	static problem p;
	am_rng r = am_rng_split(o->seed, 31 + paired);
	p.paired = paired;
	check_group(k->name, paired ? "index_scores_bf16" : "index_scores");
	guard_open(&p.q_guard, HEADS * (DIM + 4) * sizeof(float));
	guard_open(&p.key_guard, sizeof p.key);
	guard_open(&p.out_guard, KEYS * sizeof(float));
	for (int round = 0; round < 8 * o->rounds; round++) {
		set_problem(&p, &r);
		check_case(p.relu ? "relu" : "linear", p.dim);
		check_problem(k, &p, (place)am_rng_below(&r, PLACE_COUNT));
	}
	guard_close(&p.out_guard);
	guard_close(&p.key_guard);
	guard_close(&p.q_guard);
	return check_group_end();
}

int test_index(const am_kernels *k, const test_options *o)
{
	int failed = test_form(k, o, false);
	if (k->index_scores_bf16)
		return failed + test_form(k, o, true);
	printf("skip %s.index_scores_bf16: no such dot product here\n", k->name);
	return failed;
}

/* Matrix products against sums in double, in guarded buffers, at sizes around every
 * tile; and against themselves, where the same bits are promised.
 *
 * An element of C is a chain of fused multiply-adds over at most CHAIN steps, chains
 * added one by one, C added last. A term passes through N <= min(k, CHAIN) +
 * ceil(k / CHAIN) roundings, so with u = 2^-24 the error is at most
 * N u / (1 - N u) (sum |a b| + |C|). CHAIN is 256, and 512 elements in the bfloat16
 * product, where a step takes two terms and rounds at most twice; that one counts
 * subnormals as 0, at most 2^-126 a term. */
#include "base/half.h"
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { OP_NT, OP_NN, OP_BF16, OP_COUNT } op;

static const char *const op_names[OP_COUNT] = {"gemm_nt", "gemm_nn", "gemm_bf16"};
static const int ms[] = {1, 2, 5, 6, 7, 11, 12, 13, 18};
static const int ns[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 80, 96, 130};
static const int ks[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64, 80, 96, 128, 255, 256, 257, 511, 512, 513, 600};
static const int pads[] = {0, 0, 1, 3, 16};
enum { MAX_M = 18, MAX_N = 130, MAX_K = 600, MAX_PAD = 16 };

#define PICK(list, r) ((list)[am_rng_below(r, sizeof(list) / sizeof *(list))])

typedef struct problem {
	op op;
	am_number type; /* of B */
	bool add;
	int m, n, k, lda, ldb, ldc;
	void *a, *b; /* A is float, uint16_t in the bfloat16 product */
	float *c;
	size_t a_bytes, b_bytes, c_bytes;
	float *before; /* [MAX_M][MAX_N], C as it was */
	guard guard_a, guard_b, guard_c;
} problem;

static int size_of(am_number type)
{
	return type == AM_F32 ? 4 : 2;
}

static void run(const am_kernels *k, const problem *p, int m, const void *a, float *c, int ldc)
{
	switch (p->op) {
	case OP_NT: k->gemm_nt(m, p->n, p->k, a, p->lda, p->b, p->type, p->ldb, p->add, c, ldc); break;
	case OP_NN: k->gemm_nn(m, p->n, p->k, a, p->lda, p->b, p->ldb, p->add, c, ldc); break;
	default: k->gemm_bf16(m, p->n, p->k, a, p->lda, p->b, p->type, p->ldb, p->add, c, ldc); break;
	}
}

/* A number of the type, normal to subnormal in float16. */
static void put_number(void *at, am_number type, am_rng *r)
{
	float f = (float)input_normal(r);
	uint16_t h = type == AM_BF16 ? am_f32_to_bf16(f)
	                             : (uint16_t)(am_rng_below(r, 0x4400) | am_rng_below(r, 2) << 15);
	memcpy(at, type == AM_F32 ? (void *)&f : (void *)&h, (size_t)size_of(type));
}

static double get_number(const void *at, am_number type)
{
	float f;
	uint16_t h;
	if (type == AM_F32) {
		memcpy(&f, at, sizeof f);
		return (double)f;
	}
	memcpy(&h, at, sizeof h);
	return type == AM_BF16 ? oracle_bf16(h) : oracle_f16(h);
}

static double a_at(const problem *p, int i, int l)
{
	am_number type = p->op == OP_BF16 ? AM_BF16 : AM_F32;
	return get_number((unsigned char *)p->a + ((size_t)i * (size_t)p->lda + (size_t)l) * (size_t)size_of(type), type);
}

static void *b_place(const problem *p, int j, int l)
{
	size_t at = p->op == OP_NN ? (size_t)l * (size_t)p->ldb + (size_t)j : (size_t)j * (size_t)p->ldb + (size_t)l;
	return (unsigned char *)p->b + at * (size_t)size_of(p->type);
}

static double b_at(const problem *p, int j, int l)
{
	double x = get_number(b_place(p, j, l), p->type);
	return p->op == OP_BF16 ? oracle_bf16(am_f32_to_bf16((float)x)) : x;
}

/* Bytes from the first to the last element of rows of n, `ld` apart. */
static size_t span(int rows, int n, int ld, int size)
{
	return rows && n ? ((size_t)(rows - 1) * (size_t)ld + (size_t)n) * (size_t)size : 0;
}

/* Sizes, then buffers that end with the last element, filled at random. */
static void set_problem(problem *p, am_rng *r)
{
	p->type = p->op == OP_NN ? AM_F32 : (am_number)am_rng_below(r, 3);
	p->add = am_rng_below(r, 2);
	p->m = PICK(ms, r), p->n = PICK(ns, r), p->k = PICK(ks, r);
	int depth = p->op == OP_BF16 ? p->k + p->k % 2 : p->k, a_size = p->op == OP_BF16 ? 2 : 4;
	p->lda = depth + PICK(pads, r);
	p->ldb = (p->op == OP_NN ? p->n : p->k) + PICK(pads, r);
	p->ldc = p->n + PICK(pads, r);
	p->a_bytes = span(p->m, depth, p->lda, a_size);
	p->b_bytes = p->op == OP_NN ? span(p->k, p->n, p->ldb, 4) : span(p->n, p->k, p->ldb, size_of(p->type));
	p->c_bytes = span(p->m, p->n, p->ldc, 4);
	p->a = guard_place(&p->guard_a, p->a_bytes, (size_t)a_size, (place)am_rng_below(r, PLACE_COUNT));
	p->b = guard_place(&p->guard_b, p->b_bytes, p->op == OP_NN ? 4 : 1, (place)am_rng_below(r, PLACE_COUNT));
	p->c = guard_place(&p->guard_c, p->c_bytes, 4, (place)am_rng_below(r, PLACE_COUNT));
	for (int i = 0; i < p->m; i++)
		for (int l = 0; l < depth; l++)
			put_number((unsigned char *)p->a + ((size_t)i * (size_t)p->lda + (size_t)l) * (size_t)a_size,
			           a_size == 2 ? AM_BF16 : AM_F32, r);
	for (int j = 0; j < p->n; j++)
		for (int l = 0; l < p->k; l++)
			put_number(b_place(p, j, l), p->type, r);
	/* C that is not added to holds NaN. */
	for (int i = 0; i < p->m; i++)
		for (int j = 0; j < p->n; j++) {
			float x = p->add ? (float)input_normal(r) : NAN;
			p->before[i * MAX_N + j] = p->c[(ptrdiff_t)i * p->ldc + j] = x;
		}
}

static void check_element(const problem *p, int i, int j)
{
	double sum = 0, magnitude = 0, c = p->add ? (double)p->before[i * MAX_N + j] : 0;
	for (int l = 0; l < p->k; l++) {
		double x = a_at(p, i, l) * b_at(p, j, l);
		sum += x;
		magnitude += fabs(x);
	}
	int chain = p->op == OP_BF16 ? 512 : 256;
	double roundings = (p->k < chain ? p->k : chain) + (p->k + chain - 1) / chain;
	double bound = roundings * 0x1p-24 / (1 - roundings * 0x1p-24) * (magnitude + fabs(c));
	check_near((double)p->c[(ptrdiff_t)i * p->ldc + j], sum + c, bound + p->k * 0x1p-126, "element");
}

/* The bytes between the rows of C still hold poison. */
static int gaps_intact(const problem *p)
{
	int intact = 1;
	for (int i = 0; i + 1 < p->m; i++) {
		const unsigned char *gap = (const unsigned char *)(p->c + (ptrdiff_t)i * p->ldc + p->n);
		for (int b = 0; b < (p->ldc - p->n) * 4; b++)
			intact = intact && gap[b] == GUARD_POISON;
	}
	return intact;
}

static void copy_before(const problem *p, int row, int m, float *to)
{
	for (int i = 0; i < m; i++)
		memcpy(to + i * MAX_N, p->before + (row + i) * MAX_N, (size_t)p->n * sizeof *to);
}

static int same_rows(const problem *p, int row, int m, const float *got)
{
	int same = 1;
	for (int i = 0; i < m; i++)
		same = same && !memcmp(got + i * MAX_N, p->c + (ptrdiff_t)(row + i) * p->ldc, (size_t)p->n * sizeof *got);
	return same;
}

/* Two rows give the bits they have among others, and every table gives the same. */
static void check_same_bits(const am_kernels *k, const problem *p, int row, float *other)
{
	const unsigned char *a = p->a;
	int usable;
	if (row + 2 <= p->m) {
		copy_before(p, row, 2, other);
		run(k, p, 2, a + (size_t)row * (size_t)p->lda * (p->op == OP_BF16 ? 2 : 4), other, MAX_N);
		check_ok(same_rows(p, row, 2, other), "rows %d and %d alone differ", row, row + 1);
	}
	for (int i = 0; am_kernels_at(i, &usable); i++) {
		const am_kernels *t = am_kernels_at(i, NULL);
		if (!usable || t == k || !t->gemm_nt || (p->op == OP_BF16 && !t->gemm_bf16))
			continue;
		copy_before(p, 0, p->m, other);
		run(t, p, p->m, p->a, other, MAX_N);
		check_ok(same_rows(p, 0, p->m, other), "differs from %s", t->name);
	}
}

/* nt over packed rows of B, from any of them on, is nt over those rows. */
static void check_packed(const am_kernels *k, const problem *p, int first, guard *room, float *other)
{
	size_t chunks = (size_t)(p->n + AM_PACKED - 1) / AM_PACKED, size = chunks * AM_PACKED * (size_t)p->k * sizeof(float);
	float *packed = guard_place(room, size, sizeof *packed, PLACE_END);
	k->pack_rows(p->n, p->k, p->b, p->ldb, packed);
	check_ok(guard_intact(room, packed, size), "wrote beside packed rows");
	copy_before(p, 0, p->m, other);
	for (int j = first, n; j < p->n; j += n) {
		int skip = j % AM_PACKED;
		n = AM_PACKED - skip < p->n - j ? AM_PACKED - skip : p->n - j;
		k->gemm_nn(p->m, n, p->k, p->a, p->lda, packed + (ptrdiff_t)(j - skip) * p->k + skip, AM_PACKED, p->add, other + j, MAX_N);
	}
	int same = 1;
	for (int i = 0; i < p->m; i++)
		same = same && !memcmp(other + i * MAX_N + first, p->c + (ptrdiff_t)i * p->ldc + first, (size_t)(p->n - first) * sizeof *other);
	check_ok(same, "packed rows from %d on differ", first);
}

/* A NaN in a row of A reaches that row of C, all of it, and no other. */
static void check_nan(const am_kernels *k, problem *p, int row, int at)
{
	uint16_t half = 0x7fc0;
	float nan = NAN;
	size_t size = p->op == OP_BF16 ? 2 : 4;
	memcpy((unsigned char *)p->a + ((size_t)row * (size_t)p->lda + (size_t)at) * size,
	       size == 2 ? (void *)&half : (void *)&nan, size);
	for (int i = 0; i < p->m; i++)
		memcpy(p->c + (ptrdiff_t)i * p->ldc, p->before + i * MAX_N, (size_t)p->n * sizeof *p->c);
	run(k, p, p->m, p->a, p->c, p->ldc);
	int right = 1;
	for (int i = 0; i < p->m; i++)
		for (int j = 0; j < p->n; j++)
			right = right && !isnan(p->c[(ptrdiff_t)i * p->ldc + j]) == (i != row);
	check_ok(right, "NaN in row %d of A", row);
}

static int test_op(const am_kernels *k, const test_options *o, op which)
{
	static float before[MAX_M * MAX_N], other[MAX_M * MAX_N];
	problem p = {.op = which, .before = before};
	guard packed;
	am_rng r = am_rng_split(o->seed, 11 + (uint64_t)which);
	guard_open(&p.guard_a, MAX_M * (MAX_K + MAX_PAD) * 4);
	guard_open(&p.guard_b, (MAX_N + MAX_PAD) * (MAX_K + MAX_PAD) * 4);
	guard_open(&p.guard_c, MAX_M * (MAX_N + MAX_PAD) * 4);
	guard_open(&packed, (MAX_N + AM_PACKED) * MAX_K * 4);
	check_group(k->name, op_names[which]);
	for (int round = 0; round < 3 * o->rounds; round++) {
		set_problem(&p, &r);
		check_case("random", p.k);
		run(k, &p, p.m, p.a, p.c, p.ldc);
		for (int i = 0; i < p.m; i++)
			for (int j = 0; j < p.n; j++)
				check_element(&p, i, j);
		check_ok(gaps_intact(&p) && guard_intact(&p.guard_c, p.c, p.c_bytes), "wrote beside C (%d x %d)", p.m, p.n);
		check_ok(guard_intact(&p.guard_a, p.a, p.a_bytes) && guard_intact(&p.guard_b, p.b, p.b_bytes),
		         "wrote beside A or B");
		check_same_bits(k, &p, (int)am_rng_below(&r, (uint64_t)p.m), other);
		if (which == OP_NT && p.type == AM_F32 && p.m > 1) /* one row of nt has other bits */
			check_packed(k, &p, (int)am_rng_below(&r, (uint64_t)p.n), &packed, other);
		if (p.k)
			check_nan(k, &p, (int)am_rng_below(&r, (uint64_t)p.m), (int)am_rng_below(&r, (uint64_t)p.k));
	}
	guard_close(&packed);
	guard_close(&p.guard_c);
	guard_close(&p.guard_b);
	guard_close(&p.guard_a);
	return check_group_end();
}

int test_products(const am_kernels *k, const test_options *o)
{
	int failed = 0;
	if (k->gemm_nt)
		failed += test_op(k, o, OP_NT) + test_op(k, o, OP_NN);
	if (k->gemm_bf16)
		failed += test_op(k, o, OP_BF16);
	else if (k->gemm_nt)
		printf("skip %s.gemm_bf16: no such dot product here\n", k->name);
	return failed;
}

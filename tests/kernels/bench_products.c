/* Matrix products in the shapes of the forward pass: those of a table, and those of
 * OpenBLAS beside them where this build has it, as a share of the peak. */
#include "cpu_time.h"
#include "peak.h"
#include "tests.h"
#ifdef AM_BENCH_BLAS
#include "kernels/gemm.h"
#endif

#include <stdio.h>
#include <stdlib.h>

enum { BATCHES = 9, ROOM = 1 << 20 };
#define BATCH_OPERATIONS 2e8

typedef enum { OWN, OWN_BF16, BLAS, INDEX, INDEX_BF16 } maker;

typedef struct shape {
	const char *use;
	int nn, m, n, k;
	am_number type; /* of B */
} shape;

/* Rows of scores are an odd number of cache lines apart, as in lib/model/attention.c. */
static const shape shapes[] = {
	{"scores", 0, 96, 4096, 32, AM_F32},   {"scores", 0, 96, 4096, 64, AM_F32},
	{"scores", 0, 96, 4096, 128, AM_F32},  {"output", 1, 96, 32, 4096, AM_F32},
	{"output", 1, 96, 64, 4096, AM_F32},   {"output", 1, 96, 128, 4096, AM_F32},
	{"linear", 0, 256, 64, 576, AM_F32},   {"linear", 0, 256, 64, 576, AM_BF16},
	{"linear", 0, 256, 64, 1536, AM_BF16}, {"head", 0, 512, 512, 576, AM_BF16},
	{"linear", 0, 256, 64, 576, AM_F16},   {"token", 0, 1, 64, 576, AM_F32},
	{"token", 0, 1, 64, 576, AM_BF16},
};

enum { N_SHAPES = (int)(sizeof shapes / sizeof shapes[0]) };

/* Scores of one query of an indexer, m heads of k numbers, against n keys. */
static const shape indexers[] = {{"query", 1, 4, 4096, 64, AM_F32}, {"query", 1, 64, 4096, 128, AM_F32}};
enum { N_INDEXERS = (int)(sizeof indexers / sizeof indexers[0]), MOST_HEADS = 64 };

typedef struct buffers {
	float *a, *b, *c;
	double sink; /* keeps results alive */
} buffers;

static int padded(int n)
{
	return n >= 1024 ? (n / 16 | 1) * 16 : n;
}

static void run_index(const am_kernels *k, maker who, const shape *s, buffers *x)
{
	float one[MOST_HEADS], scale[AM_PACKED];
	for (int i = 0; i < AM_PACKED; i++)
		one[i % MOST_HEADS] = scale[i] = 1;
	for (int j = 0; j < s->n; j += AM_PACKED)
		if (who == INDEX)
			k->index_scores(x->a, s->k, s->m, s->k, one, one, true, x->b + (size_t)j * (size_t)s->k, scale, 0, AM_PACKED, x->c + j);
		else
			k->index_scores_bf16((uint16_t *)x->a, s->k, s->m, s->k, one, one, true, x->b + (size_t)j * (size_t)s->k / 2, scale, 0,
			                     AM_PACKED, x->c + j);
}

static void run(const am_kernels *k, maker who, const shape *s, buffers *x)
{
	int lda = s->nn ? padded(s->k) : s->k, ldc = padded(s->n);
	if (who == INDEX || who == INDEX_BF16)
		run_index(k, who, s, x);
	else if (who == OWN_BF16)
		k->gemm_bf16(s->m, s->n, s->k, (uint16_t *)x->a, s->k, x->b, s->type, s->k, false, x->c, ldc);
	else if (who == OWN && s->nn)
		k->gemm_nn(s->m, s->n, s->k, x->a, lda, x->b, s->n, false, x->c, ldc);
	else if (who == OWN)
		k->gemm_nt(s->m, s->n, s->k, x->a, lda, x->b, s->type, s->k, false, x->c, ldc);
#ifdef AM_BENCH_BLAS
	else if (s->nn)
		am_gemm_nn(s->m, s->n, s->k, 1, x->a, lda, x->b, s->n, 0, x->c, ldc);
	else
		am_gemm_nt(s->m, s->n, s->k, 1, x->a, lda, x->b, s->k, 0, x->c, ldc);
#endif
	x->sink += (double)x->c[0];
}

/* 1e9 operations a second of the best batch. */
static double rate(const am_kernels *k, maker who, const shape *s, buffers *x)
{
	double operations = 2.0 * s->m * s->n * s->k, best = 1e9;
	int repeats = 1 + (int)(BATCH_OPERATIONS / operations);
	for (int batch = 0; batch < BATCHES; batch++) {
		double start = cpu_time();
		for (int i = 0; i < repeats; i++)
			run(k, who, s, x);
		double t = (cpu_time() - start) / repeats;
		best = t < best ? t : best;
	}
	return operations / best * 1e-9;
}

static void print(const char *isa, const char *name, const shape *s, double gflops, double peak, int json)
{
	static const char *const types[] = {"f32", "f16", "bf16"};
	if (!json) {
		printf("%-8s %-10s %-7s %5d %5d %5d %-5s %8.1f", isa, name, s->use, s->m, s->n, s->k, types[s->type], gflops);
		printf(peak > 0 ? " %5.1f %%\n" : "\n", 100 * gflops / peak);
		return;
	}
	printf(",\n  {\"isa\": \"%s\", \"kernel\": \"%s\", \"use\": \"%s\", \"m\": %d, \"n\": %d, \"k\": %d, \"b\": \"%s\", "
	       "\"gflops\": %.2f, \"percent_of_peak\": ", isa, name, s->use, s->m, s->n, s->k, types[s->type], gflops);
	printf(peak > 0 ? "%.1f}" : "null}", 100 * gflops / peak);
}

static void bench_table(const am_kernels *k, buffers *x, int json)
{
	double peak = bench_peak(k, 0), dot_peak = bench_peak(k, 1);
	for (int i = 0; i < N_SHAPES; i++) {
		const shape *s = &shapes[i];
		print(k->name, s->nn ? "gemm_nn" : "gemm_nt", s, rate(k, OWN, s, x), peak, json);
		if (k->gemm_bf16 && !s->nn && s->k != 4096 && s->n < 4096)
			print(k->name, "gemm_bf16", s, rate(k, OWN_BF16, s, x), dot_peak, json);
#ifdef AM_BENCH_BLAS
		if (s->type == AM_F32)
			print(k->name, "openblas", s, rate(k, BLAS, s, x), peak, json);
#endif
	}
	for (int i = 0; i < N_INDEXERS; i++) {
		print(k->name, "index", &indexers[i], rate(k, INDEX, &indexers[i], x), peak, json);
		if (k->index_scores_bf16)
			print(k->name, "index_bf16", &indexers[i], rate(k, INDEX_BF16, &indexers[i], x), dot_peak, json);
	}
}

void bench_products(const am_kernels *only, int json)
{
	buffers x = {calloc(ROOM, sizeof(float)), calloc(ROOM, sizeof(float)), calloc(ROOM, sizeof(float)), 0};
	int usable;
	if (!x.a || !x.b || !x.c)
		abort();
#ifdef AM_BENCH_BLAS
	am_error err;
	if (am_gemm_init(&err))
		fprintf(stderr, "%s\n", err.text);
#endif
	if (!json)
		printf("\nisa      product    use         m     n     k B      GFLOP/s of peak\n");
	for (int i = 0; am_kernels_at(i, &usable); i++) {
		const am_kernels *k = am_kernels_at(i, NULL);
		if (usable && k->gemm_nt && (!only || only == k))
			bench_table(k, &x, json);
	}
	free(x.c);
	free(x.b);
	free(x.a);
}

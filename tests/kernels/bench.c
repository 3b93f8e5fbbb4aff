/* Time a score of every kernel: the best of several batches, each long enough for
 * the clock. Cycles are those of the time stamp counter, which ticks at a constant
 * rate whatever the core's clock; null where there is none. */
#include "base/clock.h"
#include "inputs.h"
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum { BENCH_N = 65536, BATCHES = 7, TOP_K = 64, N_K = 9, N_TAU = 6, HEADS = 4, HEAD_SIZE = 64, RANK = 16 };

typedef struct bench {
	int n;
	float *score, *weight, *out;
	float *cache; /* [BENCH_N / HEADS][HEAD_SIZE] keys or values */
	int32_t *index, *pick;
	uint32_t *member;
	uint64_t *set;
	int set_n; /* length of the row they are of */
	uint16_t *half;
	void *scratch;
	double sink; /* keeps results alive */
} bench;

static uint64_t ticks(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	return 0;
#endif
}

static void row_stats(const am_kernels *k, bench *b)
{
	am_row_sums s;
	k->row_stats(b->score, b->n, b->out, NULL, &s);
	b->sink += s.z;
}

static void row_softmax(const am_kernels *k, bench *b)
{
	am_row_sums s;
	k->row_softmax(b->score, b->n, b->out, &s);
	b->sink += s.z;
}

static void sum(const am_kernels *k, bench *b)
{
	b->sink += k->sum(b->score, b->n);
}

static void row_mass(const am_kernels *k, bench *b)
{
	static const int ks[N_K] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
	static const double tau[N_TAU] = {0.5, 0.8, 0.9, 0.95, 0.99, 0.999};
	float mass[N_K];
	int32_t count[N_TAU];
	k->row_mass(b->weight, b->n, ks, N_K, tau, N_TAU, mass, NULL, count, b->scratch);
	b->sink += (double)mass[0] + count[0];
}

/* As the row before left the guess: in the first call of a batch of another length. */
static void row_best(const am_kernels *k, bench *b)
{
	static const int ks[] = {1, 4, 16, 64, 128, 256, 512, 1024};
	static float guess;
	enum { N = sizeof ks / sizeof *ks };
	double sums[N];
	float bound[N];
	k->row_best(b->weight, b->n, ks, N, &guess, sums, bound, b->scratch);
	b->sink += sums[0];
}

static void row_topk(const am_kernels *k, bench *b)
{
	k->row_topk(b->score, b->n, TOP_K, true, b->index, b->scratch);
	b->sink += b->index[0];
}

static void row_member(const am_kernels *k, bench *b)
{
	const int ks[] = {1, 16, TOP_K, 1 + b->n / 20 > TOP_K ? 1 + b->n / 20 : TOP_K}; /* the usual counts and 5 % */
	memset(b->member, 0, (size_t)b->n * sizeof *b->member);
	k->row_member(b->score, b->n, ks, 4, b->member, b->scratch);
	b->sink += b->member[0];
}

enum { SETS = 11, SET_ROWS = 14 };

/* 8 counts and about 1 %, 5 % and 10 %. */
static void set_budgets(const bench *b, int *k)
{
	const int at[SETS] = {1, 4, 16, b->n / 100, 64, b->n / 20, 128, 256, b->n / 10, 512, 1024};
	for (int i = 0, j; i < SETS; i++) {
		for (j = i; j > 0 && k[j - 1] > at[i]; j--)
			k[j] = k[j - 1];
		k[j] = at[i] < 1 ? 1 : at[i];
	}
}

static void row_sets(const am_kernels *k, bench *b)
{
	int ks[SETS];
	set_budgets(b, ks);
	b->sink += k->row_sets(b->score, b->n, ks, SETS, b->set, b->scratch);
	b->set_n = b->n;
}

/* Bounds of about those sets: weights of Gaussian scores. */
static void reach_sets(const am_kernels *k, bench *b)
{
	float bound[SETS];
	for (int i = 0; i < SETS; i++)
		bound[i] = b->weight[i * 5];
	k->reach_sets(b->weight, b->n, bound, SETS, b->set);
	b->set_n = 0;
}

static void reach_sums(const am_kernels *k, bench *b)
{
	float bound[SETS];
	double sums[SETS];
	for (int i = 0; i < SETS; i++)
		bound[i] = b->weight[i * 5];
	k->reach_sums(b->weight, b->weight, b->n, bound, SETS, sums);
	b->sink += sums[0];
}

/* Sets of the row's length; the first call of a batch makes them. */
static void make_sets(const am_kernels *k, bench *b)
{
	if (b->set_n != b->n)
		row_sets(k, b);
}

static void set_counts(const am_kernels *k, bench *b)
{
	int32_t count[SETS];
	make_sets(k, b);
	k->set_counts(b->set, b->set, b->n, SETS, count);
	b->sink += count[0];
}

/* Time is that of all the rows. */
static void sums_of(const am_kernels *k, bench *b, int rows)
{
	double sums[SETS * SET_ROWS];
	const float *row[SET_ROWS];
	for (int h = 0; h < rows; h++)
		row[h] = b->weight;
	make_sets(k, b);
	k->set_sums(b->set, b->n, SETS, row, rows, sums);
	b->sink += sums[0];
}

static void set_sums_one(const am_kernels *k, bench *b)
{
	sums_of(k, b, 1);
}

static void set_sums_heads(const am_kernels *k, bench *b)
{
	sums_of(k, b, 9);
}

static void set_sums_all(const am_kernels *k, bench *b)
{
	sums_of(k, b, SET_ROWS);
}

/* As many rows as a low-rank key has numbers. */
static void combine_rows(const am_kernels *k, bench *b)
{
	int keys = b->n / RANK;
	k->combine_rows(b->weight, RANK, b->score, keys, keys, false, b->out);
	b->sink += (double)b->out[0];
}

/* As many keys as give n scores over all heads. */
static void decode_scores(const am_kernels *k, bench *b)
{
	int keys = b->n / HEADS;
	k->decode_scores(b->score, HEADS, HEAD_SIZE, b->cache, keys, b->out, keys);
	b->sink += (double)b->out[0];
}

static void decode_values(const am_kernels *k, bench *b)
{
	int keys = b->n / HEADS;
	memset(b->out, 0, HEADS * HEAD_SIZE * sizeof *b->out);
	k->decode_values(b->weight, keys, HEADS, HEAD_SIZE, b->cache, keys, b->out);
	b->sink += (double)b->out[0];
}

/* One key in four, for every head; time is that of all of them. */
static void decode_picked(const am_kernels *k, bench *b)
{
	int keys = b->n / HEADS;
	memset(b->out, 0, HEAD_SIZE * sizeof *b->out);
	for (int h = 0; h < HEADS; h++)
		k->decode_picked(b->weight + h * (keys / 4), b->pick, keys / 4, HEAD_SIZE, b->cache, b->out);
	b->sink += (double)b->out[0];
}

static void bf16_to_f32(const am_kernels *k, bench *b)
{
	k->bf16_to_f32(b->half, (size_t)b->n, b->out);
	b->sink += (double)b->out[0];
}

static void f16_to_f32(const am_kernels *k, bench *b)
{
	k->f16_to_f32(b->half, (size_t)b->n, b->out);
	b->sink += (double)b->out[0];
}

static const struct {
	const char *name;
	void (*run)(const am_kernels *k, bench *b);
} subjects[] = {
	{"row_stats", row_stats},
	{"row_softmax", row_softmax},
	{"sum", sum},
	{"row_mass", row_mass},
	{"row_best", row_best},
	{"row_topk", row_topk},
	{"row_member", row_member},
	{"row_sets", row_sets},
	{"reach_sets", reach_sets},
	{"reach_sums", reach_sums},
	{"set_counts", set_counts},
	{"set_sums x1", set_sums_one},
	{"set_sums x9", set_sums_heads},
	{"set_sums x14", set_sums_all},
	{"combine_rows", combine_rows},
	{"decode_scores", decode_scores},
	{"decode_values", decode_values},
	{"decode_picked", decode_picked},
	{"bf16_to_f32", bf16_to_f32},
	{"f16_to_f32", f16_to_f32},
};

enum { N_SUBJECTS = (int)(sizeof subjects / sizeof subjects[0]) };

/* Best batch: seconds and ticks a score. */
static void best(const am_kernels *k, int subject, bench *b, double *seconds, double *cycles)
{
	int repeats = 1 + 1000000 / b->n;
	*seconds = *cycles = 1e9;
	for (int batch = 0; batch < BATCHES; batch++) {
		double start = am_now();
		uint64_t tick = ticks();
		for (int i = 0; i < repeats; i++)
			subjects[subject].run(k, b);
		double c = (double)(ticks() - tick) / repeats / b->n;
		double s = (am_now() - start) / repeats / b->n;
		*seconds = s < *seconds ? s : *seconds;
		*cycles = c < *cycles ? c : *cycles;
	}
}

static void print(const am_kernels *k, int subject, const bench *b, double seconds, double cycles,
                  int json, int first)
{
	const char *name = subjects[subject].name;
	if (!json) {
		printf("%-8s %-13s %6d %9.3f %9.2f\n", k->name, name, b->n, 1e9 * seconds, cycles);
		return;
	}
	printf("%s\n  {\"isa\": \"%s\", \"kernel\": \"%s\", \"n\": %d, \"ns_per_score\": %.4f, ",
	       first ? "" : ",", k->name, name, b->n, 1e9 * seconds);
	if (cycles > 0)
		printf("\"tsc_cycles_per_score\": %.3f}", cycles);
	else
		printf("\"tsc_cycles_per_score\": null}");
}

static void bench_open(bench *b)
{
	am_rng r = am_rng_split(1, 0);
	am_row_sums s;
	b->score = calloc(BENCH_N, sizeof *b->score);
	b->weight = calloc(BENCH_N, sizeof *b->weight);
	b->out = calloc(BENCH_N, sizeof *b->out);
	b->cache = calloc(BENCH_N / HEADS * HEAD_SIZE, sizeof *b->cache);
	b->index = calloc(TOP_K, sizeof *b->index);
	b->pick = calloc(BENCH_N / HEADS, sizeof *b->pick);
	b->member = calloc(BENCH_N, sizeof *b->member);
	b->set = calloc(SETS * AM_SET_WORDS(BENCH_N), sizeof *b->set);
	b->half = calloc(BENCH_N, sizeof *b->half);
	b->scratch = aligned_alloc(64, AM_SELECT_SCRATCH(BENCH_N));
	if (!b->score || !b->weight || !b->out || !b->cache || !b->index || !b->pick || !b->member || !b->set || !b->half ||
	    !b->scratch)
		abort();
	for (int i = 0; i < BENCH_N / HEADS; i++)
		b->pick[i] = 4 * i + (int)am_rng_below(&r, 4);
	input_gaussian(b->score, BENCH_N, 2.2, &r);
	input_gaussian(b->cache, BENCH_N / HEADS * HEAD_SIZE, 1, &r);
	am_kernels_at(0, NULL)->row_softmax(b->score, BENCH_N, b->weight, &s);
	for (int j = 0; j < BENCH_N; j++)
		b->half[j] = (uint16_t)am_rng_below(&r, 0x7c00);
}

static void bench_close(bench *b)
{
	free(b->scratch);
	free(b->half);
	free(b->set);
	free(b->member);
	free(b->pick);
	free(b->index);
	free(b->cache);
	free(b->out);
	free(b->weight);
	free(b->score);
}

void bench_kernels(const am_kernels *only, int json)
{
	static const int lengths[] = {256, 2048, 4096, BENCH_N};
	bench b = {0};
	int usable, first = 1;
	bench_open(&b);
	printf(json ? "[" : "isa      kernel             n  ns/score tsc/score\n");
	for (int i = 0; am_kernels_at(i, &usable); i++)
		for (int s = 0; s < N_SUBJECTS; s++)
			for (int l = 0; l < 4; l++) {
				const am_kernels *k = am_kernels_at(i, NULL);
				double seconds, cycles;
				if (!usable || (only && only != k))
					continue;
				b.n = lengths[l];
				best(k, s, &b, &seconds, &cycles);
				print(k, s, &b, seconds, cycles, json, first);
				first = 0;
			}
	bench_close(&b);
	bench_products(only, json);
	printf(json ? "\n]\n" : "");
}

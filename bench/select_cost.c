/* What selectors cost: nanoseconds of processor time a visible key and row of one layer, to select and to
 * prepare, for queries and keys drawn at random.
 *
 *   select_cost TOKENS HEADS KV_HEADS HEAD_DIM BUDGETS SPEC...    BUDGETS as 1,16,64
 *
 * Tab-separated on stdout: spec, sets a row, select, prepare. */
#include "base/mem.h"
#include "base/rng.h"
#include "select/selector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 256, EVERY = 8 };
static int H, G, D, k[AM_SELECT_BUDGETS], n_k;

/* Of this process: other work on the machine does not count. */
static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(float *x, size_t n, am_rng *r)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)(am_rng_uniform(r) + am_rng_uniform(r) + am_rng_uniform(r) - 1.5) * 2;
}

/* Seconds of preparing all blocks and of selecting every EVERY-th row. */
static void measure(am_selector *s, const am_select_block *all, const am_kernels *kernels, int tokens, double *prepare,
                    double *choose)
{
	am_error err;
	size_t stride = (size_t)tokens, all_heads = (size_t)H * stride;
	float *score = am_calloc(all_heads, sizeof *score), *weight = am_calloc(all_heads, sizeof *weight);
	uint32_t *member = am_calloc(all_heads, sizeof *member);
	am_row_sums *sums = am_calloc((size_t)H, sizeof *sums);
	if (!score || !weight || !member || !sums || am_selector_start(s, 0, tokens, tokens, &err))
		abort();
	for (int start = 0; start < tokens; start += BLOCK) {
		am_select_block b = *all;
		b.start = start;
		b.rows = tokens - start < BLOCK ? tokens - start : BLOCK;
		b.q = all->q + (size_t)start * (size_t)(H * D);
		double before = cpu_seconds();
		if (am_selector_prepare(s, &b, NULL, &err))
			abort();
		*prepare += cpu_seconds() - before;
		for (int r = 0; r < b.rows; r += EVERY) {
			am_select_row row = {.block = &b, .row = r, .position = start + r, .n = start + r + 1, .score = score,
			                     .weight = weight, .sums = sums, .stride = tokens};
			for (int h = 0; h < H; h++) {
				kernels->decode_scores(b.q + (size_t)(r * H + h) * (size_t)D, 1, D, b.k + h / (H / G) * b.k_stride, row.n,
				                       score + (size_t)h * stride, tokens);
				for (int j = 0; j < row.n; j++)
					score[(size_t)h * stride + (size_t)j] *= b.scale;
				kernels->row_softmax(score + (size_t)h * stride, row.n, weight + (size_t)h * stride, &sums[h]);
			}
			before = cpu_seconds();
			am_selector_select(s, 0, &row, k, n_k, member, tokens);
			*choose += cpu_seconds() - before;
		}
	}
	am_free(sums);
	am_free(member);
	am_free(weight);
	am_free(score);
}

static bool read_numbers(char **argv, int *tokens)
{
	*tokens = atoi(argv[1]);
	H = atoi(argv[2]);
	G = atoi(argv[3]);
	D = atoi(argv[4]);
	for (char *p = argv[5]; *p && n_k < AM_SELECT_BUDGETS; p += *p == ',')
		k[n_k++] = (int)strtol(p, &p, 10);
	return *tokens > 0 && H > 0 && G > 0 && H % G == 0 && D > 0 && n_k > 0 && k[0] > 0;
}

static int measure_all(char **specs, int n, const am_select_shape *shape, const am_select_block *all)
{
	int tokens = shape->capacity;
	double pairs = 0.5 * (double)tokens * (double)(tokens + 1);
	am_error err;
	for (int i = 0; i < n; i++) {
		am_select_spec spec;
		am_selector *s;
		double prepare = 0, choose = 0;
		if (am_select_spec_parse(specs[i], &spec, &err) || am_selector_open(&spec, shape, &s, &err)) {
			fprintf(stderr, "%s: %s\n", specs[i], err.text);
			return 1;
		}
		measure(s, all, shape->kernels, tokens, &prepare, &choose);
		printf("%s\t%d\t%.2f\t%.3f\n", specs[i], am_selector_sets(s), 1e9 * EVERY * choose / pairs, 1e9 * prepare / pairs);
		am_selector_close(s);
		am_select_spec_fini(&spec);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int tokens = 0;
	am_error err;
	const am_kernels *kernels;
	am_rng r = am_rng_split(1, 0);
	if (argc < 7 || !read_numbers(argv, &tokens) || am_kernels_get(NULL, &kernels, &err)) {
		fprintf(stderr, "Usage: select_cost TOKENS HEADS KV_HEADS HEAD_DIM BUDGETS SPEC...\n");
		return 2;
	}
	size_t queries = (size_t)tokens * (size_t)(H * D), keys = (size_t)tokens * (size_t)(G * D);
	float *q = am_alloc(queries, sizeof *q), *key = am_alloc(keys, sizeof *key);
	if (!q || !key)
		return 1;
	fill(q, queries, &r);
	fill(key, keys, &r);
	am_select_block all = {.k = key, .k_stride = (int64_t)tokens * D, .q = q, .scale = (float)(1 / sqrt(D))};
	am_select_shape shape = {.layers = 1, .heads = H, .kv_heads = G, .head_dim = D, .capacity = tokens, .block = BLOCK,
	                         .workers = 1, .kernels = kernels};
	int code = measure_all(argv + 6, argc - 6, &shape, &all);
	am_free(key);
	am_free(q);
	return code;
}

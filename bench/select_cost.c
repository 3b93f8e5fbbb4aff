/* What selectors cost: nanoseconds a visible key and row of one layer, preparing included,
 * for queries and keys drawn at random. select_cost [TOKENS]; Markdown on stdout. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "select/selector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { H = 9, G = 3, D = 64, BLOCK = 256, EVERY = 8 };

static const char *const specs[] = {
	"exact", "exact-group", "exact-sum", "exact-max", "precision:0.5", "topp:0.9", "random", "recent:4+64",
	"quest:16", "quest:16,share=layer", "blockmean:64", "loki:16", "loki:16,share=layer", "doublesparse:8", "snapkv:64",
};

static void fill(float *x, size_t n, am_rng *r)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)(am_rng_uniform(r) + am_rng_uniform(r) + am_rng_uniform(r) - 1.5) * 2;
}

/* Seconds of preparing all blocks and of selecting every EVERY-th row. */
static void measure(am_selector *s, const am_select_block *all, const am_kernels *kernels, int tokens, double *prepare,
                    double *choose)
{
	static const int k[] = {1, 16, 64, 256};
	am_error err;
	size_t stride = (size_t)tokens;
	float *score = am_calloc(H * stride, sizeof *score), *weight = am_calloc(H * stride, sizeof *weight);
	uint32_t *member = am_calloc(H * stride, sizeof *member);
	am_row_sums sums[H];
	if (!score || !weight || !member || am_selector_start(s, 0, tokens, tokens, &err))
		abort();
	for (int start = 0; start < tokens; start += BLOCK) {
		am_select_block b = *all;
		b.start = start;
		b.rows = tokens - start < BLOCK ? tokens - start : BLOCK;
		b.q = all->q + (size_t)start * H * D;
		double before = am_now();
		if (am_selector_prepare(s, &b, NULL, &err))
			abort();
		*prepare += am_now() - before;
		for (int r = 0; r < b.rows; r += EVERY) {
			am_select_row row = {.block = &b, .row = r, .position = start + r, .n = start + r + 1, .score = score,
			                     .weight = weight, .sums = sums, .stride = tokens};
			for (int h = 0; h < H; h++) {
				kernels->decode_scores(b.q + (size_t)(r * H + h) * D, 1, D, b.k + h / (H / G) * b.k_stride, row.n,
				                       score + (size_t)h * stride, tokens);
				for (int j = 0; j < row.n; j++)
					score[(size_t)h * stride + (size_t)j] *= b.scale;
				kernels->row_softmax(score + (size_t)h * stride, row.n, weight + (size_t)h * stride, &sums[h]);
			}
			before = am_now();
			am_selector_select(s, 0, &row, k, 4, member, tokens);
			*choose += am_now() - before;
		}
	}
	am_free(member);
	am_free(weight);
	am_free(score);
}

int main(int argc, char **argv)
{
	int tokens = argc > 1 ? atoi(argv[1]) : 4096;
	am_error err;
	const am_kernels *kernels;
	am_rng r = am_rng_split(1, 0);
	if (tokens < 1 || am_kernels_get(NULL, &kernels, &err))
		return 2;
	float *q = am_alloc((size_t)tokens * H * D, sizeof *q), *k = am_alloc((size_t)tokens * G * D, sizeof *k);
	if (!q || !k)
		return 1;
	fill(q, (size_t)tokens * H * D, &r);
	fill(k, (size_t)tokens * G * D, &r);
	am_select_block all = {.k = k, .k_stride = (int64_t)tokens * D, .q = q, .scale = 0.125f};
	am_select_shape shape = {.layers = 1, .heads = H, .kv_heads = G, .head_dim = D, .capacity = tokens, .block = BLOCK,
	                         .workers = 1, .kernels = kernels};
	double pairs = 0.5 * (double)tokens * (double)(tokens + 1);
	printf("| selector | sets | select | prepare |\n|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		am_select_spec spec;
		am_selector *s;
		double prepare = 0, choose = 0;
		if (am_select_spec_parse(specs[i], &spec, &err) || am_selector_open(&spec, &shape, &s, &err)) {
			fprintf(stderr, "%s: %s\n", specs[i], err.text);
			return 1;
		}
		measure(s, &all, kernels, tokens, &prepare, &choose);
		printf("| `%s` | %d | %.1f | %.2f |\n", specs[i], am_selector_sets(s), 1e9 * EVERY * choose / pairs,
		       1e9 * prepare / pairs);
		am_selector_close(s);
		am_select_spec_fini(&spec);
	}
	am_free(k);
	am_free(q);
	return 0;
}

/* Runs a selector over a sequence of given queries and keys, block by block, and keeps the
 * sets of all rows. */
#ifndef AM_TESTS_UNIT_SELECT_WORLD_H
#define AM_TESTS_UNIT_SELECT_WORLD_H

#include "select/selector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORLD_LAYERS = 2 };

typedef struct world {
	int tokens, heads, kv_heads, d;
	const float *q, *k; /* [tokens][heads][d], [kv_heads][tokens][d] */
	float scale;
	int window[WORLD_LAYERS];
	int block, threads, prompt, index;
	const char *kernels;
} world;

/* Rotary frequencies of base 100, as tests/golden/make_selectors.py has them. */
static inline am_status world_rope(void *ctx, int layer, int dims, int length, float *inv_freq, am_error *err)
{
	(void)ctx, (void)layer, (void)length, (void)err;
	for (int i = 0; i < dims / 2; i++)
		inv_freq[i] = (float)pow(100, -2.0 * i / dims);
	return AM_OK;
}

static inline am_selector *world_open(const world *w, const char *text, am_select_spec *spec)
{
	am_error err = {0};
	const am_kernels *kernels;
	assert_int_equal(am_kernels_get(w->kernels, &kernels, &err), AM_OK);
	am_select_shape shape = {.layers = WORLD_LAYERS, .heads = w->heads, .kv_heads = w->kv_heads, .head_dim = w->d,
	                         .capacity = w->tokens, .block = w->block, .workers = w->threads, .window = w->window,
	                         .kernels = kernels, .rope = world_rope};
	am_selector *s = NULL;
	if (am_select_spec_parse(text, spec, &err) || am_selector_open(spec, &shape, &s, &err))
		fail_msg("%s: %s", text, err.text);
	return s;
}

/* Scores of a row as the forward pass has them. */
static inline void world_row(const world *w, const am_kernels *kernels, const am_select_block *b, int r, float *score,
                             float *weight, am_row_sums *sums, am_select_row *row)
{
	int t = b->start + r, window = w->window[b->layer], first = window && t >= window ? t - window + 1 : 0;
	for (int h = 0; h < w->heads; h++) {
		const float *key = w->k + ((size_t)(h / (w->heads / w->kv_heads)) * (size_t)w->tokens + (size_t)first) * (size_t)w->d;
		for (int j = 0; j <= t - first; j++) {
			double sum = 0;
			for (int c = 0; c < w->d; c++)
				sum += (double)w->q[((size_t)t * (size_t)w->heads + (size_t)h) * (size_t)w->d + (size_t)c] * (double)key[j * w->d + c];
			score[h * w->tokens + j] = (float)((double)w->scale * sum);
		}
		kernels->row_softmax(score + h * w->tokens, t - first + 1, weight + h * w->tokens, &sums[h]);
	}
	*row = (am_select_row){.block = b, .row = r, .position = t, .first_key = first, .n = t - first + 1,
	                       .score = score, .weight = weight, .sums = sums, .stride = w->tokens};
}

/* Positions from .. to - 1. member[layer][position][set][key], zero beyond a row's keys; NULL: none wanted. */
static inline void world_blocks(const world *w, am_selector *s, int from, int to, const int *k, int n_k, uint32_t *member)
{
	am_error err = {0};
	const am_kernels *kernels;
	am_threads *threads = NULL;
	size_t tokens = (size_t)w->tokens, heads = (size_t)w->heads, sets = (size_t)am_selector_sets(s);
	float *score = calloc(heads * tokens, sizeof *score), *weight = calloc(heads * tokens, sizeof *weight);
	am_row_sums *sums = calloc(heads, sizeof *sums);
	assert_true(score && weight && sums);
	assert_int_equal(am_kernels_get(w->kernels, &kernels, &err), AM_OK);
	assert_int_equal(am_threads_new(w->threads, &threads, &err), AM_OK);
	for (int start = from; start < to; start += w->block)
		for (int layer = 0; layer < WORLD_LAYERS; layer++) {
			int rows = to - start < w->block ? to - start : w->block;
			am_select_block b = {.layer = layer, .start = start, .rows = rows, .k = w->k, .k_stride = (int64_t)tokens * w->d,
			                     .q = w->q + (size_t)start * heads * (size_t)w->d, .scale = w->scale};
			if (am_selector_prepare(s, &b, threads, &err))
				fail_msg("prepare: %s", err.text);
			for (int r = rows - 1; r >= 0 && member; r--) { /* in any order */
				am_select_row row;
				world_row(w, kernels, &b, r, score, weight, sums, &row);
				uint32_t *m = member + ((size_t)layer * tokens + (size_t)row.position) * sets * tokens;
				am_selector_select(s, r % w->threads, &row, k, n_k, m, (int64_t)tokens);
			}
		}
	am_threads_free(threads);
	free(sums);
	free(weight);
	free(score);
}

static inline size_t world_members(const world *w, const am_selector *s)
{
	return (size_t)WORLD_LAYERS * (size_t)w->tokens * (size_t)am_selector_sets(s) * (size_t)w->tokens;
}

/* The whole sequence; the caller frees the sets. */
static inline uint32_t *world_run(const world *w, const char *text, const int *k, int n_k)
{
	am_error err = {0};
	am_select_spec spec;
	am_selector *s = world_open(w, text, &spec);
	uint32_t *member = calloc(world_members(w, s), sizeof *member);
	assert_non_null(member);
	assert_int_equal(am_selector_start(s, w->index, w->tokens, w->prompt, &err), AM_OK);
	world_blocks(w, s, 0, w->tokens, k, n_k, member);
	am_selector_close(s);
	am_select_spec_fini(&spec);
	return member;
}

#endif

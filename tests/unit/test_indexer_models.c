/* Indexers of tiny DeepSeek-V3.2 and GLM-5 models against what transformers made of them
 * (tests/golden/indexer/make_indexers.py): every stage, and the sets that the selector keeps. */
#include "base/mem.h"
#include "kernels/gemm.h"
#include "select/indexer_file.h"
#include "select/selector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER AM_SOURCE_DIR "/tests/golden/indexer/"

enum { T = 40, K = 10, C = 48, R = 24 };

/* Largest difference allowed, as a share of the largest magnitude beside it. bfloat16 keeps 8
 * bits of a number, and transformers rounds cos, sin and w to it as well. */
typedef struct model {
	const char *name;
	int layers;
	double bound;
	bool bf16;
} model;
static const model models[] = {
	{"deepseek", 2, 1e-6, false}, {"deepseek-yarn", 2, 1e-6, false}, {"deepseek-yarn-factor", 1, 1e-6, false},
	{"glm", 4, 1e-6, false}, {"deepseek-bf16", 1, 2e-2, true},
};

static am_threads *threads;
static const am_kernels *kernels;

static char *path_of(const model *m, const char *file, char out[512])
{
	snprintf(out, 512, "%s%s%s", FOLDER, m->name, file);
	return out;
}

static am_tensors *open_expected(const model *m)
{
	char path[512];
	am_tensors *t = NULL;
	assert_int_equal(am_tensors_open(path_of(m, "/expected.safetensors", path), &t, NULL), AM_OK);
	return t;
}

static const float *expected(const am_tensors *t, int layer, const char *what)
{
	char name[64];
	snprintf(name, sizeof name, "%d.%s", layer, what);
	const am_tensor *x = am_tensors_find(t, name);
	if (!x)
		fail_msg("no %s", name);
	assert_int_equal((uintptr_t)x->data % 4, 0);
	return x->data;
}

/* Worst difference over the largest magnitude expected. */
static double off(const float *found, const float *want, size_t n)
{
	double worst = 0, most = 0;
	for (size_t i = 0; i < n; i++) {
		double d = fabs((double)found[i] - (double)want[i]);
		worst = d <= worst ? worst : d;
		most = fmax(most, fabs((double)want[i]));
		assert_true(isfinite(found[i]));
	}
	return worst / most;
}

typedef struct results {
	float q[T * 8 * 32], q_scale[T * 8], k[T * 32], k_scale[T], w[T * 8], cos[T * 8], sin[T * 8];
} results;

static void forward(const am_indexer *x, const am_index_form *f, int layer, const am_tensors *want, results *r)
{
	float freq[8], scale;
	am_index_work work = {0};
	am_error err = {0};
	assert_int_equal(am_rope_frequencies(&x->rope, 16, x->max_positions, T, freq, &scale, NULL), AM_OK);
	for (int t = 0; t < T; t++)
		for (int i = 0; i < f->rope_dims / 2; i++) {
			r->cos[t * (f->rope_dims / 2) + i] = cosf((float)t * freq[i]) * scale;
			r->sin[t * (f->rope_dims / 2) + i] = sinf((float)t * freq[i]) * scale;
		}
	am_index_input in = {.x = expected(want, layer, "x"), .c = expected(want, layer, "c"), .cos = r->cos, .sin = r->sin, .rows = T};
	am_index_output out = {r->q, r->q_scale, r->k, r->k_scale, r->w};
	if (am_index_forward(f, &x->weights[layer], &in, kernels, threads, &work, &out, &err))
		fail_msg("%s", err.text);
	am_index_work_fini(&work);
}

/* transformers caches interleaved keys with their rotary part sorted: all first members, then all second. */
static void sort_pairs(float *k, int dims)
{
	float sorted[32];
	for (int t = 0; t < T; t++) {
		for (int i = 0; i < dims; i++)
			sorted[i] = k[t * 32 + (i < dims / 2 ? 2 * i : 2 * (i - dims / 2) + 1)];
		memcpy(k + t * 32, sorted, (size_t)dims * sizeof *k);
	}
}

static double dots_off(const results *r, const float *want)
{
	static float z[T * 8 * T];
	for (int t = 0; t < T; t++)
		for (int h = 0; h < 8; h++)
			for (int s = 0; s < T; s++) {
				double sum = 0;
				for (int i = 0; i < 32; i++)
					sum += (double)r->q[(t * 8 + h) * 32 + i] * (double)r->k[s * 32 + i];
				z[(t * 8 + h) * T + s] = (float)(sum / sqrt(32));
			}
	return off(z, want, T * 8 * T);
}

/* Later stages switched off show each earlier one. */
static void every_stage(void **state)
{
	const model *m = *state;
	char path[512];
	am_tensors *want = open_expected(m);
	am_indexer *x = NULL;
	am_error err = {0};
	results *r = am_calloc(1, sizeof *r);
	if (am_indexer_open(path_of(m, "", path), &x, &err))
		fail_msg("%s", err.text);
	assert_int_equal(x->layers, m->layers);
	for (int l = 0; l < m->layers; l++) {
		am_index_form f = x->form, plain = x->form;
		if (x->owner[l] != l) {
			assert_int_equal(x->owner[l], l - 1);
			continue;
		}
		f.hadamard = plain.hadamard = false;
		f.bf16_activations = plain.bf16_activations = m->bf16;
		plain.rope_dims = 0;
		plain.norm = AM_INDEX_NORM_NONE;
		forward(x, &plain, l, want, r);
		double wq = off(r->q, expected(want, l, "wq"), T * 8 * 32), wk = off(r->k, expected(want, l, "wk"), T * 32);
		for (int i = 0; i < T * 8; i++)
			r->w[i] *= sqrtf(32);
		double w = off(r->w, expected(want, l, "w"), T * 8);
		plain.norm = AM_INDEX_NORM_LAYER;
		forward(x, &plain, l, want, r);
		double norm = off(r->k, expected(want, l, "k_norm"), T * 32);
		forward(x, &f, l, want, r);
		double dots = l == 0 ? dots_off(r, expected(want, l, "relu")) : 0;
		if (f.pairs == AM_PAIRS_INTERLEAVED)
			sort_pairs(r->k, f.rope_dims);
		double k = off(r->k, expected(want, l, "k"), T * 32);
		print_message("%s layer %d: wq %.1e wk %.1e w %.1e norm %.1e k %.1e dots %.1e\n", m->name, l, wq, wk, w, norm, k, dots);
		assert_true(wq <= m->bound && wk <= m->bound && w <= m->bound && norm <= m->bound && k <= m->bound && dots <= m->bound);
	}
	am_free(r);
	am_indexer_close(x);
	am_tensors_close(want);
}

/* Scores [layers][T][T] and sets, bit = kept, of a selector fed in blocks. */
typedef struct outcome {
	float scores[4][T][T];
	uint32_t member[4][T][T];
} outcome;

static am_selector *open_selector(const model *m, const char *settings, int block)
{
	char text[1024];
	am_select_spec spec;
	am_selector *s = NULL;
	am_error err = {0};
	am_select_shape shape = {.layers = m->layers, .heads = 4, .kv_heads = 4, .head_dim = 24, .hidden = C, .capacity = T,
	                         .block = block, .workers = 2, .kernels = kernels};
	snprintf(text, sizeof text, "indexer:%s%s%s", FOLDER, m->name, settings);
	assert_int_equal(am_select_spec_parse(text, &spec, &err), AM_OK);
	if (am_selector_open(&spec, &shape, &s, &err))
		fail_msg("%s", err.text);
	am_select_spec_fini(&spec);
	assert_int_equal(am_selector_scope(s), AM_SCOPE_LAYER);
	assert_true(am_selector_needs(s) & AM_NEED_INPUT);
	return s;
}

/* Layers that share have no input of their own in the file: any will do. */
static void fill_block(const am_tensors *want, int layer, int start, int rows, am_select_block *b)
{
	char name[64];
	snprintf(name, sizeof name, "%d.x", layer);
	int from = am_tensors_find(want, name) ? layer : 0;
	*b = (am_select_block){.layer = layer, .start = start, .rows = rows, .x = expected(want, from, "x") + start * C,
	                       .compressed = expected(want, from, "c") + start * R, .compressed_dim = R};
}

/* Scores of a row, copied from where the selector keeps them if it does. */
static void score_row(am_selector *s, int worker, const am_select_row *row, float *out)
{
	const float *scores = am_selector_scores(s, worker, row, 0, out);
	assert_non_null(scores);
	if (scores != out)
		memcpy(out, scores, (size_t)row->n * sizeof *out);
}

static void run_blocks(am_selector *s, const model *m, const am_tensors *want, int block, outcome *o)
{
	am_error err = {0};
	am_select_block b;
	const int k = K;
	for (int start = 0; start < T; start += block)
		for (int l = 0; l < m->layers; l++) {
			fill_block(want, l, start, T - start < block ? T - start : block, &b);
			if (am_selector_prepare(s, &b, threads, &err))
				fail_msg("%s", err.text);
			for (int r = 0; r < b.rows; r++) {
				am_select_row row = {.block = &b, .row = r, .position = start + r, .n = start + r + 1};
				score_row(s, r % 2, &row, o->scores[l][start + r]);
				am_selector_select(s, r % 2, &row, &k, 1, o->member[l][start + r], T);
			}
		}
}

static outcome *run(const model *m, const char *settings, int block)
{
	am_tensors *want = open_expected(m);
	am_selector *s = open_selector(m, settings, block);
	outcome *o = am_calloc(1, sizeof *o);
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	run_blocks(s, m, want, block, o);
	am_selector_close(s);
	am_tensors_close(want);
	return o;
}

/* Kept keys that transformers keeps too, of all kept, over rows with more than K keys; rows with no
 * more must be whole. */
static double recall(const model *m, const outcome *o, const am_tensors *want)
{
	int hits = 0, kept = 0;
	for (int l = 0; l < m->layers; l++) {
		const int32_t *set = (const int32_t *)expected(want, l, "set");
		for (int t = 0; t < T; t++)
			for (int i = 0, n = 0; i < K; i++) {
				int32_t s = set[t * K + i];
				assert_true(s <= t && (s >= 0 || i >= t + 1));
				n += s >= 0;
				if (t < K)
					assert_true(s < 0 || o->member[l][t][s] == 1);
				else
					hits += (int)o->member[l][t][s], kept++;
			}
	}
	return (double)hits / kept;
}

static void scores_and_sets(void **state)
{
	const model *m = *state;
	am_tensors *want = open_expected(m);
	outcome *o = run(m, m->bf16 ? ",hadamard=off,activations=bf16" : ",hadamard=off", T);
	double worst = 0, most = 0;
	for (int l = 0; l < m->layers; l++)
		for (int t = 0; t < T && !(m->layers == 4 && l == 2); t++)
			for (int s = 0; s <= t; s++) {
				double e = (double)expected(want, l, "scores")[t * T + s];
				double d = fabs((double)o->scores[l][t][s] - e);
				worst = d <= worst ? worst : d;
				most = fmax(most, fabs(e));
			}
	double found = recall(m, o, want);
	print_message("%s: scores off by %.1e of the largest, recall of the sets %.4f\n", m->name, worst / most, found);
	assert_true(worst <= m->bound * most);
	assert_true(m->bf16 ? found > 0.95 : found == 1);
	am_free(o);
	am_tensors_close(want);
}

/* The mistake that many made: nothing shows while every key is kept. */
static void the_wrong_pairing_shows_where_keys_are_dropped(void **state)
{
	const model *m = *state;
	am_tensors *want = open_expected(m);
	outcome *o = run(m, strcmp(m->name, "glm") == 0 ? ",rope=half" : ",rope=interleaved,hadamard=off", T);
	double found = recall(m, o, want); /* asserts whole sets in the first K rows */
	print_message("%s with the other pairing: recall %.4f\n", m->name, found);
	assert_true(found < 0.97);
	am_free(o);
	am_tensors_close(want);
}

/* The other mistakes of the kind are found alike. */
static void other_wrong_settings_show_too(void **state)
{
	const model *m = *state;
	static const char *const wrong[] = {",relu=off", ",rope-position=last", ",k-norm=rms", ",head-weights=off"};
	am_tensors *want = open_expected(m);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		outcome *o = run(m, wrong[i], T);
		double found = recall(m, o, want);
		print_message("%s%s: recall %.4f\n", m->name, wrong[i], found);
		assert_true(found < 0.99);
		am_free(o);
	}
	am_tensors_close(want);
}

static void blocks_of_any_size_give_the_same_bytes(void **state)
{
	const model *m = *state;
	if (!kernels->gemm_nt)
		return; /* the BLAS promises nothing of the kind */
	static const char *const precisions[] = {"", ",precision=bf16", ",precision=fp8", ",precision=fp8,scale=plain,activations=bf16"};
	for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) {
		outcome *whole = run(m, precisions[p], T);
		for (int block = 1; block < T; block = block * 3 + 1) {
			outcome *o = run(m, precisions[p], block);
			assert_memory_equal(o, whole, sizeof *o);
			am_free(o);
		}
		am_free(whole);
	}
}

static void narrow_numbers_keep_most_of_the_sets(void **state)
{
	const model *m = *state;
	am_tensors *want = open_expected(m);
	static const char *const settings[] = {",precision=bf16", ",precision=fp8,hadamard=on", ",precision=fp8,hadamard=off,scale=plain"};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		outcome *o = run(m, settings[i], T);
		double found = recall(m, o, want);
		print_message("%s%s: recall %.4f\n", m->name, settings[i], found);
		assert_true(found > 0.85 && found <= 1);
		am_free(o);
	}
	am_tensors_close(want);
}

/* Another token 25 moves nothing before it and something from it on; after a rewind the first run's
 * bytes come again. */
static void later_tokens_change_nothing_before_them(void **state)
{
	const model *m = *state;
	am_tensors *want = open_expected(m);
	am_selector *s = open_selector(m, "", T);
	outcome *a = am_calloc(1, sizeof *a), *b = am_calloc(1, sizeof *b);
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	run_blocks(s, m, want, T, a);
	am_selector_rewind(s, 0);
	float x[T * C];
	am_select_block block;
	fill_block(want, 0, 0, T, &block);
	memcpy(x, block.x, sizeof x);
	for (int i = 0; i < C; i++)
		x[25 * C + i] = -x[25 * C + i] + 1;
	block.x = x;
	assert_int_equal(am_selector_prepare(s, &block, threads, NULL), AM_OK);
	bool moved = false;
	for (int t = 0; t < T; t++) {
		am_select_row row = {.block = &block, .row = t, .position = t, .n = t + 1};
		score_row(s, 0, &row, b->scores[0][t]);
		if (t < 25)
			assert_memory_equal(a->scores[0][t], b->scores[0][t], sizeof a->scores[0][t]);
		moved = moved || memcmp(a->scores[0][t], b->scores[0][t], sizeof a->scores[0][t]) != 0;
	}
	assert_true(moved);
	am_selector_rewind(s, 0);
	memset(b, 0, sizeof *b);
	run_blocks(s, m, want, T, b);
	assert_memory_equal(a, b, sizeof *a);
	am_selector_close(s);
	am_free(a);
	am_free(b);
	am_tensors_close(want);
}

/* The indexer's own tensors, captured, give the scores that its weights give. */
static void captured_tensors_score_alike(void **state)
{
	const model *m = *state;
	char path[512];
	am_tensors *want = open_expected(m);
	am_indexer *x = NULL;
	am_select_spec spec;
	am_selector *s = NULL;
	results *r = am_calloc(1, sizeof *r);
	outcome *o = run(m, "", T);
	float scores[T];
	assert_int_equal(am_indexer_open(path_of(m, "", path), &x, NULL), AM_OK);
	forward(x, &x->form, 0, want, r);
	assert_int_equal(am_select_spec_parse("indexer", &spec, NULL), AM_OK);
	am_select_shape shape = {.layers = 1, .heads = 4, .kv_heads = 4, .head_dim = 24, .capacity = T, .block = T, .workers = 1,
	                         .kernels = kernels};
	assert_int_equal(am_selector_open(&spec, &shape, &s, NULL), AM_OK);
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	am_select_block b = {.rows = T, .index_q = r->q, .index_k = r->k, .index_w = r->w, .index_heads = 8, .index_dim = 32};
	assert_int_equal(am_selector_prepare(s, &b, threads, NULL), AM_OK);
	for (int t = 0; t < T; t++) {
		am_select_row row = {.block = &b, .row = t, .position = t, .first_key = t / 2, .n = t + 1 - t / 2};
		score_row(s, 0, &row, scores);
		for (int i = 0; i < row.n; i++)
			assert_true(fabsf(scores[i] - o->scores[0][t][row.first_key + i]) <= 1e-5f);
	}
	am_select_block empty = {.rows = 1};
	am_error err = {0};
	assert_int_equal(am_selector_prepare(s, &empty, threads, &err), AM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "layer 0: expected an indexer's FILE"));
	am_selector_close(s);
	am_select_spec_fini(&spec);
	am_indexer_close(x);
	am_free(r);
	am_free(o);
	am_tensors_close(want);
}

/* A block of so many scores that they are not held: rows scored one by one have the same bytes. */
static void rows_scored_alone_have_the_same_bytes(void **state)
{
	(void)state;
	enum { ROWS = 4200, DIM = 4, HEADS = 2 };
	if (!kernels->gemm_nt)
		return;
	float *q = am_alloc(ROWS * HEADS * DIM, sizeof *q), *k = am_alloc(ROWS * DIM, sizeof *k), *w = am_alloc(ROWS * HEADS, sizeof *w);
	float *scores[2] = {am_calloc(ROWS, sizeof(float)), am_calloc(ROWS, sizeof(float))};
	am_select_spec spec;
	am_selector *s[2] = {NULL};
	static const int window[1] = {3000};
	for (int i = 0; i < ROWS * HEADS * DIM; i++)
		q[i] = sinf((float)i * 0.7f);
	for (int i = 0; i < ROWS * DIM; i++)
		k[i] = cosf((float)i * 1.3f);
	for (int i = 0; i < ROWS * HEADS; i++)
		w[i] = sinf((float)i * 0.11f);
	assert_int_equal(am_select_spec_parse("indexer", &spec, NULL), AM_OK);
	for (int i = 0; i < 2; i++) {
		am_select_shape shape = {.layers = 1, .heads = 1, .kv_heads = 1, .head_dim = 4, .capacity = ROWS, .block = i ? 600 : ROWS,
		                         .workers = 1, .window = window, .kernels = kernels};
		assert_int_equal(am_selector_open(&spec, &shape, &s[i], NULL), AM_OK);
		assert_int_equal(am_selector_start(s[i], 0, ROWS, ROWS, NULL), AM_OK);
	}
	am_select_block all = {.rows = ROWS, .index_q = q, .index_k = k, .index_w = w, .index_heads = HEADS, .index_dim = DIM};
	assert_int_equal(am_selector_prepare(s[0], &all, threads, NULL), AM_OK);
	for (int start = 0; start < ROWS; start += 600) {
		am_select_block b = {.start = start, .rows = 600, .index_q = q + start * HEADS * DIM, .index_k = k + start * DIM,
		                     .index_w = w + start * HEADS, .index_heads = HEADS, .index_dim = DIM};
		assert_int_equal(am_selector_prepare(s[1], &b, threads, NULL), AM_OK);
		for (int r = 3; r < 600; r += 149) {
			int t = start + r, first = t >= 3000 ? t - 2999 : 0;
			am_select_row one = {.block = &all, .row = t, .position = t, .first_key = first, .n = t + 1 - first};
			am_select_row other = {.block = &b, .row = r, .position = t, .first_key = first, .n = t + 1 - first};
			score_row(s[0], 0, &one, scores[0]);
			score_row(s[1], 0, &other, scores[1]);
			assert_memory_equal(scores[0], scores[1], (size_t)one.n * sizeof(float));
		}
	}
	void *own[] = {q, k, w, scores[0], scores[1]};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		am_free(own[i]);
	am_selector_close(s[0]);
	am_selector_close(s[1]);
	am_select_spec_fini(&spec);
}

static void missing_inputs_are_named(void **state)
{
	const model *m = *state;
	am_tensors *want = open_expected(m);
	am_selector *s = open_selector(m, "", T);
	am_select_block b;
	am_error err = {0};
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	fill_block(want, 0, 0, T, &b);
	b.compressed = NULL;
	assert_int_equal(am_selector_prepare(s, &b, threads, &err), AM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "compressed query of latent attention (24 values a token)"));
	b.x = NULL;
	assert_int_equal(am_selector_prepare(s, &b, threads, &err), AM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "expected the input of the attention"));
	fill_block(want, 2, 0, T, &b);
	assert_int_equal(am_selector_prepare(s, &b, threads, &err), AM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "layer 2"));
	assert_non_null(strstr(err.text, "expected layer 1, whose indexer this one shares"));
	am_selector_close(s);
	am_tensors_close(want);
}

static int set_up(void **state)
{
	(void)state;
	return am_gemm_init(NULL) || am_threads_new(2, &threads, NULL) || am_kernels_get(NULL, &kernels, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	am_threads_free(threads);
	return 0;
}

#define WITH(function, model) {.name = #function, .test_func = function, .initial_state = (void *)&models[model]}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(every_stage, 0), WITH(every_stage, 1), WITH(every_stage, 2), WITH(every_stage, 3), WITH(every_stage, 4),
		WITH(scores_and_sets, 0), WITH(scores_and_sets, 1), WITH(scores_and_sets, 2), WITH(scores_and_sets, 3),
		WITH(scores_and_sets, 4),
		WITH(the_wrong_pairing_shows_where_keys_are_dropped, 0), WITH(the_wrong_pairing_shows_where_keys_are_dropped, 3),
		WITH(other_wrong_settings_show_too, 0), WITH(other_wrong_settings_show_too, 3),
		WITH(blocks_of_any_size_give_the_same_bytes, 0), WITH(blocks_of_any_size_give_the_same_bytes, 3),
		WITH(narrow_numbers_keep_most_of_the_sets, 1), WITH(narrow_numbers_keep_most_of_the_sets, 3),
		WITH(later_tokens_change_nothing_before_them, 0), WITH(later_tokens_change_nothing_before_them, 2),
		WITH(captured_tensors_score_alike, 0),
		cmocka_unit_test(rows_scored_alone_have_the_same_bytes),
		WITH(missing_inputs_are_named, 3),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

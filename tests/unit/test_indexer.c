/* Stages of the Lightning Indexer against tests/golden/indexer/indexer_golden.json, which another
 * program worked out in float64, and the properties each stage has by definition. */
#include "base/fp8.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernels/gemm.h"
#include "kernels/rope.h"
#include "select/indexer_stages.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 4096 };

static json_t *golden;
static am_threads *threads;
static const am_kernels *kernels;

static int flatten(const json_t *v, double *out, int at)
{
	size_t i;
	json_t *e;
	if (json_is_array(v)) {
		json_array_foreach(v, i, e)
			at = flatten(e, out, at);
		return at;
	}
	assert_true(at < MOST);
	out[at] = json_number_value(v);
	return at + 1;
}

static const json_t *at(const json_t *v, const char *path)
{
	char key[64];
	for (int n = 0; *path; path += n) {
		assert_int_equal(sscanf(path, "%63[^.]%n", key, &n), 1);
		v = json_is_array(v) ? json_array_get(v, (size_t)atoi(key)) : json_object_get(v, key);
		assert_non_null(v);
		path += path[n] == '.';
	}
	return v;
}

static int numbers(const json_t *v, const char *path, double *out)
{
	return flatten(at(v, path), out, 0);
}

static double reals[MOST];

static int floats(const json_t *v, const char *path, float *out)
{
	int n = numbers(v, path, reals);
	for (int i = 0; i < n; i++)
		out[i] = (float)reals[i];
	return n;
}

/* One case: inputs, weights and room for results. */
typedef struct subject {
	int rows, inputs;
	am_index_form form;
	float x[MOST], wq[MOST], wk[MOST], ww[MOST], gamma[512], beta[512], cos[MOST], sin[MOST];
	am_tensor tq, tk, tw;
	am_index_weights weights;
	float q[MOST], q_scale[64], k[MOST], k_scale[64], w[64], chunks[128 * 64];
} subject;

static am_tensor tensor(const float *data, int rows, int columns)
{
	return (am_tensor){.name = "test", .dtype = AM_DTYPE_F32, .rank = 2, .shape = {rows, columns}, .data = data,
	                   .bytes = (size_t)rows * (size_t)columns * sizeof *data};
}

/* The generator of the golden file. */
static void generate(uint32_t *state, float *out, int n)
{
	for (int i = 0; i < n; i++) {
		*state = 1664525u * *state + 1013904223u;
		out[i] = (float)(*state / 4294967296.0 - 0.5);
	}
}

static subject *subject_of(const json_t *config)
{
	subject *s = am_calloc(1, sizeof *s);
	am_index_form *f = &s->form;
	s->rows = (int)json_integer_value(at(config, "L"));
	s->inputs = (int)json_integer_value(at(config, "C"));
	*f = (am_index_form){.heads = (int)json_integer_value(at(config, "H_I")), .dim = (int)json_integer_value(at(config, "d_I")),
	                     .rope_dims = (int)json_integer_value(at(config, "d_r")), .eps = 1e-6, .hadamard = true, .relu = true,
	                     .head_weights = true, .groups = 1, .power_scale = true};
	f->scale = 1 / sqrt((double)f->heads * f->dim);
	uint32_t state = (uint32_t)json_integer_value(at(config, "seed"));
	generate(&state, s->x, s->rows * s->inputs);
	generate(&state, s->wq, f->heads * f->dim * s->inputs);
	generate(&state, s->wk, f->dim * s->inputs);
	generate(&state, s->ww, f->heads * s->inputs);
	for (int i = 0; i < f->dim; i++)
		s->gamma[i] = 1;
	s->tq = tensor(s->wq, f->heads * f->dim, s->inputs);
	s->tk = tensor(s->wk, f->dim, s->inputs);
	s->tw = tensor(s->ww, f->heads, s->inputs);
	s->weights = (am_index_weights){{&s->tq, NULL}, {&s->tk, NULL}, {&s->tw, NULL}, s->gamma, s->beta};
	for (int t = 0; t < s->rows; t++)
		for (int i = 0; i < f->rope_dims / 2; i++) {
			double phi = t * pow(10000, -2.0 * i / f->rope_dims);
			s->cos[t * f->rope_dims / 2 + i] = (float)cos(phi);
			s->sin[t * f->rope_dims / 2 + i] = (float)sin(phi);
		}
	return s;
}

static void forward(subject *s)
{
	am_index_work work = {0};
	am_error err = {0};
	am_index_input in = {.x = s->x, .c = s->x, .cos = s->cos, .sin = s->sin, .rows = s->rows};
	am_index_output out = {s->q, s->q_scale, s->k, s->k_scale, s->w};
	assert_int_equal(am_index_form_check(&s->form, &err), AM_OK);
	if (am_index_forward(&s->form, &s->weights, &in, kernels, threads, &work, &out, &err))
		fail_msg("%s", err.text);
	am_index_keep_keys(&s->form, kernels, s->k, 0, s->rows, s->chunks);
	am_index_work_fini(&work);
}

static void score_row(const subject *s, int t, float *out)
{
	size_t heads = (size_t)s->form.heads;
	uint16_t pairs[8 * 128];
	const float *q = s->q + (size_t)t * heads * (size_t)s->form.dim;
	if (am_index_paired(&s->form, kernels))
		am_index_pair(&s->form, kernels, q, heads, pairs);
	am_index_query query = {q, pairs, s->q_scale + (size_t)t * heads, s->w + (size_t)t * heads};
	am_index_scores(&s->form, kernels, &query, 1, 0, 1, s->chunks, s->k_scale, 0, t + 1, out, 0);
}

static double worst_of(const float *found, const double *expected, int n)
{
	double worst = 0;
	for (int i = 0; i < n; i++) {
		double off = fabs((double)found[i] - expected[i]);
		worst = off <= worst ? worst : off;
		assert_true(off == off);
	}
	return worst;
}

/* Scores of a case in rows of rising length. */
static int all_scores(const subject *s, float *out)
{
	int n = 0;
	for (int t = 0; t < s->rows; n += ++t)
		score_row(s, t, out + n);
	return n;
}

static void check_top(const float *row, int n, const json_t *set)
{
	int32_t index[64];
	void *scratch = am_alloc(AM_SELECT_SCRATCH(n), 1);
	int k = (int)json_array_size(set);
	bool kept[64] = {false};
	kernels->row_topk(row, n, k, false, index, scratch);
	for (int i = 0; i < k; i++)
		kept[index[i]] = true;
	for (int i = 0; i < k; i++)
		assert_true(kept[json_integer_value(json_array_get(set, (size_t)i))]);
	am_free(scratch);
}

static void inputs_are_those_of_the_golden_file(void **state)
{
	(void)state;
	subject *s = subject_of(at(golden, "fp64_case.config"));
	assert_int_equal(numbers(golden, "fp64_case.inputs.Wk", reals), 64);
	assert_true(worst_of(s->wk, reals, 64) < 1e-7);
	am_free(s);
}

static void every_stage_in_float32(void **state)
{
	(void)state;
	subject *s = subject_of(at(golden, "fp64_case.config"));
	float scores[MOST], norm[8];
	forward(s);
	assert_int_equal(numbers(golden, "fp64_case.intermediate.q", reals), 6 * 16);
	double q = worst_of(s->q, reals, 6 * 16);
	assert_int_equal(numbers(golden, "fp64_case.intermediate.k", reals), 6 * 8);
	double k = worst_of(s->k, reals, 6 * 8);
	assert_int_equal(numbers(golden, "fp64_case.intermediate.w", reals), 12);
	double w = worst_of(s->w, reals, 12);
	assert_int_equal(numbers(golden, "fp64_case.scores", reals), 21);
	double scored = worst_of(scores, reals, all_scores(s, scores));
	print_message("float32: q %.1e k %.1e w %.1e scores %.1e\n", q, k, w, scored);
	assert_true(q <= 1e-6 && k <= 1e-6 && w <= 1e-6 && scored <= 1e-7);
	double exact[64];
	numbers(golden, "fp64_case.intermediate.k_layernorm", exact);
	for (int t = 0; t < 6; t++) {
		float v[8];
		for (int i = 0; i < 8; i++) {
			double sum = 0;
			for (int c = 0; c < 8; c++)
				sum += (double)s->wk[i * 8 + c] * (double)s->x[t * 8 + c];
			v[i] = (float)sum;
		}
		am_index_norm_row(AM_INDEX_NORM_LAYER, 1e-6, v, s->gamma, s->beta, 8, norm);
		assert_true(worst_of(norm, exact + t * 8, 8) <= 1e-6);
	}
	for (int k_kept = 2; k_kept <= 3; k_kept++)
		for (int t = 0, n = 0; t < 6; n += ++t) {
			char path[64];
			snprintf(path, sizeof path, "fp64_case.selection.%d.%d.set_indexer", k_kept, t);
			check_top(scores + n, t + 1, at(golden, path));
		}
	am_free(s);
}

static void interleaved_pairs_and_no_hadamard(void **state)
{
	(void)state;
	subject *s = subject_of(at(golden, "fp64_case.config"));
	float scores[MOST];
	s->form.pairs = AM_PAIRS_INTERLEAVED;
	forward(s);
	numbers(golden, "fp64_case.scores_interleaved_rope", reals);
	assert_true(worst_of(scores, reals, all_scores(s, scores)) <= 1e-7);
	s->form.pairs = AM_PAIRS_HALF;
	s->form.hadamard = false;
	forward(s);
	numbers(golden, "fp64_case.scores", reals);
	assert_true(worst_of(scores, reals, all_scores(s, scores)) <= 1e-7);
	am_free(s);
}

/* No head has a positive product with these keys: exactly +0 whatever the signs of w, and such keys
 * are taken in order of position, before those of negative score. */
static void zeros_of_the_relu_are_ties(void **state)
{
	(void)state;
	subject *s = subject_of(at(golden, "fp64_case.config"));
	float row[6];
	int32_t index[5];
	forward(s);
	score_row(s, 4, row);
	for (int i = 0; i < 2; i++)
		assert_true(row[i] == 0 && !signbit(row[i]));
	assert_true(row[3] < 0 && row[4] < 0);
	row[1] = -0.0f;
	void *scratch = am_alloc(AM_SELECT_SCRATCH(5), 1);
	kernels->row_topk(row, 5, 5, true, index, scratch);
	am_free(scratch);
	const int32_t expected[] = {2, 0, 1, 4, 3};
	assert_memory_equal(index, expected, sizeof expected);
	am_free(s);
}

static void codes_and_scales_of_fp8(void **state)
{
	const char *path = *state;
	const json_t *c = at(golden, path);
	subject *s = subject_of(at(c, "config"));
	const am_index_form *f = &s->form;
	double scale[64];
	float given[MOST], scores[MOST];
	s->form.precision = AM_INDEX_FP8;
	forward(s);
	/* Once from the file's own vectors, once from ours. */
	for (int ours = 0; ours < 2; ours++)
		for (int keys = 0; keys < 2; keys++) {
			int vectors = s->rows * (keys ? 1 : f->heads);
			floats(c, keys ? "k_f32" : "q_f32", given);
			numbers(c, keys ? "k_scale_log2" : "q_scale_log2", scale);
			for (int v = 0; v < vectors; v++) {
				float *x = ours ? (keys ? s->k : s->q) + v * f->dim : given + v * f->dim;
				float found = ours ? (keys ? s->k_scale : s->q_scale)[v] : am_fp8_round(x, f->dim, true);
				assert_true((double)found == exp2(scale[v]));
				const json_t *codes = at(c, keys ? "k_codes_hex" : "q_codes_hex");
				codes = keys ? json_array_get(codes, (size_t)v)
				             : json_array_get(json_array_get(codes, (size_t)(v / f->heads)), (size_t)(v % f->heads));
				for (int i = 0; i < f->dim; i++) {
					unsigned expected;
					assert_int_equal(sscanf(json_string_value(codes) + 2 * i, "%2x", &expected), 1);
					uint8_t code = am_f32_to_e4m3(x[i]);
					assert_int_equal(code == 0x80 ? 0 : code, expected);
				}
			}
		}
	int n = numbers(c, "scores_fp8", reals);
	assert_int_equal(all_scores(s, scores), n);
	for (int t = 0, from = 0; t < s->rows; from += ++t) {
		double most = 0;
		for (int i = 0; i <= t; i++)
			most = fmax(most, fabs(reals[from + i]));
		assert_true(worst_of(scores + from, reals + from, t + 1) <= 1e-6 * most);
		for (int k = 2; k <= 3; k++) {
			char set[64];
			snprintf(set, sizeof set, "selection.%d.set_fp8.%d", k, t);
			check_top(scores + from, t + 1, at(c, set));
		}
	}
	am_free(s);
}

static void tables_of_fp8_and_hadamard(void **state)
{
	(void)state;
	size_t i;
	json_t *e;
	json_array_foreach(at(golden, "tables.e4m3"), i, e) {
		uint8_t code = am_f32_to_e4m3((float)json_number_value(at(e, "in")));
		assert_int_equal(code, json_integer_value(at(e, "byte")));
		assert_true((double)am_e4m3_to_f32(code) == json_number_value(at(e, "out")));
	}
	json_array_foreach(at(golden, "tables.ue8m0"), i, e) {
		float x[2] = {0, -(float)json_number_value(at(e, "amax"))};
		assert_true(am_fp8_round(x, 2, true) == ldexpf(1, (int)json_integer_value(at(e, "scale_log2"))));
	}
	float x[8], plain[2] = {1, -7};
	floats(golden, "tables.hadamard8.in", x);
	am_hadamard(x, 8);
	numbers(golden, "tables.hadamard8.out", reals);
	assert_true(worst_of(x, reals, 8) <= 1e-5);
	assert_true(am_fp8_round(plain, 2, false) == 7.0f / 448);
	assert_true(plain[1] == -448 && plain[0] == 64);
}

static void hadamard_is_its_own_inverse(void **state)
{
	(void)state;
	am_rng rng = {5};
	for (int n = 1; n <= 256; n *= 2) {
		float a[256], b[256], ha[256], hb[256];
		double before = 0, after = 0, size = 0;
		for (int i = 0; i < n; i++) {
			a[i] = ha[i] = (float)am_rng_uniform(&rng) - 0.5f;
			b[i] = hb[i] = (float)am_rng_uniform(&rng) - 0.5f;
		}
		am_hadamard(ha, n);
		am_hadamard(hb, n);
		for (int i = 0; i < n; i++) {
			before += (double)a[i] * (double)b[i];
			after += (double)ha[i] * (double)hb[i];
			size += fabs((double)a[i] * (double)b[i]);
		}
		assert_true(fabs(before - after) <= 1e-6 * size);
		am_hadamard(ha, n);
		for (int i = 0; i < n; i++)
			assert_true(fabs((double)ha[i] - (double)a[i]) <= 1e-6);
	}
}

static void rotate_at(am_rope_pairs pairs, const float *x, double position, int dims, float *out)
{
	float c[32], s[32];
	memcpy(out, x, (size_t)dims * sizeof *x);
	for (int i = 0; i < dims / 2; i++) {
		double phi = position * pow(10000, -2.0 * i / dims);
		c[i] = (float)cos(phi);
		s[i] = (float)sin(phi);
	}
	am_rotate_pairs(pairs, out, c, s, dims);
}

/* Products go by the distance of positions alone; the other pairing on the same weights gives others. */
static void rotation_is_relative(void **state)
{
	(void)state;
	enum { D = 32 };
	am_rng rng = {9};
	float q[D], k[D], a[D], b[D], first[2] = {0};
	for (int i = 0; i < D; i++) {
		q[i] = (float)am_rng_uniform(&rng) - 0.5f;
		k[i] = (float)am_rng_uniform(&rng) - 0.5f;
	}
	for (int pairs = 0; pairs < 2; pairs++)
		for (int shift = 0; shift < 4000; shift += 500) {
			float dot = 0;
			rotate_at((am_rope_pairs)pairs, q, 40 + shift, D, a);
			rotate_at((am_rope_pairs)pairs, k, 7 + shift, D, b);
			for (int i = 0; i < D; i++)
				dot += a[i] * b[i];
			first[pairs] = shift ? first[pairs] : dot;
			assert_true(fabsf(dot - first[pairs]) <= 2e-6f);
		}
	assert_true(fabsf(first[0] - first[1]) > 0.01f);
}

/* Rows of W_q and W_k in the other order make one pairing of the other, with no Hadamard or with the
 * norm's parameters in the same order. */
static void pairings_are_permutations(void **state)
{
	(void)state;
	subject *a = subject_of(at(golden, "fp8_cases.1.config")), *b = subject_of(at(golden, "fp8_cases.1.config"));
	int d = a->form.dim, dims = a->form.rope_dims;
	float x[64], y[64];
	b->form.pairs = AM_PAIRS_INTERLEAVED;
	for (int v = 0; v < a->form.heads + 1; v++)
		for (int i = 0; i < dims; i++) {
			int to = i < dims / 2 ? 2 * i : 2 * (i - dims / 2) + 1;
			bool key = v == a->form.heads;
			memcpy((key ? b->wk : b->wq + v * d * 8) + to * 8, (key ? a->wk : a->wq + v * d * 8) + i * 8, 8 * sizeof(float));
		}
	forward(a);
	forward(b);
	int n = all_scores(a, x);
	all_scores(b, y);
	for (int i = 0; i < n; i++)
		assert_true(fabsf(x[i] - y[i]) <= 1e-6f);
	am_free(a);
	am_free(b);
}

/* Frequencies of DeepSeek-V3.2's config (YaRN, factor 40, 4096 positions, 64 rotary dimensions). */
static void yarn_frequencies(void **state)
{
	(void)state;
	static const struct {
		int i;
		double f;
	} known[] = {{0, 1.0},           {9, 7.498942e-2},  {10, 5.623413e-2}, {11, 3.900693e-2}, {16, 5.5e-3},
	             {22, 1.778279e-4}, {23, 3.333804e-5}, {24, 2.5e-5},      {31, 3.333804e-6}};
	const am_rope_config yarn = {.type = AM_ROPE_YARN, .theta = 10000, .factor = 40, .original_positions = 4096,
	                             .beta_fast = 32, .beta_slow = 1, .attention_factor = 1, .truncate = true};
	float f[32], scale = 0;
	assert_int_equal(am_rope_frequencies(&yarn, 64, 163840, 100, f, &scale, NULL), AM_OK);
	assert_true(scale == 1);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		assert_true(fabs((double)f[known[i].i] / known[i].f - 1) <= 4e-7);
}

/* The same row alone, among others and with other threads: the same bytes. */
static void rows_do_not_depend_on_the_block(void **state)
{
	(void)state;
	subject *all = subject_of(at(golden, "fp8_cases.1.config")), *one = subject_of(at(golden, "fp8_cases.1.config"));
	if (!kernels->gemm_nt) {
		am_free(all);
		am_free(one);
		return; /* the BLAS promises nothing of the kind */
	}
	forward(all);
	int width = all->form.heads * all->form.dim;
	for (int t = 0; t < all->rows; t++) {
		one->rows = 1;
		memcpy(one->x, all->x + t * all->inputs, (size_t)all->inputs * sizeof(float));
		memcpy(one->cos, all->cos + t * 32, 32 * sizeof(float));
		memcpy(one->sin, all->sin + t * 32, 32 * sizeof(float));
		forward(one);
		assert_memory_equal(one->q, all->q + t * width, (size_t)width * sizeof(float));
		assert_memory_equal(one->k, all->k + t * all->form.dim, (size_t)all->form.dim * sizeof(float));
		assert_memory_equal(one->w, all->w + t * 2, 2 * sizeof(float));
	}
	am_free(all);
	am_free(one);
}

/* Rounded stages stay near, and what is rounded is a bfloat16. */
static void bfloat16_stages(void **state)
{
	(void)state;
	for (int activations = 0; activations < 2; activations++) {
		subject *s = subject_of(at(golden, "fp64_case.config"));
		float scores[MOST];
		s->form.precision = activations ? AM_INDEX_F32 : AM_INDEX_BF16;
		s->form.bf16_activations = activations;
		forward(s);
		for (int i = 0; i < 6 * 16; i++) {
			float rounded = s->q[i];
			am_round_bf16(&rounded, 1);
			assert_true(rounded == s->q[i]);
		}
		numbers(golden, "fp64_case.scores", reals);
		double worst = worst_of(scores, reals, all_scores(s, scores));
		assert_true(worst <= 2e-3 && worst > 1e-7);
		am_free(s);
	}
}

/* A vector longer than a block of FP8 has a scale for each. */
static void long_vectors_have_several_scales(void **state)
{
	(void)state;
	float x[200], small[128], large[72];
	for (int i = 0; i < 200; i++)
		x[i] = i < 128 ? 1e-2f * sinf((float)i) : 50 * cosf((float)i);
	memcpy(small, x, sizeof small);
	memcpy(large, x + 128, sizeof large);
	assert_true(am_fp8_round(x, 200, true) == 1);
	float a = am_fp8_round(small, 128, true), b = am_fp8_round(large, 72, true);
	for (int i = 0; i < 200; i++)
		assert_true(x[i] == (i < 128 ? small[i] * a : large[i - 128] * b));
	assert_true(a < b / 1000);
}

/* Head maps of a group hold the heads of that group alone. */
static void maps_of_groups_add_up(void **state)
{
	(void)state;
	subject *s = subject_of(at(golden, "fp64_case.config"));
	float whole[6], part[2][6];
	forward(s);
	score_row(s, 5, whole);
	s->form.groups = 2;
	am_index_query query = {s->q + 5 * 16, NULL, s->q_scale + 10, s->w + 10};
	for (int g = 0; g < 2; g++)
		am_index_scores(&s->form, kernels, &query, 1, g, 1, s->chunks, s->k_scale, 0, 6, part[g], 0);
	for (int i = 0; i < 6; i++)
		assert_true(part[0][i] + part[1][i] == whole[i]);
	am_free(s);
}

static void what_is_not_finite_is_refused(void **state)
{
	(void)state;
	subject *s = subject_of(at(golden, "fp64_case.config"));
	am_index_work work = {0};
	am_error err = {0};
	am_index_input in = {.x = s->x, .c = s->x, .cos = s->cos, .sin = s->sin, .rows = s->rows, .start = 100};
	am_index_output out = {s->q, s->q_scale, s->k, s->k_scale, s->w};
	s->x[3 * 8 + 2] = NAN;
	assert_int_equal(am_index_forward(&s->form, &s->weights, &in, kernels, threads, &work, &out, &err), AM_ERR_NUMERIC);
	assert_non_null(strstr(err.text, "token 103"));
	am_index_work_fini(&work);
	am_free(s);
}

static int set_up(void **state)
{
	(void)state;
	json_error_t e;
	golden = json_load_file(AM_SOURCE_DIR "/tests/golden/indexer/indexer_golden.json", 0, &e);
	return !golden || am_gemm_init(NULL) || am_threads_new(2, &threads, NULL) || am_kernels_get(NULL, &kernels, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(golden);
	am_threads_free(threads);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inputs_are_those_of_the_golden_file),
		cmocka_unit_test(every_stage_in_float32),
		cmocka_unit_test(interleaved_pairs_and_no_hadamard),
		cmocka_unit_test(zeros_of_the_relu_are_ties),
		{.name = "fp8 8", .test_func = codes_and_scales_of_fp8, .initial_state = "fp8_cases.0"},
		{.name = "fp8 128", .test_func = codes_and_scales_of_fp8, .initial_state = "fp8_cases.1"},
		cmocka_unit_test(tables_of_fp8_and_hadamard),
		cmocka_unit_test(hadamard_is_its_own_inverse),
		cmocka_unit_test(rotation_is_relative),
		cmocka_unit_test(pairings_are_permutations),
		cmocka_unit_test(yarn_frequencies),
		cmocka_unit_test(rows_do_not_depend_on_the_block),
		cmocka_unit_test(bfloat16_stages),
		cmocka_unit_test(long_vectors_have_several_scales),
		cmocka_unit_test(maps_of_groups_add_up),
		cmocka_unit_test(what_is_not_finite_is_refused),
	};
	/* With every table that this machine has, the environment's choice alone where it makes one. */
	int failed = 0;
	for (int i = 0, usable; !getenv("ATTNMETER_KERNELS") && am_kernels_at(i, &usable); i++)
		if (usable) {
			setenv("ATTNMETER_KERNELS", am_kernels_at(i, &usable)->name, 1);
			failed += cmocka_run_group_tests_name(am_kernels_at(i, &usable)->name, tests, set_up, tear_down);
			unsetenv("ATTNMETER_KERNELS");
		}
	return getenv("ATTNMETER_KERNELS") ? cmocka_run_group_tests(tests, set_up, tear_down) : failed;
}

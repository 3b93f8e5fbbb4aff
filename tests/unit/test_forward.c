/* The forward pass of the embedded model against its reference figures (PyTorch),
 * and against itself: blocks of any size, decode, threads, kernels. */
#include "base/file.h"
#include "base/mem.h"
#include "passage.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { N = 256, LAYERS = 6, HEADS = 8, VOCAB = 2048 };

static am_model *model;
static json_t *reference;
static int32_t ids[N], targets[N];

static int open_all(void **state)
{
	(void)state;
	json_error_t je;
	reference = json_load_file(AM_SOURCE_DIR "/models/base/reference.json", 0, &je);
	if (!reference) {
		fprintf(stderr, "%s\n", je.text);
		return -1;
	}
	for (int i = 0; i < N; i++)
		ids[i] = (int32_t)json_integer_value(json_array_get(json_object_get(reference, "ids"), (size_t)i));
	passage_targets(ids, N, targets);
	return passage_open(&model);
}

static int close_all(void **state)
{
	(void)state;
	am_model_close(model);
	json_decref(reference);
	return 0;
}

/* What one pass over the passage gives. */
typedef struct outcome {
	float nll[N], logits[VOCAB];
	float entropy[LAYERS][HEADS][N], bos[LAYERS][HEADS][N];
	int visible_wrong;
} outcome;

static unsigned want_all(void *ctx, int layer, int head, int64_t position)
{
	(void)ctx, (void)layer, (void)head, (void)position;
	return AM_TAP_ROW | AM_TAP_SCORES;
}

static void observe(void *ctx, int worker, const am_attn_row *row)
{
	(void)worker;
	outcome *o = ctx;
	o->entropy[row->layer][row->head][row->position] =
		(float)(log(row->sums->z) - row->sums->a / row->sums->z);
	o->bos[row->layer][row->head][row->position] = (float)((double)row->weight[0] / row->sums->z);
	if (row->n != row->position + 1 || row->first_key != 0 || row->kv_head != row->head / 2 ||
	    row->score[row->n - 1] > row->sums->max)
		o->visible_wrong = 1;
}

static void run(outcome *o, int block, int n_threads, const char *kernels, size_t tile_floats)
{
	am_error err = {0};
	am_threads *threads;
	const am_kernels *k;
	am_session *s;
	am_tap tap = {o, want_all, observe, NULL};
	assert_int_equal(am_threads_new(n_threads, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(kernels, &k, &err), AM_OK);
	am_session_options so = {.capacity = N, .block = block, .tile_floats = tile_floats, .threads = threads,
	                         .kernels = k};
	assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
	memset(o, 0, sizeof *o);
	for (int at = 0; at < N; at += block) {
		int n = N - at < block ? N - at : block;
		am_forward_io io = {ids + at, targets + at, o->nll + at, at + n == N ? o->logits : NULL, &tap};
		if (am_session_forward(s, &io, n, &err))
			fail_msg("%s", err.text);
	}
	assert_int_equal(am_session_position(s), N);
	am_session_free(s);
	am_threads_free(threads);
}

static double number(const char *key)
{
	return json_number_value(json_object_get(reference, key));
}

/* Calls check(name) with every usable kernel table; says which are left out. */
static void with_every_table(void (*check)(const char *kernels))
{
	int usable;
	const am_kernels *k;
	for (int i = 0; (k = am_kernels_at(i, &usable)); i++) {
		print_message(usable ? "with %s\n" : "skip %s: %s\n", k->name, am_kernels_obstacle(i));
		if (usable)
			check(k->name);
	}
}

static void check_reference(const char *kernels)
{
	static outcome o;
	run(&o, N, 2, kernels, 0);
	assert_false(o.visible_wrong);
	double mean = 0;
	for (int i = 0; i < N - 1; i++)
		mean += (double)o.nll[i] / (N - 1);
	assert_true(fabs(mean - number("nll_mean")) <= 1e-4);
	assert_true(isnan(o.nll[N - 1]));
	const json_t *first = json_object_get(reference, "logits_last_first16");
	for (size_t i = 0; i < 16; i++) {
		double want = json_number_value(json_array_get(first, i));
		assert_true(fabs((double)o.logits[i] - want) <= 2e-3 * fabs(want));
	}
	int best = 0;
	for (int i = 1; i < VOCAB; i++)
		best = o.logits[i] > o.logits[best] ? i : best;
	assert_int_equal(best, json_integer_value(json_object_get(reference, "logits_last_argmax")));
	for (size_t l = 0; l < LAYERS; l++)
		for (size_t h = 0; h < HEADS; h++) {
			double entropy = 0, bos = 0;
			for (int i = 0; i < N; i++) {
				entropy += (double)o.entropy[l][h][i] / N;
				bos += i ? (double)o.bos[l][h][i] / (N - 1) : 0;
			}
			const json_t *he = json_array_get(json_object_get(reference, "entropy"), l);
			const json_t *hb = json_array_get(json_object_get(reference, "bos_mass"), l);
			assert_true(fabs(entropy - json_number_value(json_array_get(he, h))) <= 1e-4);
			assert_true(fabs(bos - json_number_value(json_array_get(hb, h))) <= 1e-5);
		}
}

static void against_reference(void **state)
{
	(void)state;
	with_every_table(check_reference);
}

static void assert_close(const outcome *a, const outcome *b, double tolerance)
{
	double worst = 0;
	for (int i = 0; i < N - 1; i++)
		worst = fmax(worst, fabs((double)a->nll[i] - (double)b->nll[i]));
	print_message("NLL differs by at most %.2g nat\n", worst);
	for (int i = 0; i < N - 1; i++)
		assert_true(fabs((double)a->nll[i] - (double)b->nll[i]) <= tolerance);
	for (int i = 0; i < VOCAB; i++)
		assert_true(fabs((double)a->logits[i] - (double)b->logits[i]) <= 10 * tolerance);
	const float *x = &a->entropy[0][0][0], *y = &b->entropy[0][0][0];
	for (int i = 0; i < LAYERS * HEADS * N; i++)
		assert_true(fabs((double)x[i] - (double)y[i]) <= tolerance);
}

static void blocks_and_decode_agree(void **state)
{
	(void)state;
	static outcome whole, part;
	static const int sizes[] = {1, 7, 64, 255};
	run(&whole, N, 1, NULL, 0);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		run(&part, sizes[i], 1, NULL, 0);
		assert_close(&whole, &part, 5e-5);
	}
}

static void check_threads(const char *kernels)
{
	static outcome one, many;
	run(&one, 96, 1, kernels, 0);
	for (int t = 2; t <= 5; t++) {
		run(&many, 96, t, kernels, 0);
		assert_memory_equal(&one.nll, &many.nll, sizeof one.nll);
		assert_memory_equal(&one.logits, &many.logits, sizeof one.logits);
		assert_memory_equal(&one.entropy, &many.entropy, sizeof one.entropy);
	}
}

static void same_bytes_for_any_threads(void **state)
{
	(void)state;
	with_every_table(check_threads);
}

/* Tiles too small for a row: streaming over the keys gives the same, for any number
 * of threads, and rows handed over whole. */
static void streaming_agrees(void **state)
{
	(void)state;
	static outcome whole, streamed, again;
	static const size_t floats[] = {1, 96 * 128, 96 * 192};
	run(&whole, 128, 2, NULL, 0);
	for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
		run(&streamed, 128, 1, NULL, floats[i]);
		assert_close(&whole, &streamed, 5e-5);
		assert_false(streamed.visible_wrong);
		run(&again, 128, 3, NULL, floats[i]);
		assert_memory_equal(&streamed.nll, &again.nll, sizeof again.nll);
		assert_memory_equal(&streamed.entropy, &again.entropy, sizeof again.entropy);
	}
}

/* The same where layers have sliding windows. */
static void streaming_sees_windows(void **state)
{
	(void)state;
	enum { T = 200 };
	static const char *const names[] = {"mistral-window", "qwen2-windows"};
	am_error err = {0};
	am_threads *threads;
	const am_kernels *k;
	assert_int_equal(am_threads_new(2, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(NULL, &k, &err), AM_OK);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char dir[512];
		am_model *m;
		float nll[2][T];
		int32_t text[T], next[T];
		snprintf(dir, sizeof dir, AM_SOURCE_DIR "/tests/golden/models/%s", names[i]);
		assert_int_equal(am_model_open(dir, &m, &err), AM_OK);
		for (int j = 0; j < T; j++) {
			text[j] = 3 + j * 7 % 80;
			next[j] = 3 + (j + 1) * 7 % 80;
		}
		for (int j = 0; j < 2; j++) {
			am_session *s;
			am_session_options so = {.capacity = T, .block = T, .tile_floats = (size_t)j, .threads = threads,
			                         .kernels = k};
			am_forward_io io = {.ids = text, .target = next, .nll = nll[j]};
			assert_int_equal(am_session_new(m, &so, &s, &err), AM_OK);
			assert_int_equal(am_session_forward(s, &io, T, &err), AM_OK);
			am_session_free(s);
		}
		for (int j = 0; j < T; j++)
			assert_true(fabs((double)nll[0][j] - (double)nll[1][j]) <= 5e-5);
		am_model_close(m);
	}
	am_threads_free(threads);
}

static void check_scalar(const char *kernels)
{
	static outcome scalar, other;
	run(&scalar, 96, 2, "scalar", 0);
	run(&other, 96, 2, kernels, 0);
	assert_close(&scalar, &other, 5e-5);
}

static void every_kernel_agrees(void **state)
{
	(void)state;
	with_every_table(check_scalar);
}

static void greedy_decode(void **state)
{
	(void)state;
	am_error err = {0};
	am_threads *threads;
	const am_kernels *k;
	am_session *s;
	float logits[VOCAB];
	assert_int_equal(am_threads_new(2, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(NULL, &k, &err), AM_OK);
	am_session_options so = {.capacity = N + 16, .block = N, .threads = threads, .kernels = k};
	assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
	am_forward_io io = {.ids = ids, .logits = logits};
	assert_int_equal(am_session_forward(s, &io, N, &err), AM_OK);
	const json_t *want = json_object_get(reference, "greedy16");
	for (size_t i = 0; i < 16; i++) {
		int32_t best = 0;
		for (int32_t j = 1; j < VOCAB; j++)
			best = logits[j] > logits[best] ? j : best;
		assert_int_equal(best, json_integer_value(json_array_get(want, i)));
		io.ids = &best;
		assert_int_equal(am_session_forward(s, &io, 1, &err), AM_OK);
	}
	am_session_free(s);
	am_threads_free(threads);
}

static void refuses_bad_tokens(void **state)
{
	(void)state;
	am_error err = {0};
	am_threads *threads;
	const am_kernels *k;
	am_session *s;
	assert_int_equal(am_threads_new(1, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(NULL, &k, &err), AM_OK);
	am_session_options so = {.capacity = 8, .block = 8, .threads = threads, .kernels = k};
	assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
	int32_t bad[] = {0, VOCAB, -1};
	for (int i = 1; i < 3; i++) {
		am_forward_io io = {.ids = bad + i};
		assert_int_equal(am_session_forward(s, &io, 1, &err), AM_ERR_RANGE);
		assert_non_null(strstr(err.text, "outside the vocabulary of 2048"));
	}
	am_forward_io io = {.ids = ids};
	assert_int_equal(am_session_forward(s, &io, 8, &err), AM_OK);
	assert_int_equal(am_session_forward(s, &io, 1, &err), AM_ERR_RANGE);
	assert_int_equal(am_session_position(s), 8);
	am_session_free(s);
	am_threads_free(threads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_reference), cmocka_unit_test(blocks_and_decode_agree),
		cmocka_unit_test(same_bytes_for_any_threads), cmocka_unit_test(streaming_agrees),
		cmocka_unit_test(streaming_sees_windows),
		cmocka_unit_test(every_kernel_agrees),
		cmocka_unit_test(greedy_decode),
		cmocka_unit_test(refuses_bad_tokens),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}

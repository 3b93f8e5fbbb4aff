/* Attention policies and the tap for rows of all heads, on the embedded model: dense bytes where
 * no key is dropped, decode against masked prefill, threads, blocks, narrow tiles. */
#include "base/mem.h"
#include "passage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 160, LAYERS = 6, HEADS = 8, VOCAB = 2048 };

static am_model *model;
static int32_t ids[N], targets[N];

static int open_all(void **state)
{
	(void)state;
	passage_ids(ids, N);
	passage_targets(ids, N, targets);
	return passage_open(&model);
}

static int close_all(void **state)
{
	(void)state;
	am_model_close(model);
	return 0;
}

/* How one pass is run. */
typedef struct setting {
	const char *spec; /* NULL: dense */
	bool all;
	int prompt;       /* 0: N */
	int block, threads;
	const char *kernels;
	size_t tile_floats;
	bool observe, layer;
} setting;

typedef struct outcome {
	float nll[N], logits[VOCAB];
	float entropy[LAYERS][HEADS][N], output[LAYERS][HEADS][N];
	double seen[LAYERS][N]; /* of observe_layer: a sum over all heads */
	int begun[LAYERS];
	int wrong;
	am_retained retained;
} outcome;

static unsigned want_all(void *ctx, int layer, int head, int64_t position)
{
	(void)ctx, (void)layer;
	return position % 3 == 0 ? 0 : AM_TAP_ROW | AM_TAP_OUTPUT | (head % 2 ? AM_TAP_SCORES : 0);
}

static void observe(void *ctx, int worker, const am_attn_row *row)
{
	(void)worker;
	outcome *o = ctx;
	o->entropy[row->layer][row->head][row->position] = (float)(log(row->sums->z) - row->sums->a / row->sums->z);
	o->output[row->layer][row->head][row->position] = row->output[row->head_dim - 1];
}

static am_status layer_begin(void *ctx, const am_select_block *block, am_threads *threads, am_error *err)
{
	(void)threads, (void)err;
	outcome *o = ctx;
	o->begun[block->layer] += block->rows;
	o->wrong |= block->k == NULL || block->q == NULL || block->x == NULL;
	return AM_OK;
}

static bool wants_layer(void *ctx, int layer, int64_t position)
{
	(void)ctx, (void)layer;
	return position % 5 != 1;
}

/* The scores of every head are the block's q . k, the weights their exponentials. */
static void observe_layer(void *ctx, int worker, const am_select_row *row)
{
	(void)worker;
	outcome *o = ctx;
	const am_select_block *b = row->block;
	double sum = 0;
	o->wrong |= row->position != b->start + row->row || row->n != row->position + 1 || row->first_key != 0;
	for (int h = 0; h < HEADS; h++) {
		const float *score = row->score + h * row->stride, *weight = row->weight + h * row->stride;
		const float *q = b->q + ((size_t)row->row * HEADS + (size_t)h) * 32;
		double z = 0;
		for (int j = 0; j < row->n; j++) {
			const float *k = b->k + h / 2 * b->k_stride + (ptrdiff_t)j * 32;
			double s = 0;
			for (int d = 0; d < 32; d++)
				s += (double)q[d] * (double)k[d] * (double)b->scale;
			o->wrong |= !(fabs(s - (double)score[j]) <= 1e-4 * (1 + fabs(s)));
			o->wrong |= !(fabs(exp((double)score[j] - (double)row->sums[h].max) - (double)weight[j]) <= 1e-5);
			z += (double)weight[j];
			sum += (double)weight[j] * (j + 1);
		}
		o->wrong |= !(fabs(z - row->sums[h].z) <= 1e-6 * z);
	}
	o->seen[b->layer][row->position] = sum;
}

static void run(outcome *o, setting how)
{
	am_error err = {0};
	am_threads *threads;
	const am_kernels *k;
	am_session *s;
	am_attention_policy policy = {.all = how.all};
	am_tap tap = {.ctx = o, .wants = want_all, .observe = observe};
	if (how.layer) {
		tap.layer_begin = layer_begin;
		tap.wants_layer = wants_layer;
		tap.observe_layer = observe_layer;
	}
	int block = how.block ? how.block : N;
	assert_int_equal(am_threads_new(how.threads ? how.threads : 2, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(how.kernels, &k, &err), AM_OK);
	am_session_options so = {.capacity = N, .block = block, .tile_floats = how.tile_floats, .threads = threads,
	                         .kernels = k};
	assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
	if (how.spec)
		policy.selector = passage_selector(s, how.spec, &policy.budget);
	assert_int_equal(am_session_set_attention(s, how.spec ? &policy : NULL, &err), AM_OK);
	assert_int_equal(am_session_start(s, 0, N, how.prompt ? how.prompt : N, &err), AM_OK);
	memset(o, 0, sizeof *o);
	for (int at = 0; at < N;) {
		int end = how.prompt && at < how.prompt ? how.prompt : N, n = end - at < block ? end - at : block;
		if (how.prompt && at >= how.prompt)
			n = 1;
		am_forward_io io = {ids + at, targets + at, o->nll + at, at + n == N ? o->logits : NULL,
		                    how.observe || how.layer ? &tap : NULL};
		if (am_session_forward(s, &io, n, &err))
			fail_msg("%s", err.text);
		at += n;
	}
	o->retained = am_session_retained(s, -1);
	am_session_free(s);
	am_selector_close(policy.selector);
	am_threads_free(threads);
}

static void assert_same(const outcome *a, const outcome *b)
{
	assert_memory_equal(a->nll, b->nll, sizeof a->nll);
	assert_memory_equal(a->logits, b->logits, sizeof a->logits);
	assert_memory_equal(a->entropy, b->entropy, sizeof a->entropy);
	assert_memory_equal(a->output, b->output, sizeof a->output);
}

static double farthest(const outcome *a, const outcome *b)
{
	double worst = 0;
	for (int i = 0; i < N - 1; i++) {
		double off = fabs((double)a->nll[i] - (double)b->nll[i]);
		worst = off <= worst ? worst : off;
	}
	return worst;
}

static const size_t narrow[] = {0, 1, 5000, 20000, 60000}; /* floats of a tile: whole, streamed, cut */

static void with_every_table(void (*check)(const char *kernels))
{
	int usable;
	const am_kernels *k;
	for (int i = 0; (k = am_kernels_at(i, &usable)); i++)
		if (usable)
			check(k->name);
}

static void check_dense_bytes(const char *kernels)
{
	static outcome dense, sparse;
	static const int blocks[] = {N, 49};
	for (size_t b = 0; b < 2; b++)
		for (size_t f = b; f < sizeof narrow / sizeof narrow[0]; f += 2) {
			setting how = {.block = blocks[b], .kernels = kernels, .tile_floats = narrow[f], .observe = true};
			run(&dense, how);
			how.spec = "exact-sum,k=160", how.all = true, how.threads = 1 + (int)f % 3;
			run(&sparse, how);
			assert_same(&dense, &sparse);
			assert_true(sparse.retained.sum == (double)sparse.retained.rows && sparse.retained.rows == LAYERS * HEADS * N);
			how.spec = "exact-sum,k=100"; /* the first rows go through the dense code, in tiles with sparse ones too */
			run(&sparse, how);
			assert_memory_equal(dense.nll, sparse.nll, 100 * sizeof *dense.nll);
			assert_memory_not_equal(dense.logits, sparse.logits, sizeof dense.logits);
			assert_memory_equal(dense.output[0], sparse.output[0], sizeof dense.output[0]);
		}
}

static void rows_that_keep_all_keys_have_dense_bytes(void **state)
{
	(void)state;
	with_every_table(check_dense_bytes);
}

#define DUMP AM_BINARY_DIR "/tests/tmp/sparse-indices.npy"

/* An index dump: token t keeps all of its keys, but for key 0 of odd tokens from `from` on. */
static void write_dump(int from)
{
	static int32_t key[N][LAYERS][N];
	char header[128];
	FILE *f = fopen(DUMP, "wb");
	assert_non_null(f);
	snprintf(header, sizeof header, "{'descr': '<i4', 'fortran_order': False, 'shape': (%d, %d, %d), }\n", N, LAYERS, N);
	unsigned char lead[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)strlen(header), 0};
	for (int t = 0; t < N; t++)
		for (int l = 0; l < LAYERS; l++)
			for (int j = 0; j < N; j++)
				key[t][l][j] = j > t || (j == 0 && t >= from && t % 2) ? -1 : j;
	assert_int_equal(fwrite(lead, 1, sizeof lead, f), sizeof lead);
	fputs(header, f);
	assert_int_equal(fwrite(key, sizeof key, 1, f), 1);
	fclose(f);
}

/* Selectors that keep every key of every row, the first BY_BUDGET by their budget, the others by their own choice. */
enum { BY_BUDGET = 10 };
static const char *const keep_all[] = {
	"exact,k=160", "exact-group,k=160", "exact-max,ratio=100%", "precision:0.5,k=160", "random,k=160", "quest:64,k=160",
	"blockmean:16,k=160", "loki:4,calibrate=20,k=160", "doublesparse:2,calibrate=20,k=160", "snapkv:8,k=160",
	"recent:100+60", "recent:0+160", "topp:0.5,recent=160", "topp:0.3,sink=90,recent=70", "topp:0.99,sink=160", "indices:" DUMP,
};

/* Selectors that keep all keys of some rows, as their own choice; rows before `same` among them. */
static const struct { const char *spec; int same; } keep_some[] = {
	{"recent:30+40", 70}, {"topp:0.6,recent=50", 50}, {"topp:0.9,sink=40", 40}, {"topp:0.999", 1}, {"indices:" DUMP, 101},
};

static void keeps_all(const setting *how, const char *spec, const outcome *dense)
{
	static outcome sparse;
	setting other = *how;
	other.spec = spec;
	other.all = true;
	run(&sparse, other);
	if (memcmp(dense->nll, sparse.nll, sizeof dense->nll) != 0)
		fail_msg("%s: blocks of %d, tiles of %zu: not the bytes of dense rows", spec, how->block, how->tile_floats);
	assert_same(dense, &sparse);
	assert_true(sparse.retained.sum == (double)sparse.retained.rows && sparse.retained.rows == LAYERS * HEADS * N);
}

static void every_selector_that_keeps_all_keys_has_dense_bytes(void **state)
{
	(void)state;
	static outcome dense, sparse;
	static const int blocks[] = {N, 1, 49};
	for (size_t b = 0; b < 3; b++)
		for (size_t f = 0; f < 4; f += b == 1 ? 4 : 1) {
			bool observed = (b / 2 + f) % 2;
			setting how = {.block = blocks[b], .tile_floats = narrow[f], .observe = observed, .layer = observed && f == 2};
			run(&dense, how);
			write_dump(N);
			for (size_t i = f ? BY_BUDGET : 0; i < sizeof keep_all / sizeof keep_all[0]; i++)
				keeps_all(&how, keep_all[i], &dense);
			write_dump(100);
			for (size_t i = 0; i < sizeof keep_some / sizeof keep_some[0]; i++) {
				setting other = how;
				other.spec = keep_some[i].spec;
				other.all = true;
				run(&sparse, other);
				assert_memory_equal(dense.nll, sparse.nll, (size_t)keep_some[i].same * sizeof *dense.nll);
				assert_true(farthest(&dense, &sparse) >= 1e-4);
				assert_true(sparse.retained.sum < (double)sparse.retained.rows);
			}
		}
}

static void rows_that_keep_all_keys_have_dense_bytes_in_tables(const char *kernels)
{
	static outcome dense;
	static const char *const few[] = {"recent:100+60", "topp:0.3,sink=90,recent=70", "indices:" DUMP};
	write_dump(N);
	for (size_t f = 0; f < sizeof narrow / sizeof narrow[0]; f++) {
		setting how = {.block = f % 2 ? 49 : N, .kernels = kernels, .tile_floats = narrow[f], .observe = f % 2};
		run(&dense, how);
		for (size_t i = 0; i < sizeof few / sizeof few[0]; i++)
			keeps_all(&how, few[i], &dense);
	}
}

static void own_budgets_in_every_table(void **state)
{
	(void)state;
	with_every_table(rows_that_keep_all_keys_have_dense_bytes_in_tables);
}

static void check_shadow(const char *kernels)
{
	static outcome plain, shadowed;
	static const int blocks[] = {N, 50, 1};
	for (size_t b = 0; b < 3; b++)
		for (size_t f = b; f < (b < 2 ? sizeof narrow / sizeof narrow[0] : 3); f += 2) {
			setting how = {.block = blocks[b], .kernels = kernels, .tile_floats = narrow[f], .observe = true};
			run(&plain, how);
			how.layer = true;
			run(&shadowed, how);
			assert_same(&plain, &shadowed);
			assert_false(shadowed.wrong);
			for (int l = 0; l < LAYERS; l++) {
				assert_int_equal(shadowed.begun[l], N);
				for (int i = 0; i < N; i++)
					assert_true((shadowed.seen[l][i] > 0) == (i % 5 != 1));
			}
		}
}

static void whole_rows_change_nothing(void **state)
{
	(void)state;
	with_every_table(check_shadow);
}

static const char *const specs[] = {
	"exact,k=12", "exact,k=12,sink=2,recent=4", "exact-group,k=12", "exact-sum,ratio=10%", "exact-max,k=20", "recent:2+30",
	"random,k=40,seed=3", "exact,k=1",
};

static void blocks_threads_and_tiles_agree(void **state)
{
	(void)state;
	static outcome whole, other;
	for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
		setting how = {.spec = specs[i], .all = true, .threads = 1, .layer = true};
		run(&whole, how);
		assert_false(whole.wrong);
		for (size_t f = 0; f < sizeof narrow / sizeof narrow[0]; f += 2)
			for (int block = f ? 7 : 1; block < N; block = block * 5 + 2) {
				how.tile_floats = narrow[f], how.block = block, how.threads = 3;
				run(&other, how);
				print_message("%s, blocks of %d: NLL differs by at most %.2g nat\n", specs[i], block, farthest(&whole, &other));
				assert_true(farthest(&whole, &other) <= 2e-4);
				assert_true(fabs(whole.retained.sum - other.retained.sum) <= 1e-5 * whole.retained.sum);
				assert_int_equal(whole.retained.rows, other.retained.rows);
			}
		for (int t = 2; t <= 4; t++) {
			run(&other, (setting){.spec = specs[i], .all = true, .threads = t, .layer = true});
			assert_same(&whole, &other);
			assert_memory_equal(whole.seen, other.seen, sizeof whole.seen);
			assert_true(whole.retained.sum == other.retained.sum);
		}
	}
}

/* Rows from the prompt's end on, one by one or in a block. */
static void decode_agrees_with_masked_prefill(void **state)
{
	(void)state;
	enum { PROMPT = 120 };
	static outcome dense, decoded, block;
	run(&dense, (setting){.block = N});
	for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
		am_error err = {0};
		run(&decoded, (setting){.spec = specs[i], .prompt = PROMPT, .block = PROMPT});
		am_threads *threads;
		const am_kernels *k;
		am_session *s;
		am_attention_policy policy = {0};
		assert_int_equal(am_threads_new(2, &threads, &err), AM_OK);
		assert_int_equal(am_kernels_get(NULL, &k, &err), AM_OK);
		am_session_options so = {.capacity = N, .block = N, .threads = threads, .kernels = k};
		assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
		policy.selector = passage_selector(s, specs[i], &policy.budget);
		assert_int_equal(am_session_set_attention(s, &policy, &err), AM_OK);
		assert_int_equal(am_session_start(s, 0, N, PROMPT, &err), AM_OK);
		am_forward_io io = {.ids = ids, .target = targets, .nll = block.nll};
		assert_int_equal(am_session_forward(s, &io, N, &err), AM_OK);
		am_session_free(s);
		am_selector_close(policy.selector);
		am_threads_free(threads);
		print_message("%s: NLL differs by at most %.2g nat, from dense by %.2g\n", specs[i], farthest(&block, &decoded),
		              farthest(&dense, &decoded));
		assert_true(farthest(&block, &decoded) <= 2e-4);
		assert_true(farthest(&dense, &decoded) >= 1e-2);
		for (int j = 0; j < PROMPT; j++)
			assert_true(fabs((double)dense.nll[j] - (double)block.nll[j]) <= 5e-5);
		assert_int_equal(decoded.retained.rows, LAYERS * HEADS * (N - PROMPT));
		assert_true(decoded.retained.sum > 0 && decoded.retained.sum < (double)decoded.retained.rows);
	}
}

/* Decodes the rest of the passage under a policy. */
static void decode_rest(am_session *s, const am_attention_policy *p, int prompt, float *nll)
{
	am_error err = {0};
	am_session_rewind(s, prompt);
	assert_int_equal(am_session_set_attention(s, p, &err), AM_OK);
	for (int at = prompt; at < N; at++) {
		am_forward_io io = {.ids = ids + at, .target = targets + at, .nll = nll + at};
		if (am_session_forward(s, &io, 1, &err))
			fail_msg("%s", err.text);
	}
}

static void one_prefill_serves_several_policies(void **state)
{
	(void)state;
	enum { PROMPT = 120 };
	static outcome alone;
	static float nll[N];
	am_error err = {0};
	am_threads *threads;
	const am_kernels *k;
	am_session *s;
	am_attention_policy policy[8] = {{0}};
	size_t n = sizeof specs / sizeof specs[0];
	assert_int_equal(am_threads_new(2, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(NULL, &k, &err), AM_OK);
	am_session_options so = {.capacity = N, .block = PROMPT, .threads = threads, .kernels = k};
	assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
	for (size_t i = 0; i < n; i++) {
		policy[i].selector = passage_selector(s, specs[i], &policy[i].budget);
		assert_int_equal(am_session_follow(s, policy[i].selector, &err), AM_OK);
	}
	assert_int_equal(am_session_start(s, 0, N, PROMPT, &err), AM_OK);
	am_forward_io io = {.ids = ids};
	assert_int_equal(am_session_forward(s, &io, PROMPT, &err), AM_OK);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < n; i++) {
			run(&alone, (setting){.spec = specs[i], .prompt = PROMPT, .block = PROMPT});
			decode_rest(s, &policy[i], PROMPT, nll);
			assert_memory_equal(nll + PROMPT, alone.nll + PROMPT, (N - PROMPT) * sizeof *nll);
		}
	run(&alone, (setting){.prompt = PROMPT, .block = PROMPT});
	decode_rest(s, NULL, PROMPT, nll);
	assert_memory_equal(nll + PROMPT, alone.nll + PROMPT, (N - PROMPT) * sizeof *nll);
	am_session_forget(s, policy[0].selector);
	assert_int_equal(am_session_set_attention(s, &policy[0], &err), AM_OK); /* followed anew: it has seen nothing */
	am_session_rewind(s, N - 1);
	assert_int_equal(am_session_forward(s, &io, 1, &err), AM_ERR_USAGE);
	assert_non_null(strstr(err.text, "follow it from the sequence's start"));
	am_session_free(s);
	for (size_t i = 0; i < n; i++)
		am_selector_close(policy[i].selector);
	am_threads_free(threads);
}

static void refuses_a_missing_budget(void **state)
{
	(void)state;
	am_error err = {0};
	am_threads *threads;
	const am_kernels *k;
	am_session *s;
	assert_int_equal(am_threads_new(1, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(NULL, &k, &err), AM_OK);
	am_session_options so = {.capacity = N, .block = N, .threads = threads, .kernels = k};
	assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
	am_attention_policy policy = {0};
	policy.selector = passage_selector(s, "exact", &policy.budget);
	assert_int_equal(am_session_set_attention(s, &policy, &err), AM_ERR_USAGE);
	assert_non_null(strstr(err.text, "budget"));
	am_session_free(s);
	am_selector_close(policy.selector);
	am_threads_free(threads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_that_keep_all_keys_have_dense_bytes),
		cmocka_unit_test(every_selector_that_keeps_all_keys_has_dense_bytes), cmocka_unit_test(own_budgets_in_every_table),
		cmocka_unit_test(whole_rows_change_nothing),
		cmocka_unit_test(blocks_threads_and_tiles_agree), cmocka_unit_test(decode_agrees_with_masked_prefill),
		cmocka_unit_test(one_prefill_serves_several_policies), cmocka_unit_test(refuses_a_missing_budget),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}

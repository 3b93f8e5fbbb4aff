/* Rows and their masses as a tap gets them, on the embedded model: each once, masses after their row and before what
 * looks at all heads, in every form of the attention and with every kernel table. */
#include "base/mem.h"
#include "passage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 110, LAYERS = 6, HEADS = 8, THREADS = 2, N_K = 3, N_TAU = 2 };

static const int ks[N_K] = {1, 8, 64};
static const double taus[N_TAU] = {0.5, 0.95};

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

typedef struct masses {
	float mass[N_K];
	int32_t count[N_TAU];
} masses;

typedef struct outcome {
	const am_kernels *kernels;
	float nll[N];
	char rows[LAYERS][HEADS][N], with_masses[LAYERS][HEADS][N], layers[LAYERS][N];
	masses got[LAYERS][HEADS][N];
	int tallied; /* masses that came with a tally, of one worker */
	int wrong;
	void *scratch[THREADS];
} outcome;

/* Every kind of row, in one tile. */
static unsigned wants(void *ctx, int layer, int head, int64_t position)
{
	(void)ctx;
	static const unsigned kind[] = {AM_TAP_ROW | AM_TAP_MASSES, AM_TAP_ROW, AM_TAP_ROW | AM_TAP_MASSES | AM_TAP_SCORES,
	                                AM_TAP_ROW | AM_TAP_MASSES | AM_TAP_OUTPUT, 0};
	if (layer == 2) /* nobody waits for an output here */
		return AM_TAP_ROW | (head % 3 ? AM_TAP_MASSES : 0);
	return kind[(head + position / 7) % 5];
}

static void observe(void *ctx, int worker, const am_attn_row *row)
{
	(void)worker;
	outcome *o = ctx;
	o->rows[row->layer][row->head][row->position]++;
}

static void observe_masses(void *ctx, int worker, const am_attn_row *row)
{
	outcome *o = ctx;
	int l = row->layer, h = row->head;
	masses *got = &o->got[l][h][row->position], plain;
	float bound[N_K];
	double z = 0;
	o->with_masses[l][h][row->position]++;
	for (int j = 0; j < row->n; j++)
		z += (double)row->weight[j];
	bool wrong = o->rows[l][h][row->position] != 1 || row->n != row->position + 1 || !(fabs(z - row->sums->z) <= 1e-5 * z);
	o->kernels->row_mass(row->weight, row->n, ks, N_K, taus, N_TAU, plain.mass, bound, plain.count, o->scratch[worker]);
	if (row->tally)
		o->kernels->tally_mass(row->weight, row->n, row->tally, ks, N_K, taus, N_TAU, got->mass, bound, got->count, o->scratch[worker]);
	else
		*got = plain;
	for (int i = 0; i < N_K; i++)
		wrong |= !(fabsf(got->mass[i] - plain.mass[i]) <= 1e-6f);
	for (int i = 0; i < N_TAU; i++)
		wrong |= got->count[i] != plain.count[i];
	if (wrong)
		o->wrong = 1;
	if (row->tally && worker == 0)
		o->tallied++;
}

static am_status layer_begin(void *ctx, const am_select_block *block, am_threads *threads, am_error *err)
{
	(void)ctx, (void)block, (void)threads, (void)err;
	return AM_OK;
}

static bool wants_layer(void *ctx, int layer, int64_t position)
{
	(void)ctx;
	return layer % 2 == 0 && position % 4 != 1;
}

static void observe_layer(void *ctx, int worker, const am_select_row *row)
{
	(void)worker;
	outcome *o = ctx;
	int l = row->block->layer;
	o->layers[l][row->position]++;
	for (int h = 0; h < HEADS; h++) {
		bool asked = wants(NULL, l, h, row->position) & AM_TAP_MASSES;
		if (o->with_masses[l][h][row->position] != asked)
			o->wrong = 1;
	}
}

typedef struct setting {
	const char *kernels, *spec;
	int block;
	size_t tile_floats;
	bool tapped, layer;
} setting;

static void set_attention(am_session *s, const char *text, am_attention_policy *policy)
{
	am_error err = {0};
	policy->selector = passage_selector(s, text, &policy->budget);
	policy->all = true;
	assert_int_equal(am_session_set_attention(s, policy, &err), AM_OK);
}

static void run(outcome *o, setting how)
{
	am_error err = {0};
	am_threads *threads;
	am_session *s;
	am_attention_policy policy = {0};
	memset(o, 0, sizeof *o);
	am_tap tap = {.ctx = o, .wants = wants, .observe = observe, .observe_masses = observe_masses};
	if (how.layer)
		tap.layer_begin = layer_begin, tap.wants_layer = wants_layer, tap.observe_layer = observe_layer;
	assert_int_equal(am_threads_new(THREADS, &threads, &err), AM_OK);
	assert_int_equal(am_kernels_get(how.kernels, &o->kernels, &err), AM_OK);
	am_session_options so = {.capacity = N, .block = how.block, .tile_floats = how.tile_floats, .threads = threads, .kernels = o->kernels};
	assert_int_equal(am_session_new(model, &so, &s, &err), AM_OK);
	if (how.spec)
		set_attention(s, how.spec, &policy);
	for (int i = 0; i < THREADS; i++)
		assert_non_null(o->scratch[i] = am_alloc(AM_SELECT_SCRATCH(N), 1));
	assert_int_equal(am_session_start(s, 0, N, N, &err), AM_OK);
	for (int at = 0, n; at < N; at += n) {
		n = N - at < how.block ? N - at : how.block;
		am_forward_io io = {ids + at, targets + at, o->nll + at, NULL, how.tapped ? &tap : NULL};
		if (am_session_forward(s, &io, n, &err))
			fail_msg("%s", err.text);
	}
	for (int i = 0; i < THREADS; i++)
		am_free(o->scratch[i]);
	am_session_free(s);
	am_selector_close(policy.selector);
	am_threads_free(threads);
}

static void check_counts(const outcome *o, const setting *how)
{
	for (int l = 0; l < LAYERS; l++)
		for (int i = 0; i < N; i++) {
			assert_int_equal(o->layers[l][i], how->layer && wants_layer(NULL, l, i));
			for (int h = 0; h < HEADS; h++) {
				unsigned wanted = wants(NULL, l, h, i);
				assert_int_equal(o->rows[l][h][i], wanted != 0);
				assert_int_equal(o->with_masses[l][h][i], (wanted & AM_TAP_MASSES) != 0);
			}
		}
	assert_int_equal(o->wrong, 0);
}

/* Scores of another block size or form may differ in their last bits, and so a count by one. */
static void check_near(const outcome *a, const outcome *b)
{
	for (int l = 0; l < LAYERS; l++)
		for (int h = 0; h < HEADS; h++)
			for (int i = 0; i < N; i++) {
				for (int k = 0; k < N_K; k++)
					assert_true(fabsf(a->got[l][h][i].mass[k] - b->got[l][h][i].mass[k]) <= 1e-4f);
				for (int t = 0; t < N_TAU; t++)
					assert_in_range(a->got[l][h][i].count[t] - b->got[l][h][i].count[t] + 1, 0, 2);
			}
}

static void check_table(const char *kernels)
{
	static outcome plain, first, o;
	static const int blocks[] = {N, 61, 1};
	static const size_t tiles[] = {0, 1, 6000, 30000}; /* whole, streamed, cut */
	for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++)
		for (size_t f = 0; f < (blocks[b] > 1 ? sizeof tiles / sizeof tiles[0] : 1); f++)
			for (int layer = 0; layer < 2; layer++) {
				setting how = {.kernels = kernels, .block = blocks[b], .tile_floats = tiles[f], .layer = layer};
				run(&plain, how);
				how.tapped = true;
				run(&o, how);
				check_counts(&o, &how);
				/* The BLAS rounds by where in a product a row lies. */
				double allowed = o.kernels->gemm_nn ? 0 : 2e-4;
				for (int i = 0; i < N - 1; i++)
					if (!(fabs((double)plain.nll[i] - (double)o.nll[i]) <= allowed))
						fail_msg("%s: blocks of %d, tiles of %zu, layers %d: observing changes the NLL", kernels, how.block, how.tile_floats, layer);
				if (!b && !f && !layer)
					first = o;
				check_near(&first, &o);
				assert_true(blocks[b] == 1 || f || o.tallied > 0);
			}
}

static void each_row_once_then_its_masses(void **state)
{
	(void)state;
	int usable;
	const am_kernels *k;
	for (int i = 0; (k = am_kernels_at(i, &usable)); i++)
		if (usable)
			check_table(k->name);
}

static void so_do_sparse_rows(void **state)
{
	(void)state;
	static outcome o;
	static const char *const specs[] = {"exact,k=12", "exact-sum,k=80", "recent:2+70", "exact-group,k=105"};
	for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
		for (int block = 1; block <= N; block = block * 13 + 5)
			for (size_t f = 0; f < 3; f++) {
				setting how = {.spec = specs[i], .block = block, .tile_floats = f * 9000, .layer = f % 2, .tapped = true};
				run(&o, how);
				check_counts(&o, &how);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_once_then_its_masses),
		cmocka_unit_test(so_do_sparse_rows),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}

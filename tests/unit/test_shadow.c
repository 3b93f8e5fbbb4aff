/* probes/shadow*.c, driven through the tap of a capture with made-up scores: every set
 * statistic against a naive count, the same whatever the blocks. */
#include "base/mem.h"
#include "base/rng.h"
#include "probes/capture_internal.h"
#include "probes/shadow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 2, HEADS = 4, GROUPS = 2, LENGTH = 61, HIDDEN = 8, DIM = 4, N_K = 4, N_RATIO = 2, BUDGETS = N_K + N_RATIO, WINDOW = 20 };

static const int ks[N_K] = {1, 3, 8, 30};
static const double ratios[N_RATIO] = {0.05, 0.5};
static const char *const specs[] = {"exact", "exact-sum", "random", "exact,sink=1", "recent:2+3"};
enum { N_SPECS = (int)(sizeof specs / sizeof specs[0]) };
/* No ties, and no selector whose sets are those of rankings: counted by bounds where they are small. */
static const char *const untied_specs[] = {"exact,sink=1", "recent:2+3"};
static const char *const *asked = specs;
static int n_asked = N_SPECS;
static bool untied;
static am_error err;
static int windows[LAYERS] = {0, WINDOW};
static am_rope_config ropes[LAYERS];
static int32_t ids[LENGTH];

/* Scores with many equal ones, so that ties decide. */
static float score_of(int layer, int head, int position, int key)
{
	am_rng r = am_rng_split((uint64_t)(layer * 100 + head), (uint64_t)(position * 1000 + key));
	return untied ? (float)am_rng_below(&r, 1 << 20) / (1 << 17) : (float)am_rng_below(&r, 12) / 2;
}

static int first_key(int layer, int position)
{
	int w = windows[layer];
	return w && position >= w ? position - w + 1 : 0;
}

/* All values of a field over the whole sequence, [outer][LENGTH][inner]. */
typedef struct stored {
	float *x[512];
	int n;
} stored;

static int most_values(const am_field_spec *f, int *outer, int *inner)
{
	int row = am_spec_row_axis(f);
	*outer = *inner = 1;
	for (int a = 0; a < f->n_axes; a++) {
		int n = f->axes[a] == AM_AXIS_LAYER ? LAYERS : f->axes[a] == AM_AXIS_HEAD ? HEADS : f->axes[a] == AM_AXIS_KV_HEAD ? GROUPS
		        : f->axes[a] == AM_AXIS_K ? N_K : f->axes[a] == AM_AXIS_RATIO ? N_RATIO : 1;
		*(a < row ? outer : inner) *= a == row ? 1 : n;
	}
	return *outer * LENGTH * *inner;
}

/* NaN, or the bits of -1. */
static float missing(const am_field_spec *f)
{
	int32_t minus = -1;
	float x = NAN;
	if (f->type != AM_TYPE_F32)
		memcpy(&x, &minus, sizeof x);
	return x;
}

static void fill_row(am_select_row *row, const am_select_block *block, int r, float *score, float *weight, am_row_sums *sums,
                     const am_kernels *k)
{
	int position = block->start + r, first = first_key(block->layer, position), n = position - first + 1;
	for (int h = 0; h < HEADS; h++) {
		for (int j = 0; j < n; j++)
			score[h * LENGTH + j] = score_of(block->layer, h, position, first + j);
		k->row_stats(score + h * LENGTH, n, weight + h * LENGTH, NULL, &sums[h]);
	}
	*row = (am_select_row){.block = block, .row = r, .position = position, .first_key = first, .n = n, .score = score,
	                       .weight = weight, .sums = sums, .stride = LENGTH};
}

/* What the capture gives of rows start .. start + rows - 1 of a layer. */
static void gather(const am_capture *c, int layer, int start, int rows, stored *out, const am_field_spec *spec, int end)
{
	am_run_layer given;
	am_shadow_give(c->shadow, &given);
	assert_int_equal(given.n_rows, rows);
	for (int i = 0; i < end - AM_FIELD_COUNT; i++) {
		const am_field_spec *f = &spec[AM_FIELD_COUNT + i];
		int outer, inner;
		if (!f->n_axes || !most_values(f, &outer, &inner) || !given.field[i])
			continue;
		outer /= LAYERS;
		int held = given.sampled_field[i] ? (int)given.n_sampled : rows;
		for (int o = 0; o < outer; o++) {
			float *to = out->x[i] + ((layer * outer + o) * LENGTH + start) * inner;
			for (int j = 0; j < rows * inner; j++)
				to[j] = missing(f);
			for (int j = 0; j < held; j++)
				memcpy(to + (given.sampled_field[i] ? given.sampled[j] : j) * inner,
				       (const float *)given.field[i] + (o * held + j) * inner, (size_t)inner * 4);
		}
	}
}

/* Runs the sequence in blocks and gathers what the capture gives. */
static void drive(int block, stored *out, am_field_spec *spec, int end)
{
	am_run_options o;
	am_run_options_init(&o);
	o.k = ks, o.n_k = N_K, o.ratio = ratios, o.n_ratio = N_RATIO, o.n_mass = 0, o.map = 0;
	o.shadows = asked, o.n_shadows = n_asked, o.shadow_sample = 4;
	am_config config = {.layers = LAYERS, .heads = HEADS, .kv_heads = GROUPS, .head_dim = DIM, .hidden = HIDDEN,
	                    .max_positions = 100, .window = windows, .rope = ropes};
	am_sequence item = {.name = (char *)"one", .task = (char *)"task", .ids = ids, .n = LENGTH};
	am_sequences sequences = {.item = &item, .n = 1, .longest = LENGTH, .tokens = LENGTH};
	const am_kernels *kernels;
	am_capture *c;
	float score[HEADS * LENGTH + 16], weight[HEADS * LENGTH + 16], nll[LENGTH] = {0};
	static float keys[GROUPS * LENGTH * DIM], x[LENGTH * HEADS * DIM * HIDDEN];
	am_row_sums sums[HEADS];
	assert_int_equal(am_kernels_get(NULL, &kernels, &err), AM_OK);
	if (am_capture_new(&o, &config, kernels, &sequences, block, 1, &c, &err))
		fail_msg("%s", err.text);
	const am_tap *tap = am_capture_tap(c);
	for (int start = 0; start < LENGTH; start += block) {
		int rows = LENGTH - start < block ? LENGTH - start : block;
		assert_int_equal(am_capture_begin(c, 0, start, rows), rows);
		for (int l = 0; l < LAYERS; l++) {
			am_select_block b = {.layer = l, .start = start, .rows = rows, .x = x, .q = x, .k = keys, .k_stride = LENGTH * DIM, .scale = 1};
			assert_int_equal(tap->layer_begin(tap->ctx, &b, NULL, &err), AM_OK);
			for (int r = rows - 1; r >= 0; r--) { /* in any order */
				am_select_row row;
				assert_true(tap->wants_layer(tap->ctx, l, start + r));
				fill_row(&row, &b, r, score, weight, sums, kernels);
				tap->observe_layer(tap->ctx, 0, &row);
			}
			assert_int_equal(tap->layer_done(tap->ctx, l, &err), AM_OK);
			gather(c, l, start, rows, out, spec, end);
		}
		am_run_block whole;
		am_capture_end(c, nll, &whole);
	}
	am_capture_free(c);
}

/* ---- naive ------------------------------------------------------------------- */

static double by[LENGTH];

static int better(const void *a, const void *b)
{
	int i = *(const int *)a, j = *(const int *)b;
	return by[i] != by[j] ? (by[i] > by[j] ? -1 : 1) : i - j;
}

/* keys[n] ranked by score[n]. */
static void rank(const double *score, int n, int *keys)
{
	memcpy(by, score, (size_t)n * sizeof *by);
	for (int i = 0; i < n; i++)
		keys[i] = i;
	qsort(keys, (size_t)n, sizeof *keys, better);
}

static int keys_asked(int b, int n)
{
	int k = b < N_K ? ks[b] : (int)fmax(1, ceil(ratios[b - N_K] * n - 1e-9));
	return k < n ? k : n;
}

static double value(const stored *s, const am_field_spec *spec, am_field f, int layer, int second, int width, int row, int b)
{
	am_field g = b < N_K ? f : (am_field)(f + 1);
	int inner = b < N_K ? N_K : N_RATIO;
	assert_int_equal(spec[g].n_axes, width > 1 ? 4 : 3);
	return (double)s->x[g - AM_FIELD_COUNT][((layer * width + second) * LENGTH + row) * inner + b % N_K];
}

static void near(double got, double want, const char *what, int layer, int row, int b)
{
	if (!(fabs(got - want) <= 2e-6))
		fail_msg("%s, layer %d, row %d, budget %d: %.8g, expected %.8g", what, layer, row, b, got, want);
}

/* Set of a head under budget b as flags; selectors in the order of specs. */
static void naive_set(int selector, const double score[HEADS][LENGTH], const double *sum, int head, int n, int first, int k, bool *in)
{
	double s[LENGTH];
	int keys[LENGTH];
	for (int j = 0; j < n; j++)
		s[j] = selector == 1 ? sum[j] : score[head][j];
	if (selector == 3 && first == 0) /* the first key of the sequence, where it is seen */
		s[0] = INFINITY;
	rank(s, n, keys);
	for (int j = 0; j < n; j++)
		in[j] = false;
	for (int i = 0; i < k && selector != 4; i++)
		in[keys[i]] = true;
	for (int j = 0; j < n && selector == 4; j++)
		in[j] = first + j < 2 || j >= n - 3;
}

static void check_row(const stored *s, const am_field_spec *spec, int layer, int row)
{
	int first = first_key(layer, row), n = row - first + 1;
	double score[HEADS][LENGTH], p[HEADS][LENGTH], sum[LENGTH] = {0};
	for (int h = 0; h < HEADS; h++) {
		double z = 0;
		for (int j = 0; j < n; j++)
			z += p[h][j] = exp(score[h][j] = (double)score_of(layer, h, row, first + j));
		for (int j = 0; j < n; j++)
			sum[j] += p[h][j] /= z;
	}
	for (int i = 0; i < N_SPECS; i++) {
		if (i == 2 || (i == 1 && n > 1))
			continue; /* random; sums of float32 round otherwise */
		for (int b = 0; b < BUDGETS; b++)
			for (int h = 0; h < HEADS; h++) {
				bool in[LENGTH];
				int best[LENGTH], k = keys_asked(b, n), found = 0, kept = 0;
				double mass = 0, most = 0;
				naive_set(i, score, sum, h, n, first, k, in);
				rank(score[h], n, best);
				for (int r = 0; r < n; r++) {
					found += r < k && in[best[r]];
					most += r < k ? p[h][best[r]] : 0;
					kept += in[r];
					mass += in[r] ? p[h][r] : 0;
				}
				int width = HEADS;
				near(value(s, spec, am_shadow_field(i, AM_SHADOW_RECALL, AM_RUN_HEAD, false), layer, h, width, row, b), (double)found / k, "recall", layer, row, b);
				near(value(s, spec, am_shadow_field(i, AM_SHADOW_MASS_RECALL, AM_RUN_HEAD, false), layer, h, width, row, b), mass / most, "mass recall", layer, row, b);
				near(value(s, spec, am_shadow_field(i, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false), layer, h, width, row, b), mass, "retained", layer, row, b);
				near(value(s, spec, am_shadow_field(i, AM_SHADOW_CHANCE, AM_RUN_HEAD, false), layer, h, width, row, b), (double)kept / n, "chance", layer, row, b);
				near(value(s, spec, am_shadow_field(i, AM_SHADOW_TOP1_HIT, AM_RUN_HEAD, false), layer, h, width, row, b), in[best[0]], "top 1", layer, row, b);
			}
	}
	for (int b = 0; b < BUDGETS; b++) /* exact against its own reference, whatever the ties */
		near(value(s, spec, am_shadow_field(1, AM_SHADOW_RECALL, AM_RUN_SUM, false), layer, 0, 1, row, b), 1, "exact-sum", layer, row, b);
}

/* A ranking of keys by share[n] against the sets of heads first .. first + heads - 1, on average. */
static void check_shared(const stored *s, const am_field_spec *spec, int selector, am_run_reference r, int layer, int row, int second,
                         int width, double score[HEADS][LENGTH], const double *share, int head, int heads)
{
	int first = first_key(layer, row), n = row - first + 1, best[LENGTH];
	rank(share, n, best);
	for (int b = 0; b < BUDGETS; b++) {
		double found = 0, hit = 0;
		int k = keys_asked(b, n);
		for (int h = head; h < head + heads; h++) {
			bool in[LENGTH];
			naive_set(selector ? 4 : 3, score, share, h, n, first, k, in);
			rank(share, n, best);
			for (int i = 0; i < k; i++)
				found += in[best[i]];
			hit += in[best[0]];
		}
		near(value(s, spec, am_shadow_field(selector, AM_SHADOW_RECALL, r, false), layer, second, width, row, b), found / k / heads, "shared recall", layer, row, b);
		near(value(s, spec, am_shadow_field(selector, AM_SHADOW_TOP1_HIT, r, false), layer, second, width, row, b), hit / heads, "shared top 1", layer, row, b);
	}
}

static void check_shares(const stored *s, const am_field_spec *spec, int layer, int row)
{
	int first = first_key(layer, row), n = row - first + 1, group = HEADS / GROUPS;
	double score[HEADS][LENGTH], of_group[GROUPS][LENGTH] = {{0}}, sum[LENGTH] = {0}, most[LENGTH] = {0};
	for (int h = 0; h < HEADS; h++) {
		double z = 0;
		for (int j = 0; j < n; j++)
			z += exp(score[h][j] = (double)score_of(layer, h, row, first + j));
		for (int j = 0; j < n; j++) {
			double p = exp(score[h][j]) / z;
			of_group[h / group][j] += p;
			sum[j] += p;
			most[j] = fmax(most[j], p);
		}
	}
	for (int i = 0; i < 2; i++) {
		for (int g = 0; g < GROUPS; g++)
			check_shared(s, spec, i, AM_RUN_GROUP, layer, row, g, GROUPS, score, of_group[g], g * group, group);
		check_shared(s, spec, i, AM_RUN_SUM, layer, row, 0, 1, score, sum, 0, HEADS);
		check_shared(s, spec, i, AM_RUN_MAX, layer, row, 0, 1, score, most, 0, HEADS);
	}
}

static void shares(void **state)
{
	(void)state;
	static const am_run_selector about[] = {{.spec = "exact,sink=1", .sets = AM_AXIS_HEAD, .scores = true},
	                                        {.spec = "recent:2+3", .sets = AM_AXIS_LAYER}};
	am_field_spec *spec;
	stored s;
	int end = am_shadow_field_end(2), outer, inner;
	assert_int_equal(am_field_specs_new(about, 2, &spec, &err), AM_OK);
	for (int f = AM_FIELD_COUNT; f < end; f++)
		s.x[f - AM_FIELD_COUNT] = spec[f].n_axes ? am_calloc((size_t)most_values(&spec[f], &outer, &inner), 4) : NULL;
	asked = untied_specs, n_asked = 2, untied = true;
	drive(16, &s, spec, end);
	for (int layer = 0; layer < LAYERS; layer++)
		for (int row = 0; row < LENGTH; row++)
			check_shares(&s, spec, layer, row);
	asked = specs, n_asked = N_SPECS, untied = false;
	for (int f = AM_FIELD_COUNT; f < end; f++)
		am_free(s.x[f - AM_FIELD_COUNT]);
	am_free(spec);
}

static void values(void **state)
{
	(void)state;
	static const int blocks[] = {LENGTH, 16, 5, 1};
	am_run_selector about[N_SPECS];
	am_field_spec *spec;
	stored s[4];
	for (int i = 0; i < N_SPECS; i++)
		about[i] = (am_run_selector){.spec = specs[i], .sets = i == 1 || i == 4 ? AM_AXIS_LAYER : AM_AXIS_HEAD, .scores = i != 4};
	int end = am_shadow_field_end(N_SPECS);
	assert_int_equal(am_field_specs_new(about, N_SPECS, &spec, &err), AM_OK);
	assert_true(end - AM_FIELD_COUNT <= 512);
	for (int i = 0; i < 4; i++) {
		for (int f = AM_FIELD_COUNT; f < end; f++) {
			int outer, inner;
			s[i].x[f - AM_FIELD_COUNT] = spec[f].n_axes ? am_calloc((size_t)most_values(&spec[f], &outer, &inner), 4) : NULL;
		}
		drive(blocks[i], &s[i], spec, end);
	}
	for (int layer = 0; layer < LAYERS; layer++)
		for (int row = 0; row < LENGTH; row++)
			check_row(&s[0], spec, layer, row);
	for (int i = 1; i < 4; i++)
		for (int f = AM_FIELD_COUNT; f < end; f++) {
			int outer, inner, n = spec[f].n_axes ? most_values(&spec[f], &outer, &inner) : 0;
			if (n && memcmp(s[0].x[f - AM_FIELD_COUNT], s[i].x[f - AM_FIELD_COUNT], (size_t)n * 4))
				fail_msg("blocks of %d: %s differs", blocks[i], spec[f].path);
		}
	/* Sampled rows: every fourth from the last; steps before them, layers before the second. */
	for (int row = 0; row < LENGTH; row++) {
		bool sampled = (LENGTH - 1 - row) % 4 == 0;
		am_field step = am_shadow_field(0, AM_SHADOW_OVERLAP_STEP, AM_RUN_HEAD, false);
		assert_int_equal(isnan(value(&s[0], spec, step, 1, 2, HEADS, row, 1)), !sampled || row == 0);
		am_field layer = am_shadow_field(0, AM_SHADOW_OVERLAP_LAYER, AM_RUN_HEAD, false);
		assert_true(isnan(value(&s[0], spec, layer, 0, 2, HEADS, row, 1)));
		assert_int_equal(isnan(value(&s[0], spec, layer, 1, 2, HEADS, row, 1)), !sampled);
	}
	for (int i = 0; i < 4; i++)
		for (int f = 0; f < end - AM_FIELD_COUNT; f++)
			am_free(s[i].x[f]);
	am_free(spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(shares)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

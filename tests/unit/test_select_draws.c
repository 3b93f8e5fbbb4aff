/* Selectors that draw, and exact sets: counts that must be met exactly, chances within
 * their intervals, seeds, ties and the smallest rows. */
#include "base/rng.h"
#include "select_world.h"

#include <math.h>

enum { T = 96, H = 4, G = 2, D = 4, N = T };

static float q[T * H * D], k[G * T * D];

/* Small multiples of 1/4: many equal scores, zeros of both signs among them. */
static world make_world(void)
{
	am_rng r = am_rng_split(3, 0);
	for (int i = 0; i < T * H * D; i++)
		q[i] = (float)((int)am_rng_below(&r, 9) - 4) / 4;
	for (int i = 0; i < G * T * D; i++)
		k[i] = (float)((int)am_rng_below(&r, 9) - 4) / 4;
	return (world){.tokens = T, .heads = H, .kv_heads = G, .d = D, .q = q, .k = k, .scale = 0.5f, .window = {0, 30},
	               .block = 32, .threads = 1, .prompt = T};
}

static int visible(const world *w, int layer, int t)
{
	return w->window[layer] && t >= w->window[layer] ? w->window[layer] : t + 1;
}

static const uint32_t *set_of(const uint32_t *member, int sets, int layer, int t, int set)
{
	return member + (((size_t)layer * T + (size_t)t) * (size_t)sets + (size_t)set) * T;
}

static int size_of(const uint32_t *set, int n, int b, const uint32_t *with, int with_b)
{
	int size = 0;
	for (int j = 0; j < n; j++)
		size += (int)(set[j] >> b & 1) & (with ? (int)(with[j] >> with_b & 1) : 1);
	return size;
}

static const int budgets[] = {1, 2, 5, 16, 40, 95};
enum { N_K = 6 };

/* Common keys with the exact set: rint(P k), or what too few others force. */
static void precision_case(const char *share, const char *of, const char *exact, const char *keep)
{
	char spec[64];
	world w = make_world();
	snprintf(spec, sizeof spec, "precision:%s,of=%s,keep=%s", share, of, keep);
	uint32_t *got = world_run(&w, spec, budgets, N_K), *want = world_run(&w, exact, budgets, N_K);
	int sets = !strcmp(of, "head") ? H : !strcmp(of, "group") ? G : 1;
	for (int l = 0; l < WORLD_LAYERS; l++)
		for (int t = 0; t < T; t++)
			for (int set = 0; set < sets; set++)
				for (int b = 0; b < N_K; b++) {
					const uint32_t *a = set_of(got, sets, l, t, set), *e = set_of(want, sets, l, t, set);
					int n = visible(&w, l, t), size = budgets[b] < n ? budgets[b] : n;
					int hits = (int)rint(atof(share) * size), least = 2 * size - n;
					hits = budgets[b] >= n ? n : hits > least ? hits : least;
					assert_int_equal(size_of(a, n, b, NULL, 0), size);
					if (size_of(a, n, b, e, b) != hits)
						fail_msg("%s: %d of %d keys of row %d (n = %d) are exact, expected %d", spec,
						         size_of(a, n, b, e, b), size, t, n, hits);
				}
	free(want);
	free(got);
}

static void precision_is_met(void **state)
{
	(void)state;
	static const char *const shares[] = {"0", "0.25", "0.5", "0.8", "100%"};
	for (int i = 0; i < 5; i++) {
		precision_case(shares[i], "head", "exact", "uniform");
		precision_case(shares[i], "head", "exact", "best");
		precision_case(shares[i], "group", "exact-group", "uniform");
		precision_case(shares[i], "sum", "exact-sum", "uniform");
		precision_case(shares[i], "max", "exact-max", "best");
	}
}

/* keep=best holds the best exact keys: the exact set of rint(P k). */
static void best_are_kept(void **state)
{
	(void)state;
	world w = make_world();
	const int ten = 10, five = 5;
	uint32_t *got = world_run(&w, "precision:0.5,keep=best", &ten, 1), *want = world_run(&w, "exact", &five, 1);
	for (int t = 30; t < T; t++)
		for (int h = 0; h < H; h++)
			assert_int_equal(size_of(set_of(got, H, 0, t, h), t + 1, 0, set_of(want, H, 0, t, h), 0), 5);
	free(want);
	free(got);
}

/* Chi-square of how often each key of the last row is drawn; keys are drawn without
 * replacement, which only makes it smaller. 99.9 % of chi-square by Wilson and Hilferty. */
static void expect_uniform(const int *count, int n, double each)
{
	double x = 0, df = n - 1, a = 2 / (9 * df), limit = df * pow(1 - a + 3.09 * sqrt(a), 3);
	for (int j = 0; j < n; j++)
		x += (count[j] - each) * (count[j] - each) / each;
	if (!(x <= limit))
		fail_msg("chi-square %g of %d keys above %g", x, n, limit);
}

static void random_is_uniform(void **state)
{
	(void)state;
	enum { RUNS = 200, K = 12 };
	world w = make_world();
	const int size = K;
	int count[T] = {0}, exact_kept[K] = {0}, others[T] = {0}, hits = 0;
	uint32_t *exact = world_run(&w, "exact", &size, 1);
	for (int i = 0; i < RUNS; i++) {
		w.index = i;
		uint32_t *drawn = world_run(&w, "random,seed=5", &size, 1);
		uint32_t *half = world_run(&w, "precision:0.5,seed=5", &size, 1);
		for (int h = 0; h < H; h++) {
			const uint32_t *a = set_of(drawn, H, 0, T - 1, h), *p = set_of(half, H, 0, T - 1, h);
			const uint32_t *e = set_of(exact, H, 0, T - 1, h);
			assert_int_equal(size_of(a, N, 0, NULL, 0), K);
			hits += size_of(a, N, 0, e, 0);
			for (int j = 0, place = 0, rest = 0; j < N; j++) {
				count[j] += (int)a[j];
				if (e[j])
					exact_kept[place++] += (int)p[j];
				else
					others[rest++] += (int)p[j];
			}
		}
		free(half);
		free(drawn);
	}
	expect_uniform(count, N, RUNS * H * (double)K / N);
	expect_uniform(exact_kept, K, RUNS * H * 0.5);
	expect_uniform(others, N - K, RUNS * H * (K / 2.0) / (N - K));
	/* Recall of a random set: mean k / n, hypergeometric variance; within 4 deviations. */
	double draws = RUNS * H, p = (double)K / N, deviation = sqrt(draws * K * p * (1 - p) * (N - K) / (N - 1.0));
	assert_true(fabs(hits - draws * K * p) <= 4 * deviation);
	free(exact);
}

/* Another seed, sequence, layer, head or row draws another set; the same one the same. */
static void seeds(void **state)
{
	(void)state;
	world w = make_world();
	w.window[1] = 0;
	const int size = 20;
	static const char *const specs[] = {"random", "precision:0.5"};
	for (int i = 0; i < 2; i++) {
		char seeded[32];
		snprintf(seeded, sizeof seeded, "%s,seed=1", specs[i]);
		uint32_t *a = world_run(&w, specs[i], &size, 1), *again = world_run(&w, specs[i], &size, 1);
		uint32_t *seed = world_run(&w, seeded, &size, 1);
		w.index = 1;
		uint32_t *sequence = world_run(&w, specs[i], &size, 1);
		w.index = 0;
		size_t bytes = T * sizeof *a;
		const uint32_t *row = set_of(a, H, 0, T - 1, 0);
		assert_memory_equal(a, again, WORLD_LAYERS * T * H * bytes);
		assert_memory_not_equal(row, set_of(seed, H, 0, T - 1, 0), bytes);
		assert_memory_not_equal(row, set_of(sequence, H, 0, T - 1, 0), bytes);
		assert_memory_not_equal(row, set_of(a, H, 1, T - 1, 0), bytes);
		assert_memory_not_equal(row, set_of(a, H, 0, T - 1, 1), bytes);
		assert_memory_not_equal(row, set_of(a, H, 0, T - 2, 0), bytes);
		free(a);
		free(again);
		free(seed);
		free(sequence);
	}
}

/* Scores in falling order, equal ones (-0 and 0 are) by rising index; k >= n takes all. */
static void exact_with_ties(void **state)
{
	(void)state;
	world w = make_world();
	am_error err = {0};
	am_select_spec spec;
	float score[T], weight[T];
	am_row_sums sums[H];
	am_rng r = am_rng_split(8, 0);
	am_selector *s = world_open(&w, "exact", &spec);
	assert_int_equal(am_selector_start(s, 0, T, T, &err), AM_OK);
	for (int n = 1; n <= T; n++) {
		uint32_t member[H * T];
		am_select_block b = {.start = n - 1, .rows = 1};
		for (int j = 0; j < n; j++)
			score[j] = j % 3 ? (float)am_rng_below(&r, 3) - 1 : am_rng_below(&r, 2) ? -0.0f : 0.0f;
		am_select_row row = {.block = &b, .position = n - 1, .n = n, .score = score, .weight = weight, .sums = sums};
		am_selector_select(s, 0, &row, budgets, N_K, member, T);
		for (int c = 0; c < N_K; c++)
			for (int j = 0; j < n; j++) {
				int before = 0;
				for (int i = 0; i < n; i++)
					before += score[i] > score[j] || (score[i] == score[j] && i < j);
				assert_int_equal(member[j] >> c & 1, before < budgets[c]);
			}
		for (int j = 0; j < n; j++)
			assert_int_equal(member[j] >> N_K, 0);
	}
	am_selector_close(s);
	am_select_spec_fini(&spec);
}

/* A set of every selector holds min(k, n) keys, the forced ones first. */
static void sizes_and_forced_keys(void **state)
{
	(void)state;
	static const char *const specs[] = {"exact",     "exact-group", "exact-sum", "exact-max",    "precision:0.5",
	                                    "random",    "quest:16",    "blockmean:8", "loki:2",     "doublesparse:2",
	                                    "snapkv:16", "snapkv:3,share=layer"};
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		char text[64];
		world w = make_world();
		am_select_spec spec;
		snprintf(text, sizeof text, "%s,sink=3,recent=6", specs[i]);
		am_selector *s = world_open(&w, text, &spec);
		int sets = am_selector_sets(s);
		assert_false(am_selector_own_budget(s));
		am_selector_close(s);
		am_select_spec_fini(&spec);
		uint32_t *member = world_run(&w, text, budgets, N_K);
		for (int l = 0; l < WORLD_LAYERS; l++)
			for (int t = 0; t < T; t++)
				for (int set = 0; set < sets; set++)
					for (int b = 0; b < N_K; b++) {
						const uint32_t *m = set_of(member, sets, l, t, set);
						int n = visible(&w, l, t), size = budgets[b] < n ? budgets[b] : n;
						int sink = 3 - (t + 1 - n) > 0 ? 3 - (t + 1 - n) : 0;
						if (size_of(m, n, b, NULL, 0) != size)
							fail_msg("%s: %d keys, expected %d", text, size_of(m, n, b, NULL, 0), size);
						for (int j = 0; j < sink && j < size; j++)
							assert_true(m[j] >> b & 1);
						for (int j = 0; j < 6 && j < size - sink; j++)
							assert_true(m[n - 1 - j] >> b & 1);
					}
		free(member);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(precision_is_met), cmocka_unit_test(best_are_kept), cmocka_unit_test(random_is_uniform),
		cmocka_unit_test(seeds), cmocka_unit_test(exact_with_ties), cmocka_unit_test(sizes_and_forced_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every selector against sets found by brute force in float64 (tests/golden/make_selectors.py),
 * whatever the blocks, the threads and the kernels; nothing of the future shows. */
#include "select_world.h"
#include "store/tensors.h"

enum { T = 70, H = 4, G = 2, D = 8, N_ROWS = 8, N_K = 5 };
static const int rows[N_ROWS] = {0, 1, 5, 15, 16, 33, 47, 69}, budgets[N_K] = {1, 4, 9, 20, 40};

static am_tensors *fixture(void)
{
	am_error err = {0};
	am_tensors *t;
	if (am_tensors_open(AM_SOURCE_DIR "/tests/golden/selectors.safetensors", &t, &err))
		fail_msg("%s", err.text);
	return t;
}

/* "DATA;PROMPT;SPEC" to a world and the spec; false for another tensor. */
static bool read_case(const am_tensors *file, const char *name, world *w, const char **spec)
{
	char data[16], tensor[32];
	int prompt, at = 0;
	if (sscanf(name, "%15[a-z];%d;%n", data, &prompt, &at) != 2 || !at)
		return false;
	*w = (world){.tokens = T, .heads = H, .kv_heads = G, .d = D, .scale = 0.5f, .window = {0, 24}, .block = 64,
	             .threads = 1, .prompt = prompt};
	snprintf(tensor, sizeof tensor, "%s.q", data);
	w->q = am_tensors_find(file, tensor)->data;
	snprintf(tensor, sizeof tensor, "%s.k", data);
	w->k = am_tensors_find(file, tensor)->data;
	*spec = name + at;
	return true;
}

static void compare(const am_tensor *t, const uint32_t *member)
{
	const unsigned char *want = t->data;
	int sets = (int)t->shape[2];
	for (int l = 0; l < WORLD_LAYERS; l++)
		for (int i = 0; i < N_ROWS; i++)
			for (int set = 0; set < sets; set++)
				for (int j = 0; j < T; j++, want++) {
					uint32_t got = member[(((size_t)l * T + (size_t)rows[i]) * (size_t)sets + (size_t)set) * T + (size_t)j];
					if (got != *want)
						fail_msg("%s: layer %d, row %d, set %d, key %d: bits %x, expected %x", t->name, l, rows[i], set, j,
						         (unsigned)got, (unsigned)*want);
				}
}

static void against_brute_force(void **state)
{
	(void)state;
	am_tensors *file = fixture();
	int cases = 0, usable;
	for (int i = 0; i < am_tensors_count(file); i++) {
		const am_tensor *t = am_tensors_at(file, i);
		const char *spec;
		world w;
		if (!read_case(file, t->name, &w, &spec))
			continue;
		cases++;
		for (int n = 0; am_kernels_at(n, &usable); n++) {
			w.kernels = am_kernels_at(n, NULL)->name;
			if (!usable)
				continue;
			uint32_t *member = world_run(&w, spec, budgets, N_K);
			compare(t, member);
			free(member);
		}
	}
	assert_int_equal(cases, 39);
	am_tensors_close(file);
}

static const char *const drawn[] = {"random", "precision:0.5", "precision:0.7,keep=best,of=sum,sink=2"};

/* The sets of all rows, the same for any blocks and number of threads. */
static void same_for_any_block(const world *w, const char *spec)
{
	static const int blocks[] = {1, 7, 64, 255};
	uint32_t *want = world_run(w, spec, budgets, N_K);
	for (int i = 0; i < 4; i++) {
		world other = *w;
		am_select_spec parsed;
		other.block = blocks[i];
		other.threads = 1 + i % 3;
		am_selector *s = world_open(&other, spec, &parsed);
		size_t bytes = world_members(w, s) * sizeof *want;
		am_selector_close(s);
		am_select_spec_fini(&parsed);
		uint32_t *got = world_run(&other, spec, budgets, N_K);
		if (memcmp(got, want, bytes) != 0)
			fail_msg("%s: sets differ with blocks of %d", spec, blocks[i]);
		free(got);
	}
	free(want);
}

/* Runs on with another future, goes back, and finds the same sets: neither a future key nor
 * what was forgotten shows. Rows before the border see the same too. */
static void no_future(const world *w, const char *spec, int border)
{
	am_error err = {0};
	am_select_spec parsed;
	uint32_t *want = world_run(w, spec, budgets, N_K);
	float *q = malloc(T * H * D * sizeof *q), *k = malloc(G * T * D * sizeof *k);
	assert_true(q && k);
	memcpy(q, w->q, T * H * D * sizeof *q);
	memcpy(k, w->k, G * T * D * sizeof *k);
	for (int t = border; t < T; t++) {
		for (int c = 0; c < H * D; c++)
			q[t * H * D + c] = (float)(c % 5) - 7;
		for (int c = 0; c < G * D; c++)
			k[(c / D * T + t) * D + c % D] = 9 - (float)(c % 7);
	}
	world other = *w;
	other.q = q;
	other.k = k;
	other.block = 13;
	am_selector *s = world_open(&other, spec, &parsed);
	size_t n = world_members(w, s), row = (size_t)am_selector_sets(s) * T;
	uint32_t *got = calloc(n, sizeof *got);
	assert_non_null(got);
	assert_int_equal(am_selector_start(s, w->index, T, w->prompt, &err), AM_OK);
	world_blocks(&other, s, 0, T, budgets, N_K, got);
	for (int l = 0; l < WORLD_LAYERS; l++)
		if (memcmp(got + (size_t)l * T * row, want + (size_t)l * T * row, (size_t)border * row * sizeof *got) != 0)
			fail_msg("%s: a key from %d on changed a set before it", spec, border);
	am_selector_rewind(s, border);
	other.q = w->q;
	other.k = w->k;
	world_blocks(&other, s, border, T, budgets, N_K, got);
	if (memcmp(got, want, n * sizeof *got) != 0)
		fail_msg("%s: after going back to %d a set differs", spec, border);
	am_selector_close(s);
	am_select_spec_fini(&parsed);
	free(got);
	free(k);
	free(q);
	free(want);
}

static void blocks_and_future(void **state)
{
	(void)state;
	am_tensors *file = fixture();
	world w;
	for (int i = 0; i < am_tensors_count(file) + 3; i++) {
		const am_tensor *t = i < am_tensors_count(file) ? am_tensors_at(file, i) : NULL;
		const char *spec = t ? NULL : drawn[i - am_tensors_count(file)];
		if (t && !read_case(file, t->name, &w, &spec))
			continue;
		same_for_any_block(&w, spec);
		no_future(&w, spec, 10);
		no_future(&w, spec, 45);
	}
	am_tensors_close(file);
}

/* What is known of a set's size before it is selected holds for the sets of brute force. */
static void sizes_are_within_bounds(void **state)
{
	(void)state;
	am_tensors *file = fixture();
	int own = 0;
	for (int i = 0; i < am_tensors_count(file); i++) {
		const am_tensor *t = am_tensors_at(file, i);
		const unsigned char *want = t->data;
		const char *text;
		am_select_spec spec;
		world w;
		if (!read_case(file, t->name, &w, &text))
			continue;
		am_selector *s = world_open(&w, text, &spec);
		own += am_selector_own_budget(s);
		for (int cell = 0; cell < WORLD_LAYERS * N_ROWS * (int)t->shape[2]; cell++, want += T) {
			int l = cell / (N_ROWS * (int)t->shape[2]), position = rows[cell / (int)t->shape[2] % N_ROWS], least, most, kept = 0;
			int n = w.window[l] && position >= w.window[l] ? w.window[l] : position + 1;
			am_selector_bounds(s, l, position, n, &least, &most);
			for (int j = 0; j < T; j++)
				kept += want[j] & 1;
			assert_true(1 <= least && least <= most && most <= n);
			if (kept < least || kept > most)
				fail_msg("%s: layer %d, row %d: %d keys, expected %d to %d", t->name, l, position, kept, least, most);
		}
		am_selector_close(s);
		am_select_spec_fini(&spec);
	}
	assert_int_equal(own, 5);
	am_tensors_close(file);
}

/* Skipped rows may save work but change nothing behind them. */
static void skipping(void **state)
{
	(void)state;
	static const char *const specs[] = {"snapkv:8", "quest:4", "loki:3,calibrate=24"};
	am_tensors *file = fixture();
	for (int i = 0; i < 6; i++) {
		am_error err = {0};
		am_select_spec spec;
		const char *unused;
		world w;
		assert_true(read_case(file, i % 2 ? "plain;40;snapkv:8" : "plain;70;snapkv:8", &w, &unused));
		uint32_t *want = world_run(&w, specs[i / 2], budgets, N_K);
		am_selector *s = world_open(&w, specs[i / 2], &spec);
		size_t row = (size_t)am_selector_sets(s) * T;
		uint32_t *got = calloc(world_members(&w, s), sizeof *got);
		assert_non_null(got);
		assert_int_equal(am_selector_start(s, 0, T, w.prompt, &err), AM_OK);
		am_selector_skip(s, 43);
		world_blocks(&w, s, 0, 43, budgets, N_K, NULL);
		world_blocks(&w, s, 43, T, budgets, N_K, got);
		for (int l = 0; l < WORLD_LAYERS; l++)
			assert_memory_equal(got + ((size_t)l * T + 43) * row, want + ((size_t)l * T + 43) * row, (T - 43) * row * sizeof *got);
		am_selector_close(s);
		am_select_spec_fini(&spec);
		free(got);
		free(want);
	}
	am_tensors_close(file);
}

/* Quest's score of a key is no less than any score in its page, up to rounding. */
static void quest_bounds(void **state)
{
	(void)state;
	am_error err = {0};
	am_tensors *file = fixture();
	const char *unused;
	am_select_spec spec;
	world w;
	assert_true(read_case(file, "plain;70;quest:4", &w, &unused));
	am_selector *s = world_open(&w, "quest:8", &spec);
	w.block = 64;
	am_select_block b = {.rows = 64, .k = w.k, .k_stride = T * D, .q = w.q, .scale = 0.5f};
	assert_int_equal(am_selector_start(s, 0, T, T, &err), AM_OK);
	assert_int_equal(am_selector_prepare(s, &b, NULL, &err), AM_OK);
	for (int t = 0; t < 64; t++)
		for (int h = 0; h < H; h++) {
			float bound[T];
			am_select_row row = {.block = &b, .row = t, .position = t, .n = t + 1};
			assert_true(am_selector_scores(s, 0, &row, h, bound));
			for (int j = 0; j <= t; j++) {
				double dot = 0, size = 0;
				for (int c = 0; c < D; c++) {
					double x = (double)w.q[(t * H + h) * D + c] * (double)w.k[((h / 2) * T + j) * D + c];
					dot += x;
					size += x < 0 ? -x : x;
				}
				assert_true((double)bound[j] >= dot - 1e-5 * size);
			}
		}
	am_selector_close(s);
	am_select_spec_fini(&spec);
	am_tensors_close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_brute_force), cmocka_unit_test(blocks_and_future), cmocka_unit_test(skipping),
		cmocka_unit_test(sizes_are_within_bounds),
		cmocka_unit_test(quest_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Selectors beyond 65536 keys, where 16-bit indices would wrap: few keys far apart carry all of the
 * scores, so that every set is known without another implementation. */
#include "base/mem.h"
#include "select/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TOKENS = 70001, H = 2, D = 8, BLOCK = 512, KEYS = 6 };
static const int heavy[KEYS] = {3, 1000, 40000, 65535, 65536, 69900}; /* by falling score */

static float *q, *k;

/* Every query looks along channel 0; keys point away but for the heavy ones. */
static int make(void **state)
{
	(void)state;
	q = am_calloc((size_t)TOKENS * H * D, sizeof *q);
	k = am_calloc((size_t)TOKENS * D, sizeof *k);
	if (!q || !k)
		return -1;
	for (size_t i = 0; i < (size_t)TOKENS * H; i++)
		q[i * D] = 1;
	for (size_t j = 0; j < TOKENS; j++) {
		k[j * D] = -1;
		k[j * D + 1] = (float)((j * 7919 + j / 3) % 101) / 400; /* no use: queries have 0 there */
	}
	for (int i = 0; i < KEYS; i++)
		k[heavy[i] * D] = (float)(80 - i);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	am_free(q);
	am_free(k);
	return 0;
}

typedef struct long_row {
	am_select_block block;
	am_select_row row;
	float *score, *weight;
	am_row_sums sums[H];
	uint32_t *member;
} long_row;

static am_selector *open_long(const char *text, const am_kernels *kernels)
{
	am_error err = {0};
	am_select_spec spec;
	am_selector *s;
	am_select_shape shape = {.layers = 1, .heads = H, .kv_heads = 1, .head_dim = D, .capacity = TOKENS, .block = BLOCK,
	                         .workers = 1, .kernels = kernels};
	if (am_select_spec_parse(text, &spec, &err) || am_selector_open(&spec, &shape, &s, &err) ||
	    am_selector_start(s, 0, TOKENS, TOKENS, &err))
		fail_msg("%s: %s", text, err.text);
	am_select_spec_fini(&spec);
	am_selector_skip(s, TOKENS - 1);
	return s;
}

/* The selector has taken in all keys; the last row is at hand. */
static void take_in(am_selector *s, const am_kernels *kernels, long_row *r)
{
	am_error err = {0};
	for (int start = 0; start < TOKENS; start += BLOCK) {
		r->block = (am_select_block){.start = start, .rows = TOKENS - start < BLOCK ? TOKENS - start : BLOCK, .k = k,
		                             .k_stride = (int64_t)TOKENS * D, .q = q + (size_t)start * H * D, .scale = 0.5f};
		if (am_selector_prepare(s, &r->block, NULL, &err))
			fail_msg("%s", err.text);
	}
	r->score = am_calloc((size_t)H * TOKENS, sizeof *r->score);
	r->weight = am_calloc((size_t)H * TOKENS, sizeof *r->weight);
	r->member = am_calloc((size_t)H * TOKENS, sizeof *r->member);
	assert_true(r->score && r->weight && r->member);
	for (int h = 0; h < H; h++) {
		for (int j = 0; j < TOKENS; j++)
			r->score[h * TOKENS + j] = 0.5f * k[j * D];
		kernels->row_softmax(r->score + h * TOKENS, TOKENS, r->weight + h * TOKENS, &r->sums[h]);
	}
	r->row = (am_select_row){.block = &r->block, .row = r->block.rows - 1, .position = TOKENS - 1, .n = TOKENS,
	                         .score = r->score, .weight = r->weight, .sums = r->sums, .stride = TOKENS};
}

static void free_row(long_row *r)
{
	am_free(r->score);
	am_free(r->weight);
	am_free(r->member);
}

/* Sets of exactly the keys named, for those that rank single keys. */
static void heavy_keys_are_found(void **state)
{
	(void)state;
	static const char *const specs[] = {
		"exact", "exact-group", "exact-sum", "exact-max", "precision:1", "topp:0.999999999", "loki:1", "loki:2,share=layer",
		"doublesparse:1", "doublesparse:1,share=group", "quest:1", "blockmean:1,current=rank",
	};
	static const int budgets[] = {1, 4, KEYS};
	int usable;
	for (int n = 0; am_kernels_at(n, &usable); n++) {
		const am_kernels *kernels = am_kernels_at(n, NULL);
		for (size_t i = 0; usable && i < sizeof specs / sizeof specs[0]; i++) {
			long_row r;
			am_selector *s = open_long(specs[i], kernels);
			take_in(s, kernels, &r);
			am_selector_select(s, 0, &r.row, budgets, 3, r.member, TOKENS);
			bool own = am_selector_own_budget(s), current = strcmp(specs[i], "quest:1") == 0;
			for (int set = 0; set < am_selector_sets(s); set++) {
				int found[3] = {0};
				for (int j = 0; j < TOKENS; j++)
					for (int b = 0; b < 3; b++)
						found[b] += (int)(r.member[(size_t)set * TOKENS + (size_t)j] >> b & 1);
				for (int b = 0; b < 3; b++) {
					int want = own ? KEYS : budgets[b];
					assert_int_equal(found[b], want);
					/* Quest keeps the page of the row itself before all others. */
					for (int m = 0; m < want - current; m++)
						if (!(r.member[(size_t)set * TOKENS + (size_t)heavy[m]] >> b & 1))
							fail_msg("%s, %s: key %d is missing among the best %d", specs[i], kernels->name, heavy[m], want);
				}
			}
			am_selector_close(s);
			free_row(&r);
		}
	}
}

/* Sets by position: the last keys, pages, a window's votes. */
static void positions_do_not_wrap(void **state)
{
	(void)state;
	static const struct { const char *spec; int k, keys[4]; } cases[] = {
		{"recent:2+2", 4, {0, 1, TOKENS - 2, TOKENS - 1}},
		{"exact,sink=1,recent=2", 4, {0, 3, TOKENS - 2, TOKENS - 1}},
		{"quest:2,current=rank", 4, {2, 3, 1000, 1001}},
		{"blockmean:2,current=rank", 4, {2, 3, 1000, 1001}},
		{"snapkv:2,pool=1", 4, {3, 1000, TOKENS - 2, TOKENS - 1}},
	};
	am_error err = {0};
	const am_kernels *kernels;
	assert_int_equal(am_kernels_get(NULL, &kernels, &err), AM_OK);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		long_row r;
		am_selector *s = open_long(cases[i].spec, kernels);
		take_in(s, kernels, &r);
		am_selector_select(s, 0, &r.row, &cases[i].k, 1, r.member, TOKENS);
		for (int set = 0; set < am_selector_sets(s); set++) {
			int found = 0;
			for (int j = 0; j < TOKENS; j++)
				found += (int)r.member[(size_t)set * TOKENS + (size_t)j];
			assert_int_equal(found, 4);
			for (int m = 0; m < 4; m++)
				if (!r.member[(size_t)set * TOKENS + (size_t)cases[i].keys[m]])
					fail_msg("%s: key %d is missing", cases[i].spec, cases[i].keys[m]);
		}
		am_selector_close(s);
		free_row(&r);
	}
}

/* Draws reach all of the row alike: the mean position of the drawn keys. */
static void draws_reach_the_whole_row(void **state)
{
	(void)state;
	static const char *const specs[] = {"random", "precision:0"};
	enum { DRAWN = 4096 };
	am_error err = {0};
	const am_kernels *kernels;
	assert_int_equal(am_kernels_get(NULL, &kernels, &err), AM_OK);
	for (int i = 0; i < 2; i++) {
		long_row r;
		int budget = DRAWN;
		am_selector *s = open_long(specs[i], kernels);
		take_in(s, kernels, &r);
		am_selector_select(s, 0, &r.row, &budget, 1, r.member, TOKENS);
		int found = 0, beyond = 0;
		for (int j = 0; j < TOKENS; j++) {
			found += (int)r.member[j];
			beyond += j > 65535 ? (int)r.member[j] : 0;
		}
		/* 4465 of 70001 keys lie beyond 65535: 261 expected, deviation 15. */
		assert_int_equal(found, DRAWN);
		print_message("%s: %d of %d keys beyond 65535\n", specs[i], beyond, DRAWN);
		assert_true(beyond > 186 && beyond < 336);
		am_selector_close(s);
		free_row(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heavy_keys_are_found), cmocka_unit_test(positions_do_not_wrap),
		cmocka_unit_test(draws_reach_the_whole_row),
	};
	return cmocka_run_group_tests(tests, make, drop);
}

/* probes/pair_row.c: distances and overlaps of made-up rows against their definitions in long double. */
#include "base/mem.h"
#include "base/rng.h"
#include "probes/pair_row.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 300, N_K = 5 };
static const int32_t ks[N_K] = {1, 2, 7, 40, 400};
static am_error err;

/* A row over positions 0 .. last with room for everything. */
typedef struct made {
	float score[MOST];
	uint32_t kept[MOST];
	am_rescored r;
} made;

static double real(am_rng *rng)
{
	return (double)am_rng_below(rng, 1 << 20) / (1 << 20);
}

/* `levels` > 0: scores of so many values, so that ties decide. */
static void make(made *m, am_rng *rng, int last, int window, bool sparse, double width, int levels)
{
	int first = window && last + 1 > window ? last + 1 - window : 0, n = last + 1 - first;
	for (int j = 0; j < n; j++) {
		m->score[j] = (float)(levels ? (double)am_rng_below(rng, (uint64_t)levels) : width * (real(rng) - 0.5));
		m->kept[j] = am_rng_below(rng, 3) == 0;
	}
	m->kept[am_rng_below(rng, (uint64_t)n)] = 1; /* a row keeps a key at least */
	m->r = (am_rescored){first, n, m->score, sparse ? m->kept : NULL};
}

static bool has(const am_rescored *r, int position)
{
	int j = position - r->first_key;
	return j >= 0 && j < r->n && (!r->kept || r->kept[j]);
}

static long double ln_p(const am_rescored *r, int position)
{
	long double max = -INFINITY, z = 0;
	for (int j = 0; j < r->n; j++)
		if (has(r, r->first_key + j))
			max = fmaxl(max, (long double)r->score[j]);
	for (int j = 0; j < r->n; j++)
		if (has(r, r->first_key + j))
			z += expl((long double)r->score[j] - max);
	return (long double)r->score[position - r->first_key] - max - logl(z);
}

static void naive(const am_rescored *a, const am_rescored *b, am_pair_values *out)
{
	long double kl = 0, reverse = 0, js = 0, tv = 0, lost = 0, gained = 0;
	for (int t = 0; t < a->first_key + a->n; t++) {
		bool in_a = has(a, t), in_b = has(b, t);
		long double la = in_a ? ln_p(a, t) : 0, lb = in_b ? ln_p(b, t) : 0;
		long double p = in_a ? expl(la) : 0, q = in_b ? expl(lb) : 0, lm = logl((p + q) / 2);
		kl += in_a ? in_b ? p * (la - lb) : (long double)INFINITY : 0;
		reverse += in_b ? in_a ? q * (lb - la) : (long double)INFINITY : 0;
		js += (p > 0 ? p * (la - lm) : 0) + (q > 0 ? q * (lb - lm) : 0);
		tv += fabsl(p - q);
		lost += in_b ? 0 : p;
		gained += in_a ? 0 : q;
	}
	*out = (am_pair_values){(double)kl, (double)reverse, (double)js / 2, (double)tv / 2, (double)lost, (double)gained};
}

static void near(double x, double want, double scale)
{
	if (isinf(want) ? x != want : !(fabs(x - want) <= 1e-12 * scale))
		fail_msg("%.17g, expected %.17g", x, want);
}

static void check(const made *a, const made *b, am_pair_scratch *w)
{
	am_pair_values v, want;
	am_pair_distances(&a->r, &b->r, w, &v);
	naive(&a->r, &b->r, &want);
	near(v.kl, want.kl, 1 + want.kl);
	near(v.kl_reverse, want.kl_reverse, 1 + want.kl_reverse);
	near(v.js, want.js, 1);
	near(v.tv, want.tv, 1);
	near(v.lost, want.lost, 1);
	near(v.gained, want.gained, 1);
	assert_true(v.js <= log(2) * v.tv + 1e-12 && v.kl >= 2 * v.tv * v.tv - 1e-12);
}

static void distances(void **state)
{
	(void)state;
	am_rng rng = {7};
	am_pair_scratch w;
	static made a, b;
	assert_true(am_pair_scratch_init(&w, MOST));
	for (int i = 0; i < 600; i++) {
		int last = (int)am_rng_below(&rng, i % 3 ? 20 : MOST);
		double width = i % 7 == 0 ? 1500 : i % 5 == 0 ? 1e-3 : 12; /* up to weights that vanish in float64 */
		make(&a, &rng, last, i % 4 == 1 ? 9 : 0, i % 2, width, 0);
		make(&b, &rng, last, i % 4 == 2 ? 5 : 0, i / 2 % 2, width, 0);
		check(&a, &b, &w);
	}
	am_pair_scratch_fini(&w);
}

/* Whatever a row is, it is at no distance from itself and from itself shifted. */
static void itself(void **state)
{
	(void)state;
	am_rng rng = {8};
	am_pair_scratch w;
	static made a, b;
	am_pair_values v;
	const am_kernels *kernels;
	float overlap[N_K];
	assert_int_equal(am_kernels_get(NULL, &kernels, &err), AM_OK);
	assert_true(am_pair_scratch_init(&w, MOST));
	for (int i = 0; i < 200; i++) {
		make(&a, &rng, (int)am_rng_below(&rng, MOST), i % 3 ? 0 : 30, i % 2, i % 5 ? 20 : 2000, i % 4 ? 0 : 3);
		am_pair_distances(&a.r, &a.r, &w, &v);
		assert_true(v.kl == 0 && v.kl_reverse == 0 && v.js == 0 && v.tv == 0 && v.lost == 0 && v.gained == 0);
		am_pair_overlaps(kernels, &a.r, &a.r, ks, N_K, &w, overlap);
		for (int k = 0; k < N_K; k++)
			assert_true(overlap[k] == 1);
		b = a;
		b.r.score = b.score;
		b.r.kept = a.r.kept ? b.kept : NULL;
		for (int j = 0; j < b.r.n; j++) /* in powers of 2, so that nothing is rounded */
			b.score[j] = a.score[j] = floorf(a.score[j]), b.score[j] += 64;
		am_pair_distances(&a.r, &b.r, &w, &v);
		assert_true(v.js <= 1e-15 && v.tv <= 1e-15 && v.kl <= 1e-12);
	}
	am_pair_scratch_fini(&w);
}

/* Rows with nothing in common. */
static void apart(void **state)
{
	(void)state;
	am_pair_scratch w;
	static made a, b;
	am_pair_values v;
	am_rng rng = {9};
	assert_true(am_pair_scratch_init(&w, MOST));
	make(&a, &rng, 49, 0, true, 5, 0);
	make(&b, &rng, 49, 0, true, 5, 0);
	for (int j = 0; j < 50; j++) {
		a.kept[j] = j < 25;
		b.kept[j] = j >= 25;
	}
	am_pair_distances(&a.r, &b.r, &w, &v);
	assert_true(v.kl == INFINITY && v.kl_reverse == INFINITY);
	near(v.js, log(2), 1);
	near(v.tv, 1, 1);
	near(v.lost, 1, 1);
	near(v.gained, 1, 1);
	am_pair_scratch_fini(&w);
}

/* Position's place among the kept: how many come before it. */
static int rank_of(const am_rescored *r, int position)
{
	int rank = 0;
	float x = r->score[position - r->first_key];
	for (int j = 0; j < r->n; j++) {
		int t = r->first_key + j;
		rank += has(r, t) && (r->score[j] > x || (r->score[j] == x && t < position));
	}
	return rank;
}

static void overlaps(void **state)
{
	(void)state;
	am_rng rng = {10};
	am_pair_scratch w;
	static made a, b;
	const am_kernels *kernels;
	float got[N_K];
	assert_int_equal(am_kernels_get(NULL, &kernels, &err), AM_OK);
	assert_true(am_pair_scratch_init(&w, MOST));
	for (int i = 0; i < 400; i++) {
		int last = (int)am_rng_below(&rng, MOST);
		make(&a, &rng, last, i % 4 == 1 ? 9 : 0, i % 2, 12, i % 3 ? 0 : 4);
		make(&b, &rng, last, i % 4 == 2 ? 50 : 0, i / 2 % 2, 12, i % 3 ? 0 : 4);
		am_pair_overlaps(kernels, &a.r, &b.r, ks, N_K, &w, got);
		for (int k = 0; k < N_K; k++) {
			int both = 0, in_a = 0, in_b = 0;
			for (int t = 0; t <= last; t++) {
				bool x = has(&a.r, t) && rank_of(&a.r, t) < ks[k], y = has(&b.r, t) && rank_of(&b.r, t) < ks[k];
				in_a += x, in_b += y, both += x && y;
			}
			if (got[k] != (float)both / (float)(in_a > in_b ? in_a : in_b))
				fail_msg("row %d, k %d: %g, expected %d of %d and %d", i, ks[k], (double)got[k], both, in_a, in_b);
		}
	}
	am_pair_scratch_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances), cmocka_unit_test(itself), cmocka_unit_test(apart), cmocka_unit_test(overlaps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

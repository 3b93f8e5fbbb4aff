/* row_member against a full sort, and combine_rows against sums in double. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BUDGETS = 32, OTHER_BITS = 1 << 30 };

typedef struct member_case {
	int n;
	float *score;
	int32_t *order, *place; /* place[j]: how many keys come before key j */
	guard score_guard, member_guard, scratch_guard;
} member_case;

static void case_open(member_case *c)
{
	size_t bytes = ((size_t)input_longest() + 3) * sizeof(float);
	c->score = calloc(INPUT_MAX_N, sizeof *c->score);
	c->order = calloc(INPUT_MAX_N, sizeof *c->order);
	c->place = calloc(INPUT_MAX_N, sizeof *c->place);
	if (!c->score || !c->order || !c->place)
		abort();
	guard_open(&c->score_guard, bytes);
	guard_open(&c->member_guard, bytes);
	guard_open(&c->scratch_guard, AM_SELECT_SCRATCH(input_longest()));
}

static void case_close(member_case *c)
{
	guard_close(&c->scratch_guard);
	guard_close(&c->member_guard);
	guard_close(&c->score_guard);
	free(c->place);
	free(c->order);
	free(c->score);
}

/* Bits that were there stay; no others come than those of the budgets. */
static void budgets_case(const am_kernels *kernels, member_case *c, const int *k, int n_k, place at)
{
	size_t bytes = (size_t)c->n * sizeof(float);
	uint32_t before = n_k <= 30 ? OTHER_BITS : 0;
	float *score = guard_place(&c->score_guard, bytes, sizeof *score, at);
	uint32_t *member = guard_place(&c->member_guard, bytes, sizeof *member, (place)((at + 1) % PLACE_COUNT));
	void *scratch = guard_place_aligned(&c->scratch_guard, AM_SELECT_SCRATCH(c->n));
	memcpy(score, c->score, bytes);
	for (int j = 0; j < c->n; j++)
		member[j] = j % 2 ? before : 0;
	kernels->row_member(score, c->n, k, n_k, member, scratch);
	int bad = 0;
	for (int j = 0; j < c->n && !bad; j++) {
		uint32_t want = j % 2 ? before : 0;
		for (int b = 0; b < n_k; b++)
			want |= c->place[j] < k[b] ? (uint32_t)1 << b : 0;
		bad = !check_ok(member[j] == want, "%d budgets to k = %d: member[%d] = %x, expected %x", n_k, k[n_k - 1], j,
		                (unsigned)member[j], (unsigned)want);
	}
	check_ok(!memcmp(score, c->score, bytes) && guard_intact(&c->score_guard, score, bytes), "changed its input");
	check_ok(guard_intact(&c->member_guard, member, bytes), "wrote beside the members");
	check_ok(guard_intact(&c->scratch_guard, scratch, AM_SELECT_SCRATCH(c->n)), "wrote beside the scratch memory");
}

static void member_row(const am_kernels *kernels, member_case *c, am_rng *r)
{
	int n = c->n, ks[MAX_BUDGETS];
	oracle_order(c->score, n, c->order);
	for (int i = 0; i < n; i++)
		c->place[c->order[i]] = i;
	const int usual[] = {1, 16, 64, 256, INT_MAX}, single = 1 + (int)am_rng_below(r, (uint64_t)n + 2);
	budgets_case(kernels, c, usual, 5, PLACE_END);
	budgets_case(kernels, c, &single, 1, PLACE_ODD);
	ks[0] = n > 1 ? n - 1 : 1;
	ks[1] = ks[2] = n > 0 ? n : 1; /* equal budgets, all keys */
	budgets_case(kernels, c, ks, 3, PLACE_START);
	for (int b = 0; b < MAX_BUDGETS; b++) /* as many as there may be, close together */
		ks[b] = 1 + (int)((int64_t)n * b / 40);
	budgets_case(kernels, c, ks, MAX_BUDGETS, PLACE_ODD3);
}

int test_member(const am_kernels *k, const test_options *o)
{
	member_case c;
	am_rng r = am_rng_split(o->seed, 11);
	case_open(&c);
	check_group(k->name, "row_member");
	for (int i = 0; input_at(i); i++)
		for (int l = 0; !strstr(input_at(i)->name, "nan") && input_length(l) >= 0; l++) {
			c.n = input_length(l);
			input_at(i)->fill(c.score, c.n, &r);
			check_case(input_at(i)->name, c.n);
			member_row(k, &c, &r);
		}
	for (int i = 0; i < o->rounds; i++) {
		c.n = input_random_length(&r);
		check_case("random", c.n);
		input_gaussian(c.score, c.n, 3, &r);
		/* Coarser steps every round, and runs of equal scores as pages have them. */
		float step = ldexpf(1, -(i % 12));
		int run = i % 3 ? 1 : 16;
		for (int j = 0; j < c.n && i % 13; j++)
			c.score[j] = step * nearbyintf(c.score[j / run * run] / step);
		member_row(k, &c, &r);
	}
	/* Scores that repeat with the distance of the sample, so that its guess misleads. */
	for (int n = 256; n <= 4096 && n <= input_longest(); n *= 2) {
		c.n = n;
		for (int j = 0; j < n; j++)
			c.score[j] = j % (n / 64) ? (float)am_rng_uniform(&r) : 2 + (float)am_rng_uniform(&r);
		check_case("periodic", n);
		member_row(k, &c, &r);
		for (int j = 0; j < n; j++)
			c.score[j] = -c.score[j];
		member_row(k, &c, &r);
	}
	case_close(&c);
	return check_group_end();
}

static void combine_case(const am_kernels *k, int m, int n, bool add, am_rng *r)
{
	enum { MAX_M = 70, MAX_N = 300 };
	static float weight[MAX_M], x[MAX_M * (MAX_N + 5)], start[MAX_N], part[MAX_N];
	int stride = n + (int)am_rng_below(r, 6);
	guard out_guard;
	guard_open(&out_guard, (size_t)(n + 3) * sizeof(float));
	input_gaussian(weight, m, 1, r);
	input_gaussian(x, m * stride, 1, r);
	input_gaussian(start, n, 1, r);
	if (m && n && am_rng_below(r, 4) == 0) {
		x[am_rng_below(r, (uint64_t)(m * stride))] = INFINITY;
		weight[am_rng_below(r, (uint64_t)m)] = 0;
	}
	float *out = guard_place(&out_guard, (size_t)n * sizeof *out, sizeof *out, (place)am_rng_below(r, PLACE_COUNT));
	memcpy(out, start, (size_t)n * sizeof *out);
	memcpy(part, start, (size_t)n * sizeof *part);
	k->combine_rows(weight, m, x, stride, n, add, out);
	for (int j = 0; j < n; j++) {
		oracle_sum want = oracle_dot(add ? start[j] : 0, weight, 1, x + j, stride, m);
		if (isfinite(want.value))
			check_near((double)out[j], want.value, want.bound, "sum");
		else
			check_ok(isnan(want.value) ? isnan(out[j]) : (double)out[j] == want.value, "sum = %g, expected %g",
			         (double)out[j], want.value);
	}
	/* The last elements alone, from any address: the same bits. */
	int at = n / 3;
	k->combine_rows(weight, m, x + at, stride, n - at, add, part + at);
	for (int j = at; j < n; j++)
		check_ok(!memcmp(&part[j], &out[j], sizeof *out) || isnan(out[j]), "element %d of a part differs", j);
	check_ok(guard_intact(&out_guard, out, (size_t)n * sizeof *out), "wrote beside the sums");
	guard_close(&out_guard);
}

int test_combine(const am_kernels *k, const test_options *o)
{
	static const int rows[] = {0, 1, 2, 3, 8, 16, 64, 70}, lengths[] = {0, 1, 3, 4, 15, 16, 17, 63, 64, 65, 130, 300};
	am_rng r = am_rng_split(o->seed, 12);
	check_group(k->name, "combine_rows");
	for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); i++)
		for (int l = 0; l < (int)(sizeof lengths / sizeof lengths[0]); l++)
			for (int add = 0; add < 2; add++) {
				check_case("gaussian", lengths[l]);
				combine_case(k, rows[i], lengths[l], add, &r);
			}
	return check_group_end();
}

/* Nested sets: row_levels against a full sort, what is counted over levels against
 * plain loops, every result the same for every table (see same_bytes.c). */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BUDGETS = AM_LEVEL_BUDGETS, HEADS = 6, GROUP = 3 };

typedef struct level_case {
	int n, n_k;
	int k[MOST_BUDGETS];
	float *score;
	int32_t *order;
	uint8_t *want, *other;
	guard in, out, scratch;
} level_case;

static const float *sorted_by;

static int by_score(const void *a, const void *b)
{
	int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
	if (sorted_by[i] != sorted_by[j])
		return sorted_by[i] > sorted_by[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

static void oracle(level_case *c)
{
	for (int i = 0; i < c->n; i++)
		c->order[i] = i;
	sorted_by = c->score;
	qsort(c->order, (size_t)c->n, sizeof *c->order, by_score);
	for (int rank = 0; rank < c->n; rank++) {
		int level = 0;
		while (level < c->n_k && c->k[level] <= rank)
			level++;
		c->want[c->order[rank]] = (uint8_t)level;
	}
}

static void levels_case(const am_kernels *k, level_case *c, place at)
{
	float *x = guard_place(&c->in, (size_t)c->n * sizeof *x, sizeof *x, at);
	uint8_t *level = guard_place(&c->out, (size_t)c->n, 1, at);
	void *scratch = guard_place_aligned(&c->scratch, AM_SELECT_SCRATCH(c->n));
	memcpy(x, c->score, (size_t)c->n * sizeof *x);
	int best = k->row_levels(x, c->n, c->k, c->n_k, level, scratch);
	check_ok(best == (c->n ? c->order[0] : -1), "best = %d", best);
	int wrong = -1;
	for (int j = 0; j < c->n && wrong < 0; j++)
		wrong = level[j] == c->want[j] ? -1 : j;
	check_ok(wrong < 0, "level[%d] is %d, expected %d (budget %d)", wrong, wrong < 0 ? 0 : level[wrong],
	         wrong < 0 ? 0 : c->want[wrong], c->n_k);
	check_ok(guard_intact(&c->out, level, (size_t)c->n) &&
	         guard_intact(&c->scratch, scratch, AM_SELECT_SCRATCH(c->n)) &&
	         !memcmp(x, c->score, (size_t)c->n * sizeof *x), "wrote beside its results");
}

/* Ascending, some equal, some past the end. */
static void random_budgets(level_case *c, am_rng *r, int most)
{
	c->n_k = (int)am_rng_below(r, (uint64_t)most + 1);
	for (int i = 0; i < c->n_k; i++) {
		int k = 1 + (int)am_rng_below(r, am_rng_below(r, 2) ? (uint64_t)c->n + 2 : (uint64_t)c->n / 16 + 2), j = i;
		for (; j > 0 && c->k[j - 1] > k; j--)
			c->k[j] = c->k[j - 1];
		c->k[j] = k;
	}
}

static void counts_case(const am_kernels *k, level_case *c, am_rng *r)
{
	int32_t count[MOST_BUDGETS + 1];
	double sum[MOST_BUDGETS + 1], worst = 0;
	int n = c->n, n_k = c->n_k;
	for (int j = 0; j < n; j++)
		c->other[j] = (uint8_t)am_rng_below(r, (uint64_t)n_k + 1);
	count[n_k] = -7;
	sum[n_k] = -7;
	k->level_counts(c->want, c->other, n, n_k, count);
	for (int j = 0; j < n; j++) /* masses as after a softmax */
		c->score[j] = (float)exp(fmin(0, (double)c->score[j] - 3));
	k->level_sums(c->other, c->score, n, n_k, sum);
	check_ok(count[n_k] == -7 && sum[n_k] == -7, "wrote past the budgets");
	for (int i = 0; i < n_k; i++) {
		int want = 0;
		double mass = 0;
		for (int j = 0; j < n; j++) {
			want += c->want[j] <= i && c->other[j] <= i;
			mass += c->other[j] <= i ? (double)c->score[j] : 0;
		}
		check_ok(count[i] == want, "count[%d] is %d, expected %d", i, (int)count[i], want);
		worst = fmax(worst, fabs(sum[i] - mass) - mass * 40 * 0x1p-24);
	}
	check_ok(worst <= 0, "a sum is off by %g more than 40 roundings in 512", worst);
}

static void masks_case(const am_kernels *k, level_case *c, am_rng *r)
{
	uint32_t *mask = malloc(((size_t)c->n + 1) * sizeof *mask);
	int n_k = c->n_k < 30 ? c->n_k : 30;
	if (!mask)
		abort();
	uint32_t all = ((uint32_t)1 << n_k) - 1;
	for (int j = 0; j < c->n; j++) {
		c->want[j] = (uint8_t)am_rng_below(r, (uint64_t)n_k + 1);
		mask[j] = all & ~(((uint32_t)1 << c->want[j]) - 1);
	}
	bool nested = k->mask_levels(mask, c->n, n_k, c->other);
	check_ok(nested && !memcmp(c->other, c->want, (size_t)c->n), "levels of nested masks");
	if (c->n && n_k >= 2) {
		mask[am_rng_below(r, (uint64_t)c->n)] = 1; /* in the smallest set alone */
		check_ok(!k->mask_levels(mask, c->n, n_k, c->other), "a broken nesting passes");
	}
	check_ok(!k->mask_levels(mask, c->n, 31, c->other), "31 budgets pass");
	free(mask);
}

static void shares_case(const am_kernels *k, int n, am_rng *r)
{
	size_t stride = (size_t)n + 5;
	float *w = malloc(stride * HEADS * sizeof *w), *out = malloc(stride * 4 * sizeof *out), inv[HEADS];
	if (!w || !out)
		abort();
	for (size_t i = 0; i < stride * HEADS; i++)
		w[i] = (float)am_rng_uniform(r);
	for (int h = 0; h < HEADS; h++)
		inv[h] = (float)(0.1 + am_rng_uniform(r));
	k->row_shares(w, (int64_t)stride, HEADS, GROUP, inv, n, out, (int64_t)stride, out + 2 * stride, out + 3 * stride);
	int wrong = 0;
	for (int j = 0; j < n; j++) {
		float part[HEADS / GROUP] = {0}, sum = 0, most = 0;
		for (int h = 0; h < HEADS; h++) {
			volatile float p = w[(size_t)h * stride + (size_t)j] * inv[h];
			part[h / GROUP] += p;
			sum += p;
			most = p > most ? p : most;
		}
		wrong += !(out[j] == part[0] && out[stride + (size_t)j] == part[1] &&
		           out[2 * stride + (size_t)j] == sum && out[3 * stride + (size_t)j] == most);
	}
	check_ok(wrong == 0, "%d sums of shares differ", wrong);
	free(w);
	free(out);
}

static void one_case(const am_kernels *k, level_case *c, am_rng *r, int most)
{
	random_budgets(c, r, most);
	oracle(c);
	levels_case(k, c, (place)am_rng_below(r, PLACE_COUNT));
	counts_case(k, c, r);
	masks_case(k, c, r);
}

/* What indexers give: many exact zeros, of both signs; and one key far above. */
static void fill_plateau(float *x, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		x[j] = am_rng_below(r, 3) ? (am_rng_below(r, 2) ? -0.0f : 0.0f) : (float)input_normal(r);
	if (n && am_rng_below(r, 2))
		x[am_rng_below(r, (uint64_t)n)] = 1e4f;
}

int test_levels(const am_kernels *k, const test_options *o)
{
	am_rng r = {o->seed};
	level_case c = {.score = malloc(INPUT_MAX_N * sizeof *c.score), .order = malloc(INPUT_MAX_N * sizeof *c.order),
	                .want = malloc(INPUT_MAX_N), .other = malloc(INPUT_MAX_N)};
	if (!c.score || !c.order || !c.want || !c.other)
		abort();
	guard_open(&c.in, ((size_t)input_longest() + 3) * sizeof(float));
	guard_open(&c.out, (size_t)input_longest() + 3);
	guard_open(&c.scratch, AM_SELECT_SCRATCH(input_longest()));
	check_group(k->name, "levels");
	for (int i = 0; i < input_count(); i++) {
		const input *in = input_at(i);
		if (in->poisoned)
			continue;
		for (int l = 0; (c.n = input_length(l)) >= 0 && c.n <= input_longest(); l++) {
			check_case(in->name, c.n);
			in->fill(c.score, c.n, &r);
			one_case(k, &c, &r, c.n > 5000 ? 12 : 40);
		}
	}
	for (int i = 0; i < o->rounds; i++) {
		c.n = input_random_length(&r);
		check_case("plateau", c.n);
		fill_plateau(c.score, c.n, &r);
		one_case(k, &c, &r, MOST_BUDGETS);
		shares_case(k, c.n, &r);
	}
	guard_close(&c.scratch);
	guard_close(&c.out);
	guard_close(&c.in);
	free(c.score), free(c.order), free(c.want), free(c.other);
	return check_group_end();
}

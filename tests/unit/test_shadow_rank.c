/* Ranks of scores (probes/shadow_rank.c) against a full sort in float64. */
#include "base/rng.h"
#include "probes/shadow_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 70000 };

typedef struct ranks {
	float score[MOST];
	double sorted[MOST];
	uint64_t key[MOST + 1], other[MOST];
	int32_t rank[MOST + 1];
} ranks;

static ranks *made(void)
{
	ranks *r = malloc(sizeof *r);
	assert_non_null(r);
	return r;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* How many of the sorted scores are below x, or not above it. */
static int below(const ranks *r, int n, double x, bool or_equal)
{
	int low = 0, high = n;
	while (low < high) {
		int middle = (low + high) / 2;
		if (r->sorted[middle] < x || (or_equal && r->sorted[middle] == x))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void check(ranks *r, int n)
{
	for (int i = 0; i < n; i++)
		r->sorted[i] = (double)r->score[i];
	qsort(r->sorted, (size_t)n, sizeof *r->sorted, ascending);
	r->key[n] = 7;
	r->rank[n] = -7;
	am_shadow_mid_ranks(r->score, n, r->key, r->other, r->rank);
	assert_true(r->key[n] == 7 && r->rank[n] == -7);
	for (int i = 0; i < n; i++) {
		/* Places 1 + less .. less + equal, their mean doubled. */
		int less = below(r, n, (double)r->score[i], false), through = below(r, n, (double)r->score[i], true);
		assert_int_equal(r->rank[i], less + through + 1 - (n + 1));
		int j = (int)(uint32_t)r->key[i];
		assert_in_range(j, 0, n - 1);
		assert_true((double)r->score[j] == r->sorted[i] && (double)am_shadow_score_of(r->key[i]) == r->sorted[i]);
		assert_true(i == 0 || r->key[i - 1] < r->key[i]);
	}
}

static double normal(am_rng *g)
{
	double sum = 0;
	for (int i = 0; i < 12; i++)
		sum += am_rng_uniform(g);
	return sum - 6;
}

typedef float kind(am_rng *g, int i);

static float logit(am_rng *g, int i)
{
	return (void)i, (float)normal(g);
}

static float probability(am_rng *g, int i)
{
	return (void)i, (float)exp(4 * normal(g) - 30);
}

/* What rounds to few places: a peak far above, of both signs. */
static float towering(am_rng *g, int i)
{
	return i % 1000 == 3 ? (i & 1 ? 1e30f : -1e30f) : (float)normal(g);
}

static float plateau(am_rng *g, int i)
{
	static const float flat[] = {0.0f, -0.0f, 0.5f};
	return i % 3 ? flat[am_rng_below(g, 3)] : (float)(normal(g) - 1);
}

static float equal(am_rng *g, int i)
{
	return (void)g, (void)i, -3.5f;
}

static float endless(am_rng *g, int i)
{
	return i % 5 == 2 ? -INFINITY : (float)normal(g);
}

static float anything(am_rng *g, int i)
{
	float x;
	uint32_t u = (uint32_t)am_rng_below(g, (uint64_t)1 << 32);
	(void)i;
	memcpy(&x, &u, sizeof x);
	return x == x ? x : 1;
}

static float falling(am_rng *g, int i)
{
	return (void)g, -(float)i;
}

static float tiny(am_rng *g, int i)
{
	return (void)i, (float)(normal(g) * 1e-41);
}

static void test_ranks(void **state)
{
	(void)state;
	static kind *const kinds[] = {logit, probability, towering, plateau, equal, endless, anything, falling, tiny};
	static const int lengths[] = {0, 1, 2, 3, 17, 64, 255, 1000, 4096, MOST};
	ranks *r = made();
	am_rng g = am_rng_split(5, 12);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
			for (int i = 0; i < lengths[l]; i++)
				r->score[i] = kinds[k](&g, i);
			check(r, lengths[l]);
		}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

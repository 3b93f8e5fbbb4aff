/* Two kernel tables against each other. Kernels work on 16 lanes whatever the width of the
 * machine's vectors, so results agree to the byte where both fuse multiplication and
 * addition; what adds only, or integers, agrees everywhere. */
#include "check.h"
#include "inputs.h"
#include "tests.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_K = 6, N_TAU = 4, N_AT = 5, N_BACK = 16, ROWS = 5, COMBINED = 100 };

typedef struct result {
	float *weight, *lanes, *soft, *bf16, *f16;
	uint16_t *half; /* the bytes of the scores, as input of the conversions */
	int32_t *index, *few, count[N_TAU];
	uint32_t *member;
	float combined[COMBINED];
	float mass[N_K], bound[N_K];
	am_row_sums stats, softmax;
	double total, inside[ROWS * N_K], beside[N_K], best[N_K];
	float share[N_AT], back[N_BACK];
	uint64_t *set, *reached;
	void *scratch;
} result;

static void result_open(result *x)
{
	memset(x, 0, sizeof *x);
	x->weight = calloc(INPUT_MAX_N, sizeof *x->weight);
	x->lanes = calloc(AM_ROW_LANES(INPUT_MAX_N), sizeof *x->lanes);
	x->soft = calloc(INPUT_MAX_N, sizeof *x->soft);
	x->bf16 = calloc(INPUT_MAX_N, sizeof *x->bf16);
	x->f16 = calloc(INPUT_MAX_N, sizeof *x->f16);
	x->half = calloc(INPUT_MAX_N, sizeof *x->half);
	x->index = calloc(INPUT_MAX_N, sizeof *x->index);
	x->few = calloc(INPUT_MAX_N, sizeof *x->few);
	x->set = calloc(N_K * AM_SET_WORDS(INPUT_MAX_N), sizeof *x->set);
	x->reached = calloc(N_K * AM_SET_WORDS(INPUT_MAX_N), sizeof *x->reached);
	x->member = calloc(INPUT_MAX_N, sizeof *x->member);
	x->scratch = aligned_alloc(64, (AM_SELECT_SCRATCH(INPUT_MAX_N) + 63) / 64 * 64);
	if (!x->weight || !x->lanes || !x->soft || !x->bf16 || !x->f16 || !x->half || !x->index || !x->few || !x->set || !x->reached ||
	    !x->member || !x->scratch)
		abort();
}

static void result_close(result *x)
{
	free(x->scratch);
	free(x->reached);
	free(x->set);
	free(x->member);
	free(x->index);
	free(x->few);
	free(x->half);
	free(x->f16);
	free(x->bf16);
	free(x->soft);
	free(x->lanes);
	free(x->weight);
}

/* Masses are those of weight[n], of sum z. */
static void run(const am_kernels *k, const float *score, int n, int has_nan, const float *weight, double z, result *x)
{
	const int ks[N_K] = {1, 8, 64, n / 2 > 64 ? n / 2 : 64, n > 64 ? n : 64, INT_MAX};
	const double tau[N_TAU] = {0.5, 0.9, 0.999, 1};
	const int from[N_AT] = {0, n / 7, n / 7, -9, n / 2}, to[N_AT] = {n / 7, n / 7, n / 3, n, INT_MAX};
	k->row_softmax(score, n, x->soft, &x->softmax);
	x->total = k->sum(score, n);
	k->spans(score, NULL, n, 0, from, to, N_AT, 0.3, x->share);
	int far[N_BACK], near[N_BACK]; /* distance bins, and keys the row begins with */
	for (int i = 0; i < N_BACK; i++) {
		far[i] = -(1 << i);
		near[i] = i ? far[i - 1] : 0;
	}
	far[N_BACK - 1] = INT_MIN, near[N_BACK - 1] = 4 - n;
	k->spans(score, NULL, n, -n, far, near, N_BACK, 0.3, x->back);
	memcpy(x->half, score, (size_t)n * sizeof *x->half);
	k->bf16_to_f32(x->half, (size_t)n, x->bf16);
	k->f16_to_f32(x->half, (size_t)n, x->f16);
	if (z > 0)
		k->row_mass(weight, n, ks, N_K, tau, N_TAU, x->mass, x->bound, x->count, x->scratch);
	float guess = n ? weight[n / 3] : 0, parts[N_K];
	if (z > 0)
		k->row_best(weight, n, ks, N_K, &guess, x->best, parts, x->scratch);
	if (n >= COMBINED)
		k->combine_rows(score, 7, score, (n - COMBINED) / 7, COMBINED, false, x->combined);
	const float bound[N_K] = {0, n ? score[0] : 0, n ? score[n / 2] : 0, -INFINITY, 1, -1};
	k->reach_sets(score, n, bound, N_K, x->reached);
	if (has_nan)
		return;
	k->row_topk(score, n, n / 2 + 1, true, x->index, x->scratch);
	k->row_topk(score, n, n / 8 + 1, false, x->few, x->scratch);
	k->row_sets(score, n, ks, N_K, x->set, x->scratch);
	const float *const rows[ROWS] = {weight, weight, weight, score, weight};
	k->set_sums(x->set, n, N_K, rows, ROWS, x->inside);
	k->reach_sums(score, weight, n, bound, N_K, x->beside);
	memset(x->member, 0, (size_t)n * sizeof *x->member);
	k->row_member(score, n, ks, N_K, x->member, x->scratch);
}

static int same_float(const float *a, const float *b, int n)
{
	for (int j = 0; j < n; j++)
		if (memcmp(&a[j], &b[j], sizeof *a) && !(isnan(a[j]) && isnan(b[j])))
			return 0;
	return 1;
}

static int same_double(double a, double b)
{
	return !memcmp(&a, &b, sizeof a) || (isnan(a) && isnan(b));
}

int same_sums(const am_row_sums *a, const am_row_sums *b)
{
	return same_float(&a->max, &b->max, 1) && same_double(a->z, b->z) && same_double(a->a, b->a) &&
	       same_double(a->b, b->b) && same_double(a->z2, b->z2) && same_double(a->d, b->d);
}

static void compare(const result *a, const result *b, int n, int fused)
{
	int m = n / 2 + 1 < n ? n / 2 + 1 : n;
	check_ok(!fused || same_float(a->weight, b->weight, n), "weights of row_stats differ");
	check_ok(!fused || same_float(a->lanes, b->lanes, a->stats.z > 0 ? (n + 63) / 64 * 16 : 0), "partial sums of row_stats differ");
	check_ok(!fused || same_float(a->soft, b->soft, n), "weights of row_softmax differ");
	check_ok(!fused || same_sums(&a->stats, &b->stats), "sums of row_stats differ");
	check_ok(!fused || same_sums(&a->softmax, &b->softmax), "sums of row_softmax differ");
	check_ok(same_double(a->total, b->total), "sum differs");
	check_ok(same_float(a->share, b->share, N_AT), "spans differ");
	check_ok(same_float(a->back, b->back, N_BACK), "distance bins differ");
	check_ok(same_float(a->bf16, b->bf16, n), "conversions of bf16 differ");
	check_ok(same_float(a->f16, b->f16, n), "conversions of f16 differ");
	check_ok(same_float(a->mass, b->mass, N_K), "masses differ");
	check_ok(same_float(a->bound, b->bound, N_K), "bounds differ");
	check_ok(!memcmp(a->best, b->best, sizeof a->best), "sums of the largest weights differ");
	check_ok(!memcmp(a->count, b->count, sizeof a->count), "counts differ");
	check_ok(!memcmp(a->reached, b->reached, N_K * AM_SET_WORDS(n) * sizeof *a->reached), "sets above bounds differ");
	check_ok(!memcmp(a->set, b->set, N_K * AM_SET_WORDS(n) * sizeof *a->set), "sets differ");
	check_ok(!memcmp(a->inside, b->inside, sizeof a->inside), "sums over sets differ");
	check_ok(!memcmp(a->beside, b->beside, sizeof a->beside), "sums beside what reaches bounds differ");
	check_ok(!memcmp(a->index, b->index, (size_t)m * sizeof *a->index), "indices differ");
	m = n / 8 + 1 < n ? n / 8 + 1 : n;
	check_ok(!memcmp(a->few, b->few, (size_t)m * sizeof *a->few), "unsorted indices differ");
	check_ok(!memcmp(a->member, b->member, (size_t)n * sizeof *a->member), "members differ");
	check_ok(same_float(a->combined, b->combined, COMBINED), "combined rows differ");
	/* Within one table: softmax is row_stats with fewer sums. */
	check_ok(same_float(b->weight, b->soft, n) && same_double(b->stats.z, b->softmax.z),
	         "row_softmax differs from row_stats");
}

int test_same_bytes(const am_kernels *want, const am_kernels *got, const test_options *o)
{
	result a, b;
	float *score = calloc(INPUT_MAX_N, sizeof *score);
	am_rng r = am_rng_split(o->seed, 7);
	if (!score)
		abort();
	result_open(&a);
	result_open(&b);
	check_group(got->name, "same_bytes");
	for (int i = 0; input_at(i); i++)
		for (int l = 0; input_length(l) >= 0; l++) {
			int n = input_length(l);
			input_at(i)->fill(score, n, &r);
			check_case(input_at(i)->name, n);
			want->row_stats(score, n, a.weight, a.lanes, &a.stats);
			got->row_stats(score, n, b.weight, b.lanes, &b.stats);
			run(want, score, n, input_at(i)->poisoned, a.weight, a.stats.z, &a);
			run(got, score, n, input_at(i)->poisoned, a.weight, a.stats.z, &b);
			compare(&a, &b, n, strcmp(got->name, "scalar") != 0);
		}
	result_close(&b);
	result_close(&a);
	free(score);
	return check_group_end();
}

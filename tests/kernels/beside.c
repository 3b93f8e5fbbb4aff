/* gemm_nn_tally: the product is that of gemm_nn, and every row's masses are those that row_tally leads to,
 * to the byte, however the sizes of product and rows meet. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 9, N_K = 4, N_TAU = 3, MAX_M = 14, MAX_N = 130, MAX_K = 530, LONGEST = 3000 };

static const int ks[N_K] = {1, 8, 64, 256};
static const double taus[N_TAU] = {0.5, 0.9, 1};
static const int product_n[] = {1, 7, 8, 16, 17, 33, 48, 64, 64, 64, 80, 130};

typedef struct masses {
	float mass[N_K], bound[N_K];
	int32_t count[N_TAU];
} masses;

typedef struct beside_case {
	const am_kernels *k;
	am_tally_row row[MOST_ROWS];
	int rows, seen;
	float *score, *weight, *a, *b, *c, *want;
	masses got[MOST_ROWS], expected[MOST_ROWS];
	bool in_order;
	void *tally, *other, *scratch;
	guard weight_guard, tally_guard;
} beside_case;

static void *room(size_t n, size_t size)
{
	void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);
	if (!p)
		abort();
	return memset(p, 0, n * size);
}

static void take_masses(beside_case *c, const float *weight, int n, void *tally, masses *m)
{
	memset(m, 0, sizeof *m);
	c->k->tally_mass(weight, n, tally, ks, N_K, taus, N_TAU, m->mass, m->bound, m->count, c->scratch);
}

static void row_done(void *ctx, int id)
{
	beside_case *c = ctx;
	c->in_order &= c->seen < c->rows && id == c->row[c->seen].id;
	if (c->seen < c->rows)
		take_masses(c, c->row[c->seen].weight, c->row[c->seen].n, c->tally, &c->got[c->seen]);
	c->seen++;
}

/* Scores of any kind whose weights are numbers. */
static void fill_scores(float *score, int n, am_rng *r)
{
	const input *in = input_at((int)am_rng_below(r, (uint64_t)input_count()));
	if (am_rng_below(r, 3) || in->poisoned)
		input_gaussian(score, n, ldexp(1, (int)am_rng_below(r, 10) - 4), r);
	else
		in->fill(score, n, r);
	if (!(score[n - 1] - score[n - 1] == 0)) /* some key is seen */
		score[n - 1] = 0;
}

/* Rows beside one another, the last of them at the end of what may be read. */
static void set_rows(beside_case *c, am_rng *r)
{
	int n[MOST_ROWS], total = 0, most = am_rng_below(r, 3) ? 700 : LONGEST;
	c->rows = (int)am_rng_below(r, MOST_ROWS + 1);
	for (int i = 0; i < c->rows; i++)
		total += n[i] = 1 + (int)am_rng_below(r, am_rng_below(r, 4) ? (uint64_t)most : 20);
	float *weight = guard_place(&c->weight_guard, (size_t)total * sizeof *weight, sizeof *weight, PLACE_END);
	for (int i = 0; i < c->rows; weight += n[i++]) {
		am_row_sums sums;
		fill_scores(c->score, n[i], r);
		c->k->row_tally(c->score, n[i], c->weight, NULL, &sums, c->other);
		take_masses(c, c->weight, n[i], c->other, &c->expected[i]);
		c->row[i] = (am_tally_row){.weight = weight, .n = n[i], .id = 1000 - 7 * i};
		c->row[i].least = c->k->row_weigh(c->score, n[i], weight, NULL, &sums);
		check_ok(!memcmp(weight, c->weight, (size_t)n[i] * sizeof *weight), "row_weigh and row_tally weigh differently");
	}
}

static void run_case(beside_case *c, am_rng *r)
{
	int m = 1 + (int)am_rng_below(r, MAX_M), k = (int)am_rng_below(r, am_rng_below(r, 2) ? MAX_K + 1 : 30);
	int n = product_n[am_rng_below(r, sizeof product_n / sizeof product_n[0])];
	bool add = am_rng_below(r, 2);
	set_rows(c, r);
	for (int i = 0; i < m * MAX_K; i++)
		c->a[i] = (float)input_normal(r);
	for (int i = 0; i < k * n; i++)
		c->b[i] = (float)input_normal(r);
	for (int i = 0; i < m * n; i++)
		c->c[i] = c->want[i] = add ? (float)input_normal(r) : NAN;
	check_case("random", c->rows);
	c->seen = 0;
	c->in_order = true;
	am_tally_rows rows = {c->row, c->rows, c->tally, row_done, c};
	c->k->gemm_nn(m, n, k, c->a, MAX_K, c->b, n, add, c->want, n);
	c->k->gemm_nn_tally(m, n, k, c->a, MAX_K, c->b, n, add, c->c, n, &rows);
	check_ok(!memcmp(c->c, c->want, (size_t)(m * n) * sizeof *c->c), "another product than gemm_nn, %d x %d x %d", m, n, k);
	check_ok(c->seen == c->rows && c->in_order, "%d of %d rows, %s", c->seen, c->rows, c->in_order ? "in order" : "out of order");
	for (int i = 0; i < c->rows; i++)
		check_ok(!memcmp(&c->got[i], &c->expected[i], sizeof c->got[i]), "masses of row %d (%d keys) differ", i, c->row[i].n);
	check_ok(guard_intact(&c->tally_guard, c->tally, AM_TALLY), "wrote beside the tally");
}

int test_beside(const am_kernels *k, const test_options *o)
{
	if (!k->gemm_nn_tally)
		return 0;
	beside_case c = {.k = k};
	am_rng r = am_rng_split(o->seed, 19);
	c.score = room(LONGEST, sizeof *c.score);
	c.weight = room(LONGEST, sizeof *c.weight);
	c.a = room(MAX_M * MAX_K, sizeof *c.a);
	c.b = room(MAX_K * MAX_N, sizeof *c.b);
	c.c = room(MAX_M * MAX_N, sizeof *c.c);
	c.want = room(MAX_M * MAX_N, sizeof *c.want);
	c.other = room(AM_TALLY, 1);
	c.scratch = room(AM_SELECT_SCRATCH(LONGEST), 1);
	guard_open(&c.weight_guard, MOST_ROWS * LONGEST * sizeof(float));
	guard_open(&c.tally_guard, AM_TALLY);
	c.tally = memset(guard_place_aligned(&c.tally_guard, AM_TALLY), 0, AM_TALLY);
	check_group(k->name, "gemm_nn_tally");
	for (int i = 0; i < 3 * o->rounds; i++)
		run_case(&c, &r);
	guard_close(&c.tally_guard);
	guard_close(&c.weight_guard);
	void *own[] = {c.score, c.weight, c.a, c.b, c.c, c.want, c.other, c.scratch};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		free(own[i]);
	return check_group_end();
}

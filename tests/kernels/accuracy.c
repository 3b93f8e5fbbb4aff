/* The statistics of whole rows, as a run file holds them, against the same in double
 * from the definitions and the same float32 scores: what is asked of them at any
 * length, and a table of the largest errors for docs/numerics-bounds.md. */
#include "check.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int lengths[] = {256, 4096, 32768, 131072}, all_k[] = {1, 16, 256, 1024};
static const double all_tau[] = {0.5, 0.9, 0.95, 0.99};
enum { LENGTHS = 4, LONGEST = 131072, ROWS = 5, N_K = 4, N_TAU = 4 };

#define MASS_BOUND 1e-6

/* A mean distance moves by at most the mass moved times the keys it can move over; a
 * variance is a difference of squares, so it errs by a share of its size. */
static const struct {
	const char *heading;
	double absolute, relative, per_key;
} quantities[] = {
	{"entropy, nat", 2e-5, 0, 0},
	{"Rényi-2 entropy, nat", 2e-5, 0, 0},
	{"score variance, nat²", 2e-5, 2e-5, 0},
	{"mean distance, keys", 0, 0, MASS_BOUND},
	{"mass at k", MASS_BOUND, 0, 0},
};
enum { ENTROPY, RENYI2, VARIANCE, DISTANCE, MASS, QUANTITIES };

typedef struct errors {
	double worst[QUANTITIES];
	int32_t count; /* of k for a mass, keys */
} errors;

/* lowest and highest: k for a mass MASS_BOUND below and above the one asked for. */
typedef struct statistics {
	double value[MASS], mass[N_K];
	int32_t count[N_TAU], lowest[N_TAU], highest[N_TAU];
} statistics;

static struct {
	float *score, *weight;
	double *p, *prefix;
	int32_t *order;
	void *scratch;
} m;

static void narrow(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 0.5, r);
}

static void usual(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 2, r);
}

static void peaked(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 8, r);
}

/* Equal scores below a sink: their weights all err the same way. */
static void sink(float *s, int n, am_rng *r)
{
	float level = (float)(-8 - 5 * am_rng_uniform(r));
	for (int j = 0; j < n; j++)
		s[j] = j ? level : 0.3f;
}

/* Weights fall as a power of the distance. */
static void power_law(float *s, int n, am_rng *r)
{
	double power = 0.5 + am_rng_uniform(r);
	for (int j = 0; j < n; j++)
		s[j] = (float)(-power * log(n - j));
}

static void near_flat(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 1e-3, r);
}

static const input kinds[] = {
	{"gaussian_0.5", narrow, 0}, {"gaussian_2", usual, 0},      {"gaussian_8", peaked, 0},
	{"sink", sink, 0},           {"power_law", power_law, 0}, {"near_flat", near_flat, 0},
};
enum { KINDS = (int)(sizeof kinds / sizeof kinds[0]) };

/* Smallest k with prefix[k] >= tau. */
static int32_t smallest(int n, double tau)
{
	int32_t low = 1, high = n;
	while (low < high) {
		int32_t k = low + (high - low) / 2;
		if (m.prefix[k] >= tau)
			high = k;
		else
			low = k + 1;
	}
	return low;
}

static void expect_masses(int n, statistics *want)
{
	oracle_order(m.score, n, m.order);
	m.prefix[0] = 0;
	for (int k = 0; k < n; k++)
		m.prefix[k + 1] = m.prefix[k] + m.p[m.order[k]];
	for (int i = 0; i < N_K; i++)
		want->mass[i] = all_k[i] < n ? m.prefix[all_k[i]] : 1;
	for (int i = 0; i < N_TAU; i++) {
		want->count[i] = smallest(n, all_tau[i] - ORACLE_TAU_SLACK);
		want->lowest[i] = smallest(n, all_tau[i] - MASS_BOUND);
		want->highest[i] = smallest(n, all_tau[i] + MASS_BOUND);
	}
}

/* Of m.score. */
static void expect(int n, statistics *want)
{
	oracle_row row;
	double mean = 0, square = 0;
	oracle_row_stats(m.score, n, m.p, m.prefix, &row);
	memset(want, 0, sizeof *want);
	for (int j = 0; j < n; j++) {
		double p = m.p[j] /= row.z.value;
		mean += p * (double)m.score[j];
		want->value[ENTROPY] -= p > 0 ? p * log(p) : 0;
		want->value[DISTANCE] += p * (n - 1 - j);
		square += p * p;
	}
	want->value[RENYI2] = -log(square);
	for (int j = 0; j < n; j++)
		want->value[VARIANCE] += m.p[j] * ((double)m.score[j] - mean) * ((double)m.score[j] - mean);
	expect_masses(n, want);
}

static void measure(const am_kernels *k, int n, statistics *got)
{
	am_row_sums s;
	float mass[N_K];
	k->row_stats(m.score, n, m.weight, NULL, &s);
	k->row_mass(m.weight, n, all_k, N_K, all_tau, N_TAU, mass, NULL, got->count, m.scratch);
	for (int i = 0; i < N_K; i++)
		got->mass[i] = (double)mass[i];
	double mean = s.a / s.z;
	got->value[ENTROPY] = log(s.z) - mean;
	got->value[RENYI2] = 2 * log(s.z) - log(s.z2);
	got->value[VARIANCE] = s.b / s.z - mean * mean;
	got->value[DISTANCE] = s.d / s.z;
}

static void compare_value(int quantity, double got, double want, int n, errors *e)
{
	double bound = quantities[quantity].absolute + quantities[quantity].relative * fabs(want) +
	               quantities[quantity].per_key * n;
	check_near(got, want, bound, quantities[quantity].heading);
	e->worst[quantity] = fmax(e->worst[quantity], fabs(got - want));
}

static void compare(const statistics *got, const statistics *want, int n, errors *e)
{
	for (int q = 0; q < MASS; q++)
		compare_value(q, got->value[q], want->value[q], n, e);
	for (int i = 0; i < N_K; i++)
		compare_value(MASS, got->mass[i], want->mass[i], n, e);
	for (int i = 0; i < N_TAU; i++) {
		int32_t off = abs(got->count[i] - want->count[i]);
		check_ok(got->count[i] >= want->lowest[i] && got->count[i] <= want->highest[i],
		         "k for %g = %d, expected %d to %d", all_tau[i], got->count[i], want->lowest[i],
		         want->highest[i]);
		e->count = off > e->count ? off : e->count;
	}
}

static void *room(size_t n, size_t size)
{
	void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);
	if (!p)
		abort();
	return p;
}

static void fill(const test_options *o, int length, int kind, int row)
{
	am_rng r = am_rng_split(o->seed, (uint64_t)((length * KINDS + kind) * ROWS + row));
	kinds[kind].fill(m.score, lengths[length], &r);
}

static void expect_all(const test_options *o, int length, statistics (*want)[ROWS])
{
	for (int kind = 0; kind < KINDS; kind++)
		for (int row = 0; row < ROWS; row++) {
			fill(o, length, kind, row);
			expect(lengths[length], &want[kind][row]);
		}
}

static int test_length(const am_kernels *k, const test_options *o, int length, statistics (*want)[ROWS], errors *e)
{
	statistics got;
	memset(e, 0, sizeof *e);
	check_group(k->name, "accuracy");
	for (int kind = 0; kind < KINDS; kind++)
		for (int row = 0; row < ROWS; row++) {
			check_case(kinds[kind].name, lengths[length]);
			fill(o, length, kind, row);
			measure(k, lengths[length], &got);
			compare(&got, &want[kind][row], lengths[length], e);
		}
	return check_group_end();
}

static void print_header(void)
{
	printf("| n | tables |");
	for (int q = 0; q < QUANTITIES; q++)
		printf(" %s |", quantities[q].heading);
	printf(" k for a mass, keys |\n|---|---|");
	for (int q = 0; q <= QUANTITIES; q++)
		printf("---|");
	printf("\n");
}

static void print_errors(int n, const char *tables, const errors *e)
{
	printf("| %d | %s |", n, tables);
	for (int q = 0; q < QUANTITIES; q++)
		printf(" %.1e |", e->worst[q]);
	printf(" %d |\n", e->count);
}

/* One line where tables agree, else one each. The reference stands apart: it has no fused
 * arithmetic. */
static void print_length(const am_kernels *const *tables, int n_tables, int n, const errors *e)
{
	int first = !strcmp(tables[0]->name, "scalar"), differ = 0;
	if (first)
		print_errors(n, tables[0]->name, e);
	for (int t = first + 1; t < n_tables; t++)
		differ |= memcmp(e[t].worst, e[first].worst, sizeof e->worst) || e[t].count != e[first].count;
	if (!differ && first < n_tables)
		print_errors(n, first ? "others" : "all", &e[first]);
	for (int t = first; differ && t < n_tables; t++)
		print_errors(n, tables[t]->name, &e[t]);
}

/* Unless --longest leaves it out. */
static int admitted(int n)
{
	return n <= input_longest() || input_longest() == INPUT_MAX_N;
}

static void open_rows(void)
{
	m.score = room(LONGEST, sizeof *m.score);
	m.weight = room(LONGEST, sizeof *m.weight);
	m.p = room(LONGEST, sizeof *m.p);
	m.prefix = room(LONGEST + 1, sizeof *m.prefix);
	m.order = room(LONGEST, sizeof *m.order);
	m.scratch = room(AM_SELECT_SCRATCH(LONGEST), 1);
}

static void close_rows(void)
{
	free(m.score);
	free(m.weight);
	free(m.p);
	free(m.prefix);
	free(m.order);
	free(m.scratch);
}

int test_accuracy(const am_kernels *const *tables, int n_tables, const test_options *o)
{
	static statistics want[KINDS][ROWS];
	errors *e = room((size_t)(LENGTHS * n_tables), sizeof *e);
	int failed = 0, n_lengths = 0;
	open_rows();
	for (; n_lengths < LENGTHS && admitted(lengths[n_lengths]); n_lengths++) {
		expect_all(o, n_lengths, want);
		for (int t = 0; t < n_tables; t++)
			failed += test_length(tables[t], o, n_lengths, want, &e[n_lengths * n_tables + t]);
	}
	print_header();
	for (int l = 0; l < n_lengths; l++)
		print_length(tables, n_tables, lengths[l], &e[l * n_tables]);
	close_rows();
	free(e);
	return failed + !n_lengths;
}

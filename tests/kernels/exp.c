/* The exponential of the row kernels, seen through row_softmax: rows (0, u, u', ...)
 * have maximum 0, so that weight j is the kernel's exp of exactly score j. */
#include "check.h"
#include "oracle.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROW = 4096 };

/* From -2^-27 (result 1) to -104 (result 0); further down it stays 0. */
#define FIRST 0xb2000000u
#define LAST 0xc2d00000u

typedef struct worst_ulp {
	double normal, subnormal; /* units in the last place of the exact result */
	float at_normal, at_subnormal;
} worst_ulp;

static float from_bits(uint32_t u)
{
	float x;
	memcpy(&x, &u, sizeof x);
	return x;
}

static int check_weight(float u, float got, worst_ulp *w)
{
	double exact = exp((double)u);
	int subnormal = exact < 0x1p-126;
	double unit = subnormal ? 0x1p-149 : ldexp(1, ilogb(exact) - 23);
	double error = fabs((double)got - exact) / unit;
	if (subnormal && error > w->subnormal) {
		w->subnormal = error;
		w->at_subnormal = u;
	}
	if (!subnormal && error > w->normal) {
		w->normal = error;
		w->at_normal = u;
	}
	double allowed = subnormal ? ORACLE_EXP_ULP_SUB : ORACLE_EXP_ULP;
	return check_ok(error <= allowed, "exp(%a) = %a is %.3f ulp off", (double)u, (double)got, error);
}

static void sweep(const am_kernels *k, uint32_t from, uint32_t to, uint32_t stride, worst_ulp *w)
{
	float score[ROW], weight[ROW];
	am_row_sums sums;
	uint64_t next = from;
	float before = 1;
	while (next <= to) {
		int n = 1;
		score[0] = 0;
		for (; n < ROW && next <= to; next += stride)
			score[n++] = from_bits((uint32_t)next);
		k->row_softmax(score, n, weight, &sums);
		check_ok(weight[0] == 1, "exp(0) = %a", (double)weight[0]);
		for (int j = 1; j < n; j++) {
			check_weight(score[j], weight[j], w);
			/* Sets of the best scores are found as sets of the largest weights. */
			check_ok(weight[j] <= before, "exp(%a) = %a after %a", (double)score[j], (double)weight[j], (double)before);
			before = weight[j];
		}
	}
}

/* Floats next to where the reduction goes on to the next power of 2. */
static void sweep_seams(const am_kernels *k, worst_ulp *w)
{
	for (int i = 0; i <= 150; i++) {
		float seam = (float)(-(i + 0.5) * 0.6931471805599453);
		uint32_t at;
		memcpy(&at, &seam, sizeof at);
		sweep(k, at - 512, at + 512 < LAST ? at + 512 : LAST, 1, w);
	}
}

/* Exactly 0 from -104 down, where shares of a row are counted as absent. */
static void check_below(const am_kernels *k)
{
	float score[] = {0, -104, -104.5f, -150, -1e10f, -3e38f, -INFINITY}, weight[7];
	am_row_sums sums;
	k->row_softmax(score, 7, weight, &sums);
	for (int j = 1; j < 7; j++)
		check_ok(weight[j] == 0, "exp(%g) = %g", (double)score[j], (double)weight[j]);
}

int test_exp(const am_kernels *k, const test_options *o)
{
	worst_ulp w = {0};
	check_group(k->name, "exp");
	check_case("sweep", ROW);
	sweep(k, FIRST, LAST, (uint32_t)o->exp_stride, &w);
	/* Every float where the result turns subnormal, and where it turns 0. */
	sweep(k, 0xc2ae9000u, 0xc2aec000u, 1, &w);
	sweep(k, 0xc2cf8000u, LAST, 1, &w);
	sweep_seams(k, &w);
	check_below(k);
	printf("     %-7s exp         worst %.4f ulp at %a; subnormal results %.4f at %a\n", k->name,
	       w.normal, (double)w.at_normal, w.subnormal, (double)w.at_subnormal);
	return check_group_end();
}

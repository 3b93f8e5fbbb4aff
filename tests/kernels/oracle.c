#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPS 0x1p-24   /* unit roundoff of float32 */
#define TINY 0x1p-149 /* smallest subnormal of float32 */
#define WIDEN (1 + 1.0 / 64)

/* Float32 additions of a lane: within a strip and of strips in a sweep, and in sums alone. */
enum { LANES = 16, STRIP = 512, STRIPS = 8, LANE_TERMS = STRIP / LANES + STRIPS, PART = 512, PART_TERMS = PART / LANES };

/* Lanes and strips added in double, as a share of the sum of magnitudes. */
static double double_share(int n)
{
	return (LANES + 2 + n / PART) * 0x1p-53;
}

static void finish(oracle_sum *s, int n, double subnormal_factor)
{
	s->bound = (s->bound * EPS + double_share(n) * fabs(s->value)) * WIDEN +
	           n * subnormal_factor * (ORACLE_EXP_ULP_SUB + 1) * TINY;
}

static void add_score(oracle_row *o, double u, double e, int j, int n)
{
	double t = fabs(u), w = t + 2 * ORACLE_EXP_ULP;
	int most = STRIPS * STRIP, j0 = j / most * most, count = n - j0 < most ? n - j0 : most, blocks = (count + LANES - 1) / LANES;
	double last = n - 1 - j, after = n - 1 - j0 - blocks * LANES - j % LANES, within = last - after;
	o->z.value += e;
	o->z.bound += e * (w + LANE_TERMS);
	o->a.value += e * u;
	o->a.bound += e * t * (w + LANE_TERMS + 2);
	o->b.value += e * u * u;
	o->b.bound += e * u * u * (w + LANE_TERMS + 4);
	o->z2.value += e * e;
	o->z2.bound += e * e * (2 * w + LANE_TERMS + 1);
	o->d.value += e * last;
	o->d.bound += e * (last * w + LANE_TERMS * fabs(after) + 2 * LANE_TERMS * within);
}

void oracle_row_stats(const float *score, int n, double *weight, double *bound, oracle_row *out)
{
	oracle_row o = {.max = -INFINITY};
	for (int j = 0; j < n; j++)
		o.max = (double)score[j] > o.max ? (double)score[j] : o.max;
	for (int j = 0; j < n; j++) {
		double u = (double)score[j] - o.max, e = score[j] == -INFINITY ? 0 : exp(u);
		weight[j] = e;
		bound[j] = 0;
		if (e > 0) {
			bound[j] = e * (fabs(u) + 2 * ORACLE_EXP_ULP) * EPS * WIDEN + ORACLE_EXP_ULP_SUB * TINY;
			add_score(&o, u, e, j, n);
		}
	}
	/* From -104 down the weight is 0, so |u| <= 104 < 128 wherever it is not. */
	finish(&o.z, n, 1);
	finish(&o.a, n, 128);
	finish(&o.b, n, 128 * 128);
	finish(&o.z2, n, 1);
	finish(&o.d, n, 2.0 * n);
	*out = o;
}

oracle_sum oracle_entropy(const oracle_row *r)
{
	double z = r->z.value, mean = r->a.value / z;
	return (oracle_sum){log(z) - mean,
	                    ((r->z.bound * (1 + fabs(mean)) + r->a.bound) / z) * WIDEN + 0x1p-48};
}

oracle_sum oracle_total(const float *x, int n)
{
	long double sum = 0, magnitude = 0;
	for (int j = 0; j < n; j++) {
		sum += (long double)x[j];
		magnitude += fabsl((long double)x[j]);
	}
	double share = PART_TERMS * EPS + double_share(n);
	return (oracle_sum){(double)sum, (double)magnitude * share};
}

oracle_sum oracle_dot(float start, const float *x, int x_step, const float *y, int y_step, int n)
{
	double sum = (double)start, magnitude = fabs(sum);
	for (int i = 0; i < n; i++) {
		double term = (double)x[(size_t)i * (size_t)x_step] * (double)y[(size_t)i * (size_t)y_step];
		sum += term;
		magnitude += fabs(term);
	}
	return (oracle_sum){sum, (n + (start != 0)) * EPS * magnitude * WIDEN + n * TINY};
}

/* qsort has no context; the test is one thread. */
static const float *sorted_by;

static int falling(const void *a, const void *b)
{
	int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
	float x = sorted_by[i], y = sorted_by[j];
	return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

void oracle_order(const float *x, int n, int32_t *order)
{
	for (int j = 0; j < n; j++)
		order[j] = j;
	sorted_by = x;
	qsort(order, (size_t)n, sizeof *order, falling);
}

void oracle_prefix(const float *weight, int n, const int32_t *order, long double *prefix)
{
	prefix[0] = 0;
	for (int k = 0; k < n; k++)
		prefix[k + 1] = prefix[k] + (long double)weight[order[k]];
}

/* How far sums by bucket (kernels/generic/tally.h) may move a share of n weights: with
 * room to spare for n additions in float64. */
static double mass_resolution(int n)
{
	int bits = 0;
	while (n >> bits)
		bits++;
	return (n + 2) * fmax(0x1p-49, ldexp(1, bits - 62));
}

oracle_sum oracle_mass(const long double *prefix, int n, int k)
{
	if (k >= n)
		return (oracle_sum){1, 0}; /* exactly, by contract */
	double m = (double)(prefix[k] / prefix[n]);
	return (oracle_sum){m, m * EPS + mass_resolution(n) + TINY};
}

int oracle_bound_ok(const float *weight, int n, const int32_t *order, int k, float bound)
{
	if (k >= n)
		return weight[order[n - 1]] >= bound;
	float last = weight[order[k - 1]], next = weight[order[k]];
	return last == next ? isnan(bound) : last >= bound && next < bound;
}

int oracle_count_ok(const long double *prefix, int n, double tau, int count)
{
	if (!(count >= 1 && count <= n))
		return 0;
	long double slack = mass_resolution(n);
	long double target = (long double)tau - (long double)ORACLE_TAU_SLACK;
	int reached = prefix[count] / prefix[n] >= target - slack;
	int not_before = count == 1 || prefix[count - 1] / prefix[n] < target + slack;
	return reached && not_before;
}

/* Sign, exponent and fraction of a 16-bit float with `f` fraction bits. */
static double value16(uint16_t bits, int f, int bias)
{
	int exponent = (bits & 0x7fff) >> f, top = 0x7fff >> f;
	double fraction = (bits & ((1 << f) - 1)) / ldexp(1, f), v;
	if (exponent == top)
		v = fraction > 0 ? NAN : INFINITY;
	else if (exponent)
		v = ldexp(1 + fraction, exponent - bias);
	else
		v = ldexp(fraction, 1 - bias);
	return bits >> 15 ? -v : v;
}

double oracle_bf16(uint16_t bits)
{
	return value16(bits, 7, 127);
}

double oracle_f16(uint16_t bits)
{
	return value16(bits, 10, 15);
}

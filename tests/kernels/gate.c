/* silu_gate against long double, every short length between guard pages, and what is not finite. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "tests.h"

#include <float.h>
#include <math.h>

enum { LONGEST = 100 };

/* Of 1.02 ulp in the exponential and a rounding each in sum, product, quotient, product. */
#define BOUND 4.0

static long double want(float gate, float up)
{
	return (long double)gate / (1 + expl(-(long double)gate)) * (long double)up;
}

static float draw(am_rng *r, double scale)
{
	return (float)((am_rng_uniform(r) * 2 - 1) * scale);
}

static void finite(const am_kernels *k, am_rng *r, double scale)
{
	guard in, out;
	guard_open(&in, LONGEST * sizeof(float));
	guard_open(&out, LONGEST * sizeof(float));
	for (int n = 0; n < LONGEST; n++)
		for (int at = 0; at < PLACE_COUNT; at++) {
			size_t bytes = (size_t)n * sizeof(float);
			float *up = guard_place(&in, bytes, sizeof *up, (place)at), before[LONGEST];
			float *gate = guard_place(&out, bytes, sizeof *gate, (place)at);
			for (int i = 0; i < n; i++) {
				before[i] = gate[i] = draw(r, scale);
				up[i] = draw(r, 3);
			}
			k->silu_gate(gate, up, (size_t)n);
			check_case("finite", n);
			for (int i = 0; i < n; i++) {
				long double x = want(before[i], up[i]), ulp = fmaxl(fabsl(x), (long double)FLT_MIN) * (long double)FLT_EPSILON;
				check_ok(fabsl((long double)gate[i] - x) <= (long double)BOUND * ulp, "SiLU(%a) %a = %a", (double)before[i],
				         (double)up[i], (double)gate[i]);
			}
			check_ok(guard_intact(&out, gate, bytes), "wrote beside the output");
			check_ok(guard_intact(&in, up, bytes), "wrote beside the input");
		}
	guard_close(&out);
	guard_close(&in);
}

static void special(const am_kernels *k)
{
	float gate[] = {0, -0.0f, INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX, 1e-40f};
	float up[] = {1, 1, 1, 1, 1, 1, 1, 1};
	k->silu_gate(gate, up, 8);
	check_case("special", 8);
	check_ok(gate[0] == 0 && gate[1] == 0, "SiLU(0) = %a, %a", (double)gate[0], (double)gate[1]);
	check_ok(gate[2] == INFINITY, "SiLU(inf) = %a", (double)gate[2]);
	check_ok(!isfinite(gate[3]) || gate[3] == 0, "SiLU(-inf) = %a", (double)gate[3]);
	check_ok(isnan(gate[4]), "SiLU(NaN) = %a", (double)gate[4]);
	check_ok(gate[5] == FLT_MAX && fabsf(gate[6]) <= FLT_MIN, "SiLU(+-FLT_MAX) = %a, %a", (double)gate[5], (double)gate[6]);
	check_ok(gate[7] > 0.49e-40f && gate[7] < 0.51e-40f, "SiLU(1e-40) = %a", (double)gate[7]);
}

int test_gate(const am_kernels *k, const test_options *o)
{
	static const double scales[] = {1e-3, 1, 20, 88};
	am_rng r = {o->seed};
	check_group(k->name, "silu_gate");
	for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
		finite(k, &r, scales[i]);
	special(k);
	return check_group_end();
}

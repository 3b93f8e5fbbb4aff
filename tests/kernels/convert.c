/* 16-bit floats to float32 and back: all values by exact arithmetic, then every
 * short length and alignment between guard pages. */
#include "check.h"
#include "guard.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALL = 65536, SHORT = 80 };

typedef void convert_kernel(const uint16_t *x, size_t n, float *y);
typedef double convert_oracle(uint16_t bits);

static int agrees(float got, double want)
{
	if (isnan(want))
		return isnan(got);
	return (double)got == want && !signbit(got) == !signbit(want);
}

static void all_values(convert_kernel *kernel, convert_oracle *oracle)
{
	uint16_t *x = malloc(ALL * sizeof *x);
	float *y = malloc(ALL * sizeof *y);
	if (!x || !y)
		abort();
	for (int i = 0; i < ALL; i++)
		x[i] = (uint16_t)i;
	kernel(x, ALL, y);
	check_case("all_values", ALL);
	for (int i = 0; i < ALL; i++)
		check_ok(agrees(y[i], oracle(x[i])), "0x%04x gives %a", (unsigned)i, (double)y[i]);
	free(y);
	free(x);
}

static void short_lengths(convert_kernel *kernel, convert_oracle *oracle, am_rng *r)
{
	guard in, out;
	guard_open(&in, SHORT * sizeof(uint16_t));
	guard_open(&out, SHORT * sizeof(float));
	for (int n = 0; n < SHORT - 3; n++)
		for (int at = 0; at < PLACE_COUNT; at++) {
			size_t bytes = (size_t)n * sizeof(float);
			uint16_t *x = guard_place(&in, (size_t)n * sizeof *x, sizeof *x, (place)at);
			float *y = guard_place(&out, bytes, sizeof *y, (place)at);
			for (int i = 0; i < n; i++)
				x[i] = (uint16_t)am_rng_below(r, ALL);
			kernel(x, (size_t)n, y);
			check_case("short", n);
			for (int i = 0; i < n; i++)
				check_ok(agrees(y[i], oracle(x[i])), "0x%04x gives %a", x[i], (double)y[i]);
			check_ok(guard_intact(&out, y, bytes), "wrote beside the output");
			check_ok(guard_intact(&in, x, (size_t)n * sizeof *x), "wrote beside the input");
		}
	guard_close(&out);
	guard_close(&in);
}

static int test_one(const char *isa, const char *name, convert_kernel *kernel,
                    convert_oracle *oracle, am_rng *r)
{
	check_group(isa, name);
	all_values(kernel, oracle);
	short_lengths(kernel, oracle, r);
	return check_group_end();
}

/* The bfloat16 nearest to x, finite or infinite; bits is x cut to its upper half. */
static double nearest_bf16(double x, uint16_t bits)
{
	double low = oracle_bf16(bits), high = oracle_bf16((uint16_t)(bits + 1));
	/* Past the largest number rounding goes by the number that would come next. */
	double next = isinf(high) ? copysign(0x1p128, x) : high;
	double below = fabs(x - low), above = fabs(next - x);
	return below < above || (below == above && bits % 2 == 0) ? low : high;
}

/* Every upper half with the lower halves around exact, halfway and next. */
static void all_roundings(const am_kernels *k)
{
	static const uint32_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
	check_case("all_upper_halves", ALL);
	for (uint32_t h = 0; h < ALL; h++)
		for (size_t i = 0; i < sizeof lower / sizeof *lower; i++) {
			uint32_t u = h << 16 | lower[i];
			uint16_t got;
			float x;
			memcpy(&x, &u, sizeof x);
			k->f32_to_bf16(&x, 1, &got);
			double want = isnan(x) || isinf(x) ? (double)x : nearest_bf16((double)x, (uint16_t)h);
			check_ok(isnan(want) ? isnan(oracle_bf16(got)) : oracle_bf16(got) == want &&
			         got >> 15 == u >> 31, "%a gives 0x%04x", (double)x, (unsigned)got);
		}
}

static void short_roundings(const am_kernels *k, am_rng *r)
{
	guard in, out;
	guard_open(&in, SHORT * sizeof(float));
	guard_open(&out, SHORT * sizeof(uint16_t));
	for (int n = 0; n < SHORT - 3; n++)
		for (int at = 0; at < PLACE_COUNT; at++) {
			size_t bytes = (size_t)n * sizeof(uint16_t);
			float *x = guard_place(&in, (size_t)n * sizeof *x, sizeof *x, (place)at);
			uint16_t *y = guard_place(&out, bytes, sizeof *y, (place)at);
			input_gaussian(x, n, 1, r);
			k->f32_to_bf16(x, (size_t)n, y);
			check_case("short", n);
			for (int i = 0; i < n; i++) {
				uint32_t u;
				memcpy(&u, &x[i], sizeof u);
				check_ok(oracle_bf16(y[i]) == nearest_bf16((double)x[i], (uint16_t)(u >> 16)), "%a gives 0x%04x",
				         (double)x[i], (unsigned)y[i]);
			}
			check_ok(guard_intact(&out, y, bytes), "wrote beside the output");
		}
	guard_close(&out);
	guard_close(&in);
}

static int test_rounding(const am_kernels *k, am_rng *r)
{
	check_group(k->name, "f32_to_bf16");
	all_roundings(k);
	short_roundings(k, r);
	return check_group_end();
}

int test_convert(const am_kernels *k, const test_options *o)
{
	am_rng r = am_rng_split(o->seed, 5);
	return test_one(k->name, "bf16_to_f32", k->bf16_to_f32, oracle_bf16, &r) +
	       test_one(k->name, "f16_to_f32", k->f16_to_f32, oracle_f16, &r) +
	       test_rounding(k, &r);
}

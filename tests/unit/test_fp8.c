/* The 8-bit numbers of FP8 and their power-of-two scales. */
#include "base/fp8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The value of a code by the definition of the format. */
static double value_of(int code)
{
	int sign = code & 0x80, exponent = code >> 3 & 15, mantissa = code & 7;
	double v = exponent ? ldexp(8 + mantissa, exponent - 10) : ldexp(mantissa, -9);
	return sign ? -v : v;
}

static void every_code_means_what_the_format_says(void **state)
{
	(void)state;
	for (int code = 0; code < 256; code++) {
		double found = (double)am_e4m3_to_f32((uint8_t)code);
		if ((code & 0x7f) == 0x7f) {
			assert_true(isnan(found));
			continue;
		}
		assert_true(found == value_of(code) && !signbit(found) == !(code & 0x80));
		assert_int_equal(am_f32_to_e4m3((float)found), code);
	}
}

/* Between neighbours the middle goes to the even code, and what lies on either side of it by one
 * float32 step to the nearer. */
static void rounds_to_nearest_even(void **state)
{
	(void)state;
	for (int code = 0; code < 0x7e; code++) {
		double low = value_of(code), high = value_of(code + 1);
		float middle = (float)((low + high) / 2);
		assert_true((double)middle == (low + high) / 2);
		assert_int_equal(am_f32_to_e4m3(middle), code + (code & 1));
		assert_int_equal(am_f32_to_e4m3(nextafterf(middle, 0)), code);
		assert_int_equal(am_f32_to_e4m3(nextafterf(middle, INFINITY)), code + 1);
		assert_int_equal(am_f32_to_e4m3(-middle), 0x80 | (code + (code & 1)));
	}
}

static void large_values_saturate(void **state)
{
	(void)state;
	static const float large[] = {448, 449, 464, 1e6f, INFINITY};
	for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
		assert_int_equal(am_f32_to_e4m3(large[i]), 0x7e);
		assert_int_equal(am_f32_to_e4m3(-large[i]), 0xfe);
	}
	assert_int_equal(am_f32_to_e4m3(NAN), 0x7f);
	assert_int_equal(am_f32_to_e4m3(1e-40f), 0);
}

static void a_normal_value_keeps_four_bits(void **state)
{
	(void)state;
	double worst = 0;
	for (float x = 0x1p-6f; x < 448; x *= 1.0003f)
		worst = fmax(worst, fabs((double)am_e4m3_to_f32(am_f32_to_e4m3(x)) / (double)x - 1));
	assert_true(worst <= 1.0 / 17 + 1e-9 && worst > 0.0586);
}

static void check_round(uint32_t bits)
{
	float x;
	memcpy(&x, &bits, sizeof x);
	float found = am_round_e4m3(x), expected = am_e4m3_to_f32(am_f32_to_e4m3(x));
	if (memcmp(&found, &expected, sizeof found))
		fail_msg("%a: found %a, expected %a", (double)x, (double)found, (double)expected);
}

/* Floats of all sizes, and around every number that is rounded up or saturates. */
static void rounding_without_codes_is_the_same(void **state)
{
	(void)state;
	for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 1009)
		check_round((uint32_t)bits);
	for (int code = 0; code < 0x7f; code++)
		for (int d = -2; d <= 2; d++) {
			float middle = (float)((value_of(code) + value_of(code + 1)) / 2);
			uint32_t bits;
			memcpy(&bits, &middle, sizeof bits);
			check_round(bits + (uint32_t)d);
			check_round((bits + (uint32_t)d) | 0x80000000);
		}
}

static void scales_are_rounded_up_to_powers(void **state)
{
	(void)state;
	for (int e = -120; e <= 120; e++) {
		float power = ldexpf(1, e);
		assert_true(am_round_up_to_power(power) == power);
		assert_true(am_round_up_to_power(nextafterf(power, INFINITY)) == 2 * power);
		assert_true(am_round_up_to_power(nextafterf(power, 0)) == power);
		assert_true(am_e8m0_to_f32((uint8_t)(e + 127)) == power);
	}
	assert_true(am_e8m0_to_f32(0) == ldexpf(1, -127) && am_e8m0_to_f32(254) == ldexpf(1, 127));
	assert_true(isnan(am_e8m0_to_f32(255)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_means_what_the_format_says),
		cmocka_unit_test(rounds_to_nearest_even),
		cmocka_unit_test(large_values_saturate),
		cmocka_unit_test(a_normal_value_keeps_four_bits),
		cmocka_unit_test(rounding_without_codes_is_the_same),
		cmocka_unit_test(scales_are_rounded_up_to_powers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

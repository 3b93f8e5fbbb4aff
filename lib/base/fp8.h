/* The 8-bit number of FP8 (E4M3, the finite form: 1 sign, 4 exponent and 3 mantissa bits, bias 7, largest
 * 448, no infinities, 0x7f and 0xff NaN) and the power-of-two scale that goes with it.
 * Micikevicius et al., "FP8 formats for deep learning", 2022; scales as in the OCP
 * microscaling formats, 2023. */
#ifndef AM_BASE_FP8_H
#define AM_BASE_FP8_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define AM_E4M3_MAX 448.0f

/* To nearest, ties to even; beyond +-448 the nearest of these, NaN gives 0x7f. */
static inline uint8_t am_f32_to_e4m3(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	uint32_t sign = u >> 24 & 0x80, mag = u & 0x7fffffff;
	if (mag > 0x7f800000)
		return 0x7f;
	float a;
	memcpy(&a, &mag, sizeof a);
	if (a >= AM_E4M3_MAX)
		return (uint8_t)(sign | 0x7e);
	if (a < 0x1p-6f) /* steps of 2^-9; the sum rounds to an integer */
		return (uint8_t)(sign | (uint32_t)((a * 0x1p9f + 0x1p23f) - 0x1p23f));
	uint32_t rounded = mag + 0x7ffff + (mag >> 20 & 1);
	return (uint8_t)(sign | ((rounded >> 20) - (120u << 3)));
}

/* Exact. */
static inline float am_e4m3_to_f32(uint8_t code)
{
	uint32_t mag = code & 0x7f, u;
	float f = (float)mag * 0x1p-9f; /* subnormal */
	if (mag >= 8) {
		u = mag == 0x7f ? 0x7fc00000 : (mag + (120u << 3)) << 20;
		memcpy(&f, &u, sizeof f);
	}
	return code & 0x80 ? -f : f;
}

/* am_e4m3_to_f32(am_f32_to_e4m3(x)) without a branch, so that loops become vectors. Adding a number
 * 2^20 times as large as the leading bit leaves three bits behind it. */
static inline float am_round_e4m3(float x)
{
	int32_t u, mag, step;
	memcpy(&u, &x, sizeof u);
	mag = u & 0x7fffffff;
	const int32_t most = 0x43e00000, least = 121 << 23; /* 448, and 2^-6, below which steps are even */
	bool nan = mag > 0x7f800000;
	mag = mag > most ? most : mag;
	step = mag & 0x7f800000;
	step = (step > least ? step : least) + (20 << 23);
	float a, s;
	memcpy(&a, &mag, sizeof a);
	memcpy(&s, &step, sizeof s);
	a = (a + s) - s;
	memcpy(&mag, &a, sizeof mag);
	mag = nan ? 0x7fc00000 : mag | (u & INT32_MIN);
	memcpy(&a, &mag, sizeof a);
	return a;
}

/* 2^n of a scale stored as its biased exponent (E8M0); 255 is NaN. */
static inline float am_e8m0_to_f32(uint8_t code)
{
	uint32_t u = code == 255 ? 0x7fc00000 : code == 0 ? 0x00400000 : (uint32_t)code << 23;
	float f;
	memcpy(&f, &u, sizeof f);
	return f;
}

/* The smallest power of two that is not below x; x positive and normal, at most 2^127. */
static inline float am_round_up_to_power(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	u = (u + 0x7fffff) & 0x7f800000;
	memcpy(&x, &u, sizeof x);
	return x;
}

#endif

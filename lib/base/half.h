/* Conversion between float and the 16-bit types of model files. */
#ifndef AM_BASE_HALF_H
#define AM_BASE_HALF_H

#include <stdint.h>
#include <string.h>

/* bfloat16 is the upper half of an IEEE binary32. */
static inline float am_bf16_to_f32(uint16_t h)
{
	uint32_t u = (uint32_t)h << 16;
	float f;
	memcpy(&f, &u, sizeof f);
	return f;
}

/* To nearest, ties to even; a NaN stays one. */
static inline uint16_t am_f32_to_bf16(float f)
{
	uint32_t u;
	memcpy(&u, &f, sizeof u);
	uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
	uint32_t nan = u >> 16 | 0x40;
	return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

/* IEEE binary16, subnormals, infinities and NaN included. Branch-free: the
 * exponent is rebased by a multiplication, which also normalises subnormals. */
static inline float am_f16_to_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
	uint32_t mag = (uint32_t)(h & 0x7fffu) << 13;
	float f;
	memcpy(&f, &mag, sizeof f);
	f *= 0x1p112f; /* 2^(127 - 15) */
	uint32_t u;
	memcpy(&u, &f, sizeof u);
	u |= (h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0;
	u |= sign;
	memcpy(&f, &u, sizeof f);
	return f;
}

#endif

/* Short vectors of the compiler, AM_VW floats wide, for kernel bodies that are
 * compiled once per ISA. Everything works on blocks of 16 lanes whatever the
 * width and without fused multiply-add, so all ISAs round alike. */
#ifndef AM_KERNELS_GENERIC_VEC_H
#define AM_KERNELS_GENERIC_VEC_H

#ifndef AM_VW
#error "define AM_VW (floats a vector: 4, 8 or 16) before this header"
#endif

#include <stdint.h>
#include <string.h>

#define LANES 16
#define UNROLL (LANES / AM_VW)

typedef float vf __attribute__((vector_size(4 * AM_VW)));
typedef int32_t vi __attribute__((vector_size(4 * AM_VW)));

static inline vf vf_load(const float *p)
{
	vf v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline void vf_store(float *p, vf v)
{
	memcpy(p, &v, sizeof v);
}

static inline vf vf_set(float x)
{
	return (vf){0} + x;
}

/* mask lane set ? a : b; a NaN that does not compare takes b. */
static inline vf vf_pick(vi mask, vf a, vf b)
{
	return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* Sum of a block's lanes in float64, four chains of additions wide. */
static inline double vf_sum(const vf *v)
{
	float x[LANES];
	double s[4] = {0};
	memcpy(x, v, sizeof x);
	for (int i = 0; i < LANES; i += 4)
		for (int j = 0; j < 4; j++)
			s[j] += (double)x[i + j];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

#define EXP_MIN (-104.0f) /* exp of this rounds to 0 in float32 */

/* exp(u) for u <= 0, at most 1 ulp (over all floats 0.989, and 0.751 where the
 * result is subnormal); exactly 0 from -104 down, NaN for NaN. u = k ln 2 + r with |r| <= ln2/2; exp(r) =
 * 1 + r + r^2 q(r), q a minimax fit of degree 4 (relative error 3e-9). */
static inline vf vf_exp(vf u)
{
	const vf magic = vf_set(0x1.8p23f); /* adding it rounds to an integer */
	vf k = u * 0x1.715476p+0f + magic;
	vi ki = (vi)k - (vi)magic;
	k -= magic;
	vf r = (u - k * 0x1.63p-1f) + k * 0x1.bd0106p-13f; /* ln 2 in two parts */
	vf q = vf_set(0x1.6a2256p-10f);
	q = q * r + 0x1.123b02p-7f;
	q = q * r + 0x1.5558f8p-5f;
	q = q * r + 0x1.555490p-3f;
	q = q * r + 0x1.fffffcp-2f;
	vf p = (r + r * r * q) + 1.0f;
	/* 2^k in two factors, so that a subnormal result is rounded once. */
	vi half = ki >> 1, rest = ki - half;
	return p * (vf)((half + 127) << 23) * (vf)((rest + 127) << 23);
}

#endif

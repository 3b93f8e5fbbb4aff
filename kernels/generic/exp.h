/* The exponential of the row kernels, included by generic/row.h. <isa>/row.c brings, after
 * generic/vec.h,
 *   vf vf_fma(vf a, vf b, vf c)    a b + c, rounded once (scalar: twice)
 *   vf vf_max(vf a, vf b)          the larger; b where a lane of either is NaN
 *   vf vf_min(vf a, vf b)          likewise
 * and may define AM_VF_SCALE and bring
 *   vf vf_scale(vf p, vf k, vi ki) p 2^k, rounded once; k = ki an integer in -151 .. 0 */
#ifndef AM_KERNELS_GENERIC_EXP_H
#define AM_KERNELS_GENERIC_EXP_H

#include "kernels/generic/vec.h"

#define EXP_MIN (-104.0f) /* exp of this rounds to 0 in float32 */

#ifndef AM_VF_SCALE
/* In two factors, so that a subnormal result is rounded once. */
static inline vf vf_scale(vf p, vf k, vi ki)
{
	(void)k;
	vi half = ki >> 1, rest = ki - half;
	return p * (vf)((half + 127) << 23) * (vf)((rest + 127) << 23);
}
#endif

/* exp(u) for u in EXP_MIN .. 0, at most 1.02 ulp (measured in docs/numerics-bounds.md); exactly
 * 0 at EXP_MIN, NaN for NaN. u = k ln 2 + r with |r| <= ln2/2; exp(r) = 1 + r + r^2 q(r), q a
 * minimax fit of degree 4 (relative error 3e-9). In three steps, so that a loop may have
 * several on their way. */
typedef struct exp_step {
	vf u, t, k, x; /* t = k + EXP_MAGIC; x = r, then exp(r) */
} exp_step;

#define EXP_MAGIC 0x1.8p23f /* adding it rounds to an integer */

static inline exp_step exp_reduce(vf u)
{
	vf t = vf_fma(u, vf_set(0x1.715476p+0f), vf_set(EXP_MAGIC)), k = t - EXP_MAGIC;
	vf r = vf_fma(k, vf_set(-0x1.63p-1f), u); /* ln 2 in two parts */
	return (exp_step){u, t, k, vf_fma(k, vf_set(0x1.bd0106p-13f), r)};
}

static inline exp_step exp_series(exp_step e)
{
	vf r = e.x, q = vf_fma(vf_set(0x1.6a2256p-10f), r, vf_set(0x1.123b02p-7f));
	q = vf_fma(q, r, vf_set(0x1.5558f8p-5f));
	q = vf_fma(q, r, vf_set(0x1.555490p-3f));
	q = vf_fma(q, r, vf_set(0x1.fffffcp-2f));
	e.x = vf_fma(r * r, q, r) + 1.0f;
	return e;
}

static inline vf exp_scale(exp_step e)
{
	return vf_scale(e.x, e.k, (vi)e.t - (vi)vf_set(EXP_MAGIC));
}

static inline vf vf_exp(vf u)
{
	return exp_scale(exp_series(exp_reduce(u)));
}

#endif

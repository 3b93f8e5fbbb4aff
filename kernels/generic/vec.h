/* Short vectors of the compiler, AM_VW floats wide, for kernel bodies that are
 * compiled once per ISA. Row kernels work on blocks of 16 lanes whatever the width, so
 * that all ISAs with the same arithmetic round alike. */
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
typedef double vd __attribute__((vector_size(8 * AM_VW)));

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
	return x - (vf){0}; /* x itself: + 0 would be an addition, for the sake of -0 */
}

/* The first n < AM_VW of p, `rest` behind them; and back. */
#ifndef AM_VF_SOME
static inline vf vf_load_some(const float *p, int n, float rest)
{
	float x[AM_VW];
	for (int i = 0; i < AM_VW; i++)
		x[i] = i < n ? p[i] : rest;
	return vf_load(x);
}

static inline void vf_store_some(float *p, int n, vf v)
{
	memcpy(p, &v, (size_t)n * sizeof *p);
}
#endif

/* mask lane set ? a : b; a NaN that does not compare takes b. */
static inline vf vf_pick(vi mask, vf a, vf b)
{
	return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

#endif

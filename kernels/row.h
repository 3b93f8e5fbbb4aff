/* Tables the registry knows; one a compiled ISA. Internal to kernels. */
#ifndef AM_KERNELS_ROW_H
#define AM_KERNELS_ROW_H

#include "kernels/kernels.h"

extern const am_kernels am_kernels_scalar;
#ifdef AM_HAVE_NEON
extern const am_kernels am_kernels_neon;
#endif
#ifdef AM_HAVE_AVX2
extern const am_kernels am_kernels_avx2;
#endif
#ifdef AM_HAVE_AVX512
extern const am_kernels am_kernels_avx512;
#endif
#ifdef AM_HAVE_AVX512_BF16
extern const am_kernels am_kernels_avx512_bf16; /* the same name, with gemm_bf16 */
#endif

#endif

/* Matrix products, row-major float32, on OpenBLAS held to one thread: call from
 * as many of our own threads as there are. */
#ifndef AM_KERNELS_GEMM_H
#define AM_KERNELS_GEMM_H

#include "base/error.h"

/* Once, before the first product: one BLAS thread, and a small product checked
 * against plain C, because some OpenBLAS builds compute wrong results on
 * processors newer than they are. AM_ERR_NUMERIC says so. */
am_status am_gemm_init(am_error *err) AM_MUST_CHECK;
/* AM_ERR_MEMORY when there is no address space for the buffers of that many threads:
 * OpenBLAS would not fail for want of it but try again without end. */
am_status am_gemm_room(int threads, am_error *err) AM_MUST_CHECK;
/* What the BLAS calls itself: version, target core. */
const char *am_gemm_describe(void);

/* C[m][n] = alpha * A[m][k] . B[n][k]^T + beta * C (ld* = row strides). */
void am_gemm_nt(int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                float beta, float *c, int ldc);
/* C[m][n] = alpha * A[m][k] . B[k][n] + beta * C */
void am_gemm_nn(int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                float beta, float *c, int ldc);

#endif

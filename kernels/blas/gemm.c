#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#endif
#include "kernels/gemm.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>

#define BUFFER_BYTES (((size_t)128 << 20) + 4096) /* of OpenBLAS, for each thread that multiplies */

void am_gemm_nt(int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                float beta, float *c, int ldc)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, alpha, a, lda, b, ldb, beta, c,
	            ldc);
}

void am_gemm_nn(int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                float beta, float *c, int ldc)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c,
	            ldc);
}

const char *am_gemm_describe(void)
{
	static char text[128];
	snprintf(text, sizeof text, "OpenBLAS %s", openblas_get_corename());
	return text;
}

/* Sizes past the kernels' unrolling, with remainders in every direction. */
enum { M = 37, N = 53, K = 67 };

static am_status compare(const char *what, const float *a, const float *b, int b_row, int b_col,
                         const float *c, am_error *err)
{
	for (int i = 0; i < M; i++)
		for (int j = 0; j < N; j++) {
			double exact = 0;
			for (int l = 0; l < K; l++)
				exact += (double)a[i * K + l] * (double)b[j * b_col + l * b_row];
			if (!(fabs((double)c[i * N + j] - exact) <= 1e-4))
				return am_fail(err, AM_ERR_NUMERIC,
				               "%s computes wrong matrix products on this processor (%s, expected "
				               "%g, found %g); try OPENBLAS_CORETYPE=Haswell",
				               am_gemm_describe(), what, exact, (double)c[i * N + j]);
		}
	return AM_OK;
}

/* Only the address space is asked for, which is what `ulimit -v` limits. */
am_status am_gemm_room(int threads, am_error *err)
{
	size_t bytes = (size_t)threads * BUFFER_BYTES;
	if (!bytes)
		return AM_OK;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return am_fail(err, AM_ERR_MEMORY, "out of memory: OpenBLAS needs %zu MB of address space for %d thread%s; "
		               "-t 1 and OPENBLAS_NUM_THREADS=1 need the least", bytes >> 20, threads,
		               threads == 1 ? "" : "s");
	munmap(p, bytes);
	return AM_OK;
}

am_status am_gemm_init(am_error *err)
{
	am_status s = am_gemm_room(1, err);
	if (s)
		return s;
	static float a[M * K], b[N * K], c[M * N];
	openblas_set_num_threads(1);
	for (int i = 0; i < M * K; i++)
		a[i] = (float)((i * 37) % 101) / 101.0f - 0.5f;
	for (int i = 0; i < N * K; i++)
		b[i] = (float)((i * 53) % 103) / 103.0f - 0.5f;
	am_gemm_nt(M, N, K, 1, a, K, b, K, 0, c, N);
	s = compare("A B^T", a, b, 1, K, c, err);
	if (s)
		return s;
	am_gemm_nn(M, N, K, 1, a, K, b, N, 0, c, N);
	return compare("A B", a, b, N, 1, c, err);
}

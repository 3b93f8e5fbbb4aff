/* Vectors of columns in AVX-512: 8 weights, since mostly no more buckets are sorted, and half as wide
 * ones go through twice as many a cycle. */
#ifndef AM_KERNELS_AVX512_COLUMN_H
#define AM_KERNELS_AVX512_COLUMN_H

#include <immintrin.h>
#include <stdint.h>

#define COLUMN_VW 8
typedef float cf __attribute__((vector_size(32)));
typedef int32_t ci __attribute__((vector_size(32)));

static inline cf cf_max(cf a, cf b)
{
	return (cf)_mm256_max_ps((__m256)a, (__m256)b);
}

static inline cf cf_min(cf a, cf b)
{
	return (cf)_mm256_min_ps((__m256)a, (__m256)b);
}

#endif

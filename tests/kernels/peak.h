/* The most that multiply-adds could reach: registers only, nothing loaded. */
#ifndef AM_TESTS_KERNELS_PEAK_H
#define AM_TESTS_KERNELS_PEAK_H

#include "kernels/kernels.h"

/* 1e9 operations a second (a multiply-add is two) of one core with the vectors of
 * that table, in float32 or in bfloat16 pairs; 0 where there is no measure. */
double bench_peak(const am_kernels *k, int bf16);

#endif

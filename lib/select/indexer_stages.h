/* The stages of the Lightning Indexer, one vector at a time. */
#ifndef AM_SELECT_INDEXER_STAGES_H
#define AM_SELECT_INDEXER_STAGES_H

#include "select/indexer.h"

/* y = weight * (x - mean) / sqrt(var + eps) + bias over n entries, population variance,
 * statistics in float64 (layer norm); weight * x / sqrt(mean(x^2) + eps) (RMS norm);
 * x. y may be x. */
void am_index_norm_row(am_index_norm norm, double eps, const float *x, const float *weight, const float *bias,
                       int n, float *y);

/* x[n] rounded to bfloat16. */
void am_round_bf16(float *x, int n);

/* x[dims] turned in place, pair i by the angle of cos[i] and sin[i], i < dims / 2. */
void am_rotate_pairs(am_rope_pairs pairs, float *x, const float *cos, const float *sin, int dims);

/* x <- n^-1/2 H x in place, H the Hadamard matrix of Sylvester (natural order) and n a power of
 * two: its own inverse. Butterflies (a, b) -> (a + b, a - b) at strides 1, 2, 4, ... */
void am_hadamard(float *x, int n);

/* x[n] becomes x / s rounded to E4M3 in each block of AM_FP8_BLOCK, s = max(|x|, 1e-4) / 448 of
 * the block, rounded up to a power of two if `power`. Up to one block: the scale is returned.
 * Beyond: each block is multiplied by its scale again, and 1 is returned. */
float am_fp8_round(float *x, int n, bool power);

/* The largest of `worst` and |x[i]|; NaN when one is. */
float am_index_largest(float worst, const float *x, int n);

/* One q or k vector of d_I after projection and norm: rotation, Hadamard, rounding. Returns
 * the scale. */
float am_index_finish(const am_index_form *f, float *x, const float *cos, const float *sin);
/* Its last step alone: rounding to f->precision. */
float am_index_round(const am_index_form *f, float *x);

#endif

/* Selection in plain C, used by every ISA. Contracts in kernels.h. */
#ifndef AM_KERNELS_SELECT_H
#define AM_KERNELS_SELECT_H

#include "kernels/kernels.h"

void am_row_mass_scalar(const float *weight, int n, const int *k, int n_k, const double *tau,
                        int n_tau, float *mass, int32_t *count, void *scratch);
void am_row_topk_scalar(const float *score, int n, int k, int32_t *index, void *scratch);

#endif

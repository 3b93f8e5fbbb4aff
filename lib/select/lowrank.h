/* Bases of keys and queries in a few dimensions. Internal to lib/select. */
#ifndef AM_SELECT_LOWRANK_H
#define AM_SELECT_LOWRANK_H

#include <stdbool.h>
#include <stdint.h>

/* The `rank` directions of the largest variance of key[n][d], as rows of basis[rank][d], by
 * falling variance; a direction without variance is a zero row. The variance is about the
 * mean with `centre`, else about 0. work: am_pca_work(d) doubles. */
void am_pca(const float *key, int n, int d, bool centre, int rank, float *basis, double *work);
int64_t am_pca_work(int d);

/* The rows e_c of the `rank` channels c of the largest sum over pairs of positions s <= t < n
 * of |q_tc| |k_sc|, by falling sum, equal ones by rising channel. query[n][d] holds |q|,
 * summed over query heads; key[n][d]. work: am_channel_work(d) doubles. */
void am_channels(const float *query, const float *key, int n, int d, int rank, float *basis, double *work);
int64_t am_channel_work(int d);

#endif

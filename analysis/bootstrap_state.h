/* Internal to the bootstrap: cells that are resampled together. */
#ifndef AM_ANALYSIS_BOOTSTRAP_STATE_H
#define AM_ANALYSIS_BOOTSTRAP_STATE_H

#include "analysis/bootstrap.h"

#include <gsl/gsl_rng.h>
#include <stdbool.h>
#include <stddef.h>

#define AM_BOOT_LANES 32 /* cells that share one pass of draws */

/* Sequences with a value, ordered by task, for cells with the same gaps. */
typedef struct am_boot_frame {
	int n;         /* sequences with a value */
	int n_group;   /* tasks with such a sequence */
	int *sequence; /* [n] */
	int *first;    /* [n_group + 1] where each task starts in `sequence` */
} am_boot_frame;

typedef struct am_boot {
	am_boot_frame f;
	double *lanes;  /* [n][AM_BOOT_LANES] values times their weight in the estimate */
	double *sample; /* [AM_BOOT_LANES][resamples] estimates, or t values */
	gsl_rng *rng;
} am_boot;

/* value[n_lane][n_sequence] into the lanes of the frame; the others are 0. */
void am_boot_load(am_boot *w, const double *value, int n_sequence, int n_lane);
void am_boot_seed(am_boot *w, uint64_t seed);

/* A sequence of a group, weighted values of all lanes. */
static inline const double *am_boot_draw(am_boot *w, int group, unsigned long size)
{
	size_t pick = (size_t)w->f.first[group] + gsl_rng_uniform_int(w->rng, size);
	return w->lanes + pick * AM_BOOT_LANES;
}

/* Estimate of a lane, and what of a sum in it is rounding. */
double am_boot_estimate(const am_boot *w, int lane, double *tolerance);
/* BCa's acceleration; *spread: the largest weighted deviation from the task's mean. */
double am_boot_acceleration(const am_boot *w, int lane, double *spread);
/* Quantile of sample[n], which it reorders. */
double am_boot_quantile(double *sample, int n, double p);

/* out[n_lane] of loaded lanes: BCa or percentile intervals. */
void am_boot_resampled(am_boot *w, int n_lane, int resamples, uint64_t seed, bool bca, am_interval *out);
/* Studentised ones, of the value[n_lane][n_sequence] that was loaded. */
void am_boot_studentised(am_boot *w, const double *value, const int *task, int n_sequence, int n_task,
                         int n_lane, int resamples, uint64_t seed, am_interval *out);

#endif

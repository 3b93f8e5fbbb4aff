/* Tables of task results: accuracy at every point of a sweep, what separates two points, and
 * whether there is a trend. The samples are the same at every point. */
#ifndef AM_ANALYSIS_EVALUATION_H
#define AM_ANALYSIS_EVALUATION_H

#include "analysis/table.h"
#include "base/error.h"

#include <stdint.h>

enum { AM_EVALUATION_POINTS = 64 }; /* of a sweep, at most */

typedef enum { AM_SWEEP_NONE, AM_SWEEP_K, AM_SWEEP_RATIO, AM_SWEEP_PRECISION } am_sweep;

/* "k", "ratio", "precision"; NULL for none. */
const char *am_sweep_name(am_sweep s);

typedef struct am_evaluation_point {
	const char *attention;
	int k;                   /* 0: null */
	double ratio, precision; /* NaN: null */
} am_evaluation_point;

typedef struct am_evaluation {
	int n_points, n_samples, n_groups;
	am_sweep sweep;
	const am_evaluation_point *point; /* [n_points] */
	const char *const *task;          /* [n_groups] */
	const int *length;                /* [n_groups] tokens */
	const int *group;                 /* [n_samples] task and length of each */
	const double *accuracy, *score;   /* [n_points][n_samples] in [0, 1] */
	const double *retained;           /* [n_points][n_samples], NaN where unknown */
	int resamples;
	uint64_t seed;
} am_evaluation;

/* A row a group and point: accuracy with its Wilson interval, mean score, mean retained mass. */
am_status am_evaluation_table(const am_evaluation *e, am_table *out, am_error *err) AM_MUST_CHECK;
/* A row a point: the mean over the groups, with bootstrap intervals over samples. */
am_status am_evaluation_overall(const am_evaluation *e, am_table *out, am_error *err) AM_MUST_CHECK;
/* A row a group and point but one: accuracy there less that at the reference, which is dense
 * attention where the points have it, else the point with the largest k, ratio or precision (else
 * the last): bootstrap interval of the paired difference, McNemar's exact p. */
am_status am_evaluation_pairs(const am_evaluation *e, am_table *out, am_error *err) AM_MUST_CHECK;
/* A row a group: accuracy against what was swept (Spearman over points; Jonckheere over
 * samples) and against the retained mass. Dense points, which have no place in the order, are
 * left out. No rows without a sweep. */
am_status am_evaluation_trends(const am_evaluation *e, am_table *out, am_error *err) AM_MUST_CHECK;

/* --- shared with the pictures ------------------------------------------------ */

/* Where a point stands in the order of the sweep; NaN for dense points and without a sweep. */
double am_evaluation_level(const am_evaluation *e, int point);
/* Mean of value[n_samples] over a group's samples, or (group -1) over groups; NaN values left out. */
double am_evaluation_mean(const am_evaluation *e, const double *value, int group);
/* Accuracy of a group (Wilson) or of all (bootstrap) at a point. */
am_status am_evaluation_interval(const am_evaluation *e, int point, int group, double *low, double *high,
                                 am_error *err) AM_MUST_CHECK;

#endif

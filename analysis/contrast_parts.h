/* Internal to contrast.h: what paired and unpaired runs share. */
#ifndef AM_ANALYSIS_CONTRAST_PARTS_H
#define AM_ANALYSIS_CONTRAST_PARTS_H

#include "analysis/contrast.h"

/* Means, change and percent. */
void am_contrast_means(am_contrast *c, double mean_a, double mean_b);
/* Tests against the margin from values whose estimate is the change; c->change and
 * c->mean_a are set. */
void am_contrast_margin(const am_contrast_options *o, const double *value, const int *task, int n, int n_task,
                        am_contrast *c);
/* Intervals of the estimates of value[n_cell][n], which are the changes. */
am_status am_contrast_intervals(const am_contrast_options *o, const double *value, const int *task, int n,
                                int n_task, int n_cell, am_contrast *out, am_error *err) AM_MUST_CHECK;
/* q_bh and q_by from p_wilcoxon. */
am_status am_contrast_adjust(int n_cell, am_contrast *out, am_error *err) AM_MUST_CHECK;

#endif

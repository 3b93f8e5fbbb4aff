/* Pictures of a comparison, in the manner of plot.h: layer x head map of changes, forest,
 * volcano, paired scatter, and change against query position. Numbers are those of the
 * table (compare.h) of the first metric; docs/plots.md describes each picture. */
#ifndef AM_ANALYSIS_PLOT_COMPARE_H
#define AM_ANALYSIS_PLOT_COMPARE_H

#include "analysis/compare.h"
#include "analysis/plot.h"

/* Draws every kind that the first metric allows; nll, which has no heads, has only its
 * change against position. Compares twice more: once for all heads, once by position.
 * Failures as am_plot_draw and am_compare. */
am_status am_plot_comparison(am_run *a, am_run *b, const am_compare_options *o, const am_plot_options *p,
                             const char *dir, am_text *files, am_error *err) AM_MUST_CHECK;

#endif

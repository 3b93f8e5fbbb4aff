/* P values adjusted for the number of tests that hold the false discovery rate:
 * Benjamini, Hochberg, JRSS B 57 (1995), for independent or positively dependent
 * tests, and Benjamini, Yekutieli, Ann. Stat. 29 (2001), for any. Private to
 * analysis. */
#ifndef AM_ANALYSIS_MULTIPLICITY_H
#define AM_ANALYSIS_MULTIPLICITY_H

#include "base/error.h"

/* p[n] to bh[n] and by[n]: the least rate at which each would be called. NaN stays
 * NaN and is not of the family. */
am_status am_adjust_fdr(const double *p, int n, double *bh, double *by, am_error *err) AM_MUST_CHECK;

#endif

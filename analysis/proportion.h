/* Intervals of shares of samples. */
#ifndef AM_ANALYSIS_PROPORTION_H
#define AM_ANALYSIS_PROPORTION_H

#include "analysis/bootstrap.h"

/* Wilson's score interval (1927) of hits in n trials, at AM_BOOTSTRAP_LEVEL; NaN when n is 0. */
am_interval am_wilson(int hits, int n);

#endif

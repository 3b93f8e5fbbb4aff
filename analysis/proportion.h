/* Shares of samples: their interval, and whether two of the same samples differ. */
#ifndef AM_ANALYSIS_PROPORTION_H
#define AM_ANALYSIS_PROPORTION_H

#include "analysis/bootstrap.h"

/* Wilson's score interval (1927) of hits in n trials, at AM_BOOTSTRAP_LEVEL; NaN when n is 0. */
am_interval am_wilson(int hits, int n);

/* McNemar's exact two-sided p of two outcomes of the same samples: `gained` of them have the
 * second alone, `lost` the first alone. 1 when there are none. */
double am_mcnemar(int gained, int lost);

#endif

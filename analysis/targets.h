/* Target entropies for a temperature-matched control, as `run --temperatures` reads them: what a
 * model has to be sharpened to, head by head, so that its mean entropy is that of another run. */
#ifndef AM_ANALYSIS_TARGETS_H
#define AM_ANALYSIS_TARGETS_H

#include "analysis/compare.h"

/* The mean entropies of a and b for every captured layer and head, over the rows that pair, with
 * the sequences and positions they are of, as JSON (docs/pair.md). Of the options position bins and
 * metrics do not matter. AM_ERR_RANGE: the runs do not pair, or a is not of dense attention at its own
 * temperature; AM_ERR_FORMAT: a lacks the tokens of its sequences. */
am_status am_compare_targets(am_run *a, am_run *b, const am_compare_options *o, am_text *out, am_error *err) AM_MUST_CHECK;

#endif

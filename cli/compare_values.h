/* Values of options that say what to compare. */
#ifndef AM_CLI_COMPARE_VALUES_H
#define AM_CLI_COMPARE_VALUES_H

#include "analysis/compare.h"

#include <stdbool.h>

typedef struct am_metric_list {
	am_metric item[AM_COMPARE_METRICS];
	int n;
} am_metric_list;

typedef struct am_margin {
	double value;
	bool relative;
} am_margin;

#define AM_METRIC_LIST_HELP \
	"entropy, normalised, nll, mass@64, mass@5%, keys@0.95, error@64, max_prob, renyi2, score_variance, lse, sink_mass, " \
	"recent_mass, mean_distance"

/* "entropy,mass@64" into an am_metric_list; later uses add to it. For AM_OPT_CALL. */
am_status am_parse_metrics(void *target, const char *text, am_error *err) AM_MUST_CHECK;
/* "0.05" in the unit of the metric, or "2%" of the mean of A, into an am_margin. */
am_status am_parse_margin(void *target, const char *text, am_error *err) AM_MUST_CHECK;

#endif

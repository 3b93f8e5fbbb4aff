/* Names of what can be compared between runs: a field of the run file, an index of
 * its last axis, and whether it is divided by ln of the visible keys. */
#ifndef AM_ANALYSIS_METRIC_H
#define AM_ANALYSIS_METRIC_H

#include "base/error.h"
#include "runfile/reader.h"

#include <stdbool.h>

typedef enum { AM_METRIC_ROWS, AM_METRIC_NORMALISED, AM_METRIC_NLL } am_metric_kind;

typedef struct am_metric {
	char name[32]; /* as printed: "entropy", "mass@64", "mass@5%", "keys@0.95" */
	am_metric_kind kind;
	am_field field;
	int inner;      /* index along the field's last axis, 0 without one */
	am_axis axis;   /* of that index */
	double at;      /* its value: k, ratio or mass; 0 without one */
	const char *unit;
} am_metric;

/* The names, separated by blanks, for help and messages. */
extern const char am_metric_names[];

/* Whether text is such a name. AM_ERR_USAGE says what was expected; `out` without
 * the index, which depends on the run. */
am_status am_metric_parse(const char *text, am_metric *out, am_error *err) AM_MUST_CHECK;
/* Finds the index in a run; AM_ERR_FORMAT names the field or the value it lacks, and
 * the values it has. */
am_status am_metric_find(am_metric *m, const am_run *run, am_error *err) AM_MUST_CHECK;
/* Whether am_metric_find would succeed. */
bool am_metric_has(const am_metric *m, const am_run *run);

#endif

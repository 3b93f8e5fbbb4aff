/* What the tables of entropy.h and coverage.h aggregate, and how. */
#ifndef AM_ANALYSIS_AGGREGATE_OPTIONS_H
#define AM_ANALYSIS_AGGREGATE_OPTIONS_H

#include <stdint.h>

/* Which rows a table holds: a level and those above it. */
typedef enum { AM_LEVEL_HEAD, AM_LEVEL_LAYER, AM_LEVEL_OVERALL } am_aggregate_level;

typedef struct am_aggregate_options {
	int position_bins;        /* 0: no position table; else rows are also split by position */
	int resamples;            /* bootstrap resamples, at least 1 */
	uint64_t seed;            /* of the resampling */
	int min_position;         /* rows at an earlier position are left out */
	am_aggregate_level level; /* AM_LEVEL_HEAD: everything */
} am_aggregate_options;

/* No position table, 9999 resamples, seed 0, position 0, everything. */
void am_aggregate_options_init(am_aggregate_options *o);

#endif

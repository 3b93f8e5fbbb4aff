/* Speed of this build on this machine, each figure beside the limit that bounds it,
 * measured in the same run. */
#ifndef AM_PROBES_BENCH_H
#define AM_PROBES_BENCH_H

#include "base/error.h"

typedef struct am_bench_options {
	const char *model;   /* directory */
	int tokens;          /* context the model is measured at; 0: 4096 */
	int threads;         /* 0: all available */
	const char *kernels; /* NULL: best */
	const char *only;    /* a part's name, NULL for all: limits always run */
	const char *scratch; /* folder for the file that is written and removed; NULL: "." */
	double seconds;      /* least time a figure is measured for; 0: 0.5 */
} am_bench_options;

typedef struct am_bench_figure {
	const char *part; /* limit, attention, forward, selection, decode, write */
	const char *what;
	double value;
	const char *unit;  /* of the value: "GFLOP/s", "GB/s", "ns/score", ... */
	const char *limit; /* what bounds it, a `what` of part limit; NULL for limits */
	double ratio;      /* share of the limit reached, or of the base figure named by limit */
} am_bench_figure;

/* What was measured, with defaults filled in. */
typedef struct am_bench_setting {
	int tokens, threads;
	const char *kernels; /* name of the table; static */
} am_bench_setting;

/* Calls emit(ctx, figure) for every figure as it is measured; the strings are static.
 * The best of several repetitions counts. */
am_status am_bench_run(const am_bench_options *o, void (*emit)(void *ctx, const am_bench_figure *f), void *ctx,
                       am_bench_setting *out, am_error *err) AM_MUST_CHECK;

#endif

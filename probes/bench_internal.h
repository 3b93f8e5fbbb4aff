/* Shared by the files of the benchmark. */
#ifndef AM_PROBES_BENCH_INTERNAL_H
#define AM_PROBES_BENCH_INTERNAL_H

#include "base/threads.h"
#include "kernels/kernels.h"
#include "model/model.h"
#include "probes/bench.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct am_bench {
	const am_bench_options *o;
	am_threads *threads;
	const am_kernels *kernels;
	am_model *model;
	int tokens;
	double seconds;
	void (*emit)(void *ctx, const am_bench_figure *f);
	void *ctx;
	/* Limits, once measured. */
	double gflops, read_gbs, disk_mbs;
} am_bench;

/* Is this part asked for? */
bool am_bench_wants(const am_bench *b, const char *part);
void am_bench_say(const am_bench *b, const char *part, const char *what, double value, const char *unit,
                  const char *limit, double ratio);
/* Least seconds of one call of fn(arg), repeated for at least b->seconds and 3 times. */
double am_bench_time(const am_bench *b, void (*fn)(void *arg), void *arg);

/* Measures the limits and says them. */
am_status am_bench_limits(am_bench *b, am_error *err) AM_MUST_CHECK;
am_status am_bench_model(am_bench *b, am_error *err) AM_MUST_CHECK;     /* attention, forward, decode */
/* Row kernels; the writer of run files. */
am_status am_bench_selection(am_bench *b, am_error *err) AM_MUST_CHECK;
am_status am_bench_write(am_bench *b, am_error *err) AM_MUST_CHECK;

#endif

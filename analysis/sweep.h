/* One sweep over a field for everything that wants its rows: sums for means, tallies for
 * quantiles, NaN rows. A task a layer and head, so that no two threads add to the same
 * place and the sums have the same order whatever the threads. Private to analysis. */
#ifndef AM_ANALYSIS_SWEEP_H
#define AM_ANALYSIS_SWEEP_H

#include "analysis/aggregate.h"
#include "analysis/quantile.h"

/* Rows of a band that are neighbours of one sequence and bin, at most AM_SEGMENT_ROWS. */
#define AM_SEGMENT_ROWS 256
typedef struct am_segment {
	int64_t from; /* of the band */
	int n, sequence, bin;
} am_segment;

/* Writes the segments of rows first .. first + n - 1 to out[n] at most; returns how many. */
int am_segments_set(const am_aggregate *a, int64_t first, int64_t n, am_segment *out);

/* Sum of x[i stride] factor[i] for i < n <= AM_SEGMENT_ROWS where ok[i]; factor may be NULL.
 * In lanes, so that additions need not wait for each other. */
double am_segment_sum(const float *x, int stride, const double *factor, const unsigned char *ok, int n);

/* Sums behind means, of the layers of a band: [layer][head][bin][sequence][inner]. */
typedef struct am_sums {
	const am_aggregate *a;
	int layers, inner;
	bool normalise;
	double *sum;
	int32_t *count;
	am_means means; /* of all layers, filled band by band */
} am_sums;

/* For bands of rows->layers. am_sums_fini at the end in any case; it drops what is in
 * `means`. */
am_status am_sums_init(am_sums *t, const am_aggregate *a, const am_rows *rows, bool normalise, am_error *err) AM_MUST_CHECK;
void am_sums_fini(am_sums *t);
void am_sums_zero(am_sums *t);
/* Adds a segment of a head of layer `layer` of the band: x is its first row's value;
 * factor as in am_sweep. */
void am_sums_add(am_sums *t, int layer, int head, const am_segment *g, const float *x, const double *factor);
/* Means of the n layers from `layer` on, whose rows have all been added. */
void am_sums_store(am_sums *t, int layer, int n);

typedef struct am_sweep {
	const am_aggregate *a;
	am_rows *rows;
	am_sums *sums[2]; /* NULL: none */
	am_tally *tally;  /* [layers from tally_layer on][n_head][n_bin][inner]; NULL: none */
	int tally_layer;
	int64_t *nan;     /* [n_layer][n_head] rows whose first value is NaN, added to; NULL: not counted */

	/* Set up by am_sweep_init. */
	am_segment *segment; /* [block] */
	int n_segment;
	double *inverse_log; /* [n_inverse_log] 1 / ln n */
	int n_inverse_log;
	double *factor;      /* [layers][block] 1 / ln of the row's visible keys, 0 where n < 2 */
	am_rows_view view;
} am_sweep;

/* For am_sums that normalise when `normalise`. am_sweep_fini at the end in any case. */
am_status am_sweep_init(am_sweep *w, const am_aggregate *a, am_rows *rows, bool normalise, am_error *err) AM_MUST_CHECK;
void am_sweep_fini(am_sweep *w);
/* Goes over layers from .. from + n - 1, `from` a multiple of rows->layers. */
am_status am_sweep_run(am_sweep *w, int from, int n, am_error *err) AM_MUST_CHECK;

#endif

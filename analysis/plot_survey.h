/* Internal to the pictures: entropies counted by query position. */
#ifndef AM_ANALYSIS_PLOT_SURVEY_H
#define AM_ANALYSIS_PLOT_SURVEY_H

#include "analysis/plot_picture.h"
#include "analysis/rows.h"

#define AM_SURVEY_BINS 256   /* enough for 8 an octave of any int32 position */
#define AM_SURVEY_PANELS 12  /* all layers together, and 11 layers */
#define AM_SURVEY_CELLS 2048 /* of a histogram, from 0 to ln of the most visible keys of its bin */

/* What a bin of a panel gathers. */
typedef struct am_tally {
	int64_t rows;    /* each layer's counted */
	int64_t values;  /* entropies that are numbers */
	double sum_ln_n; /* nat, over rows */
	int64_t hist[AM_SURVEY_CELLS];
} am_tally;

/* At most 12 x 256 tallies of 16 KiB, whatever the number of rows and heads. */
typedef struct am_survey {
	const am_plot_job *job;
	am_aggregate rows; /* which rows count */
	am_rows entropy;
	int n_panels, n_bins;
	int panel_layer[AM_SURVEY_PANELS]; /* layer index, -1 for all */
	int64_t edge[AM_SURVEY_BINS + 1];  /* bin b: positions [edge[b], edge[b + 1]) */
	double top[AM_SURVEY_BINS];        /* nat: where the histograms of a bin end */
	bool log_axis;
	am_tally *tallies; /* [n_panels][n_bins] */
	int32_t *position; /* [n_rows] */
	int32_t *visible;  /* [entropy.block], of one layer */
} am_survey;

/* Reads where the rows are; AM_ERR_RANGE when min_position leaves none. Close
 * it after a failure too. */
am_status am_survey_open(am_survey *v, const am_plot_job *job, am_error *err) AM_MUST_CHECK;
void am_survey_close(am_survey *v);

/* Chooses panels and bins and counts every entropy, in one pass over them. */
am_status am_survey_take(am_survey *v, am_error *err) AM_MUST_CHECK;

/* Quantile q of a tally whose histogram ends at `top`, interpolated between order
 * statistics at q (N - 1) as in the tables, each off by at most a cell. NaN for no
 * values. */
double am_tally_quantile(const am_tally *t, double top, double q);

#endif

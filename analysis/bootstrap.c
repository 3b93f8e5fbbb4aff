#include "analysis/bootstrap.h"

#include "base/mem.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define LANES 32 /* cells that share one pass of draws */

/* Sequences with a value, ordered by task, for cells with the same gaps. */
typedef struct frame {
	int n;         /* sequences with a value */
	int n_group;   /* tasks with such a sequence */
	int *sequence; /* [n] */
	int *first;    /* [n_group + 1] where each task starts in `sequence` */
} frame;

typedef struct workspace {
	frame f;
	double *lanes;  /* [n][LANES] values times their weight in the estimate */
	double *sample; /* [LANES][resamples] */
	gsl_rng *rng;
} workspace;

double am_bootstrap_estimate(const double *value, const int *task, int n_sequence, int n_task)
{
	double total = 0;
	int n_group = 0;
	for (int t = 0; t < n_task; t++) {
		double sum = 0;
		int n = 0;
		for (int i = 0; i < n_sequence; i++)
			if (task[i] == t && !isnan(value[i])) {
				sum += value[i];
				n++;
			}
		if (n) {
			total += sum / n;
			n_group++;
		}
	}
	return n_group ? total / n_group : NAN;
}

static void frame_fill(frame *f, const double *value, const int *task, int n_sequence, int n_task)
{
	f->n = f->n_group = 0;
	for (int t = 0; t < n_task; t++) {
		int start = f->n;
		for (int i = 0; i < n_sequence; i++)
			if (task[i] == t && !isnan(value[i]))
				f->sequence[f->n++] = i;
		if (f->n > start)
			f->first[f->n_group++] = start;
	}
	f->first[f->n_group] = f->n;
}

static bool same_gaps(const double *a, const double *b, int n)
{
	for (int i = 0; i < n; i++)
		if (isnan(a[i]) != isnan(b[i]))
			return false;
	return true;
}

static void load_lanes(workspace *w, const double *value, int n_sequence, int n_lane)
{
	const frame *f = &w->f;
	memset(w->lanes, 0, (size_t)f->n * LANES * sizeof *w->lanes);
	for (int g = 0; g < f->n_group; g++) {
		double weight = 1.0 / ((double)f->n_group * (f->first[g + 1] - f->first[g]));
		for (int i = f->first[g]; i < f->first[g + 1]; i++)
			for (int c = 0; c < n_lane; c++)
				w->lanes[(size_t)i * LANES + c] = weight * value[(size_t)c * n_sequence + f->sequence[i]];
	}
}

static void draw(workspace *w, int n_lane, int resamples, uint64_t seed)
{
	const frame *f = &w->f;
	gsl_rng_set(w->rng, (unsigned long)(seed ^ seed >> 32)); /* which takes 32 bits */
	for (int b = 0; b < resamples; b++) {
		double sum[LANES] = {0};
		for (int g = 0; g < f->n_group; g++) {
			unsigned long size = (unsigned long)(f->first[g + 1] - f->first[g]);
			for (unsigned long j = 0; j < size; j++) {
				size_t pick = (size_t)f->first[g] + gsl_rng_uniform_int(w->rng, size);
				const double *x = w->lanes + pick * LANES;
				for (int c = 0; c < LANES; c++)
					sum[c] += x[c];
			}
		}
		for (int c = 0; c < n_lane; c++)
			w->sample[(size_t)c * resamples + b] = sum[c];
	}
}

/* Acceleration from the influences U = (n - 1)(mean of leave-one-out estimates
 * - leave-one-out estimate), task by task: for a mean these are (x - mean of the
 * task) times its weight. *spread is the largest weighted deviation. */
static double acceleration(const workspace *w, int lane, double *spread)
{
	const frame *f = &w->f;
	double cubes = 0, squares = 0;
	*spread = 0;
	for (int g = 0; g < f->n_group; g++) {
		int n = f->first[g + 1] - f->first[g];
		double mean = 0;
		for (int i = f->first[g]; i < f->first[g + 1]; i++)
			mean += w->lanes[(size_t)i * LANES + lane] / n;
		for (int i = f->first[g]; i < f->first[g + 1]; i++) {
			double u = w->lanes[(size_t)i * LANES + lane] - mean;
			cubes += u * u * u;
			squares += u * u;
			*spread = fmax(*spread, fabs(u));
		}
	}
	return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

/* Share of the resamples below the estimate, ties counted half. The order of
 * additions differs between resamples, so equality has a tolerance. */
static double share_below(const double *sample, int n, double estimate, double tolerance)
{
	double below = 0;
	for (int i = 0; i < n; i++) {
		double d = sample[i] - estimate;
		below += d < -tolerance ? 1 : d <= tolerance ? 0.5 : 0;
	}
	return below / n;
}

static double adjusted(double z0, double a, double z)
{
	double denominator = 1 - a * (z0 + z);
	return denominator > 0 ? gsl_cdf_ugaussian_P(z0 + (z0 + z) / denominator) : NAN;
}

/* gsl_stats_quantile_from_sorted_data without the sorting, which would be the
 * longest part of it all. */
static double quantile(double *sample, int n, double p)
{
	double at = p * (n - 1);
	int k = (int)at;
	double x = gsl_stats_select(sample, 1, (size_t)n, (size_t)k);
	if (k + 1 >= n)
		return x;
	double next = sample[k + 1]; /* what follows the k-th is at least as large */
	for (int i = k + 2; i < n; i++)
		next = fmin(next, sample[i]);
	return x + (at - k) * (next - x);
}

static am_interval interval(workspace *w, int lane, int resamples)
{
	double estimate = 0, scale = 0, spread;
	for (int i = 0; i < w->f.n; i++) {
		estimate += w->lanes[(size_t)i * LANES + lane];
		scale += fabs(w->lanes[(size_t)i * LANES + lane]);
	}
	double tolerance = 1e-13 * scale;
	double a = acceleration(w, lane, &spread);
	if (!(spread > tolerance))
		return (am_interval){estimate, estimate};
	double *sample = w->sample + (size_t)lane * resamples;
	double tail = (1 - AM_BOOTSTRAP_LEVEL) / 2, z = gsl_cdf_ugaussian_Pinv(tail);
	double share = share_below(sample, resamples, estimate, tolerance);
	double low = tail, high = 1 - tail;
	if (share > 0 && share < 1) {
		double z0 = gsl_cdf_ugaussian_Pinv(share);
		double l = adjusted(z0, a, z), h = adjusted(z0, a, -z);
		if (l < h) { /* false when either is NaN */
			low = l;
			high = h;
		}
	}
	return (am_interval){quantile(sample, resamples, low), quantile(sample, resamples, high)};
}

static void fill_intervals(workspace *w, const double *value, int n_cell, const int *task, int n_sequence,
                           int n_task, int resamples, uint64_t seed, am_interval *out)
{
	int n_lane;
	for (int c = 0; c < n_cell; c += n_lane) {
		const double *v = value + (size_t)c * n_sequence;
		n_lane = 1;
		while (n_lane < LANES && c + n_lane < n_cell &&
		       same_gaps(v, v + (size_t)n_lane * n_sequence, n_sequence))
			n_lane++;
		frame_fill(&w->f, v, task, n_sequence, n_task);
		bool enough = w->f.n >= AM_BOOTSTRAP_MIN_SEQUENCES;
		if (enough) {
			load_lanes(w, v, n_sequence, n_lane);
			draw(w, n_lane, resamples, seed);
		}
		for (int lane = 0; lane < n_lane; lane++)
			out[c + lane] = enough ? interval(w, lane, resamples) : (am_interval){NAN, NAN};
	}
}

am_status am_bootstrap_intervals(const double *value, int n_cell, const int *task, int n_sequence,
                                 int n_task, int resamples, uint64_t seed, am_interval *out, am_error *err)
{
	gsl_set_error_handler_off(); /* the default one aborts */
	workspace w = {
		.f.sequence = am_alloc((size_t)n_sequence, sizeof *w.f.sequence),
		.f.first = am_alloc((size_t)n_task + 1, sizeof *w.f.first),
		.lanes = am_alloc((size_t)n_sequence * LANES, sizeof *w.lanes),
		.sample = am_alloc((size_t)resamples * LANES, sizeof *w.sample),
		.rng = gsl_rng_alloc(gsl_rng_mt19937),
	};
	am_status s = AM_OK;
	if (w.f.sequence && w.f.first && w.lanes && w.sample && w.rng)
		fill_intervals(&w, value, n_cell, task, n_sequence, n_task, resamples, seed, out);
	else
		s = am_fail(err, AM_ERR_MEMORY, "bootstrap: out of memory for %d resamples", resamples);
	am_free(w.f.sequence);
	am_free(w.f.first);
	am_free(w.lanes);
	am_free(w.sample);
	if (w.rng)
		gsl_rng_free(w.rng);
	return s;
}

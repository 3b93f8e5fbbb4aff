#include "analysis/bootstrap_state.h"

#include "base/mem.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <string.h>

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

void am_bootstrap_error(const double *value, const int *task, int n_sequence, int n_task, double *error,
                        double *freedom)
{
	double total = 0, spread = 0, per_freedom = 0;
	int n_group = 0;
	for (int t = 0; t < n_task; t++) {
		double mean = 0, squares = 0;
		int n = 0;
		for (int i = 0; i < n_sequence; i++)
			if (task[i] == t && !isnan(value[i])) {
				double d = value[i] - mean;
				mean += d / ++n;
				squares += d * (value[i] - mean);
			}
		n_group += n > 0;
		if (n < 2)
			continue;
		double variance = squares / (n - 1) / n;
		total += variance;
		spread += variance * variance / (n - 1);
		per_freedom += n - 1;
	}
	*error = per_freedom > 0 ? sqrt(total) / n_group : NAN;
	*freedom = spread > 0 ? total * total / spread : per_freedom > 0 ? per_freedom : NAN;
}

am_interval_method am_bootstrap_method(am_interval_method method, int n_sequence, int least)
{
	if (method != AM_INTERVAL_AUTO)
		return method;
	return n_sequence < AM_BOOTSTRAP_T_BELOW && least >= AM_BOOTSTRAP_MIN_SEQUENCES ? AM_INTERVAL_T : AM_INTERVAL_BCA;
}

static void frame_fill(am_boot_frame *f, const double *value, const int *task, int n_sequence, int n_task)
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

static int smallest_group(const am_boot_frame *f)
{
	int least = f->n;
	for (int g = 0; g < f->n_group; g++)
		least = f->first[g + 1] - f->first[g] < least ? f->first[g + 1] - f->first[g] : least;
	return least;
}

static bool same_gaps(const double *a, const double *b, int n)
{
	for (int i = 0; i < n; i++)
		if (isnan(a[i]) != isnan(b[i]))
			return false;
	return true;
}

void am_boot_load(am_boot *w, const double *value, int n_sequence, int n_lane)
{
	const am_boot_frame *f = &w->f;
	memset(w->lanes, 0, (size_t)f->n * AM_BOOT_LANES * sizeof *w->lanes);
	for (int g = 0; g < f->n_group; g++) {
		double weight = 1.0 / ((double)f->n_group * (f->first[g + 1] - f->first[g]));
		for (int i = f->first[g]; i < f->first[g + 1]; i++)
			for (int c = 0; c < n_lane; c++)
				w->lanes[(size_t)i * AM_BOOT_LANES + c] = weight * value[(size_t)c * n_sequence + f->sequence[i]];
	}
}

void am_boot_seed(am_boot *w, uint64_t seed)
{
	gsl_rng_set(w->rng, (unsigned long)(seed ^ seed >> 32)); /* which takes 32 bits */
}

static void draw_estimates(am_boot *w, int n_lane, int resamples)
{
	const am_boot_frame *f = &w->f;
	for (int b = 0; b < resamples; b++) {
		double sum[AM_BOOT_LANES] = {0};
		for (int g = 0; g < f->n_group; g++) {
			unsigned long size = (unsigned long)(f->first[g + 1] - f->first[g]);
			for (unsigned long j = 0; j < size; j++) {
				const double *x = am_boot_draw(w, g, size);
				for (int c = 0; c < AM_BOOT_LANES; c++)
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
double am_boot_acceleration(const am_boot *w, int lane, double *spread)
{
	const am_boot_frame *f = &w->f;
	double cubes = 0, squares = 0;
	*spread = 0;
	for (int g = 0; g < f->n_group; g++) {
		int n = f->first[g + 1] - f->first[g];
		double mean = 0;
		for (int i = f->first[g]; i < f->first[g + 1]; i++)
			mean += w->lanes[(size_t)i * AM_BOOT_LANES + lane] / n;
		for (int i = f->first[g]; i < f->first[g + 1]; i++) {
			double u = w->lanes[(size_t)i * AM_BOOT_LANES + lane] - mean;
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
double am_boot_quantile(double *sample, int n, double p)
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

double am_boot_estimate(const am_boot *w, int lane, double *tolerance)
{
	double estimate = 0, scale = 0;
	for (int i = 0; i < w->f.n; i++) {
		estimate += w->lanes[(size_t)i * AM_BOOT_LANES + lane];
		scale += fabs(w->lanes[(size_t)i * AM_BOOT_LANES + lane]);
	}
	*tolerance = 1e-13 * scale;
	return estimate;
}

static am_interval interval(am_boot *w, int lane, int resamples, bool bca)
{
	double tolerance, spread;
	double estimate = am_boot_estimate(w, lane, &tolerance);
	double a = am_boot_acceleration(w, lane, &spread);
	if (!(spread > tolerance))
		return (am_interval){estimate, estimate};
	double *sample = w->sample + (size_t)lane * resamples;
	double tail = (1 - AM_BOOTSTRAP_LEVEL) / 2, z = gsl_cdf_ugaussian_Pinv(tail);
	double share = share_below(sample, resamples, estimate, tolerance);
	double low = tail, high = 1 - tail;
	if (bca && share > 0 && share < 1) {
		double z0 = gsl_cdf_ugaussian_Pinv(share);
		double l = adjusted(z0, a, z), h = adjusted(z0, a, -z);
		if (l < h) { /* false when either is NaN */
			low = l;
			high = h;
		}
	}
	return (am_interval){am_boot_quantile(sample, resamples, low), am_boot_quantile(sample, resamples, high)};
}

void am_boot_resampled(am_boot *w, int n_lane, int resamples, uint64_t seed, bool bca, am_interval *out)
{
	am_boot_seed(w, seed);
	draw_estimates(w, n_lane, resamples);
	for (int lane = 0; lane < n_lane; lane++)
		out[lane] = interval(w, lane, resamples, bca);
}

static void fill_intervals(am_boot *w, am_interval_method method, const double *value, int n_cell,
                           const int *task, int n_sequence, int n_task, int resamples, uint64_t seed,
                           am_interval *out)
{
	int n_lane;
	for (int c = 0; c < n_cell; c += n_lane) {
		const double *v = value + (size_t)c * n_sequence;
		n_lane = 1;
		while (n_lane < AM_BOOT_LANES && c + n_lane < n_cell &&
		       same_gaps(v, v + (size_t)n_lane * n_sequence, n_sequence))
			n_lane++;
		frame_fill(&w->f, v, task, n_sequence, n_task);
		if (w->f.n < AM_BOOTSTRAP_MIN_SEQUENCES) {
			for (int lane = 0; lane < n_lane; lane++)
				out[c + lane] = (am_interval){NAN, NAN};
			continue;
		}
		am_interval_method m = am_bootstrap_method(method, w->f.n, smallest_group(&w->f));
		am_boot_load(w, v, n_sequence, n_lane);
		if (m == AM_INTERVAL_T)
			am_boot_studentised(w, v, task, n_sequence, n_task, n_lane, resamples, seed, out + c);
		else
			am_boot_resampled(w, n_lane, resamples, seed, m == AM_INTERVAL_BCA, out + c);
	}
}

am_status am_bootstrap_intervals_by(am_interval_method method, const double *value, int n_cell,
                                    const int *task, int n_sequence, int n_task, int resamples,
                                    uint64_t seed, am_interval *out, am_error *err)
{
	gsl_set_error_handler_off(); /* the default one aborts */
	am_boot w = {
		.f.sequence = am_alloc((size_t)n_sequence, sizeof *w.f.sequence),
		.f.first = am_alloc((size_t)n_task + 1, sizeof *w.f.first),
		.lanes = am_alloc((size_t)n_sequence * AM_BOOT_LANES, sizeof *w.lanes),
		.sample = am_alloc((size_t)resamples * AM_BOOT_LANES, sizeof *w.sample),
		.rng = gsl_rng_alloc(gsl_rng_mt19937),
	};
	am_status s = AM_OK;
	if (w.f.sequence && w.f.first && w.lanes && w.sample && w.rng)
		fill_intervals(&w, method, value, n_cell, task, n_sequence, n_task, resamples, seed, out);
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

am_status am_bootstrap_intervals(const double *value, int n_cell, const int *task, int n_sequence,
                                 int n_task, int resamples, uint64_t seed, am_interval *out, am_error *err)
{
	return am_bootstrap_intervals_by(AM_INTERVAL_BCA, value, n_cell, task, n_sequence, n_task, resamples,
	                                 seed, out, err);
}

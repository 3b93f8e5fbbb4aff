/* Studentised intervals. */
#include "analysis/bootstrap_state.h"

#include <math.h>
#include <string.h>

/* Takes the mean of their group from the lanes, so that squares lose nothing;
 * estimate[lane]: the sum of what was taken. */
static void centre_lanes(am_boot *w, double *estimate)
{
	const am_boot_frame *f = &w->f;
	memset(estimate, 0, AM_BOOT_LANES * sizeof *estimate);
	for (int g = 0; g < f->n_group; g++) {
		int n = f->first[g + 1] - f->first[g];
		double sum[AM_BOOT_LANES] = {0};
		double *x = w->lanes + (size_t)f->first[g] * AM_BOOT_LANES;
		for (int i = 0; i < n * AM_BOOT_LANES; i++)
			sum[i % AM_BOOT_LANES] += x[i];
		for (int i = 0; i < n * AM_BOOT_LANES; i++)
			x[i] -= sum[i % AM_BOOT_LANES] / n;
		for (int c = 0; c < AM_BOOT_LANES; c++)
			estimate[c] += sum[c];
	}
}

/* Squared error of a sum of n drawn values: n times their variance. Values that are
 * all equal have none, whatever rounding leaves. */
static void add_variance(const double *sum, const double *squares, unsigned long n, double *variance)
{
	for (int c = 0; c < AM_BOOT_LANES && n > 1; c++) {
		double about_mean = squares[c] - sum[c] * sum[c] / n;
		if (about_mean > 1e-12 * squares[c])
			variance[c] += about_mean * n / (n - 1);
	}
}

/* t values of centred lanes; infinite or NaN where a resample has no spread. */
static void draw_t(am_boot *w, int n_lane, int resamples)
{
	const am_boot_frame *f = &w->f;
	for (int b = 0; b < resamples; b++) {
		double total[AM_BOOT_LANES] = {0}, variance[AM_BOOT_LANES] = {0};
		for (int g = 0; g < f->n_group; g++) {
			unsigned long size = (unsigned long)(f->first[g + 1] - f->first[g]);
			double sum[AM_BOOT_LANES] = {0}, squares[AM_BOOT_LANES] = {0};
			for (unsigned long j = 0; j < size; j++) {
				const double *x = am_boot_draw(w, g, size);
				for (int c = 0; c < AM_BOOT_LANES; c++) {
					sum[c] += x[c];
					squares[c] += x[c] * x[c];
				}
			}
			for (int c = 0; c < AM_BOOT_LANES; c++)
				total[c] += sum[c];
			add_variance(sum, squares, size, variance);
		}
		for (int c = 0; c < n_lane; c++)
			w->sample[(size_t)c * resamples + b] = total[c] / sqrt(variance[c]);
	}
}

/* Resamples without spread go to the end on their side; where they are so many
 * that an end is not finite, there is no interval of this kind. */
static am_interval t_interval(am_boot *w, int lane, int resamples, double estimate, double error)
{
	double *t = w->sample + (size_t)lane * resamples, tail = (1 - AM_BOOTSTRAP_LEVEL) / 2;
	for (int b = 0; b < resamples; b++)
		t[b] = isnan(t[b]) ? 0 : t[b];
	return (am_interval){estimate - error * am_boot_quantile(t, resamples, 1 - tail),
	                     estimate - error * am_boot_quantile(t, resamples, tail)};
}

/* false where some lane needs another method. */
static bool fill_t(am_boot *w, const double *value, const int *task, int n_sequence, int n_task, int n_lane,
                   int resamples, uint64_t seed, am_interval *out)
{
	double estimate[AM_BOOT_LANES], spread[AM_BOOT_LANES], tolerance[AM_BOOT_LANES];
	bool good = true;
	for (int lane = 0; lane < n_lane; lane++) {
		am_boot_estimate(w, lane, &tolerance[lane]);
		am_boot_acceleration(w, lane, &spread[lane]);
	}
	centre_lanes(w, estimate);
	am_boot_seed(w, seed);
	draw_t(w, n_lane, resamples);
	for (int lane = 0; lane < n_lane; lane++) {
		double error, freedom;
		am_bootstrap_error(value + (size_t)lane * n_sequence, task, n_sequence, n_task, &error, &freedom);
		out[lane] = (am_interval){estimate[lane], estimate[lane]};
		if (spread[lane] > tolerance[lane])
			out[lane] = t_interval(w, lane, resamples, estimate[lane], error);
		good = good && isfinite(out[lane].low) && isfinite(out[lane].high);
	}
	return good;
}

/* Where a lane has no t interval all get BCa, and only those without one keep it. */
void am_boot_studentised(am_boot *w, const double *value, const int *task, int n_sequence, int n_task,
                         int n_lane, int resamples, uint64_t seed, am_interval *out)
{
	am_interval bca[AM_BOOT_LANES];
	if (fill_t(w, value, task, n_sequence, n_task, n_lane, resamples, seed, out))
		return;
	am_boot_load(w, value, n_sequence, n_lane);
	am_boot_resampled(w, n_lane, resamples, seed, true, bca);
	for (int lane = 0; lane < n_lane; lane++)
		if (!isfinite(out[lane].low) || !isfinite(out[lane].high))
			out[lane] = bca[lane];
}

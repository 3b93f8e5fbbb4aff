#include "analysis/bootstrap_blocks.h"

#include "base/mem.h"

#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>

#define WINDOW 5 /* autocorrelation times that the sum goes up to */
#define TIMES 3  /* autocorrelation times a block */

static double mean_of(const double *x, int n)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += x[i];
	return sum / n;
}

static double covariance(const double *x, int n, double mean, int lag)
{
	double sum = 0;
	for (int i = 0; i + lag < n; i++)
		sum += (x[i] - mean) * (x[i + lag] - mean);
	return sum / n;
}

double am_autocorrelation_time(const double *x, int n)
{
	if (n < 2)
		return 1;
	double mean = mean_of(x, n), variance = covariance(x, n, mean, 0), time = 1;
	for (int lag = 1; variance > 0 && lag < n / 2 && lag < WINDOW * time; lag++)
		time += 2 * covariance(x, n, mean, lag) / variance;
	return time > 1 ? time : 1;
}

/* Means of resamples, and, where every block comes as often as it should, their mean. */
static double draw(const double *prefix, int n, int block, int resamples, gsl_rng *rng, double *out)
{
	int starts = n - block + 1, rest = n % block;
	double whole = 0, part = 0;
	for (int i = 0; i < starts; i++) {
		whole += (prefix[i + block] - prefix[i]) / starts;
		part += (prefix[i + rest] - prefix[i]) / starts;
	}
	for (int r = 0; r < resamples; r++) {
		double sum = 0;
		for (int left = n; left > 0; left -= block) {
			int at = (int)gsl_rng_uniform_int(rng, (unsigned long)starts), size = left < block ? left : block;
			sum += prefix[at + size] - prefix[at];
		}
		out[r] = sum / n;
	}
	return (whole * (n / block) + part) / n;
}

/* x[n] without NaN; prefix[n + 1] and sample[resamples] are room. */
static void find_interval(const double *x, int n, int resamples, gsl_rng *rng, double *prefix, double *sample,
                          am_block_interval *out)
{
	prefix[0] = 0;
	for (int i = 0; i < n; i++)
		prefix[i + 1] = prefix[i] + (x[i] - out->mean); /* of deviations: no digits are lost */
	double centre = draw(prefix, n, out->block, resamples, rng, sample), tail = (1 - AM_BOOTSTRAP_LEVEL) / 2;
	gsl_sort(sample, 1, (size_t)resamples);
	out->interval.low = out->mean - centre + gsl_stats_quantile_from_sorted_data(sample, 1, (size_t)resamples, tail);
	out->interval.high = out->mean - centre + gsl_stats_quantile_from_sorted_data(sample, 1, (size_t)resamples, 1 - tail);
}

am_status am_block_bootstrap(const double *x, int n, int block, int resamples, uint64_t seed, am_block_interval *out,
                             am_error *err)
{
	if (n < 0 || block < 0 || resamples < 1)
		return am_fail(err, AM_ERR_USAGE, "blocks: expected rows, a block of rows and a resample, found %d, %d, %d", n, block, resamples);
	double *kept = am_alloc((size_t)n, sizeof *kept), *prefix = am_alloc((size_t)n + 1, sizeof *prefix);
	double *sample = am_alloc((size_t)resamples, sizeof *sample);
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	am_block_interval b = {.interval = {NAN, NAN}, .mean = NAN, .time = 1, .block = block};
	bool room = kept && prefix && sample && rng;
	for (int i = 0; i < n && room; i++)
		if (!isnan(x[i]))
			kept[b.n++] = x[i];
	if (room && b.n) {
		b.mean = mean_of(kept, b.n);
		b.time = am_autocorrelation_time(kept, b.n);
		int most = b.n / AM_BLOCKS_LEAST, wanted = block ? block : (int)ceil(fmin(TIMES * b.time, b.n));
		b.block = block || wanted <= most || !most ? wanted : most;
		gsl_rng_set(rng, (unsigned long)(seed ^ seed >> 32)); /* which takes 32 bits */
		if (b.n >= AM_BLOCKS_LEAST * b.block)
			find_interval(kept, b.n, resamples, rng, prefix, sample, &b);
	}
	am_free(kept);
	am_free(prefix);
	am_free(sample);
	if (rng)
		gsl_rng_free(rng);
	if (!room)
		return am_fail(err, AM_ERR_MEMORY, "blocks: out of memory");
	*out = b;
	return AM_OK;
}

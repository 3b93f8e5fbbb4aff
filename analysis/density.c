#include "analysis/density.h"

#include <math.h>

#define REACH 8.5 /* bandwidths; beyond, a kernel is below 1e-15 of its top */

void am_density_measure(am_density *d, double x)
{
	if (!isfinite(x))
		return;
	double from = x - d->mean;
	d->least = d->n ? fmin(d->least, x) : x;
	d->most = d->n ? fmax(d->most, x) : x;
	d->n++;
	d->mean += from / (double)d->n;
	d->squares += from * (x - d->mean);
}

double am_density_deviation(const am_density *d)
{
	return d->n > 1 ? sqrt(d->squares / (double)(d->n - 1)) : 0;
}

double am_density_most_bandwidth(const am_density *d)
{
	return d->n ? 0.9 * am_density_deviation(d) * pow((double)d->n, -0.2) : 0;
}

am_density_grid am_density_choose_grid(const am_density *const *d, int n, double bound)
{
	am_density_grid g = {.low = INFINITY, .high = -INFINITY};
	double least = INFINITY;
	for (int i = 0; i < n; i++) {
		double reach = 5 * am_density_most_bandwidth(d[i]);
		if (!d[i]->n)
			continue;
		least = fmin(least, d[i]->least);
		g.low = fmin(g.low, d[i]->least - reach);
		g.high = fmax(g.high, d[i]->most + reach);
	}
	if (!(g.low <= g.high))
		return (am_density_grid){0, isfinite(bound) ? bound : 1, true, isfinite(bound)};
	g.bound_low = least >= 0 && g.low <= fmax(0, 0.5 * least);
	g.low = g.bound_low ? 0 : g.low;
	g.bound_high = isfinite(bound) && g.high > bound;
	g.high = g.bound_high ? bound : g.high;
	if (!(g.high - g.low > 1e-9 * fmax(1, fabs(g.low)))) {
		g.low -= g.bound_low ? 0 : 0.5;
		g.high = g.low + 1;
		g.bound_high = false;
	}
	return g;
}

static double step_of(const am_density_grid *g)
{
	return (g->high - g->low) / AM_DENSITY_CELLS;
}

void am_density_count(am_density *d, const am_density_grid *g, double x)
{
	if (!isfinite(x))
		return;
	double at = fmin(fmax((x - g->low) / step_of(g), 0), AM_DENSITY_CELLS);
	int cell = at < AM_DENSITY_CELLS ? (int)at : AM_DENSITY_CELLS - 1;
	d->count[cell + 1] += at - cell;
	d->count[cell] += 1 - (at - cell);
}

/* The value of a rank counted from 0; a node's values are taken as spread evenly over half a
 * cell to either side. */
static double order_statistic(const am_density *d, const am_density_grid *g, int64_t rank)
{
	double before = 0, want = (double)rank + 0.5;
	for (int i = 0; i < AM_DENSITY_NODES; i++) {
		if (before + d->count[i] >= want && d->count[i] > 0)
			return fmin(fmax(g->low + step_of(g) * (i - 0.5 + (want - before) / d->count[i]), g->low), g->high);
		before += d->count[i];
	}
	return g->high;
}

double am_density_quantile(const am_density *d, const am_density_grid *g, double q)
{
	if (!d->n)
		return NAN;
	double at = q * (double)(d->n - 1);
	int64_t rank = (int64_t)at, next = rank + 1 < d->n ? rank + 1 : rank;
	double low = order_statistic(d, g, rank);
	return low + (at - (double)rank) * (order_statistic(d, g, next) - low);
}

double am_density_bandwidth(const am_density *d, const am_density_grid *g)
{
	double s = am_density_deviation(d);
	double spread = (am_density_quantile(d, g, 0.75) - am_density_quantile(d, g, 0.25)) / 1.34;
	double width = spread > step_of(g) ? fmin(s, spread) : s;
	return fmax(0.9 * width * pow((double)d->n, -0.2), step_of(g));
}

/* Where a kernel that reaches over an end of the grid lands; -1: beyond what is drawn. */
static int land(const am_density_grid *g, int i)
{
	for (int turns = 0; turns < 64; turns++) {
		if (i < 0 && g->bound_low)
			i = -i;
		else if (i > AM_DENSITY_CELLS && g->bound_high)
			i = 2 * AM_DENSITY_CELLS - i;
		else
			break;
	}
	return i < 0 || i > AM_DENSITY_CELLS ? -1 : i;
}

void am_density_estimate(const am_density *d, const am_density_grid *g, double *out)
{
	double step = step_of(g), h = d->n ? am_density_bandwidth(d, g) : step, sum = 0;
	int reach = (int)ceil(REACH * h / step);
	for (int i = 0; i < AM_DENSITY_NODES; i++)
		out[i] = d->n ? 0 : NAN;
	for (int m = -reach; m <= reach; m++)
		sum += exp(-0.5 * pow(m * step / h, 2));
	for (int m = -reach; m <= reach && d->n; m++) {
		double weight = exp(-0.5 * pow(m * step / h, 2)) / (sum * step * (double)d->n);
		for (int i = 0; i < AM_DENSITY_NODES; i++) {
			int to = d->count[i] > 0 ? land(g, i + m) : -1;
			if (to < 0)
				continue;
			/* What a bound folds onto itself belongs to both sides of it. */
			bool folded = (to == 0 && g->bound_low) || (to == AM_DENSITY_CELLS && g->bound_high);
			out[to] += weight * d->count[i] * (folded ? 2 : 1);
		}
	}
}

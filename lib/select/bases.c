/* Principal directions by one-sided Jacobi rotations, and channels by their share in the
 * scores. */
#include "select/lowrank.h"

#include <math.h>
#include <string.h>

enum { JACOBI_SWEEPS = 60 };

int64_t am_pca_work(int d)
{
	return (int64_t)d * d + 2 * (int64_t)d;
}

int64_t am_channel_work(int d)
{
	return 2 * (int64_t)d;
}

static void covariance(const float *key, int n, int d, bool centre, double *mean, double *c)
{
	memset(mean, 0, (size_t)d * sizeof *mean);
	memset(c, 0, (size_t)d * (size_t)d * sizeof *c);
	for (int j = 0; j < n && centre; j++)
		for (int a = 0; a < d; a++)
			mean[a] += (double)key[(size_t)j * (size_t)d + (size_t)a] / n;
	for (int j = 0; j < n; j++)
		for (int a = 0; a < d; a++) {
			const float *x = key + (size_t)j * (size_t)d;
			double xa = ((double)x[a] - mean[a]) / n;
			for (int b = 0; b < d; b++)
				c[(size_t)a * (size_t)d + (size_t)b] += xa * ((double)x[b] - mean[b]);
		}
}

/* Turns rows x and y so that they are orthogonal; false where they were already. */
static bool orthogonalise(double *x, double *y, int d, double least)
{
	double xx = 0, yy = 0, xy = 0;
	for (int i = 0; i < d; i++) {
		xx += x[i] * x[i];
		yy += y[i] * y[i];
		xy += x[i] * y[i];
	}
	if (!(fabs(xy) > 1e-13 * sqrt(xx * yy)) || !(fabs(xy) > least))
		return false;
	double zeta = (yy - xx) / (2 * xy);
	double t = copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta)), cosine = 1 / hypot(1, t), sine = cosine * t;
	for (int i = 0; i < d; i++) {
		double a = x[i], b = y[i];
		x[i] = cosine * a - sine * b;
		y[i] = sine * a + cosine * b;
	}
	return true;
}

/* Rotations of the rows of the symmetric c until all are orthogonal: each then is an
 * eigenvector times its eigenvalue. */
static void jacobi(double *c, int d)
{
	double total = 0;
	for (int64_t i = 0; i < (int64_t)d * d; i++)
		total += c[i] * c[i];
	bool turned = true;
	for (int sweep = 0; turned && sweep < JACOBI_SWEEPS; sweep++) {
		turned = false;
		for (int a = 0; a < d; a++)
			for (int b = a + 1; b < d; b++)
				turned |= orthogonalise(c + (size_t)a * (size_t)d, c + (size_t)b * (size_t)d, d, 1e-28 * total);
	}
}

/* The largest of value[d] that is not taken (-1); the first of equals. */
static int largest(const double *value, int d)
{
	int best = 0;
	for (int a = 1; a < d; a++)
		best = value[a] > value[best] ? a : best;
	return best;
}

void am_pca(const float *key, int n, int d, bool centre, int rank, float *basis, double *work)
{
	double *c = work, *mean = c + (size_t)d * (size_t)d, *norm = mean + d;
	covariance(key, n, d, centre, mean, c);
	jacobi(c, d);
	for (int a = 0; a < d; a++) {
		norm[a] = 0;
		for (int i = 0; i < d; i++)
			norm[a] += c[(size_t)a * (size_t)d + (size_t)i] * c[(size_t)a * (size_t)d + (size_t)i];
	}
	double floor = 1e-24 * norm[largest(norm, d)];
	for (int r = 0; r < rank; r++) {
		int a = largest(norm, d);
		double scale = norm[a] > floor ? 1 / sqrt(norm[a]) : 0;
		for (int i = 0; i < d; i++)
			basis[(size_t)r * (size_t)d + (size_t)i] = (float)(scale * c[(size_t)a * (size_t)d + (size_t)i]);
		norm[a] = -1;
	}
}

void am_channels(const float *query, const float *key, int n, int d, int rank, float *basis, double *work)
{
	double *seen = work, *sum = work + d;
	memset(work, 0, 2 * (size_t)d * sizeof *work);
	for (int t = 0; t < n; t++)
		for (int c = 0; c < d; c++) {
			size_t at = (size_t)t * (size_t)d + (size_t)c;
			seen[c] += fabs((double)key[at]);
			sum[c] += fabs((double)query[at]) * seen[c];
		}
	memset(basis, 0, (size_t)rank * (size_t)d * sizeof *basis);
	for (int r = 0; r < rank; r++) {
		int c = largest(sum, d);
		basis[(size_t)r * (size_t)d + (size_t)c] = 1;
		sum[c] = -1;
	}
}

#include "analysis/sign_flip.h"

#include "base/mem.h"

#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdbool.h>

#define LOW_BITS 9
#define BLOCK (1 << LOW_BITS) /* sign vectors at once */

typedef struct family {
	int n_cell, n;
	double *x;        /* [n_cell][n] scaled so that the squares of a cell add up to 1 */
	double *observed; /* [n_cell] size of the statistic, less a rounding margin */
	size_t *order;    /* [n_cell] cells from the least to the largest statistic */
	double *sign;     /* [n][BLOCK] */
	double *below;    /* [n_cell][BLOCK] sums over the first sequences; exact only */
	double *sum, *max; /* [BLOCK] */
	int64_t *count, *count_max; /* [n_cell] sign vectors at least as extreme */
} family;

static void family_fini(family *f)
{
	void *own[] = {f->x, f->observed, f->order, f->sign, f->below, f->sum, f->max, f->count, f->count_max};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		am_free(own[i]);
}

static am_status family_init(family *f, int n_cell, int n, am_error *err)
{
	size_t cells = (size_t)n_cell, block = BLOCK * sizeof(double);
	*f = (family){
		.n_cell = n_cell, .n = n,
		.x = am_calloc(cells * (size_t)n, sizeof *f->x),
		.observed = am_calloc(cells, sizeof *f->observed),
		.order = am_alloc(cells, sizeof *f->order),
		.sign = am_alloc((size_t)n, block),
		.below = n <= AM_SIGN_FLIP_EXACT ? am_alloc(cells, block) : NULL,
		.sum = am_alloc(1, block), .max = am_alloc(1, block),
		.count = am_calloc(cells, sizeof *f->count), .count_max = am_calloc(cells, sizeof *f->count_max),
	};
	if (f->x && f->observed && f->order && f->sign && (f->below || n > AM_SIGN_FLIP_EXACT) && f->sum &&
	    f->max && f->count && f->count_max)
		return AM_OK;
	family_fini(f);
	return am_fail(err, AM_ERR_MEMORY, "sign flips: out of memory for %d cells of %d sequences", n_cell, n);
}

static void load(family *f, const double *value)
{
	for (int c = 0; c < f->n_cell; c++) {
		const double *v = value + (size_t)c * f->n;
		double *x = f->x + (size_t)c * f->n, squares = 0, sum = 0, size = 0;
		for (int i = 0; i < f->n; i++)
			squares += isnan(v[i]) ? 0 : v[i] * v[i];
		for (int i = 0; i < f->n && squares > 0; i++) {
			x[i] = isnan(v[i]) ? 0 : v[i] / sqrt(squares);
			sum += x[i];
			size += fabs(x[i]);
		}
		/* Sums of equal size may differ in their last bits. */
		f->observed[c] = fabs(sum) - 1e-12 * size;
	}
	gsl_sort_index(f->order, f->observed, 1, (size_t)f->n_cell);
}

/* f->sum: the statistic of a cell under the signs of a block. */
static void add_signs(family *f, const double *x, int from, int to, int size, double *sum)
{
	for (int i = from; i < to; i++) {
		const double *s = f->sign + (size_t)i * BLOCK;
		double xi = x[i];
		for (int a = 0; a < size; a++)
			sum[a] += s[a] * xi;
	}
}

/* Cells from the least statistic up: the maximum so far is over those no larger,
 * which is what a step-down test compares with. */
static void count_cell(family *f, size_t cell, int size)
{
	int64_t n = 0, n_max = 0;
	double at_least = f->observed[cell];
	for (int a = 0; a < size; a++) {
		double t = fabs(f->sum[a]);
		f->max[a] = f->max[a] > t ? f->max[a] : t;
		n += t >= at_least;
		n_max += f->max[a] >= at_least;
	}
	f->count[cell] += n;
	f->count_max[cell] += n_max;
}

/* All signs, the first fixed since the test is two-sided. The first `low` others go
 * through their combinations within a block, the rest from block to block. */
static int64_t count_all(family *f)
{
	int n = f->n, low = n - 1 < LOW_BITS ? n - 1 : LOW_BITS, size = 1 << low;
	for (int i = 0; i < n && i <= low; i++)
		for (int a = 0; a < size; a++)
			f->sign[(size_t)i * BLOCK + a] = i && a >> (i - 1) & 1 ? -1 : 1;
	for (int c = 0; c < f->n_cell; c++) {
		double *below = f->below + (size_t)c * BLOCK;
		for (int a = 0; a < size; a++)
			below[a] = 0;
		add_signs(f, f->x + (size_t)c * n, 0, low + 1, size, below);
	}
	for (int64_t b = 0; b < INT64_C(1) << (n - 1 - low); b++) {
		for (int a = 0; a < size; a++)
			f->max[a] = 0;
		for (int k = 0; k < f->n_cell; k++) {
			size_t cell = f->order[k];
			double rest = 0;
			for (int i = low + 1; i < n; i++)
				rest += (b >> (i - low - 1) & 1 ? -1 : 1) * f->x[cell * (size_t)n + i];
			for (int a = 0; a < size; a++)
				f->sum[a] = f->below[cell * BLOCK + a] + rest;
			count_cell(f, cell, size);
		}
	}
	return INT64_C(1) << (n - 1);
}

/* 32 signs a draw: mt19937 gives as many random bits. */
static void draw_signs(family *f, gsl_rng *rng)
{
	for (int a = 0; a < BLOCK; a++)
		for (int i = 0; i < f->n;) {
			unsigned long bits = gsl_rng_get(rng);
			for (int j = 0; j < 32 && i < f->n; j++, i++)
				f->sign[(size_t)i * BLOCK + a] = bits >> j & 1 ? -1 : 1;
		}
}

static void count_drawn(family *f, int resamples, gsl_rng *rng)
{
	for (int done = 0; done < resamples; done += BLOCK) {
		int size = resamples - done < BLOCK ? resamples - done : BLOCK;
		draw_signs(f, rng);
		for (int a = 0; a < size; a++)
			f->max[a] = 0;
		for (int k = 0; k < f->n_cell; k++) {
			size_t cell = f->order[k];
			for (int a = 0; a < size; a++)
				f->sum[a] = 0;
			add_signs(f, f->x + cell * (size_t)f->n, 0, f->n, size, f->sum);
			count_cell(f, cell, size);
		}
	}
}

static bool has_value(const double *v, int n)
{
	for (int i = 0; i < n; i++)
		if (!isnan(v[i]))
			return true;
	return false;
}

/* Counts to p values: (extra + count) / (extra + of), extra 1 for draws. */
static void judge(const family *f, const double *value, int64_t of, int extra, double *p, double *p_max)
{
	double highest = 0;
	for (int k = f->n_cell - 1; k >= 0; k--) {
		size_t cell = f->order[k];
		bool any = has_value(value + cell * (size_t)f->n, f->n);
		p[cell] = any ? (double)(extra + f->count[cell]) / (double)(extra + of) : NAN;
		if (!any || !p_max)
			continue;
		highest = fmax(highest, (double)(extra + f->count_max[cell]) / (double)(extra + of));
		p_max[cell] = highest; /* no smaller than that of a larger statistic */
	}
}

am_status am_sign_flip(const double *value, int n_cell, int n, int resamples, uint64_t seed, double *p,
                       double *p_max, am_error *err)
{
	family f;
	for (int c = 0; c < n_cell; c++)
		p[c] = NAN;
	for (int c = 0; c < n_cell && p_max; c++)
		p_max[c] = NAN;
	if (n < 1 || n_cell < 1)
		return AM_OK;
	am_status s = family_init(&f, n_cell, n, err);
	if (s)
		return s;
	load(&f, value);
	if (n <= AM_SIGN_FLIP_EXACT) {
		judge(&f, value, count_all(&f), 0, p, p_max);
	} else {
		gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
		if (rng) {
			gsl_rng_set(rng, (unsigned long)(uint32_t)(seed ^ seed >> 32));
			count_drawn(&f, resamples, rng);
			judge(&f, value, resamples, 1, p, p_max);
			gsl_rng_free(rng);
		} else {
			s = am_fail(err, AM_ERR_MEMORY, "sign flips: out of memory");
		}
	}
	family_fini(&f);
	return s;
}

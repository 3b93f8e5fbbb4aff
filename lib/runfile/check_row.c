#include "runfile/check_row.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

/* Stored values are rounded to float32 after sums of float32 weights: a few units
 * in the last place of 1, more where a value is larger. */
#define TOLERANCE (16 * FLT_EPSILON)

static double slack(double scale)
{
	return TOLERANCE * (scale > 1 ? scale : 1);
}

#define WHERE "layer %g, head %g, row %" PRId64 ": "
#define AT(r) (r)->layer, (r)->head, (r)->row

/* One value in [low, high]; NaN fails. */
static void in_range(am_checker *c, const am_check_row *r, am_field f, const char *rule, double low, double high)
{
	if (!r->stat[f])
		return;
	double x = (double)*r->stat[f];
	if (!(x >= low - slack(fabs(low)) && x <= high + slack(fabs(high))))
		am_check_broken(c, rule, WHERE "%.9g, expected %.9g to %.9g", AT(r), x, low, high);
}

static void not_above(am_checker *c, const am_check_row *r, const char *rule, double low, double high)
{
	if (!(low <= high + slack(fabs(high))))
		am_check_broken(c, rule, WHERE "%.9g and %.9g", AT(r), low, high);
}

void am_check_visible(am_checker *c, const am_check_row *r)
{
	if (!(r->n >= 0 && (r->position < 0 || r->n <= r->position + 1)))
		am_check_broken(c, "row_visible is at most position + 1",
		                "layer %g, row %" PRId64 ": %d keys at position %" PRId64, r->layer, r->row,
		                (int)r->n, r->position);
}

static void check_moments(am_checker *c, const am_check_row *r)
{
	double n = r->n, farthest = r->position >= 0 ? (double)r->position : INFINITY;
	in_range(c, r, AM_FIELD_LSE, "lse is finite", -FLT_MAX, FLT_MAX);
	in_range(c, r, AM_FIELD_ENTROPY, "entropy is in [0, ln n]", 0, log(n));
	in_range(c, r, AM_FIELD_SCORE_VARIANCE, "score_variance is not negative", 0, FLT_MAX);
	in_range(c, r, AM_FIELD_RENYI2, "renyi2 is in [0, ln n]", 0, log(n));
	in_range(c, r, AM_FIELD_MAX_PROB, "max_prob is in [1/n, 1]", 1 / n, 1);
	in_range(c, r, AM_FIELD_DEFICIT, "deficit is in [0, 1]", 0, 1);
	in_range(c, r, AM_FIELD_SINK_MASS, "sink_mass is in [0, 1]", 0, 1);
	in_range(c, r, AM_FIELD_RECENT_MASS, "recent_mass is in [0, 1]", 0, 1);
	in_range(c, r, AM_FIELD_MEAN_DISTANCE, "mean_distance is in [0, position]", 0, farthest);
	const float *h = r->stat[AM_FIELD_ENTROPY], *h2 = r->stat[AM_FIELD_RENYI2];
	const float *p = r->stat[AM_FIELD_MAX_PROB];
	if (h && h2)
		not_above(c, r, "renyi2 is at most entropy", (double)*h2, (double)*h);
	if (h2 && p)
		not_above(c, r, "-ln max_prob is at most renyi2", -log((double)*p), (double)*h2);
}

/* M(k) for a number of kept keys k that depends on the entry; 7 % of 100 keys are
 * 7, whatever 0.07 * 100 is. */
static double kept(const am_run *r, am_field f, int64_t i, double n)
{
	if (f == AM_FIELD_MASS_AT_K)
		return r->values[AM_AXIS_K][i];
	return fmax(1, ceil(r->values[AM_AXIS_RATIO][i] * n - 1e-9));
}

static void check_mass(am_checker *c, const am_check_row *r, am_field f)
{
	const float *m = r->stat[f], *h = r->stat[AM_FIELD_ENTROPY], *p = r->stat[AM_FIELD_MAX_PROB];
	int64_t entries = m ? c->r->shape[f][3] : 0;
	for (int64_t i = 0; i < entries; i++) {
		double k = kept(c->r, f, i, r->n), x = (double)m[i], least = k >= r->n ? 1 : fmin(k / r->n, 1);
		if (!(x >= least - slack(1) && x <= 1 + slack(1)))
			am_check_broken(c, "mass of k keys is in [k/n, 1]", WHERE "%s, k %g, n %d: %.9g", AT(r),
			                am_fields[f].path, k, (int)r->n, x);
		if (h && !(1 - x <= (double)*h / log(k + 1) + slack(1)))
			am_check_broken(c, "1 - mass is at most entropy / ln(k + 1)",
			                WHERE "%s, k %g: mass %.9g, entropy %.9g", AT(r), am_fields[f].path, k, x,
			                (double)*h);
		if (p && !(x >= (double)*p - slack(1) && x <= k * (double)*p + slack(k)))
			am_check_broken(c, "mass is between max_prob and k max_prob", WHERE "%s, k %g: %.9g", AT(r),
			                am_fields[f].path, k, x);
		for (int64_t j = 0; j < i; j++) {
			double kj = kept(c->r, f, j, r->n), low = kj <= k ? m[j] : x, high = kj <= k ? x : m[j];
			not_above(c, r, "mass does not fall with k", low, high);
		}
	}
}

static void check_k_at_mass(am_checker *c, const am_check_row *r)
{
	const int32_t *k = r->count[AM_FIELD_K_AT_MASS];
	const float *m = r->stat[AM_FIELD_MASS_AT_K];
	const double *tau = c->r->values[AM_AXIS_MASS], *at = c->r->values[AM_AXIS_K];
	int64_t entries = k ? c->r->shape[AM_FIELD_K_AT_MASS][3] : 0, counts = m ? c->r->length[AM_AXIS_K] : 0;
	for (int64_t i = 0; i < entries; i++) {
		if (!(k[i] >= 1 && k[i] <= r->n))
			am_check_broken(c, "k_at_mass is in [1, n]", WHERE "%d of %d", AT(r), (int)k[i], (int)r->n);
		for (int64_t j = 0; j < i; j++)
			if (tau[j] <= tau[i] ? k[j] > k[i] : k[j] < k[i])
				am_check_broken(c, "k_at_mass does not fall with mass", WHERE "%d at %g, %d at %g",
				                AT(r), (int)k[j], tau[j], (int)k[i], tau[i]);
		for (int64_t j = 0; j < counts; j++) {
			double x = (double)m[j];
			if (!(k[i] <= at[j] ? x >= tau[i] - slack(1) : x <= tau[i] + slack(1)))
				am_check_broken(c, "k_at_mass agrees with mass_at_k",
				                WHERE "k %d reaches %g, %g keys hold %.9g", AT(r), (int)k[i], tau[i],
				                at[j], x);
		}
	}
}

static void check_output_error(am_checker *c, const am_check_row *r)
{
	const float *e = r->stat[AM_FIELD_OUTPUT_ERROR];
	int64_t entries = e ? c->r->shape[AM_FIELD_OUTPUT_ERROR][3] : 0;
	/* NaN stands for an output of length 0. */
	for (int64_t i = 0; i < entries; i++)
		if (!(e[i] >= 0 && e[i] < INFINITY) && !isnan(e[i]))
			am_check_broken(c, "output_error is not negative", WHERE "%.9g", AT(r), (double)e[i]);
}

static void check_topk(am_checker *c, const am_check_row *r)
{
	const int32_t *index = r->count[AM_FIELD_TOPK_INDEX];
	const float *p = r->stat[AM_FIELD_TOPK_PROB], *most = r->stat[AM_FIELD_MAX_PROB];
	int64_t entries = index && p ? c->r->shape[AM_FIELD_TOPK_PROB][3] : 0;
	for (int64_t i = 0; i < entries; i++) {
		if (i >= r->n) {
			if (!(index[i] == -1 && isnan(p[i])))
				am_check_broken(c, "topk is missing beyond n", WHERE "rank %" PRId64 ": key %d", AT(r), i,
				                (int)index[i]);
			continue;
		}
		if (!(index[i] >= 0 && (r->position < 0 || index[i] <= r->position)))
			am_check_broken(c, "topk/index is a visible key", WHERE "rank %" PRId64 ": key %d", AT(r), i,
			                (int)index[i]);
		double before = i ? (double)p[i - 1] : most ? (double)*most : 1;
		if (!(p[i] >= 0 && (double)p[i] <= before + slack(1)))
			am_check_broken(c, "topk/prob does not rise with rank", WHERE "rank %" PRId64 ": %.9g", AT(r),
			                i, (double)p[i]);
	}
}

/* A row that sees nothing has no statistics. */
static void check_blind(am_checker *c, const am_check_row *r)
{
	for (int f = AM_FIELD_LSE; f <= AM_FIELD_MEAN_DISTANCE; f++)
		if (r->stat[f] && !isnan(*r->stat[f]))
			am_check_broken(c, "rows without visible keys have no statistics", WHERE "%s", AT(r),
			                am_fields[f].path);
}

void am_check_row_values(am_checker *c, const am_check_row *r)
{
	if (r->n == 0) {
		check_blind(c, r);
		return;
	}
	check_moments(c, r);
	check_mass(c, r, AM_FIELD_MASS_AT_K);
	check_mass(c, r, AM_FIELD_MASS_AT_RATIO);
	check_k_at_mass(c, r);
	check_output_error(c, r);
	check_topk(c, r);
	am_check_pair(c, r);
}

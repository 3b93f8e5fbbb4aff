/* What rows of two models and inverse temperatures must obey. */
#include "base/mem.h"
#include "runfile/check_row.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#define LN_2 0.69314718055994530942
#define SLACK (16 * FLT_EPSILON)

#define WHERE "layer %g, head %g, row %" PRId64 ": "
#define AT(r) (r)->layer, (r)->head, (r)->row

static double value(const am_check_row *r, am_field f)
{
	return r->stat[f] ? (double)*r->stat[f] : NAN;
}

static void in_range(am_checker *c, const am_check_row *r, am_field f, const char *rule, double high)
{
	if (r->stat[f] && !(value(r, f) >= 0 && value(r, f) <= high + SLACK))
		am_check_broken(c, rule, WHERE "%s is %.9g", AT(r), am_fields[f].path, value(r, f));
}

/* A divergence is infinite where mass lies outside the other row's keys; else Pinsker's bound holds:
 * KL >= 2 TV^2. */
static void check_divergence(am_checker *c, const am_check_row *r, am_field f, am_field outside)
{
	double kl = value(r, f), tv = value(r, AM_FIELD_PAIR_TV);
	if (r->stat[outside] && value(r, outside) > 0 && !(kl == INFINITY))
		am_check_broken(c, "a divergence is infinite where the other row lacks keys", WHERE "%s is %.9g, %s %.9g", AT(r),
		                am_fields[f].path, kl, am_fields[outside].path, value(r, outside));
	if (r->stat[AM_FIELD_PAIR_TV] && !(kl >= 2 * tv * tv - SLACK))
		am_check_broken(c, "a divergence is at least 2 tv^2", WHERE "%s is %.9g, tv %.9g", AT(r), am_fields[f].path, kl, tv);
}

void am_check_pair(am_checker *c, const am_check_row *r)
{
	if (!r->stat[AM_FIELD_PAIR_KL])
		return;
	in_range(c, r, AM_FIELD_PAIR_KL, "kl is not negative", INFINITY);
	in_range(c, r, AM_FIELD_PAIR_KL_REVERSE, "kl is not negative", INFINITY);
	in_range(c, r, AM_FIELD_PAIR_JS, "js is in [0, ln 2]", LN_2);
	in_range(c, r, AM_FIELD_PAIR_TV, "tv is in [0, 1]", 1);
	in_range(c, r, AM_FIELD_PAIR_LOST, "lost and gained are in [0, tv]", value(r, AM_FIELD_PAIR_TV));
	in_range(c, r, AM_FIELD_PAIR_GAINED, "lost and gained are in [0, tv]", value(r, AM_FIELD_PAIR_TV));
	check_divergence(c, r, AM_FIELD_PAIR_KL, AM_FIELD_PAIR_LOST);
	check_divergence(c, r, AM_FIELD_PAIR_KL_REVERSE, AM_FIELD_PAIR_GAINED);
	if (!(value(r, AM_FIELD_PAIR_JS) <= LN_2 * value(r, AM_FIELD_PAIR_TV) + SLACK))
		am_check_broken(c, "js is at most ln 2 tv", WHERE "js %.9g, tv %.9g", AT(r), value(r, AM_FIELD_PAIR_JS),
		                value(r, AM_FIELD_PAIR_TV));
	const float *overlap = r->stat[AM_FIELD_PAIR_OVERLAP];
	for (int64_t i = 0; overlap && i < c->r->shape[AM_FIELD_PAIR_OVERLAP][3]; i++)
		if (!(overlap[i] >= 0 && overlap[i] <= 1))
			am_check_broken(c, "topk_overlap is in [0, 1]", WHERE "k %g: %.9g", AT(r), c->r->values[AM_AXIS_K][i],
			                (double)overlap[i]);
}

am_status am_check_temperatures(am_checker *c, am_error *err)
{
	float *beta;
	am_status s = am_check_load_f32(c, AM_FIELD_TEMPERATURE_BETA, &beta, err);
	if (s || !beta)
		return s;
	int64_t n = c->r->shape[AM_FIELD_TEMPERATURE_BETA][0] * c->r->shape[AM_FIELD_TEMPERATURE_BETA][1];
	for (int64_t i = 0; i < n; i++)
		if (!(beta[i] > 0 && beta[i] < INFINITY))
			am_check_broken(c, "inverse temperatures are above 0", "%s[%" PRId64 "] is %g",
			                am_fields[AM_FIELD_TEMPERATURE_BETA].path, i, (double)beta[i]);
	am_free(beta);
	return AM_OK;
}

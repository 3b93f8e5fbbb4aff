#include "base/mem.h"
#include "base/rng.h"
#include "runfile/check.h"

#include <inttypes.h>
#include <math.h>

#define SUM_TOLERANCE 1e-4    /* sums of float32 shares */
#define DIST_SAMPLES 64       /* distributions looked at */
#define HALF_TOLERANCE 2e-2   /* of entropy from binary16 probabilities */
#define MOST_GIVEN 8192       /* coordinates looked at in pairs */

/* Coordinates that follow from their index. */
static double coordinate(am_axis a, int64_t i, int64_t n)
{
	if (a == AM_AXIS_DISTANCE_BIN)
		return i ? ldexp(1, (int)(i - 1)) : 0;
	if (a == AM_AXIS_MAP_Q || a == AM_AXIS_MAP_K)
		return ((double)i + 0.5) / (double)n;
	return (double)i;
}

static bool valid_coordinate(am_axis a, double x)
{
	switch (a) {
	case AM_AXIS_LAYER:
	case AM_AXIS_HEAD:
	case AM_AXIS_KV_HEAD: return x >= 0;
	case AM_AXIS_K: return x >= 1;
	case AM_AXIS_RATIO:
	case AM_AXIS_MASS: return x > 0 && x <= 1;
	default: return true;
	}
}

static void check_axis(am_checker *c, am_axis a)
{
	const double *x = c->r->values[a];
	bool given = a == AM_AXIS_LAYER || a == AM_AXIS_HEAD || a == AM_AXIS_KV_HEAD || a == AM_AXIS_K ||
	             a == AM_AXIS_RATIO || a == AM_AXIS_MASS;
	for (int64_t i = 0; x && i < c->r->length[a]; i++) {
		if (!given && !(x[i] == coordinate(a, i, c->r->length[a])))
			am_check_broken(c, "coordinates follow their rule", "%s[%" PRId64 "] is %g", am_axes[a].name,
			                i, x[i]);
		if (given && !valid_coordinate(a, x[i]))
			am_check_broken(c, "coordinates are in range", "%s[%" PRId64 "] is %g", am_axes[a].name, i,
			                x[i]);
		for (int64_t j = 0; given && j < i && i < MOST_GIVEN; j++)
			if (!(x[i] != x[j]))
				am_check_broken(c, "coordinates are distinct", "%s: %g twice", am_axes[a].name, x[i]);
	}
}

static am_status check_tokens(am_checker *c, const int64_t *length, am_error *err)
{
	int64_t n = c->r->length[AM_AXIS_SEQUENCE], tokens = c->r->length[AM_AXIS_TOKEN];
	int64_t *offset, *id;
	am_status s = am_check_load_i64(c, AM_FIELD_TOKEN_OFFSET, &offset, err);
	if (s)
		return s;
	if (offset && c->r->length[AM_AXIS_TOKEN_EDGE] != n + 1) {
		am_check_broken(c, "token_edge is one longer than sequence", "%" PRId64 " and %" PRId64,
		                c->r->length[AM_AXIS_TOKEN_EDGE], n);
	} else if (offset) {
		if (offset[0] != 0 || offset[n] != tokens)
			am_check_broken(c, "token_offset spans the tokens", "%" PRId64 " to %" PRId64 " of %" PRId64,
			                offset[0], offset[n], tokens);
		for (int64_t i = 0; i < n; i++)
			if (offset[i + 1] < offset[i] ||
			    (length && (uint64_t)offset[i + 1] - (uint64_t)offset[i] != (uint64_t)length[i]))
				am_check_broken(c, "token_offset rises by sequence_length",
				                "sequence %" PRId64 ": %" PRId64 " to %" PRId64, i, offset[i],
				                offset[i + 1]);
	}
	am_free(offset);
	s = am_check_load_i64(c, AM_FIELD_TOKEN_ID, &id, err);
	for (int64_t i = 0; id && i < tokens; i++)
		if (id[i] < 0)
			am_check_broken(c, "token ids are not negative", "token %" PRId64 " is %" PRId64, i, id[i]);
	am_free(id);
	return s;
}

static am_status check_sequences(am_checker *c, am_error *err)
{
	int64_t n = c->r->length[AM_AXIS_SEQUENCE], *length;
	float *nll = NULL;
	am_status s = am_check_load_i64(c, AM_FIELD_SEQUENCE_LENGTH, &length, err);
	if (!s)
		s = am_check_load_f32(c, AM_FIELD_SEQUENCE_NLL, &nll, err);
	for (int64_t i = 0; length && i < n; i++)
		if (length[i] < 1)
			am_check_broken(c, "sequences are not empty", "sequence %" PRId64 ": %" PRId64 " tokens", i,
			                length[i]);
	for (int64_t i = 0; nll && i < n; i++)
		if (!(nll[i] >= 0 && nll[i] < INFINITY) && !isnan(nll[i]))
			am_check_broken(c, "sequence_nll is not negative", "sequence %" PRId64 ": %g", i,
			                (double)nll[i]);
	if (!s)
		s = check_tokens(c, length, err);
	am_free(length);
	am_free(nll);
	return s;
}

/* Shares of one row of a profile, NaN as a whole where no row was seen. */
static void check_shares(am_checker *c, const char *path, const float *x, int64_t n, int64_t index,
                         bool may_be_missing)
{
	double sum = 0;
	int64_t missing = 0;
	for (int64_t i = 0; i < n; i++) {
		missing += isnan(x[i]);
		if (!isnan(x[i]) && !(x[i] >= 0 && x[i] <= 1 + SUM_TOLERANCE))
			am_check_broken(c, "profile is in [0, 1]", "%s, row %" PRId64 ": %g", path, index, (double)x[i]);
		sum += (double)x[i];
	}
	if (missing == n && may_be_missing)
		return;
	if (!(fabs(sum - 1) <= SUM_TOLERANCE))
		am_check_broken(c, "profile sums to 1", "%s, row %" PRId64 ": %.7g", path, index, sum);
}

static am_status check_profile(am_checker *c, am_field f, am_error *err)
{
	float *x;
	am_status s = am_check_load_f32(c, f, &x, err);
	if (s || !x)
		return s;
	const int64_t *shape = c->r->shape[f];
	int rank = am_fields[f].n_axes;
	int64_t rows = 1, n = shape[rank - 1];
	for (int a = 0; a < rank - 1; a++)
		rows *= shape[a];
	/* No row of a run, or none in a stripe of the map. */
	bool may_be_missing = c->r->rows == 0 || f == AM_FIELD_PROFILE_MAP;
	for (int64_t i = 0; i < rows; i++)
		check_shares(c, am_fields[f].path, x + i * n, n, i, may_be_missing);
	am_free(x);
	return AM_OK;
}

static void check_one_dist(am_checker *c, int layer, int head, int64_t row, bool half)
{
	float *p;
	int n;
	am_error inner;
	int32_t visible;
	float entropy;
	const double *ids = c->r->values[AM_AXIS_LAYER], *heads = c->r->values[AM_AXIS_HEAD];
	if (am_run_read_dist(c->r, layer, head, row, &p, &n, &inner)) {
		am_check_broken(c, "distributions are readable", "%s", inner.text);
		return;
	}
	double sum = 0, h = 0;
	for (int i = 0; i < n; i++) {
		sum += (double)p[i];
		h -= p[i] > 0 ? (double)p[i] * log((double)p[i]) : 0;
	}
	am_free(p);
	double tolerance = half ? HALF_TOLERANCE : SUM_TOLERANCE;
	if (n > 0 && !(fabs(sum - 1) <= tolerance))
		am_check_broken(c, "distributions sum to 1", "layer %g, head %g, row %" PRId64 ": %.7g", ids[layer],
		                heads[head], row, sum);
	int64_t at[] = {layer, head, row}, one[] = {1, 1, 1}, at2[] = {layer, row};
	if (am_run_has(c->r, AM_FIELD_ROW_VISIBLE) &&
	    (am_run_read_i32(c->r, AM_FIELD_ROW_VISIBLE, at2, one, &visible, &inner) || visible != n))
		am_check_broken(c, "distributions have n entries", "layer %g, row %" PRId64 ": %d", ids[layer], row, n);
	if (n > 0 && am_run_has(c->r, AM_FIELD_ENTROPY) &&
	    (am_run_read_f32(c->r, AM_FIELD_ENTROPY, at, one, &entropy, &inner) ||
	     !(fabs((double)entropy - h) <= tolerance)))
		am_check_broken(c, "distributions have the entropy stored",
		                "layer %g, head %g, row %" PRId64 ": %.7g", ids[layer], heads[head], row, h);
}

static void check_dist(am_checker *c)
{
	am_rng rng = {1};
	if (!c->r->dist || !c->r->rows || !c->r->length[AM_AXIS_HEAD])
		return;
	for (int i = 0; i < c->r->length[AM_AXIS_LAYER]; i++)
		if (c->r->dist[i].prob < 0)
			am_check_broken(c, "dataset is there", "/dist/%g/prob", c->r->values[AM_AXIS_LAYER][i]);
	for (int i = 0; i < DIST_SAMPLES; i++) {
		int layer = (int)am_rng_below(&rng, (uint64_t)c->r->length[AM_AXIS_LAYER]);
		int head = (int)am_rng_below(&rng, (uint64_t)c->r->length[AM_AXIS_HEAD]);
		int64_t row = (int64_t)am_rng_below(&rng, (uint64_t)c->r->rows);
		if (c->r->dist[layer].prob < 0)
			continue;
		hid_t type = H5Dget_type(c->r->dist[layer].prob);
		bool half = type >= 0 && H5Tget_size(type) == 2;
		if (type >= 0)
			H5Tclose(type);
		check_one_dist(c, layer, head, row, half);
	}
}

am_status am_check_parts(am_checker *c, am_error *err)
{
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		check_axis(c, (am_axis)a);
	am_status s = check_sequences(c, err);
	if (!s)
		s = check_profile(c, AM_FIELD_PROFILE_DISTANCE, err);
	if (!s)
		s = check_profile(c, AM_FIELD_PROFILE_MAP, err);
	if (!s)
		s = am_check_temperatures(c, err);
	check_dist(c);
	return s;
}

#include "analysis/metric.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char am_metric_names[] = "entropy normalised nll mass@K mass@R% keys@SHARE error@K max_prob renyi2 "
                               "score_variance lse sink_mass recent_mass mean_distance";

static const struct plain {
	const char *name;
	am_metric_kind kind;
	am_field field;
	const char *unit;
} plain[] = {
	{"entropy", AM_METRIC_ROWS, AM_FIELD_ENTROPY, "nat"},
	{"normalised", AM_METRIC_NORMALISED, AM_FIELD_ENTROPY, "1"},
	{"nll", AM_METRIC_NLL, AM_FIELD_SEQUENCE_NLL, "nat"},
	{"max_prob", AM_METRIC_ROWS, AM_FIELD_MAX_PROB, "1"},
	{"renyi2", AM_METRIC_ROWS, AM_FIELD_RENYI2, "nat"},
	{"score_variance", AM_METRIC_ROWS, AM_FIELD_SCORE_VARIANCE, "nat2"},
	{"lse", AM_METRIC_ROWS, AM_FIELD_LSE, "nat"},
	{"sink_mass", AM_METRIC_ROWS, AM_FIELD_SINK_MASS, "1"},
	{"recent_mass", AM_METRIC_ROWS, AM_FIELD_RECENT_MASS, "1"},
	{"mean_distance", AM_METRIC_ROWS, AM_FIELD_MEAN_DISTANCE, "tokens"},
};

static const struct indexed {
	const char *name;
	bool share; /* the value is a share in (0, 1], a percentage where it ends in % */
	am_field field;
	am_axis axis;
	const char *unit;
} indexed[] = {
	{"mass", false, AM_FIELD_MASS_AT_K, AM_AXIS_K, "1"},
	{"mass", true, AM_FIELD_MASS_AT_RATIO, AM_AXIS_RATIO, "1"},
	{"keys", true, AM_FIELD_K_AT_MASS, AM_AXIS_MASS, "keys"},
	{"error", false, AM_FIELD_OUTPUT_ERROR, AM_AXIS_K, "1"},
};

/* "64" or "5%" or "0.95" after the @. Counts are whole; a share may be given either
 * way, but a plain number of 1 or more is a count. */
static bool parse_value(const char *text, double *value, bool *share)
{
	char *end;
	double x = strtod(text, &end);
	bool percent = *end == '%' && !end[1];
	if (end == text || (*end && !percent) || !(x > 0) || !(x <= 1e9) || strspn(text, "+- \t") > 0)
		return false;
	*value = percent ? x / 100 : x;
	*share = percent || x < 1;
	return *share ? *value <= 1 : floor(x) == x;
}

am_status am_metric_parse(const char *text, am_metric *out, am_error *err)
{
	am_metric m = {.inner = 0};
	const char *at = strchr(text, '@');
	if (strlen(text) < sizeof m.name)
		memcpy(m.name, text, strlen(text) + 1);
	for (size_t i = 0; i < sizeof plain / sizeof *plain && !at; i++)
		if (!strcmp(plain[i].name, text)) {
			m.kind = plain[i].kind;
			m.field = plain[i].field;
			m.unit = plain[i].unit;
			*out = m;
			return AM_OK;
		}
	bool share;
	for (size_t i = 0; i < sizeof indexed / sizeof *indexed && at && *m.name; i++) {
		const struct indexed *x = &indexed[i];
		if (strncmp(x->name, text, (size_t)(at - text)) || x->name[at - text] ||
		    !parse_value(at + 1, &m.at, &share) || share != x->share)
			continue;
		m.kind = AM_METRIC_ROWS;
		m.field = x->field;
		m.axis = x->axis;
		m.unit = x->unit;
		*out = m;
		return AM_OK;
	}
	return am_fail(err, AM_ERR_USAGE, "expected one of %s, found '%s'", am_metric_names, text);
}

static am_status no_such_value(const am_metric *m, const am_run *run, am_error *err)
{
	am_text have = {0};
	const double *v = am_run_axis_values(run, m->axis);
	for (int64_t i = 0; i < am_run_axis_length(run, m->axis); i++)
		am_text_printf(&have, "%s%g", i ? ", " : "", v[i]);
	am_status s = am_fail(err, AM_ERR_FORMAT, "%s: %s holds no %s of %g, which %s needs; it has %s",
	                      am_run_path(run), am_fields[m->field].path, am_axes[m->axis].name, m->at, m->name,
	                      have.size ? am_text_str(&have) : "none");
	am_text_free(&have);
	return s;
}

am_status am_metric_find(am_metric *m, const am_run *run, am_error *err)
{
	if (m->kind == AM_METRIC_NLL) /* rows stand in for it while a run is incomplete */
		return am_run_has(run, AM_FIELD_SEQUENCE_NLL) || am_run_has(run, AM_FIELD_ROW_NLL)
		           ? AM_OK
		           : am_fail(err, AM_ERR_FORMAT, "%s: holds neither %s nor %s", am_run_path(run),
		                     am_fields[AM_FIELD_SEQUENCE_NLL].path, am_fields[AM_FIELD_ROW_NLL].path);
	if (!am_run_has(run, m->field))
		return am_fail(err, AM_ERR_FORMAT, "%s: has no %s, which %s needs%s", am_run_path(run), am_fields[m->field].path,
		               m->name, m->field == AM_FIELD_OUTPUT_ERROR ? "; capture again with --output-error" : "");
	if (m->at == 0)
		return AM_OK;
	const double *v = am_run_axis_values(run, m->axis);
	for (int64_t i = 0; i < am_run_axis_length(run, m->axis); i++)
		if (fabs(v[i] - m->at) <= 1e-9 * m->at) {
			m->inner = (int)i;
			return AM_OK;
		}
	return no_such_value(m, run, err);
}

bool am_metric_has(const am_metric *m, const am_run *run)
{
	am_metric copy = *m;
	return am_metric_find(&copy, run, NULL) == AM_OK;
}

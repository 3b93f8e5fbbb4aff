#include "select/spec.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int am_budget_of_ratio(double ratio, int n)
{
	int k = (int)ceil(ratio * n - 1e-9);
	return k < 1 ? 1 : k < n ? k : n;
}

int am_budget_of(am_budget b, int n)
{
	if (b.k > 0)
		return b.k < n ? b.k : n;
	return b.ratio > 0 ? am_budget_of_ratio(b.ratio, n) : 0;
}

static bool whole_number(const char *text, long long max, long long *out)
{
	char *end;
	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && *out <= max;
}

/* "0.05" or "5%" in [0, 1]. */
static bool share(const char *text, double *out)
{
	size_t n = strlen(text), digits = strspn(text, "0123456789.eE-+");
	bool percent = digits + 1 == n && text[digits] == '%';
	if (digits == 0 || (digits != n && !percent))
		return false;
	char *end;
	double v = strtod(text, &end);
	if (end != text + digits)
		return false;
	v = percent ? v / 100 : v;
	if (!(v >= 0 && v <= 1))
		return false;
	*out = v;
	return true;
}

am_status am_budget_parse(const char *text, am_budget *out, am_error *err)
{
	long long k;
	double ratio;
	if (whole_number(text, INT_MAX, &k) && k >= 1)
		*out = (am_budget){.k = (int)k};
	else if (strpbrk(text, ".%") && share(text, &ratio) && ratio > 0)
		*out = (am_budget){.ratio = ratio};
	else
		return am_fail(err, AM_ERR_USAGE, "expected a number of keys from 1 or a share as 1%% or 0.01, found '%s'", text);
	return AM_OK;
}

const char *am_spec_text(const am_select_spec *s, const char *key)
{
	if (!key)
		return s->argument;
	for (int i = 0; i < s->n_settings; i++)
		if (strcmp(s->setting[i].key, key) == 0)
			return s->setting[i].value;
	return NULL;
}

static am_status wrong(const am_select_spec *s, const char *key, const char *expected, am_error *err)
{
	const char *found = am_spec_text(s, key);
	if (!found)
		return am_fail(err, AM_ERR_USAGE, "%s: expected %s after a colon, found nothing", s->name, expected);
	return am_fail(err, AM_ERR_USAGE, "%s%s%s: expected %s, found '%s'", s->name, key ? ": " : "", key ? key : "",
	               expected, found);
}

am_status am_spec_int(const am_select_spec *s, const char *key, int min, int max, int *out, am_error *err)
{
	const char *text = am_spec_text(s, key);
	long long v;
	if (key && !text)
		return AM_OK;
	if (!text || !whole_number(text, max, &v) || v < min) {
		char expected[64];
		if (max == INT_MAX)
			snprintf(expected, sizeof expected, "a number from %d", min);
		else
			snprintf(expected, sizeof expected, "a number from %d to %d", min, max);
		return wrong(s, key, expected, err);
	}
	*out = (int)v;
	return AM_OK;
}

am_status am_spec_share(const am_select_spec *s, const char *key, double *out, am_error *err)
{
	const char *text = am_spec_text(s, key);
	if (key && !text)
		return AM_OK;
	return text && share(text, out) ? AM_OK : wrong(s, key, "a share from 0 to 1", err);
}

am_status am_spec_choice(const am_select_spec *s, const char *key, const char *const *names, int *out,
                         am_error *err)
{
	const char *text = am_spec_text(s, key);
	char expected[256] = "";
	if (key && !text)
		return AM_OK;
	for (int i = 0; names[i]; i++) {
		if (text && strcmp(text, names[i]) == 0) {
			*out = i;
			return AM_OK;
		}
		size_t n = strlen(expected);
		snprintf(expected + n, sizeof expected - n, "%s%s", i ? " or " : "", names[i]);
	}
	return wrong(s, key, expected, err);
}

/* "topk:BUDGET" is exact with that budget. */
static am_status expand_topk(am_select_spec *s, am_error *err)
{
	if (strcmp(s->name, "topk") != 0)
		return AM_OK;
	if (!s->argument)
		return am_fail(err, AM_ERR_USAGE, "topk: expected a budget after a colon, found nothing");
	am_status status = am_budget_parse(s->argument, &s->budget, err);
	s->name = "exact";
	s->argument = NULL;
	return status ? am_fail_in(err, status, "topk") : AM_OK;
}

static am_status take_setting(am_select_spec *s, const char *key, const char *value, am_error *err)
{
	long long v;
	am_status status = AM_OK;
	if (strcmp(key, "k") == 0 || strcmp(key, "ratio") == 0) {
		am_budget b;
		if (s->budget.k || s->budget.ratio > 0)
			return am_fail(err, AM_ERR_USAGE, "%s: expected one budget, found a second, '%s'", key, value);
		status = am_budget_parse(value, &b, err);
		if (!status && (strcmp(key, "k") == 0) != (b.k > 0))
			status = am_fail(err, AM_ERR_USAGE, "expected %s, found '%s'",
			                 strcmp(key, "k") == 0 ? "a number of keys from 1" : "a share as 1% or 0.01", value);
		if (status)
			return am_fail_in(err, status, "%s", key);
		s->budget = b;
		return AM_OK;
	}
	if (strcmp(key, "sink") == 0 || strcmp(key, "recent") == 0) {
		bool sink = strcmp(key, "sink") == 0, *has = sink ? &s->has_sink : &s->has_recent;
		if (*has)
			return am_fail(err, AM_ERR_USAGE, "%s: expected once, found again", key);
		if (!whole_number(value, INT_MAX, &v))
			return am_fail(err, AM_ERR_USAGE, "%s: expected a number from 0, found '%s'", key, value);
		*(sink ? &s->sink : &s->recent) = (int)v;
		*has = true;
		return AM_OK;
	}
	if (strcmp(key, "seed") == 0) {
		if (s->has_seed)
			return am_fail(err, AM_ERR_USAGE, "seed: expected once, found again");
		if (!whole_number(value, LLONG_MAX, &v))
			return am_fail(err, AM_ERR_USAGE, "seed: expected a whole number, found '%s'", value);
		s->seed = (uint64_t)v;
		s->has_seed = true;
		return AM_OK;
	}
	if (am_spec_text(s, key))
		return am_fail(err, AM_ERR_USAGE, "%s: expected once, found again", key);
	if (s->n_settings == AM_SPEC_SETTINGS)
		return am_fail(err, AM_ERR_USAGE, "expected at most %d settings", AM_SPEC_SETTINGS);
	s->setting[s->n_settings++] = (am_spec_setting){key, value};
	return AM_OK;
}

static am_status parse(am_select_spec *s, am_error *err)
{
	char *rest = s->buffer, *item = rest;
	rest = strchr(item, ',');
	if (rest)
		*rest++ = 0;
	char *colon = strchr(item, ':');
	if (colon) {
		*colon = 0;
		s->argument = colon + 1;
	}
	s->name = item;
	if (!*s->name || (s->argument && !*s->argument))
		return am_fail(err, AM_ERR_USAGE, "expected NAME or NAME:ARGUMENT, found '%s'", s->text);
	if (strcmp(s->name, "dense") == 0 && (s->argument || rest))
		return am_fail(err, AM_ERR_USAGE, "dense: expected nothing behind it, found '%s'", s->argument ? s->argument : rest);
	am_status status = expand_topk(s, err);
	while (rest && !status) {
		item = rest;
		rest = strchr(item, ',');
		if (rest)
			*rest++ = 0;
		char *equals = strchr(item, '=');
		if (!equals || equals == item || !equals[1])
			return am_fail(err, AM_ERR_USAGE, "expected KEY=VALUE after a comma, found '%s'", item);
		*equals = 0;
		status = take_setting(s, item, equals + 1, err);
	}
	return status;
}

am_status am_select_spec_parse(const char *text, am_select_spec *out, am_error *err)
{
	am_select_spec s = {.text = am_strdup(text), .buffer = am_strdup(text)};
	am_status status = s.text && s.buffer ? parse(&s, err) : am_fail(err, AM_ERR_MEMORY, "out of memory");
	if (status) {
		am_select_spec_fini(&s);
		return status;
	}
	*out = s;
	return AM_OK;
}

void am_select_spec_fini(am_select_spec *s)
{
	am_free(s->text);
	am_free(s->buffer);
	*s = (am_select_spec){0};
}

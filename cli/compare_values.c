#include "cli/compare_values.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static am_status add_metric(am_metric_list *m, const char *name, am_error *err)
{
	am_metric x;
	am_status s = am_metric_parse(name, &x, err);
	if (s)
		return s;
	for (int i = 0; i < m->n; i++)
		if (!strcmp(m->item[i].name, x.name))
			return am_fail(err, AM_ERR_USAGE, "expected each metric once, found '%s' twice", name);
	if (m->n == AM_COMPARE_METRICS)
		return am_fail(err, AM_ERR_USAGE, "expected at most %d metrics", AM_COMPARE_METRICS);
	m->item[m->n++] = x;
	return AM_OK;
}

am_status am_parse_metrics(void *target, const char *text, am_error *err)
{
	char *copy = am_strdup(text), *name = copy;
	am_status s = copy ? AM_OK : am_fail(err, AM_ERR_MEMORY, "out of memory");
	while (name && !s) {
		char *comma = strchr(name, ',');
		if (comma)
			*comma = 0;
		s = add_metric(target, name, err);
		name = comma ? comma + 1 : NULL;
	}
	am_free(copy);
	return s;
}

am_status am_parse_margin(void *target, const char *text, am_error *err)
{
	am_margin *m = target;
	char *end;
	double x = strtod(text, &end);
	bool relative = *end == '%';
	if (end == text || end[relative] || !(x > 0) || !(x < 1e300))
		return am_fail(err, AM_ERR_USAGE, "expected a number above 0, or a percentage of the mean of A, found '%s'", text);
	*m = (am_margin){relative ? x / 100 : x, relative};
	return AM_OK;
}

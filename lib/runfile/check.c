#include "base/mem.h"
#include "runfile/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define MOST_LINES 50
#define LINES_A_RULE 3

void am_check_broken(am_checker *c, const char *rule, const char *where, ...)
{
	int i = 0;
	c->problems++;
	while (i < c->n_broken && c->broken[i].rule != rule)
		i++;
	if (i == AM_CHECK_RULES)
		return;
	if (i == c->n_broken) {
		c->broken[i].rule = rule;
		c->broken[i].times = 0;
		c->n_broken++;
	}
	if (++c->broken[i].times > LINES_A_RULE || c->lines >= MOST_LINES)
		return;
	char text[512];
	va_list ap;
	va_start(ap, where);
	vsnprintf(text, sizeof text, where, ap);
	va_end(ap);
	am_text_printf(c->report, "%s: %s\n", rule, text);
	c->lines++;
}

static void count_rest(am_checker *c)
{
	for (int i = 0; i < c->n_broken && c->lines < MOST_LINES; i++) {
		int64_t more = c->broken[i].times - LINES_A_RULE;
		if (more <= 0)
			continue;
		am_text_printf(c->report, "%s: %" PRId64 " more\n", c->broken[i].rule, more);
		c->lines++;
	}
}

am_status am_run_check(am_run *r, am_text *report, am_error *err)
{
	am_checker c = {.r = r, .report = report};
	am_h5_quiet q = am_h5_begin();
	am_check_structure(&c);
	am_status s = am_check_parts(&c, err);
	if (!s)
		s = am_check_rows(&c, err);
	if (!s && r->n_selectors)
		s = am_check_selectors(&c, err);
	am_h5_end(&q);
	count_rest(&c);
	if (!s && !am_text_ok(report))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory for the report", r->path);
	if (!s && c.problems)
		s = am_fail(err, AM_ERR_CHECK, "%s: %" PRId64 " problem%s", r->path, c.problems,
		            c.problems == 1 ? "" : "s");
	return s;
}

/* Elements of a whole field; -1 when it cannot be held. */
static int64_t whole(const am_run *r, am_field f, int64_t *start, int64_t *count)
{
	int64_t n = 1;
	for (int a = 0; a < am_fields[f].n_axes; a++) {
		start[a] = 0;
		count[a] = r->shape[f][a];
		if (count[a] && n > INT32_MAX / count[a])
			return -1;
		n *= count[a];
	}
	return n;
}

am_status am_check_load_i64(am_checker *c, am_field f, int64_t **out, am_error *err)
{
	int64_t start[AM_MAX_AXES], count[AM_MAX_AXES];
	*out = NULL;
	if (!am_run_has(c->r, f))
		return AM_OK;
	int64_t n = whole(c->r, f, start, count);
	int64_t *p = n < 0 ? NULL : am_alloc((size_t)n, sizeof *p);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "%s: %s: out of memory", c->r->path, am_fields[f].path);
	am_error inner;
	if (am_run_read_i64(c->r, f, start, count, p, &inner) == AM_OK)
		return *out = p, AM_OK;
	am_check_broken(c, "values are readable", "%s", inner.text);
	am_free(p);
	return AM_OK;
}

am_status am_check_load_f32(am_checker *c, am_field f, float **out, am_error *err)
{
	int64_t start[AM_MAX_AXES], count[AM_MAX_AXES];
	*out = NULL;
	if (!am_run_has(c->r, f))
		return AM_OK;
	int64_t n = whole(c->r, f, start, count);
	float *p = n < 0 ? NULL : am_alloc((size_t)n, sizeof *p);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "%s: %s: out of memory", c->r->path, am_fields[f].path);
	am_error inner;
	if (am_run_read_f32(c->r, f, start, count, p, &inner) == AM_OK)
		return *out = p, AM_OK;
	am_check_broken(c, "values are readable", "%s", inner.text);
	am_free(p);
	return AM_OK;
}

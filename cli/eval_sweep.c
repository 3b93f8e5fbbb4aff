#include "cli/eval_sweep.h"

#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Text of the base with one value in the place of its budget (or its precision). */
static void put_spec(const am_select_spec *base, am_sweep sweep, const char *value, am_text *t)
{
	const char *name = sweep == AM_SWEEP_PRECISION ? "precision" : base->name;
	const char *argument = sweep == AM_SWEEP_PRECISION ? value : base->argument;
	am_text_puts(t, name);
	if (argument)
		am_text_printf(t, ":%s", argument);
	for (int i = 0; i < base->n_settings; i++)
		am_text_printf(t, ",%s=%s", base->setting[i].key, base->setting[i].value);
	if (base->sink)
		am_text_printf(t, ",sink=%d", base->sink);
	if (base->recent)
		am_text_printf(t, ",recent=%d", base->recent);
	if (base->has_seed)
		am_text_printf(t, ",seed=%" PRIu64, base->seed);
	if (sweep != AM_SWEEP_PRECISION)
		am_text_printf(t, ",%s=%s", am_sweep_name(sweep), value);
	else if (base->budget.k)
		am_text_printf(t, ",k=%d", base->budget.k);
	else
		am_text_printf(t, ",ratio=%.12g", base->budget.ratio);
}

static bool same_point(const am_eval_point *a, const am_eval_point *b)
{
	return !strcmp(a->text, b->text) ||
	       (!strcmp(a->spec.name, b->spec.name) && a->spec.budget.k == b->spec.budget.k &&
	        a->spec.budget.ratio == b->spec.budget.ratio && (a->precision == b->precision || isnan(a->precision)));
}

static am_status add_point(am_eval_points *p, const char *text, am_error *err)
{
	if (p->n == AM_EVALUATION_POINTS)
		return am_fail(err, AM_ERR_USAGE, "expected at most %d values", AM_EVALUATION_POINTS);
	am_eval_point *grown = am_grow(p->point, (size_t)p->n * sizeof *grown, (size_t)p->n + 1, sizeof *grown);
	if (!grown)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	p->point = grown;
	am_status s = am_eval_point_parse(text, &p->point[p->n], err);
	if (s)
		return s;
	p->n++;
	for (int i = 0; i + 1 < p->n; i++)
		if (same_point(&p->point[i], &p->point[p->n - 1]))
			return am_fail(err, AM_ERR_USAGE, "expected distinct values, found %s twice", p->point[i].text);
	return AM_OK;
}

/* "k=1,2": which sweep, and where its values start. */
static am_status parse_kind(const char *text, am_sweep *kind, const char **values, am_error *err)
{
	for (int i = AM_SWEEP_K; i <= AM_SWEEP_PRECISION; i++) {
		size_t n = strlen(am_sweep_name((am_sweep)i));
		if (!strncmp(text, am_sweep_name((am_sweep)i), n) && text[n] == '=' && text[n + 1]) {
			*kind = (am_sweep)i;
			*values = text + n + 1;
			return AM_OK;
		}
	}
	return am_fail(err, AM_ERR_USAGE, "--sweep: expected k=N,N..., ratio=X%%,X%%... or precision=P,P..., found '%s'", text);
}

static am_status sweep_points(const am_select_spec *base, const char *values, am_eval_points *p, am_error *err)
{
	am_status s = AM_OK;
	while (!s && *values) {
		size_t n = strcspn(values, ",");
		am_text value = {0}, spec = {0};
		am_text_append(&value, values, n);
		if (!strcmp(am_text_str(&value), "dense"))
			am_text_puts(&spec, "dense");
		else
			put_spec(base, p->sweep, am_text_str(&value), &spec);
		if (!n || (values[n] && !values[n + 1]))
			s = am_fail(err, AM_ERR_USAGE, "expected values separated by commas");
		else if (!am_text_ok(&value) || !am_text_ok(&spec))
			s = am_fail(err, AM_ERR_MEMORY, "out of memory");
		else
			s = add_point(p, am_text_str(&spec), err);
		am_text_free(&value);
		am_text_free(&spec);
		values += n + (values[n] == ',');
	}
	return s;
}

static am_status parse_sweep(const char *attention, const char *sweep, am_eval_points *p, am_error *err)
{
	const char *values = NULL;
	am_select_spec base;
	am_status s = parse_kind(sweep, &p->sweep, &values, err);
	if (s)
		return s;
	s = am_select_spec_parse(attention && strcmp(attention, "dense") != 0 ? attention : "exact", &base, err);
	if (s)
		return am_fail_in(err, s, "--attention");
	if (p->sweep == AM_SWEEP_PRECISION && strcmp(base.name, "exact") != 0 && strcmp(base.name, "precision") != 0)
		s = am_fail(err, AM_ERR_USAGE, "--sweep precision: expected --attention topk:K, found '%s'", attention);
	else if (p->sweep == AM_SWEEP_PRECISION && !base.budget.k && !(base.budget.ratio > 0))
		s = am_fail(err, AM_ERR_USAGE, "--sweep precision: expected a budget, as --attention topk:64, found none");
	else if ((s = sweep_points(&base, values, p, err)) == AM_ERR_USAGE)
		s = am_fail_in(err, s, "--sweep %s", sweep);
	am_select_spec_fini(&base);
	return s;
}

am_status am_eval_points_parse(const char *attention, const char *sweep, am_eval_points *out, am_error *err)
{
	am_eval_points p = {0};
	am_status s;
	if (sweep)
		s = parse_sweep(attention, sweep, &p, err);
	else if ((s = add_point(&p, attention ? attention : "dense", err)))
		s = am_fail_in(err, s, "--attention");
	if (s) {
		am_eval_points_fini(&p);
		return s;
	}
	*out = p;
	return AM_OK;
}

void am_eval_points_fini(am_eval_points *p)
{
	for (int i = 0; i < p->n; i++)
		am_eval_point_fini(&p->point[i]);
	am_free(p->point);
	*p = (am_eval_points){0};
}

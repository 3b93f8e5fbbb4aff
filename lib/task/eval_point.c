/* Points of a sweep, and a result as a line of JSON. */
#include "base/json.h"
#include "base/mem.h"
#include "task/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

am_status am_eval_point_parse(const char *text, am_eval_point *out, am_error *err)
{
	am_eval_point p = {.precision = NAN};
	am_status s = am_select_spec_parse(text, &p.spec, err);
	if (s)
		return s;
	if (!strcmp(p.spec.name, "dense") && (p.spec.argument || p.spec.n_settings || p.spec.budget.k || p.spec.budget.ratio > 0))
		s = am_fail(err, AM_ERR_USAGE, "dense: expected no settings, found '%s'", text);
	if (!s && !strcmp(p.spec.name, "precision"))
		s = am_spec_share(&p.spec, NULL, &p.precision, err);
	if (!s && !(p.text = am_strdup(text)))
		s = am_fail(err, AM_ERR_MEMORY, "out of memory");
	if (s) {
		am_eval_point_fini(&p);
		return s;
	}
	*out = p;
	return AM_OK;
}

void am_eval_point_fini(am_eval_point *p)
{
	am_select_spec_fini(&p->spec);
	am_free(p->text);
	p->text = NULL;
}

static void put_real(const char *key, double x, am_text *out)
{
	am_text_printf(out, ", \"%s\": ", key);
	am_json_real(out, x);
}

static void put_text(const char *key, const char *s, am_text *out)
{
	am_text_printf(out, ", \"%s\": ", key);
	am_json_string(out, s);
}

static void put_budget(const am_eval_point *p, am_text *out)
{
	am_text_puts(out, ", \"k\": ");
	if (p->spec.budget.k)
		am_text_printf(out, "%d", p->spec.budget.k);
	else
		am_text_puts(out, "null");
	put_real("ratio", p->spec.budget.ratio > 0 ? p->spec.budget.ratio : NAN, out);
	put_real("precision", p->precision, out);
}

void am_eval_result_json(const am_eval_item *item, const am_eval_point *point, const am_eval_result *r, am_text *out)
{
	static const char *const ends[] = {"eos", "limit", "context"};
	const am_task_sample *s = item->sample;
	am_text_puts(out, "{\"id\": ");
	am_json_string(out, item->id);
	put_text("file", item->file, out);
	put_text("task", item->task, out);
	am_text_printf(out, ", \"index\": %" PRId64, s->index);
	put_text("attention", point->text, out);
	put_budget(point, out);
	am_text_printf(out, ", \"prompt_tokens\": %d, \"dropped_tokens\": %d, \"new_tokens\": %d", item->n, item->dropped,
	               r->n_tokens);
	put_text("ended", ends[r->ended], out);
	put_text("output", r->output, out);
	am_text_puts(out, ", \"outputs\": [");
	for (int i = 0; i < s->n_outputs; i++) {
		am_text_puts(out, i ? ", " : "");
		am_json_string(out, s->outputs[i]);
	}
	am_text_puts(out, "]");
	put_text("metric", am_task_metric_name(s->metric), out);
	put_real("score", r->score.score, out);
	put_real("accuracy", r->score.accuracy, out);
	put_real("retained_mass", r->retained, out);
	put_real("seconds", r->seconds, out);
	am_text_puts(out, "}\n");
}

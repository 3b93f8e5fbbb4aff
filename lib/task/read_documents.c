/* Formats whose sample is a list of documents: KILT questions and re-ranking, as HELMET has
 * them. */
#include "base/mem.h"
#include "task/formats.h"
#include "task/template.h"

#include <stdio.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static am_status render(const am_sample_reader *r, const char *doc, const char *question, am_task_sample *s, am_error *err)
{
	const am_template_field fields[] = {{"DOC", doc}, {"Q", question}};
	am_text t = {0};
	am_text_puts(&t, "");
	am_status status = am_template_render(r->template, fields, COUNT(fields), &t, err);
	if (status) {
		am_text_free(&t);
		return am_fail_in(err, status, "%s", r->where);
	}
	s->input = t.data;
	return AM_OK;
}

/* "ctxs[3]" in the place of the error. */
static am_status document_text(const am_sample_reader *r, const json_t *d, size_t i, const char **title, const char **text,
                               am_error *err)
{
	char where[560];
	snprintf(where, sizeof where, "%s: ctxs[%zu]", r->where, i);
	if (!json_is_object(d))
		return am_task_field_wrong(where, "", "an object", d, err);
	const json_t *t = json_object_get(d, "title");
	*title = json_is_string(t) ? json_string_value(t) : NULL;
	return am_task_field_view(d, "text", where, text, err);
}

am_status am_read_kilt(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	const char *question, *title, *text;
	const json_t *ctxs, *d;
	am_text doc = {0};
	size_t i;
	s->metric = AM_METRIC_SUBSTRING;
	s->max_new_tokens = 20;
	am_status status = am_task_field_view(o, "question", r->where, &question, err);
	if (!status)
		status = am_task_field_strings(o, "answers", true, true, r->where, &s->outputs, &s->n_outputs, err);
	if (!status)
		status = am_task_field_array(o, "ctxs", r->where, &ctxs, err);
	if (!status)
		json_array_foreach(ctxs, i, d) {
			status = document_text(r, d, i, &title, &text, err);
			if (status)
				break;
			if (title)
				am_text_printf(&doc, "%sDocument %zu (%s): %s", i ? "\n\n" : "", i + 1, title, text);
			else
				am_text_printf(&doc, "%sDocument %zu: %s", i ? "\n\n" : "", i + 1, text);
		}
	if (!status)
		status = render(r, am_text_str(&doc), question, s, err);
	am_text_free(&doc);
	return status;
}

/* The id of a document: a string or a number. */
static char *id_text(const json_t *d)
{
	const json_t *v = json_object_get(d, "id");
	char number[32];
	if (json_is_string(v))
		return am_strdup(json_string_value(v));
	snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
	return json_is_integer(v) ? am_strdup(number) : NULL;
}

static am_status add_document(const am_sample_reader *r, const json_t *d, size_t i, am_text *doc, am_task_sample *s,
                              am_error *err)
{
	const char *title, *text;
	am_status status = document_text(r, d, i, &title, &text, err);
	if (status)
		return status;
	const json_t *label = json_object_get(d, "label");
	if (!json_is_number(label))
		return am_fail(err, AM_ERR_FORMAT, "%s: ctxs[%zu]: label: expected a number, found %s", r->where, i,
		               label ? "another thing" : "nothing");
	am_task_label *l = &s->labels[s->n_labels];
	l->gain = json_number_value(label);
	l->id = id_text(d);
	if (!l->id)
		return am_fail(err, AM_ERR_FORMAT, "%s: ctxs[%zu]: id: expected a string or an integer, found another thing",
		               r->where, i);
	s->n_labels++;
	am_text_printf(doc, "%s[ID: %s]%s%s %s", i ? "\n\n" : "", l->id, title ? " " : "", title ? title : "", text);
	return AM_OK;
}

am_status am_read_rerank(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	const char *query;
	const json_t *ctxs, *d;
	am_text doc = {0};
	size_t i;
	s->metric = AM_METRIC_NDCG;
	s->max_new_tokens = 200;
	am_status status = am_task_field_view(o, "query", r->where, &query, err);
	if (!status)
		status = am_task_field_array(o, "ctxs", r->where, &ctxs, err);
	if (!status) {
		s->labels = am_calloc(json_array_size(ctxs), sizeof *s->labels);
		if (!s->labels)
			status = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", r->where);
	}
	if (!status)
		json_array_foreach(ctxs, i, d) {
			status = add_document(r, d, i, &doc, s, err);
			if (status)
				break;
		}
	if (!status)
		status = render(r, am_text_str(&doc), query, s, err);
	am_text_free(&doc);
	return status;
}

/* Formats whose sample is a long text and a question about it: HELMET's RULER and key-value
 * forms, InfiniteBench, LongBench v2, Lost-in-the-middle records. */
#include "base/json.h"
#include "base/mem.h"
#include "task/formats.h"
#include "task/template.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

/* The prompt from the template, into s->input. */
static am_status render(const am_sample_reader *r, const am_template_field *fields, int n, am_task_sample *s,
                        am_error *err)
{
	am_text t = {0};
	am_text_puts(&t, "");
	am_status status = am_template_render(r->template, fields, n, &t, err);
	if (status) {
		am_text_free(&t);
		return am_fail_in(err, status, "%s", r->where);
	}
	s->input = t.data;
	return AM_OK;
}

/* One string as the only reference. */
static am_status set_output(const am_sample_reader *r, const char *text, am_task_sample *s, am_error *err)
{
	s->outputs = am_calloc(1, sizeof *s->outputs);
	if (!s->outputs || !(s->outputs[0] = am_strdup(text)))
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", r->where);
	s->n_outputs = 1;
	return AM_OK;
}

static const char *text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? json_string_value(v) : NULL;
}

/* `query` in its fixed question, or `question` as it stands. */
static am_status ruler_question(const am_sample_reader *r, const json_t *o, am_text *out, am_error *err)
{
	const char *query = text_of(o, "query"), *question = text_of(o, "question"), *type = text_of(o, "type_needle_v");
	int64_t values = 0;
	am_status s = am_task_field_int(o, "num_v", r->where, &values, err);
	if (s)
		return s;
	if (!query && !question)
		return am_task_field_wrong(r->where, "query", "a string", json_object_get(o, "query"), err);
	if (question)
		am_text_puts(out, question);
	else
		am_text_printf(out, values == 1 ? "What is the special value (%s) for %s in the text?"
		                                : "What are all the special values (%s) for %s in the text?",
		               type ? type : "text", query);
	return AM_OK;
}

am_status am_read_helmet_ruler(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	const char *context, *example = text_of(o, "example");
	am_text question = {0};
	bool outputs = json_object_get(o, "outputs") && !json_object_get(o, "answer");
	s->metric = AM_TASK_METRIC_RECALL;
	s->max_new_tokens = am_ruler_new_tokens(r->task);
	am_status status = am_task_field_view(o, "context", r->where, &context, err);
	if (!status)
		status = ruler_question(r, o, &question, err);
	if (!status)
		status = am_task_field_strings(o, outputs ? "outputs" : "answer", true, true, r->where, &s->outputs, &s->n_outputs, err);
	if (!status)
		status = am_task_field_int(o, "index", r->where, &s->index, err);
	if (!status) {
		const am_template_field fields[] = {{"DOC", context}, {"Q", am_text_str(&question)}, {"EXAMPLE", example}};
		status = render(r, fields, COUNT(fields), s, err);
	}
	am_text_free(&question);
	return status;
}

/* demos: [[key, value], ...], each as the question and its answer. */
static am_status put_demos(const am_sample_reader *r, const json_t *o, am_text *out, am_error *err)
{
	const json_t *demos = json_object_get(o, "demos"), *demo;
	size_t i;
	if (!demos || json_is_null(demos))
		return AM_OK;
	if (!json_is_array(demos))
		return am_task_field_wrong(r->where, "demos", "an array of pairs", demos, err);
	json_array_foreach(demos, i, demo) {
		const json_t *key = json_array_get(demo, 0), *value = json_array_get(demo, 1);
		if (json_array_size(demo) != 2 || !json_is_string(key) || !json_is_string(value))
			return am_fail(err, AM_ERR_FORMAT, "%s: demos: expected pairs of strings, found another thing at %zu",
			               r->where, i);
		am_text_printf(out, "Key: %s\nCorresponding value: %s\n\n", json_string_value(key), json_string_value(value));
	}
	return AM_OK;
}

am_status am_read_helmet_kv(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	const char *context, *question;
	am_text demos = {0};
	s->metric = AM_TASK_METRIC_SUBSTRING;
	s->max_new_tokens = 100;
	am_status status = am_task_field_view(o, "context", r->where, &context, err);
	if (!status)
		status = am_task_field_view(o, "question", r->where, &question, err);
	if (!status)
		status = am_task_field_strings(o, "answer", true, true, r->where, &s->outputs, &s->n_outputs, err);
	if (!status)
		status = put_demos(r, o, &demos, err);
	if (!status) {
		const am_template_field fields[] = {{"DOC", context}, {"Q", question}, {"DEMOS", am_text_str(&demos)}};
		status = render(r, fields, COUNT(fields), s, err);
	}
	am_text_free(&demos);
	return status;
}

am_status am_read_infbench(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	const char *context, *question;
	s->metric = AM_TASK_METRIC_ROUGE_L;
	s->max_new_tokens = 40;
	s->cut_middle = true;
	am_status status = am_task_field_view(o, "context", r->where, &context, err);
	if (!status)
		status = am_task_field_view(o, "input", r->where, &question, err);
	if (!status)
		status = am_task_field_strings(o, "answer", true, true, r->where, &s->outputs, &s->n_outputs, err);
	if (status)
		return status;
	const am_template_field fields[] = {{"DOC", context}, {"Q", question}};
	return render(r, fields, COUNT(fields), s, err);
}

/* A copy without blanks at the ends, as the benchmark strips its fields; NULL: no memory. */
static char *stripped(const char *s)
{
	static const char blanks[] = " \t\n\r\v\f";
	s += strspn(s, blanks);
	size_t n = strlen(s);
	while (n && strchr(blanks, s[n - 1]))
		n--;
	return am_strndup(s, n);
}

am_status am_read_longbench(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	static const char *const keys[] = {"context", "question", "choice_A", "choice_B", "choice_C", "choice_D"};
	am_template_field fields[] = {{"DOC", NULL}, {"Q", NULL}, {"C_A", NULL}, {"C_B", NULL}, {"C_C", NULL}, {"C_D", NULL}};
	char *value[COUNT(keys)] = {0};
	const char *answer;
	s->metric = AM_TASK_METRIC_CHOICE;
	s->max_new_tokens = 128;
	s->cut_middle = true;
	am_status status = am_task_field_view(o, "answer", r->where, &answer, err);
	if (!status && (strlen(answer) != 1 || *answer < 'A' || *answer > 'D'))
		status = am_fail(err, AM_ERR_FORMAT, "%s: answer: expected A, B, C or D, found \"%.20s\"", r->where, answer);
	for (int i = 0; i < COUNT(keys) && !status; i++) {
		const char *text;
		status = am_task_field_view(o, keys[i], r->where, &text, err);
		if (!status && !(value[i] = stripped(text)))
			status = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", r->where);
		fields[i].value = value[i];
	}
	if (!status)
		status = set_output(r, answer, s, err);
	if (!status)
		status = render(r, fields, COUNT(fields), s, err);
	for (int i = 0; i < COUNT(keys); i++)
		am_free(value[i]);
	return status;
}

/* The records as a JSON object, a line each; the pair that is asked for must be among them. */
static am_status put_records(const am_sample_reader *r, const json_t *records, const char *asked, const char *answer,
                             am_text *out, am_error *err)
{
	size_t i;
	bool found = false;
	const json_t *record;
	json_array_foreach(records, i, record) {
		const json_t *key = json_array_get(record, 0), *value = json_array_get(record, 1);
		if (json_array_size(record) != 2 || !json_is_string(key) || !json_is_string(value))
			return am_fail(err, AM_ERR_FORMAT, "%s: ordered_kv_records: expected pairs of strings, found another thing at %zu",
			               r->where, i);
		found |= !strcmp(json_string_value(key), asked) && !strcmp(json_string_value(value), answer);
		am_text_puts(out, i ? ",\n " : "{");
		am_json_string(out, json_string_value(key));
		am_text_puts(out, ": ");
		am_json_string(out, json_string_value(value));
	}
	am_text_puts(out, "}");
	return found ? AM_OK
	             : am_fail(err, AM_ERR_FORMAT, "%s: ordered_kv_records: expected the record of key and value, found none", r->where);
}

am_status am_read_kv_records(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err)
{
	const json_t *records;
	const char *key, *value;
	am_text doc = {0};
	s->metric = AM_TASK_METRIC_RECALL;
	s->max_new_tokens = 100;
	am_status status = am_task_field_array(o, "ordered_kv_records", r->where, &records, err);
	if (!status)
		status = am_task_field_view(o, "key", r->where, &key, err);
	if (!status)
		status = am_task_field_view(o, "value", r->where, &value, err);
	if (!status)
		status = put_records(r, records, key, value, &doc, err);
	if (!status)
		status = set_output(r, value, s, err);
	if (!status) {
		const am_template_field fields[] = {{"DOC", am_text_str(&doc)}, {"Q", key}};
		status = render(r, fields, COUNT(fields), s, err);
	}
	am_text_free(&doc);
	return status;
}

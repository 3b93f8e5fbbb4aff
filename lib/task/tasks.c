#include "task/tasks.h"

#include "base/file.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const size_t FILE_LIMIT = (size_t)8 << 30;

/* "path:5: \"input\": expected a string, found an integer" */
static am_status wrong_type(const char *where, const char *key, const char *expected, const json_t *found, am_error *err)
{
	static const char *const names[] = {"an object", "an array", "a string", "an integer",
	                                    "a real number", "true", "false", "null"};
	return am_fail(err, AM_ERR_FORMAT, "%s: %s%sexpected %s, found %s", where, key, *key ? ": " : "", expected,
	               found ? names[json_typeof(found)] : "nothing");
}

/* A string field into *out: NULL when absent (or null) and not needed. */
static am_status text_field(const json_t *o, const char *key, bool need, const char *where, char **out,
                            am_error *err)
{
	const json_t *v = json_object_get(o, key);
	if (!v || json_is_null(v))
		return need ? wrong_type(where, key, "a string", v, err) : AM_OK;
	if (!json_is_string(v))
		return wrong_type(where, key, "a string", v, err);
	*out = am_strndup(json_string_value(v), json_string_length(v));
	return *out ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", where);
}

static am_status int_field(const json_t *o, const char *key, const char *where, int64_t *out, am_error *err)
{
	const json_t *v = json_object_get(o, key);
	if (!v || json_is_null(v))
		return AM_OK;
	if (!json_is_integer(v))
		return wrong_type(where, key, "an integer", v, err);
	*out = json_integer_value(v);
	return AM_OK;
}

static am_status outputs_field(const json_t *o, const char *where, am_task_sample *s, am_error *err)
{
	const json_t *list = json_object_get(o, "outputs");
	if (!list || json_is_null(list))
		return AM_OK;
	if (!json_is_array(list))
		return wrong_type(where, "outputs", "an array of strings", list, err);
	s->outputs = am_calloc(json_array_size(list), sizeof *s->outputs);
	if (!s->outputs)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", where);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		if (!json_is_string(v))
			return wrong_type(where, "outputs", "an array of strings", v, err);
		s->outputs[i] = am_strndup(json_string_value(v), json_string_length(v));
		if (!s->outputs[i])
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", where);
		s->n_outputs++;
	}
	return AM_OK;
}

static am_status read_sample(const json_t *o, const char *where, am_task_sample *s, am_error *err)
{
	if (!json_is_object(o))
		return wrong_type(where, "", "an object", o, err);
	am_status status = text_field(o, "input", true, where, &s->input, err);
	if (!status)
		status = text_field(o, "answer_prefix", false, where, &s->answer_prefix, err);
	if (!status)
		status = text_field(o, "answer", false, where, &s->answer, err);
	if (!status)
		status = text_field(o, "task", false, where, &s->task, err);
	if (!status)
		status = outputs_field(o, where, s, err);
	if (!status)
		status = int_field(o, "index", where, &s->index, err);
	return status ? status : int_field(o, "length", where, &s->length, err);
}

static am_status add_line(am_tasks *t, const char *path, int line, const char *text, size_t n, am_error *err)
{
	char where[512];
	snprintf(where, sizeof where, "%.480s:%d", path, line);
	json_error_t je;
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (!o)
		return am_fail(err, AM_ERR_FORMAT, "%s: invalid JSON at column %d: %s", where, je.column, je.text);
	if ((t->n & (t->n - 1)) == 0) { /* grow at powers of two */
		size_t room = t->n ? 2 * (size_t)t->n : 1;
		am_task_sample *p = am_grow(t->sample, (size_t)t->n * sizeof *p, room, sizeof *p);
		if (!p) {
			json_decref(o);
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", where);
		}
		t->sample = p;
	}
	am_task_sample *s = &t->sample[t->n];
	*s = (am_task_sample){.index = t->n, .length = -1, .line = line};
	t->n++;
	am_status status = read_sample(o, where, s, err);
	json_decref(o);
	return status;
}

am_status am_tasks_read(const char *path, am_tasks *out, am_error *err)
{
	char *data;
	size_t size;
	am_status status = am_file_read(path, FILE_LIMIT, &data, &size, err);
	if (status)
		return status;
	am_tasks t = {0};
	int line = 1;
	for (size_t at = 0; at < size && !status; line++) {
		const char *end = memchr(data + at, '\n', size - at);
		size_t n = end ? (size_t)(end - (data + at)) : size - at;
		if (strspn(data + at, " \t\r") < n)
			status = add_line(&t, path, line, data + at, n, err);
		at += n + 1;
	}
	am_free(data);
	if (!status && t.n == 0)
		status = am_fail(err, AM_ERR_FORMAT, "%s: no task lines", path);
	if (status) {
		am_tasks_fini(&t);
		return status;
	}
	*out = t;
	return AM_OK;
}

void am_tasks_fini(am_tasks *t)
{
	for (int i = 0; i < t->n; i++) {
		am_task_sample *s = &t->sample[i];
		for (int j = 0; j < s->n_outputs; j++)
			am_free(s->outputs[j]);
		am_free(s->outputs);
		am_free(s->input);
		am_free(s->answer_prefix);
		am_free(s->answer);
		am_free(s->task);
	}
	am_free(t->sample);
	*t = (am_tasks){0};
}

#include "task/fields.h"

#include "base/mem.h"

am_status am_task_field_wrong(const char *where, const char *key, const char *expected, const json_t *found, am_error *err)
{
	static const char *const names[] = {"an object", "an array", "a string", "an integer",
	                                    "a real number", "true", "false", "null"};
	return am_fail(err, AM_ERR_FORMAT, "%s: %s%sexpected %s, found %s", where, key, *key ? ": " : "", expected,
	               found ? names[json_typeof(found)] : "nothing");
}

static am_status no_memory(const char *where, am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", where);
}

am_status am_task_field_text(const json_t *o, const char *key, bool need, const char *where, char **out, am_error *err)
{
	const json_t *v = json_object_get(o, key);
	if (!v || json_is_null(v))
		return need ? am_task_field_wrong(where, key, "a string", v, err) : AM_OK;
	if (!json_is_string(v))
		return am_task_field_wrong(where, key, "a string", v, err);
	char *copy = am_strndup(json_string_value(v), json_string_length(v));
	if (!copy)
		return no_memory(where, err);
	*out = copy;
	return AM_OK;
}

am_status am_task_field_view(const json_t *o, const char *key, const char *where, const char **out, am_error *err)
{
	const json_t *v = json_object_get(o, key);
	if (!json_is_string(v))
		return am_task_field_wrong(where, key, "a string", v, err);
	*out = json_string_value(v);
	return AM_OK;
}

am_status am_task_field_int(const json_t *o, const char *key, const char *where, int64_t *out, am_error *err)
{
	const json_t *v = json_object_get(o, key);
	if (!v || json_is_null(v))
		return AM_OK;
	if (!json_is_integer(v))
		return am_task_field_wrong(where, key, "an integer", v, err);
	*out = json_integer_value(v);
	return AM_OK;
}

am_status am_task_field_array(const json_t *o, const char *key, const char *where, const json_t **out, am_error *err)
{
	const json_t *v = json_object_get(o, key);
	if (!json_is_array(v))
		return am_task_field_wrong(where, key, "an array", v, err);
	if (json_array_size(v) == 0)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected at least one element, found none", where, key);
	*out = v;
	return AM_OK;
}

static am_status copy_strings(const json_t *v, const char *key, const char *where, char **list, int *n, am_error *err)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *e = json_array_get(v, i);
		if (!json_is_string(e))
			return am_task_field_wrong(where, key, "an array of strings", e, err);
		list[i] = am_strndup(json_string_value(e), json_string_length(e));
		if (!list[i])
			return no_memory(where, err);
		++*n;
	}
	return AM_OK;
}

am_status am_task_field_strings(const json_t *o, const char *key, bool need, bool single, const char *where, char ***out,
                           int *n_out, am_error *err)
{
	const json_t *v = json_object_get(o, key);
	const char *expected = single ? "a string or an array of strings" : "an array of strings";
	if (!v || json_is_null(v))
		return need ? am_task_field_wrong(where, key, expected, v, err) : AM_OK;
	if (!json_is_array(v) && !(single && json_is_string(v)))
		return am_task_field_wrong(where, key, expected, v, err);
	size_t room = json_is_array(v) ? json_array_size(v) : 1;
	char **list = am_calloc(room, sizeof *list);
	int n = 0;
	am_status status = list ? AM_OK : no_memory(where, err);
	if (!status && json_is_array(v))
		status = copy_strings(v, key, where, list, &n, err);
	else if (!status && !(list[n++] = am_strndup(json_string_value(v), json_string_length(v))))
		status = no_memory(where, err);
	if (status) {
		for (int i = 0; i < n; i++)
			am_free(list[i]);
		am_free(list);
		return status;
	}
	*out = list;
	*n_out = n;
	return AM_OK;
}

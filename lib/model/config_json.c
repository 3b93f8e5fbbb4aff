#include "model/config_json.h"

const char *am_config_type_name(const json_t *v)
{
	static const char *const names[] = {"an object", "an array", "a string", "an integer",
	                                    "a real number", "true", "false", "null"};
	return v ? names[json_typeof(v)] : "nothing";
}

const json_t *am_config_get(const am_config_view *j, const char *key)
{
	const json_t *v = json_object_get(j->object, key);
	return json_is_null(v) ? NULL : v;
}

static am_status wrong_type(const am_config_view *j, const char *key, const char *expected,
                            const json_t *v, am_error *err)
{
	return am_fail(err, AM_ERR_FORMAT, "%s: %s%s: expected %s, found %s", j->path, j->prefix, key,
	               expected, am_config_type_name(v));
}

am_status am_config_int(const am_config_view *j, const char *key, int otherwise, int low, int high,
                        int *out, am_error *err)
{
	const json_t *v = am_config_get(j, key);
	if (v && !json_is_integer(v))
		return wrong_type(j, key, "an integer", v, err);
	json_int_t x = v ? json_integer_value(v) : otherwise;
	if (x < low || x > high)
		return am_fail(err, AM_ERR_RANGE,
		               "%s: %s%s: expected %d to %d, found %" JSON_INTEGER_FORMAT, j->path,
		               j->prefix, key, low, high, x);
	*out = (int)x;
	return AM_OK;
}

am_status am_config_real(const am_config_view *j, const char *key, double otherwise, double low,
                         double high, double *out, am_error *err)
{
	const json_t *v = am_config_get(j, key);
	if (v && !json_is_number(v))
		return wrong_type(j, key, "a number", v, err);
	double x = v ? json_number_value(v) : otherwise;
	if (!(x >= low && x <= high))
		return am_fail(err, AM_ERR_RANGE, "%s: %s%s: expected %g to %g, found %g", j->path,
		               j->prefix, key, low, high, x);
	*out = x;
	return AM_OK;
}

am_status am_config_bool(const am_config_view *j, const char *key, bool otherwise, bool *out,
                         am_error *err)
{
	const json_t *v = am_config_get(j, key);
	if (v && !json_is_boolean(v))
		return wrong_type(j, key, "true or false", v, err);
	*out = v ? json_is_true(v) : otherwise;
	return AM_OK;
}

am_status am_config_str(const am_config_view *j, const char *key, const char *otherwise,
                        const char **out, am_error *err)
{
	const json_t *v = am_config_get(j, key);
	if (v && !json_is_string(v))
		return wrong_type(j, key, "a string", v, err);
	*out = v ? json_string_value(v) : otherwise;
	return AM_OK;
}

#include "model/tokenizer_fields.h"

#include "model/utf8.h"

#include <stdio.h>
#include <string.h>

am_quoted am_quote(const char *s)
{
	am_quoted q = {"'"};
	size_t used = 1, room = sizeof q.text - 5; /* for "...'" and the NUL */
	for (size_t step; *s; s += step) {
		size_t width = step = strnlen(s, am_utf8_width(*s)); /* texts that were cut end within a character */
		char piece[8];
		if (width == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f))
			width = (size_t)snprintf(piece, sizeof piece, "\\x%02x", (unsigned)*s);
		else
			memcpy(piece, s, width);
		if (width > room - used) {
			memcpy(q.text + used, "...", 3);
			used += 3;
			break;
		}
		memcpy(q.text + used, piece, width);
		used += width;
	}
	memcpy(q.text + used, "'", 2);
	return q;
}

const char *am_json_kind(const json_t *v)
{
	if (!v)
		return "nothing";
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a real number";
	case JSON_NULL:
		return "null";
	default:
		return "a boolean";
	}
}

static am_status wrong(const json_t *v, const char *key, const char *where, const char *expected,
                       am_error *err)
{
	return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %s, found %s", where, key, expected,
	               am_json_kind(v));
}

am_status am_field_string(const json_t *object, const char *key, const char *where,
                          const char **out, am_error *err)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_string(v))
		return wrong(v, key, where, "a string", err);
	*out = json_string_value(v);
	return AM_OK;
}

am_status am_field_bool(const json_t *object, const char *key, const char *where, bool *out,
                        am_error *err)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_boolean(v))
		return wrong(v, key, where, "a boolean", err);
	*out = json_is_true(v);
	return AM_OK;
}

am_status am_field_array(const json_t *object, const char *key, const char *where,
                         const json_t **out, am_error *err)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_array(v))
		return wrong(v, key, where, "an array", err);
	*out = v;
	return AM_OK;
}

static bool absent(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	return !v || json_is_null(v);
}

am_status am_field_bool_or(const json_t *object, const char *key, const char *where, bool *out,
                           am_error *err)
{
	return absent(object, key) ? AM_OK : am_field_bool(object, key, where, out, err);
}

am_status am_field_string_or(const json_t *object, const char *key, const char *where,
                             const char **out, am_error *err)
{
	return absent(object, key) ? AM_OK : am_field_string(object, key, where, out, err);
}

am_status am_field_char(const json_t *object, const char *key, const char *where,
                        const char **out, am_error *err)
{
	const char *s = NULL;
	am_status st = am_field_string(object, key, where, &s, err);
	if (st != AM_OK)
		return st;
	if (!*s || s[am_utf8_width(*s)])
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected one character, found %s", where, key,
		               am_quote(s).text);
	*out = s;
	return AM_OK;
}

am_status am_json_id(const json_t *v, const char *what, int32_t *out, am_error *err)
{
	if (!json_is_integer(v))
		return am_fail(err, AM_ERR_FORMAT, "%s: expected an integer id, found %s", what,
		               am_json_kind(v));
	json_int_t id = json_integer_value(v);
	if (id < 0 || id >= AM_TOKEN_ID_LIMIT)
		return am_fail(err, AM_ERR_FORMAT, "%s: expected an id in [0, %d), found %lld", what,
		               AM_TOKEN_ID_LIMIT, (long long)id);
	*out = (int32_t)id;
	return AM_OK;
}

struct walk {
	const char *where, *items;
	am_component_visit *visit;
	void *ctx;
};

static am_status walk(const struct walk *w, const json_t *v, int depth, am_error *err)
{
	const char *type = NULL;
	if (!json_is_object(v))
		return am_fail(err, AM_ERR_FORMAT, "%s: expected an object, found %s", w->where,
		               am_json_kind(v));
	am_status st = am_field_string(v, "type", w->where, &type, err);
	if (st != AM_OK || strcmp(type, "Sequence") != 0)
		return st != AM_OK ? st : w->visit(w->ctx, type, v, err);
	if (depth == AM_COMPONENT_DEPTH)
		return am_fail(err, AM_ERR_FORMAT, "%s: sequences nested deeper than %d", w->where,
		               AM_COMPONENT_DEPTH);
	const json_t *items = NULL;
	st = am_field_array(v, w->items, w->where, &items, err);
	for (size_t i = 0; st == AM_OK && i < json_array_size(items); i++)
		st = walk(w, json_array_get(items, i), depth + 1, err);
	return st;
}

am_status am_components_walk(const json_t *v, const char *where, const char *items,
                             am_component_visit *visit, void *ctx, am_error *err)
{
	if (!v || json_is_null(v))
		return AM_OK;
	return walk(&(struct walk){where, items, visit, ctx}, v, 0, err);
}

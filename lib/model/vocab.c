#include "model/vocab.h"

#include "base/mem.h"
#include "model/tokenizer_fields.h"

#include <string.h>

static bool reserve(am_vocab *v, size_t limit)
{
	if (limit > v->room) {
		size_t room = limit > 2 * v->room ? limit : 2 * v->room;
		size_t *p = am_grow(v->at, v->limit * sizeof *p, room, sizeof *p);
		if (!p)
			return false;
		v->at = p;
		v->room = room;
	}
	for (; v->limit < limit; v->limit++)
		v->at[v->limit] = SIZE_MAX;
	return true;
}

am_status am_vocab_add(am_vocab *v, const char *token, int32_t id, am_error *err)
{
	size_t n = strlen(token);
	int32_t known = am_vocab_id(v, token, n);
	if (known == id)
		return AM_OK;
	if (known >= 0)
		return am_fail(err, AM_ERR_FORMAT, "token %s has two ids, %d and %d", am_quote(token).text,
		               known, id);
	const char *other = am_vocab_token(v, id);
	if (other)
		return am_fail(err, AM_ERR_FORMAT, "id %d belongs to two tokens, %s and %s", id,
		               am_quote(other).text, am_quote(token).text);
	if (n > UINT32_MAX || !reserve(v, (size_t)id + 1) ||
	    !am_strmap_add(&v->map, token, n, id, &v->at[id]))
		return am_fail(err, AM_ERR_MEMORY, "no memory for the vocabulary");
	return AM_OK;
}

am_status am_vocab_load(am_vocab *v, const json_t *object, am_error *err)
{
	const char *token;
	json_t *value;
	json_object_foreach((json_t *)object, token, value) {
		int32_t id;
		am_status st = am_json_id(value, am_quote(token).text, &id, err);
		if (st == AM_OK)
			st = am_vocab_add(v, token, id, err);
		if (st != AM_OK)
			return st;
	}
	return AM_OK;
}

void am_vocab_fini(am_vocab *v)
{
	am_strmap_fini(&v->map);
	am_free(v->at);
	*v = (am_vocab){0};
}

int32_t am_vocab_id(const am_vocab *v, const char *token, size_t n)
{
	return am_strmap_find(&v->map, token, n);
}

const char *am_vocab_token(const am_vocab *v, int32_t id)
{
	if (id < 0 || (size_t)id >= v->limit || v->at[id] == SIZE_MAX)
		return NULL;
	return v->map.keys.data + v->at[id];
}

#include "store/index_dump.h"

#include "base/file.h"
#include "base/mem.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST ((size_t)1 << 32) /* bytes of a dump */

typedef struct reading {
	const char *path;
	am_index_shape shape;
	am_index_dump out;
	am_error *err;
} reading;

static int digit(char c)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(all, c) : NULL;
	return p ? (int)(p - all) : -1;
}

/* Bytes of base64 text; blanks and line ends are passed over. */
static am_status decode(const reading *r, const char *what, const char *text, size_t size, uint8_t **out, size_t *n)
{
	uint8_t *bytes = am_alloc(size / 4 * 3 + 3, 1);
	if (!bytes)
		return am_fail(r->err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	uint32_t group = 0;
	int have = 0, padding = 0;
	bool ok = true;
	*n = 0;
	for (size_t i = 0; ok && i < size; i++) {
		if (strchr(" \t\r\n", text[i]) && text[i])
			continue;
		int d = text[i] == '=' ? 0 : digit(text[i]);
		padding += text[i] == '=';
		ok = d >= 0 && (text[i] == '=' ? have >= 2 : padding == 0);
		group = group << 6 | (uint32_t)(d & 63);
		if (ok && ++have == 4) {
			bytes[(*n)++] = (uint8_t)(group >> 16);
			bytes[(*n)++] = (uint8_t)(group >> 8);
			bytes[(*n)++] = (uint8_t)group;
			have = 0;
			group = 0;
		}
	}
	if (!ok || have || padding > 2 || *n == 0) {
		am_free(bytes);
		return am_fail(r->err, AM_ERR_FORMAT, "%s: %s: expected base64, found other text or an end within it", r->path, what);
	}
	*n -= (size_t)padding;
	*out = bytes;
	return AM_OK;
}

/* The keys of one set, in a table of 2^bits places, at least twice their number; a place counts when it bears the
 * set's mark. (A mark for every position would take what the user's start asks for.) */
typedef struct key_table {
	struct key_place {
		int64_t mark;
		int32_t key;
	} *place;
	int bits;
} key_table;

/* False when the key is there already. */
static bool enter(const key_table *t, int64_t mark, int32_t key)
{
	uint32_t mask = ((uint32_t)1 << t->bits) - 1, i = (uint32_t)key * 2654435769u >> (32 - t->bits);
	for (; t->place[i].mark == mark; i = (i + 1) & mask)
		if (t->place[i].key == key)
			return false;
	t->place[i] = (struct key_place){mark, key};
	return true;
}

static am_status check_set(const reading *r, const am_index_array *a, const key_table *seen, int token, int layer)
{
	const int32_t *set = am_index_set(a, token, layer);
	int64_t mark = (int64_t)token * a->layers + layer + 1;
	int at = r->shape.start + token;
	for (int i = 0; i < a->width; i++) {
		if (set[i] == -1)
			continue;
		if (set[i] < -1 || set[i] > at)
			return am_fail(r->err, AM_ERR_RANGE, "%s: token %d, layer %d: expected keys 0 to %d, or -1, found %d", r->path, at,
			               layer, at, set[i]);
		if (!enter(seen, mark, set[i]))
			return am_fail(r->err, AM_ERR_FORMAT, "%s: token %d, layer %d: key %d twice", r->path, at, layer, set[i]);
	}
	return AM_OK;
}

static am_status check_sets(const reading *r, const am_index_array *a)
{
	key_table seen = {NULL, 1};
	while (seen.bits < 31 && (int64_t)1 << seen.bits < 2 * (int64_t)a->width)
		seen.bits++;
	seen.place = am_calloc((size_t)1 << seen.bits, sizeof *seen.place);
	am_status s = seen.place ? AM_OK : am_fail(r->err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	for (int t = 0; !s && t < a->tokens; t++)
		for (int l = 0; !s && l < a->layers; l++)
			s = check_set(r, a, &seen, t, l);
	am_free(seen.place);
	return s;
}

/* Takes in values of a known shape. */
static am_status add(reading *r, int64_t tokens, int64_t layers, int64_t width, const uint8_t *data)
{
	am_index_dump *d = &r->out;
	am_index_array *more = am_grow(d->sequence, (size_t)d->n * sizeof *more, (size_t)d->n + 1, sizeof *more);
	if (!more)
		return am_fail(r->err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	d->sequence = more;
	am_index_array *a = &d->sequence[d->n];
	*a = (am_index_array){(int)tokens, (int)layers, (int)width, am_alloc((size_t)(tokens * layers * width), 4)};
	if (!a->index)
		return am_fail(r->err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	d->n++;
	memcpy(a->index, data, (size_t)(tokens * layers * width) * 4);
	return check_sets(r, a);
}

/* The value after 'key': in an npy header. */
static const char *entry(const char *header, const char *key)
{
	const char *p = strstr(header, key);
	return p ? p + strlen(key) + strspn(p + strlen(key), ": ") : "";
}

static bool read_shape(const char *text, int64_t shape[3])
{
	int n = 0;
	if (*text++ != '(')
		return false;
	for (; n < 3; n++) {
		char *end;
		long long v = strtoll(text, &end, 10);
		if (end == text || v < 1 || v > INT_MAX)
			return false;
		shape[n] = v;
		text = end + strspn(end, ", ");
	}
	return *text == ')';
}

static am_status add_npy(reading *r, const uint8_t *data, size_t size)
{
	if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0)
		return am_fail(r->err, AM_ERR_FORMAT, "%s: expected an .npy array, found none", r->path);
	size_t lead = data[6] >= 2 ? 12 : 10, length = data[8] | (size_t)data[9] << 8;
	if (lead == 12 && size >= 12)
		length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
	if (size < lead || length > size - lead)
		return am_fail(r->err, AM_ERR_FORMAT, "%s: .npy header ends early", r->path);
	char *header = am_strndup((const char *)data + lead, length);
	if (!header)
		return am_fail(r->err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	const char *descr = entry(header, "'descr'"), *order = entry(header, "'fortran_order'"), *text = entry(header, "'shape'");
	int64_t shape[3];
	size_t rest = size - lead - length, bytes = 4;
	am_status s = AM_OK;
	if (strncmp(descr, "'<i4'", 5) != 0)
		s = am_fail(r->err, AM_ERR_FORMAT, "%s: expected values '<i4' (int32), found %.*s", r->path,
		            *descr ? (int)strcspn(descr, ",") : 4, *descr ? descr : "none");
	else if (strncmp(order, "False", 5) != 0)
		s = am_fail(r->err, AM_ERR_FORMAT, "%s: expected C order, found Fortran order", r->path);
	else if (!read_shape(text, shape))
		s = am_fail(r->err, AM_ERR_FORMAT, "%s: expected shape (tokens, layers, width), found %.*s", r->path,
		            *text ? (int)strcspn(text, ")") + 1 : 4, *text ? text : "none");
	for (int i = 0; !s && i < 3; i++)
		if (!am_mul_size(bytes, (size_t)shape[i], &bytes))
			bytes = SIZE_MAX;
	if (!s && bytes != rest)
		s = am_fail(r->err, AM_ERR_FORMAT, "%s: expected %zu bytes of values for the shape, found %zu", r->path, bytes, rest);
	am_free(header);
	return s ? s : add(r, shape[0], shape[1], shape[2], data + lead + length);
}

/* Bare int32 values: the width must be given, and the layers or the response's tokens. */
static am_status add_bare(reading *r, const uint8_t *data, size_t size, int64_t tokens)
{
	int64_t n = (int64_t)(size / 4), width = r->shape.width, layers = r->shape.layers;
	const char *missing = width < 1 && layers < 1 && tokens < 1 ? "the width (--width or width=) and the layers (--layers or layers=)"
	                    : width < 1 ? "the width (--width or width=)"
	                    : layers < 1 && tokens < 1 ? "the layers (--layers or layers=) or the response's counts of tokens" : NULL;
	if (missing)
		return am_fail(r->err, AM_ERR_USAGE, "%s: bare values do not tell their shape: expected %s, found none", r->path, missing);
	if (layers < 1)
		layers = n / width / tokens;
	else
		tokens = n / width / layers;
	if (size % 4 || tokens < 1 || layers < 1 || tokens * layers * width != n)
		return am_fail(r->err, AM_ERR_FORMAT, "%s: expected int32 values for %lld tokens, %lld layers, %lld keys, found %zu bytes",
		               r->path, (long long)tokens, (long long)layers, (long long)width, size);
	return add(r, tokens, layers, width, data);
}

static am_status add_text(reading *r, const char *what, const char *text, size_t size, int64_t tokens)
{
	uint8_t *data = NULL;
	size_t n = 0;
	am_status s = decode(r, what, text, size, &data, &n);
	if (s)
		return s;
	bool npy = n >= 6 && memcmp(data, "\x93NUMPY", 6) == 0;
	s = npy ? add_npy(r, data, n) : add_bare(r, data, n, tokens);
	am_free(data);
	return s;
}

/* One object of a response; *found counts what it held. */
static am_status add_object(reading *r, const json_t *o, const char *what)
{
	const json_t *meta = json_object_get(o, "meta_info"), *of = meta ? meta : o, *v = json_object_get(of, "indexer_topk");
	if (!v || json_is_null(v))
		return AM_OK;
	if (!json_is_string(v))
		return am_fail(r->err, AM_ERR_FORMAT, "%s: %s: expected base64 text", r->path, what);
	const json_t *prompt = json_object_get(of, "prompt_tokens"), *completion = json_object_get(of, "completion_tokens");
	int64_t tokens = 0;
	if ((prompt && !json_is_null(prompt)) || (completion && !json_is_null(completion))) {
		json_int_t p = json_integer_value(prompt), c = json_integer_value(completion);
		if (!json_is_integer(prompt) || !json_is_integer(completion) || p < 1 || p > INT_MAX || c < 0 || c > INT_MAX)
			return am_fail(r->err, AM_ERR_FORMAT, "%s: %s: expected prompt_tokens from 1 and completion_tokens from 0 beside it",
			               r->path, what);
		tokens = p + c - 1; /* the last token was never put through the model */
	}
	return add_text(r, what, json_string_value(v), json_string_length(v), tokens);
}

static am_status add_json(reading *r, const char *text, size_t size)
{
	json_error_t e;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e), *item;
	if (!root)
		return am_fail(r->err, AM_ERR_FORMAT, "%s:%d: %s", r->path, e.line, e.text);
	const json_t *list = json_is_array(root) ? root : json_object_get(root, "choices");
	size_t i;
	am_status s = json_is_array(list) ? AM_OK : add_object(r, root, "indexer_topk");
	if (json_is_array(list))
		json_array_foreach((json_t *)list, i, item) {
			char what[64];
			snprintf(what, sizeof what, "entry %zu, indexer_topk", i);
			if (!s)
				s = add_object(r, item, what);
		}
	if (!s && r->out.n == 0)
		s = am_fail(r->err, AM_ERR_FORMAT, "%s: expected indexer_topk in meta_info or choices, found none", r->path);
	json_decref(root);
	return s;
}

am_status am_index_dump_read(const char *path, const am_index_shape *shape, am_index_dump *out, am_error *err)
{
	reading r = {.path = path, .err = err};
	if (shape)
		r.shape = *shape;
	char *data;
	size_t size;
	am_status s = am_file_read(path, LARGEST, &data, &size, err);
	if (s)
		return s;
	size_t blank = strspn(data, " \t\r\n");
	if (blank == size)
		s = am_fail(err, AM_ERR_FORMAT, "%s: expected an index dump, found an empty file", path);
	else if (size >= 6 && memcmp(data, "\x93NUMPY", 6) == 0)
		s = add_npy(&r, (const uint8_t *)data, size);
	else if (data[blank] == '{' || data[blank] == '[')
		s = add_json(&r, data, size);
	else
		s = add_text(&r, "the file", data, size, 0);
	am_free(data);
	if (s)
		am_index_dump_fini(&r.out);
	else
		*out = r.out;
	return s;
}

void am_index_dump_fini(am_index_dump *d)
{
	for (int i = 0; i < d->n; i++)
		am_free(d->sequence[i].index);
	am_free(d->sequence);
	*d = (am_index_dump){0};
}

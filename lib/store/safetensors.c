#include "store/safetensors.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/dtype.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What messages and bounds of one file need. */
typedef struct source {
	const char *path;
	const unsigned char *data; /* after the header; data_size bytes */
	size_t data_size;
} source;

static const char *json_type_name(const json_t *v)
{
	static const char *const names[] = {"an object", "an array", "a string", "an integer",
	                                    "a real number", "true", "false", "null"};
	return v ? names[json_typeof(v)] : "nothing";
}

static am_status find_header(const char *path, const am_file_map *map, am_bytes *json, am_error *err)
{
	am_bytes b = {map->data, map->data ? map->data + map->size : NULL};
	uint64_t n = 0;
	if (!am_bytes_u64(&b, &n))
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: expected a safetensors file of at least 8 bytes, found %zu", path,
		               map->size);
	if (n > AM_SAFETENSORS_HEADER_LIMIT)
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: header length: expected at most %d bytes, found %" PRIu64, path,
		               AM_SAFETENSORS_HEADER_LIMIT, n);
	if (n > am_bytes_left(&b))
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: header length: expected at most the %zu bytes left in the file, found "
		               "%" PRIu64,
		               path, am_bytes_left(&b), n);
	if (n == 0 || *b.p != '{')
		return am_fail(err, AM_ERR_FORMAT, "%s: header: expected JSON starting with '{'", path);
	*json = (am_bytes){b.p, b.p + n};
	return AM_OK;
}

static am_status parse_header(const char *path, const am_bytes *text, json_t **out, am_error *err)
{
	json_error_t e;
	json_t *root = json_loadb((const char *)text->p, am_bytes_left(text), JSON_REJECT_DUPLICATES, &e);
	if (!root)
		return am_fail(err, AM_ERR_FORMAT, "%s: header: invalid JSON at byte %d: %s", path,
		               e.position, e.text);
	*out = root;
	return AM_OK;
}

static am_status read_metadata(const char *path, const json_t *meta, am_text *out, am_error *err)
{
	if (!json_is_object(meta))
		return am_fail(err, AM_ERR_FORMAT, "%s: __metadata__: expected an object, found %s", path,
		               json_type_name(meta));
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)meta, key, v) {
		if (!json_is_string(v))
			return am_fail(err, AM_ERR_FORMAT, "%s: __metadata__: %s: expected a string, found %s",
			               path, key, json_type_name(v));
		am_text_append(out, key, strlen(key) + 1);
		am_text_append(out, json_string_value(v), strlen(json_string_value(v)) + 1);
	}
	return am_text_ok(out) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
}

static am_status parse_dtype(const source *f, const char *name, const json_t *v, am_dtype *out,
                             am_error *err)
{
	if (!json_is_string(v))
		return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: dtype: expected a string, found %s",
		               f->path, name, json_type_name(v));
	switch (am_dtype_parse(json_string_value(v), out)) {
	case AM_DTYPE_READ:
		return AM_OK;
	case AM_DTYPE_PACKED:
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: tensor %s: dtype: expected whole bytes an element, found %s", f->path,
		               name, json_string_value(v));
	default:
		return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: dtype: expected a safetensors type, "
		               "found \"%s\"", f->path, name, json_string_value(v));
	}
}

/* A non-negative integer, or a message that names the tensor and its field. */
static am_status parse_count(const source *f, const char *name, const char *field, const json_t *v,
                             uint64_t *out, am_error *err)
{
	if (!json_is_integer(v))
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: tensor %s: %s: expected non-negative integers, found %s", f->path, name,
		               field, json_type_name(v));
	if (json_integer_value(v) < 0)
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: tensor %s: %s: expected non-negative integers, found %" JSON_INTEGER_FORMAT,
		               f->path, name, field, json_integer_value(v));
	*out = (uint64_t)json_integer_value(v);
	return AM_OK;
}

static am_status parse_shape(const source *f, const json_t *v, am_tensor *t, am_error *err)
{
	if (!json_is_array(v))
		return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: shape: expected an array, found %s",
		               f->path, t->name, json_type_name(v));
	size_t rank = json_array_size(v);
	if (rank > AM_MAX_RANK)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: tensor %s: shape: expected at most %d dimensions, found %zu", f->path,
		               t->name, AM_MAX_RANK, rank);
	size_t bytes = am_dtype_size(t->dtype);
	for (size_t i = 0; i < rank; i++) {
		uint64_t dim = 0;
		am_status s = parse_count(f, t->name, "shape", json_array_get(v, i), &dim, err);
		if (s)
			return s;
		t->shape[i] = (int64_t)dim;
		if (dim > SIZE_MAX || !am_mul_size(bytes, (size_t)dim, &bytes))
			return am_fail(err, AM_ERR_FORMAT,
			               "%s: tensor %s: shape: expected a product that fits 64 bits, found an "
			               "overflow at dimension %zu", f->path, t->name, i);
	}
	t->rank = (int)rank;
	t->bytes = bytes;
	return AM_OK;
}

static am_status parse_offsets(const source *f, const json_t *v, am_tensor *t, am_error *err)
{
	if (!json_is_array(v) || json_array_size(v) != 2)
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: tensor %s: data_offsets: expected an array of 2, found %s", f->path,
		               t->name, json_is_array(v) ? "another length" : json_type_name(v));
	uint64_t begin = 0, end = 0;
	am_status s = parse_count(f, t->name, "data_offsets", json_array_get(v, 0), &begin, err);
	if (!s)
		s = parse_count(f, t->name, "data_offsets", json_array_get(v, 1), &end, err);
	if (s)
		return s;
	if (begin > end || end > f->data_size)
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: tensor %s: data_offsets: expected begin <= end <= %zu (the data in the "
		               "file), found [%" PRIu64 ",%" PRIu64 "]", f->path, t->name, f->data_size,
		               begin, end);
	if (end - begin != t->bytes) {
		char shape[AM_SHAPE_TEXT];
		am_shape_text(t->rank, t->shape, shape);
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: tensor %s: data_offsets: expected %zu bytes for %s %s, found %" PRIu64,
		               f->path, t->name, t->bytes, am_dtype_name(t->dtype), shape, end - begin);
	}
	t->data = f->data + begin;
	return AM_OK;
}

/* Fills all of *t but its name, which is set. */
static am_status parse_entry(const source *f, const json_t *v, am_tensor *t, am_error *err)
{
	if (!json_is_object(v))
		return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: expected an object, found %s", f->path,
		               t->name, json_type_name(v));
	t->file = f->path;
	am_status s = parse_dtype(f, t->name, json_object_get(v, "dtype"), &t->dtype, err);
	if (!s)
		s = parse_shape(f, json_object_get(v, "shape"), t, err);
	if (!s)
		s = parse_offsets(f, json_object_get(v, "data_offsets"), t, err);
	return s;
}

/* By begin, then by end, so that empty tensors come before the one they touch. */
static int compare_data(const void *x, const void *y)
{
	const am_tensor *a = x, *b = y;
	if (a->data != b->data)
		return (const char *)a->data < (const char *)b->data ? -1 : 1;
	return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Sorted tensors must tile the data from its first byte to its last. */
static am_status check_tiling(const source *f, const am_tensor *t, int n, am_error *err)
{
	size_t at = 0;
	for (int i = 0; i < n; i++) {
		size_t begin = (size_t)((const unsigned char *)t[i].data - f->data);
		if (begin != at)
			return am_fail(err, AM_ERR_FORMAT,
			               "%s: tensor %s: data_offsets: expected to begin at %zu, found %zu (%s)",
			               f->path, t[i].name, at, begin, begin > at ? "a gap" : "an overlap");
		at = begin + t[i].bytes;
	}
	if (at != f->data_size)
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: expected %zu bytes of data as the header says, found %zu", f->path, at,
		               f->data_size);
	return AM_OK;
}

static void free_tensors(am_tensor *t, int n)
{
	for (int i = 0; i < n; i++)
		am_free((void *)t[i].name);
	am_free(t);
}

static am_status parse_entries(const source *f, const json_t *root, am_tensor **out, int *n,
                               am_text *metadata, am_error *err)
{
	size_t room = json_object_size(root);
	am_tensor *t = room < INT_MAX ? am_calloc(room, sizeof *t) : NULL;
	if (!t)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory for %zu tensors", f->path, room);
	am_status s = AM_OK;
	int count = 0;
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)root, key, v) {
		if (strcmp(key, "__metadata__") == 0) {
			s = read_metadata(f->path, v, metadata, err);
		} else if (!(t[count].name = am_strdup(key))) {
			s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", f->path);
		} else {
			s = parse_entry(f, v, &t[count], err);
			count++;
		}
		if (s)
			break;
	}
	if (!s) {
		qsort(t, (size_t)count, sizeof *t, compare_data);
		s = check_tiling(f, t, count, err);
	}
	if (s) {
		free_tensors(t, count);
		return s;
	}
	*out = t;
	*n = count;
	return AM_OK;
}

am_status am_safetensors_parse(const char *path, const am_file_map *map, am_tensor **tensors, int *n,
                               am_metadata *metadata, size_t *data_start, am_error *err)
{
	am_bytes text = {NULL, NULL};
	json_t *root = NULL;
	am_status s = find_header(path, map, &text, err);
	if (!s)
		s = parse_header(path, &text, &root, err);
	if (s)
		return s;
	size_t start = (size_t)(text.end - map->data);
	source f = {path, text.end, map->size - start};
	am_text strings = {0};
	s = parse_entries(&f, root, tensors, n, &strings, err);
	json_decref(root);
	if (s) {
		am_text_free(&strings);
		return s;
	}
	*metadata = (am_metadata){strings.data, strings.size};
	*data_start = start;
	return AM_OK;
}

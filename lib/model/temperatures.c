#include "model/temperatures.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/config_json.h"

#include <math.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 30)
#define FORMAT "attnmeter-temperatures"
enum { VERSION = 1, MOST = 1 << 20 };

/* --- pieces ---------------------------------------------------------------- */

static am_status wrong(const char *path, const char *key, const char *expected, const json_t *found, am_error *err)
{
	return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %s, found %s", path, key, expected, am_config_type_name(found));
}

static am_status out_of_memory(const char *path, am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
}

/* An array of ascending ids. */
static am_status read_ids(const am_config_view *j, const char *key, int *n, int **out, am_error *err)
{
	const json_t *a = am_config_get(j, key);
	if (!json_is_array(a) || json_array_size(a) == 0 || json_array_size(a) > MOST)
		return wrong(j->path, key, "an array of ids", a, err);
	int *id = am_alloc(json_array_size(a), sizeof *id);
	if (!id)
		return out_of_memory(j->path, err);
	*out = id;
	*n = (int)json_array_size(a);
	for (int i = 0; i < *n; i++) {
		const json_t *x = json_array_get(a, (size_t)i);
		if (!json_is_integer(x) || json_integer_value(x) < 0 || json_integer_value(x) >= MOST)
			return wrong(j->path, key, "ids from 0", x, err);
		id[i] = (int)json_integer_value(x);
		if (i && id[i] <= id[i - 1])
			return am_fail(err, AM_ERR_RANGE, "%s: %s: expected ascending ids, found %d after %d", j->path, key, id[i],
			               id[i - 1]);
	}
	return AM_OK;
}

static am_status read_line(const char *path, const char *key, const json_t *line, int n, bool positive, double *out,
                           am_error *err)
{
	if (!json_is_array(line) || json_array_size(line) != (size_t)n)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected lines of %d numbers, one for each head", path, key, n);
	for (int i = 0; i < n; i++) {
		const json_t *x = json_array_get(line, (size_t)i);
		out[i] = json_number_value(x);
		if (!json_is_number(x))
			return wrong(path, key, "numbers", x, err);
		if (!(positive ? out[i] > 0 : out[i] >= 0) || !(out[i] < 1e30))
			return am_fail(err, AM_ERR_RANGE, "%s: %s: expected numbers %s 0, found %g", path, key,
			               positive ? "above" : "from", out[i]);
	}
	return AM_OK;
}

/* [n_layer][n_head]; *out stays NULL where the key is absent. */
static am_status read_matrix(const am_config_view *j, const char *key, const am_temperatures *t, bool positive,
                             double **out, am_error *err)
{
	const json_t *a = am_config_get(j, key);
	if (!a)
		return AM_OK;
	if (!json_is_array(a) || json_array_size(a) != (size_t)t->n_layer)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected an array of %d lines, one for each layer", j->path, key,
		               t->n_layer);
	*out = am_alloc((size_t)t->n_layer, (size_t)t->n_head * sizeof **out);
	if (!*out)
		return out_of_memory(j->path, err);
	am_status s = AM_OK;
	for (int l = 0; l < t->n_layer && !s; l++)
		s = read_line(j->path, key, json_array_get(a, (size_t)l), t->n_head, positive, *out + (size_t)l * (size_t)t->n_head, err);
	return s;
}

/* --- sequences ------------------------------------------------------------- */

static bool read_int(const json_t *triple, size_t i, int low, int *out)
{
	const json_t *x = json_array_get(triple, i);
	*out = (int)json_integer_value(x);
	return json_is_integer(x) && json_integer_value(x) >= low && json_integer_value(x) <= INT32_MAX;
}

static am_status read_ranges(const char *path, const json_t *rows, am_target_sequence *q, am_error *err)
{
	if (!json_is_array(rows) || json_array_size(rows) == 0)
		return wrong(path, "sequences: rows", "an array of [first, count, step]", rows, err);
	q->range = am_alloc(json_array_size(rows), sizeof *q->range);
	if (!q->range)
		return out_of_memory(path, err);
	int64_t next = 0;
	for (size_t i = 0; i < json_array_size(rows); i++, q->n_range++) {
		const json_t *triple = json_array_get(rows, i);
		am_row_range *r = &q->range[i];
		if (!json_is_array(triple) || json_array_size(triple) != 3 || !read_int(triple, 0, 0, &r->first) ||
		    !read_int(triple, 1, 1, &r->count) || !read_int(triple, 2, 1, &r->step))
			return wrong(path, "sequences: rows", "[first, count, step] of positions", triple, err);
		int64_t last = r->first + (int64_t)(r->count - 1) * r->step;
		if (r->first < next || last >= q->tokens)
			return am_fail(err, AM_ERR_RANGE, "%s: sequences: rows: expected ascending positions below %d, found [%d, %d, %d]",
			               path, q->tokens, r->first, r->count, r->step);
		next = last + 1;
	}
	return AM_OK;
}

static am_status read_sequence(const char *path, const json_t *object, am_target_sequence *q, am_error *err)
{
	am_config_view j = {path, "sequences.", object};
	const char *name = "", *task = "", *digest = "";
	if (!json_is_object(object))
		return wrong(path, "sequences", "objects", object, err);
	am_status s = am_config_str(&j, "name", "", &name, err);
	if (!s)
		s = am_config_str(&j, "task", "", &task, err);
	if (!s)
		s = am_config_str(&j, "digest", "", &digest, err);
	if (!s)
		s = am_config_int(&j, "tokens", 0, 1, INT32_MAX, &q->tokens, err);
	if (!s && (strlen(digest) != AM_IDS_DIGEST - 1 || strspn(digest, "0123456789abcdef") != AM_IDS_DIGEST - 1))
		s = am_fail(err, AM_ERR_FORMAT, "%s: sequences: digest: expected 16 hex digits, found '%.40s'", path, digest);
	if (s)
		return s;
	memcpy(q->digest, digest, AM_IDS_DIGEST);
	q->name = am_strdup(name);
	q->task = am_strdup(task);
	return q->name && q->task ? read_ranges(path, am_config_get(&j, "rows"), q, err) : out_of_memory(path, err);
}

static am_status read_sequences(const am_config_view *j, am_temperatures *t, am_error *err)
{
	const json_t *a = am_config_get(j, "sequences");
	if (!json_is_array(a) || json_array_size(a) == 0 || json_array_size(a) > INT32_MAX)
		return wrong(j->path, "sequences", "an array", a, err);
	t->sequence = am_calloc(json_array_size(a), sizeof *t->sequence);
	if (!t->sequence)
		return out_of_memory(j->path, err);
	t->n_sequence = (int)json_array_size(a);
	am_status s = AM_OK;
	for (int i = 0; i < t->n_sequence && !s; i++)
		s = read_sequence(j->path, json_array_get(a, (size_t)i), &t->sequence[i], err);
	return s;
}

/* --- the file -------------------------------------------------------------- */

static am_status read_head(const am_config_view *j, am_error *err)
{
	const char *format = "";
	int version = 0;
	am_status s = am_config_str(j, "format", "", &format, err);
	if (!s && strcmp(format, FORMAT))
		s = am_fail(err, AM_ERR_FORMAT, "%s: expected format \"" FORMAT "\", found '%.40s'", j->path, format);
	return s ? s : am_config_int(j, "format_version", VERSION, 1, VERSION, &version, err);
}

static am_status read_all(const am_config_view *j, am_temperatures *t, am_error *err)
{
	const char *digest = "";
	am_status s = read_head(j, err);
	if (!s)
		s = am_config_str(j, "model_digest", "", &digest, err);
	if (!s && *digest && !(t->model_digest = am_strdup(digest)))
		s = out_of_memory(j->path, err);
	if (!s)
		s = read_ids(j, "layers", &t->n_layer, &t->layer, err);
	if (!s)
		s = read_ids(j, "heads", &t->n_head, &t->head, err);
	if (!s)
		s = read_matrix(j, "beta", t, true, &t->beta, err);
	if (s || t->beta)
		return s;
	s = read_matrix(j, "target", t, false, &t->target, err);
	if (!s && !t->target)
		s = am_fail(err, AM_ERR_FORMAT, "%s: expected \"target\" or \"beta\", found neither", j->path);
	return s ? s : read_sequences(j, t, err);
}

am_status am_temperatures_read(const char *path, am_temperatures *out, am_error *err)
{
	char *data;
	size_t size;
	json_error_t e;
	am_status s = am_file_read(path, FILE_LIMIT, &data, &size, err);
	if (s)
		return s;
	json_t *root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &e);
	am_free(data);
	if (!root)
		return am_fail(err, AM_ERR_FORMAT, "%s:%d: %s", path, e.line, e.text);
	am_temperatures t = {0};
	am_config_view j = {path, "", root};
	s = json_is_object(root) ? read_all(&j, &t, err) : wrong(path, "the file", "an object", root, err);
	json_decref(root);
	if (s)
		am_temperatures_fini(&t);
	else
		*out = t;
	return s;
}

void am_temperatures_fini(am_temperatures *t)
{
	for (int i = 0; i < t->n_sequence; i++) {
		am_free(t->sequence[i].name);
		am_free(t->sequence[i].task);
		am_free(t->sequence[i].range);
	}
	void *own[] = {t->layer, t->head, t->target, t->beta, t->sequence, t->model_digest};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	*t = (am_temperatures){0};
}

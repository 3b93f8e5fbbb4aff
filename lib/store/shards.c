#include "store/shards.h"

#include "base/file.h"
#include "base/mem.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_LIMIT ((size_t)1 << 28) /* bytes; the largest published ones are a few MB */

static const char single_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";

void am_shards_fini(am_shards *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n; i++)
		am_free(s->paths[i]);
	for (int i = 0; i < s->n_tensors; i++)
		am_free(s->tensors[i]);
	am_free(s->paths);
	am_free(s->tensors);
	am_free(s->shard);
	am_free(s->index);
	*s = (am_shards){0};
}

static am_status no_memory(const char *path, am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
}

/* Takes `path` (am_free), also on failure. */
static am_status list_single(char *path, am_shards *out, am_error *err)
{
	if (!path || !(out->paths = am_calloc(1, sizeof *out->paths))) {
		am_free(path);
		return no_memory(single_name, err);
	}
	out->paths[0] = path;
	out->n = 1;
	return AM_OK;
}

/* A shard lies beside its index: a name that leads elsewhere is refused. */
static am_status check_shard_name(const char *index, const char *tensor, const json_t *v, am_error *err)
{
	if (!json_is_string(v))
		return am_fail(err, AM_ERR_FORMAT, "%s: weight_map: tensor %s: expected a file name", index,
		               tensor);
	const char *name = json_string_value(v);
	if (!*name || strpbrk(name, "/\\") || strcmp(name, ".") == 0 || strstr(name, ".."))
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: weight_map: tensor %s: expected a file name without path separators, "
		               "found \"%s\"", index, tensor, name);
	return AM_OK;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct shard names in *names (am_free), sorted; they belong to `map`. */
static am_status distinct_names(const char *index, json_t *map, const char ***names, int *n,
                                am_error *err)
{
	size_t total = json_object_size(map), used = 0, kept = 0;
	if (total == 0 || total > INT_MAX)
		return am_fail(err, AM_ERR_FORMAT, "%s: weight_map: expected tensors, found %zu", index, total);
	const char **list = am_alloc(total, sizeof *list);
	if (!list)
		return no_memory(index, err);
	const char *tensor;
	json_t *v;
	json_object_foreach(map, tensor, v) {
		am_status s = check_shard_name(index, tensor, v, err);
		if (s) {
			am_free(list);
			return s;
		}
		list[used++] = json_string_value(v);
	}
	qsort(list, used, sizeof *list, compare_names);
	for (size_t i = 0; i < used; i++)
		if (kept == 0 || strcmp(list[kept - 1], list[i]) != 0)
			list[kept++] = list[i];
	*names = list;
	*n = (int)kept;
	return AM_OK;
}

static am_status fill_paths(const char *dir, const char **names, int n, am_shards *out, am_error *err)
{
	if (!(out->paths = am_calloc((size_t)n, sizeof *out->paths)))
		return no_memory(dir, err);
	for (; out->n < n; out->n++)
		if (!(out->paths[out->n] = am_path_join(dir, names[out->n])))
			return no_memory(dir, err);
	return AM_OK;
}

static am_status fill_tensors(json_t *map, const char **names, int n, am_shards *out, am_error *err)
{
	size_t total = json_object_size(map);
	out->tensors = am_calloc(total, sizeof *out->tensors);
	out->shard = am_calloc(total, sizeof *out->shard);
	if (!out->tensors || !out->shard)
		return no_memory(out->index, err);
	const char *tensor;
	json_t *v;
	json_object_foreach(map, tensor, v) {
		const char *name = json_string_value(v);
		const char **hit = bsearch(&name, names, (size_t)n, sizeof *names, compare_names);
		if (!(out->tensors[out->n_tensors] = am_strdup(tensor)))
			return no_memory(out->index, err);
		out->shard[out->n_tensors++] = (int)(hit - names);
	}
	return AM_OK;
}

static am_status read_index(const char *dir, json_t *root, am_shards *out, am_error *err)
{
	json_t *map = json_object_get(root, "weight_map");
	if (!json_is_object(map))
		return am_fail(err, AM_ERR_FORMAT, "%s: expected an object \"weight_map\"", out->index);
	const char **names = NULL;
	int n = 0;
	am_status s = distinct_names(out->index, map, &names, &n, err);
	if (!s)
		s = fill_paths(dir, names, n, out, err);
	if (!s)
		s = fill_tensors(map, names, n, out, err);
	am_free(names);
	return s;
}

static am_status list_indexed(const char *dir, am_shards *out, am_error *err)
{
	char *text = NULL;
	size_t size = 0;
	am_status s = am_file_read(out->index, INDEX_LIMIT, &text, &size, err);
	if (s)
		return s;
	json_error_t e;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
	am_free(text);
	if (!root)
		return am_fail(err, AM_ERR_FORMAT, "%s: invalid JSON at line %d: %s", out->index, e.line, e.text);
	s = read_index(dir, root, out, err);
	json_decref(root);
	return s;
}

static am_status list_directory(const char *dir, am_shards *out, am_error *err)
{
	char *single = am_path_join(dir, single_name);
	out->index = am_path_join(dir, index_name);
	if (!single || !out->index) {
		am_free(single);
		return no_memory(dir, err);
	}
	if (!am_file_exists(single) && am_file_exists(out->index)) {
		am_free(single);
		return list_indexed(dir, out, err);
	}
	am_free(out->index);
	out->index = NULL;
	if (am_file_exists(single))
		return list_single(single, out, err);
	am_free(single);
	return am_fail(err, AM_ERR_IO, "%s: expected %s or %s, found neither", dir, single_name, index_name);
}

am_status am_shards_list(const char *path, am_shards *out, am_error *err)
{
	am_shards found = {0};
	am_status s = am_file_is_directory(path) ? list_directory(path, &found, err)
	                                         : list_single(am_strdup(path), &found, err);
	if (s) {
		am_shards_fini(&found);
		return s;
	}
	*out = found;
	return AM_OK;
}

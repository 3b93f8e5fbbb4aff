#include "store/tensors.h"

#include "base/file.h"
#include "base/mem.h"
#include "store/digest.h"
#include "store/safetensors.h"
#include "store/shards.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct am_tensor_file {
	am_file_map map;
	size_t data_start; /* of the data in the map */
	am_metadata metadata;
} am_tensor_file;

struct am_tensors {
	am_shards shards;
	am_tensor_file *files; /* [shards.n] */
	am_tensor *items;      /* [n] */
	int n;
	int *slots; /* [n_slots] open addressing: index into items, -1 when free */
	size_t n_slots; /* a power of two above 2 n */
};

/* The slot that holds `name`, or the free one where it belongs. */
static size_t find_slot(const am_tensors *t, const char *name)
{
	size_t i = am_fnv1a(AM_FNV_BASIS, name, strlen(name)) & (t->n_slots - 1);
	while (t->slots[i] >= 0 && strcmp(t->items[t->slots[i]].name, name) != 0)
		i = (i + 1) & (t->n_slots - 1);
	return i;
}

static am_status build_table(am_tensors *t, am_error *err)
{
	t->n_slots = 4;
	while (t->n_slots <= 2 * (size_t)t->n)
		t->n_slots *= 2;
	if (!(t->slots = am_alloc(t->n_slots, sizeof *t->slots)))
		return am_fail(err, AM_ERR_MEMORY, "out of memory for %d tensors", t->n);
	for (size_t i = 0; i < t->n_slots; i++)
		t->slots[i] = -1;
	for (int i = 0; i < t->n; i++) {
		size_t slot = find_slot(t, t->items[i].name);
		if (t->slots[slot] >= 0)
			return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: expected once, found in %s too",
			               t->items[i].file, t->items[i].name, t->items[t->slots[slot]].file);
		t->slots[slot] = i;
	}
	return AM_OK;
}

/* Takes the list and its names, also on failure. */
static am_status append(am_tensors *t, am_tensor *list, int n, am_error *err)
{
	am_tensor *grown = NULL;
	if (n < INT_MAX - t->n)
		grown = am_grow(t->items, (size_t)t->n * sizeof *list, (size_t)t->n + (size_t)n, sizeof *list);
	if (!grown) {
		for (int i = 0; i < n; i++)
			am_free((void *)list[i].name);
		am_free(list);
		return am_fail(err, AM_ERR_MEMORY, "out of memory for %d tensors", n);
	}
	memcpy(grown + t->n, list, (size_t)n * sizeof *list);
	am_free(list);
	t->items = grown;
	t->n += n;
	return AM_OK;
}

static am_status open_shard(am_tensors *t, int i, am_error *err)
{
	const char *path = t->shards.paths[i];
	am_tensor_file *f = &t->files[i];
	am_tensor *list = NULL;
	int n = 0;
	am_status s = am_file_map_open(path, &f->map, err);
	if (!s)
		s = am_safetensors_parse(path, &f->map, &list, &n, &f->metadata, &f->data_start, err);
	if (!s)
		s = append(t, list, n, err);
	if (s && t->shards.index)
		return am_fail_in(err, s, "%s: shard", t->shards.index);
	return s;
}

static am_status check_index(const am_tensors *t, am_error *err)
{
	for (int i = 0; i < t->shards.n_tensors; i++) {
		const char *expected = t->shards.paths[t->shards.shard[i]];
		const am_tensor *found = am_tensors_find(t, t->shards.tensors[i]);
		if (!found || found->file != expected)
			return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: expected in %s, found %s%s",
			               t->shards.index, t->shards.tensors[i], expected,
			               found ? "in " : "nowhere", found ? found->file : "");
	}
	return AM_OK;
}

am_status am_tensors_open(const char *path, am_tensors **out, am_error *err)
{
	am_tensors *t = am_calloc(1, sizeof *t);
	if (!t)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	am_status s = am_shards_list(path, &t->shards, err);
	if (!s && !(t->files = am_calloc((size_t)t->shards.n, sizeof *t->files)))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	for (int i = 0; !s && i < t->shards.n; i++)
		s = open_shard(t, i, err);
	if (!s)
		s = build_table(t, err);
	if (!s)
		s = check_index(t, err);
	if (s) {
		am_tensors_close(t);
		return s;
	}
	*out = t;
	return AM_OK;
}

void am_tensors_close(am_tensors *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->n; i++)
		am_free((void *)t->items[i].name);
	for (int i = 0; t->files && i < t->shards.n; i++) {
		am_free(t->files[i].metadata.strings);
		am_file_map_close(&t->files[i].map);
	}
	am_free(t->items);
	am_free(t->slots);
	am_free(t->files);
	am_shards_fini(&t->shards);
	am_free(t);
}

const am_tensor *am_tensors_find(const am_tensors *t, const char *name)
{
	int i = t->slots[find_slot(t, name)];
	return i >= 0 ? &t->items[i] : NULL;
}

int am_tensors_count(const am_tensors *t)
{
	return t->n;
}

const am_tensor *am_tensors_at(const am_tensors *t, int i)
{
	return &t->items[i];
}

am_status am_tensors_need(const am_tensors *t, const char *name, int rank, const int64_t *shape,
                          const am_tensor **out, am_error *err)
{
	char expected[AM_SHAPE_TEXT], found[AM_SHAPE_TEXT];
	am_shape_text(rank, shape, expected);
	const am_tensor *x = am_tensors_find(t, name);
	if (!x)
		return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: expected shape %s, found no such tensor",
		               am_tensors_path(t), name, expected);
	if (x->rank != rank || (rank && memcmp(x->shape, shape, (size_t)rank * sizeof *shape) != 0)) {
		am_shape_text(x->rank, x->shape, found);
		return am_fail(err, AM_ERR_FORMAT, "%s: tensor %s: expected shape %s, found %s", x->file,
		               name, expected, found);
	}
	*out = x;
	return AM_OK;
}

const char *am_tensors_metadata(const am_tensors *t, const char *key)
{
	const am_metadata *m = &t->files[0].metadata;
	for (size_t i = 0; i < m->size;) {
		const char *name = m->strings + i, *value = name + strlen(name) + 1;
		if (strcmp(name, key) == 0)
			return value;
		i = (size_t)(value - m->strings) + strlen(value) + 1;
	}
	return NULL;
}

const char *am_tensors_path(const am_tensors *t)
{
	return t->shards.index ? t->shards.index : t->shards.paths[0];
}

size_t am_tensors_bytes(const am_tensors *t)
{
	size_t total = 0;
	for (int i = 0; i < t->shards.n; i++)
		total += t->files[i].map.size;
	return total;
}

void am_tensors_digest(const am_tensors *t, char out[17])
{
	uint64_t h = AM_FNV_BASIS;
	for (int i = 0; i < t->shards.n; i++) {
		const am_tensor_file *f = &t->files[i];
		h = am_digest_sample(h, f->map.data, f->map.size, f->data_start);
	}
	snprintf(out, 17, "%016" PRIx64, h);
}

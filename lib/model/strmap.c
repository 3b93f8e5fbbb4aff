#include "model/strmap.h"

#include "base/mem.h"

#include <string.h>

/* FNV-1a with a final mix: keys are a few bytes long. */
static uint32_t hash_bytes(const char *key, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
	h ^= h >> 32;
	return (uint32_t)h ? (uint32_t)h : 1;
}

/* The slot of the key, or the free slot where it would go. */
static size_t probe(const am_strmap *m, const char *key, size_t n, uint32_t hash)
{
	size_t i = hash & (m->room - 1);
	for (;; i = (i + 1) & (m->room - 1)) {
		const am_strmap_slot *s = &m->slots[i];
		if (!s->hash)
			return i;
		if (s->hash == hash && s->size == n && memcmp(m->keys.data + s->at, key, n) == 0)
			return i;
	}
}

int32_t am_strmap_find(const am_strmap *m, const char *key, size_t n)
{
	if (!m->room)
		return -1;
	const am_strmap_slot *s = &m->slots[probe(m, key, n, hash_bytes(key, n))];
	return s->hash ? s->value : -1;
}

static bool enlarge(am_strmap *m)
{
	size_t room = m->room ? m->room * 2 : 256;
	am_strmap_slot *slots = am_calloc(room, sizeof *slots);
	if (!slots)
		return false;
	for (size_t i = 0; i < m->room; i++) {
		if (!m->slots[i].hash)
			continue;
		size_t j = m->slots[i].hash & (room - 1);
		while (slots[j].hash)
			j = (j + 1) & (room - 1);
		slots[j] = m->slots[i];
	}
	am_free(m->slots);
	m->slots = slots;
	m->room = room;
	return true;
}

bool am_strmap_add(am_strmap *m, const char *key, size_t n, int32_t value, size_t *at)
{
	if (m->n >= m->room / 2 && !enlarge(m))
		return false;
	size_t where = m->keys.size;
	am_text_append(&m->keys, key, n);
	am_text_append(&m->keys, "", 1);
	if (!am_text_ok(&m->keys))
		return false;
	uint32_t hash = hash_bytes(key, n);
	m->slots[probe(m, key, n, hash)] = (am_strmap_slot){where, (uint32_t)n, hash, value};
	m->n++;
	if (at)
		*at = where;
	return true;
}

void am_strmap_fini(am_strmap *m)
{
	am_free(m->slots);
	am_text_free(&m->keys);
	*m = (am_strmap){0};
}

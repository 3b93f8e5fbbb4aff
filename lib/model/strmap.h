/* Byte strings to small integers: open addressing over keys copied into one
 * block. Used for the vocabulary and for the cache of words. Initialise with
 * {0}. */
#ifndef AM_MODEL_STRMAP_H
#define AM_MODEL_STRMAP_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_strmap_slot {
	size_t at;     /* of the key in `keys` */
	uint32_t size; /* bytes of the key */
	uint32_t hash; /* 0 marks a free slot */
	int32_t value;
} am_strmap_slot;

typedef struct am_strmap {
	am_strmap_slot *slots;
	size_t n, room; /* room is a power of two, or 0 */
	am_text keys;   /* each followed by a NUL */
} am_strmap;

/* The value of a key, -1 when it is not there (values are never negative). */
int32_t am_strmap_find(const am_strmap *m, const char *key, size_t n);

/* Adds a key that is not there yet (n < 2^32). *at, unless NULL, is the key's
 * place in m->keys. False, with the map as before, when memory is short. */
bool am_strmap_add(am_strmap *m, const char *key, size_t n, int32_t value, size_t *at);

void am_strmap_fini(am_strmap *m);

#endif

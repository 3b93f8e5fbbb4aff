/* A growable list of token ids. Like am_text, an allocation failure is sticky:
 * later pushes do nothing and `failed` is checked once at the end. Initialise
 * with {0}. */
#ifndef AM_MODEL_ID_LIST_H
#define AM_MODEL_ID_LIST_H

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct am_id_list {
	int32_t *data; /* am_free */
	size_t n, room;
	bool failed;
} am_id_list;

/* Adds n ids. */
static inline void am_id_list_append(am_id_list *l, const int32_t *ids, size_t n)
{
	if (l->failed || n == 0)
		return;
	if (n > l->room - l->n) {
		size_t room;
		int32_t *p = NULL;
		if (am_add_size(l->n, n, &room) && am_mul_size(room, 2, &room))
			p = am_grow(l->data, l->n * sizeof *l->data, room, sizeof *l->data);
		if (!p) {
			l->failed = true;
			return;
		}
		l->data = p;
		l->room = room;
	}
	memcpy(l->data + l->n, ids, n * sizeof *ids);
	l->n += n;
}

/* Adds one id. */
static inline void am_id_list_push(am_id_list *l, int32_t id)
{
	am_id_list_append(l, &id, 1);
}

static inline void am_id_list_fini(am_id_list *l)
{
	am_free(l->data);
	*l = (am_id_list){0};
}

#endif

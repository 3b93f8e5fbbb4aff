/* The merges of a BPE model: pairs of ids to rank and result, open addressing. */
#ifndef AM_MODEL_MERGES_H
#define AM_MODEL_MERGES_H

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_merge {
	int32_t left, right; /* left is -1 in a free slot */
	uint32_t rank;       /* lower is merged earlier */
	int32_t id;          /* of the joined token */
} am_merge;

typedef struct am_merges {
	am_merge *slots;
	size_t room; /* a power of two, at most half full */
} am_merges;

/* Both ids spread over 32 bits. */
static inline size_t am_merges_hash(int32_t left, int32_t right)
{
	uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
	return (size_t)((pair * 0x9e3779b97f4a7c15u) >> 32);
}

/* The slot of a pair, or the free one where it would go. */
static inline am_merge *am_merges_slot(const am_merges *m, int32_t left, int32_t right)
{
	size_t i = am_merges_hash(left, right) & (m->room - 1);
	while (m->slots[i].left >= 0 && (m->slots[i].left != left || m->slots[i].right != right))
		i = (i + 1) & (m->room - 1);
	return &m->slots[i];
}

/* NULL when the pair does not merge. */
static inline const am_merge *am_merges_find(const am_merges *m, int32_t left, int32_t right)
{
	const am_merge *slot = am_merges_slot(m, left, right);
	return slot->left >= 0 ? slot : NULL;
}

/* Room for n merges; false when memory is short. */
static inline bool am_merges_init(am_merges *m, size_t n)
{
	size_t room = 16;
	while (room / 2 < n)
		room *= 2;
	m->slots = am_alloc(room, sizeof *m->slots);
	m->room = m->slots ? room : 0;
	for (size_t i = 0; i < m->room; i++)
		m->slots[i].left = -1;
	return m->slots != NULL;
}

/* A pair given twice keeps its last rank. */
static inline void am_merges_put(am_merges *m, am_merge merge)
{
	*am_merges_slot(m, merge.left, merge.right) = merge;
}

static inline void am_merges_fini(am_merges *m)
{
	am_free(m->slots);
	*m = (am_merges){0};
}

#endif

/* Inside of a BPE model, shared by its loader and its encoder. */
#ifndef AM_MODEL_BPE_MODEL_H
#define AM_MODEL_BPE_MODEL_H

#include "base/text.h"
#include "model/bpe.h"
#include "model/merges.h"

/* A symbol of the piece being merged; a doubly linked list over an array, so
 * that positions order ties. */
typedef struct am_symbol {
	int32_t id; /* -1 once joined to the symbol before it */
	int32_t previous, next; /* -1 at the ends */
} am_symbol;

/* Pieces seen before: a word's value indexes `range`. */
typedef struct am_word_cache {
	am_strmap words;
	struct am_word_range {
		uint32_t from, n; /* in ids */
	} *range;
	am_id_list ids;
} am_word_cache;

struct am_bpe {
	const am_vocab *vocab;
	am_merges merges;
	char *prefix, *suffix;  /* of characters inside and at the end of a piece; "" for none */
	char *unk_token;        /* NULL for none */
	int32_t unk;            /* -1 when unk_token is not in the vocabulary */
	int32_t byte_ids[256];  /* of <0x00> to <0xFF>, -1 where missing */
	bool fuse_unk, byte_fallback, ignore_merges;

	am_word_cache cache;
	am_text scratch;     /* one character with prefix and suffix */
	am_id_list start;    /* ids before merging */
	am_symbol *symbols;  /* [room] */
	uint64_t *heap;      /* [3 room] of rank << 32 | position, smallest first */
	size_t room;
};

#endif

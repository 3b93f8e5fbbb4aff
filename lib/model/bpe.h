/* Byte-pair encoding: a piece starts as its characters and the adjacent pair of
 * lowest merge rank is joined, the leftmost on ties, until none is left. */
#ifndef AM_MODEL_BPE_H
#define AM_MODEL_BPE_H

#include "base/error.h"
#include "model/id_list.h"
#include "model/vocab.h"

#include <jansson.h>
#include <stddef.h>

typedef struct am_bpe am_bpe;

/* Reads the "model" object: vocab into *vocab (empty before; kept by the caller
 * for as long as the am_bpe), merges in both forms, unk_token, fuse_unk,
 * byte_fallback, ignore_merges, continuing_subword_prefix, end_of_word_suffix.
 * Another type, or dropout, is AM_ERR_UNSUPPORTED. */
am_status am_bpe_new(const json_t *model, am_vocab *vocab, am_bpe **out,
                     am_error *err) AM_MUST_CHECK;
void am_bpe_free(am_bpe *b);

/* Appends the ids of one piece of valid UTF-8, n >= 1 bytes, n < 2^31. A
 * character that the vocabulary lacks gives its bytes with byte_fallback, else
 * unk_token, else nothing. O(n log n). Short pieces are kept in a cache, so one
 * am_bpe serves one thread. */
am_status am_bpe_encode(am_bpe *b, const char *piece, size_t n, am_id_list *ids,
                        am_error *err) AM_MUST_CHECK;

#endif

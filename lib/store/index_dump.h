/* Index sets that a serving engine returned: for every token and indexer layer, the
 * positions of the keys it kept.
 *
 * Read are: an .npy array (int32, C order) of shape [tokens][layers][width]; the same as base64 text;
 * a JSON response whose choices[i].indexer_topk or indexer_topk holds base64 of an .npy
 * (vLLM's proposal), or whose meta_info.indexer_topk, in the response or each of an array of them, holds
 * base64 of the bare int32 values (SGLang). docs/index-dumps.md. */
#ifndef AM_STORE_INDEX_DUMP_H
#define AM_STORE_INDEX_DUMP_H

#include "base/error.h"

#include <stdint.h>

typedef struct am_index_array {
	int tokens, layers, width;
	int32_t *index; /* [tokens][layers][width]; -1: no key */
} am_index_array;

typedef struct am_index_dump {
	am_index_array *sequence; /* [n] */
	int n;
} am_index_dump;

/* Shape of bare values, where the file does not say: 0 unknown. `start`: position of the first token. */
typedef struct am_index_shape {
	int layers, width, start;
} am_index_shape;

/* Every set is checked: positions from 0 to the token's own, none twice, -1 for none.
 * AM_ERR_FORMAT or AM_ERR_RANGE names what is wrong and where. am_index_dump_fini. */
am_status am_index_dump_read(const char *path, const am_index_shape *shape, am_index_dump *out,
                             am_error *err) AM_MUST_CHECK;
void am_index_dump_fini(am_index_dump *d);

/* The set of a token and layer: width values. */
static inline const int32_t *am_index_set(const am_index_array *a, int token, int layer)
{
	return a->index + ((int64_t)token * a->layers + layer) * a->width;
}

#endif

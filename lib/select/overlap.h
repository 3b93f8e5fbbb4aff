/* How far two index dumps agree: two engines, two precisions, two runs. */
#ifndef AM_SELECT_OVERLAP_H
#define AM_SELECT_OVERLAP_H

#include "store/index_dump.h"

/* Over the tokens with more visible keys than either dump keeps; the others agree
 * whatever was selected and are counted apart. Means go tokens -> sequence -> all. NaN where no
 * token counts. */
typedef struct am_overlap {
	double recall;    /* |A and B| / |B| */
	double iou;       /* |A and B| / |A or B| */
	double p05, p50;  /* of recall, tokens of all sequences pooled, linear between ranks */
	double worst;     /* least recall, at the first such token */
	int worst_sequence, worst_token; /* -1: none */
	int64_t tokens, trivial, different; /* counted; left out; counted with other sets */
} am_overlap;

/* One dump layer of A against the reference B, or all layers together (layer -1: their tokens
 * pooled). `start`: position of the first token. AM_ERR_RANGE when the dumps have other sequences,
 * tokens or layers. */
am_status am_overlap_measure(const am_index_dump *a, const am_index_dump *b, int start, int layer, am_overlap *out,
                             am_error *err) AM_MUST_CHECK;

#endif

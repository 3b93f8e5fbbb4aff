/* State of the indexer as a selector, shared by its two files. */
#ifndef AM_SELECT_INDEXER_STATE_H
#define AM_SELECT_INDEXER_STATE_H

#include "select/indexer_file.h"
#include "select/internal.h"

/* What a layer with weights of its own has taken in. */
typedef struct am_index_layer {
	float *keys;     /* chunks of [capacity], see am_index_keep_keys */
	float *k_scale;  /* [capacity] */
	float *inv_freq; /* [rope_dims / 2] */
} am_index_layer;

typedef struct am_index_state {
	am_indexer *file; /* NULL: captured tensors */
	char *path;
	am_index_form form; /* heads = 0: not known before the first captured block */
	float rope_factor;  /* on cos and sin */
	am_index_layer *layer; /* [layers] */
	/* The latest block: queries of layer `holds`. */
	am_index_output block;
	uint16_t *pairs; /* its queries, where they enter the product as such */
	int holds, start, rows;
	float *cos, *sin; /* [block][rope_dims / 2] at table_start, by the frequencies of table_layer */
	int table_start, table_rows, table_layer;
	/* Its scores, unless they would be too many: [rows][groups][stride] from key scores_first on. */
	float *scores;
	size_t scores_room, stride; /* floats */
	int scores_first;
	bool scored;
	am_index_work work;
} am_index_state;

/* Buffers of a block, once x->form is known; the caller frees what was made also on failure. */
am_status am_index_state_room(am_selector *s, am_error *err) AM_MUST_CHECK;

/* Operations of internal.h. */
am_status am_index_start(am_selector *s, am_error *err) AM_MUST_CHECK;
void am_index_rewind(am_selector *s, int position);
int am_index_source(const am_selector *s, int layer);
am_status am_index_prepare(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err) AM_MUST_CHECK;
void am_index_score(am_selector *s, int worker, const am_select_row *row, int set, float *out);
const float *am_index_scored(const am_selector *s, const am_select_row *row, int set);

#endif

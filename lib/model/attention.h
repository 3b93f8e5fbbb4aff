/* Attention of a block, shared by its forms: tiles whose rows fit the cache
 * (attention.c), tiles that stream over longer rows (attention_long.c), tiles of all
 * heads together (attention_rows.c), and a single row (decode.c). */
#ifndef AM_MODEL_ATTENTION_H
#define AM_MODEL_ATTENTION_H

#include "model/session.h"

typedef struct am_attention_step {
	am_session *s;
	int layer, rows, tiles;
	const am_tap *tap;
	const am_select_block *block;
} am_attention_step;

/* One tile: query rows first .. first + count - 1 of the block, KV head g. Tile row
 * r * group + h is query first + r of head g * group + h; m = count * group rows. */
typedef struct am_tile {
	int g, group, first, count, m, d;
	int key0, keys; /* union of the rows' visible keys */
	const float *k, *v; /* of key0 */
	struct am_worker_scratch *scratch;
	int worker;
} am_tile;

/* First key that a query sees in a layer. */
int am_first_key(const am_config *c, int layer, int position);
/* Floats into the KV cache where the layer's keys (or values) of KV head g begin at `key`. */
size_t am_cache_at(const am_session *s, int layer, int g, int key);
/* out[heads of the group][head_dim]: a row's queries of KV head g, times the layer's scale. */
void am_scaled_queries(const am_session *s, int layer, int row, int g, float *out);
/* Floats of s->packed_keys of one KV head. */
size_t am_packed_floats(const am_session *s);
/* The layer's keys that the block's rows see, packed for am_score_keys. */
void am_pack_keys(const am_attention_step *a);
/* score[m][keys] (row stride `stride`) = q[m][head_dim] times keys key0 .. key0 + keys - 1 of KV head g of
 * the layer, packed before. The same bits for any part of the keys or rows where keys are packed. */
void am_score_keys(const am_attention_step *a, int g, int key0, int keys, int m, const float *q, float *score, size_t stride);
/* Factor of the layer's scores. */
float am_score_scale(const am_session *s, int layer);
/* The layer's soft cap on n scores; leaves them alone where there is none. */
void am_soft_cap(const am_session *s, int layer, float *score, int n);
/* Position and head of a tile row. */
int am_tile_position(const am_session *s, const am_tile *t, int i);
int am_tile_head(const am_tile *t, int i);

/* Task: one tile of one KV head, dense; task % kv_heads is the head, the last tile comes first. */
void am_attention_task(void *step, int task, int worker);
/* att of one tile row <- out / z. */
void am_tile_output(am_session *s, const am_tile *t, int i, const float *out, double z);

/* A row as it lies in memory: scores, weights (or the same place) and sums, of keys lo .. lo + n - 1. */
typedef struct am_tile_row {
	float *score, *weight;
	am_row_sums *sums;
	int lo, n;
	unsigned wanted; /* flags of the tap */
} am_tile_row;

/* Are a row's masses formed before its output? */
static inline bool am_early_masses(unsigned wanted)
{
	return wanted & AM_TAP_MASSES && !(wanted & AM_TAP_OUTPUT);
}

/* Scores -> weights and sums; clears the weights of the other keys of the tile, key0 .. key0 + keys - 1, and
 * sees whether any score is not finite. beside: early masses are formed beside a product, which is told what is
 * returned. */
int32_t am_reduce_row(const am_attention_step *a, struct am_worker_scratch *w, const am_tile_row *r, int key0, int keys, bool beside);
/* To the tap, which wants this row: row `row` of the block. am_hand_over does it with its output; before there is
 * one, am_hand_over_early does, with masses unless they are formed beside a product and then follow. */
void am_hand_over(const am_session *s, const am_tap *tap, int layer, int row, int head, const am_tile_row *r, int worker);
void am_hand_over_early(const am_attention_step *a, int row, int head, const am_tile_row *r, bool beside, int worker);
void am_hand_over_masses(const am_attention_step *a, int row, int head, const am_tile_row *r, int worker);

/* Scores that a tile of m rows holds at a time, at most. */
size_t am_tile_floats(const am_session *s, size_t m);
/* The long form: room for the wanted rows of a tile, before the threads start. */
am_status am_attention_long_room(const am_attention_step *a, am_error *err) AM_MUST_CHECK;
void am_attention_long(const am_attention_step *a, const am_tile *t);

/* The form for sparse rows, and for taps that want rows of all heads together. */
bool am_attention_rows_wanted(const am_attention_step *a);
am_status am_attention_rows(const am_attention_step *a, am_error *err) AM_MUST_CHECK;

/* Fewest kept weights, in sum, that are exact enough as they are: below, they are formed anew
 * against the largest kept score. */
#define AM_KEPT_LEAST 1e-25

/* The form for a block of one row. */
void am_decode_attention(const am_attention_step *a);
/* Parts the keys are split into. */
int am_decode_parts(int capacity);

#endif

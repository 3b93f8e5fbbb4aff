/* Attention with the scores of all heads of a query row at hand: what sparse selectors and a
 * tap for whole rows need. The query rows of a tile are those of the dense form, so that dense
 * rows come out with the same bytes:
 *
 *   joint   A tile is scored head group by head group, each with the dense form's products,
 *           and all groups stay until its rows are observed and selected. Packed keys, whose
 *           products have the same bits for any rows, let a tile be cut into few that fit the cache.
 *   split   Where that cannot be, the dense form makes what is dense of the tile, and
 *           the rows that need it are scored once more.
 *
 * In either, a sparse row's weights are cleared outside its sets and summed like dense ones. */
#include "base/mem.h"
#include "model/attention.h"

#include <math.h>
#include <string.h>

enum {
	CACHE_FLOATS = 3 << 16, /* scores, and as many weights, that stay near */
	PRODUCT_ROWS = 12,      /* of one product, fewer leave its tiles empty */
};

/* What is done with a tile of query rows. */
enum { PLAN_DENSE = 1, PLAN_JOINT = 2, PLAN_SPLIT = 4 };

typedef struct rows_step {
	const am_attention_step *a;
	int height; /* query rows of a task */
	int slots;  /* tasks of a tile */
} rows_step;

/* Query rows w->rows[0 .. count - 1] of a tile, all heads: head h of row i is row h * count + i
 * of the scores and weights. */
typedef struct rows_tile {
	const am_attention_step *a;
	am_session *s;
	struct am_worker_scratch *w;
	int worker, count, group;
	int key0, keys; /* as of the dense tile */
	bool joint;
	bool beside; /* masses are formed beside the product of weights and values */
	size_t stride;
} rows_tile;

static int tile_count(const am_attention_step *a, int tile)
{
	int left = a->rows - tile * a->s->tile_rows;
	return left < a->s->tile_rows ? left : a->s->tile_rows;
}

static void tile_keys(const am_attention_step *a, int tile, int *key0, int *keys)
{
	int from = a->s->position + tile * a->s->tile_rows;
	*key0 = am_first_key(&a->s->model->config, a->layer, from);
	*keys = from + tile_count(a, tile) - *key0;
}

static bool layer_wanted(const am_attention_step *a, int row)
{
	return a->tap && a->tap->wants_layer && a->tap->wants_layer(a->tap->ctx, a->layer, a->s->position + row);
}

static unsigned head_wanted(const am_attention_step *a, int row, int head)
{
	return a->tap ? a->tap->wants(a->tap->ctx, a->layer, head, a->s->position + row) : 0;
}

static bool row_observed(const am_attention_step *a, int row)
{
	for (int h = 0; h < a->s->model->config.heads; h++)
		if (head_wanted(a, row, h))
			return true;
	return false;
}

bool am_attention_rows_wanted(const am_attention_step *a)
{
	for (int r = 0; r < a->rows; r++)
		if (am_policy_sparse(a->s, a->layer, a->s->position + r) || layer_wanted(a, r))
			return true;
	return false;
}

/* ---- one tile ------------------------------------------------------------------ */

static size_t row_at(const rows_tile *t, int head, int i)
{
	return ((size_t)head * (size_t)t->count + (size_t)i) * t->stride;
}

static float *att_of(const rows_tile *t, int head, int i)
{
	const am_config *c = &t->s->model->config;
	return t->s->att + ((size_t)t->w->rows[i] * (size_t)c->heads + (size_t)head) * (size_t)c->head_dim;
}

static void visible(const rows_tile *t, int i, int *lo, int *n)
{
	int position = t->s->position + t->w->rows[i];
	*lo = am_first_key(&t->s->model->config, t->a->layer, position);
	*n = position - *lo + 1;
}

/* Keys and values of the tile. */
static const float *cache_of(const rows_tile *t, const float *cache, int g)
{
	return cache + am_cache_at(t->s, t->a->layer, g, t->key0);
}

static void score_group(const rows_tile *t, int g)
{
	am_session *s = t->s;
	const am_config *c = &s->model->config;
	size_t d = (size_t)c->head_dim;
	float scale = am_score_scale(s, t->a->layer), *to = t->w->q_tile;
	int m = t->group * t->count;
	for (int h = 0; h < t->group; h++)
		for (int i = 0; i < t->count; i++, to += d) {
			const float *q = s->q + ((size_t)t->w->rows[i] * (size_t)c->heads + (size_t)(g * t->group + h)) * d;
			for (size_t j = 0; j < d; j++)
				to[j] = q[j] * scale;
		}
	am_score_keys(t->a, g, t->key0, t->keys, m, t->w->q_tile, t->w->score + row_at(t, g * t->group, 0), t->stride);
}

static am_tile_row row_of(const rows_tile *t, int head, int i)
{
	int lo, n, id = i * t->s->model->config.heads + head;
	visible(t, i, &lo, &n);
	size_t at = row_at(t, head, i) + (size_t)(lo - t->key0);
	return (am_tile_row){t->w->score + at, t->w->weight + at, &t->w->row_sums[id], lo, n, t->w->row_wants[id]};
}

/* Reduces one row. A wanted row goes to the tap at once unless that asks for its output. */
static void reduce_row(const rows_tile *t, int head, int i)
{
	am_tile_row r = row_of(t, head, i);
	t->w->row_least[i * t->s->model->config.heads + head] = am_reduce_row(t->a, t->w, &r, t->key0, t->keys, t->beside);
	if (r.wanted && !(r.wanted & AM_TAP_OUTPUT) && r.sums->z > 0)
		am_hand_over_early(t->a, t->w->rows[i], head, &r, t->beside, t->worker);
}

static void row_tallied(void *ctx, int id)
{
	const rows_tile *t = ctx;
	int heads = t->s->model->config.heads, i = id / heads, head = id % heads;
	am_tile_row r = row_of(t, head, i);
	am_hand_over_masses(t->a, t->w->rows[i], head, &r, t->worker);
}

/* out_tile = weights of a group's rows times its values; rows: to be tallied meanwhile, or NULL. */
static void sum_values(const rows_tile *t, int g, const am_tally_rows *rows)
{
	const am_config *c = &t->s->model->config;
	am_product_nn(t->s->kernels, t->group * t->count, c->head_dim, t->keys, t->w->weight + row_at(t, g * t->group, 0),
	              (int)t->stride, cache_of(t, t->s->values, g), c->head_dim, t->w->out_tile, c->head_dim, rows);
}

/* Those of a group's rows that are tallied beside its product; returns how many. */
static int list_tallied(const rows_tile *t, int g)
{
	int n = 0;
	for (int h = g * t->group; h < (g + 1) * t->group; h++)
		for (int i = 0; i < t->count; i++) {
			am_tile_row r = row_of(t, h, i);
			int id = i * t->s->model->config.heads + h;
			if (am_early_masses(r.wanted))
				t->w->tallied[n++] = (am_tally_row){r.weight, r.n, t->w->row_least[id], id};
		}
	return n;
}

static void put_output(const rows_tile *t, int head, int i, double z)
{
	int d = t->s->model->config.head_dim;
	const float *out = t->w->out_tile + ((size_t)(head % t->group) * (size_t)t->count + (size_t)i) * (size_t)d;
	float *att = att_of(t, head, i);
	for (int j = 0; j < d; j++)
		att[j] = (float)((double)out[j] / z);
}

/* The dense output of a group, and to the tap the rows that it wants with theirs. */
static void dense_group(rows_tile *t, int g)
{
	int heads = t->s->model->config.heads;
	am_tally_rows rows = {t->w->tallied, t->beside ? list_tallied(t, g) : 0, t->w->tally, row_tallied, t};
	sum_values(t, g, &rows);
	for (int h = g * t->group; h < (g + 1) * t->group; h++)
		for (int i = 0; i < t->count; i++)
			put_output(t, h, i, t->w->row_sums[i * heads + h].z);
	for (int h = g * t->group; h < (g + 1) * t->group; h++)
		for (int i = 0; i < t->count; i++) {
			am_tile_row r = row_of(t, h, i);
			if (r.wanted & AM_TAP_OUTPUT)
				am_hand_over(t->s, t->a->tap, t->a->layer, t->w->rows[i], h, &r, t->worker);
		}
}

static am_select_row select_row(const rows_tile *t, int i)
{
	am_select_row r = {.block = t->a->block, .row = t->w->rows[i], .position = t->s->position + t->w->rows[i],
	                   .sums = t->w->row_sums + (size_t)i * (size_t)t->s->model->config.heads,
	                   .stride = (int64_t)((size_t)t->count * t->stride)};
	visible(t, i, &r.first_key, &r.n);
	size_t at = row_at(t, 0, i) + (size_t)(r.first_key - t->key0);
	r.score = t->w->score + at;
	r.weight = t->w->weight + at;
	return r;
}

/* Weights against the largest kept score, for a set that holds next to nothing of its row. */
static double weights_anew(const float *score, float *weight, int n, const uint32_t *member)
{
	float max = -INFINITY;
	double z = 0;
	for (int j = 0; j < n; j++)
		max = member[j] && score[j] > max ? score[j] : max;
	for (int j = 0; j < n; j++) {
		weight[j] = member[j] ? expf(score[j] - max) : 0;
		z += (double)weight[j];
	}
	return z;
}

/* kept_z 0: the output stays that of the dense form. */
static void select_keys(const rows_tile *t, int i)
{
	am_session *s = t->s;
	am_select_row row = select_row(t, i);
	int heads = s->model->config.heads;
	bool perhaps = am_policy_may_be_whole(s, t->a->layer, row.position);
	am_policy_select(s, t->worker, &row, t->w->member, s->capacity);
	for (int h = 0; h < heads; h++) {
		const uint32_t *member = t->w->member + (size_t)am_policy_set(s, h) * (size_t)s->capacity;
		const float *score = row.score + h * row.stride;
		float *weight = t->w->weight + (row.weight - t->w->weight) + h * row.stride;
		if (perhaps && am_policy_whole(member, row.n)) {
			s->retained_row[(size_t)row.row * (size_t)heads + (size_t)h] = 1;
			t->w->kept_z[i * heads + h] = t->joint ? row.sums[h].z : 0;
			continue;
		}
		for (int j = 0; j < row.n; j++)
			weight[j] = member[j] ? weight[j] : 0.0f;
		double z = s->kernels->sum(weight, row.n);
		s->retained_row[(size_t)row.row * (size_t)heads + (size_t)h] = z / row.sums[h].z;
		t->w->kept_z[i * heads + h] = z >= AM_KEPT_LEAST ? z : weights_anew(score, weight, row.n, member);
	}
}

static bool is_sparse(const rows_tile *t, int i)
{
	return am_policy_sparse(t->s, t->a->layer, t->s->position + t->w->rows[i]);
}

static void sparse_rows(const rows_tile *t)
{
	const am_config *c = &t->s->model->config;
	for (int i = 0; i < t->count; i++)
		if (is_sparse(t, i))
			select_keys(t, i);
	for (int g = 0; g < c->kv_heads; g++) {
		sum_values(t, g, NULL);
		for (int h = g * t->group; h < (g + 1) * t->group; h++)
			for (int i = 0; i < t->count; i++)
				if (is_sparse(t, i) && t->w->kept_z[i * c->heads + h] > 0)
					put_output(t, h, i, t->w->kept_z[i * c->heads + h]);
	}
}

/* What the tap wants of a row, of all heads together. */
static unsigned want_row(const rows_tile *t, int i)
{
	unsigned any = 0, *wanted = t->w->row_wants + i * t->s->model->config.heads;
	for (int h = 0; h < t->s->model->config.heads; h++)
		any |= wanted[h] = t->joint ? head_wanted(t->a, t->w->rows[i], h) : 0;
	return any;
}

static void observe_layer(const rows_tile *t, int i)
{
	if (!layer_wanted(t->a, t->w->rows[i]))
		return;
	am_select_row row = select_row(t, i);
	t->a->tap->observe_layer(t->a->tap->ctx, t->worker, &row);
}

/* What looks at all heads of a row comes when their masses are known: at once, while they are in the cache, or
 * behind the products that masses or the tap wait for. */
static void run_tile(rows_tile *t)
{
	const am_config *c = &t->s->model->config;
	bool dense = false, sparse = false, output = false;
	for (int i = 0; i < t->count; i++) {
		bool late = want_row(t, i) & AM_TAP_OUTPUT, drops = is_sparse(t, i);
		output |= late;
		sparse |= drops;
		dense |= late || !drops;
	}
	dense &= t->joint;
	t->beside = dense && t->s->kernels->gemm_nn_tally;
	bool wait = t->beside || output;
	for (int g = 0; t->count && g < c->kv_heads; g++)
		score_group(t, g);
	for (int i = 0; i < t->count; i++) {
		for (int h = 0; h < c->heads; h++)
			reduce_row(t, h, i);
		if (atomic_load_explicit(&t->s->bad, memory_order_relaxed))
			return; /* nothing non-finite reaches a probe */
		if (!wait)
			observe_layer(t, i);
	}
	for (int g = 0; dense && g < c->kv_heads; g++)
		dense_group(t, g);
	for (int i = 0; wait && i < t->count; i++)
		observe_layer(t, i);
	if (sparse)
		sparse_rows(t);
}

/* ---- the block ----------------------------------------------------------------- */

/* Task: one slot of a tile; in a split one, a share of the rows that need it. */
static void rows_task(void *ctx, int task, int worker)
{
	const rows_step *step = ctx;
	const am_attention_step *a = step->a;
	am_session *s = a->s;
	int tile = a->tiles - 1 - task / step->slots, slot = task % step->slots, found = 0;
	unsigned plan = s->tile_plan[tile];
	rows_tile t = {.a = a, .s = s, .w = &s->worker[worker], .worker = worker, .joint = plan & PLAN_JOINT,
	               .group = s->model->config.heads / s->model->config.kv_heads};
	if (!(plan & (PLAN_JOINT | PLAN_SPLIT)))
		return;
	tile_keys(a, tile, &t.key0, &t.keys);
	t.stride = (size_t)am_attention_stride(t.keys);
	for (int i = 0, rows = tile_count(a, tile); i < rows; i++) {
		int row = tile * s->tile_rows + i;
		if (!t.joint && !am_policy_sparse(s, a->layer, s->position + row) && !layer_wanted(a, row))
			continue;
		if (found / step->height == slot)
			t.w->rows[t.count++] = row;
		found++;
	}
	run_tile(&t);
}

static void dense_task(void *ctx, int task, int worker)
{
	const rows_step *step = ctx;
	int tile = step->a->tiles - 1 - task / step->a->s->model->config.kv_heads;
	if (step->a->s->tile_plan[tile] & PLAN_DENSE)
		am_attention_task((void *)step->a, task, worker);
}

static unsigned plan_of(const rows_step *step, int tile)
{
	const am_attention_step *a = step->a;
	am_session *s = a->s;
	const am_config *c = &s->model->config;
	bool rows = false, dense = false, observed = false;
	int key0, keys, count = tile_count(a, tile);
	for (int i = 0; i < count; i++) {
		int row = tile * s->tile_rows + i;
		bool sparse = am_policy_sparse(s, a->layer, s->position + row);
		rows |= sparse || layer_wanted(a, row);
		dense |= !sparse || am_policy_may_be_whole(s, a->layer, s->position + row);
		observed |= row_observed(a, row);
	}
	if (!rows)
		return PLAN_DENSE;
	tile_keys(a, tile, &key0, &keys);
	size_t floats = (size_t)count * (size_t)(c->heads / c->kv_heads) * (size_t)am_attention_stride(keys);
	bool whole = floats <= s->tile_floats;
	if (whole && (step->height >= count || s->packed_keys))
		return PLAN_JOINT;
	return PLAN_SPLIT | (dense || observed ? PLAN_DENSE : 0);
}

/* Room for the scores and weights of a task. */
static am_status make_room(am_session *s, size_t floats, am_error *err)
{
	for (int i = 0; i < am_threads_count(s->threads); i++) {
		struct am_worker_scratch *w = &s->worker[i];
		struct { float **p; size_t *room; } both[] = {{&w->score, &w->score_floats}, {&w->weight, &w->weight_floats}};
		for (int j = 0; j < 2; j++) {
			if (*both[j].room >= floats)
				continue;
			float *p = am_alloc(floats, sizeof *p);
			if (!p)
				return am_fail(err, AM_ERR_MEMORY, "attention: out of memory for rows of all heads, %zu MB", floats >> 18);
			am_free(*both[j].p);
			s->scratch_bytes += (floats - *both[j].room) * sizeof *p;
			*both[j].p = p;
			*both[j].room = floats;
		}
	}
	return AM_OK;
}

/* Query rows of a task: as many as a tile of all heads holds, and no more than its cache and a
 * product are served by where products may be cut anywhere. */
static size_t choose_height(const am_attention_step *a, rows_step *step)
{
	const am_session *s = a->s;
	const am_config *c = &s->model->config;
	size_t row = 0, least = (size_t)((PRODUCT_ROWS * c->kv_heads + c->heads - 1) / c->heads);
	for (int tile = 0; tile < a->tiles; tile++) {
		int key0, keys;
		tile_keys(a, tile, &key0, &keys);
		size_t floats = (size_t)c->heads * (size_t)am_attention_stride(keys);
		row = floats > row ? floats : row;
	}
	size_t height = s->tile_floats / row, near = CACHE_FLOATS / row > least ? CACHE_FLOATS / row : least;
	if (s->packed_keys && height > near)
		height = near;
	step->height = height < 1 ? 1 : height < (size_t)s->tile_rows ? (int)height : s->tile_rows;
	step->slots = (s->tile_rows + step->height - 1) / step->height;
	/* Evenly: a slot with few rows left would leave tiles of its products empty. */
	step->height = (s->tile_rows + step->slots - 1) / step->slots;
	return row * (size_t)step->height;
}

am_status am_attention_rows(const am_attention_step *a, am_error *err)
{
	am_session *s = a->s;
	rows_step step = {.a = a};
	unsigned any = 0;
	am_status status = make_room(s, choose_height(a, &step), err);
	if (status)
		return status;
	for (int tile = 0; tile < a->tiles; tile++)
		any |= s->tile_plan[tile] = (unsigned char)plan_of(&step, tile);
	if (any & PLAN_DENSE)
		am_threads_run(s->threads, a->tiles * s->model->config.kv_heads, dense_task, &step);
	if (!atomic_load_explicit(&s->bad, memory_order_relaxed))
		am_threads_run(s->threads, a->tiles * step.slots, rows_task, &step);
	return AM_OK;
}

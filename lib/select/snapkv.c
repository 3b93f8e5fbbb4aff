/* "snapkv:WINDOW": keys by the attention that a window of WINDOW queries paid them, smoothed
 * along the keys; the most recent keys always stay.
 *
 * Where the prompt ends is known, the window is its last WINDOW queries, for every row
 * from there on. All other rows take a window that moves on in steps of WINDOW: the last
 * one that is complete, queries (b - 1) WINDOW .. b WINDOW - 1 with b = (t + 1) / WINDOW. So a
 * query's attention is formed once, not once for each row that it counts for.
 *
 * Windows are always computed whole, from the block that completes them or, after a rewind,
 * from the queries kept, so neither blocks nor what was decoded before can show. */
#include "base/mem.h"
#include "select/internal.h"

#include <string.h>

typedef struct snapkv_state {
	int window, pool;
	bool largest;    /* pooling: the largest neighbour instead of the mean */
	int sets, slots;
	float **query;   /* [layers] of [capacity][H][D], scaled; NULL before a layer's first block */
	float *prompt;   /* [layers][sets][capacity] votes of the prompt's window */
	float *last;     /* [layers][sets][capacity] votes of the last window computed */
	int *last_index; /* [layers] its b; 0: none */
	float *slot;     /* [slots][sets][capacity] votes of windows first_slot .. of the layer in work */
	int first_slot;
	float **score;   /* [workers] of [window][capacity] */
} snapkv_state;

static void snapkv_close(am_selector *s)
{
	snapkv_state *p = s->state;
	if (!p)
		return;
	for (int l = 0; p->query && l < s->shape.layers; l++)
		am_free(p->query[l]);
	for (int i = 0; p->score && i < s->shape.workers; i++)
		am_free(p->score[i]);
	void *own[] = {p->query, p->prompt, p->last, p->last_index, p->slot, p->score, p};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
}

static am_status snapkv_allocate(am_selector *s, am_error *err)
{
	snapkv_state *p = s->state;
	const am_select_shape *shape = &s->shape;
	size_t votes = (size_t)p->sets * (size_t)shape->capacity, layers = (size_t)shape->layers;
	p->slots = shape->block / p->window + 2;
	p->query = am_calloc(layers, sizeof *p->query);
	p->prompt = am_alloc(layers, votes * sizeof *p->prompt);
	p->last = am_alloc(layers, votes * sizeof *p->last);
	p->last_index = am_calloc(layers, sizeof *p->last_index);
	p->slot = am_alloc((size_t)p->slots, votes * sizeof *p->slot);
	p->score = am_calloc((size_t)shape->workers, sizeof *p->score);
	bool ok = p->query && p->prompt && p->last && p->last_index && p->slot && p->score;
	for (int i = 0; ok && i < shape->workers; i++)
		ok = (p->score[i] = am_alloc((size_t)p->window, (size_t)shape->capacity * sizeof **p->score)) != NULL;
	return ok ? AM_OK : am_fail(err, AM_ERR_MEMORY, "snapkv: out of memory");
}

static am_status snapkv_open(am_selector *s, am_error *err)
{
	static const char *const pooling[] = {"mean", "max", NULL};
	snapkv_state *p = s->state = am_calloc(1, sizeof *p);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "snapkv: out of memory");
	int largest = 0;
	p->pool = 5;
	am_status status = am_spec_int(s->spec, NULL, 1, 65536, &p->window, err);
	if (!status)
		status = am_spec_int(s->spec, "pool", 1, 65535, &p->pool, err);
	if (!status && p->pool % 2 == 0)
		status = am_fail(err, AM_ERR_USAGE, "snapkv: pool: expected an odd number, found '%d'", p->pool);
	if (!status)
		status = am_spec_choice(s->spec, "pooling", pooling, &largest, err);
	if (!status)
		status = am_select_read_share(s, err);
	if (status)
		return status;
	p->largest = largest != 0;
	p->sets = am_selector_sets(s);
	return snapkv_allocate(s, err);
}

static am_status snapkv_start(am_selector *s, am_error *err)
{
	const snapkv_state *p = s->state;
	(void)err;
	memset(p->last_index, 0, (size_t)s->shape.layers * sizeof *p->last_index);
	return AM_OK;
}

static void snapkv_rewind(am_selector *s, int position)
{
	const snapkv_state *p = s->state;
	for (int l = 0; l < s->shape.layers; l++)
		if ((int64_t)p->last_index[l] * p->window > position)
			p->last_index[l] = 0;
}

/* Whether a row is judged by the prompt's window. */
static bool after_prompt(const am_selector *s, int position)
{
	return s->prompt > 0 && s->prompt < s->length && position >= s->prompt;
}

typedef struct snapkv_step {
	am_selector *s;
	const am_select_block *b;
	int from, to; /* queries of the window */
	int voted;    /* keys that get votes: 0 .. voted - 1 */
	float *out;   /* [sets][capacity] */
} snapkv_step;

/* Scores of the window's queries of head h over keys 0 .. to - 1 of its key/value head. */
static void window_scores(const snapkv_step *step, int h, float *score)
{
	const am_select_shape *shape = &step->s->shape;
	const snapkv_state *p = step->s->state;
	int d = shape->head_dim, ld = shape->heads * d, rows = step->to - step->from;
	const float *key = step->b->k + h / (shape->heads / shape->kv_heads) * step->b->k_stride;
	const float *q = p->query[step->b->layer] + ((size_t)step->from * (size_t)shape->heads + (size_t)h) * (size_t)d;
	if (shape->kernels->gemm_nt) {
		shape->kernels->gemm_nt(rows, step->to, d, q, ld, key, AM_F32, d, false, score, shape->capacity);
		return;
	}
	for (int i = 0; i < rows; i++)
		shape->kernels->decode_scores(q + (size_t)i * (size_t)ld, 1, d, key, step->to,
		                              score + (size_t)i * (size_t)shape->capacity, shape->capacity);
}

/* votes[voted] += the attention of head h in the window's rows. */
static void add_votes(const snapkv_step *step, int h, float *score, float *votes)
{
	const am_select_shape *shape = &step->s->shape;
	int window = shape->window ? shape->window[step->b->layer] : 0;
	window_scores(step, h, score);
	for (int t = step->from; t < step->to; t++, score += shape->capacity) {
		int first = window > 0 && t >= window ? t - window + 1 : 0;
		am_row_sums sums;
		shape->kernels->row_softmax(score + first, t + 1 - first, score + first, &sums);
		float share = (float)(1 / sums.z);
		int end = t + 1 < step->voted ? t + 1 : step->voted;
		if (first < end)
			shape->kernels->combine_rows(&share, 1, score + first, 0, end - first, true, votes + first);
	}
}

/* Mean or largest of `pool` neighbours; beyond the ends are zeros, which the mean counts. */
static void smooth(const snapkv_state *p, float *votes, int n, float *copy)
{
	int half = p->pool / 2;
	memcpy(copy, votes, (size_t)n * sizeof *copy);
	for (int j = 0; j < n; j++) {
		int first = j > half ? j - half : 0, end = j + half + 1 < n ? j + half + 1 : n;
		float sum = 0, most = 0;
		for (int i = first; i < end; i++) {
			sum += copy[i];
			most = copy[i] > most ? copy[i] : most;
		}
		votes[j] = p->largest ? most : sum / (float)p->pool;
	}
}

/* One set's votes. */
static void vote_task(void *ctx, int set, int worker)
{
	const snapkv_step *step = ctx;
	const snapkv_state *p = step->s->state;
	float *votes = step->out + (size_t)set * (size_t)step->s->shape.capacity;
	int g, g_end, h, h_end;
	memset(votes, 0, (size_t)step->s->shape.capacity * sizeof *votes);
	am_select_kv_heads(step->s, set, &g, &g_end);
	for (; g < g_end; g++)
		for (am_select_heads(step->s, set, g, &h, &h_end); h < h_end; h++)
			add_votes(step, h, p->score[worker], votes);
	if (p->pool > 1)
		smooth(p, votes, step->voted, p->score[worker]);
}

static void compute_votes(const am_selector *s, const am_select_block *b, am_threads *threads, int from, int to,
                          int voted, float *out)
{
	const snapkv_state *p = s->state;
	snapkv_step step = {(am_selector *)s, b, from, to, voted, out};
	am_select_run(threads, p->sets, vote_task, &step);
}

/* The block's queries, times the scale of the scores, to the layer's. */
static am_status keep_queries(am_selector *s, const am_select_block *b, am_error *err)
{
	snapkv_state *p = s->state;
	size_t row = (size_t)s->shape.heads * (size_t)s->shape.head_dim;
	if (!p->query[b->layer])
		p->query[b->layer] = am_alloc((size_t)s->shape.capacity, row * sizeof **p->query);
	if (!p->query[b->layer])
		return am_fail(err, AM_ERR_MEMORY, "snapkv: out of memory");
	int used = s->prompt < s->first_row ? s->prompt : s->first_row; /* earlier queries are in no window */
	for (int t = b->start; t < b->start + b->rows; t++)
		for (size_t c = 0; c < row && t >= used - 2 * p->window; c++)
			p->query[b->layer][(size_t)t * row + c] = b->scale * b->q[(size_t)(t - b->start) * row + c];
	return AM_OK;
}

/* Votes for every moving window that a row of the block is judged by. */
static void moving_windows(am_selector *s, const am_select_block *b, am_threads *threads)
{
	snapkv_state *p = s->state;
	size_t votes = (size_t)p->sets * (size_t)s->shape.capacity;
	int start = b->start > s->first_row ? b->start : s->first_row, end = b->start + b->rows;
	if (s->prompt > 0 && s->prompt < s->length)
		end = end < s->prompt ? end : s->prompt;
	if (start >= end)
		return;
	float *last = p->last + (size_t)b->layer * votes;
	int low = (start + 1) / p->window, high = end / p->window;
	p->first_slot = low;
	for (int i = low; i <= high; i++) {
		float *slot = p->slot + (size_t)(i - low) * votes;
		if (i > 0 && i == p->last_index[b->layer])
			memcpy(slot, last, votes * sizeof *slot);
		else if (i > 0)
			compute_votes(s, b, threads, (i - 1) * p->window, i * p->window, i * p->window, slot);
	}
	if (high > 0)
		memcpy(last, p->slot + (size_t)(high - low) * votes, votes * sizeof *last);
	p->last_index[b->layer] = high;
}

static am_status snapkv_prepare(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err)
{
	const snapkv_state *p = s->state;
	am_status status = keep_queries(s, b, err);
	if (status)
		return status;
	moving_windows(s, b, threads);
	if (s->prompt > 0 && s->prompt < s->length && b->start < s->prompt && s->prompt <= b->start + b->rows) {
		int from = s->prompt > p->window ? s->prompt - p->window : 0;
		compute_votes(s, b, threads, from, s->prompt, from,
		              p->prompt + (size_t)b->layer * (size_t)p->sets * (size_t)s->shape.capacity);
	}
	return AM_OK;
}

static int snapkv_keep(const am_selector *s, const am_select_row *row)
{
	const snapkv_state *p = s->state;
	return after_prompt(s, row->position) ? row->position - s->prompt + p->window + 1 : p->window;
}

static void snapkv_score(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	const snapkv_state *p = s->state;
	size_t capacity = (size_t)s->shape.capacity, votes = (size_t)p->sets * capacity;
	const float *from = after_prompt(s, row->position)
	                            ? p->prompt + (size_t)row->block->layer * votes
	                            : p->slot + (size_t)((row->position + 1) / p->window - p->first_slot) * votes;
	(void)worker;
	if (!after_prompt(s, row->position) && row->position + 1 < p->window)
		memset(out, 0, (size_t)row->n * sizeof *out); /* no window yet */
	else
		memcpy(out, from + (size_t)set * capacity + row->first_key, (size_t)row->n * sizeof *out);
}

static const char *const snapkv_settings[] = {"share", "pool", "pooling", NULL};
const am_selector_ops am_select_snapkv = {
	.name = "snapkv", .usage = "snapkv:WINDOW",
	.help = "keys by the attention of the last WINDOW queries of the prompt, or of a window that moves on",
	.scope = AM_SCOPE_HEAD, .settings = snapkv_settings, .open = snapkv_open, .close = snapkv_close,
	.start = snapkv_start, .rewind = snapkv_rewind, .prepare = snapkv_prepare, .keep = snapkv_keep,
	.score = snapkv_score,
};

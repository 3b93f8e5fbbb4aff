/* Selectors that score keys in a few dimensions: "loki:RANK" in the principal directions
 * of the keys, "doublesparse:CHANNELS" in the channels that matter most.
 *
 * Each key/value head of a layer has a basis of `rank` rows: from a file, or made of
 * the sequence's first keys. Rows before those keys are complete use whole keys, so that
 * nothing depends on what comes later. Keys in the basis are stored a row a direction: one
 * weighted sum of rows scores them all. */
#include "select/lowrank.h"

#include "base/mem.h"
#include "select/internal.h"
#include "store/tensors.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct lowrank_state {
	int rank, calibrate; /* keys that make a basis; 0: it comes from a file */
	bool channels;       /* doublesparse */
	bool centre, before; /* of loki: variance about the mean; keys before rotation */
	float *basis;        /* [layers][G][rank][D] */
	float *label;        /* [layers][G][rank][capacity] */
	float *query;        /* doublesparse: [layers][G][calibrate][D] |q|, summed over the heads of g */
	float *unrotated;    /* loki, before rotation: [G][calibrate][D] */
	float *inv_freq;     /* [D / 2] */
	double *work;        /* [G][am_pca_work(D)] */
} lowrank_state;

static void lowrank_close(am_selector *s)
{
	lowrank_state *p = s->state;
	if (p) {
		void *own[] = {p->basis, p->label, p->query, p->unrotated, p->inv_freq, p->work};
		for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
			am_free(own[i]);
	}
	am_free(p);
}

static am_status lowrank_allocate(am_selector *s, am_error *err)
{
	lowrank_state *p = s->state;
	const am_select_shape *shape = &s->shape;
	size_t g = (size_t)shape->kv_heads, all = (size_t)shape->layers * g, d = (size_t)shape->head_dim;
	size_t first = (size_t)p->calibrate * d;
	p->basis = am_calloc(all * (size_t)p->rank, d * sizeof *p->basis);
	p->label = am_alloc(all * (size_t)p->rank, (size_t)shape->capacity * sizeof *p->label);
	p->query = am_alloc(p->channels ? all : 0, first * sizeof *p->query);
	p->unrotated = am_alloc(p->before ? g : 0, first * sizeof *p->unrotated);
	p->inv_freq = am_alloc(d, sizeof *p->inv_freq);
	p->work = am_alloc(g, (size_t)am_pca_work(shape->head_dim) * sizeof *p->work);
	if (!p->basis || !p->label || !p->query || !p->unrotated || !p->inv_freq || !p->work)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", s->ops->name);
	return AM_OK;
}

/* "layers.L": loki [G][R][D], doublesparse [G][R] channels, of which R >= rank the first are used. */
static am_status read_layer(am_selector *s, const am_tensors *file, int layer, am_error *err)
{
	lowrank_state *p = s->state;
	int heads = s->shape.kv_heads, d = s->shape.head_dim;
	char name[32];
	snprintf(name, sizeof name, "layers.%d", layer);
	const am_tensor *t = am_tensors_find(file, name);
	if (!t)
		return am_fail(err, AM_ERR_FORMAT, "expected a tensor '%s', found none", name);
	char shape[AM_SHAPE_TEXT];
	am_shape_text(t->rank, t->shape, shape);
	bool fits = t->rank == (p->channels ? 2 : 3) && t->shape[0] == heads && t->shape[1] >= p->rank &&
	            (p->channels || t->shape[2] == d) && t->dtype == (p->channels ? AM_DTYPE_I32 : AM_DTYPE_F32);
	if (!fits)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %s [%d,%d or more%s], found %s %s", t->file, name,
		               p->channels ? "I32" : "F32", heads, p->rank, p->channels ? "" : ",head size",
		               am_dtype_name(t->dtype), shape);
	float *basis = p->basis + (size_t)layer * (size_t)heads * (size_t)p->rank * (size_t)d;
	for (int g = 0; g < heads; g++)
		for (int r = 0; r < p->rank; r++, basis += d) {
			const unsigned char *at = (const unsigned char *)t->data;
			size_t row = (size_t)g * (size_t)t->shape[1] + (size_t)r;
			int32_t c;
			if (!p->channels) {
				memcpy(basis, at + row * (size_t)d * sizeof *basis, (size_t)d * sizeof *basis);
				for (int i = 0; i < d; i++)
					if (!isfinite(basis[i]))
						return am_fail(err, AM_ERR_NUMERIC, "%s: %s: expected finite numbers, found %g", t->file, name,
						               (double)basis[i]);
				continue;
			}
			memcpy(&c, at + row * sizeof c, sizeof c);
			if (c < 0 || c >= d || basis[c] != 0)
				return am_fail(err, AM_ERR_RANGE, "%s: %s: expected a channel below %d, found %d", t->file, name, d, (int)c);
			basis[c] = 1;
		}
	return AM_OK;
}

static am_status read_file(am_selector *s, const char *path, am_error *err)
{
	am_tensors *file;
	am_status status = am_tensors_open(path, &file, err);
	if (status)
		return status;
	for (int layer = 0; layer < s->shape.layers && !status; layer++)
		status = read_layer(s, file, layer, err);
	am_tensors_close(file);
	return status;
}

/* Settings that both have; `file` is the name of the one that gives a file. */
static am_status lowrank_open(am_selector *s, const char *file, am_error *err)
{
	lowrank_state *p = s->state;
	const char *path = am_spec_text(s->spec, file);
	am_status status = am_spec_int(s->spec, NULL, 1, s->shape.head_dim, &p->rank, err);
	p->calibrate = path ? 0 : 256;
	if (!status && path && (am_spec_text(s->spec, "calibrate") || p->before))
		status = am_fail(err, AM_ERR_USAGE, "%s: expected nothing on calibration beside %s, found %s", s->ops->name, file,
		                 p->before ? "rotation=pre" : "calibrate");
	if (!status)
		status = am_spec_int(s->spec, "calibrate", 1, 1 << 20, &p->calibrate, err);
	if (!status)
		status = am_select_read_share(s, err);
	p->calibrate = p->calibrate < s->shape.capacity ? p->calibrate : s->shape.capacity;
	if (!status)
		status = lowrank_allocate(s, err);
	return !status && path ? read_file(s, path, err) : status;
}

static am_status new_state(am_selector *s, am_error *err)
{
	s->state = am_calloc(1, sizeof(lowrank_state));
	return s->state ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", s->ops->name);
}

static am_status loki_open(am_selector *s, am_error *err)
{
	static const char *const rotation[] = {"post", "pre", NULL}, *const centre[] = {"no", "yes", NULL};
	int before = 0, about_mean = 1;
	am_status status = new_state(s, err);
	if (!status)
		status = am_spec_choice(s->spec, "rotation", rotation, &before, err);
	if (!status)
		status = am_spec_choice(s->spec, "centre", centre, &about_mean, err);
	if (!status && before && (!s->shape.rope || s->shape.head_dim % 2))
		status = am_fail(err, AM_ERR_USAGE, "loki: rotation: expected post, since the keys' rotation is not known");
	if (status)
		return status;
	lowrank_state *p = s->state;
	p->before = before != 0;
	p->centre = about_mean != 0;
	return lowrank_open(s, "basis", err);
}

static am_status doublesparse_open(am_selector *s, am_error *err)
{
	am_status status = new_state(s, err);
	if (status)
		return status;
	((lowrank_state *)s->state)->channels = true;
	return lowrank_open(s, "channels", err);
}

/* Keys that make the basis of this sequence: no more than its prompt. */
static int calibration(const am_selector *s)
{
	const lowrank_state *p = s->state;
	return s->prompt > 0 && s->prompt < p->calibrate ? s->prompt : p->calibrate;
}

/* Takes the rotation off key[n][d] of positions 0 .. n - 1; its length does not matter here. */
static void unrotate(const float *key, int n, int d, const float *inv_freq, float *out)
{
	int half = d / 2;
	for (int t = 0; t < n; t++, key += d, out += d)
		for (int i = 0; i < half; i++) {
			double angle = (double)((float)t * inv_freq[i]), a = (double)key[i], b = (double)key[i + half];
			out[i] = (float)(a * cos(angle) + b * sin(angle));
			out[i + half] = (float)(b * cos(angle) - a * sin(angle));
		}
}

typedef struct lowrank_step {
	am_selector *s;
	const am_select_block *b;
} lowrank_step;

static void make_basis(const am_selector *s, const am_select_block *b, int g, int n, float *basis)
{
	const lowrank_state *p = s->state;
	size_t d = (size_t)s->shape.head_dim, first = (size_t)p->calibrate * d;
	const float *key = b->k + g * b->k_stride;
	double *work = p->work + (size_t)g * (size_t)am_pca_work(s->shape.head_dim);
	if (p->channels) {
		const float *query = p->query + ((size_t)b->layer * (size_t)s->shape.kv_heads + (size_t)g) * first;
		am_channels(query, key, n, s->shape.head_dim, p->rank, basis, work);
		return;
	}
	if (p->before) {
		float *plain = p->unrotated + (size_t)g * first;
		unrotate(key, n, s->shape.head_dim, p->inv_freq, plain);
		key = plain;
	}
	am_pca(key, n, s->shape.head_dim, p->centre, p->rank, basis, work);
}

/* |q| of the block's rows that lie among the first n, summed over the heads of g. */
static void note_queries(const am_selector *s, const am_select_block *b, int g, int n)
{
	const lowrank_state *p = s->state;
	size_t d = (size_t)s->shape.head_dim, heads = (size_t)s->shape.heads, group = heads / (size_t)s->shape.kv_heads;
	float *sum = p->query + ((size_t)b->layer * (size_t)s->shape.kv_heads + (size_t)g) * (size_t)p->calibrate * d;
	for (int t = b->start; t < n && t < b->start + b->rows; t++) {
		const float *q = b->q + ((size_t)(t - b->start) * heads + (size_t)g * group) * d;
		for (size_t c = 0; c < d; c++) {
			float total = 0;
			for (size_t h = 0; h < group; h++)
				total += fabsf(q[h * d + c]);
			sum[(size_t)t * d + c] = total;
		}
	}
}

static void prepare_head(void *ctx, int g, int worker)
{
	const lowrank_step *step = ctx;
	const am_selector *s = step->s;
	const am_select_block *b = step->b;
	const lowrank_state *p = s->state;
	int d = s->shape.head_dim, n = calibration(s), end = b->start + b->rows, from = b->start;
	size_t head = (size_t)b->layer * (size_t)s->shape.kv_heads + (size_t)g;
	float *basis = p->basis + head * (size_t)p->rank * (size_t)d;
	(void)worker;
	if (p->channels)
		note_queries(s, b, g, n);
	if (end < n)
		return;
	if (from < n) {
		make_basis(s, b, g, n, basis);
		from = 0;
	}
	s->shape.kernels->decode_scores(basis, p->rank, d, b->k + g * b->k_stride + (size_t)from * (size_t)d, end - from,
	                                p->label + head * (size_t)p->rank * (size_t)s->shape.capacity + from,
	                                s->shape.capacity);
}

static am_status lowrank_prepare(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err)
{
	const lowrank_state *p = s->state;
	lowrank_step step = {s, b};
	if (p->before) {
		am_status status = s->shape.rope(s->shape.rope_ctx, b->layer, s->shape.head_dim, s->length, p->inv_freq, err);
		if (status)
			return status;
	}
	am_select_run(threads, s->shape.kv_heads, prepare_head, &step);
	return AM_OK;
}

static void lowrank_score(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	const lowrank_state *p = s->state;
	const am_select_block *b = row->block;
	const am_kernels *kernels = s->shape.kernels;
	am_select_scratch *w = &s->scratch[worker];
	int d = s->shape.head_dim, g0, end;
	am_select_kv_heads(s, set, &g0, &end);
	for (int g = g0; g < end; g++) {
		size_t head = (size_t)b->layer * (size_t)s->shape.kv_heads + (size_t)g;
		float *query = w->query, *label = query + d;
		am_select_query(s, row, set, g, query);
		if (row->position < calibration(s)) {
			static const float one = 1;
			const float *key = b->k + g * b->k_stride + (size_t)row->first_key * (size_t)d;
			kernels->decode_scores(query, 1, d, key, row->n, w->part, row->n);
			kernels->combine_rows(&one, 1, w->part, row->n, row->n, g > g0, out);
			continue;
		}
		kernels->decode_scores(query, 1, d, p->basis + head * (size_t)p->rank * (size_t)d, p->rank, label, p->rank);
		kernels->combine_rows(label, p->rank,
		                      p->label + head * (size_t)p->rank * (size_t)s->shape.capacity + row->first_key,
		                      s->shape.capacity, row->n, g > g0, out);
	}
}

static const char *const loki_settings[] = {"share", "calibrate", "basis", "rotation", "centre", NULL};
const am_selector_ops am_select_loki = {
	.name = "loki", .usage = "loki:RANK",
	.help = "scores in the RANK main directions of each key/value head's keys",
	.scope = AM_SCOPE_HEAD, .settings = loki_settings, .open = loki_open, .close = lowrank_close,
	.prepare = lowrank_prepare, .score = lowrank_score,
};
static const char *const doublesparse_settings[] = {"share", "calibrate", "channels", NULL};
const am_selector_ops am_select_doublesparse = {
	.name = "doublesparse", .usage = "doublesparse:CHANNELS",
	.help = "scores in the CHANNELS channels with the largest products of query and key",
	.scope = AM_SCOPE_HEAD, .settings = doublesparse_settings, .open = doublesparse_open, .close = lowrank_close,
	.prepare = lowrank_prepare, .score = lowrank_score,
};

#include "probes/capture.h"

#include "base/mem.h"
#include "probes/capture_internal.h"
#include "probes/shadow.h"

#include <math.h>
#include <string.h>

static unsigned wants(void *ctx, int layer, int head, int64_t position)
{
	const am_capture *c = ctx;
	if (c->layer_index[layer] < 0 || c->head_index[head] < 0 || c->slot[position - c->start] < 0)
		return 0;
	const am_run_axes *x = &c->axes;
	return AM_TAP_ROW | (c->best > 0 ? AM_TAP_SCORES : 0u) | (c->field[AM_FIELD_OUTPUT_ERROR] ? AM_TAP_OUTPUT : 0u) |
	       (x->n_k + x->n_ratio + x->n_mass > 0 ? AM_TAP_MASSES : 0u);
}

static void put(am_capture *c, am_field f, size_t at, double x)
{
	((float *)c->field[f])[at] = (float)x;
}

static double unit(double x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* e^sink / (e^sink + sum e^score): what the sink logit leaves the keys short of 1. */
static double deficit(const am_capture *c, const am_attn_row *row)
{
	const float *sink = c->sink_logit[row->layer];
	return sink ? 1 / (1 + row->sums->z * exp((double)row->sums->max - (double)sink[row->head])) : 0;
}

static void moments(am_capture *c, am_probe_scratch *p, const am_attn_row *row, const am_row_places *places)
{
	const am_row_sums *s = row->sums;
	size_t at = am_capture_at(c, row);
	double ln_z = log(s->z), mean = s->a / s->z, variance = s->b / s->z - mean * mean;
	if (p->visible != row->n) {
		p->visible = row->n;
		p->log_visible = log((double)row->n);
	}
	/* Rounding may leave a value a hair outside its range; the range is exact. */
	double entropy = fmin(fmax(ln_z - mean, 0), p->log_visible);
	put(c, AM_FIELD_LSE, at, (double)s->max + ln_z);
	put(c, AM_FIELD_ENTROPY, at, entropy);
	put(c, AM_FIELD_SCORE_VARIANCE, at, fmax(variance, 0));
	put(c, AM_FIELD_RENYI2, at, fmin(fmax(2 * ln_z - log(s->z2), 0), entropy));
	put(c, AM_FIELD_MAX_PROB, at, unit(1 / s->z));
	if (c->sink_logit)
		put(c, AM_FIELD_DEFICIT, at, deficit(c, row));
	put(c, AM_FIELD_MEAN_DISTANCE, at, fmax(s->d / s->z, 0));
	put(c, AM_FIELD_SINK_MASS, at, unit(places->sink));
	put(c, AM_FIELD_RECENT_MASS, at, unit(places->recent));
}

static void store_distribution(am_capture *c, const am_attn_row *row)
{
	size_t h = (size_t)c->head_index[row->head];
	int64_t total = c->dist_offset[c->n_rows];
	float *to = c->dist + h * (size_t)total + c->dist_offset[c->slot[row->row]];
	double inv = 1 / row->sums->z;
	for (int j = 0; j < row->n; j++)
		to[j] = (float)((double)row->weight[j] * inv);
}

static void observe(void *ctx, int worker, const am_attn_row *row)
{
	am_capture *c = ctx;
	am_row_places places;
	am_profile_row(c, &c->scratch[worker], row, &places);
	moments(c, &c->scratch[worker], row, &places);
	am_best_row(c, &c->scratch[worker], row);
	if (c->dist)
		store_distribution(c, row);
}

static void observe_masses(void *ctx, int worker, const am_attn_row *row)
{
	am_capture *c = ctx;
	am_masses_row(c, &c->scratch[worker], row);
}

static int visible(const am_capture *c, int layer, int position)
{
	int w = c->config->window[layer];
	return w > 0 && position >= w ? w : position + 1;
}

/* Offsets of the rows' distributions in the layer that runs next. */
static void set_offsets(am_capture *c, int layer_index)
{
	if (!c->dist || layer_index >= c->axes.n_layer)
		return;
	const int32_t *n = (const int32_t *)c->field[AM_FIELD_ROW_VISIBLE] + (size_t)layer_index * (size_t)c->n_rows;
	c->dist_offset[0] = 0;
	for (int i = 0; i < c->n_rows; i++)
		c->dist_offset[i + 1] = c->dist_offset[i] + n[i];
}

static am_status layer_done(void *ctx, int layer, am_error *err)
{
	am_capture *c = ctx;
	int l = c->layer_index[layer];
	if (c->shadow)
		am_shadow_layer_done(c->shadow, layer);
	if (l < 0 || c->n_rows == 0)
		return AM_OK;
	am_profile_layer_done(c, l);
	if (c->shadow && c->writer) {
		am_run_layer given;
		am_shadow_give(c->shadow, &given);
		am_status status = am_run_writer_append_layer(c->writer, l, &given, err);
		if (status)
			return status;
	}
	if (!c->dist)
		return AM_OK;
	const int32_t *n = (const int32_t *)c->field[AM_FIELD_ROW_VISIBLE] + (size_t)l * (size_t)c->n_rows;
	am_status status = am_run_writer_append_dist(c->writer, l, c->n_rows, n, c->dist, err);
	set_offsets(c, l + 1);
	return status;
}

static am_status layer_begin(void *ctx, const am_select_block *block, am_threads *threads, am_error *err)
{
	const am_capture *c = ctx;
	return am_shadow_layer_begin(c->shadow, block, threads, err);
}

static bool wants_layer(void *ctx, int layer, int64_t position)
{
	const am_capture *c = ctx;
	return am_shadow_wants(c->shadow, layer, position);
}

static void observe_layer(void *ctx, int worker, const am_select_row *row)
{
	const am_capture *c = ctx;
	am_shadow_observe(c->shadow, worker, row);
}

int am_capture_begin(am_capture *c, int index, int start, int n)
{
	const am_sequence *q = &c->sequences->item[index];
	c->start = start;
	if (c->sequence != index) {
		c->sequence = index;
		c->length = q->n;
		am_row_policy_fini(&c->rows);
		/* Memory for a sample is small; without it no row is captured. */
		if (am_row_policy_init(&c->rows, c->o, index, am_sequence_rows(q), NULL))
			c->rows = (am_row_policy){.kind = AM_ROWS_SAMPLE};
		am_profile_begin_sequence(c);
	}
	int first = am_sequence_row_from(q, start);
	c->n_rows = 0;
	for (int r = 0; r < n; r++) {
		c->slot[r] = -1;
		if (!am_row_policy_has(&c->rows, first + r))
			continue;
		((int32_t *)c->field[AM_FIELD_ROW_SEQUENCE])[c->n_rows] = index;
		((int32_t *)c->field[AM_FIELD_ROW_POSITION])[c->n_rows] = start + r;
		((int32_t *)c->field[AM_FIELD_ROW_TOKEN])[c->n_rows] = q->ids ? q->ids[start + r] : -1;
		c->slot[r] = c->n_rows++;
	}
	int32_t *v = c->field[AM_FIELD_ROW_VISIBLE];
	for (int l = 0; l < c->axes.n_layer; l++)
		for (int i = 0; i < c->n_rows; i++)
			*v++ = visible(c, c->layers[l], ((int32_t *)c->field[AM_FIELD_ROW_POSITION])[i]);
	set_offsets(c, 0);
	if (c->shadow)
		am_shadow_begin(c->shadow, index, start, n);
	return c->n_rows;
}

void am_capture_end(am_capture *c, const float *nll, am_run_block *out)
{
	const int32_t *position = c->field[AM_FIELD_ROW_POSITION];
	for (int i = 0; i < c->n_rows; i++)
		((float *)c->field[AM_FIELD_ROW_NLL])[i] = nll ? nll[position[i] - c->start] : NAN;
	out->n_rows = c->n_rows;
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		out->field[f] = c->field[f];
}

void *am_capture_take(am_capture *c, bool *ok, size_t n, size_t size)
{
	size_t bytes = 0;
	void *p = *ok && am_mul_size(n, size, &bytes) ? am_calloc(n, size) : NULL;
	*ok = *ok && p;
	c->bytes += bytes;
	return p;
}

/* Captured ids and the way back: all of them when none are chosen. */
static int choose(am_capture *c, bool *ok, const int *chosen, int n_chosen, int total, int32_t **ids, int **back)
{
	int n = n_chosen ? n_chosen : total;
	*ids = am_capture_take(c, ok, (size_t)n, sizeof **ids);
	*back = am_capture_take(c, ok, (size_t)total, sizeof **back);
	for (int i = 0; *ok && i < total; i++)
		(*back)[i] = -1;
	for (int i = 0; *ok && i < n; i++) {
		(*ids)[i] = n_chosen ? chosen[i] : i;
		(*back)[(*ids)[i]] = i;
	}
	return n;
}

static int log2_bins(int longest)
{
	int bins = 1; /* distance 0 */
	for (int64_t d = 1; d < longest; d *= 2)
		bins++;
	return bins;
}

static bool set_axes(am_capture *c)
{
	const am_run_options *o = c->o;
	const am_config *m = c->config;
	bool ok = true;
	int *unused;
	am_run_axes *a = &c->axes;
	a->n_layer = choose(c, &ok, o->layers, o->n_layers, m->layers, &c->layers, &c->layer_index);
	a->n_head = choose(c, &ok, o->heads, o->n_heads, m->heads, &c->heads, &c->head_index);
	a->n_kv_head = choose(c, &ok, NULL, 0, m->kv_heads, &c->kv_heads, &unused);
	am_free(unused);
	a->layer = c->layers;
	a->head = c->heads;
	a->kv_head = c->kv_heads;
	a->n_k = o->n_k;
	a->k = (const int32_t *)o->k;
	a->n_ratio = o->n_ratio;
	a->ratio = o->ratio;
	a->n_mass = o->n_mass;
	a->mass = o->mass;
	int longest = c->sequences->longest;
	a->n_rank = o->dist == AM_DIST_TOPK ? o->dist_k : 0;
	if (am_shadow_ranks(c->shadow, o) > a->n_rank)
		a->n_rank = am_shadow_ranks(c->shadow, o);
	a->n_rank = a->n_rank < longest ? a->n_rank : longest;
	a->n_distance_bin = log2_bins(longest);
	a->n_map = o->map;
	for (int i = 0; i < c->sequences->n; i++)
		a->n_row += am_row_policy_count(o, am_sequence_rows(&c->sequences->item[i]));
	return ok;
}

static bool allocate_fields(am_capture *c)
{
	static const am_field per_row[] = {AM_FIELD_ROW_SEQUENCE, AM_FIELD_ROW_POSITION, AM_FIELD_ROW_TOKEN,
	                                   AM_FIELD_ROW_NLL};
	static const am_field moments_of_row[] = {AM_FIELD_LSE, AM_FIELD_ENTROPY, AM_FIELD_SCORE_VARIANCE,
	                                          AM_FIELD_RENYI2, AM_FIELD_MAX_PROB, AM_FIELD_SINK_MASS,
	                                          AM_FIELD_RECENT_MASS, AM_FIELD_MEAN_DISTANCE};
	bool ok = true;
	size_t b = (size_t)c->block, l = (size_t)c->axes.n_layer, lhb = l * (size_t)c->axes.n_head * b;
	for (size_t i = 0; i < sizeof per_row / sizeof per_row[0]; i++)
		c->field[per_row[i]] = am_capture_take(c, &ok, b, 4);
	c->field[AM_FIELD_ROW_VISIBLE] = am_capture_take(c, &ok, l * b, 4);
	for (size_t i = 0; i < sizeof moments_of_row / sizeof moments_of_row[0]; i++)
		c->field[moments_of_row[i]] = am_capture_take(c, &ok, lhb, 4);
	c->slot = am_capture_take(c, &ok, b, sizeof *c->slot);
	c->scratch = am_capture_take(c, &ok, (size_t)c->workers, sizeof *c->scratch);
	if (c->o->dist == AM_DIST_FULL) {
		c->dist = am_capture_take(c, &ok, (size_t)c->axes.n_head * b * (size_t)c->sequences->longest, 4);
		c->dist_offset = am_capture_take(c, &ok, b + 1, sizeof *c->dist_offset);
	}
	for (int f = AM_FIELD_PAIR_KL; f <= AM_FIELD_PAIR_GAINED && am_run_is_pair(c->o); f++)
		c->field[f] = am_capture_take(c, &ok, lhb, 4);
	if (am_run_is_pair(c->o)) {
		c->field[AM_FIELD_PAIR_OVERLAP] = am_capture_take(c, &ok, lhb * (size_t)c->axes.n_k, 4);
		c->field[AM_FIELD_PAIR_NLL] = am_capture_take(c, &ok, b, 4);
	}
	return ok && am_coverage_new(c) && am_profile_new(c);
}

am_status am_capture_new(const am_run_options *o, const am_config *config, const am_kernels *kernels,
                         const am_sequences *sequences, int block, int workers, am_capture **out, am_error *err)
{
	am_capture *c = am_calloc(1, sizeof *c);
	if (!c)
		return am_fail(err, AM_ERR_MEMORY, "capture: out of memory");
	c->o = o;
	c->config = config;
	c->kernels = kernels;
	c->sequences = sequences;
	c->block = block;
	c->workers = workers;
	c->sequence = -1;
	c->tap = (am_tap){.ctx = c, .wants = wants, .observe = observe, .observe_masses = observe_masses, .layer_done = layer_done};
	am_status status = am_shadow_open(o, &c->shadow, err);
	if (!status && (!set_axes(c) || !allocate_fields(c)))
		status = am_fail(err, AM_ERR_MEMORY, "capture: out of memory (%zu MB for blocks of %d rows)", c->bytes >> 20, block);
	if (!status && c->shadow) {
		c->tap.layer_begin = layer_begin;
		c->tap.wants_layer = wants_layer;
		c->tap.observe_layer = observe_layer;
		status = am_shadow_start(c->shadow, c, err);
	}
	if (status)
		am_capture_free(c);
	else
		*out = c;
	return status;
}

void am_capture_free(am_capture *c)
{
	if (!c)
		return;
	am_shadow_free(c->shadow);
	am_coverage_free(c);
	am_profile_free(c);
	am_row_policy_fini(&c->rows);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		am_free(c->field[f]);
	void *own[] = {c->layers, c->heads, c->kv_heads, c->layer_index, c->head_index, c->slot, c->dist,
	               c->dist_offset, c->scratch};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	am_free(c);
}

const am_run_axes *am_capture_axes(const am_capture *c)
{
	return &c->axes;
}

const am_run_selector *am_capture_selectors(const am_capture *c, int *n)
{
	return am_shadow_selectors(c->shadow, n);
}

const am_tap *am_capture_tap(am_capture *c)
{
	return &c->tap;
}

am_status am_capture_set_sinks(am_capture *c, const float *const *sink, am_error *err)
{
	bool ok = true;
	size_t n = (size_t)c->axes.n_layer * (size_t)c->axes.n_head * (size_t)c->block;
	c->field[AM_FIELD_DEFICIT] = am_capture_take(c, &ok, n, 4);
	if (!ok)
		return am_fail(err, AM_ERR_MEMORY, "capture: out of memory");
	c->sink_logit = sink;
	return AM_OK;
}

void am_capture_set_writer(am_capture *c, am_run_writer *w)
{
	c->writer = w;
}

size_t am_capture_memory(const am_capture *c)
{
	return c->bytes;
}

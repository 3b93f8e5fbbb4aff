#include "probes/replay.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kernels/gemm.h"
#include "model/attend.h"
#include "probes/row_policy.h"
#include "runfile/capture_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Keys and values of all layers are kept where they take no more than this; else each
 * block of rows reads them anew, a layer at a time. */
#define CACHE_BYTES ((size_t)1 << 30)

struct am_replay {
	am_capture_file *file;
	const am_capture_info *info;
	am_run_options options; /* those of the run, with the layers there are */
	int *layers;            /* [n_layers] ids */
	int *index;             /* [model layers] -> index in the capture, -1 */
	int *slot;              /* [model layers] -> slot of the KV cache */
	int n_slots;
	am_score_rule *rules;      /* [model layers] */
	const float **sink_logit;  /* [model layers] */
	bool tokens, nll, sinks;
	/* Per slot what it holds. */
	struct { int sequence, layer; } *held; /* [n_slots] */
	float *q;     /* [block][H][head_dim] */
	/* What selectors take beside: read where a tap wants it. */
	float *extra[AM_CAPTURED_COUNT]; /* [block][...]; NULL where it was not captured */
	int *told;    /* [model layers] position up to which the tap was told of keys */
	int sequence; /* that it was told of */
	float *rows;  /* one piece of a tensor as it is read */
	int piece;    /* positions a piece */
	am_replay_cost cost;
};

/* Values are narrower or wider than keys in some models, and sessions take even sizes.
 * Zeros beyond either change neither scores nor the lengths of outputs. */
static int common_dim(const am_capture_info *i)
{
	return ((i->value_dim > i->head_dim ? i->value_dim : i->head_dim) + 1) / 2 * 2;
}

static am_status make_config(const am_capture_info *i, am_config *c, am_error *err)
{
	*c = (am_config){.hidden = i->hidden ? i->hidden : 1, .intermediate = 1, .layers = i->model_layers, .heads = i->heads,
	                 .kv_heads = i->kv_heads, .head_dim = common_dim(i), .vocab = 1, .max_positions = 1, .bos_id = -1};
	c->window = am_calloc((size_t)c->layers, sizeof *c->window);
	c->rope = am_calloc((size_t)c->layers, sizeof *c->rope);
	if (!c->window || !c->rope) {
		am_config_fini(c);
		return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
	}
	for (int l = 0; l < i->n_layers; l++)
		c->window[i->layer[l].id] = i->layer[l].window;
	for (int l = 0; l < c->layers; l++)
		c->rope[l] = (am_rope_config){.type = AM_ROPE_DEFAULT, .theta = 10000, .factor = 1, .attention_factor = 1};
	return AM_OK;
}

static am_status take_sequences(am_job *job, am_error *err)
{
	am_replay *r = job->replay;
	const am_capture_info *i = r->info;
	am_sequences *out = &job->sequences;
	out->item = am_calloc((size_t)i->n_sequences, sizeof *out->item);
	if (!out->item)
		return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
	r->tokens = r->nll = true;
	for (; out->n < i->n_sequences; out->n++) {
		const am_captured_sequence *from = &i->sequence[out->n];
		am_sequence *to = &out->item[out->n];
		*to = (am_sequence){.name = am_strdup(from->name), .task = am_strdup(from->task), .n = from->length,
		                    .row = from->row, .n_rows = from->n_rows};
		if (from->token)
			to->ids = am_alloc((size_t)from->length, sizeof *to->ids);
		if (!to->name || !to->task || (from->token && !to->ids))
			return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
		if (from->token)
			memcpy(to->ids, from->token, (size_t)from->length * sizeof *to->ids);
		r->tokens = r->tokens && from->token;
		r->nll = r->nll && from->nll;
		out->longest = from->length > out->longest ? from->length : out->longest;
		out->tokens += from->length;
	}
	return AM_OK;
}

/* --layers picks among the captured ones; without it all of them. */
static am_status choose_layers(am_job *job, const am_run_options *o, am_error *err)
{
	am_replay *r = job->replay;
	const am_capture_info *i = r->info;
	r->options = *o;
	r->layers = am_calloc((size_t)i->n_layers, sizeof *r->layers);
	r->index = am_calloc((size_t)i->model_layers, sizeof *r->index);
	if (!r->layers || !r->index)
		return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
	for (int l = 0; l < i->model_layers; l++)
		r->index[l] = -1;
	for (int l = 0; l < i->n_layers; l++) {
		r->layers[l] = i->layer[l].id;
		r->index[i->layer[l].id] = l;
	}
	for (int l = 0; l < o->n_layers; l++)
		if (o->layers[l] >= 0 && o->layers[l] < i->model_layers && r->index[o->layers[l]] < 0)
			return am_fail(err, AM_ERR_USAGE, "--layers: layer %d was not captured", o->layers[l]);
	if (o->n_layers == 0) {
		r->options.layers = r->layers;
		r->options.n_layers = i->n_layers;
	}
	job->o = &r->options;
	return AM_OK;
}

static am_status set_rules(am_replay *r, am_error *err)
{
	const am_capture_info *i = r->info;
	r->rules = am_calloc((size_t)i->model_layers, sizeof *r->rules);
	r->sink_logit = am_calloc((size_t)i->model_layers, sizeof *r->sink_logit);
	if (!r->rules || !r->sink_logit)
		return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
	for (int l = 0; l < i->n_layers; l++) {
		const am_captured_layer *layer = &i->layer[l];
		r->rules[layer->id] = (am_score_rule){(float)layer->scale, (float)layer->soft_cap};
		r->sink_logit[layer->id] = layer->sink_logit;
		r->sinks = r->sinks || layer->sink_logit;
	}
	return AM_OK;
}

static am_status set_slots(am_job *job, am_error *err)
{
	am_replay *r = job->replay;
	const am_capture_info *i = r->info;
	size_t layer = (size_t)job->sequences.longest * (size_t)i->kv_heads * (size_t)common_dim(i) * 2 * sizeof(float);
	bool all = layer < CACHE_BYTES / (size_t)i->n_layers;
	r->n_slots = all ? i->n_layers : 1;
	r->slot = am_calloc((size_t)i->model_layers, sizeof *r->slot);
	r->held = am_calloc((size_t)r->n_slots, sizeof *r->held);
	if (!r->slot || !r->held)
		return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
	for (int l = 0; all && l < i->n_layers; l++)
		r->slot[i->layer[l].id] = l;
	for (int s = 0; s < r->n_slots; s++)
		r->held[s].sequence = r->held[s].layer = -1;
	return AM_OK;
}

static const am_captured_tensor extras[] = {AM_CAPTURED_X, AM_CAPTURED_CQ, AM_CAPTURED_INDEX_Q, AM_CAPTURED_INDEX_K,
                                            AM_CAPTURED_INDEX_W};
enum { EXTRAS = sizeof extras / sizeof extras[0] };

/* Values a position or row of an extra tensor, 0 where the capture has none. */
static size_t extra_width(const am_capture_info *i, am_captured_tensor t)
{
	switch (t) {
	case AM_CAPTURED_X: return (size_t)i->hidden;
	case AM_CAPTURED_CQ: return (size_t)i->query_rank;
	case AM_CAPTURED_INDEX_Q: return (size_t)i->index_heads * (size_t)i->index_dim;
	case AM_CAPTURED_INDEX_K: return (size_t)i->index_dim;
	case AM_CAPTURED_INDEX_W: return (size_t)i->index_heads;
	default: return 0;
	}
}

/* Room for what shadowed selectors may take. */
static am_status extra_room(am_job *job, am_error *err)
{
	am_replay *r = job->replay;
	r->sequence = -1;
	r->told = am_calloc((size_t)r->info->model_layers, sizeof *r->told);
	bool ok = r->told;
	for (int e = 0; job->o->n_shadows && e < EXTRAS; e++) {
		size_t width = extra_width(r->info, extras[e]);
		if (width && !(r->extra[extras[e]] = am_calloc((size_t)job->block, width * sizeof(float))))
			ok = false;
	}
	return ok ? AM_OK : am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
}

static am_status open_session(am_job *job, am_error *err)
{
	enum { PIECE = 4096 };
	am_replay *r = job->replay;
	const am_capture_info *i = r->info;
	const am_config *c = am_model_config(job->model);
	job->block = am_job_choose_block(job->o, c, &job->sequences);
	r->piece = PIECE < job->sequences.longest ? PIECE : job->sequences.longest;
	size_t row = (size_t)i->heads * (size_t)c->head_dim, kv = (size_t)i->kv_heads * (size_t)c->head_dim;
	size_t floats = row * (size_t)job->block > kv * (size_t)r->piece ? row * (size_t)job->block : kv * (size_t)r->piece;
	r->q = am_calloc(row * (size_t)job->block, sizeof *r->q);
	r->rows = am_alloc(floats, sizeof *r->rows);
	if (!r->q || !r->rows)
		return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
	am_status room = extra_room(job, err);
	if (room)
		return room;
	am_session_options so = {.capacity = job->sequences.longest, .block = job->block, .threads = job->threads,
	                         .kernels = job->kernels, .rules = r->rules, .cache_slot = r->slot,
	                         .cache_layers = r->n_slots};
	am_status s = am_session_new(job->model, &so, &job->session, err);
	if (!s)
		s = am_capture_new(job->o, c, job->kernels, &job->sequences, job->block, am_threads_count(job->threads),
		                   &job->capture, err);
	return s || !r->sinks ? s : am_capture_set_sinks(job->capture, r->sink_logit, err);
}

am_status am_replay_open(am_job *job, am_error *err)
{
	const am_run_options *o = job->o;
	am_replay *r = am_calloc(1, sizeof *r);
	if (!r)
		return am_fail(err, AM_ERR_MEMORY, "replay: out of memory");
	job->replay = r;
	am_status s = am_capture_file_open(o->capture, &r->file, err);
	if (s)
		return s;
	r->info = am_capture_file_info(r->file);
	am_config config;
	s = make_config(r->info, &config, err);
	if (!s)
		s = am_model_bare(&config, &job->model, err);
	if (!s)
		s = am_job_check_options(o, am_model_config(job->model), err);
	if (!s && o->output_error && !r->info->value_dim)
		s = am_fail(err, AM_ERR_USAGE, "%s: --output-error needs values, and v was not captured", o->capture);
	if (!s)
		s = choose_layers(job, o, err);
	if (!s)
		s = take_sequences(job, err);
	if (!s)
		s = set_rules(r, err);
	if (!s)
		s = set_slots(job, err);
	return s ? s : open_session(job, err);
}

void am_replay_close(am_replay *r)
{
	if (!r)
		return;
	am_capture_file_close(r->file);
	for (int t = 0; t < AM_CAPTURED_COUNT; t++)
		am_free(r->extra[t]);
	void *own[] = {r->told, r->layers, r->index, r->slot, r->rules, r->sink_logit, r->held, r->q, r->rows};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	am_free(r);
}

bool am_replay_next(const am_job *job, int sequence, int from, int *start, int *n)
{
	const am_sequence *q = &job->sequences.item[sequence];
	int i = am_sequence_row_from(q, from), last = i;
	if (i >= q->n_rows)
		return false;
	while (last + 1 < q->n_rows && q->row[last + 1] == q->row[last] + 1 && last + 1 - i < job->block)
		last++;
	*start = q->row[i];
	*n = last + 1 - i;
	return true;
}

/* A sequence's keys or values of one layer into the cache, in pieces. */
static am_status load_cache(am_job *job, int sequence, int layer, am_captured_tensor t, int dim, am_error *err)
{
	am_replay *r = job->replay;
	int heads = r->info->kv_heads, common = common_dim(r->info), length = job->sequences.item[sequence].n;
	am_status s = AM_OK;
	for (int at = 0; !s && at < length; at += r->piece) {
		int n = length - at < r->piece ? length - at : r->piece;
		s = am_capture_file_read(r->file, sequence, r->index[layer], t, at, n, r->rows, err);
		for (int g = 0; !s && g < heads; g++) {
			float *cache = t == AM_CAPTURED_K ? am_session_keys(job->session, layer, g)
			                                  : am_session_values(job->session, layer, g);
			for (int i = 0; i < n; i++)
				memcpy(cache + (size_t)(at + i) * (size_t)common,
				       r->rows + ((size_t)i * (size_t)heads + (size_t)g) * (size_t)dim, (size_t)dim * sizeof *cache);
		}
	}
	return s;
}

static am_status hold(am_job *job, int sequence, int layer, am_error *err)
{
	am_replay *r = job->replay;
	const am_capture_info *i = r->info;
	int slot = r->slot[layer];
	if (r->held[slot].sequence == sequence && r->held[slot].layer == layer)
		return AM_OK;
	r->held[slot].sequence = -1;
	double begin = am_now();
	size_t bytes = (size_t)job->sequences.longest * (size_t)common_dim(i) * sizeof(float);
	for (int g = 0; g < i->kv_heads; g++) {
		memset(am_session_keys(job->session, layer, g), 0, bytes);
		memset(am_session_values(job->session, layer, g), 0, bytes);
	}
	am_status s = load_cache(job, sequence, layer, AM_CAPTURED_K, i->head_dim, err);
	if (!s && i->value_dim)
		s = load_cache(job, sequence, layer, AM_CAPTURED_V, i->value_dim, err);
	if (s)
		return s;
	r->held[slot].sequence = sequence;
	r->held[slot].layer = layer;
	r->cost.load_seconds += am_now() - begin;
	r->cost.loaded += job->sequences.item[sequence].n;
	return AM_OK;
}

/* The extra tensors of positions start .. start + n - 1. Those of query rows are 0 where
 * `first` is negative, else those of recorded rows first .. first + n - 1. */
static am_status read_extras(am_job *job, int sequence, int layer, int start, int n, int first, am_attend_input *in,
                             am_error *err)
{
	am_replay *r = job->replay;
	const am_captured_layer *l = &r->info->layer[r->index[layer]];
	am_status s = AM_OK;
	for (int e = 0; !s && e < EXTRAS; e++) {
		am_captured_tensor t = extras[e];
		bool by_row = t != AM_CAPTURED_X && t != AM_CAPTURED_INDEX_K;
		if (!r->extra[t] || !l->has[t])
			continue;
		if (by_row && first < 0)
			memset(r->extra[t], 0, (size_t)n * extra_width(r->info, t) * sizeof(float));
		else
			s = am_capture_file_read(r->file, sequence, r->index[layer], t, by_row ? first : start, n, r->extra[t], err);
	}
	in->x = l->has[AM_CAPTURED_X] ? r->extra[AM_CAPTURED_X] : NULL;
	in->compressed = l->has[AM_CAPTURED_CQ] ? r->extra[AM_CAPTURED_CQ] : NULL;
	in->compressed_dim = r->info->query_rank;
	if (l->has[AM_CAPTURED_INDEX_Q]) {
		in->index_q = r->extra[AM_CAPTURED_INDEX_Q];
		in->index_k = r->extra[AM_CAPTURED_INDEX_K];
		in->index_w = r->extra[AM_CAPTURED_INDEX_W];
		in->index_heads = r->info->index_heads;
		in->index_dim = r->info->index_dim;
	}
	return s;
}

/* Selectors follow all keys of a sequence: those between recorded rows are told to the tap
 * without queries. */
static am_status tell_keys(am_job *job, int sequence, int layer, int until, const am_tap *tap, am_error *err)
{
	am_replay *r = job->replay;
	if (r->sequence != sequence) {
		r->sequence = sequence;
		memset(r->told, 0, (size_t)r->info->model_layers * sizeof *r->told);
	}
	am_status s = AM_OK;
	double begin = am_now();
	for (int *at = &r->told[layer]; !s && tap->layer_begin && *at < until;) {
		am_attend_input in = {0};
		int n = until - *at < job->block ? until - *at : job->block;
		s = read_extras(job, sequence, layer, *at, n, -1, &in, err);
		if (!s)
			s = am_session_attend(job->session, layer, *at, n, &in, tap, err);
		*at += n;
		r->cost.told += n;
	}
	r->cost.tell_seconds += am_now() - begin;
	return s;
}

am_status am_replay_block(am_job *job, int sequence, int start, int n, const am_tap *tap, am_error *err)
{
	am_replay *r = job->replay;
	const am_capture_info *i = r->info;
	const am_captured_sequence *q = &i->sequence[sequence];
	int common = common_dim(i), first = am_sequence_row_from(&job->sequences.item[sequence], start);
	job->nll = q->nll && r->nll ? q->nll + start : NULL;
	am_status s = AM_OK;
	for (int l = 0; tap && !s && l < job->o->n_layers; l++) {
		int layer = job->o->layers[l];
		am_attend_input in = {.q = r->q};
		s = hold(job, sequence, layer, err);
		if (!s)
			s = tell_keys(job, sequence, layer, start, tap, err);
		if (!s)
			s = read_extras(job, sequence, layer, start, n, first, &in, err);
		if (!s)
			s = am_capture_file_read(r->file, sequence, r->index[layer], AM_CAPTURED_Q, first, n, r->rows, err);
		for (int row = 0; !s && row < n * i->heads; row++)
			memcpy(r->q + (size_t)row * (size_t)common, r->rows + (size_t)row * (size_t)i->head_dim,
			       (size_t)i->head_dim * sizeof *r->q);
		if (!s)
			s = am_session_attend(job->session, layer, start, n, &in, tap, err);
		r->told[layer] = start + n;
	}
	return s;
}

am_replay_cost am_replay_cost_of(const am_replay *r)
{
	return r->cost;
}

bool am_replay_keeps(const am_replay *r)
{
	return r->n_slots == r->info->n_layers;
}

bool am_replay_has_tokens(const am_replay *r)
{
	return r->tokens;
}

bool am_replay_has_nll(const am_replay *r)
{
	return r->nll;
}

bool am_replay_has_sinks(const am_replay *r)
{
	return r->sinks;
}

double am_replay_nll_sum(const am_replay *r, int sequence)
{
	const am_captured_sequence *q = &r->info->sequence[sequence];
	double sum = q->nll ? 0 : NAN;
	for (int i = 0; q->nll && i + 1 < q->length; i++)
		sum += (double)q->nll[i];
	return sum;
}

/* The layers' common scale; NaN when they differ. */
static double common_scale(const am_capture_info *i)
{
	for (int l = 1; l < i->n_layers; l++)
		if (i->layer[l].scale != i->layer[0].scale)
			return NAN;
	return i->layer[0].scale;
}

am_status am_replay_describe(const am_job *job, am_run_writer *w, am_error *err)
{
	const am_run_options *o = job->o;
	const am_capture_info *c = job->replay->info;
	char rows[64];
	am_row_policy_describe(o, rows, sizeof rows);
	const struct { const char *name, *value; } texts[] = {
		{"command_line", o->command_line ? o->command_line : ""},
		{"capture", o->capture},
		{"capture_source", c->source},
		{"model", c->model},
		{"model_family", c->family},
		{"model_digest", ""},
		{"dtype", c->dtype},
		{"device", "cpu"},
		{"kernel", job->kernels->name},
		{"blas", am_gemm_describe()},
		{"attention", "dense"},
		{"rope_layout", "as captured"},
		{"row_policy", rows},
	};
	const struct { const char *name; int64_t value; } ints[] = {
		{"model_layers", c->model_layers}, {"model_heads", c->heads}, {"model_kv_heads", c->kv_heads},
		{"model_head_dim", c->head_dim}, {"model_hidden", c->hidden}, {"model_vocab", 0}, {"seed", (int64_t)o->seed},
		{"sink_keys", o->sink}, {"recent_keys", o->recent}, {"block_rows", job->block},
	};
	am_status s = AM_OK;
	for (size_t i = 0; !s && i < sizeof texts / sizeof texts[0]; i++)
		s = am_run_writer_attr_str(w, texts[i].name, texts[i].value, err);
	for (size_t i = 0; !s && i < sizeof ints / sizeof ints[0]; i++)
		s = am_run_writer_attr_int(w, ints[i].name, ints[i].value, err);
	return s ? s : am_run_writer_attr_double(w, "scale", common_scale(c), err);
}

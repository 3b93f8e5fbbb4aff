/* "indexer:FILE": the Lightning Indexer as a selector, with weights from a file; "indexer" alone
 * takes the indexer's own queries, keys and weights as they were captured. */
#include "select/indexer_file.h"

#include "base/mem.h"
#include "select/indexer_stages.h"
#include "select/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a layer with weights of its own has taken in. */
typedef struct index_layer {
	float *keys;     /* chunks of [capacity], see am_index_keep_keys */
	float *k_scale;  /* [capacity] */
	float *inv_freq; /* [rope_dims / 2] */
} index_layer;

typedef struct index_state {
	am_indexer *file; /* NULL: captured tensors */
	char *path;
	am_index_form form; /* heads = 0: not known before the first captured block */
	float rope_factor;  /* on cos and sin */
	index_layer *layer; /* [layers] */
	/* The latest block: queries of layer `holds`. */
	am_index_output block;
	int holds, start, rows;
	float *cos, *sin; /* [block][rope_dims / 2] at table_start, by the frequencies of table_layer */
	int table_start, table_rows, table_layer;
	float *dots; /* [workers][heads][AM_INDEX_KEYS] */
	am_index_work work;
} index_state;

static const char *const settings[] = {"rope", "rope-position", "precision", "activations", "scale", "hadamard", "relu",
                                       "k-norm", "head-weights", NULL};
/* Those that change what happens to captured tensors. */
static const char *const captured_settings[] = {"precision", "scale", "relu", NULL};

static void index_close(am_selector *s)
{
	index_state *x = s->state;
	if (!x)
		return;
	for (int l = 0; x->layer && l < s->shape.layers; l++) {
		am_free(x->layer[l].keys);
		am_free(x->layer[l].k_scale);
		am_free(x->layer[l].inv_freq);
	}
	void *own[] = {x->path, x->layer, x->block.q, x->block.q_scale, x->block.k, x->block.k_scale, x->block.w, x->cos, x->sin,
	               x->dots};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	am_index_work_fini(&x->work);
	am_indexer_close(x->file);
	am_free(x);
}

static am_status read_switch(const am_select_spec *spec, const char *key, bool *out, am_error *err)
{
	static const char *const names[] = {"off", "on", NULL};
	int i = *out;
	am_status s = am_spec_choice(spec, key, names, &i, err);
	*out = i;
	return s;
}

/* Settings of the spec over those of the file. */
static am_status read_settings(const am_select_spec *spec, am_index_form *f, am_error *err)
{
	static const char *const pairs[] = {"half", "interleaved", NULL}, *const places[] = {"first", "last", NULL};
	static const char *const precisions[] = {"f32", "bf16", "fp8", NULL}, *const activations[] = {"f32", "bf16", NULL};
	static const char *const scales[] = {"plain", "ue8m0", NULL}, *const norms[] = {"layer", "rms", "none", NULL};
	struct {
		const char *key, *const *names;
		int value;
	} choices[] = {
		{"rope", pairs, f->pairs},          {"rope-position", places, f->rope_last}, {"precision", precisions, f->precision},
		{"activations", activations, f->bf16_activations}, {"scale", scales, f->power_scale}, {"k-norm", norms, f->norm},
	};
	for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
		am_status s = am_spec_choice(spec, choices[i].key, choices[i].names, &choices[i].value, err);
		if (s)
			return s;
	}
	f->pairs = (am_rope_pairs)choices[0].value;
	f->rope_last = choices[1].value;
	f->precision = (am_index_precision)choices[2].value;
	f->bf16_activations = choices[3].value;
	f->power_scale = choices[4].value;
	f->norm = (am_index_norm)choices[5].value;
	am_status s = read_switch(spec, "hadamard", &f->hadamard, err);
	if (!s)
		s = read_switch(spec, "relu", &f->relu, err);
	return s ? s : read_switch(spec, "head-weights", &f->head_weights, err);
}

/* The file's form with the settings; what they ask for beyond its tensors is not there. */
static am_status settle_form(const am_select_spec *spec, index_state *x, int kv_heads, am_error *err)
{
	const am_index_form *had = &x->file->form;
	x->form = *had;
	am_status s = read_settings(spec, &x->form, err);
	if (s)
		return am_fail_in(err, s, "indexer");
	if (x->form.head_weights && !had->head_weights)
		return am_fail(err, AM_ERR_USAGE, "indexer: head-weights: expected off, as %s has none, found 'on'", x->path);
	if (x->form.norm < had->norm)
		return am_fail(err, AM_ERR_USAGE, "indexer: k-norm: expected a norm whose tensors %s has, found '%s'", x->path,
		               am_spec_text(spec, "k-norm"));
	x->form.groups = x->file->per_group ? kv_heads : 1;
	s = am_index_form_check(&x->form, err);
	return s ? am_fail_in(err, s, "%s", x->path) : AM_OK;
}

static am_status check_size(const index_state *x, const char *what, int expected, int found, am_error *err)
{
	return expected == found ? AM_OK
	                         : am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %d as in the model it is attached to, found %d",
	                                   x->path, what, expected, found);
}

static am_status check_model(const am_selector *s, const index_state *x, am_error *err)
{
	const am_indexer *f = x->file;
	am_status status = check_size(x, "layers", s->shape.layers, f->layers, err);
	if (!status && s->shape.hidden > 0)
		status = check_size(x, "k_inputs", s->shape.hidden, f->x_inputs, err);
	if (!status && s->shape.hidden > 0 && !f->compressed)
		status = check_size(x, "q_inputs", s->shape.hidden, f->c_inputs, err);
	if (!status && !f->own_rope && x->form.rope_dims > 0 && !s->shape.rope)
		status = am_fail(err, AM_ERR_UNSUPPORTED,
		                 "%s: rope_theta: expected a number, as there is no base model here to take frequencies from, found "
		                 "\"model\"", x->path);
	return status;
}

/* Buffers of a block, once the form is known. */
static bool allocate(am_selector *s, index_state *x)
{
	size_t rows = (size_t)s->shape.block, heads = (size_t)x->form.heads, dim = (size_t)x->form.dim, f = sizeof(float);
	x->block = (am_index_output){.q = am_calloc(rows * heads, dim * f), .q_scale = am_calloc(rows, heads * f),
	                             .k = am_calloc(rows, dim * f), .k_scale = am_calloc(rows, f), .w = am_calloc(rows, heads * f)};
	x->cos = am_calloc(rows, ((size_t)x->form.rope_dims / 2 + 1) * f);
	x->sin = am_calloc(rows, ((size_t)x->form.rope_dims / 2 + 1) * f);
	x->dots = am_calloc((size_t)s->shape.workers * heads, AM_INDEX_KEYS * f);
	return x->block.q && x->block.q_scale && x->block.k && x->block.k_scale && x->block.w && x->cos && x->sin && x->dots;
}

static am_status no_memory(am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "indexer: out of memory");
}

static am_status open_file(am_selector *s, index_state *x, am_error *err)
{
	if (!(x->path = am_strdup(s->spec->argument)))
		return no_memory(err);
	am_status status = am_indexer_open(x->path, &x->file, err);
	if (!status)
		status = settle_form(s->spec, x, s->shape.kv_heads, err);
	if (!status)
		status = check_model(s, x, err);
	if (!status && x->file->per_group)
		s->scope = AM_SCOPE_GROUP;
	if (!status && !allocate(s, x))
		status = no_memory(err);
	return status;
}

/* Heads and size come with the first block. */
static am_status open_captured(const am_select_spec *spec, index_state *x, am_error *err)
{
	x->form = (am_index_form){.relu = true, .scale = 1, .groups = 1, .power_scale = true};
	for (int i = 0; i < spec->n_settings; i++) {
		const char *const *name = captured_settings;
		while (*name && strcmp(*name, spec->setting[i].key) != 0)
			name++;
		if (!*name)
			return am_fail(err, AM_ERR_USAGE, "indexer: %s: expected a FILE ('indexer:FILE') that it changes, found none",
			               spec->setting[i].key);
	}
	am_status s = read_settings(spec, &x->form, err);
	return s ? am_fail_in(err, s, "indexer") : AM_OK;
}

static am_status index_open(am_selector *s, am_error *err)
{
	index_state *x = s->state = am_calloc(1, sizeof *x);
	if (!x || !(x->layer = am_calloc((size_t)s->shape.layers, sizeof *x->layer)))
		return no_memory(err);
	x->holds = x->table_layer = -1;
	x->rope_factor = 1;
	return s->spec->argument ? open_file(s, x, err) : open_captured(s->spec, x, err);
}

/* Frequencies may depend on the sequence's length. */
static am_status index_start(am_selector *s, am_error *err)
{
	index_state *x = s->state;
	int dims = x->form.rope_dims, n = dims / 2;
	x->holds = x->table_layer = -1;
	for (int l = 0; x->file && dims > 0 && l < s->shape.layers; l++) {
		float *freq = x->layer[l].inv_freq;
		if (x->file->owner[l] != l)
			continue;
		if (!freq && !(freq = x->layer[l].inv_freq = am_calloc((size_t)n, sizeof *freq)))
			return no_memory(err);
		am_status status = x->file->own_rope
		                           ? am_rope_frequencies(&x->file->rope, dims, x->file->max_positions, s->length, freq,
		                                                 &x->rope_factor, err)
		                           : s->shape.rope(s->shape.rope_ctx, l, dims, s->length, freq, err);
		if (status)
			return am_fail_in(err, status, "%s", x->path);
	}
	return AM_OK;
}

static void index_rewind(am_selector *s, int position)
{
	(void)position;
	index_state *x = s->state;
	x->holds = -1; /* keys stay where they are: what comes again is written over */
}

/* cos and sin of the block's positions; layers mostly turn alike. The angle is formed in
 * float32 as the models' own code does. */
static void fill_table(index_state *x, int layer, int start, int rows)
{
	int n = x->form.rope_dims / 2;
	const float *freq = x->layer[layer].inv_freq;
	bool same = x->table_layer >= 0 && x->table_start == start && x->table_rows == rows &&
	            (n == 0 || memcmp(freq, x->layer[x->table_layer].inv_freq, (size_t)n * sizeof *freq) == 0);
	for (int r = 0; !same && r < rows; r++)
		for (int i = 0; i < n; i++) {
			float angle = (float)(start + r) * freq[i];
			x->cos[r * n + i] = (float)cos((double)angle) * x->rope_factor;
			x->sin[r * n + i] = (float)sin((double)angle) * x->rope_factor;
		}
	x->table_layer = layer;
	x->table_start = start;
	x->table_rows = rows;
}

/* Captured tensors have every stage behind them but the rounding. */
static am_status take_captured(am_selector *s, index_state *x, const am_select_block *b, am_error *err)
{
	if (!b->index_q || !b->index_k || !b->index_w)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "expected an indexer's FILE ('indexer:FILE') or a capture with index queries, keys and weights, found neither");
	if (x->form.heads == 0) {
		x->form.heads = b->index_heads;
		x->form.dim = b->index_dim;
		am_status status = am_index_form_check(&x->form, err);
		if (status || !allocate(s, x))
			return status ? status : no_memory(err);
	}
	if (b->index_heads != x->form.heads || b->index_dim != x->form.dim)
		return am_fail(err, AM_ERR_FORMAT, "expected index tensors of %d heads of %d as in the layers before, found %d of %d",
		               x->form.heads, x->form.dim, b->index_heads, b->index_dim);
	int heads = x->form.heads, dim = x->form.dim;
	memcpy(x->block.q, b->index_q, (size_t)b->rows * (size_t)heads * (size_t)dim * sizeof(float));
	memcpy(x->block.k, b->index_k, (size_t)b->rows * (size_t)dim * sizeof(float));
	memcpy(x->block.w, b->index_w, (size_t)b->rows * (size_t)heads * sizeof(float));
	for (int r = 0; r < b->rows; r++) {
		float worst = am_index_largest(0, x->block.q + (size_t)r * (size_t)heads * (size_t)dim, heads * dim);
		worst = am_index_largest(worst, x->block.k + (size_t)r * (size_t)dim, dim);
		worst = am_index_largest(worst, x->block.w + (size_t)r * (size_t)heads, heads);
		if (!(worst < AM_INDEX_LIMIT))
			return am_fail(err, AM_ERR_NUMERIC, "token %d: expected captured index tensors below %g in magnitude, found %g",
			               b->start + r, (double)AM_INDEX_LIMIT, (double)worst);
		for (int j = 0; j < heads; j++)
			x->block.q_scale[r * heads + j] = am_index_round(&x->form, x->block.q + ((size_t)r * (size_t)heads + (size_t)j) * (size_t)dim);
		x->block.k_scale[r] = am_index_round(&x->form, x->block.k + (size_t)r * (size_t)dim);
	}
	return AM_OK;
}

static am_status compute(am_selector *s, index_state *x, const am_select_block *b, am_threads *threads, am_error *err)
{
	if (!b->x)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: expected the input of the attention, which the indexer reads, found none (without ':FILE' captured "
		               "index tensors are used)", x->path);
	if (x->file->compressed && !b->compressed)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: expected the compressed query of latent attention (%d values a token), which this indexer reads, "
		               "found none", x->path, x->file->c_inputs);
	if (x->file->compressed && b->compressed_dim != x->file->c_inputs)
		return check_size(x, "compressed query", b->compressed_dim, x->file->c_inputs, err);
	fill_table(x, b->layer, b->start, b->rows);
	am_index_input in = {.x = b->x, .c = x->file->compressed ? b->compressed : b->x, .cos = x->cos, .sin = x->sin,
	                     .rows = b->rows, .start = b->start};
	am_status status = am_index_forward(&x->form, &x->file->weights[b->layer], &in, s->shape.kernels, threads, &x->work,
	                                    &x->block, err);
	return status ? am_fail_in(err, status, "%s", x->path) : AM_OK;
}

static am_status keep(am_selector *s, index_state *x, const am_select_block *b, am_error *err)
{
	index_layer *l = &x->layer[b->layer];
	int capacity = s->shape.capacity;
	if (!l->keys)
		l->keys = am_calloc(am_index_key_floats(x->form.dim, capacity), sizeof *l->keys);
	if (!l->k_scale)
		l->k_scale = am_calloc((size_t)capacity, sizeof *l->k_scale);
	if (!l->keys || !l->k_scale)
		return no_memory(err);
	am_index_keep_keys(x->form.dim, x->block.k, b->start, b->rows, l->keys);
	memcpy(l->k_scale + b->start, x->block.k_scale, (size_t)b->rows * sizeof *l->k_scale);
	return AM_OK;
}

static am_status prepare_own(am_selector *s, index_state *x, const am_select_block *b, am_threads *threads, am_error *err)
{
	x->holds = -1;
	am_status status = x->file ? compute(s, x, b, threads, err) : take_captured(s, x, b, err);
	if (!status)
		status = keep(s, x, b, err);
	if (status)
		return status;
	x->holds = b->layer;
	x->start = b->start;
	x->rows = b->rows;
	return AM_OK;
}

static am_status index_prepare(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err)
{
	index_state *x = s->state;
	am_status status = AM_OK;
	int owner = x->file ? x->file->owner[b->layer] : b->layer;
	if (owner == b->layer)
		status = prepare_own(s, x, b, threads, err);
	else if (owner < 0)
		status = am_fail(err, AM_ERR_FORMAT, "%s: expected an indexer for this layer or one before it, found none", x->path);
	else if (x->holds != owner || x->start != b->start || x->rows != b->rows)
		status = am_fail(err, AM_ERR_UNSUPPORTED, "%s: expected layer %d, whose indexer this one shares, to run before it",
		                 x->path, owner);
	return status ? am_fail_in(err, status, "indexer: layer %d", b->layer) : AM_OK;
}

static void index_score(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	index_state *x = s->state;
	const index_layer *l = &x->layer[x->holds];
	size_t heads = (size_t)x->form.heads, at = (size_t)row->row * heads;
	am_index_query query = {x->block.q + at * (size_t)x->form.dim, x->block.q_scale + at, x->block.w + at};
	am_index_scores(&x->form, s->shape.kernels, &query, set, l->keys, l->k_scale, row->first_key, row->n,
	                x->dots + (size_t)worker * heads * AM_INDEX_KEYS, out);
}

const am_selector_ops am_select_indexer = {
	.name = "indexer", .usage = "indexer:FILE", .help = "the Lightning Indexer of FILE, or as captured without one",
	.scope = AM_SCOPE_LAYER, .needs = AM_NEED_INPUT, .settings = settings, .open = index_open, .close = index_close,
	.start = index_start, .rewind = index_rewind, .prepare = index_prepare, .score = index_score,
};

/* "indexer:FILE": the Lightning Indexer as a selector, with weights from a file; "indexer" alone
 * takes the indexer's own queries, keys and weights as they were captured. */
#include "base/mem.h"
#include "select/indexer_state.h"

#include <string.h>

static const char *const settings[] = {"rope", "rope-position", "precision", "activations", "scale", "hadamard", "relu",
                                       "k-norm", "head-weights", NULL};
/* Those that change what happens to captured tensors. */
static const char *const captured_settings[] = {"precision", "scale", "relu", NULL};

static void index_close(am_selector *s)
{
	am_index_state *x = s->state;
	if (!x)
		return;
	for (int l = 0; x->layer && l < s->shape.layers; l++) {
		am_free(x->layer[l].keys);
		am_free(x->layer[l].k_scale);
		am_free(x->layer[l].inv_freq);
	}
	void *own[] = {x->path, x->layer, x->block.q, x->block.q_scale, x->block.k, x->block.k_scale, x->block.w, x->cos, x->sin,
	               x->scores, x->pairs};
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
static am_status settle_form(const am_select_spec *spec, am_index_state *x, int kv_heads, am_error *err)
{
	const am_index_form *had = &x->file->form;
	x->form = *had;
	am_status s = read_settings(spec, &x->form, err);
	if (s)
		return s;
	if (x->form.head_weights && !had->head_weights)
		return am_fail(err, AM_ERR_USAGE, "indexer: head-weights: expected off, as %s has none, found 'on'", x->path);
	if (x->form.norm < had->norm)
		return am_fail(err, AM_ERR_USAGE, "indexer: k-norm: expected a norm whose tensors %s has, found '%s'", x->path,
		               am_spec_text(spec, "k-norm"));
	x->form.groups = x->file->per_group ? kv_heads : 1;
	s = am_index_form_check(&x->form, err);
	return s ? am_fail_in(err, s, "%s", x->path) : AM_OK;
}

static am_status check_size(const am_index_state *x, const char *what, int expected, int found, am_error *err)
{
	return expected == found ? AM_OK
	                         : am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %d as in the model it is attached to, found %d",
	                                   x->path, what, expected, found);
}

static am_status check_model(const am_selector *s, const am_index_state *x, am_error *err)
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

static am_status no_memory(am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "indexer: out of memory");
}

static am_status open_file(am_selector *s, am_index_state *x, am_error *err)
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
	return status ? status : am_index_state_room(s, err);
}

/* Heads and size come with the first block. */
static am_status open_captured(const am_select_spec *spec, am_index_state *x, am_error *err)
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
	return read_settings(spec, &x->form, err);
}

static am_status index_open(am_selector *s, am_error *err)
{
	am_index_state *x = s->state = am_calloc(1, sizeof *x);
	if (!x || !(x->layer = am_calloc((size_t)s->shape.layers, sizeof *x->layer)))
		return no_memory(err);
	x->holds = x->table_layer = -1;
	x->rope_factor = 1;
	return s->spec->argument ? open_file(s, x, err) : open_captured(s->spec, x, err);
}

const am_selector_ops am_select_indexer = {
	.name = "indexer", .usage = "indexer:FILE", .help = "the Lightning Indexer of FILE, or as captured without one",
	.scope = AM_SCOPE_LAYER, .needs = AM_NEED_INPUT, .settings = settings, .open = index_open, .close = index_close,
	.start = am_index_start, .rewind = am_index_rewind, .source = am_index_source,
	.prepare = am_index_prepare, .score = am_index_score, .scored = am_index_scored,
};

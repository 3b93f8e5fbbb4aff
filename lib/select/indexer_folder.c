/* The indexer inside a DeepSeek-V3.2 or GLM-5 checkpoint: sizes, rotary frequencies and
 * shared layers from config.json, tensors by the names Hugging Face gives them. */
#include "base/file.h"
#include "base/mem.h"
#include "select/indexer_file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_CONFIG ((size_t)16 << 20) /* bytes */

/* Keys are read one after another; the first that fails ends it. */
typedef struct reader {
	const char *path; /* of config.json */
	const json_t *object;
	am_status status;
	am_error *err;
} reader;

static void wrong(reader *r, const char *key, const char *expected, const json_t *found)
{
	if (r->status)
		return;
	char *text = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	r->status = am_fail(r->err, found ? AM_ERR_RANGE : AM_ERR_FORMAT, "%s: %s: expected %s, found %.200s", r->path, key,
	                    expected, text ? text : "nothing");
	free(text);
}

/* JSON null counts as absent. */
static const json_t *get(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	return json_is_null(v) ? NULL : v;
}

/* `otherwise` below 0: the key must be there. */
static int integer(reader *r, const json_t *object, const char *key, int otherwise, int low, int high)
{
	char expected[64];
	const json_t *v = get(object, key);
	if (!v && otherwise >= 0)
		return otherwise;
	json_int_t n = json_is_integer(v) ? json_integer_value(v) : (json_int_t)low - 1;
	if (n >= low && n <= high)
		return (int)n;
	snprintf(expected, sizeof expected, "a whole number from %d to %d", low, high);
	wrong(r, key, expected, v);
	return low;
}

static double real(reader *r, const json_t *object, const char *key, double otherwise, double low, double high)
{
	char expected[64];
	const json_t *v = get(object, key);
	if (!v && otherwise >= 0)
		return otherwise;
	double x = json_is_number(v) ? json_number_value(v) : NAN;
	if (x >= low && x <= high)
		return x;
	snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
	wrong(r, key, expected, v);
	return low;
}

/* 0.1 m ln(factor) + 1 (Peng et al., "YaRN", 2023). */
static double stretch(double factor, double m)
{
	return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1;
}

static void read_yarn(reader *r, const json_t *o, am_rope_config *rope)
{
	rope->factor = real(r, o, "factor", -1, 1, 1e6);
	rope->beta_fast = real(r, o, "beta_fast", 32, 1e-6, 1e6);
	rope->beta_slow = real(r, o, "beta_slow", 1, 1e-6, rope->beta_fast);
	double mscale = real(r, o, "mscale", 0, 0, 1e6), all_dim = real(r, o, "mscale_all_dim", 0, 0, 1e6);
	double derived = mscale > 0 && all_dim > 0 ? stretch(rope->factor, mscale) / stretch(rope->factor, all_dim)
	                                           : stretch(rope->factor, 1);
	rope->attention_factor = real(r, o, "attention_factor", derived, 1e-6, 1e6);
}

static void read_rope(reader *r, am_indexer *x)
{
	const json_t *o = get(r->object, "rope_scaling");
	o = json_object_size(o) ? o : get(r->object, "rope_parameters");
	am_rope_config *rope = &x->rope;
	*rope = (am_rope_config){.factor = 1, .attention_factor = 1, .truncate = true};
	x->own_rope = true;
	x->max_positions = integer(r, r->object, "max_position_embeddings", 2048, 1, 1 << 30);
	rope->theta = real(r, o, "rope_theta", real(r, r->object, "rope_theta", 10000, 1.001, 1e15), 1.001, 1e15);
	rope->original_positions = integer(r, o, "original_max_position_embeddings", x->max_positions, 1, 1 << 30);
	const json_t *type = get(o, "rope_type") ? get(o, "rope_type") : get(o, "type");
	const char *name = type ? json_string_value(type) : "default";
	if (!name || !am_rope_type_parse(name, &rope->type) || (rope->type != AM_ROPE_DEFAULT && rope->type != AM_ROPE_YARN))
		wrong(r, "rope_type", "default or yarn", type);
	else if (rope->type == AM_ROPE_YARN)
		read_yarn(r, o, rope);
}

/* Whether a layer runs an indexer of its own: a list, a pattern "FSS...", or every freq-th
 * from an offset on. DeepSeek-V3.2 has none of these keys: all do. */
static bool is_full(reader *r, int layer)
{
	const json_t *types = get(r->object, "indexer_types"), *pattern = get(r->object, "index_topk_pattern");
	if (types) {
		const char *type = json_string_value(json_array_get(types, (size_t)layer));
		if (!type || (strcmp(type, "full") != 0 && strcmp(type, "shared") != 0))
			wrong(r, "indexer_types", "full or shared for every layer", types);
		return type && strcmp(type, "full") == 0;
	}
	if (pattern) {
		const char *text = json_is_string(pattern) ? json_string_value(pattern) : "";
		if (strlen(text) <= (size_t)layer || !strchr("FS", text[layer])) {
			wrong(r, "index_topk_pattern", "F or S for every layer", pattern);
			return true;
		}
		return text[layer] == 'F';
	}
	int freq = integer(r, r->object, "index_topk_freq", 1, 0, 1 << 20);
	int offset = integer(r, r->object, "index_skip_topk_offset", 2, 0, 1 << 20);
	int from = layer - offset + 1 > 0 ? layer - offset + 1 : 0;
	return from % (freq > 1 ? freq : 1) == 0;
}

static void read_sizes(reader *r, am_indexer *x)
{
	const json_t *c = r->object, *type = get(c, "model_type");
	const char *name = json_is_string(type) ? json_string_value(type) : "";
	bool deepseek = strcmp(name, "deepseek_v32") == 0;
	if (!deepseek && strcmp(name, "glm_moe_dsa") != 0) {
		wrong(r, "model_type", "\"deepseek_v32\" or \"glm_moe_dsa\"", type);
		return;
	}
	x->layers = integer(r, c, "num_hidden_layers", -1, 1, 4096);
	x->x_inputs = integer(r, c, "hidden_size", -1, 1, 1 << 20);
	x->c_inputs = integer(r, c, "q_lora_rank", -1, 1, 1 << 20);
	x->compressed = true;
	x->form = (am_index_form){
		.heads = integer(r, c, "index_n_heads", -1, 1, 4096),
		.dim = integer(r, c, "index_head_dim", -1, 1, AM_INDEX_MAX_DIM),
		.rope_dims = integer(r, c, "qk_rope_head_dim", -1, 0, AM_INDEX_MAX_DIM),
		.pairs = deepseek ? AM_PAIRS_HALF : AM_PAIRS_INTERLEAVED,
		.norm = AM_INDEX_NORM_LAYER, .eps = 1e-6, .hadamard = deepseek, .relu = true, .head_weights = true, .groups = 1,
		.power_scale = true,
	};
	x->form.scale = 1 / sqrt((double)x->form.heads * x->form.dim);
}

static am_status find_layers(reader *r, am_indexer *x, am_error *err)
{
	static const am_indexer_names names = {"wq_b.weight", "wk.weight", "weights_proj.weight", "k_norm.weight", "k_norm.bias"};
	char prefix[64], probe[96];
	for (int l = 0; l < x->layers; l++) {
		bool full = is_full(r, l);
		if (r->status)
			return r->status;
		snprintf(probe, sizeof probe, "layers.%d.self_attn.indexer.wq_b.weight", l);
		snprintf(prefix, sizeof prefix, "%slayers.%d.self_attn.indexer.", am_tensors_find(x->tensors, probe) ? "" : "model.", l);
		am_status s = full ? am_indexer_find(x, l, prefix, &names, err) : AM_OK;
		if (s)
			return s;
	}
	return AM_OK;
}

static am_status read_config(const char *path, json_t **out, am_error *err)
{
	char *text = NULL;
	size_t size = 0;
	json_error_t e;
	am_status s = am_file_read(path, MAX_CONFIG, &text, &size, err);
	if (s)
		return s;
	*out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
	am_free(text);
	if (!*out)
		return am_fail(err, AM_ERR_FORMAT, "%s: invalid JSON at line %d: %s", path, e.line, e.text);
	if (!json_is_object(*out)) {
		json_decref(*out);
		return am_fail(err, AM_ERR_FORMAT, "%s: expected an object", path);
	}
	return AM_OK;
}

am_status am_indexer_read_folder(const char *path, am_indexer *x, am_error *err)
{
	char *config = am_path_join(path, "config.json");
	json_t *root = NULL;
	am_error unused;
	am_status s = config ? read_config(config, &root, err) : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	if (!s) {
		reader r = {config, root, AM_OK, err ? err : &unused};
		read_sizes(&r, x);
		if (!r.status)
			read_rope(&r, x);
		s = r.status;
		if (!s && (s = am_index_form_check(&x->form, err)))
			am_fail_in(err, s, "%s", config);
		if (!s)
			s = am_indexer_room(x, err);
		if (!s)
			s = find_layers(&r, x, err);
		json_decref(root);
	}
	am_free(config);
	return s;
}

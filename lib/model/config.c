#include "model/config.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/config_json.h"
#include "model/config_keys.h"
#include "model/config_rope.h"

#include <string.h>

#define CONFIG_LIMIT ((size_t)1 << 24) /* bytes */

/* Bounds that no real model reaches, small enough that products of two fit. */
#define MAX_WIDTH (1 << 20)
#define MAX_HEAD_DIM 4096
#define MAX_LAYERS 4096
#define MAX_VOCAB (1 << 24)
#define MAX_POSITIONS (1 << 30)

/* What the configuration class of a family has where the file says nothing. */
static const struct {
	const char *name;
	int vocab, intermediate, positions;
	int kv_heads; /* 0: as many as heads */
	int head_dim; /* 0: hidden / heads */
	int bos, eos; /* -1: none */
} families[] = {
	[AM_FAMILY_LLAMA] = {"llama", 32000, 11008, 2048, 0, 0, 1, 2},
	[AM_FAMILY_MISTRAL] = {"mistral", 32000, 14336, 131072, 8, 0, 1, 2},
	[AM_FAMILY_QWEN2] = {"qwen2", 151936, 22016, 32768, 32, 0, -1, -1},
	[AM_FAMILY_QWEN3] = {"qwen3", 151936, 22016, 32768, 32, 128, -1, -1},
};

const char *am_family_name(am_family f)
{
	return (unsigned)f < sizeof families / sizeof *families ? families[f].name : "unknown";
}

static am_status read_family(const am_config_view *j, am_family *out, am_error *err)
{
	const char *name = NULL;
	am_status s = am_config_str(j, "model_type", "nothing", &name, err);
	if (s)
		return s;
	for (size_t f = 0; f < sizeof families / sizeof *families; f++)
		if (strcmp(name, families[f].name) == 0)
			return *out = (am_family)f, AM_OK;
	return am_fail(err, AM_ERR_UNSUPPORTED,
	               "%s: model_type: expected llama, mistral, qwen2 or qwen3, found %s", j->path, name);
}

static am_status read_activation(const am_config_view *j, am_error *err)
{
	const char *act = NULL;
	am_status s = am_config_str(j, "hidden_act", "silu", &act, err);
	if (!s && strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0)
		s = am_fail(err, AM_ERR_UNSUPPORTED, "%s: hidden_act: expected silu, found %s", j->path, act);
	return s;
}

static am_status read_sizes(const am_config_view *j, am_config *c, am_error *err)
{
	am_family f = c->family;
	am_status s = am_config_int(j, "hidden_size", 4096, 1, MAX_WIDTH, &c->hidden, err);
	if (!s)
		s = am_config_int(j, "intermediate_size", families[f].intermediate, 1, MAX_WIDTH,
		                  &c->intermediate, err);
	if (!s)
		s = am_config_int(j, "num_hidden_layers", 32, 1, MAX_LAYERS, &c->layers, err);
	if (!s)
		s = am_config_int(j, "vocab_size", families[f].vocab, 1, MAX_VOCAB, &c->vocab, err);
	if (!s)
		s = am_config_int(j, "max_position_embeddings", families[f].positions, 1, MAX_POSITIONS,
		                  &c->max_positions, err);
	if (!s)
		s = am_config_real(j, "rms_norm_eps", 1e-6, 0, 1, &c->rms_eps, err);
	return s;
}

/* null is "as many as heads"; only an absent key takes the family's number. */
static int default_kv_heads(const am_config_view *j, const am_config *c)
{
	bool absent = !json_object_get(j->object, "num_key_value_heads");
	return absent && families[c->family].kv_heads ? families[c->family].kv_heads : c->heads;
}

static am_status read_head_dim(const am_config_view *j, am_config *c, am_error *err)
{
	int otherwise = families[c->family].head_dim;
	if (!otherwise && !am_config_get(j, "head_dim") && c->hidden % c->heads)
		return am_fail(err, AM_ERR_RANGE,
		               "%s: num_attention_heads: expected a divisor of hidden_size = %d, found %d",
		               j->path, c->hidden, c->heads);
	if (!otherwise)
		otherwise = c->hidden / c->heads;
	am_status s = am_config_int(j, "head_dim", otherwise, 2, MAX_HEAD_DIM, &c->head_dim, err);
	if (!s && c->head_dim % 2)
		s = am_fail(err, AM_ERR_RANGE, "%s: head_dim: expected an even number, found %d", j->path,
		            c->head_dim);
	return s;
}

static am_status read_heads(const am_config_view *j, am_config *c, am_error *err)
{
	am_status s = am_config_int(j, "num_attention_heads", 32, 1, MAX_WIDTH, &c->heads, err);
	if (!s)
		s = am_config_int(j, "num_key_value_heads", default_kv_heads(j, c), 1, MAX_WIDTH,
		                  &c->kv_heads, err);
	if (!s && c->heads % c->kv_heads)
		s = am_fail(err, AM_ERR_RANGE,
		            "%s: num_key_value_heads: expected a divisor of num_attention_heads = %d, found %d",
		            j->path, c->heads, c->kv_heads);
	if (!s)
		s = read_head_dim(j, c, err);
	if (!s && c->heads > MAX_WIDTH / c->head_dim)
		s = am_fail(err, AM_ERR_RANGE,
		            "%s: num_attention_heads: expected at most %d of size %d, found %d", j->path,
		            MAX_WIDTH / c->head_dim, c->head_dim, c->heads);
	return s;
}

static am_status read_biases(const am_config_view *j, am_config *c, am_error *err)
{
	bool attention = false;
	am_status s = am_config_bool(j, "tie_word_embeddings", false, &c->tied_embeddings, err);
	if (!s && (c->family == AM_FAMILY_LLAMA || c->family == AM_FAMILY_QWEN3))
		s = am_config_bool(j, "attention_bias", false, &attention, err);
	if (!s && c->family == AM_FAMILY_LLAMA)
		s = am_config_bool(j, "mlp_bias", false, &c->mlp_bias, err);
	c->o_bias = attention;
	c->qkv_bias = attention || c->family == AM_FAMILY_QWEN2; /* there it has no key */
	c->qk_norm = c->family == AM_FAMILY_QWEN3;
	return s;
}

/* The window where a layer has one (0: none), and the first layer that has it. */
static am_status read_window(const am_config_view *j, const am_config *c, int *window, int *first,
                             am_error *err)
{
	bool use = c->family == AM_FAMILY_MISTRAL;
	*window = 0;
	*first = 0;
	am_status s = AM_OK;
	if (c->family == AM_FAMILY_QWEN2 || c->family == AM_FAMILY_QWEN3) {
		s = am_config_bool(j, "use_sliding_window", false, &use, err);
		if (!s)
			s = am_config_int(j, "max_window_layers", 28, 0, MAX_LAYERS, first, err);
	}
	const json_t *v = json_object_get(j->object, "sliding_window");
	if (s || !use || json_is_null(v))
		return s;
	return am_config_int(j, "sliding_window", 4096, 1, MAX_POSITIONS, window, err);
}

static am_status read_layer_type(const am_config_view *j, const json_t *list, int i, bool *sliding,
                                 am_error *err)
{
	const json_t *v = json_array_get(list, (size_t)i);
	const char *name = json_is_string(v) ? json_string_value(v) : am_config_type_name(v);
	*sliding = strcmp(name, "sliding_attention") == 0;
	if (!*sliding && strcmp(name, "full_attention") != 0)
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: layer_types[%d]: expected full_attention or sliding_attention, found %s",
		               j->path, i, name);
	return AM_OK;
}

/* Fills c->window. layer_types decides in the Qwen families; where transformers
 * does not read it (llama, mistral) it must agree with what is applied. */
static am_status read_windows(const am_config_view *j, am_config *c, am_error *err)
{
	int window = 0, first = 0;
	am_status s = read_window(j, c, &window, &first, err);
	const json_t *list = am_config_get(j, "layer_types");
	if (!s && list && json_array_size(list) != (size_t)c->layers)
		s = am_fail(err, AM_ERR_RANGE, "%s: layer_types: expected a list of %d layers, found %s of %zu",
		            j->path, c->layers, am_config_type_name(list), json_array_size(list));
	bool qwen = c->family == AM_FAMILY_QWEN2 || c->family == AM_FAMILY_QWEN3;
	for (int i = 0; !s && i < c->layers; i++) {
		bool sliding = window > 0 && i >= first, listed = sliding;
		if (list)
			s = read_layer_type(j, list, i, &listed, err);
		if (!s && listed != sliding && (!qwen || window == 0))
			s = am_fail(err, AM_ERR_RANGE, "%s: layer_types[%d]: expected %s_attention as family %s "
			            "and its sliding_window ask, found %s_attention", j->path, i,
			            sliding ? "sliding" : "full", families[c->family].name,
			            listed ? "sliding" : "full");
		c->window[i] = listed ? window : 0;
	}
	return s;
}

/* eos_token_id is a number or a list of them; null is none. */
static am_status read_ids(const am_config_view *j, am_config *c, am_error *err)
{
	const int most = (int)(sizeof c->eos_ids / sizeof *c->eos_ids);
	int bos = json_object_get(j->object, "bos_token_id") ? -1 : families[c->family].bos;
	am_status s = am_config_int(j, "bos_token_id", bos, -1, MAX_VOCAB, &c->bos_id, err);
	const json_t *eos = json_object_get(j->object, "eos_token_id");
	if (s || json_is_null(eos) || (!eos && families[c->family].eos < 0))
		return s;
	if (!json_is_array(eos)) {
		s = am_config_int(j, "eos_token_id", families[c->family].eos, -1, MAX_VOCAB, &c->eos_ids[0], err);
		c->n_eos = c->eos_ids[0] >= 0;
		return s;
	}
	if (json_array_size(eos) > (size_t)most)
		return am_fail(err, AM_ERR_RANGE, "%s: eos_token_id: expected at most %d ids, found %zu",
		               j->path, most, json_array_size(eos));
	for (size_t i = 0; i < json_array_size(eos); i++) {
		const json_t *v = json_array_get(eos, i);
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > MAX_VOCAB)
			return am_fail(err, AM_ERR_RANGE, "%s: eos_token_id[%zu]: expected a token id", j->path, i);
		c->eos_ids[c->n_eos++] = (int)json_integer_value(v);
	}
	return AM_OK;
}

static am_status read_object(const am_config_view *j, am_config *c, am_error *err)
{
	am_status s = read_family(j, &c->family, err);
	if (!s)
		s = am_config_check_keys(j, c->family, err);
	if (!s)
		s = read_activation(j, err);
	if (!s)
		s = read_sizes(j, c, err);
	if (!s)
		s = read_heads(j, c, err);
	if (!s)
		s = read_biases(j, c, err);
	if (s)
		return s;
	c->window = am_calloc((size_t)c->layers, sizeof *c->window);
	c->rope = am_calloc((size_t)c->layers, sizeof *c->rope);
	if (!c->window || !c->rope)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", j->path);
	s = read_windows(j, c, err);
	if (!s)
		s = am_config_read_rope(j, c, err);
	if (!s)
		s = read_ids(j, c, err);
	return s;
}

static am_status read_text(const char *path, const char *text, size_t size, am_config *c, am_error *err)
{
	json_error_t e;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
	if (!root)
		return am_fail(err, AM_ERR_FORMAT, "%s: invalid JSON at line %d: %s", path, e.line, e.text);
	am_config_view j = {path, "", root};
	am_status s = json_is_object(root)
	                      ? read_object(&j, c, err)
	                      : am_fail(err, AM_ERR_FORMAT, "%s: expected an object, found %s", path,
	                                am_config_type_name(root));
	json_decref(root);
	return s;
}

am_status am_config_read(const char *dir, am_config *out, am_error *err)
{
	char *path = am_path_join(dir, "config.json"), *text = NULL;
	size_t size = 0;
	am_config c = {0};
	am_status s = path ? am_file_read(path, CONFIG_LIMIT, &text, &size, err)
	                   : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", dir);
	if (!s)
		s = read_text(path, text, size, &c, err);
	am_free(text);
	am_free(path);
	if (s)
		am_config_fini(&c);
	else
		*out = c;
	return s;
}

int am_config_context(const am_config *c)
{
	const am_rope_config *r = &c->rope[0];
	double stretched = r->type == AM_ROPE_DYNAMIC ? c->max_positions * r->factor : c->max_positions;
	return stretched < 1 << 30 ? (int)stretched : 1 << 30;
}

void am_config_fini(am_config *c)
{
	if (!c)
		return;
	am_free(c->window);
	am_free(c->rope);
	*c = (am_config){0};
}

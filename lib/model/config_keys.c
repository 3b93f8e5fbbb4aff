#include "model/config_keys.h"

#include <string.h>

#define LENGTH(a) (sizeof(a) / sizeof *(a))

enum {
	LLAMA = 1 << AM_FAMILY_LLAMA,
	MISTRAL = 1 << AM_FAMILY_MISTRAL,
	QWEN2 = 1 << AM_FAMILY_QWEN2,
	QWEN3 = 1 << AM_FAMILY_QWEN3,
	ALL = LLAMA | MISTRAL | QWEN2 | QWEN3,
};

/* Read by config.c and config_rope.c. */
static const struct {
	const char *key;
	unsigned families;
} used[] = {
	{"model_type", ALL},
	{"vocab_size", ALL},
	{"hidden_size", ALL},
	{"intermediate_size", ALL},
	{"num_hidden_layers", ALL},
	{"num_attention_heads", ALL},
	{"num_key_value_heads", ALL},
	{"head_dim", ALL},
	{"hidden_act", ALL},
	{"max_position_embeddings", ALL},
	{"original_max_position_embeddings", ALL},
	{"rms_norm_eps", ALL},
	{"tie_word_embeddings", ALL},
	{"rope_parameters", ALL},
	{"rope_scaling", ALL},
	{"rope_theta", ALL},
	{"layer_types", ALL},
	{"bos_token_id", ALL},
	{"eos_token_id", ALL},
	{"attention_bias", LLAMA | QWEN3},
	{"mlp_bias", LLAMA},
	{"sliding_window", MISTRAL | QWEN2 | QWEN3},
	{"use_sliding_window", QWEN2 | QWEN3},
	{"max_window_layers", QWEN2 | QWEN3},
};

/* Sound like more than they are: training, generation, or the choice of a kernel. */
static const char *const harmless[] = {
	"attention_dropout",
	"attention_probs_dropout_prob",
	"attn_dropout",
	"attn_pdrop",
	"attn_implementation",
	"_attn_implementation",
	"_attn_implementation_autoset",
	"chunk_size_feed_forward",
	"max_window_layers", /* says nothing without use_sliding_window */
	"output_attentions",
	"use_flash_attention",
	"use_flash_attention_2",
	"use_flash_attn",
};

/* A key holding one of these could change the result. Others (dropout, special
 * tokens, generation, bookkeeping) cannot in these families. */
static const char *const words[] = {
	"alibi",  "attention", "attn",   "bias",     "chunk",    "expert", "head",
	"moe",    "multiplier", "norm",  "per_layer", "position", "qkv",   "quant",
	"residual", "rope",    "rotary", "router",   "scal",     "sink",   "softcap",
	"sparse", "window",
};

/* Factors that change nothing at 1. */
static const char *const one_is_off[] = {
	"embedding_multiplier", "logit_scale", "logits_scaling", "partial_rotary_factor",
	"residual_multiplier", "rotary_pct",
};

static const char *const rope_keys[] = {
	"rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings",
	"attention_factor", "beta_fast", "beta_slow", "low_freq_factor", "high_freq_factor", "mscale",
	"mscale_all_dim", "truncate", "finetuned",
};

static bool is_in(const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(key, list[i]) == 0)
			return true;
	return false;
}

static bool is_used(const char *key, am_family family)
{
	for (size_t i = 0; i < LENGTH(used); i++)
		if (strcmp(key, used[i].key) == 0)
			return used[i].families >> family & 1;
	return false;
}

static bool is_suspicious(const char *key)
{
	for (size_t i = 0; i < LENGTH(words); i++)
		if (strstr(key, words[i]))
			return true;
	return false;
}

static bool is_off(const char *key, const json_t *v)
{
	if (json_is_null(v) || json_is_false(v))
		return true;
	if (json_is_array(v) || json_is_object(v))
		return json_array_size(v) + json_object_size(v) == 0;
	return json_is_number(v) && json_number_value(v) == 1 &&
	       is_in(key, one_is_off, LENGTH(one_is_off));
}

am_status am_config_check_keys(const am_config_view *j, am_family family, am_error *err)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)j->object, key, v) {
		if (is_used(key, family) || is_in(key, harmless, LENGTH(harmless)) || is_off(key, v) ||
		    !is_suspicious(key))
			continue;
		return am_fail(err, AM_ERR_UNSUPPORTED,
		               "%s: %s: not supported for family %s: it may change the result (found %s)", j->path,
		               key, am_family_name(family), am_config_type_name(v));
	}
	return AM_OK;
}

am_status am_config_check_rope_keys(const am_config_view *j, am_error *err)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)j->object, key, v)
		if (!is_in(key, rope_keys, LENGTH(rope_keys)) && !is_off(key, v))
			return am_fail(err, AM_ERR_UNSUPPORTED, "%s: %s%s: expected a rope key that is computed "
			               "here, found this one", j->path, j->prefix, key);
	return AM_OK;
}

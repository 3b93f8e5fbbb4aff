/* config.json: defaults, precedence, and what is refused, by name. */
#include "model/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_config.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/config.json", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void write_config(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Two layers of a small model; `family` and further keys follow. */
#define SMALL(family, keys)                                                                          \
	"{\"model_type\":\"" family "\",\"hidden_size\":32,\"num_attention_heads\":4,"                      \
	"\"num_key_value_heads\":2,\"num_hidden_layers\":2,\"intermediate_size\":48,\"vocab_size\":97" keys "}"

static am_config read_ok(const char *text)
{
	write_config(text);
	am_config c;
	am_error err = {0};
	if (am_config_read(dir, &c, &err))
		fail_msg("%s: %s", text, err.text);
	return c;
}

static void refuse(const char *text, am_status status, const char *message)
{
	write_config(text);
	am_config c;
	am_error err = {0};
	am_status s = am_config_read(dir, &c, &err);
	if (s == AM_OK)
		am_config_fini(&c);
	if (s != status || !strstr(err.text, message))
		print_error("%s\nexpected %s with \"%s\", found %s: %s\n", text, am_status_name(status), message,
		            am_status_name(s), err.text);
	assert_int_equal(s, status);
	assert_non_null(strstr(err.text, message));
	assert_memory_equal(err.text, path, strlen(path));
}

static void families_have_their_biases_and_norms(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		am_family family;
		bool qkv, o, mlp, norm;
	} cases[] = {
		{SMALL("llama", ""), AM_FAMILY_LLAMA, false, false, false, false},
		{SMALL("llama", ",\"attention_bias\":true,\"mlp_bias\":true"), AM_FAMILY_LLAMA, true, true, true, false},
		{SMALL("mistral", ",\"attention_bias\":false"), AM_FAMILY_MISTRAL, false, false, false, false},
		{SMALL("qwen2", ""), AM_FAMILY_QWEN2, true, false, false, false},
		{SMALL("qwen3", ""), AM_FAMILY_QWEN3, false, false, false, true},
		{SMALL("qwen3", ",\"attention_bias\":true"), AM_FAMILY_QWEN3, true, true, false, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		am_config c = read_ok(cases[i].text);
		assert_int_equal(c.family, cases[i].family);
		assert_int_equal(c.qkv_bias, cases[i].qkv);
		assert_int_equal(c.o_bias, cases[i].o);
		assert_int_equal(c.mlp_bias, cases[i].mlp);
		assert_int_equal(c.qk_norm, cases[i].norm);
		assert_false(c.tied_embeddings);
		am_config_fini(&c);
	}
	assert_string_equal(am_family_name(AM_FAMILY_QWEN3), "qwen3");
}

static void ids_are_numbers_lists_or_absent(void **state)
{
	(void)state;
	am_config c = read_ok(SMALL("llama", ""));
	assert_int_equal(c.bos_id, 1);
	assert_int_equal(c.n_eos, 1);
	assert_int_equal(c.eos_ids[0], 2);
	am_config_fini(&c);
	c = read_ok(SMALL("llama", ",\"bos_token_id\":null,\"eos_token_id\":[7,9]"));
	assert_int_equal(c.bos_id, -1);
	assert_int_equal(c.n_eos, 2);
	assert_int_equal(c.eos_ids[1], 9);
	am_config_fini(&c);
	c = read_ok(SMALL("qwen2", ""));
	assert_int_equal(c.bos_id, -1);
	assert_int_equal(c.n_eos, 0);
	am_config_fini(&c);
	c = read_ok(SMALL("llama", ",\"eos_token_id\":null"));
	assert_int_equal(c.n_eos, 0);
	am_config_fini(&c);
	refuse(SMALL("llama", ",\"eos_token_id\":[1,-1]"), AM_ERR_RANGE, "eos_token_id[1]");
	refuse(SMALL("llama", ",\"eos_token_id\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"), AM_ERR_RANGE, "at most 16 ids, found 17");
}

static void rope_may_differ_by_layer_type(void **state)
{
	(void)state;
	am_config c = read_ok(SMALL("qwen2", ",\"use_sliding_window\":true,\"sliding_window\":5,"
		"\"layer_types\":[\"sliding_attention\",\"full_attention\"],\"rope_theta\":20000.0,"
		"\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":4.0},"
		"\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":500.0}}"));
	assert_int_equal(c.window[0], 5);
	assert_int_equal(c.rope[0].type, AM_ROPE_DEFAULT);
	assert_true(c.rope[0].theta == 500);
	assert_int_equal(c.window[1], 0);
	assert_int_equal(c.rope[1].type, AM_ROPE_LINEAR);
	assert_true(c.rope[1].theta == 20000 && c.rope[1].factor == 4);
	am_config_fini(&c);
	refuse(SMALL("mistral", ",\"rope_parameters\":{\"full_attention\":{}}"), AM_ERR_FORMAT, "rope_parameters.sliding_attention: expected an object, found nothing");
	refuse(SMALL("llama", ",\"rope_parameters\":{\"full_attention\":{},\"chunked_attention\":{}}"), AM_ERR_UNSUPPORTED, "rope_parameters.chunked_attention");
}

static void harmless_keys_pass(void **state)
{
	(void)state;
	am_config c = read_ok(SMALL("llama", ",\"pretraining_tp\":2,\"attention_dropout\":0.1,\"use_cache\":false,"
		"\"initializer_range\":0.02,\"torch_dtype\":\"bfloat16\",\"_attn_implementation\":\"sdpa\","
		"\"quantization_config\":null,\"attn_logit_softcapping\":null,\"pruned_heads\":{},"
		"\"partial_rotary_factor\":1.0,\"logit_scale\":1,\"transformers_version\":\"4.40\",\"pad_token_id\":0,"
		"\"hidden_act\":\"swish\",\"architectures\":[\"LlamaForCausalLM\"],\"rope_scaling\":null,"
		"\"use_sliding_window\":false,\"max_window_layers\":28"));
	assert_int_equal(c.rope[0].type, AM_ROPE_DEFAULT);
	am_config_fini(&c);
}

static void refuses_keys_that_change_the_result(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"\"attn_logit_softcapping\":50.0", "\"final_logit_softcapping\":30.0",
		"\"query_pre_attn_scalar\":256", "\"partial_rotary_factor\":0.5",
		"\"quantization_config\":{\"bits\":4}", "\"attention_chunk_size\":8192",
		"\"no_rope_layers\":[1,0]", "\"logit_scale\":0.0625", "\"attention_multiplier\":0.5",
		"\"residual_multiplier\":0.22", "\"num_experts\":8", "\"qk_layernorm\":true",
		"\"sliding_window\":4096", "\"position_embedding_type\":\"absolute\"",
		"\"rope_interleaved\":true", "\"per_layer_config\":{\"0\":{\"head_dim\":4}}",
	};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char text[512], name[64];
		snprintf(text, sizeof text, SMALL("llama", ",%s"), keys[i]);
		snprintf(name, sizeof name, "config.json: %.*s:", (int)strcspn(keys[i] + 1, "\""), keys[i] + 1);
		refuse(text, AM_ERR_UNSUPPORTED, name);
	}
	refuse(SMALL("qwen2", ",\"attention_bias\":true"), AM_ERR_UNSUPPORTED, "attention_bias");
	refuse(SMALL("mistral", ",\"mlp_bias\":true"), AM_ERR_UNSUPPORTED, "mlp_bias");
}

static void refuses_families_and_types_by_name(void **state)
{
	(void)state;
	refuse("{\"model_type\":\"gemma2\"}", AM_ERR_UNSUPPORTED, "model_type: expected llama, mistral, qwen2 or qwen3, found gemma2");
	refuse("{}", AM_ERR_UNSUPPORTED, "model_type");
	refuse("{\"model_type\":3}", AM_ERR_FORMAT, "model_type: expected a string, found an integer");
	refuse(SMALL("llama", ",\"hidden_act\":\"gelu\""), AM_ERR_UNSUPPORTED, "hidden_act: expected silu, found gelu");
	refuse(SMALL("llama", ",\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2.0}"), AM_ERR_UNSUPPORTED, "rope_scaling.type: expected default, linear");
	refuse(SMALL("llama", ",\"rope_parameters\":{\"mrope_section\":[1,1,2]}"), AM_ERR_UNSUPPORTED, "rope_parameters.mrope_section");
	refuse(SMALL("qwen2", ",\"layer_types\":[\"full_attention\",\"linear_attention\"]"), AM_ERR_UNSUPPORTED, "layer_types[1]: expected full_attention or sliding_attention, found linear_attention");
}

static void refuses_broken_files(void **state)
{
	(void)state;
	refuse("", AM_ERR_FORMAT, "invalid JSON");
	refuse("{\"model_type\":\"llama\",}", AM_ERR_FORMAT, "invalid JSON at line 1");
	refuse("[]", AM_ERR_FORMAT, "expected an object, found an array");
	refuse("{\"model_type\":\"llama\",\"model_type\":\"qwen2\"}", AM_ERR_FORMAT, "duplicate");
	refuse(SMALL("llama", ",\"rope_scaling\":3"), AM_ERR_FORMAT, "rope_scaling: expected an object, found an integer");
	refuse(SMALL("llama", ",\"rms_norm_eps\":\"1e-5\""), AM_ERR_FORMAT, "rms_norm_eps: expected a number, found a string");
	refuse(SMALL("llama", ",\"max_position_embeddings\":64.5"), AM_ERR_FORMAT, "max_position_embeddings: expected an integer");
	refuse(SMALL("llama", ",\"tie_word_embeddings\":1"), AM_ERR_FORMAT, "tie_word_embeddings: expected true or false");
	refuse(SMALL("llama", ",\"rope_scaling\":{\"type\":\"linear\"}"), AM_ERR_FORMAT, "rope_scaling.factor: expected a number, found nothing");
	assert_int_equal(unlink(path), 0);
	am_config c;
	am_error err = {0};
	assert_int_equal(am_config_read(dir, &c, &err), AM_ERR_IO);
	assert_non_null(strstr(err.text, "config.json: cannot open"));
}

static void refuses_absurd_values(void **state)
{
	(void)state;
#define LLAMA "{\"model_type\":\"llama\","
	refuse(LLAMA "\"hidden_size\":0}", AM_ERR_RANGE, "hidden_size: expected 1 to 1048576, found 0");
	refuse(LLAMA "\"hidden_size\":99999999999}", AM_ERR_RANGE, "found 99999999999");
	refuse(LLAMA "\"num_hidden_layers\":-1}", AM_ERR_RANGE, "num_hidden_layers");
	refuse(LLAMA "\"vocab_size\":0}", AM_ERR_RANGE, "vocab_size");
	refuse(LLAMA "\"intermediate_size\":2000000}", AM_ERR_RANGE, "intermediate_size");
	refuse(LLAMA "\"max_position_embeddings\":0}", AM_ERR_RANGE, "max_position_embeddings");
	refuse(LLAMA "\"rms_norm_eps\":-1e-5}", AM_ERR_RANGE, "rms_norm_eps");
	refuse(LLAMA "\"num_attention_heads\":0}", AM_ERR_RANGE, "num_attention_heads");
	refuse(LLAMA "\"num_attention_heads\":33}", AM_ERR_RANGE, "num_attention_heads: expected a divisor of hidden_size = 4096, found 33");
	refuse(LLAMA "\"num_key_value_heads\":5}", AM_ERR_RANGE, "num_key_value_heads: expected a divisor of num_attention_heads = 32, found 5");
	refuse(LLAMA "\"num_attention_heads\":262144,\"head_dim\":8}", AM_ERR_RANGE, "expected at most 131072 of size 8");
	refuse(LLAMA "\"head_dim\":5}", AM_ERR_RANGE, "head_dim: expected an even number, found 5");
	refuse(LLAMA "\"rope_theta\":-10000.0}", AM_ERR_RANGE, "rope_theta");
	refuse(LLAMA "\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}}", AM_ERR_RANGE, "rope_scaling.factor: expected 1 to 1e+06, found 0.5");
	refuse(LLAMA "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2.0,\"beta_fast\":1,\"beta_slow\":2}}", AM_ERR_RANGE, "beta_fast: expected at least beta_slow = 2, found 1");
	refuse(LLAMA "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2.0,\"attention_factor\":0}}", AM_ERR_RANGE, "attention_factor");
	refuse(LLAMA "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":2.0,\"low_freq_factor\":4,\"high_freq_factor\":4}}", AM_ERR_RANGE, "high_freq_factor: expected more than low_freq_factor = 4, found 4");
	refuse(LLAMA "\"head_dim\":2,\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}}", AM_ERR_RANGE, "head size above 2");
	refuse("{\"model_type\":\"mistral\",\"sliding_window\":0}", AM_ERR_RANGE, "sliding_window: expected 1 to");
	refuse(SMALL("qwen2", ",\"layer_types\":[\"full_attention\"]"), AM_ERR_RANGE, "layer_types: expected a list of 2 layers");
	refuse(SMALL("qwen2", ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]"), AM_ERR_RANGE, "layer_types[1]: expected full_attention as family qwen2");
	refuse(SMALL("mistral", ",\"layer_types\":[\"sliding_attention\",\"full_attention\"]"), AM_ERR_RANGE, "layer_types[1]: expected sliding_attention as family mistral");
#undef LLAMA
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(families_have_their_biases_and_norms),
		TEST(ids_are_numbers_lists_or_absent),
		TEST(rope_may_differ_by_layer_type),
		TEST(harmless_keys_pass),
		TEST(refuses_keys_that_change_the_result),
		TEST(refuses_families_and_types_by_name),
		TEST(refuses_broken_files),
		TEST(refuses_absurd_values),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

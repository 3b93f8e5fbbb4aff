/* The tensors of a model by role, over small files made here. */
#include "base/text.h"
#include "model/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/test_weights.XXXXXX";

static int make_file(void **state)
{
	(void)state;
	strcpy(path + sizeof path - 7, "XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

/* Header and data of a safetensors file as it grows. */
typedef struct file {
	am_text header, data;
} file;

static void add(file *f, const char *name, const char *dtype, int rows, int columns, char fill)
{
	size_t bytes = (size_t)(rows ? rows : 1) * (size_t)columns * (strcmp(dtype, "F32") == 0 ? 4 : 2);
	size_t at = f->data.size;
	am_text_printf(&f->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", f->header.size ? "," : "{", name, dtype);
	if (rows)
		am_text_printf(&f->header, "%d,", rows);
	am_text_printf(&f->header, "%d],\"data_offsets\":[%zu,%zu]}", columns, at, at + bytes);
	for (size_t i = 0; i < bytes; i++)
		am_text_append(&f->data, &fill, 1);
}

static am_tensors *finish(file *f)
{
	am_text_puts(&f->header, "}");
	assert_true(am_text_ok(&f->header) && am_text_ok(&f->data));
	FILE *out = fopen(path, "wb");
	assert_non_null(out);
	for (int i = 0; i < 8; i++)
		fputc((int)((uint64_t)f->header.size >> 8 * i & 255), out);
	fwrite(f->header.data, 1, f->header.size, out);
	fwrite(f->data.data, 1, f->data.size, out);
	assert_int_equal(fclose(out), 0);
	am_text_free(&f->header);
	am_text_free(&f->data);
	am_tensors *t = NULL;
	am_error err = {0};
	if (am_tensors_open(path, &t, &err))
		fail_msg("%s", err.text);
	return t;
}

/* hidden 4, two heads of size 2 over one key/value head, one layer, MLP 6, vocabulary 5. */
static const am_config small = {
	.family = AM_FAMILY_LLAMA, .hidden = 4, .intermediate = 6, .layers = 1, .heads = 2, .kv_heads = 1,
	.head_dim = 2, .vocab = 5,
};

static void add_named(file *f, const char *prefix, const char *name, const char *dtype, int rows, int columns)
{
	char full[96];
	snprintf(full, sizeof full, "%s%s", prefix, name);
	add(f, full, dtype, rows, columns, 1);
}

static const struct {
	const char *name;
	int rows, columns;
} layer[] = {
	{"layers.0.input_layernorm.weight", 0, 4},  {"layers.0.self_attn.q_proj.weight", 4, 4},
	{"layers.0.self_attn.k_proj.weight", 2, 4}, {"layers.0.self_attn.v_proj.weight", 2, 4},
	{"layers.0.self_attn.o_proj.weight", 4, 4}, {"layers.0.post_attention_layernorm.weight", 0, 4},
	{"layers.0.mlp.gate_proj.weight", 6, 4},    {"layers.0.mlp.up_proj.weight", 6, 4},
	{"layers.0.mlp.down_proj.weight", 4, 6},    {"norm.weight", 0, 4},
};

/* All of the layer and the final norm; `skip` is left out. */
static void add_layer(file *f, const char *prefix, const char *skip)
{
	for (size_t i = 0; i < sizeof layer / sizeof *layer; i++)
		if (!strstr(layer[i].name, skip))
			add_named(f, prefix, layer[i].name, "BF16", layer[i].rows, layer[i].columns);
}

static void refuse(file *f, const am_config *c, am_status status, const char *text)
{
	am_tensors *t = finish(f);
	am_weights w = {.n_layers = 77};
	am_error err = {0};
	am_status s = am_weights_resolve(c, t, &w, &err);
	if (s != status || !strstr(err.text, text))
		print_error("expected %s, found %s: %s\n", text, am_status_name(s), err.text);
	assert_int_equal(s, status);
	assert_non_null(strstr(err.text, text));
	assert_non_null(strstr(err.text, path));
	assert_int_equal(w.n_layers, 77);
	am_tensors_close(t);
}

static am_weights resolve(file *f, const am_config *c, am_tensors **t)
{
	*t = finish(f);
	am_weights w = {0};
	am_error err = {0};
	if (am_weights_resolve(c, *t, &w, &err))
		fail_msg("%s", err.text);
	return w;
}

static void finds_names_with_and_without_prefix(void **state)
{
	(void)state;
	static const char *const prefixes[] = {"model.", ""};
	for (int i = 0; i < 2; i++) {
		file f = {0};
		add_layer(&f, prefixes[i], "none");
		add_named(&f, prefixes[i], "embed_tokens.weight", "F32", 5, 4);
		add(&f, "lm_head.weight", "F16", 5, 4, 2);
		add_named(&f, prefixes[i], "layers.0.self_attn.rotary_emb.inv_freq", "F32", 0, 1);
		add_named(&f, prefixes[i], "layers.1.extra.weight", "F32", 0, 1);
		am_tensors *t;
		am_weights w = resolve(&f, &small, &t);
		assert_int_equal(w.n_layers, 1);
		assert_int_equal(w.embed->dtype, AM_DTYPE_F32);
		assert_int_equal(w.lm_head->dtype, AM_DTYPE_F16);
		assert_non_null(strstr(w.layers[0].q->name, "q_proj.weight"));
		assert_non_null(strstr(w.layers[0].down->name, "down_proj.weight"));
		assert_null(w.layers[0].q_bias);
		assert_null(w.layers[0].q_norm);
		assert_null(w.layers[0].up_bias);
		am_weights_fini(&w);
		am_tensors_close(t);
	}
}

static void finds_biases_and_norms_the_config_asks_for(void **state)
{
	(void)state;
	am_config c = small;
	c.qkv_bias = c.qk_norm = true;
	file f = {0};
	add_layer(&f, "model.", "none");
	add_named(&f, "model.", "embed_tokens.weight", "F32", 5, 4);
	add(&f, "lm_head.weight", "F32", 5, 4, 2);
	add_named(&f, "model.", "layers.0.self_attn.q_proj.bias", "F32", 0, 4);
	add_named(&f, "model.", "layers.0.self_attn.k_proj.bias", "F32", 0, 2);
	add_named(&f, "model.", "layers.0.self_attn.v_proj.bias", "F32", 0, 2);
	add_named(&f, "model.", "layers.0.self_attn.q_norm.weight", "F32", 0, 2);
	add_named(&f, "model.", "layers.0.self_attn.k_norm.weight", "F32", 0, 2);
	am_tensors *t;
	am_weights w = resolve(&f, &c, &t);
	assert_int_equal(w.layers[0].q_bias->shape[0], 4);
	assert_int_equal(w.layers[0].v_bias->shape[0], 2);
	assert_non_null(strstr(w.layers[0].k_norm->name, "k_norm.weight"));
	assert_null(w.layers[0].o_bias);
	am_weights_fini(&w);
	am_tensors_close(t);
}

/* Tied embeddings: one table is enough, whichever; two that differ stay two. */
static void ties_embeddings(void **state)
{
	(void)state;
	am_config c = small;
	c.tied_embeddings = true;
	static const struct {
		char embed, head; /* fill; 0: absent */
		bool tied;
	} cases[] = {{1, 0, true}, {0, 1, true}, {1, 1, true}, {1, 2, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		file f = {0};
		add_layer(&f, "model.", "none");
		if (cases[i].embed)
			add(&f, "model.embed_tokens.weight", "F16", 5, 4, cases[i].embed);
		if (cases[i].head)
			add(&f, "lm_head.weight", "F16", 5, 4, cases[i].head);
		am_tensors *t;
		am_weights w = resolve(&f, &c, &t);
		assert_non_null(w.embed);
		assert_int_equal(w.embed == w.lm_head, cases[i].tied);
		am_weights_fini(&w);
		am_tensors_close(t);
	}
}

static void refuses_missing_and_misshapen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof layer / sizeof *layer; i++) {
		file f = {0};
		add_layer(&f, "model.", layer[i].name);
		add(&f, "model.embed_tokens.weight", "F16", 5, 4, 1);
		add(&f, "lm_head.weight", "F16", 5, 4, 1);
		char text[128];
		snprintf(text, sizeof text, "tensor model.%s: expected shape [", layer[i].name);
		refuse(&f, &small, AM_ERR_FORMAT, text);
	}
	file f = {0};
	add_layer(&f, "model.", "none");
	add(&f, "model.embed_tokens.weight", "F16", 5, 4, 1);
	refuse(&f, &small, AM_ERR_FORMAT, "tensor lm_head.weight: expected shape [5,4], found no such tensor");
	f = (file){0};
	add_layer(&f, "model.", "q_proj");
	add(&f, "model.embed_tokens.weight", "F16", 5, 4, 1);
	add(&f, "lm_head.weight", "F16", 5, 4, 1);
	add(&f, "model.layers.0.self_attn.q_proj.weight", "F16", 4, 2, 1);
	refuse(&f, &small, AM_ERR_FORMAT, "q_proj.weight: expected shape [4,4], found [4,2]");
}

static void refuses_other_types_and_leftovers(void **state)
{
	(void)state;
	file f = {0};
	add_layer(&f, "model.", "none");
	add(&f, "model.embed_tokens.weight", "I16", 5, 4, 1);
	add(&f, "lm_head.weight", "F16", 5, 4, 1);
	refuse(&f, &small, AM_ERR_UNSUPPORTED, "tensor model.embed_tokens.weight: expected dtype F32, F16 or BF16, found I16");
	f = (file){0};
	add_layer(&f, "model.", "none");
	add(&f, "model.embed_tokens.weight", "F16", 5, 4, 1);
	add(&f, "lm_head.weight", "F16", 5, 4, 1);
	add(&f, "model.layers.0.self_attn.q_proj.bias", "F16", 0, 4, 1);
	refuse(&f, &small, AM_ERR_UNSUPPORTED, "tensor model.layers.0.self_attn.q_proj.bias: expected only tensors that family llama");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finds_names_with_and_without_prefix),
		TEST(finds_biases_and_norms_the_config_asks_for),
		TEST(ties_embeddings),
		TEST(refuses_missing_and_misshapen),
		TEST(refuses_other_types_and_leftovers),
	};
	return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}

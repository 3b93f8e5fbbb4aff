/* Our own indexer files: every key is read, every breach is one clear message, and attached to a model
 * they select as a plain double-precision computation does. */
#include "base/fp8.h"
#include "base/half.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "kernels/gemm.h"
#include "select/indexer_file.h"
#include "select/selector.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LAYERS = 3, C = 20, H = 4, D = 16, R = 6, T = 90 };

static char path[] = "/tmp/test_indexer_files.XXXXXX";
static am_threads *threads;
static const am_kernels *kernels;

/* "KEY=VALUE" of the metadata. */
static const char *const base_keys[] = {
	"format=attnmeter-indexer", "format_version=1", "layers=3", "q_inputs=20", "k_inputs=20", "heads=4", "head_dim=16",
	"rope_dims=6", "rope_position=first", "rope_layout=half", "rope_theta=10000", "hadamard=off", "relu=on", "k_norm=layer",
	"eps=1e-6", "head_weights=on", "scale=default", "per_group=off",
};

static float value_at(int layer, const char *name, int i)
{
	am_rng r = am_rng_split((uint64_t)layer * 31 + strlen(name) * 7 + (uint64_t)name[0], (uint64_t)i);
	return (float)(am_rng_uniform(&r) - 0.5);
}

static const struct {
	const char *name;
	int rank, shape[2];
} tensors[] = {
	{"wq.weight", 2, {H * D, C}}, {"wk.weight", 2, {D, C}}, {"weights_proj.weight", 2, {H, C}}, {"k_norm.weight", 1, {D}},
	{"k_norm.bias", 1, {D}},
};

/* Writes the file with some keys changed ("KEY=VALUE"), left out ("-KEY") or added, and all tensors but
 * `without` ("layers.N.NAME"); `nan` names one that begins with a NaN. */
static void write_file(const char *const *edits, int n_edits, const char *without, const char *nan)
{
	am_text header = {0}, data = {0};
	am_text_puts(&header, "{\"__metadata__\":{\"made_by\":\"test\"");
	for (size_t i = 0; i < sizeof base_keys / sizeof *base_keys; i++) {
		size_t key = strcspn(base_keys[i], "=");
		const char *use = base_keys[i];
		for (int e = 0; e < n_edits; e++)
			if (use && strncmp(edits[e] + (*edits[e] == '-'), use, key) == 0 && strchr("=", edits[e][key + (*edits[e] == '-')]))
				use = NULL;
		if (use)
			am_text_printf(&header, ",\"%.*s\":\"%s\"", (int)key, use, use + key + 1);
	}
	for (int e = 0; e < n_edits; e++)
		if (*edits[e] != '-')
			am_text_printf(&header, ",\"%.*s\":\"%s\"", (int)strcspn(edits[e], "="), edits[e], strchr(edits[e], '=') + 1);
	am_text_puts(&header, "}");
	for (int l = 0; l < LAYERS; l++)
		for (size_t t = 0; t < sizeof tensors / sizeof *tensors; t++) {
			char name[64], shape[32];
			int n = tensors[t].shape[0] * (tensors[t].rank == 2 ? tensors[t].shape[1] : 1);
			snprintf(name, sizeof name, "layers.%d.%s", l, tensors[t].name);
			snprintf(shape, sizeof shape, tensors[t].rank == 2 ? "%d,%d" : "%d", tensors[t].shape[0], tensors[t].shape[1]);
			if (without && strcmp(without, name) == 0)
				continue;
			am_text_printf(&header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", name, shape, data.size,
			               data.size + (size_t)n * 4);
			for (int i = 0; i < n; i++) {
				float v = nan && i == 0 && strcmp(nan, name) == 0 ? NAN : value_at(l, tensors[t].name, i);
				am_text_append(&data, (const char *)&v, 4);
			}
		}
	am_text_puts(&header, "}");
	while (header.size % 8)
		am_text_puts(&header, " ");
	uint64_t size = header.size;
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	fwrite(&size, 8, 1, f);
	fwrite(header.data, 1, header.size, f);
	fwrite(data.data, 1, data.size, f);
	fclose(f);
	am_text_free(&header);
	am_text_free(&data);
}

static void refuse(am_status status, const char *edit, const char *message)
{
	am_indexer *x = NULL;
	am_error err = {0};
	if (edit)
		write_file(&edit, 1, NULL, NULL);
	assert_int_equal(am_indexer_open(path, &x, &err), status);
	assert_null(x);
	if (!strstr(err.text, message) || strncmp(err.text, path, strlen(path)) != 0 || strchr(err.text, '\n'))
		fail_msg("'%s' is not about '%s'", err.text, message);
}

static void breaches_are_named(void **state)
{
	(void)state;
	refuse(AM_ERR_FORMAT, "-format", "format: expected \"attnmeter-indexer\", found nothing");
	refuse(AM_ERR_FORMAT, "format=pt", "format: expected \"attnmeter-indexer\", found \"pt\"");
	refuse(AM_ERR_UNSUPPORTED, "format_version=2", "format_version: expected \"1\", found \"2\"");
	refuse(AM_ERR_RANGE, "layers=0", "layers: expected a whole number from 1 to 4096, found \"0\"");
	refuse(AM_ERR_RANGE, "heads=four", "heads: expected a whole number from 1 to 4096, found \"four\"");
	refuse(AM_ERR_RANGE, "heads=4 ", "heads: expected");
	refuse(AM_ERR_RANGE, "heads=", "heads: expected");
	refuse(AM_ERR_RANGE, "q_inputs=99999999999999999999", "q_inputs: expected");
	refuse(AM_ERR_FORMAT, "-head_dim", "head_dim: expected a whole number from 1 to 4096, found nothing");
	refuse(AM_ERR_RANGE, "rope_dims=5", "rope_dims: expected an even number up to head_dim 16, found 5");
	refuse(AM_ERR_RANGE, "rope_dims=18", "rope_dims: expected an even number up to head_dim 16, found 18");
	refuse(AM_ERR_RANGE, "rope_layout=neox", "rope_layout: expected half or interleaved, found \"neox\"");
	refuse(AM_ERR_FORMAT, "-rope_layout", "rope_layout: expected half or interleaved, found nothing");
	refuse(AM_ERR_RANGE, "rope_position=middle", "rope_position: expected first or last");
	refuse(AM_ERR_RANGE, "rope_theta=0", "rope_theta: expected a number from 1.001");
	refuse(AM_ERR_RANGE, "rope_theta=inf", "rope_theta: expected a number");
	refuse(AM_ERR_RANGE, "relu=yes", "relu: expected off or on, found \"yes\"");
	refuse(AM_ERR_RANGE, "k_norm=batch", "k_norm: expected layer or rms or none");
	refuse(AM_ERR_RANGE, "eps=-1", "eps: expected a number from 0 to 1, found \"-1\"");
	refuse(AM_ERR_RANGE, "eps=1e-6x", "eps: expected a number");
	refuse(AM_ERR_RANGE, "scale=nan", "scale: expected a number");
	refuse(AM_ERR_RANGE, "precision=fp4", "precision: expected f32 or bf16 or fp8");
	refuse(AM_ERR_UNSUPPORTED, "rope_type=longrope", "rope_type: expected default, linear, dynamic, llama3 or yarn");
	refuse(AM_ERR_FORMAT, "rope_type=yarn", "rope_factor: expected a number from 1 to 1e+06, found nothing");
	static const char *const lists[] = {"full_layers=", "full_layers=0,3", "full_layers=1-0", "full_layers=0,0", "full_layers=0,",
	                                    "full_layers=0;1", "full_layers=-1", "full_layers=some"};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		refuse(AM_ERR_RANGE, lists[i], "full_layers: expected all, or layers");
	refuse(AM_ERR_FORMAT, "layers=4", "tensor layers.3.wq.weight: expected shape [64,20], found no such tensor");
	refuse(AM_ERR_FORMAT, "heads=8", "tensor layers.0.wq.weight: expected shape [128,20], found [64,20]");
	refuse(AM_ERR_FORMAT, "k_inputs=21", "tensor layers.0.wk.weight: expected shape [16,21], found [16,20]");
	static const char *const hadamard[] = {"head_dim=12", "hadamard=on"};
	write_file(hadamard, 2, NULL, NULL);
	refuse(AM_ERR_RANGE, NULL, "hadamard: expected a head_dim that is a power of two, found 12");
	write_file(NULL, 0, "layers.1.weights_proj.weight", NULL);
	refuse(AM_ERR_FORMAT, NULL, "tensor layers.1.weights_proj.weight: expected shape [4,20], found no such tensor");
	write_file(NULL, 0, "layers.2.k_norm.bias", NULL);
	refuse(AM_ERR_FORMAT, NULL, "tensor layers.2.k_norm.bias: expected shape [16]");
	write_file(NULL, 0, NULL, "layers.2.k_norm.weight");
	refuse(AM_ERR_NUMERIC, NULL, "tensor layers.2.k_norm.weight[0]: expected a finite number, found nan");
}

static void every_key_is_read(void **state)
{
	(void)state;
	static const char *const edits[] = {"rope_position=last", "rope_layout=interleaved", "rope_type=yarn", "rope_factor=40",
	                                    "rope_original_positions=4096", "rope_beta_fast=16", "hadamard=on", "relu=off",
	                                    "k_norm=rms", "eps=1e-5", "head_weights=off", "scale=0.25", "per_group=on",
	                                    "precision=fp8", "activations=bf16", "fp8_scale=plain", "full_layers=1-2",
	                                    "compressed_query=on"};
	am_indexer *x = NULL;
	am_error err = {0};
	write_file(edits, sizeof edits / sizeof *edits, NULL, NULL);
	if (am_indexer_open(path, &x, &err))
		fail_msg("%s", err.text);
	const am_index_form *f = &x->form;
	assert_true(x->layers == 3 && x->x_inputs == 20 && x->c_inputs == 20 && f->heads == 4 && f->dim == 16);
	assert_true(f->rope_dims == 6 && f->rope_last && f->pairs == AM_PAIRS_INTERLEAVED && f->hadamard && !f->relu);
	assert_true(f->norm == AM_INDEX_NORM_RMS && f->eps == 1e-5 && !f->head_weights && f->scale == 0.25 && x->per_group);
	assert_true(f->precision == AM_INDEX_FP8 && f->bf16_activations && !f->power_scale && x->compressed);
	assert_true(x->own_rope && x->rope.type == AM_ROPE_YARN && x->rope.theta == 10000 && x->rope.factor == 40);
	assert_true(x->rope.original_positions == 4096 && x->rope.beta_fast == 16 && x->rope.beta_slow == 1);
	assert_true(x->owner[0] == -1 && x->owner[1] == 1 && x->owner[2] == 2);
	assert_null(x->weights[1].norm_bias);
	am_indexer_close(x);
	x = NULL;
	static const char *const shared[] = {"full_layers=0,2", "rope_theta=model"};
	write_file(shared, 2, NULL, NULL);
	assert_int_equal(am_indexer_open(path, &x, NULL), AM_OK);
	assert_true(x->owner[0] == 0 && x->owner[1] == 0 && x->owner[2] == 2 && !x->own_rope && !x->form.rope_last);
	assert_true(fabs(x->form.scale - 0.125) < 1e-15 && x->form.relu && x->form.norm == AM_INDEX_NORM_LAYER);
	assert_true(x->weights[2].norm_bias[3] == value_at(2, "k_norm.bias", 3));
	am_indexer_close(x);
}

/* Numbers of every type; FP8 with a scale a block of 128 x 128. */
static void matrices_of_every_type(void **state)
{
	(void)state;
	enum { ROWS = 130, COLUMNS = 257 };
	static uint8_t codes[ROWS * COLUMNS], powers[2 * 3] = {127, 120, 130, 126, 128, 127};
	static uint16_t halves[ROWS * COLUMNS];
	static float row[COLUMNS];
	float scales[2 * 3];
	for (int i = 0; i < ROWS * COLUMNS; i++) {
		codes[i] = (uint8_t)(i * 37 % 127);
		halves[i] = am_f32_to_bf16((float)i * 0.37f);
	}
	for (int i = 0; i < 6; i++)
		scales[i] = am_e8m0_to_f32(powers[i]);
	am_tensor w = {.dtype = AM_DTYPE_F8_E4M3, .rank = 2, .shape = {ROWS, COLUMNS}, .data = codes};
	am_tensor f32 = {.dtype = AM_DTYPE_F32, .rank = 2, .shape = {2, 3}, .data = scales};
	am_tensor e8m0 = {.dtype = AM_DTYPE_F8_E8M0, .rank = 2, .shape = {2, 3}, .data = powers};
	for (int r = 0; r < ROWS; r += 43)
		for (int kind = 0; kind < 2; kind++) {
			am_index_matrix_rows(&(am_index_matrix){&w, kind ? &e8m0 : &f32}, r, 1, row);
			for (int i = 0; i < COLUMNS; i++)
				assert_true(row[i] == am_e4m3_to_f32(codes[r * COLUMNS + i]) * scales[r / 128 * 3 + i / 128]);
		}
	w.dtype = AM_DTYPE_BF16;
	w.data = halves;
	am_index_matrix_rows(&(am_index_matrix){&w, NULL}, 129, 1, row);
	assert_true(row[256] == am_bf16_to_f32(halves[129 * COLUMNS + 256]));
}

/* The folder form: keys of a golden config.json replaced ("KEY": JSON), "" removes one. */
static void refuse_folder(const char *key, const char *json, am_status status, const char *message)
{
	static const char *const golden = AM_SOURCE_DIR "/tests/golden/indexer/glm";
	char dir[] = "/tmp/test_indexer_folder.XXXXXX", from[600], config[64], weights[64];
	am_indexer *x = NULL;
	am_error err = {0};
	assert_non_null(mkdtemp(dir));
	snprintf(from, sizeof from, "%s/config.json", golden);
	snprintf(config, sizeof config, "%s/config.json", dir);
	snprintf(weights, sizeof weights, "%s/model.safetensors", dir);
	json_t *root = json_load_file(from, 0, NULL), *v = *json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
	assert_non_null(root);
	if (v)
		json_object_set_new(root, key, v);
	else
		json_object_del(root, key);
	assert_int_equal(json_dump_file(root, config, 0), 0);
	json_decref(root);
	snprintf(from, sizeof from, "%s/model.safetensors", golden);
	assert_int_equal(symlink(from, weights), 0);
	assert_int_equal(am_indexer_open(dir, &x, &err), status);
	if (!strstr(err.text, message) || strncmp(err.text, dir, strlen(dir)) != 0)
		fail_msg("'%s' is not about '%s'", err.text, message);
	am_indexer_close(x);
	unlink(config);
	unlink(weights);
	rmdir(dir);
}

static void breaches_of_a_folder_are_named(void **state)
{
	(void)state;
	refuse_folder("model_type", "\"llama\"", AM_ERR_RANGE, "config.json: model_type: expected \"deepseek_v32\" or \"glm_moe_dsa\", found \"llama\"");
	refuse_folder("model_type", "", AM_ERR_FORMAT, "model_type: expected \"deepseek_v32\" or \"glm_moe_dsa\", found nothing");
	refuse_folder("index_n_heads", "", AM_ERR_FORMAT, "config.json: index_n_heads: expected a whole number from 1 to 4096, found nothing");
	refuse_folder("index_n_heads", "\"8\"", AM_ERR_RANGE, "index_n_heads: expected a whole number from 1 to 4096, found \"8\"");
	refuse_folder("index_n_heads", "4", AM_ERR_FORMAT, "layers.0.self_attn.indexer.wq_b.weight: expected shape [128,24], found [256,24]");
	refuse_folder("q_lora_rank", "25", AM_ERR_FORMAT, "wq_b.weight: expected shape [256,25], found [256,24]");
	refuse_folder("qk_rope_head_dim", "34", AM_ERR_RANGE, "config.json: rope_dims: expected an even number up to head_dim 32, found 34");
	refuse_folder("num_hidden_layers", "5", AM_ERR_RANGE, "indexer_types: expected full or shared for every layer");
	refuse_folder("indexer_types", "[\"full\",\"full\",\"full\",\"full\"]", AM_ERR_FORMAT, "tensor model.layers.2.self_attn.indexer.wq_b.weight: expected shape [256,24], found no such tensor");
	refuse_folder("rope_parameters", "{\"rope_type\":\"longrope\"}", AM_ERR_RANGE, "rope_type: expected default or yarn, found \"longrope\"");
	refuse_folder("rope_parameters", "{\"rope_type\":\"yarn\"}", AM_ERR_FORMAT, "factor: expected a number from 1 to 1e+06, found nothing");
}

/* The three ways a config tells which layers share. */
static void shared_layers_of_a_folder(void **state)
{
	(void)state;
	static const struct {
		const char *key, *json;
	} ways[] = {{"indexer_types", "[\"full\",\"full\",\"shared\",\"full\"]"}, {"index_topk_pattern", "\"FFSF\""}, {"index_topk_freq", "2"}};
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char dir[] = "/tmp/test_indexer_folder.XXXXXX", file[64];
		am_indexer *x = NULL;
		json_t *root = json_load_file(AM_SOURCE_DIR "/tests/golden/indexer/glm/config.json", 0, NULL);
		assert_non_null(mkdtemp(dir));
		json_object_del(root, "indexer_types");
		json_object_del(root, "index_topk_freq");
		json_object_set_new(root, ways[i].key, json_loads(ways[i].json, JSON_DECODE_ANY, NULL));
		snprintf(file, sizeof file, "%s/config.json", dir);
		assert_int_equal(json_dump_file(root, file, 0), 0);
		json_decref(root);
		snprintf(file, sizeof file, "%s/model.safetensors", dir);
		assert_int_equal(symlink(AM_SOURCE_DIR "/tests/golden/indexer/glm/model.safetensors", file), 0);
		assert_int_equal(am_indexer_open(dir, &x, NULL), AM_OK);
		assert_true(x->owner[0] == 0 && x->owner[1] == 1 && x->owner[2] == 1 && x->owner[3] == 3);
		assert_true(x->form.pairs == AM_PAIRS_INTERLEAVED && !x->form.hadamard && x->compressed && x->rope.theta == 1e6);
		am_indexer_close(x);
		unlink(file);
		snprintf(file, sizeof file, "%s/config.json", dir);
		unlink(file);
		rmdir(dir);
	}
}

/* Frequencies of a base model that differ from layer to layer. */
static am_status model_rope(void *ctx, int layer, int dims, int length, float *freq, am_error *err)
{
	(void)err;
	assert_int_equal(length, T);
	for (int i = 0; i < dims / 2; i++)
		freq[i] = (float)pow(100 * (layer + 1), -2.0 * i / dims);
	++*(int *)ctx;
	return AM_OK;
}

static int rope_calls;

static am_status open_spec(const char *settings, int window, am_selector **out, am_error *err)
{
	static int windows[LAYERS];
	char text[512];
	am_select_spec spec;
	for (int l = 0; l < LAYERS; l++)
		windows[l] = window;
	am_select_shape shape = {.layers = LAYERS, .heads = 4, .kv_heads = 2, .head_dim = 8, .hidden = C, .capacity = T, .block = 32,
	                         .workers = 1, .window = windows, .kernels = kernels, .rope = model_rope, .rope_ctx = &rope_calls};
	snprintf(text, sizeof text, "indexer:%s%s", path, settings);
	assert_int_equal(am_select_spec_parse(text, &spec, err), AM_OK);
	am_status s = am_selector_open(&spec, &shape, out, err);
	am_select_spec_fini(&spec);
	return s;
}

static float input(int layer, int t, int c)
{
	return value_at(layer + 100, "x", t * C + c) * 4;
}

/* The definition, in float64, for the layer whose weights these are. */
static double brute_score(int layer, int group, int groups, int t, int s)
{
	double k[D], v[D], mean = 0, var = 0, total = 0;
	for (int i = 0; i < D; i++) {
		v[i] = 0;
		for (int c = 0; c < C; c++)
			v[i] += (double)value_at(layer, "wk.weight", i * C + c) * (double)input(layer, s, c);
		mean += v[i] / D;
	}
	for (int i = 0; i < D; i++)
		var += (v[i] - mean) * (v[i] - mean) / D;
	for (int i = 0; i < D; i++)
		k[i] = (v[i] - mean) / sqrt(var + 1e-6) * (double)value_at(layer, "k_norm.weight", i) + (double)value_at(layer, "k_norm.bias", i);
	for (int h = group * H / groups; h < (group + 1) * H / groups; h++) {
		double q[D], dot = 0, w = 0;
		for (int i = 0; i < D; i++) {
			q[i] = 0;
			for (int c = 0; c < C; c++)
				q[i] += (double)value_at(layer, "wq.weight", (h * D + i) * C + c) * (double)input(layer, t, c);
		}
		for (int c = 0; c < C; c++)
			w += (double)value_at(layer, "weights_proj.weight", h * C + c) * (double)input(layer, t, c) / 8;
		for (int i = 0; i < R / 2; i++) { /* turned by the distance alone */
			double phi = (t - s) * pow(100 * (layer + 1), -2.0 * i / R), a = q[i], b = q[i + R / 2];
			dot += (a * cos(phi) - b * sin(phi)) * k[i] + (a * sin(phi) + b * cos(phi)) * k[i + R / 2];
		}
		for (int i = R; i < D; i++)
			dot += q[i] * k[i];
		total += w * fmax(dot, 0);
	}
	return total;
}

static void prepare(am_selector *s, int layer, int start, int rows, am_select_block *b)
{
	static float x[32 * C];
	am_error err = {0};
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < C; c++)
			x[r * C + c] = input(layer, start + r, c);
	*b = (am_select_block){.layer = layer, .start = start, .rows = rows, .x = x};
	if (am_selector_prepare(s, b, threads, &err))
		fail_msg("%s", err.text);
}

/* One set a key/value head, windows, several chunks of keys, frequencies of the base model. */
static void attached_to_a_model(void **state)
{
	(void)state;
	static const char *const edits[] = {"rope_theta=model", "per_group=on"};
	am_selector *s = NULL;
	am_error err = {0};
	float found[T];
	write_file(edits, 2, NULL, NULL);
	if (open_spec("", 50, &s, &err))
		fail_msg("%s", err.text);
	assert_int_equal(am_selector_scope(s), AM_SCOPE_GROUP);
	assert_int_equal(am_selector_sets(s), 2);
	rope_calls = 0;
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	assert_int_equal(rope_calls, LAYERS);
	for (int start = 0; start < T; start += 32)
		for (int l = 0; l < LAYERS; l++) {
			am_select_block b;
			prepare(s, l, start, T - start < 32 ? T - start : 32, &b);
			for (int r = 0; r < b.rows; r += 7) {
				int t = start + r, first = t - 49 > 0 ? t - 49 : 0;
				am_select_row row = {.block = &b, .row = r, .position = t, .first_key = first, .n = t - first + 1};
				for (int g = 0; g < 2; g++) {
					const float *scores = am_selector_scores(s, 0, &row, g, found);
					assert_non_null(scores);
					for (int j = 0; j < row.n; j += 5)
						assert_true(fabs((double)scores[j] - brute_score(l, g, 2, t, first + j)) <= 2e-6);
				}
			}
		}
	am_selector_close(s);
}

static void what_does_not_fit_the_model_is_named(void **state)
{
	(void)state;
	static const char *const none[] = {"head_weights=off", "k_norm=rms"};
	static const struct {
		const char *edit, *settings, *message;
		am_status status;
	} cases[] = {
		{"layers=2", "", "layers: expected 3 as in the model it is attached to, found 2", AM_ERR_FORMAT},
		{"relu=on", ",rope=neox", "indexer: rope: expected half or interleaved, found 'neox'", AM_ERR_USAGE},
		{"relu=on", ",hadamard=1", "indexer: hadamard: expected off or on, found '1'", AM_ERR_USAGE},
		{"relu=on", ",colour=red", "indexer: unknown setting 'colour'", AM_ERR_USAGE},
	};
	am_selector *s = NULL;
	am_error err = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		write_file(&cases[i].edit, 1, NULL, NULL);
		assert_int_equal(open_spec(cases[i].settings, 0, &s, &err), cases[i].status);
		if (!strstr(err.text, cases[i].message))
			fail_msg("'%s' is not about '%s'", err.text, cases[i].message);
	}
	write_file(none, 2, NULL, NULL);
	assert_int_equal(open_spec(",head-weights=on", 0, &s, &err), AM_ERR_USAGE);
	assert_int_equal(open_spec(",k-norm=layer", 0, &s, &err), AM_ERR_USAGE);
	write_file((const char *const[]){"full_layers=1-2"}, 1, NULL, NULL);
	assert_int_equal(open_spec("", 0, &s, &err), AM_OK);
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	am_select_block b = {.rows = 1, .x = (float[C]){0}};
	assert_int_equal(am_selector_prepare(s, &b, threads, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "layer 0: "));
	assert_non_null(strstr(err.text, "expected an indexer for this layer or one before it, found none"));
	am_selector_close(s);
	write_file(NULL, 0, NULL, "layers.0.wk.weight");
	assert_int_equal(open_spec("", 0, &s, &err), AM_OK);
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	assert_int_equal(am_selector_prepare(s, &b, threads, &err), AM_ERR_NUMERIC);
	assert_non_null(strstr(err.text, "token 0: expected index queries, keys and weights below"));
	am_selector_close(s);
	am_select_spec spec;
	assert_int_equal(am_select_spec_parse("indexer,rope=half", &spec, NULL), AM_OK);
	am_select_shape shape = {.layers = 1, .heads = 1, .kv_heads = 1, .capacity = 8, .block = 8, .workers = 1, .kernels = kernels};
	assert_int_equal(am_selector_open(&spec, &shape, &s, &err), AM_ERR_USAGE);
	assert_non_null(strstr(err.text, "rope: expected a FILE"));
	am_select_spec_fini(&spec);
}

/* Keys without a positive product score exactly 0 and are kept in order of position. */
static void ties_at_zero_go_to_the_lower_position(void **state)
{
	(void)state;
	am_selector *s = NULL;
	am_select_block b;
	float room[T];
	uint32_t member[T];
	int checked = 0;
	write_file((const char *const[]){"rope_theta=model"}, 1, NULL, NULL);
	assert_int_equal(open_spec("", 0, &s, NULL), AM_OK);
	assert_int_equal(am_selector_start(s, 0, T, T, NULL), AM_OK);
	for (int start = 0; start < T; start += 30) {
		prepare(s, 0, start, 30, &b);
		for (int r = 0; r < 30; r++) {
			am_select_row row = {.block = &b, .row = r, .position = start + r, .n = start + r + 1};
			const float *score = am_selector_scores(s, 0, &row, 0, room);
			int positive = 0, zero = 0;
			for (int j = 0; j < row.n; j++) {
				positive += score[j] > 0;
				zero += score[j] == 0;
				assert_false(score[j] == 0 && signbit(score[j]));
			}
			if (zero < 2)
				continue;
			int k = positive + zero - 1, seen = 0;
			am_selector_select(s, 0, &row, &k, 1, member, T);
			for (int j = 0; j < row.n; j++) {
				seen += score[j] == 0;
				assert_int_equal(member[j], score[j] > 0 || (score[j] == 0 && seen < zero));
			}
			checked++;
		}
	}
	assert_true(checked > 10);
	am_selector_close(s);
}

static int set_up(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	return fd < 0 || am_gemm_init(NULL) || am_threads_new(2, &threads, NULL) || am_kernels_get(NULL, &kernels, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	am_threads_free(threads);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(breaches_are_named),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(matrices_of_every_type),
		cmocka_unit_test(breaches_of_a_folder_are_named),
		cmocka_unit_test(shared_layers_of_a_folder),
		cmocka_unit_test(attached_to_a_model),
		cmocka_unit_test(what_does_not_fit_the_model_is_named),
		cmocka_unit_test(ties_at_zero_go_to_the_lower_position),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

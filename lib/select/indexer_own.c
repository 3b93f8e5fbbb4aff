/* Our own form of an indexer: one safetensors file whose metadata holds the settings. */
#include "select/indexer_file.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys are read one after another; the first that fails ends it. */
typedef struct reader {
	const am_tensors *t;
	am_status status;
	am_error *err;
} reader;

static const char *const on_off[] = {"off", "on", NULL};

static void wrong(reader *r, am_status status, const char *key, const char *expected, const char *found)
{
	if (!r->status)
		r->status = am_fail(r->err, status, "%s: %s: expected %s, found %s%s%s", am_tensors_path(r->t), key, expected,
		                    found ? "\"" : "", found ? found : "nothing", found ? "\"" : "");
}

/* The string of a key; `otherwise` where it is absent, which is wrong for NULL. */
static const char *string(reader *r, const char *key, const char *otherwise, const char *expected)
{
	const char *v = am_tensors_metadata(r->t, key);
	if (!v && !otherwise)
		wrong(r, AM_ERR_FORMAT, key, expected, NULL);
	return v ? v : otherwise ? otherwise : "";
}

static int integer(reader *r, const char *key, const char *otherwise, int low, int high)
{
	char expected[64];
	snprintf(expected, sizeof expected, "a whole number from %d to %d", low, high);
	const char *v = string(r, key, otherwise, expected);
	if (r->status)
		return low;
	errno = 0;
	long n = strspn(v, "0123456789") == strlen(v) && *v ? strtol(v, NULL, 10) : -1;
	if (errno || n < low || n > high)
		wrong(r, AM_ERR_RANGE, key, expected, v);
	return r->status ? low : (int)n;
}

static double real(reader *r, const char *key, const char *otherwise, double low, double high)
{
	char expected[64], *end;
	snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
	const char *v = string(r, key, otherwise, expected);
	if (r->status)
		return low;
	double x = strspn(v, "0123456789.+-eE") == strlen(v) && *v ? strtod(v, &end) : NAN;
	if (!(x >= low && x <= high) || *end)
		wrong(r, AM_ERR_RANGE, key, expected, v);
	return r->status ? low : x;
}

static int choice(reader *r, const char *key, const char *otherwise, const char *const *names)
{
	char expected[128] = "";
	for (int i = 0; names[i]; i++) {
		size_t n = strlen(expected);
		snprintf(expected + n, sizeof expected - n, "%s%s", i ? " or " : "", names[i]);
	}
	const char *v = string(r, key, otherwise, expected);
	for (int i = 0; names[i]; i++)
		if (strcmp(v, names[i]) == 0)
			return i;
	wrong(r, AM_ERR_RANGE, key, expected, v);
	return 0;
}

static void read_stretched(reader *r, am_rope_config *rope)
{
	rope->factor = real(r, "rope_factor", NULL, 1, 1e6);
	rope->original_positions = integer(r, "rope_original_positions", rope->type == AM_ROPE_LINEAR ? "1" : NULL, 1, 1 << 30);
	if (rope->type == AM_ROPE_YARN) {
		rope->beta_fast = real(r, "rope_beta_fast", "32", 1e-6, 1e6);
		rope->beta_slow = real(r, "rope_beta_slow", "1", 1e-6, 1e6);
		if (!(rope->beta_slow <= rope->beta_fast))
			wrong(r, AM_ERR_RANGE, "rope_beta_fast", "at least rope_beta_slow", am_tensors_metadata(r->t, "rope_beta_fast"));
	} else if (rope->type == AM_ROPE_LLAMA3) {
		rope->low_freq_factor = real(r, "rope_low_freq_factor", NULL, 1e-6, 1e6);
		rope->high_freq_factor = real(r, "rope_high_freq_factor", NULL, 1e-6, 1e6);
		if (!(rope->low_freq_factor < rope->high_freq_factor))
			wrong(r, AM_ERR_RANGE, "rope_high_freq_factor", "more than rope_low_freq_factor",
			      am_tensors_metadata(r->t, "rope_high_freq_factor"));
	}
}

static void read_rope(reader *r, am_indexer *x)
{
	static const char *const pairs[] = {"half", "interleaved", NULL}, *const places[] = {"first", "last", NULL};
	x->form.rope_dims = integer(r, "rope_dims", NULL, 0, AM_INDEX_MAX_DIM);
	x->form.rope_last = choice(r, "rope_position", NULL, places) == 1;
	x->form.pairs = choice(r, "rope_layout", NULL, pairs) == 1 ? AM_PAIRS_INTERLEAVED : AM_PAIRS_HALF;
	x->rope = (am_rope_config){.factor = 1, .attention_factor = 1, .truncate = true};
	x->own_rope = strcmp(string(r, "rope_theta", NULL, "model or a number"), "model") != 0;
	if (r->status || !x->own_rope)
		return;
	x->rope.theta = real(r, "rope_theta", NULL, 1.001, 1e15);
	const char *type = string(r, "rope_type", "default", "");
	if (!am_rope_type_parse(type, &x->rope.type))
		wrong(r, AM_ERR_UNSUPPORTED, "rope_type", "default, linear, dynamic, llama3 or yarn", type);
	if (x->rope.type != AM_ROPE_DEFAULT)
		read_stretched(r, &x->rope);
	x->max_positions = x->rope.type != AM_ROPE_DEFAULT ? x->rope.original_positions : 1;
}

static void read_arithmetic(reader *r, am_index_form *f)
{
	static const char *const precisions[] = {"f32", "bf16", "fp8", NULL}, *const scales[] = {"plain", "ue8m0", NULL};
	static const char *const norms[] = {"layer", "rms", "none", NULL}, *const activations[] = {"f32", "bf16", NULL};
	f->norm = (am_index_norm)choice(r, "k_norm", NULL, norms);
	f->eps = real(r, "eps", f->norm == AM_INDEX_NORM_NONE ? "0" : NULL, 0, 1);
	f->hadamard = choice(r, "hadamard", NULL, on_off);
	f->relu = choice(r, "relu", NULL, on_off);
	f->head_weights = choice(r, "head_weights", NULL, on_off);
	f->scale = 1 / sqrt((double)f->heads * f->dim);
	if (strcmp(string(r, "scale", NULL, "default or a number"), "default") != 0)
		f->scale = real(r, "scale", NULL, 1e-9, 1e9);
	f->precision = (am_index_precision)choice(r, "precision", "f32", precisions);
	f->power_scale = choice(r, "fp8_scale", "ue8m0", scales);
	f->bf16_activations = choice(r, "activations", "f32", activations);
}

/* "all", or numbers and ranges in rising order: full[layers]. */
static void read_full_layers(reader *r, const char *list, int layers, bool *full)
{
	int next = 0;
	const char *p = list;
	for (int l = 0; l < layers; l++)
		full[l] = strcmp(list, "all") == 0;
	if (strcmp(list, "all") == 0)
		return;
	for (;;) {
		int first, last, used = 0;
		if (*p < '0' || *p > '9' || sscanf(p, "%9d%n", &first, &used) != 1)
			break;
		p += used;
		last = first;
		if (*p == '-' && p[1] >= '0' && p[1] <= '9' && sscanf(p + 1, "%9d%n", &last, &used) == 1)
			p += used + 1;
		if (first < next || last < first || last >= layers)
			break;
		for (int l = first; l <= last; l++)
			full[l] = true;
		next = last + 1;
		if (!*p)
			return;
		if (*p++ != ',')
			break;
	}
	wrong(r, AM_ERR_RANGE, "full_layers", "all, or layers and ranges of them in rising order", list);
}

static am_status find_layers(reader *r, am_indexer *x, am_error *err)
{
	static const am_indexer_names names = {"wq.weight", "wk.weight", "weights_proj.weight", "k_norm.weight", "k_norm.bias"};
	bool full[4096];
	char prefix[32];
	read_full_layers(r, string(r, "full_layers", "all", ""), x->layers, full);
	am_status s = r->status;
	for (int l = 0; !s && l < x->layers; l++) {
		snprintf(prefix, sizeof prefix, "layers.%d.", l);
		s = full[l] ? am_indexer_find(x, l, prefix, &names, err) : AM_OK;
	}
	return s;
}

am_status am_indexer_read_own(am_indexer *x, am_error *err)
{
	am_error unused;
	reader r = {x->tensors, AM_OK, err ? err : &unused};
	am_index_form *f = &x->form;
	if (strcmp(string(&r, "format", NULL, "\"attnmeter-indexer\""), "attnmeter-indexer") != 0)
		wrong(&r, AM_ERR_FORMAT, "format", "\"attnmeter-indexer\"", am_tensors_metadata(x->tensors, "format"));
	if (strcmp(string(&r, "format_version", NULL, "\"1\""), "1") != 0)
		wrong(&r, AM_ERR_UNSUPPORTED, "format_version", "\"1\"", am_tensors_metadata(x->tensors, "format_version"));
	x->layers = integer(&r, "layers", NULL, 1, 4096);
	x->c_inputs = integer(&r, "q_inputs", NULL, 1, 1 << 20);
	x->x_inputs = integer(&r, "k_inputs", NULL, 1, 1 << 20);
	f->heads = integer(&r, "heads", NULL, 1, 4096);
	f->dim = integer(&r, "head_dim", NULL, 1, AM_INDEX_MAX_DIM);
	read_rope(&r, x);
	read_arithmetic(&r, f);
	f->groups = 1;
	x->per_group = choice(&r, "per_group", NULL, on_off);
	x->compressed = choice(&r, "compressed_query", "off", on_off);
	am_status s = r.status;
	if (!s && (s = am_index_form_check(f, err)))
		am_fail_in(err, s, "%s", am_tensors_path(x->tensors));
	if (!s)
		s = am_indexer_room(x, err);
	return s ? s : find_layers(&r, x, err);
}

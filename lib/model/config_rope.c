#include "model/config_rope.h"

#include "model/config_keys.h"

#include <math.h>
#include <string.h>

#define DEFAULT_THETA 10000.0
#define MAX_FACTOR 1e6
#define MAX_ORIGINAL (1 << 30)

/* "rope_type" is the newer name of "type" and wins over it. */
static am_status read_type(const am_config_view *j, am_rope_type *out, am_error *err)
{
	const char *key = am_config_get(j, "rope_type") ? "rope_type" : "type", *name = NULL;
	am_status s = am_config_str(j, key, "default", &name, err);
	if (s)
		return s;
	if (am_rope_type_parse(name, out))
		return AM_OK;
	return am_fail(err, AM_ERR_UNSUPPORTED,
	               "%s: %s%s: expected default, linear, dynamic, llama3 or yarn, found \"%s\"",
	               j->path, j->prefix, key, name);
}

/* A number that has no default. */
static am_status need_real(const am_config_view *j, const char *key, double low, double high,
                           double *out, am_error *err)
{
	if (!am_config_get(j, key))
		return am_fail(err, AM_ERR_FORMAT, "%s: %s%s: expected a number, found nothing", j->path,
		               j->prefix, key);
	return am_config_real(j, key, 0, low, high, out, err);
}

static am_status read_llama3(const am_config_view *j, am_rope_config *r, am_error *err)
{
	am_status s = need_real(j, "factor", 1, MAX_FACTOR, &r->factor, err);
	if (!s)
		s = need_real(j, "low_freq_factor", 1e-6, MAX_FACTOR, &r->low_freq_factor, err);
	if (!s)
		s = need_real(j, "high_freq_factor", 1e-6, MAX_FACTOR, &r->high_freq_factor, err);
	if (!s && !(r->low_freq_factor < r->high_freq_factor))
		s = am_fail(err, AM_ERR_RANGE,
		            "%s: %shigh_freq_factor: expected more than low_freq_factor = %g, found %g",
		            j->path, j->prefix, r->low_freq_factor, r->high_freq_factor);
	return s;
}

static double yarn_mscale(double factor, double mscale)
{
	return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

/* Explicit, or from mscale and mscale_all_dim when both are there, or from factor. */
static am_status read_attention_factor(const am_config_view *j, am_rope_config *r, am_error *err)
{
	double mscale = 0, all_dim = 0;
	am_status s = am_config_real(j, "mscale", 0, 0, MAX_FACTOR, &mscale, err);
	if (!s)
		s = am_config_real(j, "mscale_all_dim", 0, 0, MAX_FACTOR, &all_dim, err);
	if (s)
		return s;
	double derived = mscale > 0 && all_dim > 0
	                         ? yarn_mscale(r->factor, mscale) / yarn_mscale(r->factor, all_dim)
	                         : yarn_mscale(r->factor, 1);
	return am_config_real(j, "attention_factor", derived, 1e-6, MAX_FACTOR, &r->attention_factor, err);
}

static am_status read_yarn(const am_config_view *j, int max_positions, am_rope_config *r, am_error *err)
{
	am_status s = am_config_real(j, "factor", (double)max_positions / r->original_positions, 1,
	                             MAX_FACTOR, &r->factor, err);
	if (!s)
		s = am_config_real(j, "beta_fast", 32, 1e-6, MAX_FACTOR, &r->beta_fast, err);
	if (!s)
		s = am_config_real(j, "beta_slow", 1, 1e-6, MAX_FACTOR, &r->beta_slow, err);
	if (!s && !(r->beta_slow <= r->beta_fast))
		s = am_fail(err, AM_ERR_RANGE, "%s: %sbeta_fast: expected at least beta_slow = %g, found %g",
		            j->path, j->prefix, r->beta_slow, r->beta_fast);
	if (!s)
		s = am_config_bool(j, "truncate", true, &r->truncate, err);
	if (!s)
		s = read_attention_factor(j, r, err);
	return s;
}

/* One object of rope keys. `theta` and `original` are those of the top level,
 * where older files keep them: the first is a default, the second (0: absent)
 * wins, as in transformers. */
static am_status read_one(const am_config_view *j, const am_config *c, double theta, int original,
                          am_rope_config *out, am_error *err)
{
	am_rope_config r = {.factor = 1, .attention_factor = 1, .truncate = true};
	am_status s = am_config_check_rope_keys(j, err);
	if (!s)
		s = read_type(j, &r.type, err);
	if (!s)
		s = am_config_real(j, "rope_theta", theta, 1.001, 1e15, &r.theta, err);
	if (!s)
		s = am_config_int(j, "original_max_position_embeddings", c->max_positions, 1, MAX_ORIGINAL,
		                  &r.original_positions, err);
	if (original)
		r.original_positions = original;
	if (!s && r.type == AM_ROPE_LLAMA3)
		s = read_llama3(j, &r, err);
	else if (!s && r.type == AM_ROPE_YARN)
		s = read_yarn(j, c->max_positions, &r, err);
	else if (!s && r.type != AM_ROPE_DEFAULT)
		s = need_real(j, "factor", 1, MAX_FACTOR, &r.factor, err);
	if (!s && r.type == AM_ROPE_DYNAMIC && c->head_dim == 2)
		s = am_fail(err, AM_ERR_RANGE,
		            "%s: %srope_type: expected a head size above 2 for dynamic, found 2", j->path,
		            j->prefix);
	if (!s)
		*out = r;
	return s;
}

static const char *const labels[] = {"full_attention", "sliding_attention"};

static am_status read_label(const am_config_view *j, int sliding, const am_config *c, double theta,
                            am_rope_config *out, am_error *err)
{
	const json_t *v = am_config_get(j, labels[sliding]);
	if (!json_is_object(v))
		return am_fail(err, AM_ERR_FORMAT, "%s: %s%s: expected an object, found %s", j->path,
		               j->prefix, labels[sliding], am_config_type_name(v));
	am_config_view inner = {j->path, sliding ? "rope_parameters.sliding_attention."
	                                         : "rope_parameters.full_attention.", v};
	return read_one(&inner, c, theta, 0, out, err);
}

static am_status read_per_type(const am_config_view *j, am_config *c, double theta, am_error *err)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)j->object, key, v)
		if (strcmp(key, labels[0]) != 0 && strcmp(key, labels[1]) != 0)
			return am_fail(err, AM_ERR_UNSUPPORTED,
			               "%s: %s%s: expected only full_attention and sliding_attention beside "
			               "each other, found this one", j->path, j->prefix, key);
	am_rope_config rope[2];
	bool have[2] = {false, false};
	for (int i = 0; i < c->layers; i++) {
		int sliding = c->window[i] > 0;
		am_status s = have[sliding] ? AM_OK : read_label(j, sliding, c, theta, &rope[sliding], err);
		if (s)
			return s;
		have[sliding] = true;
		c->rope[i] = rope[sliding];
	}
	return AM_OK;
}

/* rope_scaling, when it says anything, replaces rope_parameters. */
static am_status find_rope(const am_config_view *j, json_t *none, am_config_view *out, am_error *err)
{
	static const struct {
		const char *key, *prefix;
	} places[] = {{"rope_scaling", "rope_scaling."}, {"rope_parameters", "rope_parameters."}};
	*out = (am_config_view){j->path, "rope_parameters.", none};
	for (int i = 0; i < 2; i++) {
		const json_t *v = am_config_get(j, places[i].key);
		if (v && !json_is_object(v))
			return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected an object, found %s", j->path,
			               places[i].key, am_config_type_name(v));
		if (json_object_size(v) > 0) {
			*out = (am_config_view){j->path, places[i].prefix, v};
			return AM_OK;
		}
	}
	return AM_OK;
}

am_status am_config_read_rope(const am_config_view *j, am_config *c, am_error *err)
{
	json_t *none = json_object();
	am_config_view rope = {0};
	double theta = 0;
	int original = 0;
	am_rope_config all = {0};
	am_status s = none ? find_rope(j, none, &rope, err)
	                   : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", j->path);
	if (!s)
		s = am_config_real(j, "rope_theta", DEFAULT_THETA, 1.001, 1e15, &theta, err);
	if (!s)
		s = am_config_int(j, "original_max_position_embeddings", 0, 0, MAX_ORIGINAL, &original, err);
	if (!s && (json_object_get(rope.object, labels[0]) || json_object_get(rope.object, labels[1]))) {
		s = read_per_type(&rope, c, theta, err);
	} else if (!s) {
		s = read_one(&rope, c, theta, original, &all, err);
		for (int i = 0; !s && i < c->layers; i++)
			c->rope[i] = all;
	}
	json_decref(none);
	return s;
}

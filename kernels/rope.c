/* Every step below is one float32 operation in the order PyTorch performs it:
 * scalar / tensor is a reciprocal and a product there, which rounds twice. */
#include "kernels/rope.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

static const char *const type_names[] = {
	[AM_ROPE_DEFAULT] = "default", [AM_ROPE_LINEAR] = "linear", [AM_ROPE_DYNAMIC] = "dynamic",
	[AM_ROPE_LLAMA3] = "llama3",   [AM_ROPE_YARN] = "yarn",
};

const char *am_rope_type_name(am_rope_type t)
{
	return (unsigned)t < sizeof type_names / sizeof *type_names ? type_names[t] : "unknown";
}

bool am_rope_type_parse(const char *name, am_rope_type *out)
{
	for (size_t t = 0; t < sizeof type_names / sizeof *type_names; t++)
		if (strcmp(name, type_names[t]) == 0)
			return *out = (am_rope_type)t, true;
	return false;
}

static float clamp01(float x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* theta, raised with the length beyond max_positions for "dynamic". */
static float rope_base(const am_rope_config *r, int dim, int max_positions, int length)
{
	if (r->type != AM_ROPE_DYNAMIC || length <= max_positions)
		return (float)r->theta;
	float stretch = (float)r->factor * (float)length / (float)max_positions - (float)(r->factor - 1);
	/* The one power with its exponent in double. */
	return (float)r->theta * (float)pow(stretch, dim / (dim - 2.0));
}

static float llama3_frequency(const am_rope_config *r, float plain)
{
	float length = (float)r->original_positions, factor = (float)r->factor;
	float wave = 1 / plain * (float)(2 * PI);
	if (wave > (float)(r->original_positions / r->low_freq_factor))
		return plain / factor;
	if (wave < (float)(r->original_positions / r->high_freq_factor))
		return plain;
	float smooth = (1 / wave * length - (float)r->low_freq_factor) /
	               (float)(r->high_freq_factor - r->low_freq_factor);
	return (1 - smooth) * plain / factor + smooth * plain;
}

/* The (fractional) dimension that turns `rotations` times over the length trained on. */
static double yarn_dimension(const am_rope_config *r, int dim, double rotations)
{
	return dim * log(r->original_positions / (rotations * 2 * PI)) / (2 * log(r->theta));
}

/* Frequencies below `low` are kept, those above `high` divided by factor. */
static void yarn_range(const am_rope_config *r, int dim, double *low, double *high)
{
	*low = yarn_dimension(r, dim, r->beta_fast);
	*high = yarn_dimension(r, dim, r->beta_slow);
	if (r->truncate) {
		*low = floor(*low);
		*high = ceil(*high);
	}
	*low = fmax(*low, 0);
	*high = fmin(*high, dim - 1);
	if (*low == *high)
		*high += 0.001;
}

static float yarn_frequency(const am_rope_config *r, int dim, int i, float power)
{
	double low, high;
	yarn_range(r, dim, &low, &high);
	float keep = 1 - clamp01(((float)i - (float)low) / (float)(high - low));
	float divided = 1 / ((float)r->factor * power);
	return divided * (1 - keep) + 1 / power * keep;
}

static float frequency(const am_rope_config *r, float base, int dim, int i)
{
	float power = powf(base, (float)(2 * i) / (float)dim);
	switch (r->type) {
	case AM_ROPE_LINEAR:
		return 1 / power / (float)r->factor;
	case AM_ROPE_LLAMA3:
		return llama3_frequency(r, 1 / power);
	case AM_ROPE_YARN:
		return yarn_frequency(r, dim, i, power);
	default:
		return 1 / power;
	}
}

am_status am_rope_frequencies(const am_rope_config *rope, int head_dim, int max_positions, int length,
                              float *inv_freq, float *scale, am_error *err)
{
	assert(head_dim >= 2 && head_dim % 2 == 0 && max_positions >= 1);
	float base = rope_base(rope, head_dim, max_positions, length);
	for (int i = 0; i < head_dim / 2; i++) {
		float f = frequency(rope, base, head_dim, i);
		if (!isfinite(f))
			return am_fail(err, AM_ERR_NUMERIC,
			               "rope type %s: frequency %d of %d: expected a finite number, found %g",
			               am_rope_type_name(rope->type), i, head_dim / 2, (double)f);
	}
	for (int i = 0; i < head_dim / 2; i++)
		inv_freq[i] = frequency(rope, base, head_dim, i);
	*scale = (float)rope->attention_factor;
	return AM_OK;
}

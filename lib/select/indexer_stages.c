#include "select/indexer_stages.h"

#include "base/fp8.h"
#include "base/half.h"

#include <assert.h>
#include <math.h>

/* Smallest magnitude a scale goes by, so that a vector of zeros has one. */
#define FP8_FLOOR 1e-4f

static double mean_of(const float *x, int n)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += (double)x[i];
	return sum / n;
}

void am_index_norm_row(am_index_norm norm, double eps, const float *x, const float *weight, const float *bias,
                       int n, float *y)
{
	double mean = norm == AM_INDEX_NORM_LAYER ? mean_of(x, n) : 0, squares = 0;
	for (int i = 0; i < n; i++)
		squares += ((double)x[i] - mean) * ((double)x[i] - mean);
	double inv = 1 / sqrt(squares / n + eps);
	for (int i = 0; i < n; i++)
		switch (norm) {
		case AM_INDEX_NORM_LAYER: y[i] = (float)(((double)x[i] - mean) * inv * (double)weight[i] + (double)bias[i]); break;
		case AM_INDEX_NORM_RMS: y[i] = (float)((double)x[i] * inv * (double)weight[i]); break;
		case AM_INDEX_NORM_NONE: y[i] = x[i]; break;
		}
}

void am_round_bf16(float *x, int n)
{
	for (int i = 0; i < n; i++)
		x[i] = am_bf16_to_f32(am_f32_to_bf16(x[i]));
}

void am_rotate_pairs(am_rope_pairs pairs, float *x, const float *cos, const float *sin, int dims)
{
	int half = dims / 2, step = pairs == AM_PAIRS_HALF ? 1 : 2, apart = pairs == AM_PAIRS_HALF ? half : 1;
	for (int i = 0; i < half; i++) {
		float *a = x + i * step, *b = a + apart;
		float u = *a, v = *b;
		*a = u * cos[i] - v * sin[i];
		*b = u * sin[i] + v * cos[i];
	}
}

void am_hadamard(float *x, int n)
{
	assert(n > 0 && (n & (n - 1)) == 0);
	for (int stride = 1; stride < n; stride *= 2)
		for (int i = 0; i < n; i += 2 * stride)
			for (int j = i; j < i + stride; j++) {
				float a = x[j], b = x[j + stride];
				x[j] = a + b;
				x[j + stride] = a - b;
			}
	float scale = (float)(1 / sqrt(n));
	for (int i = 0; i < n; i++)
		x[i] *= scale;
}

static float round_block(float *x, int n, bool power)
{
	float scale = am_index_largest(FP8_FLOOR, x, n) / AM_E4M3_MAX;
	scale = power ? am_round_up_to_power(scale) : scale;
	for (int i = 0; i < n; i++)
		x[i] = am_round_e4m3(x[i] / scale);
	return scale;
}

float am_fp8_round(float *x, int n, bool power)
{
	if (n <= AM_FP8_BLOCK)
		return round_block(x, n, power);
	for (int at = 0; at < n; at += AM_FP8_BLOCK) {
		int m = n - at < AM_FP8_BLOCK ? n - at : AM_FP8_BLOCK;
		float scale = round_block(x + at, m, power);
		for (int i = at; i < at + m; i++)
			x[i] *= scale;
	}
	return 1;
}

float am_index_largest(float worst, const float *x, int n)
{
	int32_t most, bits; /* magnitudes order like their bits, NaN above all */
	memcpy(&most, &worst, sizeof most);
	for (int i = 0; i < n; i++) {
		memcpy(&bits, x + i, sizeof bits);
		bits &= 0x7fffffff;
		most = bits > most ? bits : most;
	}
	memcpy(&worst, &most, sizeof worst);
	return worst;
}

float am_index_round(const am_index_form *f, float *x)
{
	if (f->precision == AM_INDEX_BF16)
		am_round_bf16(x, f->dim);
	return f->precision == AM_INDEX_FP8 ? am_fp8_round(x, f->dim, f->power_scale) : 1;
}

float am_index_finish(const am_index_form *f, float *x, const float *cos, const float *sin)
{
	float *turned = x + (f->rope_last ? f->dim - f->rope_dims : 0);
	am_rotate_pairs(f->pairs, turned, cos, sin, f->rope_dims);
	if (f->bf16_activations)
		am_round_bf16(turned, f->rope_dims);
	if (f->hadamard)
		am_hadamard(x, f->dim);
	if (f->hadamard && f->bf16_activations)
		am_round_bf16(x, f->dim);
	return am_index_round(f, x);
}

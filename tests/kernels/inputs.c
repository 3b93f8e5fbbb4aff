#include "inputs.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

double input_normal(am_rng *r)
{
	double u = 1.0 - am_rng_uniform(r), v = am_rng_uniform(r);
	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

void input_gaussian(float *s, int n, double sigma, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = (float)(sigma * input_normal(r));
}

void input_shuffle(float *x, int n, am_rng *r)
{
	for (int j = n - 1; j > 0; j--) {
		int i = (int)am_rng_below(r, (uint64_t)j + 1);
		float t = x[i];
		x[i] = x[j];
		x[j] = t;
	}
}

static int anywhere(int n, am_rng *r)
{
	return (int)am_rng_below(r, (uint64_t)n);
}

static void fill(float *s, int n, float value)
{
	for (int j = 0; j < n; j++)
		s[j] = value;
}

static void flat(float *s, int n, am_rng *r)
{
	(void)r;
	fill(s, n, 0.75f);
}

static void flat_low(float *s, int n, am_rng *r)
{
	(void)r;
	fill(s, n, -FLT_MAX);
}

static void one_hot(float *s, int n, am_rng *r)
{
	fill(s, n, -200);
	if (n)
		s[anywhere(n, r)] = 0;
}

static void hot_last(float *s, int n, am_rng *r)
{
	(void)r;
	fill(s, n, -95); /* the others weigh a few subnormal steps each */
	if (n)
		s[n - 1] = 0;
}

static void narrow(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 0.5, r);
}

static void usual(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 2.2, r);
}

static void peaked(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 8, r);
}

static void spread(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 30, r);
}

static void far(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = (float)(1e4 * (2 * am_rng_uniform(r) - 1));
}

static void far_close(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = (float)(-1e4 + 4 * am_rng_uniform(r));
}

static void extremes(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = am_rng_below(r, 2) ? FLT_MAX : -FLT_MAX;
}

static void ties(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = 0.5f * (float)am_rng_below(r, 4);
}

static void bf16_ties(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = (float)(nearbyint(8 * input_normal(r)) / 8);
}

static void zeros(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = am_rng_below(r, 2) ? 0.0f : -0.0f;
}

static void masked(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = am_rng_below(r, 2) ? (float)input_normal(r) : -INFINITY;
}

static void masked_front(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 2.2, r);
	fill(s, n - n / 4, -INFINITY);
}

static void all_masked(float *s, int n, am_rng *r)
{
	(void)r;
	fill(s, n, -INFINITY);
}

static void subnormal(float *s, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		s[j] = (float)(-87 - 18 * am_rng_uniform(r));
	if (n)
		s[anywhere(n, r)] = 0;
}

static void ascending(float *s, int n, am_rng *r)
{
	(void)r;
	for (int j = 0; j < n; j++)
		s[j] = (float)(20.0 * j / n);
}

static void descending(float *s, int n, am_rng *r)
{
	(void)r;
	for (int j = 0; j < n; j++)
		s[j] = (float)(-20.0 * j / n);
}

static void one_nan(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 2.2, r);
	if (n)
		s[anywhere(n, r)] = NAN;
}

static void masked_nan(float *s, int n, am_rng *r)
{
	fill(s, n, -INFINITY);
	if (n)
		s[anywhere(n, r)] = NAN;
}

static void one_inf(float *s, int n, am_rng *r)
{
	input_gaussian(s, n, 2.2, r);
	if (n)
		s[anywhere(n, r)] = INFINITY;
}

static const input inputs[] = {
	{"flat", flat, 0},
	{"flat_low", flat_low, 0},
	{"one_hot", one_hot, 0},
	{"hot_last", hot_last, 0},
	{"gaussian_0.5", narrow, 0},
	{"gaussian_2.2", usual, 0},
	{"gaussian_8", peaked, 0},
	{"gaussian_30", spread, 0},
	{"far", far, 0},
	{"far_close", far_close, 0},
	{"extremes", extremes, 0},
	{"ties", ties, 0},
	{"bf16_ties", bf16_ties, 0},
	{"signed_zeros", zeros, 0},
	{"masked", masked, 0},
	{"masked_front", masked_front, 0},
	{"all_masked", all_masked, 0},
	{"subnormal", subnormal, 0},
	{"ascending", ascending, 0},
	{"descending", descending, 0},
	{"one_nan", one_nan, 1},
	{"masked_nan", masked_nan, 1},
	{"one_inf", one_inf, 1},
};

int input_count(void)
{
	return (int)(sizeof inputs / sizeof inputs[0]);
}

const input *input_at(int i)
{
	return i >= 0 && i < input_count() ? &inputs[i] : NULL;
}

static int longest = INPUT_MAX_N;

void input_set_longest(int n)
{
	longest = n;
}

int input_longest(void)
{
	return longest;
}

/* One vector, two, a block of 16, the insertion-sort limit, the first row that top-k
 * splits into groups and a strip, each less one, plus one. */
int input_length(int i)
{
	static const int length[] = {0,  1,  2,  3,  4,  5,  7,  8,   9,   15,  16,  17,  31,  32,  33,   47,   48,
	                             49, 63, 64, 65, 255, 256, 257, 511, 512, 513, 527, 528, 1000, 1023, 1025, 4096, 4099,
	                             INPUT_MAX_N};
	int there = i >= 0 && i < (int)(sizeof length / sizeof length[0]);
	return there && length[i] <= longest ? length[i] : -1;
}

int input_random_length(am_rng *r)
{
	int n = (int)exp(8.5 * am_rng_uniform(r));
	return n < longest ? n : longest;
}

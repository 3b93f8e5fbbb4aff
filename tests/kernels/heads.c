/* index_heads step by step in float32: every short length between guard pages, the same bits as the
 * reference, never -0. */
#include "base/rng.h"
#include "check.h"
#include "guard.h"
#include "tests.h"

#include <math.h>
#include <string.h>

enum { MOST = 70, HEADS = 5, STRIDE = 80 };

/* Each step rounded to float32. */
static float want(const float *dot, int heads, const float *weight, const float *head_scale, bool relu, float scale)
{
	volatile float sum = 0;
	for (int h = 0; h < heads; h++) {
		volatile float z = dot[h * STRIDE], w = weight[h] * head_scale[h];
		volatile float part = w * (relu && !(z > 0) ? 0 : z);
		sum = sum + part;
	}
	volatile float scaled = scale * sum;
	return scaled + 0.0f;
}

static float draw(am_rng *r)
{
	float x = (float)(am_rng_uniform(r) - 0.5);
	return am_rng_uniform(r) < 0.05 ? 0 : x;
}

int test_heads(const am_kernels *k, const test_options *o)
{
	am_rng r = {o->seed};
	guard in, out;
	check_group(k->name, "index_heads");
	guard_open(&in, (HEADS * STRIDE) * sizeof(float));
	guard_open(&out, MOST * sizeof(float));
	for (int n = 0; n <= MOST; n++)
		for (int heads = 1; heads <= HEADS; heads++)
			for (int at = 0; at < 2 * PLACE_COUNT; at++) {
				size_t last = (size_t)((heads - 1) * STRIDE + n) * sizeof(float), bytes = (size_t)n * sizeof(float);
				float *dot = guard_place(&in, last, sizeof *dot, (place)(at % PLACE_COUNT));
				float *to = guard_place(&out, bytes, sizeof *to, (place)(at % PLACE_COUNT));
				float weight[HEADS], head_scale[HEADS], scale[MOST];
				bool relu = at >= PLACE_COUNT;
				for (int h = 0; h < heads; h++) {
					weight[h] = draw(&r);
					head_scale[h] = draw(&r);
					for (int j = 0; j < n; j++)
						dot[h * STRIDE + j] = draw(&r);
				}
				for (int j = 0; j < n; j++)
					scale[j] = draw(&r);
				check_case(relu ? "relu" : "linear", n);
				k->index_heads(dot, STRIDE, heads, weight, head_scale, relu, scale, n, to);
				for (int j = 0; j < n; j++) {
					float x = want(dot + j, heads, weight, head_scale, relu, scale[j]);
					check_ok(memcmp(&x, to + j, sizeof x) == 0, "key %d, %d heads: %a, expected %a", j, heads,
					         (double)to[j], (double)x);
				}
				check_ok(guard_intact(&out, to, bytes), "wrote beside the output");
			}
	guard_close(&in);
	guard_close(&out);
	return check_group_end();
}

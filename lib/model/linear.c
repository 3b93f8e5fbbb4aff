/* Linear steps: tiles of AM_PANEL weight rows over our threads, each one product
 * on a single BLAS thread. Tiles do not depend on the number of threads. */
#include "kernels/gemm.h"
#include "model/session.h"

#include <stdint.h>
#include <string.h>

const float *am_weight_rows(const am_kernels *kernels, const am_tensor *w, int first, int count, float *panel)
{
	size_t cols = (size_t)w->shape[w->rank - 1];
	size_t n = (size_t)count * cols;
	const unsigned char *p = (const unsigned char *)w->data + (size_t)first * cols * am_dtype_size(w->dtype);
	if (w->dtype == AM_DTYPE_F32) {
		if ((uintptr_t)p % sizeof(float) == 0)
			return (const float *)p;
		memcpy(panel, p, n * sizeof *panel);
		return panel;
	}
	void (*convert)(const uint16_t *, size_t, float *) =
		w->dtype == AM_DTYPE_BF16 ? kernels->bf16_to_f32 : kernels->f16_to_f32;
	if ((uintptr_t)p % sizeof(uint16_t) == 0) {
		convert((const uint16_t *)p, n, panel);
		return panel;
	}
	for (size_t i = 0; i < n; i += 256) {
		uint16_t aligned[256];
		size_t m = n - i < 256 ? n - i : 256;
		memcpy(aligned, p + i * sizeof *aligned, m * sizeof *aligned);
		convert(aligned, m, panel + i);
	}
	return panel;
}

typedef struct linear_step {
	am_session *s;
	const float *x;
	int rows, inputs;
	const am_product *products;
	int n_products;
} linear_step;

static int panels(int n)
{
	return (n + AM_PANEL - 1) / AM_PANEL;
}

static void linear_task(void *ctx, int task, int worker)
{
	const linear_step *step = ctx;
	const am_product *p = step->products;
	while (task >= panels(p->n))
		task -= panels((p++)->n);
	int first = task * AM_PANEL;
	int count = p->n - first < AM_PANEL ? p->n - first : AM_PANEL;
	const float *w = am_weight_rows(step->s->kernels, p->w, first, count, step->s->worker[worker].panel);
	float *y = p->y + first;
	for (int r = 0; p->bias && r < step->rows; r++) {
		float *row = y + (size_t)r * p->n;
		for (int i = 0; i < count; i++)
			row[i] = p->bias[first + i] + (p->add ? row[i] : 0);
	}
	am_gemm_nt(step->rows, count, step->inputs, 1, step->x, step->inputs, w, step->inputs,
	           p->add || p->bias ? 1 : 0, y, p->n);
}

void am_linear(am_session *s, const float *x, int rows, int inputs, const am_product *p, int n)
{
	linear_step step = {s, x, rows, inputs, p, n};
	int tasks = 0;
	for (int i = 0; i < n; i++)
		tasks += panels(p[i].n);
	am_threads_run(s->threads, tasks, linear_task, &step);
}

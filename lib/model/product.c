/* Which matrix product runs, in one place: the kernel table's own where it has one
 * (at least as fast as OpenBLAS in every shape of the forward pass, and safe on
 * processors newer than OpenBLAS), else OpenBLAS. test_kernels --bench shows the figures. */
#include "base/half.h"
#include "kernels/gemm.h"
#include "model/session.h"

#include <stdint.h>
#include <string.h>

void am_product_nt(const am_kernels *kernels, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float *c, int ldc)
{
	if (kernels->gemm_nt)
		kernels->gemm_nt(m, n, k, a, lda, b, AM_F32, ldb, false, c, ldc);
	else
		am_gemm_nt(m, n, k, 1, a, lda, b, ldb, 0, c, ldc);
}

void am_product_nn(const am_kernels *kernels, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float *c, int ldc, const am_tally_rows *rows)
{
	if (rows && rows->rows)
		kernels->gemm_nn_tally(m, n, k, a, lda, b, ldb, false, c, ldc, rows);
	else if (kernels->gemm_nn)
		kernels->gemm_nn(m, n, k, a, lda, b, ldb, false, c, ldc);
	else
		am_gemm_nn(m, n, k, 1, a, lda, b, ldb, 0, c, ldc);
}

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

typedef struct round_step {
	am_session *s;
	const float *x;
	int inputs, stride;
} round_step;

/* One row to bfloat16: as such where products take it, else as the float32 it is. */
static void round_row(void *ctx, int r, int worker)
{
	(void)worker;
	const round_step *step = ctx;
	const am_kernels *k = step->s->kernels;
	const float *x = step->x + (size_t)r * (size_t)step->inputs;
	if (k->gemm_bf16) {
		uint16_t *y = (uint16_t *)step->s->rounded + (size_t)r * (size_t)step->stride;
		k->f32_to_bf16(x, (size_t)step->inputs, y);
		if (step->stride > step->inputs)
			y[step->inputs] = 0;
		return;
	}
	float *y = (float *)step->s->rounded + (size_t)r * (size_t)step->stride;
	for (int i = 0; i < step->inputs; i++)
		y[i] = am_bf16_to_f32(am_f32_to_bf16(x[i]));
}

am_activations am_activations_of(am_session *s, const float *x, int rows, int inputs)
{
	am_activations a = {.x = x, .inputs = inputs, .stride = inputs};
	if (s->dtype == AM_COMPUTE_F32)
		return a;
	a.stride = inputs + inputs % 2; /* products take pairs */
	round_step step = {s, x, inputs, a.stride};
	am_threads_run(s->threads, rows, round_row, &step);
	a.x = s->kernels->gemm_bf16 ? NULL : s->rounded;
	a.bf16 = s->kernels->gemm_bf16 ? s->rounded : NULL;
	return a;
}

static am_number number_of(const am_tensor *w)
{
	return w->dtype == AM_DTYPE_F32 ? AM_F32 : w->dtype == AM_DTYPE_F16 ? AM_F16 : AM_BF16;
}

/* Weights as float32, rounded to bfloat16 where that is the arithmetic asked for. */
static const float *panel_of(const am_session *s, const am_tensor *w, int first, int count, float *panel)
{
	const float *rows = am_weight_rows(s->kernels, w, first, count, panel);
	if (s->dtype == AM_COMPUTE_F32 || w->dtype == AM_DTYPE_BF16)
		return rows;
	size_t n = (size_t)count * (size_t)w->shape[w->rank - 1];
	for (size_t i = 0; i < n; i++)
		panel[i] = am_bf16_to_f32(am_f32_to_bf16(rows[i]));
	return panel;
}

void am_product_weights(const am_session *s, const am_activations *a, int row, int rows, const am_tensor *w,
                        int first, int count, bool add, float *y, int ldy, int worker)
{
	const am_kernels *k = s->kernels;
	size_t inputs = (size_t)a->inputs;
	const void *from = (const unsigned char *)w->data + (size_t)first * inputs * am_dtype_size(w->dtype);
	if (a->bf16) {
		k->gemm_bf16(rows, count, a->inputs, a->bf16 + (size_t)row * (size_t)a->stride, a->stride, from,
		             number_of(w), a->inputs, add, y, ldy);
		return;
	}
	const float *x = a->x + (size_t)row * (size_t)a->stride;
	if (k->gemm_nt && s->dtype == AM_COMPUTE_F32) {
		k->gemm_nt(rows, count, a->inputs, x, a->stride, from, number_of(w), a->inputs, add, y, ldy);
		return;
	}
	const float *panel = panel_of(s, w, first, count, s->worker[worker].panel);
	if (k->gemm_nt)
		k->gemm_nt(rows, count, a->inputs, x, a->stride, panel, AM_F32, a->inputs, add, y, ldy);
	else
		am_gemm_nt(rows, count, a->inputs, 1, x, a->stride, panel, a->inputs, add, y, ldy);
}

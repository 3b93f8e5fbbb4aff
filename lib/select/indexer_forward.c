/* Projections of a block by matrix products, then row by row the stages. */
#include "base/fp8.h"
#include "base/half.h"
#include "base/mem.h"
#include "kernels/gemm.h"
#include "select/indexer_stages.h"

#include <math.h>
#include <string.h>

enum {
	PANEL = 64,     /* weight rows of one product */
	ROW_TILE = 256, /* rows of one product, at most */
};

am_status am_index_form_check(const am_index_form *f, am_error *err)
{
	if (f->heads < 1 || f->heads > 4096)
		return am_fail(err, AM_ERR_RANGE, "heads: expected 1 to 4096, found %d", f->heads);
	if (f->dim < 1 || f->dim > AM_INDEX_MAX_DIM)
		return am_fail(err, AM_ERR_RANGE, "head_dim: expected 1 to %d, found %d", AM_INDEX_MAX_DIM, f->dim);
	if (f->rope_dims < 0 || f->rope_dims % 2 || f->rope_dims > f->dim)
		return am_fail(err, AM_ERR_RANGE, "rope_dims: expected an even number up to head_dim %d, found %d", f->dim,
		               f->rope_dims);
	if (f->hadamard && (f->dim & (f->dim - 1)))
		return am_fail(err, AM_ERR_RANGE, "hadamard: expected a head_dim that is a power of two, found %d", f->dim);
	if (!(f->eps >= 0) || !(f->eps < 1))
		return am_fail(err, AM_ERR_RANGE, "eps: expected a number from 0 to 1, found %g", f->eps);
	if (!(fabs(f->scale) > 0) || !(fabs(f->scale) < (double)AM_INDEX_LIMIT))
		return am_fail(err, AM_ERR_RANGE, "scale: expected a finite number other than 0, found %g", f->scale);
	if (f->groups < 1 || f->heads % f->groups)
		return am_fail(err, AM_ERR_RANGE, "per_group: expected heads to divide among %d key/value heads, found %d heads",
		               f->groups, f->heads);
	return AM_OK;
}

static float block_scale(const am_tensor *scale, int row, int block)
{
	size_t i = (size_t)(row / AM_FP8_BLOCK) * (size_t)scale->shape[1] + (size_t)block;
	if (scale->dtype == AM_DTYPE_F8_E8M0)
		return am_e8m0_to_f32(((const uint8_t *)scale->data)[i]);
	float s;
	memcpy(&s, (const char *)scale->data + i * sizeof s, sizeof s);
	return s;
}

static void read_numbers(am_dtype type, const unsigned char *from, size_t n, float *to)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t h = 0;
		if (type == AM_DTYPE_F8_E4M3) {
			to[i] = am_e4m3_to_f32(from[i]);
		} else if (type == AM_DTYPE_F32) {
			memcpy(to + i, from + 4 * i, 4);
		} else {
			memcpy(&h, from + 2 * i, 2);
			to[i] = type == AM_DTYPE_BF16 ? am_bf16_to_f32(h) : am_f16_to_f32(h);
		}
	}
}

void am_index_matrix_rows(const am_index_matrix *m, int first, int count, float *to)
{
	size_t columns = (size_t)m->w->shape[1], size = am_dtype_size(m->w->dtype);
	read_numbers(m->w->dtype, (const unsigned char *)m->w->data + (size_t)first * columns * size,
	             (size_t)count * columns, to);
	for (int r = 0; m->scale && r < count; r++)
		for (size_t i = 0; i < columns; i++)
			to[(size_t)r * columns + i] *= block_scale(m->scale, first + r, (int)(i / AM_FP8_BLOCK));
}

/* One step over all threads. `raw` has a row of results [q | k | a] for each of the input's, at least two:
 * a single row is a product of another kind (kernels.h), so it goes twice. */
typedef struct forward_step {
	const am_index_form *f;
	const am_index_weights *w;
	const am_index_input *in;
	const am_kernels *kernels;
	const am_index_output *out;
	const float *x, *c; /* [rows] inputs of the products */
	int rows;
	float *raw;
	int width;
	float *panels; /* [workers][PANEL][inputs]; NULL when weights are read as they lie */
	size_t panel;
	float *worst;  /* [rows] largest magnitude of a row's results, NaN if any is */
} forward_step;

static int panels_of(const am_index_matrix *m)
{
	return m->w ? (int)((m->w->shape[0] + PANEL - 1) / PANEL) : 0;
}

static bool read_as_it_lies(const am_kernels *kernels, const am_index_matrix *m)
{
	return kernels->gemm_nt && m->w->dtype != AM_DTYPE_F8_E4M3;
}

static void product(const forward_step *s, const am_index_matrix *m, const float *x, int row, int rows, int first,
                    float *y, int worker)
{
	int inputs = (int)m->w->shape[1];
	int count = (int)m->w->shape[0] - first < PANEL ? (int)m->w->shape[0] - first : PANEL;
	x += (size_t)row * (size_t)inputs;
	y += (size_t)row * (size_t)s->width + first;
	if (read_as_it_lies(s->kernels, m)) {
		am_number type = m->w->dtype == AM_DTYPE_F32 ? AM_F32 : m->w->dtype == AM_DTYPE_F16 ? AM_F16 : AM_BF16;
		const char *from = (const char *)m->w->data + (size_t)first * (size_t)inputs * am_dtype_size(m->w->dtype);
		s->kernels->gemm_nt(rows, count, inputs, x, inputs, from, type, inputs, false, y, s->width);
		return;
	}
	float *panel = s->panels + (size_t)worker * s->panel;
	am_index_matrix_rows(m, first, count, panel);
	if (s->kernels->gemm_nt)
		s->kernels->gemm_nt(rows, count, inputs, x, inputs, panel, AM_F32, inputs, false, y, s->width);
	else
		am_gemm_nt(rows, count, inputs, 1, x, inputs, panel, inputs, 0, y, s->width);
}

/* Row tiles are cut evenly: none of several has a single row. */
static void project_task(void *ctx, int task, int worker)
{
	const forward_step *s = ctx;
	int tiles = (s->rows + ROW_TILE - 1) / ROW_TILE, tile = task % tiles, panel = task / tiles;
	int row = (int)((int64_t)s->rows * tile / tiles), end = (int)((int64_t)s->rows * (tile + 1) / tiles);
	int queries = s->f->heads * s->f->dim;
	if (panel < panels_of(&s->w->wq)) {
		product(s, &s->w->wq, s->c, row, end - row, panel * PANEL, s->raw, worker);
		return;
	}
	panel -= panels_of(&s->w->wq);
	if (panel < panels_of(&s->w->wk)) {
		product(s, &s->w->wk, s->x, row, end - row, panel * PANEL, s->raw + queries, worker);
		return;
	}
	panel -= panels_of(&s->w->wk);
	product(s, &s->w->ww, s->x, row, end - row, panel * PANEL, s->raw + queries + s->f->dim, worker);
}

static void key_row(const forward_step *s, int r, float *raw)
{
	const am_index_form *f = s->f;
	const float *cos = s->in->cos + (size_t)r * (size_t)(f->rope_dims / 2);
	const float *sin = s->in->sin + (size_t)r * (size_t)(f->rope_dims / 2);
	if (f->norm != AM_INDEX_NORM_NONE)
		am_index_norm_row(f->norm, f->eps, raw, s->w->norm_weight, s->w->norm_bias, f->dim, raw);
	if (f->norm != AM_INDEX_NORM_NONE && f->bf16_activations)
		am_round_bf16(raw, f->dim);
	s->worst[r] = am_index_largest(s->worst[r], raw, f->dim);
	s->out->k_scale[r] = am_index_finish(f, raw, cos, sin);
	memcpy(s->out->k + (size_t)r * (size_t)f->dim, raw, (size_t)f->dim * sizeof *raw);
}

static void query_row(const forward_step *s, int r, float *raw)
{
	const am_index_form *f = s->f;
	const float *cos = s->in->cos + (size_t)r * (size_t)(f->rope_dims / 2);
	const float *sin = s->in->sin + (size_t)r * (size_t)(f->rope_dims / 2);
	float *q = s->out->q + (size_t)r * (size_t)f->heads * (size_t)f->dim;
	s->worst[r] = am_index_largest(s->worst[r], raw, f->heads * f->dim);
	memcpy(q, raw, (size_t)f->heads * (size_t)f->dim * sizeof *q);
	for (int j = 0; j < f->heads; j++)
		s->out->q_scale[(size_t)r * (size_t)f->heads + j] = am_index_finish(f, q + (size_t)j * (size_t)f->dim, cos, sin);
}

static void stage_task(void *ctx, int r, int worker)
{
	(void)worker;
	const forward_step *s = ctx;
	const am_index_form *f = s->f;
	float *raw = s->raw + (size_t)r * (size_t)s->width, *w = s->out->w + (size_t)r * (size_t)f->heads;
	int queries = f->heads * f->dim;
	s->worst[r] = 0;
	if (f->bf16_activations)
		am_round_bf16(raw, queries + f->dim);
	query_row(s, r, raw);
	key_row(s, r, raw + queries);
	for (int j = 0; j < f->heads; j++)
		w[j] = f->head_weights ? raw[queries + f->dim + j] * (float)f->scale : (float)f->scale;
	s->worst[r] = am_index_largest(s->worst[r], w, f->heads);
}

/* Copies of x or c where they cannot be used as they are: rounded, or a single row twice. */
static const float *input_of(const forward_step *s, const float *from, int inputs, float *to)
{
	size_t n = (size_t)s->in->rows * (size_t)inputs;
	if (!s->f->bf16_activations && s->rows == s->in->rows)
		return from;
	memcpy(to, from, n * sizeof *to);
	if (s->rows > s->in->rows)
		memcpy(to + n, from, n * sizeof *to);
	if (s->f->bf16_activations)
		am_round_bf16(to, s->rows * inputs);
	return to;
}

static am_status make_room(forward_step *s, am_index_work *work, int workers, float **copies, am_error *err)
{
	size_t inputs = (size_t)(s->w->wq.w->shape[1] + s->w->wk.w->shape[1]), rows = (size_t)s->rows;
	bool panels = !read_as_it_lies(s->kernels, &s->w->wq) || !read_as_it_lies(s->kernels, &s->w->wk) ||
	              (s->w->ww.w && !read_as_it_lies(s->kernels, &s->w->ww));
	s->panel = panels ? PANEL * inputs : 0;
	size_t floats = rows * (inputs + (size_t)s->width + 1) + (size_t)workers * s->panel;
	if (floats > work->size) {
		am_index_work_fini(work);
		if (!(work->bytes = am_alloc(floats, sizeof(float))))
			return am_fail(err, AM_ERR_MEMORY, "indexer: out of memory");
		work->size = floats;
	}
	*copies = work->bytes;
	s->raw = *copies + rows * inputs;
	s->worst = s->raw + rows * (size_t)s->width;
	s->panels = s->worst + rows;
	return AM_OK;
}

void am_index_work_fini(am_index_work *w)
{
	am_free(w->bytes);
	*w = (am_index_work){0};
}

am_status am_index_forward(const am_index_form *f, const am_index_weights *weights, const am_index_input *in,
                           const am_kernels *kernels, am_threads *threads, am_index_work *work,
                           const am_index_output *out, am_error *err)
{
	forward_step s = {.f = f, .w = weights, .in = in, .kernels = kernels, .out = out, .rows = in->rows > 1 ? in->rows : 2,
	                  .width = f->heads * f->dim + f->dim + f->heads};
	float *copies = NULL;
	am_status status = make_room(&s, work, am_threads_count(threads), &copies, err);
	if (status)
		return status;
	int x_inputs = (int)weights->wk.w->shape[1], c_inputs = (int)weights->wq.w->shape[1];
	s.x = input_of(&s, in->x, x_inputs, copies);
	s.c = in->c == in->x ? s.x : input_of(&s, in->c, c_inputs, copies + (size_t)s.rows * (size_t)x_inputs);
	int tiles = (s.rows + ROW_TILE - 1) / ROW_TILE;
	am_threads_run(threads, tiles * (panels_of(&weights->wq) + panels_of(&weights->wk) + panels_of(&weights->ww)),
	               project_task, &s);
	am_threads_run(threads, in->rows, stage_task, &s);
	for (int r = 0; r < in->rows; r++)
		if (!(s.worst[r] < AM_INDEX_LIMIT))
			return am_fail(err, AM_ERR_NUMERIC,
			               "token %d: expected index queries, keys and weights below %g in magnitude, found %g",
			               in->start + r, (double)AM_INDEX_LIMIT, (double)s.worst[r]);
	return AM_OK;
}

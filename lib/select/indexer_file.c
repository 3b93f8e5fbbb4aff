#include "select/indexer_file.h"

#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void am_indexer_close(am_indexer *x)
{
	if (!x)
		return;
	am_free(x->weights);
	am_free(x->owner);
	am_free(x->norms);
	am_tensors_close(x->tensors);
	am_free(x);
}

am_status am_indexer_room(am_indexer *x, am_error *err)
{
	x->weights = am_calloc((size_t)x->layers, sizeof *x->weights);
	x->owner = am_calloc((size_t)x->layers, sizeof *x->owner);
	x->norms = am_calloc((size_t)x->layers * 2, (size_t)x->form.dim * sizeof *x->norms);
	if (!x->weights || !x->owner || !x->norms)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_tensors_path(x->tensors));
	return AM_OK;
}

static am_status check_type(const am_tensor *t, bool vector, am_error *err)
{
	if (t->dtype == AM_DTYPE_F32 || t->dtype == AM_DTYPE_F16 || t->dtype == AM_DTYPE_BF16 ||
	    (t->dtype == AM_DTYPE_F8_E4M3 && !vector))
		return AM_OK;
	return am_fail(err, AM_ERR_UNSUPPORTED, "%s: tensor %s: expected F32, F16%s, found %s", t->file, t->name,
	               vector ? " or BF16" : ", BF16 or F8_E4M3", am_dtype_name(t->dtype));
}

/* The scales beside an FP8 matrix: "X_scale_inv" for the matrix X, as DeepSeek names them. */
static am_status find_scale(const am_tensors *t, am_index_matrix *m, am_error *err)
{
	char name[256];
	int64_t shape[2];
	if (m->w->dtype != AM_DTYPE_F8_E4M3)
		return AM_OK;
	for (int i = 0; i < 2; i++)
		shape[i] = (m->w->shape[i] + AM_FP8_BLOCK - 1) / AM_FP8_BLOCK;
	snprintf(name, sizeof name, "%s_scale_inv", m->w->name);
	am_status s = am_tensors_need(t, name, 2, shape, &m->scale, err);
	if (!s && m->scale->dtype != AM_DTYPE_F32 && m->scale->dtype != AM_DTYPE_F8_E8M0)
		s = am_fail(err, AM_ERR_UNSUPPORTED, "%s: tensor %s: expected F32 or F8_E8M0, found %s", m->scale->file, name,
		            am_dtype_name(m->scale->dtype));
	return s;
}

static am_status find_matrix(const am_tensors *t, const char *prefix, const char *name, int rows, int columns,
                             am_index_matrix *out, am_error *err)
{
	char full[256];
	const int64_t shape[2] = {rows, columns};
	am_index_matrix m = {0};
	snprintf(full, sizeof full, "%s%s", prefix, name);
	am_status s = am_tensors_need(t, full, 2, shape, &m.w, err);
	if (!s)
		s = check_type(m.w, false, err);
	if (!s)
		s = find_scale(t, &m, err);
	if (!s)
		*out = m;
	return s;
}

static am_status read_vector(const am_tensors *t, const char *prefix, const char *name, int n, float *to,
                             am_error *err)
{
	char full[256];
	const int64_t shape[1] = {n};
	const am_tensor *v = NULL;
	snprintf(full, sizeof full, "%s%s", prefix, name);
	am_status s = am_tensors_need(t, full, 1, shape, &v, err);
	if (!s)
		s = check_type(v, true, err);
	if (s)
		return s;
	am_tensor row = *v;
	row.rank = 2;
	row.shape[0] = 1;
	row.shape[1] = n;
	am_index_matrix_rows(&(am_index_matrix){.w = &row}, 0, 1, to);
	for (int i = 0; i < n; i++)
		if (!isfinite(to[i]))
			return am_fail(err, AM_ERR_NUMERIC, "%s: tensor %s[%d]: expected a finite number, found %g", v->file, v->name, i,
			               (double)to[i]);
	return AM_OK;
}

am_status am_indexer_find(am_indexer *x, int layer, const char *prefix, const am_indexer_names *names, am_error *err)
{
	const am_index_form *f = &x->form;
	am_index_weights w = {0};
	float *norm = x->norms + (size_t)layer * 2 * (size_t)f->dim;
	am_status s = find_matrix(x->tensors, prefix, names->wq, f->heads * f->dim, x->c_inputs, &w.wq, err);
	if (!s)
		s = find_matrix(x->tensors, prefix, names->wk, f->dim, x->x_inputs, &w.wk, err);
	if (!s && f->head_weights)
		s = find_matrix(x->tensors, prefix, names->ww, f->heads, x->x_inputs, &w.ww, err);
	if (!s && f->norm != AM_INDEX_NORM_NONE) {
		s = read_vector(x->tensors, prefix, names->norm_weight, f->dim, norm, err);
		w.norm_weight = norm;
	}
	if (!s && f->norm == AM_INDEX_NORM_LAYER) {
		s = read_vector(x->tensors, prefix, names->norm_bias, f->dim, norm + f->dim, err);
		w.norm_bias = norm + f->dim;
	}
	if (!s)
		x->weights[layer] = w;
	return s;
}

am_status am_indexer_open(const char *path, am_indexer **out, am_error *err)
{
	am_indexer *x = am_calloc(1, sizeof *x);
	if (!x)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	am_status s = am_tensors_open(path, &x->tensors, err);
	if (!s)
		s = am_file_is_directory(path) ? am_indexer_read_folder(path, x, err) : am_indexer_read_own(x, err);
	for (int l = 0, last = -1; !s && l < x->layers; l++)
		x->owner[l] = last = x->weights[l].wq.w ? l : last;
	if (s) {
		am_indexer_close(x);
		return s;
	}
	*out = x;
	return AM_OK;
}

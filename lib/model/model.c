#include "model/model.h"

#include "base/file.h"
#include "base/half.h"
#include "base/mem.h"
#include "model/session.h"

#include <string.h>

static float element(const am_tensor *t, size_t i)
{
	const unsigned char *p = (const unsigned char *)t->data + i * am_dtype_size(t->dtype);
	if (t->dtype == AM_DTYPE_F32) {
		float f;
		memcpy(&f, p, sizeof f);
		return f;
	}
	uint16_t h;
	memcpy(&h, p, sizeof h);
	return t->dtype == AM_DTYPE_BF16 ? am_bf16_to_f32(h) : am_f16_to_f32(h);
}

static size_t elements(const am_tensor *t)
{
	return t->bytes / am_dtype_size(t->dtype);
}

/* *out = float32 copy of a vector; stays NULL for a NULL tensor. */
static bool copy_vector(const am_tensor *t, float **out)
{
	if (!t)
		return true;
	size_t n = elements(t);
	*out = am_alloc(n, sizeof **out);
	for (size_t i = 0; *out && i < n; i++)
		(*out)[i] = element(t, i);
	return *out != NULL;
}

static bool copy_vectors(am_model *m)
{
	bool ok = copy_vector(m->weights.final_norm, &m->final_norm);
	m->vectors = am_calloc((size_t)m->config.layers, sizeof *m->vectors);
	for (int l = 0; ok && m->vectors && l < m->config.layers; l++) {
		const am_layer_weights *w = &m->weights.layers[l];
		am_layer_vectors *v = &m->vectors[l];
		ok = copy_vector(w->input_norm, &v->input_norm) && copy_vector(w->post_norm, &v->post_norm) &&
		     copy_vector(w->q_bias, &v->q_bias) && copy_vector(w->k_bias, &v->k_bias) &&
		     copy_vector(w->v_bias, &v->v_bias) && copy_vector(w->o_bias, &v->o_bias) &&
		     copy_vector(w->gate_bias, &v->gate_bias) && copy_vector(w->up_bias, &v->up_bias) &&
		     copy_vector(w->down_bias, &v->down_bias) && copy_vector(w->q_norm, &v->q_norm) &&
		     copy_vector(w->k_norm, &v->k_norm);
	}
	return ok && m->vectors;
}

am_status am_model_open(const char *dir, am_model **out, am_error *err)
{
	if (!am_file_is_directory(dir))
		return am_fail(err, AM_ERR_IO, "%s: expected a model directory, found %s", dir,
		               am_file_exists(dir) ? "a file" : "nothing");
	am_model *m = am_calloc(1, sizeof *m);
	if (!m)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", dir);
	am_status status = am_config_read(dir, &m->config, err);
	if (!status)
		status = am_tensors_open(dir, &m->tensors, err);
	if (!status)
		status = am_weights_resolve(&m->config, m->tensors, &m->weights, err);
	if (!status && !copy_vectors(m))
		status = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", dir);
	if (status) {
		am_model_close(m);
		return status;
	}
	am_tensors_digest(m->tensors, m->digest);
	*out = m;
	return AM_OK;
}

void am_model_close(am_model *m)
{
	if (!m)
		return;
	for (int l = 0; m->vectors && l < m->config.layers; l++) {
		am_layer_vectors *v = &m->vectors[l];
		float *own[] = {v->input_norm, v->post_norm, v->q_bias, v->k_bias, v->v_bias, v->o_bias,
		                v->gate_bias, v->up_bias, v->down_bias, v->q_norm, v->k_norm};
		for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
			am_free(own[i]);
	}
	am_free(m->vectors);
	am_free(m->final_norm);
	am_weights_fini(&m->weights);
	am_tensors_close(m->tensors);
	am_config_fini(&m->config);
	am_free(m);
}

const am_config *am_model_config(const am_model *m)
{
	return &m->config;
}

const char *am_model_digest(const am_model *m)
{
	return m->digest;
}

const char *am_model_dtype(const am_model *m)
{
	return am_dtype_name(m->weights.layers[0].q->dtype);
}

size_t am_model_bytes(const am_model *m)
{
	return am_tensors_bytes(m->tensors);
}

/* Appends to err where a tensor's first non-finite element is; false when none. */
static bool names_culprit(const am_tensor *t, int layer, const char *what, am_error *err)
{
	for (size_t i = 0; t && i < elements(t); i++) {
		float x = element(t, i);
		if (x - x == 0)
			continue;
		if (layer >= 0)
			am_fail(err, AM_ERR_NUMERIC, "layer %d: %s not finite: %s: tensor %s holds %g at element %zu",
			        layer, what, t->file, t->name, (double)x, i);
		else
			am_fail(err, AM_ERR_NUMERIC, "%s not finite: %s: tensor %s holds %g at element %zu", what,
			        t->file, t->name, (double)x, i);
		return true;
	}
	return false;
}

am_status am_report_nonfinite(const am_session *s, int layer, const char *what, am_error *err)
{
	const am_weights *w = &s->model->weights;
	if (layer < 0) {
		if (!names_culprit(w->final_norm, layer, what, err) && !names_culprit(w->lm_head, layer, what, err))
			am_fail(err, AM_ERR_NUMERIC, "%s not finite, though the weights are: activations overflow", what);
		return AM_ERR_NUMERIC;
	}
	const am_layer_weights *l = &w->layers[layer];
	const am_tensor *all[] = {l->input_norm, l->q, l->k, l->v, l->q_bias, l->k_bias, l->v_bias, l->q_norm,
	                          l->k_norm, l->o, l->o_bias, l->post_norm, l->gate, l->up, l->gate_bias,
	                          l->up_bias, l->down, l->down_bias, layer == 0 ? w->embed : NULL};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (names_culprit(all[i], layer, what, err))
			return AM_ERR_NUMERIC;
	return am_fail(err, AM_ERR_NUMERIC, "layer %d: %s not finite, though its weights are: activations overflow",
	               layer, what);
}

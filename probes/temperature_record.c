/* What a run file says of its inverse temperatures. */
#include "base/mem.h"
#include "probes/temperature_internal.h"

#include <math.h>

static int index_of(const int *ids, int n, int id)
{
	for (int i = 0; i < n; i++)
		if (ids[i] == id)
			return i;
	return -1;
}

static bool captured(const int32_t *ids, int n, int id)
{
	for (int i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Heads that have another temperature than 1 and are not captured. */
static int64_t elsewhere(const am_temperature *t)
{
	const am_run_axes *x = am_capture_axes(t->job->capture);
	const am_config *c = am_model_config(t->job->model);
	int64_t n = 0;
	for (int l = 0; l < c->layers; l++)
		for (int h = 0; h < c->heads; h++)
			n += t->beta[l * c->heads + h] != 1 &&
			     !(captured(x->layer, x->n_layer, l) && captured(x->head, x->n_head, h));
	return n;
}

am_status am_temperature_describe(const am_temperature *t, am_run_writer *w, am_error *err)
{
	am_status s = am_run_writer_attr_str(w, "temperatures", t->job->o->temperatures, err);
	if (!s)
		s = am_run_writer_attr_int(w, "temperature_elsewhere", elsewhere(t), err);
	if (s || t->file.beta)
		return s;
	s = am_run_writer_attr_int(w, "temperature_sequences", t->file.n_sequence, err);
	if (!s)
		s = am_run_writer_attr_int(w, "temperature_passes", t->passes, err);
	if (!s)
		s = am_run_writer_attr_int(w, "temperature_clamped", t->clamped, err);
	if (!s)
		s = am_run_writer_attr_double(w, "temperature_tolerance", AM_ROOT_TOLERANCE, err);
	return s ? s : am_run_writer_attr_double(w, "temperature_worst", t->worst, err);
}

static am_status put_sequences(const am_temperature *t, am_run_writer *w, am_error *err)
{
	int n = t->job->sequences.n;
	int32_t *used = am_alloc((size_t)n, sizeof *used);
	if (!used)
		return am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	for (int i = 0; i < n; i++)
		used[i] = am_temperature_uses(t, i);
	am_status s = am_run_writer_put(w, AM_FIELD_TEMPERATURE_SEQUENCE, n, used, err);
	am_free(used);
	return s;
}

am_status am_temperature_put(const am_temperature *t, am_run_writer *w, am_error *err)
{
	const am_run_axes *x = am_capture_axes(t->job->capture);
	const am_temperatures *f = &t->file;
	int heads = am_model_config(t->job->model)->heads;
	size_t n = (size_t)x->n_layer * (size_t)x->n_head;
	float *beta = am_alloc(3 * n, sizeof *beta), *target = beta + n, *entropy = beta + 2 * n;
	if (!beta)
		return am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	for (int i = 0; i < x->n_layer; i++)
		for (int j = 0; j < x->n_head; j++) {
			size_t at = (size_t)i * (size_t)x->n_head + (size_t)j;
			int l = index_of(f->layer, f->n_layer, x->layer[i]), h = index_of(f->head, f->n_head, x->head[j]);
			bool solved = t->root && l >= 0 && h >= 0;
			beta[at] = t->beta[x->layer[i] * heads + x->head[j]];
			target[at] = solved ? (float)f->target[l * f->n_head + h] : NAN;
			entropy[at] = solved ? (float)t->root[l * f->n_head + h].entropy : NAN;
		}
	am_status s = am_run_writer_put(w, AM_FIELD_TEMPERATURE_BETA, 0, beta, err);
	if (!s)
		s = am_run_writer_put(w, AM_FIELD_TEMPERATURE_TARGET, 0, target, err);
	if (!s)
		s = am_run_writer_put(w, AM_FIELD_TEMPERATURE_ENTROPY, 0, entropy, err);
	am_free(beta);
	return s ? s : put_sequences(t, w, err);
}

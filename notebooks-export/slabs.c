/* Fields in boxes that fit memory, in row-major order. */
#include "base/mem.h"
#include "notebooks-export/export_internal.h"

#include <assert.h>
#include <math.h>

enum { SLAB_VALUES = 1 << 24 };

typedef struct walk {
	am_run *run;
	const am_outfile *out;
	am_slab slab;
	int64_t shape[AM_MAX_AXES];
	void *data;
	am_slab_fn *fn;
	void *ctx;
} walk;

static int64_t values_from(const walk *w, int axis)
{
	int64_t n = 1;
	for (int a = axis; a < w->slab.rank; a++)
		n *= w->shape[a];
	return n;
}

static am_status read_slab(walk *w, am_error *err)
{
	am_slab *s = &w->slab;
	s->f32 = NULL;
	s->i32 = NULL;
	s->i64 = NULL;
	s->n = 1;
	for (int a = 0; a < s->rank; a++)
		s->n *= (size_t)s->count[a];
	if (am_fields[s->field].type == AM_TYPE_F32) {
		s->f32 = w->data;
		return am_run_read_f32(w->run, s->field, s->start, s->count, w->data, err);
	}
	if (am_fields[s->field].type == AM_TYPE_I32) {
		s->i32 = w->data;
		return am_run_read_i32(w->run, s->field, s->start, s->count, w->data, err);
	}
	s->i64 = w->data;
	return am_run_read_i64(w->run, s->field, s->start, s->count, w->data, err);
}

/* Everything from `axis` on in one box where it fits; else one index of the axis after
 * another, and of the last axis as many as fit. */
static am_status descend(walk *w, int axis, am_error *err)
{
	am_slab *s = &w->slab;
	am_status status = AM_OK;
	assert(axis < s->rank && s->rank <= AM_MAX_AXES);
	bool last = axis == s->rank - 1;
	int64_t whole = values_from(w, axis), step = whole <= SLAB_VALUES ? w->shape[axis] : last ? SLAB_VALUES : 1;
	for (int64_t at = 0; at < w->shape[axis] && !status && am_outfile_ok(w->out); at += step) {
		s->start[axis] = at;
		s->count[axis] = w->shape[axis] - at < step ? w->shape[axis] - at : step;
		if (whole > SLAB_VALUES && !last) {
			status = descend(w, axis + 1, err);
			continue;
		}
		for (int a = axis + 1; a < s->rank; a++) {
			s->start[a] = 0;
			s->count[a] = w->shape[a];
		}
		status = read_slab(w, err);
		if (!status)
			w->fn(w->ctx, s);
	}
	return status;
}

am_status am_slabs_each(am_run *run, am_field field, const am_outfile *o, am_slab_fn *fn, void *ctx, am_error *err)
{
	walk w = {.run = run, .out = o, .slab = {.field = field}, .fn = fn, .ctx = ctx};
	w.slab.rank = am_run_shape(run, field, w.shape);
	int64_t n = values_from(&w, 0);
	if (n == 0)
		return AM_OK;
	w.data = am_alloc((size_t)(n < SLAB_VALUES ? n : SLAB_VALUES), sizeof(int64_t));
	if (!w.data)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	am_status s = descend(&w, 0, err);
	am_free(w.data);
	return s;
}

double am_slab_value(const am_slab *s, size_t i)
{
	if (s->f32)
		return (double)s->f32[i];
	int64_t v = s->i32 ? s->i32[i] : s->i64[i];
	return v < 0 ? NAN : (double)v;
}

am_status am_export_strings(am_run *run, am_field field, char ***out, int64_t *n, am_error *err)
{
	int64_t shape[AM_MAX_AXES] = {0};
	am_run_shape(run, field, shape);
	char **s = am_calloc((size_t)shape[0], sizeof *s);
	if (!s)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	for (int64_t i = 0; i < shape[0]; i++) {
		am_status status = am_run_read_string(run, field, i, &s[i], err);
		if (status) {
			am_export_free_strings(s, shape[0]);
			return status;
		}
	}
	*out = s;
	*n = shape[0];
	return AM_OK;
}

void am_export_free_strings(char **s, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		am_free(s[i]);
	am_free(s);
}

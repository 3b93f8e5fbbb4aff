#include "base/mem.h"
#include "runfile/writer_state.h"

#include <assert.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)

static size_t product(const int64_t *n, int from, int to)
{
	size_t p = 1;
	for (int i = from; i < to; i++)
		p *= (size_t)n[i];
	return p;
}

/* Hands over an array of dims[], chunk by chunk; the parts of chunks that lie
 * outside hold the fill value. */
static am_status hand_all(am_run_writer *w, am_stored *d, const unsigned char *data, am_error *err)
{
	size_t element = am_stored_element(d), whole = am_stored_chunk_elements(d);
	size_t n = product(d->dims, 0, d->rank);
	/* The axis that is cut; those before it have chunks of 1, those after are whole. */
	int cut = 0;
	while (cut < d->rank - 1 && d->chunk[cut] == 1)
		cut++;
	size_t inner = product(d->dims, cut + 1, d->rank);
	int64_t at[AM_MAX_AXES] = {0};
	am_status s = AM_OK;
	for (size_t first = 0, used; first < n && !s; first += used) {
		int64_t count = d->dims[cut] - at[cut];
		if (count > d->chunk[cut])
			count = d->chunk[cut];
		used = (size_t)count * inner;
		unsigned char *chunk = am_packer_take(w->packer, whole * element);
		if (!chunk)
			return am_fail(err, AM_ERR_MEMORY, "out of memory for a chunk");
		memcpy(chunk, data + first * element, used * element);
		am_stored_fill(d, chunk + used * element, whole - used);
		s = am_packer_hand(w->packer, d, at, chunk, err);
		at[cut] += count;
		for (int a = cut; a > 0 && at[a] == d->dims[a]; a--) {
			at[a] = 0;
			at[a - 1]++;
		}
	}
	return s;
}

/* Chooses the chunks of an array of dims[] and writes them; returns when they are
 * in the file. */
static am_status write_all(am_run_writer *w, am_stored *d, const void *data, am_error *err)
{
	am_stored_choose_chunk(d, CHUNK_BYTES);
	am_status s = hand_all(w, d, data, err);
	/* The chunks that are under way need *d, whatever happened. */
	am_status waited = am_packer_wait(w->packer, s ? NULL : err);
	return s ? s : waited;
}

/* Stores the coordinates of an axis; values as the axis's type. */
static am_status put_axis(am_run_writer *w, am_axis a, int64_t n, const void *values, am_error *err)
{
	am_stored *d = &w->axis[a];
	*d = (am_stored){.type = am_axes[a].type, .rank = 1, .dims = {n}};
	w->length[a] = n;
	return write_all(w, d, values, err);
}

/* Coordinates by rule: 0, 1, ...; lower edges of log2 bins; centres of cells. */
static am_status put_rule_axis(am_run_writer *w, am_axis a, int64_t n, am_error *err)
{
	size_t size = am_type_size(am_axes[a].type);
	void *values = am_alloc((size_t)n, size);
	if (!values)
		return am_fail(err, AM_ERR_MEMORY, "axis %s: out of memory", am_axes[a].name);
	for (int64_t i = 0; i < n; i++) {
		if (am_axes[a].type == AM_TYPE_F64)
			((double *)values)[i] = ((double)i + 0.5) / (double)n;
		else if (am_axes[a].type == AM_TYPE_I32)
			((int32_t *)values)[i] = (int32_t)i;
		else
			((int64_t *)values)[i] = a != AM_AXIS_DISTANCE_BIN || i == 0 ? i : (int64_t)1 << (i - 1);
	}
	am_status s = put_axis(w, a, n, values, err);
	am_free(values);
	return s;
}

am_status am_writer_put_axes(am_run_writer *w, const am_run_axes *x, am_error *err)
{
	const struct {
		am_axis axis;
		int n;
		const void *values; /* NULL: by rule */
	} given[] = {
		{AM_AXIS_LAYER, x->n_layer, x->layer},
		{AM_AXIS_HEAD, x->n_head, x->head},
		{AM_AXIS_KV_HEAD, x->n_kv_head, x->kv_head},
		{AM_AXIS_K, x->n_k, x->k},
		{AM_AXIS_RATIO, x->n_ratio, x->ratio},
		{AM_AXIS_MASS, x->n_mass, x->mass},
		{AM_AXIS_RANK, x->n_rank, NULL},
		{AM_AXIS_DISTANCE_BIN, x->n_distance_bin, NULL},
		{AM_AXIS_MAP_Q, x->n_map, NULL},
		{AM_AXIS_MAP_K, x->n_map, NULL},
	};
	am_status s = AM_OK;
	for (size_t i = 0; i < sizeof given / sizeof *given && !s; i++) {
		if (given[i].n <= 0)
			continue;
		s = given[i].values ? put_axis(w, given[i].axis, given[i].n, given[i].values, err)
		                    : put_rule_axis(w, given[i].axis, given[i].n, err);
	}
	return s;
}

static am_status put_strings(am_strings *to, int64_t n, const char *const *s, am_error *err)
{
	char **copy = am_calloc((size_t)n, sizeof *copy);
	bool ok = copy;
	for (int64_t i = 0; i < n && ok; i++)
		ok = (copy[i] = am_strdup(s[i] ? s[i] : ""));
	if (!ok) {
		for (int64_t i = 0; copy && i < n; i++)
			am_free(copy[i]);
		am_free(copy);
		return am_fail(err, AM_ERR_MEMORY, "out of memory for %lld strings", (long long)n);
	}
	*to = (am_strings){copy, n};
	return AM_OK;
}

/* The axis of a field whose length is known only when it is put. */
static bool late(am_axis a)
{
	return a == AM_AXIS_SEQUENCE || a == AM_AXIS_TOKEN || a == AM_AXIS_TOKEN_EDGE;
}

/* Gives a late axis its length, n sequences or tokens, or checks that it has it. */
static am_status agree(am_run_writer *w, am_field f, am_axis a, int64_t n, am_error *err)
{
	am_axis counted = a == AM_AXIS_TOKEN_EDGE ? AM_AXIS_SEQUENCE : a;
	int64_t want = w->length[counted];
	if (n < 0 || (want >= 0 && n != want))
		return am_fail(err, AM_ERR_USAGE, "%s: %lld along %s, which has %lld", am_fields[f].path,
		               (long long)n, am_axes[counted].name, (long long)want);
	am_status s = want < 0 ? put_rule_axis(w, counted, n, err) : AM_OK;
	return s || a == counted || w->length[a] >= 0 ? s : put_rule_axis(w, a, n + 1, err);
}

static am_status take_shape(am_run_writer *w, am_field f, int64_t n, am_stored *d, am_error *err)
{
	const am_field_spec *spec = &am_fields[f];
	am_status s = AM_OK;
	for (int a = 0; a < spec->n_axes && !s; a++) {
		if (late(spec->axes[a]))
			s = agree(w, f, spec->axes[a], n, err);
		else if (w->length[spec->axes[a]] <= 0)
			s = am_fail(err, AM_ERR_USAGE, "%s: the run has no axis %s", spec->path,
			            am_axes[spec->axes[a]].name);
		d->dims[a] = w->length[spec->axes[a]];
	}
	return s;
}

am_status am_run_writer_put(am_run_writer *w, am_field f, int64_t n, const void *data, am_error *err)
{
	const am_field_spec *spec = &am_fields[f];
	assert(am_field_row_axis(f) < 0);
	am_status s = am_writer_ready(w, err);
	if (s)
		return s;
	if (w->field[f].rank || w->strings[f].s)
		return am_fail(err, AM_ERR_USAGE, "%s: written already", spec->path);
	am_stored d = {.type = spec->type, .rank = spec->n_axes};
	s = take_shape(w, f, n, &d, err);
	if (!s && spec->type == AM_TYPE_STRING)
		return put_strings(&w->strings[f], n, data, err);
	if (!s)
		s = write_all(w, &d, data, err);
	if (s) {
		am_stored_fini(&d);
		/* A refused call changes nothing; a failed write ends the run. */
		w->failed = s == AM_ERR_USAGE ? AM_OK : s;
		return s;
	}
	w->field[f] = d;
	return AM_OK;
}

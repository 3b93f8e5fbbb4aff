/* Takes in and checks the structure of a capture file. */
#include "base/mem.h"
#include "runfile/capture_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 1 << 24, MOST = 1 << 20, WIDEST = 1 << 16 }; /* tokens; layers, sequences; heads, sizes */

/* Ascending numbers in [0, below). */
static am_status check_ascending(const am_capture_file *c, const char *path, const int32_t *x, int n, int below,
                                 am_error *err)
{
	for (int i = 0; i < n; i++) {
		if (x[i] < 0 || x[i] >= below)
			return am_fail(err, AM_ERR_RANGE, "%s: %s: expected 0 to %d, found %d", c->path, path, below - 1, x[i]);
		if (i && x[i] <= x[i - 1])
			return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected ascending values, found %d after %d", c->path, path,
			               x[i], x[i - 1]);
	}
	return AM_OK;
}

static am_status load_root(am_capture_file *c, int64_t *sequences, am_error *err)
{
	hid_t root = H5Gopen2(c->file, "/", H5P_DEFAULT);
	if (root < 0)
		return am_h5_fail(err, AM_ERR_FORMAT, "%s: cannot read the root attributes", c->path);
	am_capture_attrs a = {c, root, "/", err};
	char *format = NULL;
	int64_t version = 0, complete = 0, layers = 0;
	am_status s = am_capture_attr_text(&a, "format", &format);
	if (!s && strcmp(format, AM_RUN_FORMAT) == 0)
		s = am_fail(err, AM_ERR_FORMAT, "%s: not a capture file but a run, which attnmeter show and the tables read as it is",
		            c->path);
	if (!s && strcmp(format, AM_CAPTURE_FORMAT) != 0)
		s = am_fail(err, AM_ERR_FORMAT, "%s: not a capture file: expected format " AM_CAPTURE_FORMAT ", found '%s'",
		            c->path, format);
	am_free(format);
	if (!s)
		s = am_capture_attr_int(&a, "format_version", true, 1, INT32_MAX, &version);
	if (!s && version > AM_CAPTURE_FORMAT_VERSION)
		s = am_fail(err, AM_ERR_FORMAT, "%s: format_version %" PRId64 ", this program reads up to %d", c->path, version,
		            AM_CAPTURE_FORMAT_VERSION);
	if (!s)
		s = am_capture_attr_int(&a, "complete", true, 0, 1, &complete);
	if (!s && !complete)
		s = am_fail(err, AM_ERR_FORMAT, "%s: the capture was not finished (attribute complete is 0)", c->path);
	if (!s)
		s = am_capture_attr_int(&a, "sequences", true, 1, MOST, sequences);
	if (!s)
		s = am_capture_attr_int(&a, "model_layers", false, 1, MOST, &layers);
	c->info.model_layers = (int)layers;
	const struct { const char *name, **out; } texts[] = {{"model", &c->info.model}, {"model_family", &c->info.family},
	                                                     {"source", &c->info.source}, {"dtype", &c->info.dtype}};
	for (size_t i = 0; !s && i < sizeof texts / sizeof texts[0]; i++)
		s = am_capture_attr_text(&a, texts[i].name, (char **)texts[i].out);
	H5Gclose(root);
	return s;
}

static am_status load_layer(am_capture_file *c, am_captured_layer *l, am_error *err)
{
	char path[AM_CAPTURE_PATH];
	hid_t group;
	int64_t window = 0, causal = 1;
	snprintf(path, sizeof path, "/layers/%d", l->id);
	am_status s = am_capture_group(c, path, &group, err);
	if (s)
		return s;
	am_capture_attrs a = {c, group, path, err};
	s = am_capture_attr_double(&a, "scale", true, false, &l->scale);
	if (!s)
		s = am_capture_attr_double(&a, "soft_cap", false, true, &l->soft_cap);
	if (!s)
		s = am_capture_attr_int(&a, "window", false, 0, INT32_MAX, &window);
	if (!s)
		s = am_capture_attr_int(&a, "causal", false, 0, 1, &causal);
	if (!s && !causal)
		s = am_fail(err, AM_ERR_UNSUPPORTED, "%s: %s: masks that are not causal are not supported", c->path, path);
	l->window = (int)window;
	H5Gclose(group);
	return s;
}

static am_status load_layers(am_capture_file *c, am_error *err)
{
	void *ids = NULL;
	int n = 0;
	am_status s = am_capture_list(c, "/layer", true, -1, MOST, true, &ids, &n, err);
	if (!s)
		s = check_ascending(c, "/layer", ids, n, c->info.model_layers ? c->info.model_layers : MOST, err);
	if (!s && !(c->layer = am_calloc((size_t)n, sizeof *c->layer)))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", c->path);
	for (int i = 0; !s && i < n; i++) {
		c->layer[i].id = ((int32_t *)ids)[i];
		s = load_layer(c, &c->layer[i], err);
	}
	am_free(ids);
	if (s)
		return s;
	c->info.n_layers = n;
	c->info.layer = c->layer;
	if (!c->info.model_layers)
		c->info.model_layers = c->layer[n - 1].id + 1;
	return AM_OK;
}

static am_status load_sequence(am_capture_file *c, int i, am_error *err)
{
	am_captured_sequence *q = &c->sequence[i];
	char path[AM_CAPTURE_PATH];
	hid_t group;
	int64_t length = 0;
	snprintf(path, sizeof path, "/sequences/%d", i);
	am_status s = am_capture_group(c, path, &group, err);
	if (s)
		return s;
	am_capture_attrs a = {c, group, path, err};
	s = am_capture_attr_int(&a, "length", true, 1, LONGEST, &length);
	q->length = (int)length;
	if (!s)
		s = am_capture_attr_text(&a, "name", &q->name);
	if (!s)
		s = am_capture_attr_text(&a, "task", &q->task);
	H5Gclose(group);
	if (!s && !q->name[0]) {
		char name[32];
		snprintf(name, sizeof name, "sequence %d", i);
		am_free(q->name);
		if (!(q->name = am_strdup(name)))
			s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", c->path);
	}
	snprintf(path, sizeof path, "/sequences/%d/row_position", i);
	if (!s)
		s = am_capture_list(c, path, true, -1, length, true, (void **)&q->row, &q->n_rows, err);
	if (!s)
		s = check_ascending(c, path, q->row, q->n_rows, q->length, err);
	snprintf(path, sizeof path, "/sequences/%d/token_id", i);
	if (!s)
		s = am_capture_list(c, path, true, length, 0, false, (void **)&q->token, NULL, err);
	for (int j = 0; !s && q->token && j < q->length; j++)
		if (q->token[j] < 0)
			s = am_fail(err, AM_ERR_RANGE, "%s: %s: expected token ids from 0, found %d", c->path, path, q->token[j]);
	snprintf(path, sizeof path, "/sequences/%d/nll", i);
	if (!s)
		s = am_capture_list(c, path, false, length, 0, false, (void **)&q->nll, NULL, err);
	for (int j = 0; !s && q->nll && j < q->length - 1; j++)
		if (!(q->nll[j] >= 0 && q->nll[j] < INFINITY))
			s = am_fail(err, AM_ERR_NUMERIC, "%s: %s: expected numbers >= 0, found %g at %d", c->path, path,
			            (double)q->nll[j], j);
	return s;
}

/* The axes after the first are the same wherever the tensor occurs. */
static am_status check_axes(am_capture_file *c, const char *path, am_captured_tensor t, const int64_t *shape, am_error *err)
{
	for (int a = 1; a < am_captured_rank(t); a++) {
		int *dim = &c->dim[t][a - 1];
		if (shape[a] < 1 || shape[a] > WIDEST)
			return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected 1 to %d along axis %d, found %" PRId64, c->path, path,
			               WIDEST, a, shape[a]);
		if (*dim && *dim != shape[a])
			return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %d along axis %d as in the tensors before, found %" PRId64,
			               c->path, path, *dim, a, shape[a]);
		*dim = (int)shape[a];
	}
	return AM_OK;
}

static bool per_row(am_captured_tensor t)
{
	return t == AM_CAPTURED_Q || t == AM_CAPTURED_INDEX_Q || t == AM_CAPTURED_INDEX_W || t == AM_CAPTURED_CQ;
}

static am_status check_tensor(am_capture_file *c, int sequence, int layer, am_captured_tensor t, am_error *err)
{
	char path[AM_CAPTURE_PATH];
	int64_t shape[3];
	hid_t d;
	am_stored_number number;
	am_capture_tensor_path(c, sequence, layer, t, path);
	am_status s = am_capture_dataset(c, path, am_captured_rank(t), shape, &d, err);
	if (s)
		return s;
	bool there = d >= 0, needed = t == AM_CAPTURED_Q || t == AM_CAPTURED_K || (sequence && c->layer[layer].has[t]);
	if (!there && needed)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected a dataset, found none", c->path, path);
	if (there && sequence && !c->layer[layer].has[t])
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: the sequences before do not have it", c->path, path);
	c->layer[layer].has[t] = there;
	if (!there)
		return AM_OK;
	int64_t want = per_row(t) ? c->sequence[sequence].n_rows : c->sequence[sequence].length;
	if (!s)
		s = am_capture_number(c, d, path, &number, err);
	if (!s && shape[0] != want)
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %" PRId64 " %s along axis 0, found %" PRId64, c->path, path,
		            want, per_row(t) ? "recorded rows" : "tokens", shape[0]);
	if (!s)
		s = check_axes(c, path, t, shape, err);
	H5Dclose(d);
	return s;
}

/* What the tensors say of each other. */
static am_status check_sizes(am_capture_file *c, am_error *err)
{
	am_capture_info *i = &c->info;
	const int (*dim)[2] = (const int (*)[2])c->dim;
	i->heads = dim[AM_CAPTURED_Q][0], i->head_dim = dim[AM_CAPTURED_Q][1];
	i->kv_heads = dim[AM_CAPTURED_K][0], i->value_dim = dim[AM_CAPTURED_V][1];
	i->index_heads = dim[AM_CAPTURED_INDEX_Q][0], i->index_dim = dim[AM_CAPTURED_INDEX_Q][1];
	i->hidden = dim[AM_CAPTURED_X][0], i->query_rank = dim[AM_CAPTURED_CQ][0];
	if (dim[AM_CAPTURED_K][1] != i->head_dim)
		return am_fail(err, AM_ERR_FORMAT, "%s: k: expected heads of %d as in q, found %d", c->path, i->head_dim,
		               dim[AM_CAPTURED_K][1]);
	if (i->heads % i->kv_heads)
		return am_fail(err, AM_ERR_FORMAT, "%s: q: expected heads in equal groups for the %d of k, found %d", c->path,
		               i->kv_heads, i->heads);
	if (i->value_dim && dim[AM_CAPTURED_V][0] != i->kv_heads)
		return am_fail(err, AM_ERR_FORMAT, "%s: v: expected %d heads as in k, found %d", c->path, i->kv_heads,
		               dim[AM_CAPTURED_V][0]);
	for (int l = 0; l < i->n_layers; l++) {
		const bool *has = c->layer[l].has;
		if (has[AM_CAPTURED_V] != (i->value_dim > 0))
			return am_fail(err, AM_ERR_FORMAT, "%s: v: expected in all layers or none, layer %d has none", c->path,
			               c->layer[l].id);
		if (has[AM_CAPTURED_INDEX_Q] != has[AM_CAPTURED_INDEX_K] || has[AM_CAPTURED_INDEX_Q] != has[AM_CAPTURED_INDEX_W])
			return am_fail(err, AM_ERR_FORMAT, "%s: layer %d: expected index_q, index_k and index_w together", c->path,
			               c->layer[l].id);
	}
	if (i->index_heads && (dim[AM_CAPTURED_INDEX_K][0] != i->index_dim || dim[AM_CAPTURED_INDEX_W][0] != i->index_heads))
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: expected index_k of %d and index_w of %d as index_q has, found %d and %d", c->path,
		               i->index_dim, i->index_heads, dim[AM_CAPTURED_INDEX_K][0], dim[AM_CAPTURED_INDEX_W][0]);
	return AM_OK;
}

static am_status load_sinks(am_capture_file *c, am_error *err)
{
	am_status s = AM_OK;
	for (int l = 0; !s && l < c->info.n_layers; l++) {
		char path[AM_CAPTURE_PATH];
		float **sink = &c->layer[l].sink_logit;
		snprintf(path, sizeof path, "/layers/%d/sink_logit", c->layer[l].id);
		s = am_capture_list(c, path, false, c->info.heads, 0, false, (void **)sink, NULL, err);
		for (int h = 0; !s && *sink && h < c->info.heads; h++)
			if (!isfinite((*sink)[h]))
				s = am_fail(err, AM_ERR_NUMERIC, "%s: %s: expected finite values, found %g at head %d", c->path, path,
				            (double)(*sink)[h], h);
	}
	return s;
}

am_status am_capture_load(am_capture_file *c, am_error *err)
{
	int64_t n = 0;
	am_status s = load_root(c, &n, err);
	if (!s)
		s = load_layers(c, err);
	if (!s && !(c->sequence = am_calloc((size_t)n, sizeof *c->sequence)))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", c->path);
	if (s)
		return s;
	c->info.n_sequences = (int)n;
	c->info.sequence = c->sequence;
	for (int i = 0; !s && i < n; i++) {
		s = load_sequence(c, i, err);
		for (int l = 0; !s && l < c->info.n_layers; l++)
			for (int t = 0; !s && t < AM_CAPTURED_COUNT; t++)
				s = check_tensor(c, i, l, (am_captured_tensor)t, err);
	}
	if (!s)
		s = check_sizes(c, err);
	return s ? s : load_sinks(c, err);
}

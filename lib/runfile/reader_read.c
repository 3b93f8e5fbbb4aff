#include "base/mem.h"
#include "runfile/reader_state.h"

#include <inttypes.h>
#include <stdio.h>

/* Reads a box of a dataset of `rank` axes into contiguous memory. */
static herr_t read_box(hid_t dataset, int rank, const int64_t *start, const int64_t *count, hid_t type,
                       void *out)
{
	hsize_t from[AM_MAX_AXES], n[AM_MAX_AXES];
	for (int a = 0; a < rank; a++) {
		from[a] = (hsize_t)start[a];
		n[a] = (hsize_t)count[a];
	}
	herr_t e = -1;
	hid_t file = H5Dget_space(dataset), memory = H5Screate_simple(rank, n, NULL);
	if (file >= 0 && memory >= 0 && H5Sselect_hyperslab(file, H5S_SELECT_SET, from, NULL, n, NULL) >= 0)
		e = H5Dread(dataset, type, memory, file, H5P_DEFAULT, out);
	if (file >= 0)
		H5Sclose(file);
	if (memory >= 0)
		H5Sclose(memory);
	return e;
}

am_status am_run_check_box(const am_run *r, am_field f, const int64_t *start, const int64_t *count, am_error *err)
{
	const am_field_spec *spec = &r->spec[f];
	if (!am_run_has(r, f))
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: the run does not have it", r->path, spec->path);
	for (int a = 0; a < spec->n_axes; a++)
		if (start[a] < 0 || count[a] < 0 || start[a] > r->shape[f][a] ||
		    count[a] > r->shape[f][a] - start[a])
			return am_fail(err, AM_ERR_RANGE,
			               "%s: %s: %" PRId64 " values from %" PRId64 " along %s, which has %" PRId64,
			               r->path, spec->path, count[a], start[a], am_axes[spec->axes[a]].name,
			               r->shape[f][a]);
	return AM_OK;
}

static am_status read_field(am_run *r, am_field f, const int64_t *start, const int64_t *count, hid_t type,
                            void *out, am_error *err)
{
	am_status s = am_run_check_box(r, f, start, count, err);
	if (s)
		return s;
	for (int a = 0; a < r->spec[f].n_axes; a++)
		if (count[a] == 0)
			return AM_OK;
	am_h5_quiet q = am_h5_begin();
	if (read_box(r->field[f], r->spec[f].n_axes, start, count, type, out) < 0)
		s = am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot read", r->path, r->spec[f].path);
	am_h5_end(&q);
	return s;
}

am_status am_run_read_f32(am_run *r, am_field f, const int64_t *start, const int64_t *count, float *out,
                          am_error *err)
{
	return read_field(r, f, start, count, H5T_NATIVE_FLOAT, out, err);
}

am_status am_run_read_i32(am_run *r, am_field f, const int64_t *start, const int64_t *count, int32_t *out,
                          am_error *err)
{
	return read_field(r, f, start, count, H5T_NATIVE_INT32, out, err);
}

am_status am_run_read_i64(am_run *r, am_field f, const int64_t *start, const int64_t *count, int64_t *out,
                          am_error *err)
{
	return read_field(r, f, start, count, H5T_NATIVE_INT64, out, err);
}

/* One element of a string dataset, stored either way, in new memory. */
static char *read_one_string(hid_t d, int64_t i)
{
	char *out = NULL;
	hid_t type = H5Dget_type(d);
	int64_t one = 1;
	if (type >= 0 && H5Tis_variable_str(type) > 0) {
		char *s = NULL;
		if (read_box(d, 1, &i, &one, type, &s) >= 0)
			out = am_strdup(s ? s : "");
		if (s)
			H5free_memory(s);
	} else if (type >= 0 && H5Tget_size(type) > 0 && H5Tget_size(type) < 1 << 24) {
		char *s = am_calloc(H5Tget_size(type) + 1, 1);
		if (s && read_box(d, 1, &i, &one, type, s) >= 0)
			out = am_strdup(s);
		am_free(s);
	}
	if (type >= 0)
		H5Tclose(type);
	return out;
}

am_status am_run_read_string(am_run *r, am_field f, int64_t i, char **out, am_error *err)
{
	int64_t one = 1;
	am_status s = am_run_check_box(r, f, &i, &one, err);
	if (s)
		return s;
	am_h5_quiet q = am_h5_begin();
	char *text = read_one_string(r->field[f], i);
	if (!text)
		s = am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot read", r->path, r->spec[f].path);
	am_h5_end(&q);
	if (!s)
		*out = text;
	return s;
}

static am_status read_dist(am_run *r, int layer, int head, int64_t row, float **prob, int *n, am_error *err)
{
	const am_dist_files *d = &r->dist[layer];
	int64_t edge[2], two = 2, id = (int64_t)r->values[AM_AXIS_LAYER][layer];
	if (d->prob < 0)
		return am_fail(err, AM_ERR_FORMAT, "%s: /dist/%" PRId64 ": the run does not have it", r->path, id);
	if (read_box(d->offset, 1, &row, &two, H5T_NATIVE_INT64, edge) < 0)
		return am_h5_fail(err, AM_ERR_FORMAT, "%s: /dist/%" PRId64 "/offset: cannot read", r->path, id);
	if (edge[0] < 0 || edge[1] < edge[0] || edge[1] > d->elements || edge[1] - edge[0] > INT32_MAX)
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: /dist/%" PRId64 "/offset: row %" PRId64 " from %" PRId64 " to %" PRId64
		               ", prob has %" PRId64, r->path, id, row, edge[0], edge[1], d->elements);
	int64_t start[] = {head, edge[0]}, count[] = {1, edge[1] - edge[0]};
	float *p = am_alloc((size_t)count[1], sizeof *p);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory for %" PRId64 " probabilities", r->path,
		               count[1]);
	if (count[1] && read_box(d->prob, 2, start, count, H5T_NATIVE_FLOAT, p) < 0) {
		am_free(p);
		return am_h5_fail(err, AM_ERR_FORMAT, "%s: /dist/%" PRId64 "/prob: cannot read", r->path, id);
	}
	*prob = p;
	*n = (int)count[1];
	return AM_OK;
}

am_status am_run_read_dist(am_run *r, int layer_index, int head_index, int64_t row, float **prob, int *n,
                           am_error *err)
{
	if (!r->dist)
		return am_fail(err, AM_ERR_FORMAT, "%s: /dist: the run does not have it", r->path);
	if (layer_index < 0 || layer_index >= r->length[AM_AXIS_LAYER] || head_index < 0 ||
	    head_index >= r->length[AM_AXIS_HEAD] || row < 0 || row >= r->rows)
		return am_fail(err, AM_ERR_RANGE, "%s: /dist: no layer %d, head %d, row %" PRId64, r->path,
		               layer_index, head_index, row);
	am_h5_quiet q = am_h5_begin();
	am_status s = read_dist(r, layer_index, head_index, row, prob, n, err);
	am_h5_end(&q);
	return s;
}

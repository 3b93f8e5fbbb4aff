#include "base/mem.h"
#include "runfile/reader_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH_ROOM 64
#define CACHE_BYTES ((size_t)16 << 20) /* of chunks, a dataset */
#define CACHE_SLOTS 4099               /* prime, many times the chunks that fit */
#define LONGEST_AXIS INT32_MAX
#define HALF_BYTES 2 /* of the smallest type distributions are stored in */
#define UNWRITTEN_BYTES ((size_t)16 << 20) /* of a field that may hold fill values alone */
#define BEST_RATIO 1100 /* deflate cannot do better than about 1030 to 1 */

bool am_run_path_exists(hid_t file, const char *path)
{
	char part[PATH_ROOM];
	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		const char *end = strchr(p + 1, '/');
		size_t n = end ? (size_t)(end - path) : strlen(path);
		if (n >= sizeof part)
			return false;
		memcpy(part, path, n);
		part[n] = 0;
		H5L_info_t info;
		if (H5Lget_info(file, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
			return false;
	}
	return true;
}

static bool type_fits(hid_t dataset, am_type want)
{
	hid_t type = H5Dget_type(dataset);
	if (type < 0)
		return false;
	H5T_class_t class = H5Tget_class(type);
	H5Tclose(type);
	switch (want) {
	case AM_TYPE_I32:
	case AM_TYPE_I64: return class == H5T_INTEGER;
	case AM_TYPE_F32:
	case AM_TYPE_F64: return class == H5T_FLOAT;
	case AM_TYPE_STRING: return class == H5T_STRING;
	}
	return false;
}

/* Data must be in the file itself: a crafted dataset can name any other. */
static bool stored_here(hid_t dataset)
{
	hid_t dcpl = H5Dget_create_plist(dataset);
	if (dcpl < 0)
		return false;
	bool ok = H5Pget_layout(dcpl) >= 0 && H5Pget_layout(dcpl) != H5D_VIRTUAL &&
	          H5Pget_external_count(dcpl) == 0;
	H5Pclose(dcpl);
	return ok;
}

static am_status read_shape(const am_run *r, hid_t d, const char *path, int rank, int64_t *shape, am_error *err)
{
	hsize_t n[H5S_MAX_RANK];
	hid_t space = H5Dget_space(d);
	int found = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
	bool ok = found == rank && H5Sget_simple_extent_dims(space, n, NULL) == rank;
	if (space >= 0)
		H5Sclose(space);
	if (!ok)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %d axes, found %d", r->path, path, rank, found);
	for (int a = 0; a < rank; a++) {
		if (n[a] > INT64_MAX)
			return am_fail(err, AM_ERR_FORMAT, "%s: %s: absurd length %llu", r->path, path,
			               (unsigned long long)n[a]);
		shape[a] = (int64_t)n[a];
	}
	return AM_OK;
}

/* Opens a dataset of the given type and rank, *out negative when there is none. */
static am_status open_dataset(const am_run *r, const char *path, am_type type, int rank, hid_t *out,
                              int64_t *shape, am_error *err)
{
	*out = H5I_INVALID_HID;
	if (!am_run_path_exists(r->file, path))
		return AM_OK;
	hid_t dapl = H5Pcreate(H5P_DATASET_ACCESS);
	hid_t d = H5I_INVALID_HID;
	if (dapl >= 0 && H5Pset_chunk_cache(dapl, CACHE_SLOTS, CACHE_BYTES, 1) >= 0)
		d = H5Dopen2(r->file, path, dapl);
	am_status s = AM_OK;
	if (d < 0)
		s = am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot open", r->path, path);
	else if (!type_fits(d, type))
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: values of an unexpected type", r->path, path);
	else if (!stored_here(d))
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: data outside the file", r->path, path);
	else
		s = read_shape(r, d, path, rank, shape, err);
	if (dapl >= 0)
		H5Pclose(dapl);
	if (s && d >= 0)
		H5Dclose(d);
	else if (!s)
		*out = d;
	return s;
}

/* More values than the bytes in the file can hold are not there: a few hundred
 * bytes may declare any shape, and be believed by every loop over it. `unwritten`
 * bytes are taken as fill values. */
static bool plausible(const am_run *r, hid_t d, size_t size, int rank, const int64_t *shape, size_t unwritten)
{
	size_t bytes = size;
	hsize_t stored = H5Dget_storage_size(d), file = 0;
	for (int a = 0; a < rank; a++)
		if (!am_mul_size(bytes, (size_t)shape[a], &bytes))
			return false;
	if (H5Fget_filesize(r->file, &file) < 0)
		return false;
	return bytes <= unwritten || bytes <= (stored < file ? stored : file) * BEST_RATIO;
}

static am_status load_axis(am_run *r, am_axis a, am_error *err)
{
	char path[PATH_ROOM];
	hid_t d;
	int64_t n;
	snprintf(path, sizeof path, "/%s", am_axes[a].name);
	am_status s = open_dataset(r, path, am_axes[a].type, 1, &d, &n, err);
	if (s || d < 0)
		return s;
	if (n > LONGEST_AXIS || !plausible(r, d, am_type_size(am_axes[a].type), 1, &n, 0)) {
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: %" PRId64 " values, more than the file can hold",
		            r->path, path, n);
	} else if (!(r->values[a] = am_alloc((size_t)n, sizeof(double)))) {
		s = am_fail(err, AM_ERR_MEMORY, "%s: %s: out of memory for %" PRId64 " values", r->path, path, n);
	} else if (n && H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, r->values[a]) < 0) {
		s = am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot read", r->path, path);
	}
	r->length[a] = n;
	H5Dclose(d);
	return s;
}

static am_status load_field(am_run *r, am_field f, am_error *err)
{
	const am_field_spec *spec = &r->spec[f];
	int64_t *shape = r->shape[f];
	if (!spec->n_axes)
		return AM_OK;
	am_status s = open_dataset(r, spec->path, spec->type, spec->n_axes, &r->field[f], shape, err);
	if (s || r->field[f] < 0)
		return s;
	for (int a = 0; a < spec->n_axes; a++) {
		am_axis axis = spec->axes[a];
		if (!r->values[axis])
			return am_fail(err, AM_ERR_FORMAT, "%s: %s: there is no axis /%s", r->path, spec->path,
			               am_axes[axis].name);
		if (axis == AM_AXIS_ROW) {
			if (shape[a] < r->rows)
				r->rows = shape[a];
		} else if (shape[a] != r->length[axis]) {
			return am_fail(err, AM_ERR_FORMAT,
			               "%s: %s: expected length %" PRId64 " along %s, found %" PRId64, r->path,
			               spec->path, r->length[axis], am_axes[axis].name, shape[a]);
		}
	}
	/* Strings are stored in any way, of 1 byte or more. */
	size_t size = spec->type == AM_TYPE_STRING ? 1 : am_type_size(spec->type);
	if (!plausible(r, r->field[f], size, spec->n_axes, shape, UNWRITTEN_BYTES))
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: more values than the file can hold", r->path, spec->path);
	return AM_OK;
}

static am_status load_dist_layer(am_run *r, int i, am_error *err)
{
	char path[PATH_ROOM];
	int64_t shape[2], edges;
	am_dist_files *d = &r->dist[i];
	long long id = (long long)r->values[AM_AXIS_LAYER][i];
	snprintf(path, sizeof path, "/dist/%lld/prob", id);
	am_status s = open_dataset(r, path, AM_TYPE_F32, 2, &d->prob, shape, err);
	if (s || d->prob < 0)
		return s;
	if (shape[0] != r->length[AM_AXIS_HEAD])
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %" PRId64 " heads, found %" PRId64, r->path,
		               path, r->length[AM_AXIS_HEAD], shape[0]);
	if (!plausible(r, d->prob, HALF_BYTES, 2, shape, UNWRITTEN_BYTES))
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: more values than the file can hold", r->path, path);
	d->elements = shape[1];
	snprintf(path, sizeof path, "/dist/%lld/offset", id);
	s = open_dataset(r, path, AM_TYPE_I64, 1, &d->offset, &edges, err);
	if (!s && (d->offset < 0 || edges < 1))
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: missing or empty", r->path, path);
	if (!s && edges - 1 < r->rows)
		r->rows = edges - 1;
	return s;
}

static am_status load_dist(am_run *r, am_error *err)
{
	if (!am_run_path_exists(r->file, "/dist"))
		return AM_OK;
	r->dist = am_calloc((size_t)r->length[AM_AXIS_LAYER], sizeof *r->dist);
	if (!r->dist)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	for (int i = 0; i < r->length[AM_AXIS_LAYER]; i++)
		r->dist[i] = (am_dist_files){H5I_INVALID_HID, H5I_INVALID_HID, 0};
	am_status s = AM_OK;
	for (int i = 0; i < r->length[AM_AXIS_LAYER] && !s; i++)
		s = load_dist_layer(r, i, err);
	return s;
}

am_status am_run_load_datasets(am_run *r, am_error *err)
{
	static const am_axis needed[] = {AM_AXIS_LAYER, AM_AXIS_HEAD, AM_AXIS_ROW};
	am_status s = AM_OK;
	for (int a = 0; a < AM_AXIS_COUNT && !s; a++)
		s = load_axis(r, (am_axis)a, err);
	for (size_t i = 0; i < sizeof needed / sizeof *needed && !s; i++)
		if (!r->values[needed[i]])
			s = am_fail(err, AM_ERR_FORMAT, "%s: there is no axis /%s", r->path,
			            am_axes[needed[i]].name);
	r->rows = r->length[AM_AXIS_ROW];
	if (!s)
		s = am_run_load_selectors(r, err);
	for (int f = 0; f < r->n_fields && !s; f++)
		s = load_field(r, (am_field)f, err);
	if (!s)
		s = load_dist(r, err);
	if (s)
		return s;
	r->length[AM_AXIS_ROW] = r->rows;
	for (int f = 0; f < r->n_fields; f++)
		if (r->field[f] >= 0 && am_spec_row_axis(&r->spec[f]) >= 0)
			r->shape[f][am_spec_row_axis(&r->spec[f])] = r->rows;
	return AM_OK;
}

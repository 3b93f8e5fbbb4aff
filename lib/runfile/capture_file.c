#include "runfile/capture_file.h"

#include "base/half.h"
#include "base/mem.h"
#include "runfile/capture_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>



static const struct {
	const char *name;
	int rank;
} tensors[AM_CAPTURED_COUNT] = {
	[AM_CAPTURED_Q] = {"q", 3}, [AM_CAPTURED_K] = {"k", 3}, [AM_CAPTURED_V] = {"v", 3},
	[AM_CAPTURED_INDEX_Q] = {"index_q", 3}, [AM_CAPTURED_INDEX_K] = {"index_k", 2},
	[AM_CAPTURED_INDEX_W] = {"index_w", 2}, [AM_CAPTURED_X] = {"x", 2}, [AM_CAPTURED_CQ] = {"c_q", 2},
};

const char *am_captured_name(am_captured_tensor t)
{
	return tensors[t].name;
}

int am_captured_rank(am_captured_tensor t)
{
	return tensors[t].rank;
}

void am_capture_tensor_path(const am_capture_file *c, int sequence, int layer, am_captured_tensor t,
                            char out[AM_CAPTURE_PATH])
{
	snprintf(out, AM_CAPTURE_PATH, "/sequences/%d/%d/%s", sequence, c->layer[layer].id, tensors[t].name);
}

am_status am_capture_dataset(const am_capture_file *c, const char *path, int rank, int64_t *shape, hid_t *out,
                             am_error *err)
{
	*out = H5I_INVALID_HID;
	if (!am_h5_exists(c->file, path))
		return AM_OK;
	hid_t d = H5Dopen2(c->file, path, H5P_DEFAULT);
	if (d < 0)
		return am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: expected a dataset", c->path, path);
	am_status s = am_h5_shape(c->path, d, path, rank, shape, err);
	hid_t type = H5Dget_type(d);
	H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
	size_t size = type < 0 ? 0 : H5Tget_size(type);
	if (type >= 0)
		H5Tclose(type);
	if (!s && class != H5T_INTEGER && class != H5T_FLOAT)
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: expected numbers", c->path, path);
	if (!s && !am_h5_stored_here(d))
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: data outside the file", c->path, path);
	if (!s && !am_h5_plausible(c->file, d, size, rank, shape, 0))
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: more values than the file can hold", c->path, path);
	if (s)
		H5Dclose(d);
	else
		*out = d;
	return s;
}

/* Whether attribute dtype of the dataset says bfloat16. */
static bool says_bfloat16(hid_t d)
{
	char text[16] = "";
	hid_t attr = H5Aexists(d, "dtype") > 0 ? H5Aopen(d, "dtype", H5P_DEFAULT) : H5I_INVALID_HID;
	hid_t type = attr < 0 ? attr : H5Aget_type(attr);
	if (type >= 0 && H5Tget_class(type) == H5T_STRING) {
		char *s = NULL;
		if (H5Tis_variable_str(type) > 0) {
			if (H5Aread(attr, type, &s) >= 0 && s)
				snprintf(text, sizeof text, "%s", s);
			H5free_memory(s);
		} else if (H5Tget_size(type) < sizeof text) {
			if (H5Aread(attr, type, text) < 0)
				text[0] = 0;
		}
	}
	if (type >= 0)
		H5Tclose(type);
	if (attr >= 0)
		H5Aclose(attr);
	return strcmp(text, "bfloat16") == 0;
}

/* Whether a floating type is IEEE binary of that many bits; HDF5 converts byte order. */
static bool is_float(hid_t type, size_t bits)
{
	size_t sign, epos, esize, mpos, msize;
	return H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == bits / 8 &&
	       H5Tget_fields(type, &sign, &epos, &esize, &mpos, &msize) >= 0 && esize == (bits == 32 ? 8 : 5) &&
	       msize == (bits == 32 ? 23 : 10) && sign == bits - 1;
}

am_status am_capture_number(const am_capture_file *c, hid_t d, const char *path, am_stored_number *out,
                            am_error *err)
{
	hid_t type = H5Dget_type(d);
	if (type < 0)
		return am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: no type", c->path, path);
	am_status s = AM_OK;
	if (H5Tget_class(type) == H5T_FLOAT && says_bfloat16(d))
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: expected uint16 with attribute dtype \"bfloat16\", found floating point",
		            c->path, path);
	else if (is_float(type, 32))
		*out = AM_STORED_F32;
	else if (is_float(type, 16))
		*out = AM_STORED_F16;
	else if (H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 2 && H5Tget_sign(type) == H5T_SGN_NONE &&
	         says_bfloat16(d))
		*out = AM_STORED_BF16;
	else
		s = am_fail(err, AM_ERR_FORMAT,
		            "%s: %s: expected float32, float16 or uint16 with attribute dtype \"bfloat16\"", c->path, path);
	H5Tclose(type);
	return s;
}

/* Values are read as they are stored and converted here: HDF5's own conversion of
 * binary16 takes longer than all else. */
static herr_t read_rows(hid_t d, am_stored_number number, int rank, const hsize_t *from, const hsize_t *count,
                        size_t values, float *out)
{
	hid_t half = number == AM_STORED_F16 ? am_h5_float16() : H5I_INVALID_HID;
	hid_t type = number == AM_STORED_F32 ? H5T_NATIVE_FLOAT : number == AM_STORED_F16 ? half : H5T_NATIVE_UINT16;
	hid_t file = H5Dget_space(d), memory = H5Screate_simple(rank, count, NULL);
	/* 16-bit values land in the upper half and are spread out from below. */
	uint16_t *raw = number == AM_STORED_F32 ? NULL : (uint16_t *)(void *)out + values;
	void *to = raw ? (void *)raw : (void *)out;
	herr_t e = -1;
	if (file >= 0 && memory >= 0 && type >= 0 &&
	    H5Sselect_hyperslab(file, H5S_SELECT_SET, from, NULL, count, NULL) >= 0)
		e = H5Dread(d, type, memory, file, H5P_DEFAULT, to);
	for (size_t i = 0; raw && e >= 0 && i < values; i++) {
		uint16_t h;
		memcpy(&h, raw + i, sizeof h);
		float x = number == AM_STORED_BF16 ? am_bf16_to_f32(h) : am_f16_to_f32(h);
		memcpy(out + i, &x, sizeof x);
	}
	if (file >= 0)
		H5Sclose(file);
	if (memory >= 0)
		H5Sclose(memory);
	if (half >= 0)
		H5Tclose(half);
	return e;
}

static am_status check_finite(const am_capture_file *c, const char *path, int start, size_t width, const float *x,
                              size_t n, am_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return am_fail(err, AM_ERR_NUMERIC, "%s: %s: expected finite values, found %g in row %d", c->path, path,
			               (double)x[i], start + (int)(i / width));
	return AM_OK;
}

am_status am_capture_file_read(am_capture_file *c, int sequence, int layer, am_captured_tensor t, int start, int n,
                               float *out, am_error *err)
{
	char path[AM_CAPTURE_PATH];
	int64_t shape[3];
	hid_t d;
	am_stored_number number;
	am_capture_tensor_path(c, sequence, layer, t, path);
	am_h5_quiet q = am_h5_begin();
	am_status s = am_capture_dataset(c, path, tensors[t].rank, shape, &d, err);
	if (!s && d < 0)
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: the capture does not have it", c->path, path);
	if (!s)
		s = am_capture_number(c, d, path, &number, err);
	if (!s && (start < 0 || n < 0 || n > shape[0] - start))
		s = am_fail(err, AM_ERR_RANGE, "%s: %s: %d rows from %d of %" PRId64, c->path, path, n, start, shape[0]);
	if (!s && n > 0) {
		hsize_t from[3] = {(hsize_t)start}, count[3] = {(hsize_t)n, (hsize_t)shape[1], 0};
		size_t width = (size_t)shape[1];
		if (tensors[t].rank == 3) {
			count[2] = (hsize_t)shape[2];
			width *= (size_t)shape[2];
		}
		if (read_rows(d, number, tensors[t].rank, from, count, (size_t)n * width, out) < 0)
			s = am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot read", c->path, path);
		else
			s = check_finite(c, path, start, width, out, (size_t)n * width, err);
	}
	if (d >= 0)
		H5Dclose(d);
	am_h5_end(&q);
	return s;
}

am_status am_capture_file_open(const char *path, am_capture_file **out, am_error *err)
{
	am_status s = am_h5_check_file(path, err);
	if (s)
		return s;
	am_capture_file *c = am_calloc(1, sizeof *c);
	if (!c || !(c->path = am_strdup(path))) {
		am_free(c);
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	}
	c->file = H5I_INVALID_HID;
	am_h5_quiet q = am_h5_begin();
	s = am_h5_open(path, &c->file, err);
	if (!s)
		s = am_capture_load(c, err);
	am_h5_end(&q);
	if (s)
		am_capture_file_close(c);
	else
		*out = c;
	return s;
}

void am_capture_file_close(am_capture_file *c)
{
	if (!c)
		return;
	am_h5_quiet q = am_h5_begin();
	if (c->file >= 0)
		H5Fclose(c->file);
	am_h5_end(&q);
	for (int i = 0; c->layer && i < c->info.n_layers; i++)
		am_free(c->layer[i].sink_logit);
	for (int i = 0; c->sequence && i < c->info.n_sequences; i++) {
		am_captured_sequence *sequence = &c->sequence[i];
		void *own[] = {sequence->name, sequence->task, sequence->row, sequence->token, sequence->nll};
		for (size_t j = 0; j < sizeof own / sizeof own[0]; j++)
			am_free(own[j]);
	}
	const char *texts[] = {c->info.model, c->info.family, c->info.source, c->info.dtype};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		am_free((char *)texts[i]);
	am_free(c->layer);
	am_free(c->sequence);
	am_free(c->path);
	am_free(c);
}

const am_capture_info *am_capture_file_info(const am_capture_file *c)
{
	return &c->info;
}

const char *am_capture_file_path(const am_capture_file *c)
{
	return c->path;
}

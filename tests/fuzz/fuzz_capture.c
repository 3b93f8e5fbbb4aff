/* A capture file with edits (h5_edit.h): opened, every tensor read. */
#include "fuzz.h"
#include "h5_edit.h"

#include "base/mem.h"
#include "runfile/capture_file.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 4, HEADS = 2, KV_HEADS = 1, DIM = 2, LAYERS = 2, SEQUENCES = 2, MOST = 1 << 20 };

static void put(hid_t at, const char *name, hid_t type, int rank, const hsize_t *dims, const void *x)
{
	hid_t space = H5Screate_simple(rank, dims, NULL);
	hid_t d = H5Dcreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	fuzz_require(d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
	H5Dclose(d);
	H5Sclose(space);
}

static void put_number(hid_t at, const char *name, hid_t type, const void *x)
{
	hid_t space = H5Screate(H5S_SCALAR), a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	fuzz_require(a >= 0 && H5Awrite(a, type, x) >= 0);
	H5Aclose(a);
	H5Sclose(space);
}

static hid_t group(hid_t at, const char *name)
{
	hid_t g = H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	fuzz_require(g >= 0);
	return g;
}

static void put_sequence(hid_t at, const char *name)
{
	static const struct {
		const char *name;
		int rank;
		hsize_t dims[3];
	} tensors[] = {{"q", 3, {LENGTH, HEADS, DIM}}, {"k", 3, {LENGTH, KV_HEADS, DIM}}, {"v", 3, {LENGTH, KV_HEADS, 3}},
	               {"index_q", 3, {LENGTH, HEADS, DIM}}, {"index_k", 2, {LENGTH, DIM}}, {"index_w", 2, {LENGTH, HEADS}},
	               {"x", 2, {LENGTH, 5}}, {"c_q", 2, {LENGTH, 3}}};
	static const int32_t positions[LENGTH] = {0, 1, 2, 3};
	static const float ones[LENGTH * HEADS * 5] = {1, 2, 3};
	const hsize_t length = LENGTH;
	hid_t s = group(at, name);
	put_number(s, "length", H5T_NATIVE_INT32, &(int){LENGTH});
	put(s, "row_position", H5T_NATIVE_INT32, 1, &length, positions);
	put(s, "token_id", H5T_NATIVE_INT32, 1, &length, positions);
	put(s, "nll", H5T_NATIVE_FLOAT, 1, &length, ones);
	for (int l = 0; l < LAYERS; l++) {
		hid_t g = group(s, l ? "1" : "0");
		for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
			put(g, tensors[i].name, H5T_NATIVE_FLOAT, tensors[i].rank, tensors[i].dims, ones);
		H5Gclose(g);
	}
	H5Gclose(s);
}

static const h5_base *base(void)
{
	static h5_base b;
	if (b.image)
		return &b;
	const char *path = fuzz_file("base.h5", "", 0);
	hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), text = H5Tcopy(H5T_C_S1), root = H5Gopen2(file, "/", H5P_DEFAULT);
	H5Tset_size(text, strlen("attnmeter-capture"));
	put_number(root, "format", text, "attnmeter-capture");
	put_number(root, "format_version", H5T_NATIVE_INT32, &(int){1});
	put_number(root, "complete", H5T_NATIVE_INT32, &(int){1});
	put_number(root, "sequences", H5T_NATIVE_INT32, &(int){SEQUENCES});
	put(file, "layer", H5T_NATIVE_INT32, 1, &(hsize_t){LAYERS}, (int32_t[]){0, 1});
	hid_t layers = group(file, "layers"), sequences = group(file, "sequences");
	for (int l = 0; l < LAYERS; l++) {
		hid_t g = group(layers, l ? "1" : "0");
		put_number(g, "scale", H5T_NATIVE_DOUBLE, &(double){0.5});
		put_number(g, "window", H5T_NATIVE_INT32, &(int){3});
		put(g, "sink_logit", H5T_NATIVE_FLOAT, 1, &(hsize_t){HEADS}, (float[]){0, 1});
		H5Gclose(g);
	}
	put_sequence(sequences, "0");
	put_sequence(sequences, "1");
	H5Gclose(sequences), H5Gclose(layers), H5Gclose(root), H5Tclose(text), H5Fclose(file);
	h5_base_read(&b, path);
	return &b;
}

/* Values of a position, by the shapes in capture_file.h. */
static size_t width(const am_capture_info *c, am_captured_tensor t)
{
	const int sizes[AM_CAPTURED_COUNT][2] = {
		[AM_CAPTURED_Q] = {c->heads, c->head_dim}, [AM_CAPTURED_K] = {c->kv_heads, c->head_dim},
		[AM_CAPTURED_V] = {c->kv_heads, c->value_dim}, [AM_CAPTURED_INDEX_Q] = {c->index_heads, c->index_dim},
		[AM_CAPTURED_INDEX_K] = {1, c->index_dim}, [AM_CAPTURED_INDEX_W] = {1, c->index_heads},
		[AM_CAPTURED_X] = {1, c->hidden}, [AM_CAPTURED_CQ] = {1, c->query_rank}};
	return (size_t)sizes[t][0] * (size_t)sizes[t][1];
}

static void read_tensor(am_capture_file *c, int sequence, int layer, am_captured_tensor t)
{
	const am_capture_info *info = am_capture_file_info(c);
	const am_captured_sequence *s = &info->sequence[sequence];
	bool rows = t == AM_CAPTURED_Q || t == AM_CAPTURED_INDEX_Q || t == AM_CAPTURED_INDEX_W || t == AM_CAPTURED_CQ;
	int n = rows ? s->n_rows : s->length;
	size_t values = width(info, t) * (size_t)n;
	am_error err = {0};
	fuzz_require(values > 0);
	if (values > MOST)
		return;
	float *x = malloc(values * sizeof *x);
	fuzz_require(x);
	if (!fuzz_failed(am_capture_file_read(c, sequence, layer, t, 0, n, x, &err), &err))
		for (size_t i = 0; i < values; i++)
			fuzz_require(isfinite(x[i]));
	free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	am_capture_file *c = NULL;
	am_error err = {0};
	if (fuzz_failed(am_capture_file_open(h5_edit(base(), &b), &c, &err), &err)) {
		fuzz_require(!c);
		return 0;
	}
	const am_capture_info *info = am_capture_file_info(c);
	fuzz_require(info->n_layers > 0 && info->n_sequences > 0 && info->heads % info->kv_heads == 0);
	for (int i = 0; i < info->n_sequences && i < 4; i++)
		for (int l = 0; l < info->n_layers && l < 4; l++)
			for (int t = 0; t < AM_CAPTURED_COUNT; t++)
				if (info->layer[l].has[t])
					read_tensor(c, i, l, (am_captured_tensor)t);
	am_capture_file_close(c);
	return 0;
}

#include "h5_edit.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EDITS = 32, LARGEST = 1 << 16 };

static herr_t remember(hid_t at, const char *name, const H5O_info_t *info, void *ctx)
{
	(void)at, (void)info;
	h5_base *base = ctx;
	if (base->n < H5_OBJECTS && strlen(name) < H5_PATH)
		strcpy(base->path[base->n++], name);
	return 0;
}

static hid_t open_image(const void *image, size_t size)
{
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
	fuzz_require(fapl >= 0 && H5Pset_fapl_core(fapl, LARGEST, 0) >= 0 && H5Pset_file_image(fapl, (void *)image, size) >= 0);
	hid_t file = H5Fopen("image", H5F_ACC_RDWR, fapl);
	H5Pclose(fapl);
	return file;
}

void h5_base_read(h5_base *base, const char *path)
{
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	FILE *f = fopen(path, "rb");
	fuzz_require(f && fseek(f, 0, SEEK_END) == 0);
	base->size = (size_t)ftell(f);
	base->image = malloc(base->size);
	fuzz_require(base->image && fseek(f, 0, SEEK_SET) == 0 && fread(base->image, 1, base->size, f) == base->size);
	fclose(f);
	hid_t file = open_image(base->image, base->size);
	fuzz_require(file >= 0 && H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, remember, base) >= 0 && base->n > 0);
	H5Fclose(file);
}

/* A type that any file may have. */
static hid_t some_type(unsigned which)
{
	static const int sizes[] = {3, 1, 8};
	hid_t t;
	switch (which % 12) {
	case 0: return H5Tcopy(H5T_STD_I32LE);
	case 1: return H5Tcopy(H5T_STD_I64LE);
	case 2: return H5Tcopy(H5T_IEEE_F32LE);
	case 3: return H5Tcopy(H5T_IEEE_F64BE);
	case 4: return H5Tcopy(H5T_STD_U16LE);
	case 5: return H5Tcopy(H5T_STD_U64BE);
	case 6:
	case 7:
	case 8:
		t = H5Tcopy(H5T_C_S1);
		H5Tset_size(t, which % 12 == 6 ? H5T_VARIABLE : (size_t)sizes[which % 3]);
		return t;
	case 9: return H5Tvlen_create(H5T_STD_I32LE);
	case 10: return H5Tcreate(H5T_COMPOUND, 4); /* without members, which cannot be committed */
	default: return H5Tcreate(H5T_OPAQUE, 4);
	}
}

static hsize_t some_length(unsigned which)
{
	static const hsize_t lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 1000, 1 << 20, (hsize_t)1 << 31, (hsize_t)1 << 40,
	                                  (hsize_t)1 << 62};
	return lengths[which % 16];
}

static hid_t some_space(fuzz_bytes *b)
{
	hsize_t dims[8];
	int rank = (int)fuzz_u8(b) % 7;
	for (int i = 0; i < rank; i++)
		dims[i] = some_length(fuzz_u8(b));
	return rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
}

/* Layout of a new dataset: contiguous, compact, chunked with filters, elsewhere. */
static hid_t some_layout(fuzz_bytes *b, int rank)
{
	hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
	hsize_t chunk[8] = {1, 1, 1, 1, 1, 1, 1, 1};
	unsigned how = fuzz_u8(b);
	switch (how % 6) {
	case 1: H5Pset_layout(dcpl, H5D_COMPACT); break;
	case 2:
	case 3:
		chunk[0] = 1 + fuzz_u8(b);
		if (rank)
			H5Pset_chunk(dcpl, rank, chunk);
		if (how % 6 == 3)
			H5Pset_deflate(dcpl, 4);
		if (how & 64)
			H5Pset_fletcher32(dcpl);
		break;
	case 4: H5Pset_external(dcpl, "/etc/passwd", 0, H5F_UNLIMITED); break;
	default: break;
	}
	return dcpl;
}

static void fill(hid_t d, fuzz_bytes *b)
{
	hid_t type = H5Dget_type(d), space = H5Dget_space(d);
	hssize_t n = H5Sget_simple_extent_npoints(space);
	size_t size = H5Tget_size(type);
	bool plain = H5Tget_class(type) != H5T_VLEN && H5Tis_variable_str(type) <= 0;
	char *x = plain && size && n > 0 && (size_t)n <= LARGEST / size ? calloc((size_t)n, size) : NULL;
	if (x && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0) {
		size_t from = fuzz_u16(b) % ((size_t)n * size), count = fuzz_u8(b);
		for (size_t i = from; i < from + count && i < (size_t)n * size; i++)
			x[i] = (char)fuzz_u8(b);
		H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
	}
	free(x);
	H5Sclose(space);
	H5Tclose(type);
}

static void put_dataset(hid_t file, const char *path, fuzz_bytes *b)
{
	hid_t type = some_type(fuzz_u8(b)), space = some_space(b);
	if (space >= 0 && type >= 0) {
		hid_t dcpl = some_layout(b, H5Sget_simple_extent_ndims(space));
		hid_t d = H5Dcreate2(file, path, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
		if (d >= 0) {
			fill(d, b);
			H5Dclose(d);
		}
		H5Pclose(dcpl);
	}
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
}

/* Sets the attribute of some number, or of a name with the object, to a value. */
static void put_attr(hid_t object, fuzz_bytes *b)
{
	static const char *const names[] = {"sets", "scores", "spec", "dtype", "length", "units", "scale", "window"};
	char name[64];
	unsigned which = fuzz_u8(b), kind = fuzz_u8(b);
	if (H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, which, name, sizeof name, H5P_DEFAULT) < 0)
		snprintf(name, sizeof name, "%s", names[which % 8]);
	else
		H5Adelete(object, name);
	if (kind % 16 == 15)
		return;
	char value[256] = {0};
	const char *text = value;
	for (unsigned i = 0, n = fuzz_u8(b) % 64; i < n; i++)
		value[i] = (char)fuzz_u8(b);
	hid_t type = some_type(kind), space = kind & 128 ? some_space(b) : H5Screate(H5S_SCALAR);
	hid_t a = type >= 0 && space >= 0 ? H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
	if (a >= 0 && !(kind & 128) && H5Tget_class(type) != H5T_VLEN)
		H5Awrite(a, type, H5Tis_variable_str(type) > 0 ? (const void *)&text : value);
	if (a >= 0)
		H5Aclose(a);
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
}

static void edit_once(hid_t file, const h5_base *base, fuzz_bytes *b)
{
	unsigned what = fuzz_u8(b);
	const char *path = base->path[fuzz_u8(b) % (unsigned)base->n], *other = base->path[fuzz_u8(b) % (unsigned)base->n];
	hid_t object = H5Oopen(file, path, H5P_DEFAULT);
	H5I_type_t kind = object >= 0 ? H5Iget_type(object) : H5I_BADID;
	bool whole = !strcmp(path, ".");
	switch (what % 10) {
	case 0:
	case 1:
	case 2:
		if (kind == H5I_DATASET)
			fill(object, b);
		break;
	case 3:
		if (object >= 0)
			put_attr(object, b);
		break;
	case 4:
		if (!whole && object >= 0 && H5Ldelete(file, path, H5P_DEFAULT) >= 0)
			put_dataset(file, path, b);
		break;
	case 5:
		if (!whole)
			H5Ldelete(file, path, H5P_DEFAULT);
		break;
	case 6:
		if (!whole && object >= 0 && H5Ldelete(file, path, H5P_DEFAULT) >= 0)
			H5Lcreate_hard(file, other, file, path, H5P_DEFAULT, H5P_DEFAULT);
		break;
	case 7:
		if (!whole && object >= 0 && H5Ldelete(file, path, H5P_DEFAULT) >= 0)
			H5Lcreate_soft(other, file, path, H5P_DEFAULT, H5P_DEFAULT);
		break;
	case 8:
		if (!whole && object >= 0 && H5Ldelete(file, path, H5P_DEFAULT) >= 0) {
			hid_t g = H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
			if (g >= 0)
				H5Gclose(g);
		}
		break;
	default:
		if (kind == H5I_DATASET) {
			hsize_t dims[8];
			for (int i = 0; i < 8; i++)
				dims[i] = some_length(fuzz_u8(b));
			H5Dset_extent(object, dims);
		}
	}
	if (object >= 0)
		H5Oclose(object);
}

const char *h5_edit(const h5_base *base, fuzz_bytes *b)
{
	hid_t file = open_image(base->image, base->size);
	fuzz_require(file >= 0);
	for (int i = 0; i < EDITS && b->p < b->end; i++)
		edit_once(file, base, b);
	H5Fflush(file, H5F_SCOPE_GLOBAL);
	ssize_t n = H5Fget_file_image(file, NULL, 0);
	void *image = n > 0 ? malloc((size_t)n) : NULL;
	fuzz_require(image && H5Fget_file_image(file, image, (size_t)n) == n);
	H5Fclose(file);
	const char *path = fuzz_file("edited.h5", image, (size_t)n);
	free(image);
	return path;
}

/* H5Dread alone: reads datasets from end to end and does nothing with the values, as the
 * limit that bench/analysis_rate.py holds the tables against.
 *
 *     h5_read FILE DATASET...
 *
 * Whole chunks at a time, so that HDF5 decompresses each once; a line of JSON. */
#include "base/clock.h"
#include "base/mem.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

enum { AXES = 4, ROW_CHUNKS = 4 };

static void die(const char *what)
{
	fprintf(stderr, "h5_read: %s: failed\n", what);
	exit(1);
}

/* The axis that grows is cut into some chunks at a time; rows of all layers together. */
static double read_all(hid_t file, const char *path)
{
	hsize_t dims[AXES], chunk[AXES], at[AXES] = {0}, n[AXES];
	hid_t d = H5Dopen2(file, path, H5P_DEFAULT), dcpl = H5Dget_create_plist(d), space = H5Dget_space(d);
	int rank = H5Sget_simple_extent_ndims(space), row = rank > 2 ? 2 : rank - 1;
	size_t bytes = 4;
	if (rank < 1 || rank > AXES || H5Sget_simple_extent_dims(space, dims, NULL) < 0 || H5Pget_chunk(dcpl, rank, chunk) != rank)
		die(path);
	hid_t type = H5Tget_native_type(H5Dget_type(d), H5T_DIR_DEFAULT);
	if (H5Tget_size(type) != 4)
		die("values of 4 bytes");
	for (int a = 0; a < rank; a++)
		bytes *= n[a] = a == row ? chunk[a] * ROW_CHUNKS : dims[a];
	void *out = am_alloc(bytes, 1);
	if (!out)
		die("memory");
	for (; at[row] < dims[row]; at[row] += n[row]) {
		n[row] = dims[row] - at[row] < n[row] ? dims[row] - at[row] : n[row];
		hid_t memory = H5Screate_simple(rank, n, NULL);
		H5Sselect_hyperslab(space, H5S_SELECT_SET, at, NULL, n, NULL);
		if (H5Dread(d, type, memory, space, H5P_DEFAULT, out) < 0)
			die(path);
		H5Sclose(memory);
	}
	am_free(out);
	double values = 1;
	for (int a = 0; a < rank; a++)
		values *= (double)dims[a];
	H5Dclose(d);
	return values;
}

int main(int argc, char **argv)
{
	double start = am_now(), values = 0;
	hid_t file = argc > 2 ? H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT) : -1;
	if (file < 0)
		die("h5_read FILE DATASET...");
	for (int i = 2; i < argc; i++)
		values += read_all(file, argv[i]);
	H5Fclose(file);
	printf("{\"values\": %.0f, \"seconds\": %.3f}\n", values, am_now() - start);
	return 0;
}

/* What a reader asks of a file before it believes it. */
#include "base/mem.h"
#include "base/text.h"
#include "runfile/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 64
#define BEST_RATIO 1100 /* deflate cannot do better than about 1030 to 1 */

am_status am_h5_check_file(const char *path, am_error *err)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		int code = errno;
		am_text part = {0};
		am_text_printf(&part, "%s.part", path);
		bool unfinished = code == ENOENT && stat(am_text_str(&part), &st) == 0;
		am_status s = am_fail(err, AM_ERR_IO, "%s: cannot open: %s%s%s%s", path, strerror(code), unfinished ? "; " : "",
		                      unfinished ? am_text_str(&part) : "", unfinished ? " holds the rows of an unfinished run" : "");
		am_text_free(&part);
		return s;
	}
	if (!S_ISREG(st.st_mode))
		return am_fail(err, AM_ERR_IO, "%s: expected a file, found %s", path,
		               S_ISDIR(st.st_mode) ? "a directory" : "a device");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
	close(fd);
	return AM_OK;
}

am_status am_h5_open(const char *path, hid_t *out, am_error *err)
{
	hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (file >= 0)
		return *out = file, AM_OK;
	am_error why = {0};
	am_status s = am_h5_fail(&why, AM_ERR_FORMAT, "%s: not a readable HDF5 file", path);
	return am_fail(err, s, "%s%s", why.text, strstr(why.text, ": truncated file") ? "; the file is cut, copy it again" : "");
}

bool am_h5_exists(hid_t file, const char *path)
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

bool am_h5_stored_here(hid_t dataset)
{
	hid_t dcpl = H5Dget_create_plist(dataset);
	if (dcpl < 0)
		return false;
	bool ok = H5Pget_layout(dcpl) >= 0 && H5Pget_layout(dcpl) != H5D_VIRTUAL &&
	          H5Pget_external_count(dcpl) == 0;
	H5Pclose(dcpl);
	return ok;
}

am_status am_h5_shape(const char *file, hid_t d, const char *path, int rank, int64_t *shape, am_error *err)
{
	hsize_t n[H5S_MAX_RANK];
	hid_t space = H5Dget_space(d);
	int found = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
	bool ok = found == rank && H5Sget_simple_extent_dims(space, n, NULL) == rank;
	if (space >= 0)
		H5Sclose(space);
	if (!ok)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %d axes, found %d", file, path, rank, found);
	for (int a = 0; a < rank; a++) {
		if (n[a] > INT64_MAX)
			return am_fail(err, AM_ERR_FORMAT, "%s: %s: absurd length %llu", file, path,
			               (unsigned long long)n[a]);
		shape[a] = (int64_t)n[a];
	}
	return AM_OK;
}

bool am_h5_plausible(hid_t file, hid_t d, size_t size, int rank, const int64_t *shape, size_t unwritten)
{
	size_t bytes = size;
	hsize_t stored = H5Dget_storage_size(d), whole = 0;
	for (int a = 0; a < rank; a++)
		if (!am_mul_size(bytes, (size_t)shape[a], &bytes))
			return false;
	if (H5Fget_filesize(file, &whole) < 0)
		return false;
	return bytes <= unwritten || bytes <= (stored < whole ? stored : whole) * BEST_RATIO;
}

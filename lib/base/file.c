#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static am_status open_regular(const char *path, int *fd, struct stat *st, am_error *err)
{
	int f = open(path, O_RDONLY | O_CLOEXEC);
	if (f < 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
	if (fstat(f, st) != 0) {
		int e = errno;
		close(f);
		return am_fail(err, AM_ERR_IO, "%s: cannot stat: %s", path, strerror(e));
	}
	if (S_ISDIR(st->st_mode)) {
		close(f);
		return am_fail(err, AM_ERR_IO, "%s: expected a file, found a directory", path);
	}
	*fd = f;
	return AM_OK;
}

am_status am_file_map_open(const char *path, am_file_map *out, am_error *err)
{
	int fd = -1;
	struct stat st;
	am_status s = open_regular(path, &fd, &st, err);
	if (s)
		return s;
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return am_fail(err, AM_ERR_IO, "%s: not a regular file", path);
	}
	am_file_map m = {NULL, (size_t)st.st_size};
	if (m.size) {
		void *p = mmap(NULL, m.size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			int e = errno;
			close(fd);
			return am_fail(err, AM_ERR_IO, "%s: cannot map %zu bytes: %s", path, m.size,
			               strerror(e));
		}
		m.data = p;
	}
	close(fd);
	*out = m;
	return AM_OK;
}

void am_file_map_close(am_file_map *map)
{
	if (map && map->data)
		munmap((void *)map->data, map->size);
	if (map)
		*map = (am_file_map){NULL, 0};
}

am_status am_file_read(const char *path, size_t limit, char **data, size_t *size, am_error *err)
{
	int fd = STDIN_FILENO;
	bool std_in = strcmp(path, "-") == 0;
	if (!std_in) {
		struct stat st;
		am_status s = open_regular(path, &fd, &st, err);
		if (s)
			return s;
	}
	am_status status = AM_OK;
	size_t used = 0, room = 1 << 16;
	char *buf = am_alloc(room + 1, 1);
	if (!buf)
		status = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	while (!status) {
		ssize_t n = read(fd, buf + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			status = am_fail(err, AM_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
			break;
		}
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > limit) {
			status = am_fail(err, AM_ERR_RANGE, "%s: larger than the limit of %zu bytes", path,
			                 limit);
			break;
		}
		if (used == room) {
			char *p = am_grow(buf, used, 2 * room + 1, 1);
			if (!p) {
				status = am_fail(err, AM_ERR_MEMORY, "%s: out of memory after %zu bytes", path,
				                 used);
				break;
			}
			buf = p;
			room *= 2;
		}
	}
	if (!std_in)
		close(fd);
	if (status) {
		am_free(buf);
		return status;
	}
	buf[used] = 0;
	*data = buf;
	*size = used;
	return AM_OK;
}

bool am_file_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

int64_t am_file_size(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

bool am_file_lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fcntl(fd, F_SETLK, &whole) == 0 || (errno != EACCES && errno != EAGAIN);
}

bool am_file_is_directory(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool am_file_is_regular(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool am_file_is_same(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

char *am_path_join(const char *dir, const char *name)
{
	size_t a = strlen(dir), b = strlen(name);
	bool slash = a && dir[a - 1] != '/';
	char *p = am_alloc(a + b + 2, 1);
	if (!p)
		return NULL;
	memcpy(p, dir, a);
	if (slash)
		p[a++] = '/';
	memcpy(p + a, name, b + 1);
	return p;
}

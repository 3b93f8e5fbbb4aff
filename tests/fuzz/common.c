#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES = 8 };

static char folder[64];
static struct {
	const char *name;
	char path[128];
} files[NAMES];
static int n_files;

static void remove_folder(void)
{
	for (int i = 0; i < n_files; i++)
		unlink(files[i].path);
	rmdir(folder);
}

const char *fuzz_folder(void)
{
	if (folder[0])
		return folder;
	const char *places[] = {"/dev/shm", getenv("TMPDIR"), "/tmp"};
	for (int i = 0; i < 3; i++) {
		if (!places[i] || strlen(places[i]) > sizeof folder - 24)
			continue;
		snprintf(folder, sizeof folder, "%.40s/attnmeter-fuzz.XXXXXX", places[i]);
		if (mkdtemp(folder)) {
			atexit(remove_folder);
			return folder;
		}
	}
	perror("fuzz: no folder for files");
	exit(1);
}

static const char *path_of(const char *name)
{
	for (int i = 0; i < n_files; i++)
		if (!strcmp(files[i].name, name))
			return files[i].path;
	fuzz_require(n_files < NAMES);
	files[n_files].name = name;
	snprintf(files[n_files].path, sizeof files[n_files].path, "%s/%.40s", fuzz_folder(), name);
	return files[n_files++].path;
}

const char *fuzz_file(const char *name, const void *bytes, size_t n)
{
	const char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && (n == 0 || write(fd, bytes, n) == (ssize_t)n);
	if (fd >= 0)
		close(fd);
	if (!ok) {
		perror(path);
		exit(1);
	}
	return path;
}

void fuzz_require_at(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
	abort();
}

bool fuzz_failed(am_status s, const am_error *err)
{
	if (s == AM_OK)
		return false;
	fuzz_require(s > AM_OK && s < AM_STATUS_COUNT);
	fuzz_require(err->status == s);
	fuzz_require(err->text[0]);
	fuzz_require(!strpbrk(err->text, "\n\r\033"));
	return true;
}

char *fuzz_rest(fuzz_bytes *b)
{
	size_t n = (size_t)(b->end - b->p);
	char *s = malloc(n + 1);
	fuzz_require(s);
	if (n)
		memcpy(s, b->p, n);
	s[n] = 0;
	b->p = b->end;
	return s;
}

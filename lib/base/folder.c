#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "base/folder.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

am_status am_folder_temporary(char *dir, size_t room, am_error *err)
{
	const char *tmp = getenv("TMPDIR");
	if ((size_t)snprintf(dir, room, "%s/attnmeter-XXXXXX", tmp && *tmp ? tmp : "/tmp") < room && mkdtemp(dir))
		return AM_OK;
	return am_fail(err, AM_ERR_IO, "%s: cannot make a temporary folder: %s", dir, strerror(errno));
}

void am_folder_remove(const char *dir)
{
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		char *path = am_path_join(dir, e->d_name);
		if (path && strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlink(path);
		am_free(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

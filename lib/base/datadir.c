#include "base/datadir.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* AM_SOURCE_DIR, AM_BINARY_DIR, AM_INSTALL_DATADIR: set by lib/CMakeLists.txt. */

enum { MAX_PLACES = 3 };

typedef struct places {
	char *dir[MAX_PLACES];
	int n;
} places;

static void add_place(places *p, char *dir)
{
	if (dir)
		p->dir[p->n++] = dir;
}

/* Folder of the running program without a final slash; false when not known. */
static bool program_folder(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	if (n <= 0)
		return false;
	out[n] = '\0';
	char *slash = strrchr(out, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void find_places(places *p)
{
	const char *env = getenv("ATTNMETER_DATA");
	if (env && *env) {
		add_place(p, am_strdup(env));
		return;
	}
	char folder[PATH_MAX];
	if (program_folder(folder)) {
		add_place(p, am_path_join(folder, "../share/attnmeter"));
		if (is_below(folder, AM_BINARY_DIR))
			add_place(p, am_strdup(AM_SOURCE_DIR));
	}
	add_place(p, am_strdup(AM_INSTALL_DATADIR));
}

static am_status not_found(const char *name, const places *p, am_error *err)
{
	am_text looked = {0};
	for (int i = 0; i < p->n; i++)
		am_text_printf(&looked, "%s%s", i ? ", " : "", p->dir[i]);
	am_status s = am_fail(err, AM_ERR_IO, "%s: not found in %s (ATTNMETER_DATA names another folder)", name,
	                      am_text_str(&looked));
	am_text_free(&looked);
	return s;
}

am_status am_data_path(const char *name, char **out, am_error *err)
{
	places p = {0};
	find_places(&p);
	char *found = NULL;
	for (int i = 0; i < p.n && !found; i++) {
		char *path = am_path_join(p.dir[i], name);
		if (path && access(path, F_OK) == 0)
			found = path;
		else
			am_free(path);
	}
	am_status s = found ? AM_OK : not_found(name, &p, err);
	if (found)
		*out = found;
	for (int i = 0; i < p.n; i++)
		am_free(p.dir[i]);
	return s;
}

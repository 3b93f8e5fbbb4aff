/* Whether pictures can be drawn on this machine. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "analysis/plot_picture.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char script[] = "set terminal svg\nset output 'a.svg'\nplot x title 'x'\n"
                             "set terminal pngcairo\nset output 'a.png'\nplot x title 'x'\n";

static am_status write_script(const char *path, am_error *err)
{
	FILE *f = fopen(path, "w");
	bool whole = f && fputs(script, f) >= 0;
	if (f && fclose(f) != 0)
		whole = false;
	return whole ? AM_OK : am_fail(err, AM_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
}

am_status am_plot_check(am_error *err)
{
	static const char *const files[] = {"a.gp", "a.svg", "a.png"};
	char *path[3] = {NULL};
	const char *tmp = getenv("TMPDIR");
	char dir[4096];
	if ((size_t)snprintf(dir, sizeof dir, "%s/attnmeter-XXXXXX", tmp && *tmp ? tmp : "/tmp") >= sizeof dir || !mkdtemp(dir))
		return am_fail(err, AM_ERR_IO, "%s: cannot make a temporary folder: %s", dir, strerror(errno));
	am_status s = AM_OK;
	for (int i = 0; i < 3 && !s; i++)
		if (!(path[i] = am_path_join(dir, files[i])))
			s = am_fail(err, AM_ERR_MEMORY, "gnuplot: out of memory");
	if (!s)
		s = write_script(path[0], err);
	if (!s)
		s = am_gnuplot_run(dir, "a.gp", err);
	for (int i = 1; i < 3 && !s; i++)
		if (am_file_size(path[i]) == 0)
			s = am_fail(err, AM_ERR_IO, "gnuplot: drew no %s", files[i] + 2);
	for (int i = 0; i < 3; i++) {
		if (path[i])
			unlink(path[i]);
		am_free(path[i]);
	}
	rmdir(dir);
	return s;
}

/* Whether pictures can be drawn on this machine. */
#include "analysis/plot_picture.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
	char *path[3] = {NULL}, dir[4096];
	am_status s = am_folder_temporary(dir, sizeof dir, err);
	if (s)
		return s;
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
	for (int i = 0; i < 3; i++)
		am_free(path[i]);
	am_folder_remove(dir);
	return s;
}

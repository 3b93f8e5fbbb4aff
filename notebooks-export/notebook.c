/* A notebook that opens the run where it lies: the template with the way to the file. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "base/json.h"
#include "base/mem.h"
#include "notebooks-export/export_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The folder of a path that may not exist yet, in full; NULL when memory is short or it is not there. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == path ? am_strdup("/") : slash ? am_strndup(path, (size_t)(slash - path)) : am_strdup(".");
	char *full = folder ? realpath(folder, NULL) : NULL; /* of malloc */
	char *out = full ? am_strdup(full) : NULL;
	free(full);
	am_free(folder);
	return out;
}

/* The way from a folder to a file, both in full: "../runs/a.h5". */
static void relative(const char *folder, const char *file, am_text *out)
{
	size_t same = 0, i = 0;
	for (; folder[i] && folder[i] == file[i]; i++)
		if (folder[i] == '/')
			same = i;
	if (!folder[i] && file[i] == '/') /* the file lies below the folder */
		same = i;
	for (const char *p = folder + same; *p; p++)
		if (*p == '/' && p[1])
			am_text_puts(out, "../");
	am_text_puts(out, file + same + 1);
}

/* Where the notebook finds the run: beside itself where that can be said, else in full. */
static am_status find_run(const am_run *run, const char *output, am_text *out, am_error *err)
{
	char *full = realpath(am_run_path(run), NULL), *folder = NULL; /* full: of malloc */
	if (full && output && strcmp(output, "-") != 0)
		folder = folder_of(output);
	if (folder)
		relative(folder, full, out);
	else
		am_text_puts(out, full ? full : am_run_path(run));
	free(full);
	am_free(folder);
	return am_text_ok(out) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
}

am_status am_export_notebook(am_run *run, const char *output, am_outfile *o, am_error *err)
{
	const char *text = am_notebook_template("run"), *mark = strstr(text, "@RUN@");
	am_text path = {0}, python = {0}, json = {0};
	am_status s = find_run(run, output, &path, err);
	am_json_string(&python, am_text_str(&path)); /* a Python string; quoted once more for the notebook */
	am_json_string(&json, am_text_str(&python));
	if (!s && (!am_text_ok(&python) || !am_text_ok(&json)))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	if (!s) {
		/* The template has \"@RUN@\": the quotes come with the value. */
		am_outfile_write(o, text, (size_t)(mark - text) - 2);
		am_outfile_write(o, am_text_str(&json) + 1, json.size - 2);
		am_outfile_write(o, mark + 7, strlen(mark + 7));
	}
	am_text_free(&path);
	am_text_free(&python);
	am_text_free(&json);
	return s;
}

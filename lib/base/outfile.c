#include "base/outfile.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

am_status am_outfile_apart(const char *output, const char *input, am_error *err)
{
	if (output && input && am_file_is_regular(output) && am_file_is_same(output, input))
		return am_fail(err, AM_ERR_USAGE, "%s: is an input, expected another output", output);
	return AM_OK;
}

struct am_outfile {
	char *path, *part; /* part NULL: written directly */
	FILE *f;
	int64_t at;
	int code; /* errno of the first failure */
};

static void free_outfile(am_outfile *o)
{
	am_free(o->path);
	am_free(o->part);
	am_free(o);
}

/* A regular file is written beside its name; what is no regular file has no final name
 * to protect. */
static am_status choose(am_outfile *o, bool force, am_error *err)
{
	struct stat st;
	bool there = stat(o->path, &st) == 0;
	if (there && S_ISDIR(st.st_mode))
		return am_fail(err, AM_ERR_IO, "%s: is a directory", o->path);
	if (there && S_ISREG(st.st_mode) && !force)
		return am_fail(err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", o->path);
	if (there && !S_ISREG(st.st_mode)) {
		o->f = fopen(o->path, "wb");
		return o->f ? AM_OK : am_fail(err, AM_ERR_IO, "%s: cannot open: %s", o->path, strerror(errno));
	}
	am_text part = {0};
	am_text_printf(&part, "%s.part", o->path);
	o->part = am_text_ok(&part) ? am_strdup(am_text_str(&part)) : NULL;
	am_text_free(&part);
	if (!o->part)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", o->path);
	o->f = fopen(o->part, "wb");
	return o->f ? AM_OK : am_fail(err, AM_ERR_IO, "%s: cannot create: %s%s", o->path, strerror(errno),
	                              errno == ENOENT ? "; make the folder first" : "");
}

am_status am_outfile_open(const char *path, bool force, am_outfile **out, am_error *err)
{
	bool standard = !path || strcmp(path, "-") == 0;
	am_outfile *o = am_calloc(1, sizeof *o);
	if (o)
		o->path = am_strdup(standard ? "standard output" : path);
	am_status s = o && o->path ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path ? path : "output");
	if (!s && standard)
		o->f = stdout;
	else if (!s)
		s = choose(o, force, err);
	if (s) {
		if (o)
			free_outfile(o);
		return s;
	}
	*out = o;
	return AM_OK;
}

void am_outfile_write(am_outfile *o, const void *bytes, size_t n)
{
	errno = 0;
	if (o->code == 0 && fwrite(bytes, 1, n, o->f) != n)
		o->code = errno ? errno : EIO;
	o->at += (int64_t)n;
}

bool am_outfile_ok(const am_outfile *o)
{
	return o->code == 0;
}

int64_t am_outfile_at(const am_outfile *o)
{
	return o->at;
}

bool am_outfile_patch(am_outfile *o, int64_t at, const void *bytes, size_t n)
{
	if (!o->part || o->code)
		return false;
	if (fseeko(o->f, (off_t)at, SEEK_SET) != 0 || fwrite(bytes, 1, n, o->f) != n || fseeko(o->f, 0, SEEK_END) != 0)
		o->code = errno ? errno : EIO;
	return o->code == 0;
}

am_status am_outfile_close(am_outfile *o, bool keep, am_error *err)
{
	am_status s = AM_OK;
	errno = 0;
	if (o->code == 0 && fflush(o->f) != 0)
		o->code = errno ? errno : EIO;
	if (o->f == stdout)
		clearerr(stdout);
	else if (fclose(o->f) != 0 && o->code == 0)
		o->code = errno ? errno : EIO;
	if (o->code == EPIPE && !o->part) /* the reader has seen enough */
		o->code = 0;
	if (o->code)
		s = am_fail(err, AM_ERR_IO, "%s: cannot write: %s", o->path, strerror(o->code));
	if (o->part && keep && !s && rename(o->part, o->path) != 0)
		s = am_fail(err, AM_ERR_IO, "%s: cannot rename: %s", o->path, strerror(errno));
	if (o->part && (s || !keep))
		unlink(o->part);
	free_outfile(o);
	return s;
}

am_status am_outfile_put(const char *path, bool force, const am_text *text, am_error *err)
{
	am_outfile *o;
	if (!am_text_ok(text))
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path ? path : "standard output");
	am_status s = am_outfile_open(path, force, &o, err);
	if (s)
		return s;
	am_outfile_write(o, am_text_str(text), text->size);
	return am_outfile_close(o, true, err);
}

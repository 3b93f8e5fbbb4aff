#include "runfile/writer.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "runfile/image.h"
#include "runfile/writer_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void writer_free(am_run_writer *w)
{
	am_packer_free(w->packer);
	if (w->fd >= 0)
		close(w->fd);
	am_writer_rows_fini(w);
	am_writer_dist_fini(w);
	am_writer_attr_fini(w);
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		am_stored_fini(&w->axis[a]);
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		am_stored_fini(&w->field[f]);
		for (int64_t i = 0; w->strings[f].s && i < w->strings[f].n; i++)
			am_free(w->strings[f].s[i]);
		am_free(w->strings[f].s);
	}
	am_filter_fini(&w->filter);
	am_space_fini(&w->space);
	for (int i = 0; w->selector && i < w->n_selectors; i++)
		am_free((char *)w->selector[i].spec);
	am_free(w->selector);
	am_free(w->spec);
	am_free(w->layer_id);
	am_free(w->head_id);
	am_free(w->path);
	am_free(w->part);
	am_free(w);
}

static char *with_suffix(const char *path, const char *suffix)
{
	size_t a = strlen(path), b = strlen(suffix);
	char *p = am_alloc(a + b + 1, 1);
	if (p) {
		memcpy(p, path, a);
		memcpy(p + a, suffix, b + 1);
	}
	return p;
}

static am_status put_time(am_run_writer *w, const char *name, am_error *err)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return am_writer_attr(w, name, (am_attr){.kind = AM_ATTR_STR, .s = text}, err);
}

static am_status put_own_attrs(am_run_writer *w, am_error *err)
{
	const struct {
		const char *name, *value;
	} text[] = {
		{"format", AM_RUN_FORMAT},
		{"attnmeter_version", AM_VERSION},
		{"tie_rule", "higher score first, then lower index"},
	};
	am_status s = AM_OK;
	for (size_t i = 0; i < sizeof text / sizeof *text && !s; i++)
		s = am_writer_attr(w, text[i].name, (am_attr){.kind = AM_ATTR_STR, .s = (char *)text[i].value}, err);
	if (!s)
		s = am_writer_attr(w, "format_version",
		                   (am_attr){.kind = AM_ATTR_INT, .i = AM_RUN_FORMAT_VERSION}, err);
	if (!s)
		s = am_writer_attr(w, "complete", (am_attr){.kind = AM_ATTR_INT, .i = 0}, err);
	return s ? s : put_time(w, "created", err);
}

/* Whether another process still writes this part. */
static bool is_in_use(const char *part)
{
	int fd = open(part, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool free = am_file_lock(fd);
	close(fd);
	return !free;
}

/* The lock comes before the old bytes go: two runs that start at once must not share a file. */
static am_status open_fresh(am_run_writer *w, const char *fresh, am_error *err)
{
	int fd = open(fresh, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot create: %s%s", w->part, strerror(errno),
		               errno == ENOENT ? "; make the folder first" : "");
	struct stat mine, named;
	/* The other run may also have renamed what was opened here. */
	if (!am_file_lock(fd) || fstat(fd, &mine) != 0 || stat(fresh, &named) != 0 || mine.st_ino != named.st_ino) {
		close(fd);
		return am_fail(err, AM_ERR_EXISTS, "%s: another run is writing it", w->part);
	}
	w->fd = fd;
	if (is_in_use(w->part))
		return am_fail(err, AM_ERR_EXISTS, "%s: another run is writing it", w->part);
	if (ftruncate(fd, 0) != 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot create: %s", w->part, strerror(errno));
	return AM_OK;
}

static am_status create_file(am_run_writer *w, const char *path, const char *fresh, bool force, am_error *err)
{
	if (am_file_is_directory(path))
		return am_fail(err, AM_ERR_IO, "%s: expected a file, found a directory", path);
	if (am_file_exists(path) && !am_file_is_regular(path))
		return am_fail(err, AM_ERR_IO, "%s: expected a regular file or nothing, found something else", path);
	if (!force && am_file_exists(path))
		return am_fail(err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", path);
	return open_fresh(w, fresh, err);
}

/* What selectors the run shadows, and with that its fields. */
static am_status take_selectors(am_run_writer *w, const am_run_contents *c, am_error *err)
{
	am_status s = am_field_specs_new(c->selector, c->n_selectors, &w->spec, err);
	if (s)
		return s;
	w->n_fields = am_shadow_field_end(c->n_selectors);
	w->row = am_calloc((size_t)w->n_fields, sizeof *w->row);
	w->selector = am_calloc((size_t)c->n_selectors, sizeof *w->selector);
	bool ok = w->row && w->selector;
	for (int i = 0; i < c->n_selectors && ok; i++, w->n_selectors++) {
		w->selector[i] = c->selector[i];
		ok = (w->selector[i].spec = am_strdup(c->selector[i].spec));
	}
	return ok ? AM_OK : am_fail(err, AM_ERR_MEMORY, "out of memory");
}

static am_status fill_new(am_run_writer *w, const am_run_axes *axes, const am_run_contents *c, am_error *err)
{
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		w->length[a] = -1;
	am_space_init(&w->space, w->fd, w->part, AM_IMAGE_HEAD);
	w->expected_rows = axes->n_row;
	w->flush_seconds = c->flush_seconds == 0 ? 1 : c->flush_seconds;
	w->last_flush = -INFINITY;
	w->layer_id = am_alloc((size_t)axes->n_layer, sizeof *w->layer_id);
	w->head_id = am_alloc((size_t)axes->n_head, sizeof *w->head_id);
	if (!w->layer_id || !w->head_id)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	memcpy(w->layer_id, axes->layer, (size_t)axes->n_layer * sizeof *w->layer_id);
	memcpy(w->head_id, axes->head, (size_t)axes->n_head * sizeof *w->head_id);
	am_status s = take_selectors(w, c, err);
	if (!s)
		s = am_filter_init(&w->filter, c->deflate, err);
	if (!s)
		s = am_packer_new(c->threads, &w->filter, &w->space, &w->packer, err);
	if (!s)
		s = put_own_attrs(w, err);
	if (!s)
		s = am_writer_put_axes(w, axes, err);
	if (!s)
		am_writer_rows_open(w, c);
	if (!s && c->dist)
		s = am_writer_dist_open(w, c->dist_float16, err);
	return s ? s : am_writer_commit(w, 0, err);
}

am_status am_run_writer_open(const char *path, bool force, const am_run_axes *axes,
                             const am_run_contents *contents, am_run_writer **out, am_error *err)
{
	assert(axes->n_layer > 0 && axes->n_head > 0 && contents->deflate >= 0 && contents->deflate <= 9);
	am_run_writer *w = am_calloc(1, sizeof *w);
	if (!w)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	w->fd = -1;
	w->force = force;
	am_status s = AM_OK;
	char *fresh = NULL;
	if (path) {
		w->path = am_strdup(path);
		w->part = with_suffix(path, ".part");
		/* OUT.part appears with its first whole state, not before. */
		fresh = with_suffix(path, ".part.new");
		if (!w->path || !w->part || !fresh)
			s = am_fail(err, AM_ERR_MEMORY, "out of memory");
		else
			s = create_file(w, path, fresh, force, err);
	}
	bool created = w->fd >= 0;
	if (!s)
		s = fill_new(w, axes, contents, err);
	if (!s && path && rename(fresh, w->part) != 0)
		s = am_fail(err, AM_ERR_IO, "%s: cannot create: %s", w->part, strerror(errno));
	if (s && created)
		unlink(fresh);
	am_free(fresh);
	if (s)
		writer_free(w);
	else
		*out = w;
	return s;
}

am_status am_writer_ready(am_run_writer *w, am_error *err)
{
	if (w->failed)
		return am_fail(err, w->failed, "%s: an earlier write failed", w->part ? w->part : "run");
	return w->failed = am_packer_failed(w->packer, err);
}

/* Rows of which every value is in the file. */
static int64_t whole_rows(const am_run_writer *w)
{
	return am_writer_dist_rows(w, am_writer_rows_whole(w));
}

am_status am_run_writer_flush(am_run_writer *w, am_error *err)
{
	am_status s = am_writer_ready(w, err);
	bool due = w->groups * w->chunk_rows > w->flushed_rows && am_now() - w->last_flush >= w->flush_seconds;
	if (s || !due)
		return s;
	s = am_packer_wait(w->packer, err);
	int64_t rows = s ? 0 : whole_rows(w);
	if (rows > w->flushed_rows) {
		s = am_writer_commit(w, rows, err);
		w->last_flush = am_now();
	}
	return w->failed = s;
}

am_status am_run_writer_wait(am_run_writer *w, am_error *err)
{
	(void)!am_packer_wait(w->packer, NULL);
	return am_writer_ready(w, err);
}

int64_t am_run_writer_flushed_rows(const am_run_writer *w)
{
	return w->flushed_rows;
}

/* Everything appended goes into the file. The packer is idle. */
static am_status finish(am_run_writer *w, am_error *err)
{
	/* Where the last index will not fit, the last chunks may. */
	if (w->arena[1].size && w->arena[1].size < (int64_t)w->index_size) {
		am_space_give(&w->space, w->arena[1]);
		w->arena[1] = (am_range){0, 0};
	}
	am_status s = am_writer_rows_finish(w, err);
	if (!s)
		s = am_writer_dist_finish(w, err);
	if (!s)
		s = am_packer_wait(w->packer, err);
	return s ? s : am_writer_commit(w, whole_rows(w), err);
}

static am_status rename_part(am_run_writer *w, am_error *err)
{
	if (!w->force && am_file_exists(w->path))
		return am_fail(err, AM_ERR_EXISTS, "%s: exists (use --force to replace it)", w->path);
	if (rename(w->part, w->path) != 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot rename to %s: %s", w->part, w->path, strerror(errno));
	return AM_OK;
}

/* As much as there is room for; what cannot be written leaves the file as of its last flush. */
static void keep_rows(am_run_writer *w)
{
	(void)!am_packer_wait(w->packer, NULL);
	am_status s = am_writer_ready(w, NULL) ? am_writer_commit(w, whole_rows(w), NULL) : finish(w, NULL);
	if (!s)
		(void)!am_space_trim(&w->space, NULL);
}

static am_status complete(am_run_writer *w, am_error *err)
{
	w->complete = true;
	am_status s = put_time(w, "finished", err);
	if (!s)
		s = am_writer_attr(w, "complete", (am_attr){.kind = AM_ATTR_INT, .i = 1}, err);
	if (!s)
		s = finish(w, err);
	if (!s)
		s = am_space_trim(&w->space, err);
	return s || !w->path ? s : rename_part(w, err);
}

am_status am_run_writer_close(am_run_writer *w, am_error *err)
{
	(void)!am_packer_wait(w->packer, NULL);
	am_status s = am_writer_ready(w, err);
	if (s)
		keep_rows(w);
	else
		s = complete(w, err);
	if (s && err && w->path && w->flushed_rows > 0)
		am_run_part_keeps(w->part, w->flushed_rows, err);
	writer_free(w);
	return s;
}

void am_run_part_keeps(const char *part, int64_t rows, am_error *err)
{
	am_error why = *err;
	(void)am_fail(err, why.status, "%s; %s keeps %lld row%s", why.text, part, (long long)rows, rows == 1 ? "" : "s");
}

int64_t am_run_writer_abandon(am_run_writer *w)
{
	if (!w)
		return 0;
	keep_rows(w);
	int64_t kept = w->flushed_rows;
	writer_free(w);
	return kept;
}

int64_t am_run_writer_bytes(const am_run_writer *w)
{
	/* Compressing uses the writer's scratch memory, nothing a caller can see. */
	am_run_writer *scratch = (am_run_writer *)w;
	(void)!am_packer_wait(w->packer, NULL);
	am_space_retract(&scratch->space);
	int64_t index = w->arena[1].size < (int64_t)w->index_size ? (int64_t)w->index_size : 0;
	return w->space.end + index + am_writer_rows_pending(scratch) + am_writer_dist_pending(scratch);
}

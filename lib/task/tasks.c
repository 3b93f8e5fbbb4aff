#include "task/tasks.h"

#include "base/mem.h"
#include "base/text.h"
#include "task/formats.h"
#include "task/inflate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const size_t FILE_LIMIT = (size_t)8 << 30;

/* One file on its way to samples. */
typedef struct reader {
	const char *path;
	const am_tasks_options *o;
	char task[256];
	am_tasks t;
} reader;

static bool full(const reader *r)
{
	return r->o->limit > 0 && r->t.n >= r->o->limit;
}

static am_status new_sample(reader *r, const char *where, int line, am_error *err)
{
	am_tasks *t = &r->t;
	if ((t->n & (t->n - 1)) == 0) { /* grow at powers of two */
		size_t room = t->n ? 2 * (size_t)t->n : 1;
		am_task_sample *p = am_grow(t->sample, (size_t)t->n * sizeof *p, room, sizeof *p);
		if (!p)
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", where);
		t->sample = p;
	}
	t->sample[t->n] = (am_task_sample){.index = t->n, .length = -1, .line = line};
	t->n++;
	return AM_OK;
}

static am_status add_object(reader *r, const json_t *o, int line, am_error *err)
{
	char where[512];
	snprintf(where, sizeof where, "%.480s:%d", r->path, line);
	if (!json_is_object(o))
		return am_task_field_wrong(where, "", "an object", o, err);
	am_status status = AM_OK;
	if (r->t.format == AM_FORMAT_AUTO)
		status = am_format_detect(o, where, &r->t.format, err);
	if (!status)
		status = new_sample(r, where, line, err);
	if (status)
		return status;
	const am_format *f = am_format_of(r->t.format);
	am_sample_reader sample = {where, r->task, r->o->template ? r->o->template : f->template};
	if (r->o->template && !f->template)
		return am_fail(err, AM_ERR_USAGE, "%s: a template is for formats whose prompts are made here, found %s", r->path,
		               f->name);
	return f->read(&sample, o, &r->t.sample[r->t.n - 1], err);
}

static am_status add_line(reader *r, int line, const char *text, size_t n, am_error *err)
{
	json_error_t je;
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (!o)
		return am_fail(err, AM_ERR_FORMAT, "%s:%d: invalid JSON at column %d: %s", r->path, line, je.column, je.text);
	am_status status = add_object(r, o, line, err);
	json_decref(o);
	return status;
}

static am_status read_lines(reader *r, const char *data, size_t size, am_error *err)
{
	am_status status = AM_OK;
	int line = 1;
	for (size_t at = 0; at < size && !status && !full(r); line++) {
		const char *end = memchr(data + at, '\n', size - at);
		size_t n = end ? (size_t)(end - (data + at)) : size - at;
		if (strspn(data + at, " \t\r") < n)
			status = add_line(r, line, data + at, n, err);
		at += n + 1;
	}
	return status;
}

/* Where an array is read: its text and the line there. */
typedef struct cursor {
	const char *at, *end;
	int line;
} cursor;

static void skip_blanks(cursor *c)
{
	for (; c->at < c->end && isspace((unsigned char)*c->at); c->at++)
		c->line += *c->at == '\n';
}

static am_status expect(const reader *r, const cursor *c, const char *what, am_error *err)
{
	if (c->at == c->end)
		return am_fail(err, AM_ERR_FORMAT, "%s:%d: expected %s, found the end of the file", r->path, c->line, what);
	return am_fail(err, AM_ERR_FORMAT, "%s:%d: expected %s, found '%c'", r->path, c->line, what, *c->at);
}

/* One element at a time, so that a sample's line is known and one is held, not all. */
static am_status read_element(reader *r, cursor *c, am_error *err)
{
	json_error_t je;
	json_t *o = json_loadb(c->at, (size_t)(c->end - c->at),
	                       JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &je);
	if (!o)
		return am_fail(err, AM_ERR_FORMAT, "%s:%d: invalid JSON at column %d: %s", r->path, c->line + je.line - 1,
		               je.column, je.text);
	am_status status = add_object(r, o, c->line, err);
	json_decref(o);
	for (int i = 0; i < je.position; i++)
		c->line += c->at[i] == '\n';
	c->at += je.position;
	return status;
}

static am_status read_array(reader *r, cursor c, am_error *err)
{
	c.at++;
	skip_blanks(&c);
	bool more = c.at == c.end || *c.at != ']';
	if (!more) {
		c.at++;
		skip_blanks(&c);
	}
	while (more && !full(r)) {
		am_status status = read_element(r, &c, err);
		if (status)
			return status;
		skip_blanks(&c);
		more = c.at < c.end && *c.at == ',';
		if (!more && (c.at == c.end || *c.at != ']'))
			return expect(r, &c, "',' or ']'", err);
		c.at++;
		skip_blanks(&c);
	}
	return full(r) || c.at == c.end ? AM_OK : expect(r, &c, "the end of the file", err);
}

static am_status read_all(reader *r, const char *data, size_t size, am_error *err)
{
	size_t mark = am_utf8_mark(data, size);
	data += mark;
	size -= mark;
	cursor c = {data, data + size, 1};
	skip_blanks(&c);
	am_status status;
	/* A line "[...]" alone would be an array in a file of lines; no format has one. */
	if (c.at < c.end && *c.at == '[')
		status = read_array(r, c, err);
	else
		status = read_lines(r, data, size, err);
	if (!status && r->t.n == 0)
		status = am_fail(err, AM_ERR_FORMAT, "%s: no task lines", r->path);
	return status;
}

am_status am_tasks_read(const char *path, const am_tasks_options *options, am_tasks *out, am_error *err)
{
	static const am_tasks_options none;
	char *data;
	size_t size;
	am_status status = am_inflate_read(path, FILE_LIMIT, &data, &size, err);
	if (status)
		return status;
	reader r = {.path = path, .o = options ? options : &none};
	r.t.format = r.o->format;
	am_task_of_path(path, r.task, sizeof r.task, &(int){0});
	status = read_all(&r, data, size, err);
	am_free(data);
	if (status) {
		am_tasks_fini(&r.t);
		return status;
	}
	*out = r.t;
	return AM_OK;
}

static void sample_fini(am_task_sample *s)
{
	for (int j = 0; j < s->n_outputs; j++)
		am_free(s->outputs[j]);
	for (int j = 0; j < s->n_labels; j++)
		am_free(s->labels[j].id);
	am_free(s->outputs);
	am_free(s->labels);
	am_free(s->input);
	am_free(s->answer_prefix);
	am_free(s->answer);
	am_free(s->task);
}

void am_tasks_fini(am_tasks *t)
{
	for (int i = 0; i < t->n; i++)
		sample_fini(&t->sample[i]);
	am_free(t->sample);
	*t = (am_tasks){0};
}

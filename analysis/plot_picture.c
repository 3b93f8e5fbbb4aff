#include "analysis/plot_picture.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static am_text *word(am_picture *p, const char *key)
{
	for (int i = 0; i < p->n_words; i++)
		if (strcmp(p->words[i].key, key) == 0)
			return &p->words[i].value;
	return NULL;
}

static am_text *fresh_word(am_picture *p, const char *key)
{
	am_text *t = word(p, key);
	if (!t) {
		assert(p->n_words < AM_PICTURE_WORDS);
		p->words[p->n_words].key = key;
		t = &p->words[p->n_words++].value;
	}
	am_text_clear(t);
	return t;
}

void am_picture_init(am_picture *p, const char *name)
{
	*p = (am_picture){.name = name};
	am_picture_word(p, "remarks", "%s", "");
}

void am_picture_fini(am_picture *p)
{
	am_text_free(&p->data);
	am_text_free(&p->stem);
	for (int i = 0; i < p->n_words; i++)
		am_text_free(&p->words[i].value);
	*p = (am_picture){0};
}

void am_picture_word(am_picture *p, const char *key, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	am_text *t = fresh_word(p, key);
	char *s = n < 0 ? NULL : am_alloc((size_t)n + 1, 1);
	if (s) {
		vsnprintf(s, (size_t)n + 1, fmt, again);
		am_text_append(t, s, (size_t)n);
	}
	t->failed |= !s;
	va_end(again);
	am_free(s);
}

/* Single quotes stop gnuplot from running `commands` and from escapes; a quote
 * within is doubled, control characters become blanks. Cut at 255 bytes. */
void am_picture_string(am_picture *p, const char *key, const char *fmt, ...)
{
	char buf[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	am_text *t = fresh_word(p, key);
	am_text_puts(t, "'");
	for (const char *c = buf; *c; c++) {
		if (*c == '\'')
			am_text_puts(t, "''");
		else
			am_text_append(t, (unsigned char)*c < ' ' || *c == 127 ? " " : c, 1);
	}
	am_text_puts(t, "'");
}

void am_picture_size(am_picture *p, int inner, const char *caption)
{
	p->inner = inner;
	am_picture_string(p, "caption", "%s", caption);
}

void am_picture_key(am_picture *p, const am_plot_job *job, int wide, int narrow)
{
	int lines = job->page->narrow ? narrow : wide;
	p->key_height = lines ? job->page->key_step * lines + (job->page->narrow ? 3 : 8) : 0;
}

void am_picture_key_of(am_picture *p, const am_plot_job *job, int n, size_t longest)
{
	int across = longest <= 12 ? 2 : 1;
	am_picture_word(p, "key_columns", "%d", across);
	am_picture_key(p, job, 0, (n + across - 1) / across);
}

void am_picture_ticks(am_picture *p, const char *key, const double *ids, int n, int most)
{
	int step = 1;
	while ((n + step - 1) / step > most)
		step *= 2;
	am_text *t = fresh_word(p, key);
	for (int i = 0; i < n; i += step)
		am_text_printf(t, "%s'%.0f' %d", i ? ", " : "", ids[i], i);
}

void am_picture_cell(am_picture *p, double x)
{
	am_text *t = &p->data;
	if (t->size && t->data[t->size - 1] != '\n')
		am_text_puts(t, "\t");
	if (isfinite(x))
		am_text_printf(t, "%.9g", x);
}

void am_picture_end_row(am_picture *p)
{
	am_text_puts(&p->data, "\n");
}

static am_status write_file(const am_plot_job *job, const char *name, const char *suffix,
                            const am_text *text, am_error *err)
{
	am_text path = {0};
	am_text_printf(&path, "%s/%s.%s", job->dir, name, suffix);
	if (!am_text_ok(&path) || !am_text_ok(text)) {
		am_text_free(&path);
		return am_fail(err, AM_ERR_MEMORY, "%s.%s: out of memory", name, suffix);
	}
	am_status s = AM_OK;
	FILE *f = fopen(am_text_str(&path), "wb");
	bool written = f && fwrite(am_text_str(text), 1, text->size, f) == text->size;
	int e = errno;
	if (f && fclose(f) != 0 && written) {
		written = false;
		e = errno;
	}
	if (written)
		am_text_printf(job->files, "%s\n", am_text_str(&path));
	else
		s = am_fail(err, AM_ERR_IO, "%s: cannot write: %s", am_text_str(&path), strerror(e));
	am_text_free(&path);
	return s;
}

/* Appends the template with every @key@ replaced by its word. */
static void expand(am_picture *p, const char *template, am_text *out)
{
	assert(template);
	for (const char *c = template; *c;) {
		size_t n = *c == '@' ? strspn(c + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
		if (!n || c[n + 1] != '@') {
			am_text_append(out, c++, 1);
			continue;
		}
		char key[32];
		assert(n < sizeof key);
		memcpy(key, c + 1, n);
		key[n] = 0;
		am_text *value = word(p, key);
		assert(value);
		am_text_append(out, am_text_str(value), value->size);
		out->failed |= value->failed;
		c += n + 2;
	}
}

/* Whether a line may end at a blank: not within "b - a". */
static bool may_break(const char *c)
{
	return *c == ' ' && !(c[1] == '-' && c[2] == ' ') && !(c[-1] == '-' && c[-2] == ' ');
}

/* Breaks the quoted string of a word at blanks into lines of at most `room` letters, as a
 * gnuplot expression; returns the lines. */
static int wrap(am_picture *p, const char *key, int room)
{
	am_text *t = word(p, key);
	am_text out = {0};
	const char *s = am_text_str(t) + 1, *end = am_text_str(t) + t->size - 1;
	int lines = 1;
	while (end - s > room) {
		const char *cut = s + room;
		while (cut > s + 1 && !may_break(cut))
			cut--;
		if (cut <= s + 1)
			break;
		am_text_printf(&out, "'%.*s'.\"\\n\".", (int)(cut - s), s);
		s = cut + 1;
		lines++;
	}
	am_text_printf(&out, "'%.*s'", (int)(end - s), s);
	out.failed |= t->failed;
	am_text_free(t);
	*t = out;
	return lines;
}

/* From top to bottom: title, subtitle, key, plot, axis, caption. */
static void lay_out(am_picture *p, const am_plot_page *g)
{
	int titles = wrap(p, "title", g->room[0]), subtitles = wrap(p, "subtitle", g->room[1]);
	int captions = wrap(p, "caption", g->room[2]);
	bool empty = !strcmp(am_text_str(word(p, "caption")), "''");
	int subtitle = g->title[0] + g->title[1] * (titles - 1) + g->title[2];
	int header = subtitle + g->subtitle[0] * (subtitles - 1) + g->subtitle[1];
	int caption = empty ? 0 : g->caption[0] + g->caption[1] * (captions - 1);
	am_picture_word(p, "width", "%d", g->width);
	am_picture_word(p, "height", "%d", header + p->key_height + p->inner + g->axis + caption);
	am_picture_word(p, "title_y", "%d", g->title[0]);
	am_picture_word(p, "subtitle_y", "%d", subtitle);
	am_picture_word(p, "header", "%d", header);
	am_picture_word(p, "top", "%d", header + p->key_height);
	am_picture_word(p, "axis_height", "%d", g->axis);
	am_picture_word(p, "caption_height", "%d", caption);
	am_picture_word(p, "caption_y", "%d", g->caption[2] + g->caption[1] * (captions - 1));
}

static void set_options(am_picture *p, const am_plot_options *o)
{
	const am_plot_theme *t = am_plot_theme_find(o->theme);
	lay_out(p, &t->page);
	for (int i = 0; i < AM_THEME_WORDS && t->words[i][0]; i++)
		am_picture_word(p, t->words[i][0], "%s", t->words[i][1]);
	am_picture_word(p, "pixels", "%d", o->png_width ? o->png_width : t->png_width);
	am_picture_word(p, "formats", "%s%s", o->svg ? "svg " : "", o->png ? "png" : "");
}

static am_status list_pictures(const am_plot_job *job, const char *name, am_error *err)
{
	if (job->options->svg)
		am_text_printf(job->files, "%s/%s.svg\n", job->dir, name);
	if (job->options->png)
		am_text_printf(job->files, "%s/%s.png\n", job->dir, name);
	return am_text_ok(job->files) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", name);
}

/* The kind's name in that of the picture gives way to the name asked for: recall-curves-s0. */
static void rename_picture(am_picture *p, const am_plot_job *job)
{
	const char *kind = job->kind->name, *rest = p->name;
	if (!job->options->name)
		return;
	if (!strncmp(rest, kind, strlen(kind)))
		rest += strlen(kind);
	am_text_printf(&p->stem, "%s%s", job->options->name, rest);
	p->name = am_text_str(&p->stem);
}

am_status am_picture_draw(am_picture *p, const am_plot_job *job, const char *body, am_error *err)
{
	am_text script = {0}, file = {0};
	rename_picture(p, job);
	am_picture_string(p, "file", "%s.tsv", p->name);
	am_picture_string(p, "stem", "%s.", p->name);
	set_options(p, job->options);
	expand(p, am_plot_template("head"), &script);
	expand(p, am_plot_template(body), &script);
	expand(p, am_plot_template("tail"), &script);
	am_text_printf(&file, "%s.gp", p->name);
	am_status s = write_file(job, p->name, "tsv", &p->data, err);
	if (!s)
		s = write_file(job, p->name, "gp", &script, err);
	if (!s && !am_text_ok(&file))
		s = am_fail(err, AM_ERR_MEMORY, "%s.gp: out of memory", p->name);
	if (!s && (job->options->svg || job->options->png)) {
		s = am_gnuplot_run(job->dir, am_text_str(&file), err);
		if (!s)
			s = list_pictures(job, p->name, err);
	}
	am_text_free(&script);
	am_text_free(&file);
	return s;
}

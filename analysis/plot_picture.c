#include "analysis/plot_picture.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Palettes are viridis (heat maps) and viridis without the end that is close to
 * the page (a line a layer): even steps in lightness, safe for colour-blind eyes. */
#define VIRIDIS \
	"0 '#440154', 1 '#482878', 2 '#3e4a89', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', " \
	"6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725'"

static const struct theme {
	const char *name;
	const char *words[11][2];
} themes[] = {
	{"light",
	 {{"background", "#ffffff"}, {"foreground", "#1a1a1a"}, {"muted", "#595959"}, {"faint", "#e4e4e4"},
	  {"undefined", "#bdbdbd"}, {"median", "#08306b"}, {"inner", "#6baed6"}, {"outer", "#c6dbef"},
	  {"limit", "#d55e00"}, {"palette", VIRIDIS},
	  {"ramp", "0 '#440154', 1 '#3e4a89', 2 '#26828e', 3 '#35b779', 4 '#a0da39'"}}},
	{"dark",
	 {{"background", "#16181d"}, {"foreground", "#f0f0f0"}, {"muted", "#a8a8a8"}, {"faint", "#363a42"},
	  {"undefined", "#6b6b6b"}, {"median", "#f7fbff"}, {"inner", "#4292c6"}, {"outer", "#08519c"},
	  {"limit", "#e69f00"}, {"palette", VIRIDIS},
	  {"ramp", "0 '#5b6bb5', 1 '#31879e', 2 '#26ad81', 3 '#8bd646', 4 '#fde725'"}}},
};

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
	am_picture_word(p, "name", "%s", name);
	am_picture_word(p, "remarks", "%s", "");
}

void am_picture_fini(am_picture *p)
{
	am_text_free(&p->data);
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

void am_picture_size(am_picture *p, int height, const char *caption)
{
	int caption_height = *caption ? 24 : 0;
	am_picture_word(p, "height", "%d", height + caption_height);
	am_picture_word(p, "caption_height", "%d", caption_height);
	am_picture_string(p, "caption", "%s", caption);
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
	if (s && f)
		unlink(am_text_str(&path));
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

static void set_options(am_picture *p, const am_plot_options *o)
{
	const struct theme *t = &themes[strcmp(o->theme, themes[0].name) != 0];
	for (size_t i = 0; i < sizeof t->words / sizeof *t->words; i++)
		am_picture_word(p, t->words[i][0], "%s", t->words[i][1]);
	am_picture_word(p, "pixels", "%d", o->png_width);
	am_picture_word(p, "formats", "%s%s", o->svg ? "svg " : "", o->png ? "png" : "");
}

static am_status list_picture(const am_plot_job *job, const char *name, const char *suffix, am_error *err)
{
	am_text path = {0};
	am_text_printf(&path, "%s/%s.%s", job->dir, name, suffix);
	am_status s = am_text_ok(&path) ? am_picture_whole(am_text_str(&path), err)
	                                : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", name);
	if (!s)
		am_text_printf(job->files, "%s\n", am_text_str(&path));
	am_text_free(&path);
	return s;
}

static am_status list_pictures(const am_plot_job *job, const char *name, am_error *err)
{
	am_status svg = job->options->svg ? list_picture(job, name, "svg", err) : AM_OK;
	am_status png = job->options->png ? list_picture(job, name, "png", err) : AM_OK;
	if (svg || png)
		return svg ? svg : png;
	return am_text_ok(job->files) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", name);
}

am_status am_picture_draw(am_picture *p, const am_plot_job *job, const char *body, am_error *err)
{
	am_text script = {0}, file = {0};
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

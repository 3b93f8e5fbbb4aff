#include "report/pictures.h"

#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "report/svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST ((size_t)256 << 20) /* bytes of a picture */

static const char *const themes[AM_PICTURE_THEMES] = {"light", "dark"};

/* --- pictures ------------------------------------------------------------- */

static am_page_picture *find(am_page_pictures *p, const char *name, am_error *err)
{
	for (int i = 0; i < p->n; i++)
		if (!strcmp(p->item[i].name, name))
			return &p->item[i];
	if (p->n == p->room) {
		int room = p->room ? 2 * p->room : 8;
		am_page_picture *item = am_grow(p->item, (size_t)p->n * sizeof *item, (size_t)room, sizeof *item);
		if (!item)
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", name), NULL;
		p->item = item;
		p->room = room;
	}
	p->item[p->n] = (am_page_picture){.name = am_strdup(name)};
	if (!p->item[p->n].name)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", name), NULL;
	return &p->item[p->n++];
}

/* "DIR/NAME.svg" */
static am_status take(am_page_pictures *p, const am_pictures_options *o, int theme, const char *path, am_error *err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char *svg, *name = am_strndup(base, strlen(base) - 4);
	size_t size;
	am_status s = name ? am_file_read(path, LARGEST, &svg, &size, err) : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", base);
	if (s) {
		am_free(name);
		return s;
	}
	am_page_picture *picture = find(p, name, err);
	const am_plot_kind *kind = am_plot_kind_find(name);
	am_text prefix = {0};
	am_text_printf(&prefix, "%s%s-%c-", o->prefix, name, themes[theme][0]);
	s = picture ? am_svg_inline(base, svg, am_text_str(&prefix), kind ? kind->summary : name, &picture->svg[theme], err) : AM_ERR_MEMORY;
	am_text_free(&prefix);
	am_free(svg);
	am_free(name);
	return s;
}

static am_status take_all(am_page_pictures *p, const am_pictures_options *o, int theme, am_text *files, am_error *err)
{
	char *rest = NULL;
	am_status s = am_text_ok(files) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "pictures: out of memory");
	for (char *path = s || !files->size ? NULL : strtok_r(files->data, "\n", &rest); path && !s;
	     path = strtok_r(NULL, "\n", &rest)) {
		size_t n = strlen(path);
		if (n > 4 && !strcmp(path + n - 4, ".svg"))
			s = take(p, o, theme, path, err);
	}
	return s;
}

/* The folder that the message may name is gone. */
static am_status explain(am_status s, am_error *err)
{
	char *data = err ? strstr(err->text, "; data and scripts are in ") : NULL;
	if (!data)
		return s;
	*data = 0;
	char text[sizeof err->text];
	snprintf(text, sizeof text, "%s", err->text);
	return am_fail(err, s, "%s, or make a report without pictures: --no-pictures", text);
}

static am_status add_theme(am_page_pictures *p, const am_pictures_options *o, int theme, am_plot_set set,
                           am_plot_request *q, am_error *err)
{
	char dir[4096];
	am_text files = {0};
	am_status s = am_folder_temporary(dir, sizeof dir, err);
	if (s)
		return s;
	q->dir = dir;
	q->files = &files;
	s = am_plot_draw_set(set, q, err);
	s = s ? explain(s, err) : take_all(p, o, theme, &files, err);
	am_text_free(&files);
	am_folder_remove(dir);
	return s;
}

am_status am_pictures_add(am_page_pictures *p, const am_pictures_options *o, am_plot_set set, am_run *const run[2],
                          const am_compare_options *compare, am_error *err)
{
	am_status s = AM_OK;
	am_plot_options plot;
	am_plot_options_init(&plot);
	plot.png = false;
	plot.min_position = o->min_position;
	plot.notes = o->notes;
	am_plot_request q = {.run = {run[0], run[1]}, .control = o->control, .compare = compare, .options = &plot};
	for (int theme = 0; theme < AM_PICTURE_THEMES && !s; theme++) {
		if (!o->theme[theme])
			continue;
		plot.theme = themes[theme];
		s = add_theme(p, o, theme, set, &q, err);
		plot.notes = NULL; /* they are the same in every theme */
	}
	return s;
}

void am_pictures_fini(am_page_pictures *p)
{
	for (int i = 0; i < p->n; i++) {
		am_free(p->item[i].name);
		for (int t = 0; t < AM_PICTURE_THEMES; t++)
			am_text_free(&p->item[i].svg[t]);
	}
	am_free(p->item);
	*p = (am_page_pictures){0};
}

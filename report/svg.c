#include "report/svg.h"

#include "report/html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"
#define NAME 48

typedef struct scan {
	const char *file, *at, *prefix, *label;
	am_text *out;
	am_error *err;
	bool root; /* still to come */
} scan;

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(*list, word))
			return true;
	return false;
}

static am_status bad(const scan *s, const char *what, const char *name)
{
	return am_fail(s->err, AM_ERR_FORMAT, "%s: expected a picture by gnuplot, found %s%s", s->file, what, name);
}

/* --- attributes ----------------------------------------------------------- */

/* "rgb( 68,   1,  84)" as #440154. */
static const char *put_colour(const char *p, am_text *out)
{
	int r, g, b, n = 0;
	if (sscanf(p, "rgb( %d , %d , %d )%n", &r, &g, &b, &n) == 3 && n && (r | g | b) >= 0 && (r | g | b) < 256) {
		am_text_printf(out, "#%02x%02x%02x", (unsigned)r, (unsigned)g, (unsigned)b);
		return p + n;
	}
	am_text_append(out, p, 1);
	return p + 1;
}

static void put_value(const scan *s, const char *value, size_t n)
{
	am_text copy = {0};
	while (n && strchr(BLANKS, value[n - 1]))
		n--;
	am_text_append(&copy, value, n);
	for (const char *p = am_text_str(&copy); *p;) {
		if (!strncmp(p, "rgb(", 4)) {
			p = put_colour(p, s->out);
		} else if (!strncmp(p, "url(#", 5)) {
			am_text_printf(s->out, "url(#%s", s->prefix);
			p += 5;
		} else {
			am_text_append(s->out, *p == '"' ? "&quot;" : p, *p == '"' ? 6 : 1);
			p++;
		}
	}
	s->out->failed |= copy.failed;
	am_text_free(&copy);
}

static am_status put_attribute(const scan *s, const char *name, const char *value, size_t n, bool root)
{
	static const char *const allowed[] = {
		"class", "clip-path", "color", "cx", "cy", "d", "dx", "dy", "fill", "fill-opacity", "fill-rule", "filter",
		"filterUnits", "flood-color", "flood-opacity", "font-family", "font-size", "font-style", "font-weight", "height",
		"in", "in2", "opacity", "operator", "patternUnits", "points", "r", "result", "rx", "ry", "shape-rendering", "stroke",
		"stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width", "text-anchor",
		"text-decoration", "textLength", "transform", "viewBox", "width", "x", "x1", "x2", "xml:space", "y", "y1", "y2", NULL,
	};
	bool reference = !strcmp(name, "href") || !strcmp(name, "xlink:href");
	if (!strncmp(name, "xmlns", 5) || (root && (!strcmp(name, "width") || !strcmp(name, "height"))))
		return AM_OK;
	if (reference ? !n || value[0] != '#' : strcmp(name, "id") && !is_one_of(name, allowed))
		return bad(s, "the attribute ", name);
	if (memchr(value, '<', n))
		return bad(s, "a tag within the attribute ", name);
	am_text_printf(s->out, reference ? " href=\"#%s" : " %s=\"", reference ? s->prefix : name);
	if (!strcmp(name, "id"))
		am_text_puts(s->out, s->prefix);
	put_value(s, value + reference, n - reference);
	am_text_puts(s->out, "\"");
	return AM_OK;
}

/* A name at s->at; empty where there is none or it is too long. */
static void take_name(scan *s, char name[NAME])
{
	size_t n = strcspn(s->at, BLANKS "/>=<\"'");
	snprintf(name, NAME, "%.*s", n < NAME ? (int)n : 0, s->at);
	s->at += n;
}

static am_status take_attributes(scan *s, bool root)
{
	for (;;) {
		char name[NAME];
		s->at += strspn(s->at, BLANKS);
		if (*s->at == '>' || *s->at == '/')
			return AM_OK;
		take_name(s, name);
		s->at += strspn(s->at, BLANKS);
		if (!name[0] || *s->at != '=')
			return bad(s, "a broken tag", "");
		s->at += 1 + strspn(s->at + 1, BLANKS);
		char quote = *s->at;
		const char *end = quote == '"' || quote == '\'' ? strchr(s->at + 1, quote) : NULL;
		if (!end)
			return bad(s, "no value of the attribute ", name);
		am_status st = put_attribute(s, name, s->at + 1, (size_t)(end - s->at - 1), root);
		if (st)
			return st;
		s->at = end + 1;
	}
}

/* --- elements ------------------------------------------------------------- */

static am_status skip_to(scan *s, const char *end)
{
	const char *p = strstr(s->at, end);
	if (!p)
		return bad(s, "no ", end);
	s->at = p + strlen(end);
	return AM_OK;
}

static am_status open_tag(scan *s)
{
	static const char *const allowed[] = {
		"circle", "clipPath", "defs", "ellipse", "feComposite", "feFlood", "filter", "g", "line", "path", "pattern",
		"polygon", "polyline", "rect", "svg", "text", "tspan", "use", NULL,
	};
	char name[NAME];
	bool root = s->root;
	s->at++;
	take_name(s, name);
	if (!strcmp(name, "title"))
		return skip_to(s, "</title>");
	if (!strcmp(name, "desc"))
		return skip_to(s, "</desc>");
	if (!is_one_of(name, allowed))
		return bad(s, "the element ", name);
	s->root = false;
	am_text_printf(s->out, "<%s", name);
	if (root) {
		am_text_puts(s->out, " role=\"img\" aria-label=\"");
		am_html_text(s->out, s->label);
		am_text_puts(s->out, "\"");
	}
	am_status st = take_attributes(s, root);
	if (st)
		return st;
	bool empty = *s->at == '/';
	am_text_puts(s->out, empty ? "/>" : ">");
	s->at += empty;
	return *s->at++ == '>' ? AM_OK : bad(s, "a broken tag", "");
}

static am_status close_tag(scan *s)
{
	char name[NAME];
	s->at += 2;
	take_name(s, name);
	s->at += strspn(s->at, BLANKS);
	am_text_printf(s->out, "</%s>", name);
	return *s->at++ == '>' && name[0] ? AM_OK : bad(s, "a broken tag", "");
}

/* Line ends and what indents the lines are no text. */
static void take_text(scan *s)
{
	size_t n = strcspn(s->at, "<");
	size_t blank = strspn(s->at, BLANKS);
	if (blank < n || !memchr(s->at, '\n', n))
		am_text_append(s->out, s->at, n);
	s->at += n;
}

static am_status take_all(scan *s)
{
	am_status st = AM_OK;
	while (!st && *s->at) {
		if (*s->at != '<')
			take_text(s);
		else if (!strncmp(s->at, "<!--", 4))
			st = skip_to(s, "-->");
		else if (s->at[1] == '?' || s->at[1] == '!')
			st = skip_to(s, ">");
		else if (s->at[1] == '/')
			st = close_tag(s);
		else
			st = open_tag(s);
	}
	return st;
}

am_status am_svg_inline(const char *file, const char *svg, const char *prefix, const char *label, am_text *out,
                        am_error *err)
{
	am_text t = {0};
	scan s = {.file = file, .at = strstr(svg, "<svg"), .prefix = prefix, .label = label, .out = &t, .err = err, .root = true};
	am_status st = AM_OK;
	if (!s.at)
		st = bad(&s, "no <svg>", (s.at = ""));
	if (!st)
		st = take_all(&s);
	if (!st && !am_text_ok(&t))
		st = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", file);
	if (!st)
		am_text_append(out, am_text_str(&t), t.size);
	am_text_free(&t);
	return st;
}
